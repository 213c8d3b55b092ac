//! Interface `rbtoken.about/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.about/1`: the functions for the library itself.
#[repr(C)]
pub struct rbtoken_about_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_version()`
    pub version: extern "C" fn() -> *const c_char,
    /// `rbtoken_abi_version()`
    pub abi_version: extern "C" fn() -> u32,
    /// `rbtoken_abi_is_compatible()`
    pub abi_is_compatible: extern "C" fn(abi_version: u32) -> bool,
    /// `rbtoken_status_name()`
    pub status_name: extern "C" fn(status: rbtoken_status_t) -> *const c_char,
    /// `rbtoken_verdict_name()`
    pub verdict_name: extern "C" fn(verdict: rbtoken_verdict_t) -> *const c_char,
}

pub(super) static TABLE: rbtoken_about_interface_v1_t = rbtoken_about_interface_v1_t {
    struct_size: size_of::<rbtoken_about_interface_v1_t>(),
    version: rbtoken_version,
    abi_version: rbtoken_abi_version,
    abi_is_compatible: rbtoken_abi_is_compatible,
    status_name: rbtoken_status_name,
    verdict_name: rbtoken_verdict_name,
};
