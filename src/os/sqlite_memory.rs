//! SQLite's memory, which is wiped before SQLite frees it: pages and statements have the values of
//! tokens.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use once_cell::sync::OnceCell;
use rusqlite::ffi;

/// SQLite's own functions.
struct Methods {
    allocate: unsafe extern "C" fn(c_int) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void),
    size: unsafe extern "C" fn(*mut c_void) -> c_int,
}

static METHODS: OnceCell<Methods> = OnceCell::new();

/// Has SQLite wipe what it frees. Call it once, before SQLite is initialized. Does nothing (`None`)
/// where a Rust host that is built with the same SQLite has used it before.
pub(super) fn wipe_freed() -> Option<()> {
    let mut methods = MaybeUninit::<ffi::sqlite3_mem_methods>::zeroed();
    // SAFETY: this option takes a pointer to such a struct, which it fills in; all zeros are one of
    // its values. Where SQLite is in use already, it refuses.
    let (answer, mut methods) = unsafe {
        let answer = ffi::sqlite3_config(ffi::SQLITE_CONFIG_GETMALLOC, methods.as_mut_ptr());
        (answer, methods.assume_init())
    };
    if answer != ffi::SQLITE_OK {
        return None;
    }
    let own = Methods { allocate: methods.xMalloc?, free: methods.xFree?, size: methods.xSize? };
    METHODS.set(own).ok()?;
    methods.xFree = Some(wipe_and_free);
    methods.xRealloc = Some(reallocate);
    // SAFETY: this option takes a pointer to such a struct, which it copies.
    let answer = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) };
    (answer == ffi::SQLITE_OK).then_some(())
}

/// # Safety
/// `memory` is NULL or came from these functions, and nobody uses it any more.
unsafe extern "C" fn wipe_and_free(memory: *mut c_void) {
    let Some(methods) = METHODS.get().filter(|_| !memory.is_null()) else { return };
    // SAFETY: as promised by the caller; the memory is as long as SQLite says. The compiler cannot
    // know that it is freed next, so it leaves the writes in.
    unsafe {
        let len = usize::try_from((methods.size)(memory)).unwrap_or(0);
        memory.cast::<u8>().write_bytes(0, len);
        (methods.free)(memory);
    }
}

/// Moves what is in the memory, always: the system could leave a copy behind.
///
/// # Safety
/// As [`wipe_and_free`], but for what is returned.
unsafe extern "C" fn reallocate(memory: *mut c_void, len: c_int) -> *mut c_void {
    let Some(methods) = METHODS.get() else { return std::ptr::null_mut() };
    // SAFETY: as promised by the caller; both pieces are as long as what is copied.
    unsafe {
        let larger = (methods.allocate)(len);
        if larger.is_null() || memory.is_null() {
            return larger;
        }
        let kept = usize::try_from((methods.size)(memory).min(len)).unwrap_or(0);
        larger.cast::<u8>().copy_from_nonoverlapping(memory.cast(), kept);
        wipe_and_free(memory);
        larger
    }
}
