//! Interface `rbtoken.hooks/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use crate::ffi::*;

/// Interface `rbtoken.hooks/1`: the functions for events.
#[repr(C)]
pub struct rbtoken_hooks_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_store_add_hooks()`
    pub add_hooks: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        hooks: *const rbtoken_hooks_t,
        hooks_id: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_remove_hooks()`
    pub remove_hooks: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        hooks_id: u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
}

pub(super) static TABLE: rbtoken_hooks_interface_v1_t = rbtoken_hooks_interface_v1_t {
    struct_size: size_of::<rbtoken_hooks_interface_v1_t>(),
    add_hooks: rbtoken_store_add_hooks,
    remove_hooks: rbtoken_store_remove_hooks,
};
