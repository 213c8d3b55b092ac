//! Opening, closing and configuring stores.

use std::ffi::c_char;
use std::sync::Arc;

use super::buffer::rbtoken_buffer_t;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store_options::{OpenRequest, rbtoken_store_options_t};
use super::support::{ArcHandle, Handle, HandleKind, HandleRef, Out, catch_panic_or, str_arg};
use crate::error::Result;
use crate::json::{self, Value};
use crate::store::{Store, StoreOptions, shared_store};

/// Store of tokens. Its handles are reference-counted and can be used by any number of threads at
/// once. Tokens can outlive their store.
pub struct rbtoken_store_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_store_t {
    type Owner = Arc<Store>;

    const KIND: HandleKind = HandleKind::Store;
}

impl rbtoken_store_t {
    /// Returns a reference, as `hold` does, if the store is open.
    ///
    /// # Safety
    /// As `hold`.
    pub(super) unsafe fn hold_open(store: *const Self) -> Result<Arc<Store>> {
        // SAFETY: as promised by the caller.
        let store = unsafe { Self::hold(store, "store") }?;
        store.check_open()?;
        Ok(store)
    }

    /// Returns a reference for a login, if the store is open. Reference counting would make
    /// concurrent logins contend for a cache line, so the host's reference is borrowed if no
    /// callback of the login could release it. Only hooks could, and the store adds a reference
    /// before it calls them.
    ///
    /// # Safety
    /// As `hold`; while the result exists, nothing but the login's own callbacks releases the
    /// handle.
    pub(super) unsafe fn hold_for_login(store: *const Self) -> Result<HandleRef<Arc<Store>>> {
        // SAFETY: as promised by the caller.
        let store = unsafe { Self::borrow(store, "store") }?;
        store.check_open()?;
        Ok(if store.has_system_clock() { store } else { store.into_owned() })
    }
}

/// Opens a store. Release it with `rbtoken_store_release()`.
///
/// `[thread-safe]`
///
/// @param options what to open; NULL: an empty store in memory with all defaults
/// @param store receives the store; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the store is open
/// @retval RBTOKEN_E_INVALID_ARGUMENT `location` is malformed, is a directory, is not a file of
///         this library, or can be replaced by others; or a setting has a value that is not allowed
/// @retval RBTOKEN_E_NOT_FOUND `settings` has an unknown setting
/// @retval RBTOKEN_E_EXISTS `settings` has a Local Site twice
/// @retval RBTOKEN_E_GENERATION `settings` has an unknown generator
/// @retval RBTOKEN_E_UNSUPPORTED the library was built without the cargo feature that `location`
///         needs, or a setting is managed by the Review Board server
/// @retval RBTOKEN_E_LOCKED another store has the file open, in this process or another
/// @retval RBTOKEN_E_VERSION a later version of the library wrote the file, or the database is not
///         that of Review Board 5.0 or newer
/// @retval RBTOKEN_E_CORRUPT the file is damaged
/// @retval RBTOKEN_E_IO the file cannot be opened, read or created, or the database cannot be
///         reached
/// @retval RBTOKEN_E_DATABASE SQLite or the database reported an error
/// @retval RBTOKEN_E_TIMEOUT the database did not respond in time
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
        let opening = unsafe { OpenRequest::read(options) };
        opening.check()?;
        let store = store.required("store")?;
        store.set(rbtoken_store_t::into_handle(Store::open(opening.options()?)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Returns the shared store of the process. The first successful call opens it. Later calls must
/// pass NULL or equal options: equal texts, and the same callback functions with the same
/// `user_data`. Such a later call does not destroy the data, because the store uses it. The process
/// keeps the store open until it ends, but each handle must still be released.
///
/// `[thread-safe]`
///
/// @param options what to open; NULL: the store that is already open, or else all defaults
/// @param store receives the store; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the shared store was returned
/// @retval RBTOKEN_E_STATE the shared store was opened with other options
/// @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_NOT_FOUND, RBTOKEN_E_EXISTS, RBTOKEN_E_GENERATION,
///         RBTOKEN_E_UNSUPPORTED, RBTOKEN_E_VERSION as for `rbtoken_store_open()`
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
        let opening = unsafe { OpenRequest::read(options) };
        let output = opening.check().and_then(|()| store.required("store"));
        let identity = (!options.is_null()).then(|| opening.identity()).transpose();
        let mut opening = Some(opening);
        let mut kept = (None, None, None);
        let opened = output.and_then(|store| {
            let opened = shared_store(identity?, || {
                let Some(opening) = opening.take() else {
                    return Store::open(StoreOptions::default());
                };
                let options = opening.options()?;
                kept = (options.clock.clone(), options.entropy.clone(), options.log.clone());
                Store::open(options)
            })?;
            store.set(rbtoken_store_t::into_handle(opened));
            Ok(())
        });
        // Callbacks of a store that could not be opened are destroyed here, not while other threads
        // wait for the shared store.
        drop(kept);
        // The shared store may use these callbacks, even if the call failed.
        if let Some(opening) = opening {
            opening.destroy_unregistered();
        }
        opened
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Adds a reference to a store. Release each reference with `rbtoken_store_release()`.
///
/// `[thread-safe]`
///
/// @param store a store; NULL is allowed
/// @return the same store; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_store_retain(store: *mut rbtoken_store_t) -> *mut rbtoken_store_t {
    catch_panic_or(std::ptr::null_mut(), || {
        // SAFETY: the host keeps its own reference for the duration of the call.
        unsafe { rbtoken_store_t::hold(store, "store") }
            .map_or(std::ptr::null_mut(), rbtoken_store_t::into_handle)
    })
}

/// Releases a reference to a store. The last release closes it: a store in a file writes the times
/// of the last logins and unlocks the file. Tokens and lists from the store stay readable.
///
/// `[thread-safe]`
///
/// @param store a store; after the call, use it only if you have another reference; NULL does
///         nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_store_release(store: *mut rbtoken_store_t) {
    // SAFETY: the host gives its reference up.
    catch_panic_or((), || drop(unsafe { rbtoken_store_t::take(store) }));
}

/// Writes everything to the disk, so that it survives a crash or a power failure. Only the times of
/// the last logins need this: see "Stores in files". It also empties the log of a store in a file,
/// which removes the values of deleted tokens (see "Secrets"); the next changes take longer while
/// the log grows again. It does nothing for a store that is not in a file.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK everything is on the disk
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
    unsafe { catch_error(error, body) }
}

/// Changes a setting of the store. Settings are not saved in a store's file: pass them each time
/// that you open it. These settings can be changed at any time:
///
/// - `client_token_expiration`, default `365`: days until a new client token expires, 0 to 3652059.
///   0 means never.
/// - `min_validity_secs`, default `300`: seconds for which an existing client token must still be
///   valid, 0 to 315537897600.
/// - `token_type`, default `"rbp"`: the token type, with which new values start, 1 to 216 ASCII
///   letters and digits.
/// - `default_generator`, default `"vendor_checksum"`: the id of a generator of the store.
/// - `deprecated_generators`, default `["legacy_sha1"]`: a list of generator ids, which need not be
///   known to the store.
/// - `policy_ids`, default `null`: a list of policy ids, or `null` to allow any.
///
/// These settings can be set only when the store is opened:
///
/// - `location`, default `null`: where tokens are kept. `null` means in memory.
/// - `local_sites`, default `[]`: a list of Local Sites to add to those that a file already has.
/// - `trusted_owners`, default `{"users": [], "groups": []}`: the numeric ids of users that may own
///   a store's file and directory, and of groups that may write to them, such as `{"users": [1000],
///   "groups": [2000]}`. See "Stores in files".
///
/// These settings are for Review Board's database, and can be set only when the store is opened:
///
/// - `pool_size`, default `8`: the maximum number of connections, 1 to 1024.
/// - `connect_timeout_secs`, default `5`: the time limit for connecting, 1 to 3600.
/// - `statement_timeout_secs`, default `30`: the time limit of a statement, waiting for locks
///   included, 1 to 3600.
/// - `call_timeout_secs`, default `30`: the time limit of a call for one token, 1 to 3600.
/// - `bulk_timeout_secs`, default `600`: the time limit of a call that lists, exports, purges or
///   invalidates many tokens, 1 to 3600.
/// - `last_used_interval_secs`, default `0`: a login writes `last_used` if the stored time is at
///   least this many seconds old, 0 to 31536000. 0 means that every login writes it, and `null`
///   that none does.
/// - `login_cache_secs`, default `0`: how long accepted logins are cached, 0 to 3600. 0 disables
///   the cache. It has no effect while `last_used_interval_secs` is 0.
/// - `login_cache_entries`, default `10000`: the maximum number of cached logins, 1 to 1000000.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param name the name of the setting
/// @param name_len length of `name` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param value the new value as JSON
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the setting was changed
/// @retval RBTOKEN_E_NOT_FOUND the setting is unknown
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is not allowed
/// @retval RBTOKEN_E_GENERATION the store has no such generator
/// @retval RBTOKEN_E_STATE the setting can be set only when the store is opened
/// @retval RBTOKEN_E_UNSUPPORTED the setting is managed by the Review Board server
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
                str_arg(name, name_len, "name")?,
                str_arg(value, value_len, "value")?,
            )
        };
        store.set_setting(name, value)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Returns a setting of the store.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param name a name as for `rbtoken_store_set_setting()`
/// @param name_len length of `name` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param value receives the setting as JSON, to be freed with `rbtoken_buffer_free()`; NULL on
///         failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the setting was returned
/// @retval RBTOKEN_E_NOT_FOUND the setting is unknown
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
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(name, name_len, "name")?) };
        value.set(rbtoken_buffer_t::of(&store.get_setting(name)?)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Returns the counters of a store as a JSON object. Later versions can add members:
///
/// - `kind`: `"memory"`, `"file"`, or for Review Board's database `"postgresql"`, `"mysql"` or
///   `"sqlite"`.
/// - `tokens`: the number of tokens, usable or not. Not for Review Board's database, which is not
///   queried.
/// - `hooks`: the number of registered hooks.
/// - `memory`: `record_bytes` and `index_bytes`, the memory that is mapped for records and for
///   indexes. Memory from the allocator, such as that of texts, is not counted. Not for Review
///   Board's database.
/// - `file`: `bytes` and `log_bytes`, the sizes of the file and its log, and `commits`, the number
///   of commits since it was opened. For files only.
/// - `pool`: for Review Board's database only. `open`: the number of connections. `idle`: the
///   number of unused ones. `abandoned`: connections that the library closed, but that may still be
///   open on the server. `waiting`: calls that wait for a connection. `lost`: connections that
///   broke or were closed early. `timeouts`: calls that exceeded a time limit. `retries`: repeated
///   queries and transactions.
/// - `login_cache`: only if logins are cached. `entries`: the number of cached logins. `hits`:
///   logins that did not query the database.
/// - `handles`: the number of handles of each kind that the host holds, for the whole process:
///   `buffer`, `error`, `instance`, `policy`, `service_account`, `store`, `token`, `token_list`. A
///   number that keeps growing is a leak in the host.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param statistics receives the object, to be freed with `rbtoken_buffer_free()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the counters were returned
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
    unsafe { catch_error(error, body) }
}
