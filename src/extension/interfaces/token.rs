//! Interface `rbtoken.token/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.token/1`: the functions for tokens.
#[repr(C)]
pub struct rbtoken_token_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_token_retain()`
    pub retain: unsafe extern "C" fn(token: *const rbtoken_token_t) -> *mut rbtoken_token_t,
    /// `rbtoken_token_release()`
    pub release: unsafe extern "C" fn(token: *mut rbtoken_token_t),
    /// `rbtoken_token_id()`
    pub id: unsafe extern "C" fn(token: *const rbtoken_token_t) -> i64,
    /// `rbtoken_token_value()`
    pub value:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_redacted()`
    pub redacted:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_user()`
    pub user: unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_local_site()`
    pub local_site:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_client_name()`
    pub client_name:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_note()`
    pub note: unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_generator_id()`
    pub generator_id:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_policy()`
    pub policy:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_extra_data()`
    pub extra_data:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_invalid_reason()`
    pub invalid_reason:
        unsafe extern "C" fn(token: *const rbtoken_token_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_token_expires()`
    pub expires: unsafe extern "C" fn(token: *const rbtoken_token_t, time_us: *mut i64) -> bool,
    /// `rbtoken_token_time_added()`
    pub time_added: unsafe extern "C" fn(token: *const rbtoken_token_t, time_us: *mut i64) -> bool,
    /// `rbtoken_token_last_updated()`
    pub last_updated:
        unsafe extern "C" fn(token: *const rbtoken_token_t, time_us: *mut i64) -> bool,
    /// `rbtoken_token_last_used()`
    pub last_used: unsafe extern "C" fn(token: *const rbtoken_token_t, time_us: *mut i64) -> bool,
    /// `rbtoken_token_invalid_date()`
    pub invalid_date:
        unsafe extern "C" fn(token: *const rbtoken_token_t, time_us: *mut i64) -> bool,
    /// `rbtoken_token_is_invalidated()`
    pub is_invalidated: unsafe extern "C" fn(token: *const rbtoken_token_t) -> bool,
    /// `rbtoken_token_is_expired()`
    pub is_expired: unsafe extern "C" fn(token: *const rbtoken_token_t, at_us: i64) -> bool,
    /// `rbtoken_token_is_deprecated()`
    pub is_deprecated: unsafe extern "C" fn(token: *const rbtoken_token_t) -> bool,
    /// `rbtoken_token_to_json()`
    pub to_json: unsafe extern "C" fn(
        token: *const rbtoken_token_t,
        at_us: i64,
        flags: u32,
        json: *mut *mut rbtoken_buffer_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_token_allows()`
    pub allows: unsafe extern "C" fn(
        token: *const rbtoken_token_t,
        policy_id: *const c_char,
        policy_id_len: usize,
        method: *const c_char,
        method_len: usize,
        resource_id: *const c_char,
        resource_id_len: usize,
        allowed: *mut bool,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
}

pub(super) static TABLE: rbtoken_token_interface_v1_t = rbtoken_token_interface_v1_t {
    struct_size: size_of::<rbtoken_token_interface_v1_t>(),
    retain: rbtoken_token_retain,
    release: rbtoken_token_release,
    id: rbtoken_token_id,
    value: rbtoken_token_value,
    redacted: rbtoken_token_redacted,
    user: rbtoken_token_user,
    local_site: rbtoken_token_local_site,
    client_name: rbtoken_token_client_name,
    note: rbtoken_token_note,
    generator_id: rbtoken_token_generator_id,
    policy: rbtoken_token_policy,
    extra_data: rbtoken_token_extra_data,
    invalid_reason: rbtoken_token_invalid_reason,
    expires: rbtoken_token_expires,
    time_added: rbtoken_token_time_added,
    last_updated: rbtoken_token_last_updated,
    last_used: rbtoken_token_last_used,
    invalid_date: rbtoken_token_invalid_date,
    is_invalidated: rbtoken_token_is_invalidated,
    is_expired: rbtoken_token_is_expired,
    is_deprecated: rbtoken_token_is_deprecated,
    to_json: rbtoken_token_to_json,
    allows: rbtoken_token_allows,
};
