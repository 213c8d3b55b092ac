//! Backup, export and import of a store.

use std::ffi::{c_char, c_void};

use super::callbacks::missing;
use super::callbacks::rbtoken_destroy_fn;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{Out, SizedStruct, UserData, check_status, read_published, str_arg};
use crate::error::Result;

/// Reports that `done` of `total` tokens were exported or imported. It is called at intervals, and
/// after the last token. Returns `RBTOKEN_OK` to continue. Any other status cancels the call, which
/// then returns that status and has changed nothing. Must not throw.
pub type rbtoken_progress_fn = Option<
    unsafe extern "C-unwind" fn(user_data: *mut c_void, done: u64, total: u64) -> rbtoken_status_t,
>;

/// Progress callback of an export or import. Initialize it with `RBTOKEN_INIT()`. The callbacks run
/// on the thread of the call, with no lock held; they may be slow, and can use the store.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_progress_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Reports the progress. Must be set.
    pub progress: rbtoken_progress_fn,
    /// Frees `user_data`, before the call returns. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_progress_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

type ProgressFn = unsafe extern "C-unwind" fn(*mut c_void, u64, u64) -> rbtoken_status_t;

/// Progress callback of the host. Dropping it destroys its data.
#[derive(Default)]
struct HostProgress(Option<(ProgressFn, UserData)>);

impl HostProgress {
    /// # Safety
    /// `progress` is NULL or points to as many readable bytes as its first field says.
    unsafe fn read(progress: *const rbtoken_progress_t) -> Result<Self> {
        if progress.is_null() {
            return Ok(Self::default());
        }
        // SAFETY: as promised by the caller.
        let (progress, known) = unsafe { read_published(progress, "progress") }?;
        // From here on the data is destroyed even on failure.
        let user_data = UserData::new(progress.user_data, progress.destroy);
        known?;
        let function = progress.progress.ok_or_else(|| missing("progress", "progress"))?;
        Ok(Self(Some((function, user_data))))
    }

    fn report(&self, done: u64, total: u64) -> Result<()> {
        let Some((function, user_data)) = &self.0 else { return Ok(()) };
        // SAFETY: the host's function, with its own data.
        let status = unsafe { function(user_data.get(), done, total) };
        check_status(status, "progress callback")
    }
}

/// Copies a store into a new file, which can be opened as a store. The copy has the state at one
/// moment: the tokens with their ids, the Local Sites, and the disabled users. It does not have the
/// settings. The store, in memory or in a file, stays usable during the call.
///
/// The file contains the values of all tokens, so keep it secret. Only its owner can read it. It is
/// on the disk when the call returns. An existing file is not overwritten, and a failed call leaves
/// no file.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to create, in a directory that is suitable for a store
/// @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the copy was written
/// @retval RBTOKEN_E_EXISTS the file already exists
/// @retval RBTOKEN_E_INVALID_ARGUMENT `path` is empty, or its directory is not suitable
/// @retval RBTOKEN_E_UNSUPPORTED the library was built without the cargo feature `sqlite`, or the
///         store is on Review Board's database
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_backup(
    store: *mut rbtoken_store_t,
    path: *const c_char,
    path_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, path) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(path, path_len, "path")?) };
        store.backup(path)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Exports a store to a new file in JSON Lines format. Another store, in memory or in a file, can
/// read it with `rbtoken_store_import_file()`. The first line has the format, its version, and the
/// number of lines of each kind. Each of the other lines is a JSON object for a Local Site, a
/// disabled user, or a token with all its fields. The export has the state of the store at one
/// moment, except on Review Board's database.
///
/// Each line is valid JSON, including `policy` and `extra_data`. If the stored text of a document
/// differs from this JSON, the line also has that text, as the string `stored_policy` or
/// `stored_extra_data`. An import uses the text, so that the document does not change, and a
/// malformed policy still denies everything. `policy` is null if the text is neither JSON nor a
/// Python literal.
///
/// Review Board's database is read in pages of 500 tokens, without a transaction around them. Each
/// page has the state at the moment when it is read. All pages together take at most
/// `bulk_timeout_secs`. Rows with a cell that cannot be read, or with a name that this library does
/// not accept, are left out; such a token cannot be used for a login.
///
/// The file contains the values of all tokens, so keep it secret. Only its owner can read it. It is
/// on the disk when the call returns. An existing file is not overwritten, and a failed call leaves
/// no file.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to create
/// @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param progress a callback for progress; may be NULL
/// @param count receives the number of exported tokens; 0 on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the file was written
/// @retval RBTOKEN_E_EXISTS the file already exists
/// @retval RBTOKEN_E_INVALID_ARGUMENT `path` is empty
/// @retval other the status of `progress`, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_export_file(
    store: *mut rbtoken_store_t,
    path: *const c_char,
    path_len: usize,
    progress: *const rbtoken_progress_t,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        // SAFETY: the host's struct, as the header describes it.
        let progress = unsafe { HostProgress::read(progress) }?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, path) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(path, path_len, "path")?) };
        count.set(store.export_file(path, &mut |done, total| progress.report(done, total))?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Imports a file that `rbtoken_store_export_file()` has written: all of it, or nothing. The tokens
/// get new ids, in the order of their lines, and no event is fired for them. Existing Local Sites
/// are kept, and settings do not change. The strings `stored_policy` and `stored_extra_data` need
/// not be valid JSON, and are stored unchanged. A malformed policy denies everything, as described
/// in "Review Board's database". A line can have at most 1 GiB.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to read
/// @param path_len length of `path` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param progress a callback for progress; may be NULL
/// @param count receives the number of imported tokens; 0 on failure; may be NULL
/// @param error receives the error on failure; may be NULL. The message has the number of the line,
///         and the JSON path is relative to that line.
/// @retval RBTOKEN_OK everything was imported
/// @retval RBTOKEN_E_EXISTS a token's value is already in the store, or is in the file twice
/// @retval RBTOKEN_E_INVALID_ARGUMENT the file is not an export, or a name in it is not allowed
/// @retval RBTOKEN_E_VERSION a later version of the library wrote the file
/// @retval RBTOKEN_E_CORRUPT the file ends early
/// @retval RBTOKEN_E_NOT_FOUND a token's Local Site is neither in the file nor in the store
/// @retval RBTOKEN_E_POLICY a policy breaks a rule; the error's JSON path shows where
/// @retval RBTOKEN_E_LOCKED `path` is the file of a store that this process has open
/// @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
/// @retval other the status of `progress`, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_import_file(
    store: *mut rbtoken_store_t,
    path: *const c_char,
    path_len: usize,
    progress: *const rbtoken_progress_t,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        // SAFETY: the host's struct, as the header describes it.
        let progress = unsafe { HostProgress::read(progress) }?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, path) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(path, path_len, "path")?) };
        count.set(store.import_file(path, &mut |done, total| progress.report(done, total))?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}
