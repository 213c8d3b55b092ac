//! Interface `rbtoken.generator/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.generator/1`: the functions for token generators.
#[repr(C)]
pub struct rbtoken_generator_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_store_add_generator()`
    pub add_generator: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        generator_id: *const c_char,
        generator_id_len: usize,
        generator: *const rbtoken_generator_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_set_default_generator()`
    pub set_default_generator: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        generator_id: *const c_char,
        generator_id_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_set_deprecated_generators()`
    pub set_deprecated_generators: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        generator_ids: *const *const c_char,
        count: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
}

pub(super) static TABLE: rbtoken_generator_interface_v1_t = rbtoken_generator_interface_v1_t {
    struct_size: size_of::<rbtoken_generator_interface_v1_t>(),
    add_generator: rbtoken_store_add_generator,
    set_default_generator: rbtoken_store_set_default_generator,
    set_deprecated_generators: rbtoken_store_set_deprecated_generators,
};
