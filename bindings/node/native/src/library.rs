//! Loads librbtoken, once for the process.

use std::error::Error;
use std::ffi::{CStr, c_char};
use std::sync::OnceLock;

use crate::abi::{ABI_VERSION, Api, EXTENSION_MINOR, ExtensionV1, Handle, OK};
use crate::call::Failure;
use crate::js::Misuse;

struct Loaded {
    api: Api,
    /// For functions that are not in the header.
    shared_object: libloading::Library,
}

static LOADED: OnceLock<Loaded> = OnceLock::new();

/// Loads the library at a path. It is never unloaded, and later paths are ignored.
pub fn load(path: &str) -> Result<(), Misuse> {
    if LOADED.get().is_some() {
        return Ok(());
    }
    let refuse = |error: libloading::Error| {
        // The source has the message of the system; the error itself only says which call failed.
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let reason = reason.strip_prefix(&format!("{path}: ")).unwrap_or(&reason);
        Misuse::new(format!("{path} cannot be loaded: {reason}"))
    };
    // SAFETY: librbtoken has no initializers with side effects.
    let library = unsafe { libloading::Library::new(path) }.map_err(refuse)?;
    // SAFETY: the signatures are those of the header; every version has both functions.
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
    // Another thread may have loaded it at the same time. The library is then open twice.
    let _ = LOADED.set(Loaded { api, shared_object: library });
    Ok(())
}

pub fn is_loaded() -> bool {
    LOADED.get().is_some()
}

/// Returns the functions of the library. `load` comes before every operation.
#[expect(clippy::expect_used, reason = "`js` refuses operations before the library is loaded")]
pub fn api() -> &'static Api {
    &LOADED.get().expect("the library is loaded").api
}

/// Returns the extension table.
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

/// Returns the buffer with the call counts if the library was built to count calls.
pub fn call_counts() -> Option<Handle> {
    let loaded = LOADED.get()?;
    // SAFETY: the signature is that of the library's counting build.
    unsafe {
        let counts: libloading::Symbol<unsafe extern "C" fn() -> Handle> =
            loaded.shared_object.get(c"rbtoken_call_counts").ok()?;
        Some(counts())
    }
}
