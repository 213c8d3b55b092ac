use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{Handle, Out, SizedStruct, optional_text, read_required, reject_unset, text};
use super::token::rbtoken_token_t;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::TokenUpdate;

/// What an update does to a field: the values of the fields `…_mode` in `rbtoken_token_update_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_field_mode {
    /// The field stays as it is.
    RBTOKEN_FIELD_KEEP = 0,
    /// The token never expires, the note is empty, the policy gives full access, the extra data is
    /// `{}`.
    RBTOKEN_FIELD_NONE = 1,
    /// The field takes the given value.
    RBTOKEN_FIELD_SET = 2,
}

/// What an update changes. Set up with `RBTOKEN_INIT()`, which leaves everything as it is. A value
/// whose mode is not `RBTOKEN_FIELD_SET` must be 0 or NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_token_update_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_FIELD_KEEP`, `_NONE` (never) or `_SET`.
    pub expires_mode: i32,
    /// `RBTOKEN_FIELD_KEEP`, `_NONE` or `_SET`.
    pub note_mode: i32,
    /// `RBTOKEN_FIELD_KEEP`, `_NONE` (full access) or `_SET`.
    pub policy_mode: i32,
    /// `RBTOKEN_FIELD_KEEP`, `_NONE` or `_SET`.
    pub extra_data_mode: i32,
    /// When the token expires: microseconds since the Unix epoch, UTC; the past is accepted.
    pub expires_at_us: i64,
    /// The note, at most 1 MiB.
    pub note: *const c_char,
    /// Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON.
    pub policy: *const c_char,
    /// Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object, which replaces the old one whole, `client_name` included.
    pub extra_data: *const c_char,
    /// Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_token_update_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Changes fields of a token, be it valid or not. `last_updated` becomes now, and the *updated*
/// event is fired. Handles that the host holds already do not change.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param update what to change
/// @param token receives the changed token, to be released with `rbtoken_token_release()`; NULL on
///        failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is changed
/// @retval RBTOKEN_E_NOT_FOUND there is no token of this id
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT a mode is unknown, or a field is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_TIME_RANGE the expiration lies outside the years 1 to 9999
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_update_token(
    store: *mut rbtoken_store_t,
    id: i64,
    update: *const rbtoken_token_update_t,
    token: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let token = unsafe { Out::clear(token) };
    let body = || {
        // SAFETY: the host's handle and struct, which it keeps for the duration of the call.
        let (store, update) =
            unsafe { (rbtoken_store_t::hold_open(store)?, token_update(update)?) };
        let changed = store.update_token(id, &update)?;
        token.set_if_wanted(|| rbtoken_token_t::give(changed));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// # Safety
/// `update` is NULL or a struct as its header describes it.
unsafe fn token_update<'a>(update: *const rbtoken_token_update_t) -> Result<TokenUpdate<'a>> {
    // SAFETY: as promised by the caller.
    let u = unsafe { read_required(update, "update") }?;
    // SAFETY: as promised by the caller.
    let (note, policy, extra_data) = unsafe {
        (
            optional_text(u.note, u.note_len, "note")?,
            optional_text(u.policy, u.policy_len, "policy")?,
            optional_text(u.extra_data, u.extra_data_len, "extra_data")?,
        )
    };
    if u.expires_mode != SET {
        reject_unset(u.expires_at_us != 0, "expires_at_us")?;
    }
    let expires_at = || {
        Timestamp::from_micros(u.expires_at_us).map_err(|error| error.at_argument("expires_at_us"))
    };
    let expires = match u.expires_mode {
        KEEP => None,
        NONE => Some(None),
        SET => Some(Some(expires_at()?)),
        _ => return Err(unknown_mode("expires_mode")),
    };
    Ok(TokenUpdate {
        expires,
        note: field(u.note_mode, note, "note", "note_mode")?.map(Option::unwrap_or_default),
        policy: field(u.policy_mode, policy, "policy", "policy_mode")?,
        extra_data: field(u.extra_data_mode, extra_data, "extra_data", "extra_data_mode")?,
    })
}

const KEEP: i32 = rbtoken_field_mode::RBTOKEN_FIELD_KEEP as i32;
const NONE: i32 = rbtoken_field_mode::RBTOKEN_FIELD_NONE as i32;
const SET: i32 = rbtoken_field_mode::RBTOKEN_FIELD_SET as i32;

fn field<'a>(
    mode: i32,
    value: Option<&'a str>,
    name: &'static str,
    mode_name: &'static str,
) -> Result<Option<Option<&'a str>>> {
    if mode != SET {
        reject_unset(value.is_some(), name)?;
    }
    match (mode, value) {
        (KEEP, _) => Ok(None),
        (NONE, _) => Ok(Some(None)),
        (SET, Some(value)) => Ok(Some(Some(value))),
        (SET, None) => Err(Error::invalid(name, "the mode asks for a value")),
        _ => Err(unknown_mode(mode_name)),
    }
}

fn unknown_mode(name: &'static str) -> Error {
    Error::invalid(name, "the mode is not known")
}

/// Makes the token that has a value invalid, for good: nothing makes it valid again. On a token
/// that is invalid already, the date and the reason are overwritten. The *invalidated* event is
/// fired.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the token's value
/// @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
/// @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is invalid
/// @retval RBTOKEN_E_NOT_FOUND there is no such token
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_invalidate_token(
    store: *mut rbtoken_store_t,
    value: *const c_char,
    value_len: usize,
    reason: *const c_char,
    reason_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, value, reason) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                text(value, value_len, "value")?,
                optional_text(reason, reason_len, "reason")?,
            )
        };
        store.invalidate_token(value, reason.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// As `rbtoken_store_invalidate_token()`, for a host that does not have the value.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is invalid
/// @retval RBTOKEN_E_NOT_FOUND there is no such token
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_invalidate_token_by_id(
    store: *mut rbtoken_store_t,
    id: i64,
    reason: *const c_char,
    reason_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, reason) = unsafe {
            (rbtoken_store_t::hold_open(store)?, optional_text(reason, reason_len, "reason")?)
        };
        store.invalidate_token_by_id(id, reason.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Makes all tokens of a user invalid, on every site. The *invalidated* event is fired for each.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the user's name
/// @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
/// @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
/// @param count receives how many tokens the user has; 0 on failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK they are invalid, if the user has any
/// @retval RBTOKEN_E_NOT_FOUND on a server's database: there is no such user
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8,
///         RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_invalidate_user_tokens(
    store: *mut rbtoken_store_t,
    user: *const c_char,
    user_len: usize,
    reason: *const c_char,
    reason_len: usize,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, user, reason) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                text(user, user_len, "user")?,
                optional_text(reason, reason_len, "reason")?,
            )
        };
        count.set(store.invalidate_user_tokens(user, reason.unwrap_or_default())?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Makes all tokens of all users invalid, on every site. The *invalidated* event is fired for each.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param reason why, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len bytes of `reason`, or `RBTOKEN_NUL_TERMINATED`
/// @param count receives how many tokens there are; 0 on failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK they are invalid
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_invalidate_all_tokens(
    store: *mut rbtoken_store_t,
    reason: *const c_char,
    reason_len: usize,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, reason) = unsafe {
            (rbtoken_store_t::hold_open(store)?, optional_text(reason, reason_len, "reason")?)
        };
        count.set(store.invalidate_all_tokens(reason.unwrap_or_default())?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Removes a token. The *deleted* event is fired. Handles that the host holds stay readable.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is removed
/// @retval RBTOKEN_E_NOT_FOUND there is no token of this id
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_delete_token(
    store: *mut rbtoken_store_t,
    id: i64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's handle, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_store_t::hold_open(store) }?.delete_token(id);
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Removes the tokens that have been invalidated or expired since before a time. A token that was
/// made invalid, or imported so, without a date counts from when it was made. The *deleted* event
/// is fired for each.
///
/// A token that is dead stays in the store, and in its memory, until it is deleted or purged: a
/// caller that comes with it is told why it was refused. A host that runs for long calls this now
/// and then, for instance once a day with the time of a month ago; its memory then grows with the
/// tokens that are alive, where otherwise it grows with all that were ever made.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param dead_before_us microseconds since the Unix epoch, UTC; the future is as good as now: what
///        is alive stays
/// @param count receives how many were removed; 0 on failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK they are removed
/// @retval RBTOKEN_E_TIME_RANGE the time lies outside the years 1 to 9999
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_purge_tokens(
    store: *mut rbtoken_store_t,
    dead_before_us: i64,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        // SAFETY: the host's handle, which it keeps for the duration of the call.
        let store = unsafe { rbtoken_store_t::hold_open(store) }?;
        let dead_before = Timestamp::from_micros(dead_before_us)
            .map_err(|error| error.at_argument("dead_before_us"))?;
        count.set(store.purge_tokens(dead_before)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
