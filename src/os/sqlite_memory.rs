//! Zeroizes memory that SQLite frees, since its pages and statements contain token values.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use once_cell::sync::OnceCell;
use rusqlite::ffi;

/// The original allocation functions of SQLite.
struct Methods {
    allocate: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

static METHODS: OnceCell<Methods> = OnceCell::new();

/// Makes SQLite zeroize memory that it frees. Must be called once, before SQLite is initialized.
/// Returns `None` without effect if a Rust host that links the same SQLite has initialized it.
pub(super) fn wipe_freed() -> Option<()> {
    let mut methods = MaybeUninit::<ffi::sqlite3_mem_methods>::zeroed();
    // SAFETY: this option fills in the struct that its argument points to, and zeroed memory is a
    // valid value of it. SQLite returns an error if it is initialized.
    let (result, mut methods) = unsafe {
        let result = ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr());
        (result, methods.assume_init())
    };
    if result != ffi::SQLITE_OK {
        return None;
    }
    let own = Methods { allocate: methods.xMalloc?, free: methods.xFree?, size: methods.xSize? };
    METHODS.set(own).ok()?;
    methods.xFree = Some(wipe_and_free);
    methods.xRealloc = Some(reallocate);
    // SAFETY: this option copies the struct that its argument points to.
    let result = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) };
    (result == ffi::SQLITE_OK).then_some(())
}

/// Zeroizes and frees memory.
///
/// # Safety
/// `memory` is NULL or came from these functions, and nobody uses it any more.
unsafe extern "C" fn wipe_and_free(memory: *mut c_void) {
    let Some(methods) = METHODS.get().filter(|_| !memory.is_null()) else { return };
    // SAFETY: as promised by the caller; SQLite tracks the size. The compiler cannot remove the
    // writes, since it does not know that the memory is freed next.
    unsafe {
        let len = usize::try_from((methods.size)(memory)).unwrap_or(0);
        memory.cast::<u8>().write_bytes(0, len);
        (methods.free)(memory);
    }
}

/// Reallocates memory by copying and zeroizing it. A `realloc` could move it and leave a copy
/// behind.
///
/// # Safety
/// As [`wipe_and_free`].
unsafe extern "C" fn reallocate(memory: *mut c_void, len: c_int) -> *mut c_void {
    let Some(methods) = METHODS.get() else { return std::ptr::null_mut() };
    // SAFETY: as promised by the caller; both blocks have at least the length that is copied.
    unsafe {
        let new = (methods.allocate)(len);
        if new.is_null() || memory.is_null() {
            return new;
        }
        let kept = usize::try_from((methods.size)(memory).min(len)).unwrap_or(0);
        new.cast::<u8>().copy_from_nonoverlapping(memory.cast(), kept);
        wipe_and_free(memory);
        new
    }
}
