//! Interface `rbtoken.policy/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.policy/1`: the functions for policies.
#[repr(C)]
pub struct rbtoken_policy_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_policy_parse()`
    pub parse: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        document: *const c_char,
        document_len: usize,
        policy: *mut *mut rbtoken_policy_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_policy_allows()`
    pub allows: unsafe extern "C" fn(
        policy: *const rbtoken_policy_t,
        policy_id: *const c_char,
        policy_id_len: usize,
        method: *const c_char,
        method_len: usize,
        resource_id: *const c_char,
        resource_id_len: usize,
        allowed: *mut bool,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_policy_free()`
    pub free: unsafe extern "C" fn(policy: *mut rbtoken_policy_t),
}

pub(super) static TABLE: rbtoken_policy_interface_v1_t = rbtoken_policy_interface_v1_t {
    struct_size: size_of::<rbtoken_policy_interface_v1_t>(),
    parse: rbtoken_policy_parse,
    allows: rbtoken_policy_allows,
    free: rbtoken_policy_free,
};
