//! The interface `rbtoken.buffer/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// The interface `rbtoken.buffer/1`: the functions of the linked API for buffers.
#[repr(C)]
pub struct rbtoken_buffer_interface_v1_t {
    /// The bytes of this table. A member is there if it lies within them.
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
