//! Version and ABI of the library, and names of statuses.

use std::ffi::c_char;

use super::codes::status_name;
use super::error::rbtoken_status_t;
use super::support::catch_panic_or;

// The ABI version is the crate's, so that it has to be changed in one place only.
const ABI_MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
const ABI_MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));

const fn number(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

/// Returns the version of the running library as text, such as `"0.1.0"`. Compare it with
/// `RBTOKEN_VERSION`, the version of the header that the program was compiled with.
///
/// `[thread-safe]`
///
/// @return the version; a constant that is never freed
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_version() -> *const c_char {
    let version = concat!(env!("CARGO_PKG_VERSION"), "\0");
    catch_panic_or(std::ptr::null(), || version.as_ptr().cast())
}

/// Returns the ABI version of the running library.
///
/// `[thread-safe]`
///
/// @return the major version times 65536, plus the minor version, as in `RBTOKEN_ABI_VERSION`
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_abi_version() -> u32 {
    catch_panic_or(0, || (ABI_MAJOR << 16) | ABI_MINOR)
}

/// Returns whether a program can use the running library. The major versions of the library and of
/// the header that the program was compiled with must be equal, and the library's minor version
/// must not be lower.
///
/// ```c
/// if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION)) abort();
/// ```
///
/// `[thread-safe]`
///
/// @param abi_version `RBTOKEN_ABI_VERSION` of the header
/// @return true if the library supports that header
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_abi_is_compatible(abi_version: u32) -> bool {
    catch_panic_or(false, || abi_version >> 16 == ABI_MAJOR && abi_version & 0xffff <= ABI_MINOR)
}

/// Returns the name of a status, such as `"RBTOKEN_E_NOT_FOUND"`.
///
/// `[thread-safe]`
///
/// @param status a status that a function returned
/// @return the name; a constant that is never freed; `"unknown status"` for other numbers
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_status_name(status: rbtoken_status_t) -> *const c_char {
    catch_panic_or(std::ptr::null(), || status_name(status).as_ptr().cast())
}

/// Sets where the next calls panic, in a test build only, and returns the number of panics since
/// the last call. Not for the header:
/// cbindgen:ignore
#[cfg(rbtoken_panic_injection)]
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_panic_injection_arm(place: i32) -> i32 {
    use std::sync::atomic::Ordering;
    crate::panic_injection::TARGET.store(place, Ordering::SeqCst);
    crate::panic_injection::PANICS.swap(0, Ordering::SeqCst)
}

/// Returns, in a test build only, how many times each exported function and each member of the
/// extension table was called, as a JSON object by their names; a function that was not called is
/// not in it. NULL if there is no memory. Not for the header:
/// cbindgen:ignore
#[cfg(count_calls)]
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_call_counts() -> *mut super::rbtoken_buffer_t {
    catch_panic_or(std::ptr::null_mut(), || {
        super::rbtoken_buffer_t::of(&super::support::call_counts::to_json())
            .unwrap_or(std::ptr::null_mut())
    })
}
