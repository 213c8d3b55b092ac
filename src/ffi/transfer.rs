use std::ffi::{c_char, c_void};

use super::callbacks::rbtoken_destroy_fn;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{Out, SizedStruct, UserData, check_answer, read_published, text};
use crate::error::{Error, ErrorKind, Result};

/// Told how many of how many tokens are done: every so often, and once when all are. Returns
/// `RBTOKEN_OK` to go on; any other status ends the call with it, and nothing has happened then.
/// Must not throw.
pub type rbtoken_progress_fn = Option<
    unsafe extern "C-unwind" fn(user_data: *mut c_void, done: u64, total: u64) -> rbtoken_status_t,
>;

/// Whom to tell how far an export or an import is. Set up with `RBTOKEN_INIT()`. Its functions are
/// called on the thread of the call, which may take long, with no lock held; they may use the
/// store.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_progress_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the functions.
    pub user_data: *mut c_void,
    /// Told of the progress; must be set.
    pub progress: rbtoken_progress_fn,
    /// Called once before the call returns; may be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_progress_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

type ProgressFn = unsafe extern "C-unwind" fn(*mut c_void, u64, u64) -> rbtoken_status_t;

/// The host's function, with data that is destroyed with this.
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
        // From here on the data is destroyed, whatever is wrong.
        let user_data = UserData::new(progress.user_data, progress.destroy);
        known?;
        let function = progress.progress.ok_or_else(|| {
            Error::new(ErrorKind::NullArgument, "the function progress must be set")
                .at_argument("progress")
        })?;
        Ok(Self(Some((function, user_data))))
    }

    fn tell(&self, done: u64, total: u64) -> Result<()> {
        let Some((function, user_data)) = &self.0 else { return Ok(()) };
        // SAFETY: the host's function, with its own data.
        let status = unsafe { function(user_data.get(), done, total) };
        check_answer(status, "the progress callback")
    }
}

/// Writes all that a store has, as of one moment, into a new file that opens as a store: its
/// tokens with their ids, Local Sites, and users that may not log in. Settings are not part of it.
/// The store, in memory or in a file, is in use meanwhile.
///
/// The file has the values of all tokens: it is a secret. It is made readable by its owner alone,
/// and is on the disk when this returns; no file is overwritten, and none is left behind by a
/// failure.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to make, in a directory that is fit for a store's file
/// @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the copy is there
/// @retval RBTOKEN_E_EXISTS there is a file already
/// @retval RBTOKEN_E_UNSUPPORTED the library was built without the feature `sqlite`, or the store
///         is of a kind that cannot be copied
/// @retval RBTOKEN_E_IO, RBTOKEN_E_DATABASE the file cannot be written
/// @retval RBTOKEN_E_NO_MEMORY memory is exhausted
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
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
            unsafe { (rbtoken_store_t::hold_open(store)?, text(path, path_len, "path")?) };
        store.backup(path)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Writes all that a store has, as of one moment, into a new file of lines, to be read by
/// `rbtoken_store_import_file()` of another store, in memory or in a file. The first line tells the
/// format, its version and how many lines of each kind follow; then each line is a JSON object for
/// a Local Site, a user who may not log in, or a token with all its fields.
///
/// Each line is valid JSON, and so are `policy` and `extra_data` in it. A document that others
/// wrote and this library would write otherwise has its text in a string before it, `stored_policy`
/// or `stored_extra_data`; this is what an import takes, so that it gives back the same text and
/// denies what it denied. `policy` is null then if the text is neither JSON nor a Python literal.
///
/// Review Board's database is read in pages of 500, each as of its own moment, with no transaction
/// around them; together they take no longer than the setting `bulk_timeout_secs`. A row with a
/// cell that cannot be read, or with a name that this library does not accept, is left out: such a
/// token logs nobody in.
///
/// The file has the values of all tokens: it is a secret. It is made readable by its owner alone,
/// and is on the disk when this returns; no file is overwritten, and none is left behind by a
/// failure.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to make
/// @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
/// @param progress told how far it is; may be NULL
/// @param count receives how many tokens were written; may be NULL; 0 on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the file is there
/// @retval RBTOKEN_E_EXISTS there is a file already
/// @retval RBTOKEN_E_IO the file cannot be written, or the database not be reached
/// @retval RBTOKEN_E_TIMEOUT, RBTOKEN_E_DATABASE the database did not answer in time, or refused
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @retval other the status of `progress`, passed on unchanged
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
            unsafe { (rbtoken_store_t::hold_open(store)?, text(path, path_len, "path")?) };
        count.set(store.export_file(path, &mut |done, total| progress.tell(done, total))?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Adds all that `rbtoken_store_export_file()` has written into a file: the whole of it, or
/// nothing. The tokens get new ids, in the order of their lines, and no event is fired for them;
/// Local Sites that the store has stay, and settings are not touched. A document that others wrote
/// need keep no rule, and is given back as it stands: a policy that is malformed denies everything,
/// as described in "Review Board's database". A line has at most 1 GiB.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param path the file to read
/// @param path_len bytes of `path`, or `RBTOKEN_NUL_TERMINATED`
/// @param progress told how far it is; may be NULL
/// @param count receives how many tokens were added; may be NULL; 0 on failure
/// @param error receives the details of a failure; may be NULL. The message tells the line, and the
///        path the place in it.
/// @retval RBTOKEN_OK all is there
/// @retval RBTOKEN_E_EXISTS a token has a value that the store, or another line, has already
/// @retval RBTOKEN_E_INVALID_ARGUMENT the file is no export, or an argument is bad
/// @retval RBTOKEN_E_VERSION the export is of a later version of the library
/// @retval RBTOKEN_E_CORRUPT the file ends early
/// @retval RBTOKEN_E_NOT_FOUND a token belongs to a Local Site that neither the file nor the store
///         has
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG a line is bad, or an argument is
/// @retval RBTOKEN_E_LOCKED the file belongs to a store that is open
/// @retval RBTOKEN_E_IO the file cannot be read, or the store's own not be written
/// @retval RBTOKEN_E_DATABASE the store's own file cannot be written
/// @retval RBTOKEN_E_NO_MEMORY memory is exhausted
/// @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database, which takes no imports
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_NULL_ARGUMENT an argument is NULL
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
/// @retval other the status of `progress`, passed on unchanged
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
            unsafe { (rbtoken_store_t::hold_open(store)?, text(path, path_len, "path")?) };
        count.set(store.import_file(path, &mut |done, total| progress.tell(done, total))?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
