//! Interface `rbtoken.token_list/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use crate::ffi::*;

/// Interface `rbtoken.token_list/1`: the functions for token lists.
#[repr(C)]
pub struct rbtoken_token_list_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_token_list_count()`
    pub count: unsafe extern "C" fn(list: *const rbtoken_token_list_t) -> usize,
    /// `rbtoken_token_list_get()`
    pub get: unsafe extern "C" fn(
        list: *const rbtoken_token_list_t,
        index: usize,
    ) -> *const rbtoken_token_t,
    /// `rbtoken_token_list_free()`
    pub free: unsafe extern "C" fn(list: *mut rbtoken_token_list_t),
}

pub(super) static TABLE: rbtoken_token_list_interface_v1_t = rbtoken_token_list_interface_v1_t {
    struct_size: size_of::<rbtoken_token_list_interface_v1_t>(),
    count: rbtoken_token_list_count,
    get: rbtoken_token_list_get,
    free: rbtoken_token_list_free,
};
