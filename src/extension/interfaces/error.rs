//! Interface `rbtoken.error/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.error/1`: the functions for errors.
#[repr(C)]
pub struct rbtoken_error_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_error_status()`
    pub status: unsafe extern "C" fn(error: *const rbtoken_error_t) -> rbtoken_status_t,
    /// `rbtoken_error_message()`
    pub message: unsafe extern "C" fn(error: *const rbtoken_error_t) -> *const c_char,
    /// `rbtoken_error_argument()`
    pub argument: unsafe extern "C" fn(error: *const rbtoken_error_t) -> *const c_char,
    /// `rbtoken_error_json_path()`
    pub json_path: unsafe extern "C" fn(error: *const rbtoken_error_t) -> *const c_char,
    /// `rbtoken_error_free()`
    pub free: unsafe extern "C" fn(error: *mut rbtoken_error_t),
}

pub(super) static TABLE: rbtoken_error_interface_v1_t = rbtoken_error_interface_v1_t {
    struct_size: size_of::<rbtoken_error_interface_v1_t>(),
    status: rbtoken_error_status,
    message: rbtoken_error_message,
    argument: rbtoken_error_argument,
    json_path: rbtoken_error_json_path,
    free: rbtoken_error_free,
};
