//! Interface `rbtoken.service_account/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use crate::ffi::*;

/// Interface `rbtoken.service_account/1`: the functions for service accounts.
#[repr(C)]
pub struct rbtoken_service_account_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_service_account_new()`
    pub create: unsafe extern "C" fn(
        options: *const rbtoken_service_account_options_t,
        account: *mut *mut rbtoken_service_account_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_service_account_get_api_token()`
    pub get_api_token: unsafe extern "C" fn(
        account: *const rbtoken_service_account_t,
        store: *mut rbtoken_store_t,
        options: *const rbtoken_service_token_options_t,
        token: *mut *mut rbtoken_token_t,
        created: *mut bool,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_service_account_free()`
    pub free: unsafe extern "C" fn(account: *mut rbtoken_service_account_t),
}

pub(super) static TABLE: rbtoken_service_account_interface_v1_t =
    rbtoken_service_account_interface_v1_t {
        struct_size: size_of::<rbtoken_service_account_interface_v1_t>(),
        create: rbtoken_service_account_new,
        get_api_token: rbtoken_service_account_get_api_token,
        free: rbtoken_service_account_free,
    };
