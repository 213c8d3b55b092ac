//! Local Sites, users and policy ids of a store.

use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{str_arg, str_list_arg};
use crate::error::Error;
use crate::memory;

/// Adds a Local Site. Tokens can then be created for it.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param local_site the name: 1 to 32 characters of `A-Z a-z 0-9 _ . -`
/// @param local_site_len length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the Local Site was added
/// @retval RBTOKEN_E_EXISTS the Local Site already exists
/// @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty or malformed
/// @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_add_local_site(
    store: *mut rbtoken_store_t,
    local_site: *const c_char,
    local_site_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, local_site) = unsafe {
            (rbtoken_store_t::hold_open(store)?, str_arg(local_site, local_site_len, "local_site")?)
        };
        store.add_local_site(local_site)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Removes a Local Site and its tokens, as Review Board does. The *deleted* event is fired for each
/// token.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param local_site the name of the Local Site
/// @param local_site_len length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the Local Site was removed
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site
/// @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty or malformed
/// @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_remove_local_site(
    store: *mut rbtoken_store_t,
    local_site: *const c_char,
    local_site_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, local_site) = unsafe {
            (rbtoken_store_t::hold_open(store)?, str_arg(local_site, local_site_len, "local_site")?)
        };
        store.remove_local_site(local_site)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Enables or disables login for a user. Unknown users are enabled. Tokens of a disabled user are
/// kept, and new ones can still be created.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the user's name, 1 to 150 characters
/// @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param active 1 to enable login, 0 to disable it
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the user was enabled or disabled
/// @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty, or `active` is neither 0 nor 1
/// @retval RBTOKEN_E_UNSUPPORTED the store is on Review Board's database
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_set_user_active(
    store: *mut rbtoken_store_t,
    user: *const c_char,
    user_len: usize,
    active: i32,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, user) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(user, user_len, "user")?) };
        let active = match active {
            0 => false,
            1 => true,
            _ => return Err(Error::invalid("active", "must be 0 or 1")),
        };
        store.set_user_active(user, active)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Registers the policy ids of the host's resources, and replaces those that were registered
/// before. Afterwards, policies that contain other ids are rejected, and `rbtoken_token_allows()`
/// fails for other ids.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param ids `count` NUL-terminated ids, which must not be empty or `*`; NULL with a `count` of 0:
///         any id is allowed, which is the default
/// @param count the number of ids, at most 65536; 0 with `ids` not NULL: no id is allowed
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the ids are registered
/// @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty or `*`
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_set_policy_ids(
    store: *mut rbtoken_store_t,
    ids: *const *const c_char,
    count: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, ids) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_list_arg(ids, count, "ids")?) };
        let ids = ids.map(|ids| memory::try_collect(ids.into_iter().map(memory::string)));
        store.set_policy_ids(ids.transpose()?)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}
