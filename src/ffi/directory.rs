use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{text, text_list};
use crate::error::Error;
use crate::memory;

/// Adds a Local Site, to which tokens can belong from then on.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param local_site the site's name: 1 to 32 characters of `A-Z a-z 0-9 _ . -`
/// @param local_site_len bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the site is there now
/// @retval RBTOKEN_E_EXISTS it was there before
/// @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
            (rbtoken_store_t::hold_open(store)?, text(local_site, local_site_len, "local_site")?)
        };
        store.add_local_site(local_site)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Removes a Local Site and, as Review Board does, the tokens that belong to it. The *deleted*
/// event is fired for each.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param local_site the site's name
/// @param local_site_len bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the site is removed
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site
/// @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
            (rbtoken_store_t::hold_open(store)?, text(local_site, local_site_len, "local_site")?)
        };
        store.remove_local_site(local_site)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Says whether a user may log in. Any name is a user, and may until a host says otherwise. The
/// tokens of a user who may not stay as they are, and are still given out and made.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the user's name, 1 to 150 characters
/// @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
/// @param active 1: the user may log in; 0: the user may not
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK it is so from now on
/// @retval RBTOKEN_E_UNSUPPORTED the store is on a server's database
/// @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty, or `active` is neither 0 nor 1
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
            unsafe { (rbtoken_store_t::hold_open(store)?, text(user, user_len, "user")?) };
        let active = match active {
            0 => false,
            1 => true,
            _ => return Err(Error::invalid("active", "it is either 0 or 1")),
        };
        store.set_user_active(user, active)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Registers the policy ids of the host's resources, in place of those registered before. From
/// then on a policy that names another id is refused, and so is a question about another id.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param ids `count` NUL-terminated ids, none of them empty or `*`; NULL with a `count` of 0: any
///        id is known, as at first
/// @param count how many, at most 65536; 0 with `ids` not NULL: no id is known
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the list is registered
/// @retval RBTOKEN_E_NULL_ARGUMENT `store`, or an id, or `ids` with a `count`, is NULL
/// @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty or `*`
/// @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_TOO_LONG an id, or the list, is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
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
            unsafe { (rbtoken_store_t::hold_open(store)?, text_list(ids, count, "ids")?) };
        let ids = ids.map(|ids| memory::try_collect(ids.into_iter().map(memory::string)));
        store.set_policy_ids(ids.transpose()?)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
