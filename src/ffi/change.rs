//! Changes to stored tokens: update, invalidate, delete, purge.

use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, opt_str_arg, read_required, reject_if_set, str_arg, unknown_mode,
};
use super::token::rbtoken_token_t;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::TokenUpdate;

/// Change of a field: the values of the fields `…_mode` in `rbtoken_token_update_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_field_mode {
    /// Keeps the field.
    RBTOKEN_FIELD_KEEP = 0,
    /// Clears the field: the token never expires, has an empty note, a policy for full access, or
    /// the extra data `{}`.
    RBTOKEN_FIELD_NONE = 1,
    /// Sets the field to the given value.
    RBTOKEN_FIELD_SET = 2,
}

/// Changes to a token. Initialize with `RBTOKEN_INIT()`, which changes nothing. A value whose mode
/// is not `RBTOKEN_FIELD_SET` must be 0 or NULL.
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
    /// When the token expires: microseconds since the Unix epoch, UTC; can be in the past.
    pub expires_at_us: i64,
    /// The note, at most 1 MiB.
    pub note: *const c_char,
    /// Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON.
    pub policy: *const c_char,
    /// Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object. It replaces the old one completely, including
    /// `client_name`.
    pub extra_data: *const c_char,
    /// Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_token_update_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Changes fields of a token, whether it is usable or not. `last_updated` is set to the current
/// time, and the *updated* event is fired. Existing handles do not change.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param update the changes
/// @param token receives the changed token, to be released with `rbtoken_token_release()`; NULL on
///         failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was changed
/// @retval RBTOKEN_E_NOT_FOUND no token has this id
/// @retval RBTOKEN_E_INVALID_ARGUMENT a mode is unknown, or a field is set that its mode does not
///         use
/// @retval RBTOKEN_E_TIME_RANGE the expiration is outside the years 1 to 9999
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @retval other the status of the host's clock, unchanged
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
        token.set_if_wanted(|| rbtoken_token_t::into_handle(changed));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `update` is NULL or a struct as its header describes it.
unsafe fn token_update<'a>(update: *const rbtoken_token_update_t) -> Result<TokenUpdate<'a>> {
    // SAFETY: as promised by the caller.
    let u = unsafe { read_required(update, "update") }?;
    // SAFETY: as promised by the caller.
    let (note, policy, extra_data) = unsafe {
        (
            opt_str_arg(u.note, u.note_len, "note")?,
            opt_str_arg(u.policy, u.policy_len, "policy")?,
            opt_str_arg(u.extra_data, u.extra_data_len, "extra_data")?,
        )
    };
    if u.expires_mode != SET {
        reject_if_set(u.expires_at_us != 0, "expires_at_us")?;
    }
    let expires_at = || {
        Timestamp::from_micros(u.expires_at_us).map_err(|error| error.at_argument("expires_at_us"))
    };
    let expires = match u.expires_mode {
        KEEP => None,
        NONE => Some(None),
        SET => Some(Some(expires_at()?)),
        _ => return Err(unknown_mode("expires_mode", u.expires_mode)),
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
        reject_if_set(value.is_some(), name)?;
    }
    match (mode, value) {
        (KEEP, _) => Ok(None),
        (NONE, _) => Ok(Some(None)),
        (SET, Some(value)) => Ok(Some(Some(value))),
        (SET, None) => Err(Error::invalid(name, "must be set with the mode RBTOKEN_FIELD_SET")),
        _ => Err(unknown_mode(mode_name, mode)),
    }
}

/// Invalidates the token with a value. This is final: nothing makes the token valid again. If the
/// token is already invalid, the date and the reason are overwritten. The *invalidated* event is
/// fired.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the token's value
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was invalidated
/// @retval RBTOKEN_E_NOT_FOUND no token has this value
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
/// @retval other the status of the host's clock, unchanged
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
                str_arg(value, value_len, "value")?,
                opt_str_arg(reason, reason_len, "reason")?,
            )
        };
        store.invalidate_token(value, reason.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Invalidates the token with an id, as `rbtoken_store_invalidate_token()` does.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was invalidated
/// @retval RBTOKEN_E_NOT_FOUND no token has this id
/// @retval other the status of the host's clock, unchanged
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
            (rbtoken_store_t::hold_open(store)?, opt_str_arg(reason, reason_len, "reason")?)
        };
        store.invalidate_token_by_id(id, reason.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Invalidates all tokens of a user, on every site. The *invalidated* event is fired for each.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the user's name
/// @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param count receives the number of the user's tokens; 0 on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the user's tokens, if any, were invalidated
/// @retval RBTOKEN_E_NOT_FOUND on Review Board's database: there is no such user
/// @retval RBTOKEN_E_INVALID_ARGUMENT the name is empty
/// @retval other the status of the host's clock, unchanged
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
                str_arg(user, user_len, "user")?,
                opt_str_arg(reason, reason_len, "reason")?,
            )
        };
        count.set(store.invalidate_user_tokens(user, reason.unwrap_or_default())?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Invalidates all tokens of all users, on every site. The *invalidated* event is fired for each.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param reason the reason, for people, at most 1 MiB; NULL with a length of 0: the empty text
/// @param reason_len length of `reason` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param count receives the number of tokens; 0 on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK all tokens were invalidated
/// @retval other the status of the host's clock, unchanged
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
            (rbtoken_store_t::hold_open(store)?, opt_str_arg(reason, reason_len, "reason")?)
        };
        count.set(store.invalidate_all_tokens(reason.unwrap_or_default())?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Deletes a token. The *deleted* event is fired. Existing handles stay readable.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the token's id
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was deleted
/// @retval RBTOKEN_E_NOT_FOUND no token has this id
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
    unsafe { catch_error(error, body) }
}

/// Deletes the tokens that were invalidated or expired before a time. If a token is invalid without
/// a date, the time of its creation counts. The *deleted* event is fired for each.
///
/// On Review Board's database, up to 1,000 tokens are deleted at a time. If the call fails, those
/// that were deleted before stay deleted.
///
/// An invalid or expired token stays in the store, and in its memory, until it is deleted or
/// purged, so that a login can report why it was rejected. A host that runs for a long time should
/// call this regularly, for example once a day with the time of a month ago. The store's memory
/// then grows only with the number of usable tokens.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param dead_before_us microseconds since the Unix epoch, UTC; a future time counts as the
///         current time, so usable tokens are never deleted
/// @param count receives the number of deleted tokens; 0 on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the tokens were deleted
/// @retval RBTOKEN_E_TIME_RANGE the time is outside the years 1 to 9999
/// @retval other the status of the host's clock, unchanged
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
    unsafe { catch_error(error, body) }
}
