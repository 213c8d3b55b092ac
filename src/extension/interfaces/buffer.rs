//! Interface `rbtoken.buffer/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.buffer/1`: the functions for buffers.
#[repr(C)]
pub struct rbtoken_buffer_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_buffer_data()`
    pub data:
        unsafe extern "C" fn(buffer: *const rbtoken_buffer_t, len: *mut usize) -> *const c_char,
    /// `rbtoken_buffer_free()`
    pub free: unsafe extern "C" fn(buffer: *mut rbtoken_buffer_t),
}

pub(super) static TABLE: rbtoken_buffer_interface_v1_t = rbtoken_buffer_interface_v1_t {
    struct_size: size_of::<rbtoken_buffer_interface_v1_t>(),
    data: rbtoken_buffer_data,
    free: rbtoken_buffer_free,
};
