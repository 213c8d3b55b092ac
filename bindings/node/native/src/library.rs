//! Loads librbtoken, once for the process.

use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

use crate::abi::{ABI_VERSION, Api, EXTENSION_MINOR, ExtensionV1, Handle, OK};
use crate::call::Failure;
use crate::js::Misuse;

struct Loaded {
    api: Api,
    /// For functions that the header does not have.
    library: libloading::Library,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

/// Loads the library at a path. It stays loaded; a later path is not looked at.
pub fn load(path: &str) -> Result<(), Misuse> {
    if LOADED.get().is_some() {
        return Ok(());
    }
    let refuse =
        |error: libloading::Error| Misuse::new(format!("{path} cannot be loaded: {error}"));
    // SAFETY: librbtoken runs nothing when it is loaded.
    let library = unsafe { libloading::Library::new(path) }.map_err(refuse)?;
    // SAFETY: the header's signatures. Both are in every version of the library.
    let (is_compatible, version) = unsafe {
        let is_compatible: unsafe extern "C" fn(u32) -> bool =
            *library.get(c"rbtoken_abi_is_compatible").map_err(refuse)?;
        let version: unsafe extern "C" fn() -> *const c_char =
            *library.get(c"rbtoken_version").map_err(refuse)?;
        (is_compatible(ABI_VERSION), CStr::from_ptr(version()))
    };
    if !is_compatible {
        let version = version.to_string_lossy();
        let message = format!("{path} is version {version}, which this package does not work with");
        return Err(Misuse::new(message));
    }
    let api = Api::load(&library).map_err(refuse)?;
    // Another thread may have loaded it at the same time: the library is then open twice.
    let _ = LOADED.set(Loaded { api, library });
    Ok(())
}

/// The functions of the library. Handles and operations exist after `load` alone.
#[expect(clippy::expect_used, reason = "JavaScript loads the library first")]
pub fn api() -> &'static Api {
    &LOADED.get().expect("the library is loaded").api
}

/// The extension table.
pub fn extension() -> Result<&'static ExtensionV1, Failure> {
    let mut table = std::ptr::null();
    // SAFETY: the output is a place for a pointer.
    let status = unsafe { (api().extension_entry_v1)(EXTENSION_MINOR, &raw mut table) };
    if status != OK {
        return Err(Failure::of_status(status, "the library has no such extension table"));
    }
    // SAFETY: a constant of the library, which is never unloaded.
    Ok(unsafe { &*table })
}

/// The buffer with the counts of calls, in a library that counts them.
pub fn call_counts() -> Option<Handle> {
    let library = &LOADED.get()?.library;
    // SAFETY: the signature of the library's test build.
    unsafe {
        let counts: libloading::Symbol<unsafe extern "C" fn() -> Handle> =
            library.get(c"rbtoken_call_counts").ok()?;
        Some(counts())
    }
}
