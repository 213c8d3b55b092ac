use std::ffi::c_char;
use std::sync::Arc;

use super::buffer::rbtoken_buffer_t;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store_options::{Opening, rbtoken_store_options_t};
use super::support::{Handle, HandleKind, Held, Out, Shared, guard_value, text};
use crate::error::Result;
use crate::json::{self, Value};
use crate::store::{Store, StoreOptions, shared};

/// A store of tokens. Its handles count their references, and any of them may be used from any
/// number of threads at once. Tokens that came from it outlive it.
pub struct rbtoken_store_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_store_t {
    type Owner = Arc<Store>;

    const KIND: HandleKind = HandleKind::Store;
}

impl rbtoken_store_t {
    /// As `hold`, for what a store does only while it is open.
    ///
    /// # Safety
    /// As `hold`.
    pub(super) unsafe fn hold_open(store: *const Self) -> Result<Arc<Store>> {
        // SAFETY: as promised by the caller.
        let store = unsafe { Self::hold(store, "store") }?;
        store.check_open()?;
        Ok(store)
    }

    /// As `hold_open`, for a login. Threads that log in at once must not wait for each other to
    /// count references, so the host's own one is used where nothing that the login calls could
    /// release it: only hooks do, and the store takes a reference of its own before it calls them.
    ///
    /// # Safety
    /// As `hold`; nothing but the login's own callbacks releases the handle while the answer lives.
    pub(super) unsafe fn hold_for_login(store: *const Self) -> Result<Held<Arc<Store>>> {
        // SAFETY: as promised by the caller.
        let store = unsafe { Self::borrow(store, "store") }?;
        store.check_open()?;
        Ok(if store.has_system_clock() { store } else { store.into_own() })
    }
}

/// Opens a store of its own. The host releases it with `rbtoken_store_release()`.
///
/// `[thread-safe]`
///
/// @param options what to open; NULL: an empty store in memory with all defaults
/// @param store receives the store; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the store is open
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL, or a callback struct lacks its function
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG a text is bad
/// @retval RBTOKEN_E_UNSUPPORTED the library was built without the feature that `location` needs,
///         or `settings` has one that is the server's
/// @retval RBTOKEN_E_LOCKED another process, or another store of this one, has the file open
/// @retval RBTOKEN_E_VERSION a later version of the library wrote the file, or the database is none
///         of Review Board 5.0 or newer
/// @retval RBTOKEN_E_CORRUPT the file is damaged
/// @retval RBTOKEN_E_IO, RBTOKEN_E_NO_MEMORY the file cannot be opened, read or made, or the
///         database cannot be reached
/// @retval RBTOKEN_E_DATABASE SQLite or the database refuses
/// @retval RBTOKEN_E_TIMEOUT the database does not answer
/// @retval RBTOKEN_E_INVALID_ARGUMENT `location` is a directory, or a file of something else, or
///         lies where others could replace it, or is no address; or `settings` is bad, and the
///         error's path tells where
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_NOT_FOUND, RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION
///         `settings` is bad; the error's path tells where
/// @retval RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_open(
    options: *const rbtoken_store_options_t,
    store: *mut *mut rbtoken_store_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let store = unsafe { Out::clear(store) };
    let body = || {
        // SAFETY: the host's options, as the header describes them.
        let opening = unsafe { Opening::read(options) };
        opening.check()?;
        let store = store.required("store")?;
        store.set(rbtoken_store_t::give(Store::open(opening.options()?)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Gives the one store that the parts of a process share, and opens it at the first call that
/// succeeds. Later calls pass NULL or equal options: equal texts, and the same functions and data
/// for callbacks, which are then not destroyed, being registered already. The process keeps the
/// store until it ends; the host releases each handle that it gets here nonetheless.
///
/// `[thread-safe]`
///
/// @param options what to open; NULL: what is open already, or else all defaults
/// @param store receives the store; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the shared store is there
/// @retval RBTOKEN_E_STATE the shared store was opened with other options
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION,
///         RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG,
///         RBTOKEN_E_UNSUPPORTED, RBTOKEN_E_LOCKED, RBTOKEN_E_VERSION, RBTOKEN_E_CORRUPT,
///         RBTOKEN_E_IO, RBTOKEN_E_TIMEOUT, RBTOKEN_E_DATABASE, RBTOKEN_E_NO_MEMORY,
///         RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_NOT_FOUND,
///         RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION as from `rbtoken_store_open()`
/// @retval RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_shared(
    options: *const rbtoken_store_options_t,
    store: *mut *mut rbtoken_store_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let store = unsafe { Out::clear(store) };
    let body = || {
        // SAFETY: the host's options, as the header describes them.
        let opening = unsafe { Opening::read(options) };
        let usable = opening.check().and_then(|()| store.required("store"));
        let identity = (!options.is_null()).then(|| opening.identity()).transpose();
        let mut opening = Some(opening);
        let mut kept = (None, None);
        let opened = usable.and_then(|store| {
            let opened = shared(identity?, || {
                let Some(opening) = opening.take() else {
                    return Store::open(StoreOptions::default());
                };
                let options = opening.options()?;
                kept = (options.clock.clone(), options.entropy.clone());
                Store::open(options)
            })?;
            store.set(rbtoken_store_t::give(opened));
            Ok(())
        });
        // Callbacks of a store that could not be opened are destroyed here, and not while other
        // threads wait for the one that opens it.
        drop(kept);
        // Whatever became of the call, the shared store may be using these callbacks.
        if let Some(opening) = opening {
            opening.forget_registered();
        }
        opened
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Adds a reference to a store, for another part of the host to release.
///
/// `[thread-safe]`
///
/// @param store a store; NULL is allowed
/// @return the same store; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_store_retain(store: *mut rbtoken_store_t) -> *mut rbtoken_store_t {
    guard_value(std::ptr::null_mut(), || {
        // SAFETY: the host keeps its own reference for the duration of the call.
        unsafe { rbtoken_store_t::hold(store, "store") }
            .map_or(std::ptr::null_mut(), rbtoken_store_t::give)
    })
}

/// Releases a reference to a store; the last one closes it: a store in a file writes the times of
/// the last logins, and gives the file up. Tokens and lists that came from it stay readable.
///
/// `[thread-safe]`
///
/// @param store a store, which this part of the host does not use again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_store_release(store: *mut rbtoken_store_t) {
    // SAFETY: the host gives its reference up.
    guard_value((), || drop(unsafe { rbtoken_store_t::take(store) }));
}

/// Waits until all that was done before this is on the disk, so that a crash or a power cut takes
/// nothing of it back. Only the times of the last logins need this: see "Stores in files". The log
/// of a store in a file is emptied as well, so that the values of deleted tokens leave it (see
/// "Secrets"); the next changes take longer while it grows again. A store in memory has nothing to
/// wait for.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK it is on the disk
/// @retval RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_LOCKED, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY it could not be written, and will be tried again
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_flush(
    store: *mut rbtoken_store_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's handle, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_store_t::hold_open(store) }?.flush();
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Changes a setting of the store.
///
/// | name | value | at first |
/// | --- | --- | --- |
/// | `client_token_expiration` | days until a client token expires, 0 to 3652059; 0 is never | `365` |
/// | `min_validity_secs` | seconds that a client token must still be valid, 0 to 315537897600 | `300` |
/// | `token_type` | what values start with: 1 to 216 letters and digits | `"rbp"` |
/// | `default_generator` | the id of a generator that the store has | `"vendor_checksum"` |
/// | `deprecated_generators` | a list of generator ids, known here or not | `["legacy_sha1"]` |
/// | `policy_ids` | a list of policy ids, or `null`: any | `null` |
/// | `local_sites` | only when a store is opened: a list of the Local Sites that exist from the start; those that a file has are added to it | `[]` |
/// | `location` | only when a store is opened: where tokens are kept, or `null`: in memory | `null` |
/// | `pool_size` | only when a store is opened: connections to a database at most, 1 to 1024 | `8` |
/// | `connect_timeout_secs` | only when a store is opened: seconds for opening a connection, 1 to 3600 | `5` |
/// | `statement_timeout_secs` | only when a store is opened: seconds for one statement, locks included, 1 to 3600 | `30` |
/// | `trusted_owners` | only when a store is opened: the ids of users that may own the directory and the file of a store, and of groups that may write to them, as `{"users": [1000], "groups": [2000]}`; see "Stores in files" | `{"users": [], "groups": []}` |
/// | `call_timeout_secs` | only when a store is opened: seconds for a call about one token on a database, 1 to 3600 | `30` |
/// | `bulk_timeout_secs` | only when a store is opened: seconds for a call about any number of tokens on a database, 1 to 3600 | `600` |
/// | `last_used_interval_secs` | only when a store is opened: age in seconds that the `last_used` of a token on a database reaches before a login writes it, 0 to 31536000; 0: every login writes; `null`: none does | `0` |
/// | `login_cache_secs` | only when a store is opened: seconds for which an accepted login on a database is cached, 0 to 3600; 0: not at all. It has no effect while `last_used_interval_secs` is 0 | `0` |
/// | `login_cache_entries` | only when a store is opened: cached logins at most, 1 to 1000000 | `10000` |
///
/// Settings are not kept in a store's file: who opens it gives them.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param name the setting's name
/// @param name_len bytes of `name`, or `RBTOKEN_NUL_TERMINATED`
/// @param value a JSON value
/// @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the setting is changed
/// @retval RBTOKEN_E_NOT_FOUND there is no such setting
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TOO_DEEP, RBTOKEN_E_JSON_NUMBER `value` is not
///         JSON that is accepted
/// @retval RBTOKEN_E_JSON_TYPE the setting has another type
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is not allowed
/// @retval RBTOKEN_E_GENERATION the store has no such generator
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE the setting can be set only when a store is opened, or see "Errors"
/// @retval RBTOKEN_E_UNSUPPORTED the setting is the server's: see "Review Board's database"
/// @retval RBTOKEN_E_FORKED see "Errors"
/// @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_set_setting(
    store: *mut rbtoken_store_t,
    name: *const c_char,
    name_len: usize,
    value: *const c_char,
    value_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, name, value) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                text(name, name_len, "name")?,
                text(value, value_len, "value")?,
            )
        };
        store.set_setting(name, value)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Tells a setting of the store.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param name a name as for `rbtoken_store_set_setting()`
/// @param name_len bytes of `name`, or `RBTOKEN_NUL_TERMINATED`
/// @param value receives the setting as a JSON value, to be freed with `rbtoken_buffer_free()`;
///        NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the setting is told
/// @retval RBTOKEN_E_NOT_FOUND there is no such setting
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_get_setting(
    store: *mut rbtoken_store_t,
    name: *const c_char,
    name_len: usize,
    value: *mut *mut rbtoken_buffer_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let value = unsafe { Out::clear(value) };
    let body = || {
        let value = value.required("value")?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, name) =
            unsafe { (rbtoken_store_t::hold_open(store)?, text(name, name_len, "name")?) };
        value.set(rbtoken_buffer_t::of(&store.get_setting(name)?)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Returns the counters of a store as a JSON object. Later versions may add members:
///
/// - `kind`: `"memory"`, `"file"`, `"postgresql"`, `"mysql"` or `"sqlite"`
/// - `tokens`: the number of tokens, usable or not; not for databases, which are not asked
/// - `hooks`: the number of hooks
/// - `memory`: `record_bytes`, the address space for records, and `index_bytes`, that for index
///   tables of a middle size; the rest is in the allocator's memory, uncounted; not for databases
/// - `file`: `bytes` and `log_bytes`, the sizes of the file and its log, and `commits`, the number
///   of commits since it was opened; for files only
/// - `pool`: for databases only. `open`, `idle`: the number of connections, and of those that no
///   call uses; `abandoned`: the number of those that were given up while the server may have them
///   still; `waiting`: the number of calls that wait for one; `lost`: connections that broke or
///   were given up; `timeouts`: calls that a limit of time ended; `retries`: questions and
///   transactions that were repeated
/// - `login_cache`: if logins are cached. `entries`: the number of cached logins; `hits`:
///   logins that needed no answer of the server
/// - `handles`: the number of handles that the host holds, of each kind, for the whole process:
///   `buffer`, `error`, `instance`, `policy`, `service_account`, `store`, `token`, `token_list`. A
///   number that keeps growing is a leak in the host.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param statistics receives the object, to be freed with `rbtoken_buffer_free()`; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the counters were returned
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` or `statistics` is NULL
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.2.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_statistics(
    store: *mut rbtoken_store_t,
    statistics: *mut *mut rbtoken_buffer_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let statistics = unsafe { Out::clear(statistics) };
    let body = || {
        let statistics = statistics.required("statistics")?;
        // SAFETY: the host's handle, which it keeps for the duration of the call.
        let store = unsafe { rbtoken_store_t::hold_open(store) }?;
        let mut members = store.statistics()?;
        let live = HandleKind::live().map(|(kind, number)| (kind.to_owned(), number.into()));
        members.insert("handles".to_owned(), Value::Object(live.into_iter().collect()));
        statistics.set(rbtoken_buffer_t::of(&json::object_to_text(&members)?)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
