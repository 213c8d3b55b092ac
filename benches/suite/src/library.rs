//! The measured shared library, loaded at run time.

use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

use crate::abi::Api;

/// Initializes a struct like `RBTOKEN_INIT()`.
pub fn init<T>() -> T {
    // SAFETY: only used for structs of `abi`, for which zeros are valid. Each starts with its size.
    unsafe {
        let mut options: T = std::mem::zeroed();
        (&raw mut options).cast::<usize>().write(size_of::<T>());
        options
    }
}

static API: OnceLock<Api> = OnceLock::new();

/// Loads the shared library.
pub fn load(path: &std::path::Path) -> Result<()> {
    // SAFETY: the library has no initializers with requirements.
    let library = unsafe { libloading::Library::new(path) }
        .with_context(|| format!("{} cannot be loaded", path.display()))?;
    API.set(Api::load(&library)?).map_err(|_| anyhow!("it is loaded already"))?;
    // It cannot be unloaded.
    std::mem::forget(library);
    Ok(())
}

/// Returns the library's functions.
pub fn api() -> &'static Api {
    API.get().expect("the library is loaded first of all")
}

/// Returns the library's version.
pub fn version() -> String {
    // SAFETY: a C string that is valid as long as the library.
    unsafe { std::ffi::CStr::from_ptr((api().version)()) }.to_string_lossy().into_owned()
}

/// Fails unless a status is `RBTOKEN_OK`.
pub fn check(status: i32) -> Result<()> {
    // SAFETY: a non-NULL C string that is valid as long as the library.
    let name = || unsafe { std::ffi::CStr::from_ptr((api().status_name)(status)) };
    ensure!(status == 0, "the library answered {}", name().to_string_lossy());
    Ok(())
}
