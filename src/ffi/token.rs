//! Token handles: the fields of a token.

use std::ffi::c_char;

use super::buffer::rbtoken_buffer_t;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::support::{ArcHandle, Handle, HandleKind, Out, catch_panic_or, lend, reject_flags};
use crate::clock::Timestamp;
use crate::text::Text;
use crate::token::{SharedToken, Token};

/// Snapshot of a token: its fields as they were when a function returned it. Later changes do not
/// affect it, and it can outlive its store. Its handles are reference-counted and can be used by
/// any thread.
pub struct rbtoken_token_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_token_t {
    type Owner = SharedToken;

    const KIND: HandleKind = HandleKind::Token;
}

/// Adds a reference to a token. Release each reference with `rbtoken_token_release()`. To keep a
/// token of a list, or one that a hook received, add a reference.
///
/// `[thread-safe]`
///
/// @param token a token; NULL is allowed
/// @return the same token; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_retain(
    token: *const rbtoken_token_t,
) -> *mut rbtoken_token_t {
    catch_panic_or(std::ptr::null_mut(), || {
        // SAFETY: the host keeps its own reference for the duration of the call.
        unsafe { rbtoken_token_t::hold(token, "token") }
            .map_or(std::ptr::null_mut(), rbtoken_token_t::into_handle)
    })
}

/// Releases a reference to a token. The last release frees the texts that were read from it.
///
/// `[thread-safe]`
///
/// @param token a token; after the call, use it only if you have another reference; NULL does
///         nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_release(token: *mut rbtoken_token_t) {
    // SAFETY: the host gives its reference up.
    catch_panic_or((), || drop(unsafe { rbtoken_token_t::take(token) }));
}

/// Returns the id of a token. The store never uses an id twice. It may skip some: a store in a file
/// skips up to 1,000 after its host was killed.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return the id, 1 or more; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_id(token: *const rbtoken_token_t) -> i64 {
    catch_panic_or(0, || {
        // SAFETY: the host keeps the token for the duration of the call.
        unsafe { rbtoken_token_t::get(token) }.map_or(0, |token| token.record().id())
    })
}

/// Returns the value of a token: the secret. Do not log it; log `rbtoken_token_redacted()`.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the value; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_value(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().value().expose_with_nul())) }
}

/// Returns a name for the token that can be logged: its token type and its id, such as
/// `rbp_***#17`. If the value does not have the format of `vendor_checksum`, the name is `***#17`.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the name; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_redacted(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.redacted().as_str_with_nul())) }
}

/// Returns the name of the token's owner.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the name; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_user(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().user().as_str_with_nul())) }
}

/// Returns the Local Site of a token.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the name of the Local Site; valid until the token is released; NULL for the global site,
///         or for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_local_site(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| token.record().local_site().map(Text::as_str_with_nul)) }
}

/// Returns the client name of a token: the string `client_name` of its extra data.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the client name; valid until the token is released; NULL if there is none, or for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_client_name(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe {
        lend_text(token, len, |token| token.record().client_name().map(Text::as_str_with_nul))
    }
}

/// Returns the note of a token, for people.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the note, which can be empty; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_note(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().note().as_str_with_nul())) }
}

/// Returns the id of the generator that created the value, such as `vendor_checksum`.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the id; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_generator_id(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().generator_id().as_str_with_nul())) }
}

/// Returns the policy of a token as JSON, as Python's `json.dumps(…, sort_keys=True)` writes it.
/// For a token that is or was in Review Board's database, it returns the stored text, which need
/// not be JSON.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the document, which is `{}` for full access; valid until the token is released; NULL for
///         NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_policy(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().policy().text().as_str_with_nul())) }
}

/// Returns the extra data of a token as a JSON object, as Python's `json.dumps(…, sort_keys=True)`
/// writes it. For a token that is or was in Review Board's database, it returns the stored text,
/// which need not be JSON.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the document; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_extra_data(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe {
        lend_text(token, len, |token| Some(token.record().extra_data().text().as_str_with_nul()))
    }
}

/// Returns the reason why a token was invalidated.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the reason, which can be empty; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_invalid_reason(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe {
        lend_text(token, len, |token| {
            Some(token.record().invalidation().map_or("\0", |it| it.reason.as_str_with_nul()))
        })
    }
}

/// Returns when a token expires.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
///         may be NULL
/// @return true if the token expires; false if it never does, or for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_expires(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { read_time(token, time_us, |token| token.record().expires()) }
}

/// Returns when a token was created.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
///         may be NULL
/// @return true; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_time_added(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { read_time(token, time_us, |token| Some(token.record().time_added())) }
}

/// Returns when a token was last changed. Logins and invalidation do not count.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
///         may be NULL
/// @return true; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_last_updated(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { read_time(token, time_us, |token| Some(token.record().last_updated())) }
}

/// Returns when a token was last used for a login. The token that a login returns already has the
/// time of that login, if the login sets `last_used`.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
///         may be NULL
/// @return true if it was ever used; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_last_used(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { read_time(token, time_us, |token| token.last_used()) }
}

/// Returns when a token was invalidated.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if the function returns false;
///         may be NULL
/// @return true if it was invalidated and the time is known; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_invalid_date(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe {
        read_time(token, time_us, |token| token.record().invalidation().and_then(|it| it.date))
    }
}

/// Returns whether a token was invalidated, which is final.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return true if it was; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_is_invalidated(token: *const rbtoken_token_t) -> bool {
    // SAFETY: the host keeps the token for the duration of the call.
    unsafe { read_flag(token, |token| token.record().invalidation().is_some()) }
}

/// Returns whether a token is expired at a time.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param at_us microseconds since the Unix epoch, UTC
/// @return true if the token expires at or before this time; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_is_expired(
    token: *const rbtoken_token_t,
    at_us: i64,
) -> bool {
    let expired = |token: &Token| {
        token.record().expires().is_some_and(|expires| at_us >= expires.as_micros())
    };
    // SAFETY: the host keeps the token for the duration of the call.
    unsafe { read_flag(token, expired) }
}

/// Returns whether the token's generator was deprecated at the time of the snapshot.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return true if it was; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_is_deprecated(token: *const rbtoken_token_t) -> bool {
    // SAFETY: the host keeps the token for the duration of the call.
    unsafe { read_flag(token, |token| token.is_deprecated()) }
}

/// Flag of `rbtoken_token_to_json()`: includes the token's value.
pub const RBTOKEN_JSON_WITH_VALUE: u32 = 1;

/// Returns a token as a JSON object with the fields that Review Board's web API has for tokens:
/// `deprecated`, `expired`, `expires`, `extra_data`, `id`, `invalid_date`, `invalid_reason`,
/// `last_updated`, `last_used`, `note`, `policy`, `time_added`, `token` (only if requested),
/// `token_generator_id`, `valid`. Times are ISO 8601 with the offset `+00:00`, or null.
///
/// Members of `extra_data` whose names start with `__` are private and left out, at every depth of
/// nested objects. Objects in a list are written whole, as in Review Board 8.1. Stored documents
/// that are not JSON are converted to JSON; `policy` is null if its text is neither JSON nor a
/// Python literal.
///
/// `[immutable]`
///
/// @param token the token
/// @param at_us the time for `expired`: microseconds since the Unix epoch, UTC
/// @param flags `RBTOKEN_JSON_WITH_VALUE`, or 0 to leave out `token`, so that the document is not
///         secret
/// @param json receives the document, to be freed with `rbtoken_buffer_free()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the document was returned
/// @retval RBTOKEN_E_INVALID_ARGUMENT a flag is unknown
/// @retval RBTOKEN_E_TIME_RANGE the time is outside the years 1 to 9999
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_token_to_json(
    token: *const rbtoken_token_t,
    at_us: i64,
    flags: u32,
    json: *mut *mut rbtoken_buffer_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let json = unsafe { Out::clear(json) };
    let body = || {
        let json = json.required("json")?;
        // SAFETY: the host keeps the token for the duration of the call.
        let token = unsafe { rbtoken_token_t::required(token, "token") }?;
        let at = Timestamp::from_micros(at_us).map_err(|error| error.at_argument("at_us"))?;
        reject_flags(flags & !RBTOKEN_JSON_WITH_VALUE)?;
        json.set(rbtoken_buffer_t::of(&token.to_json(at, flags & RBTOKEN_JSON_WITH_VALUE != 0)?)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `token` is NULL or a token that lives while the text is used; `len` is NULL or can be written.
unsafe fn lend_text<T: AsRef<[u8]> + ?Sized>(
    token: *const rbtoken_token_t,
    len: *mut usize,
    text: impl FnOnce(&Token) -> Option<&T>,
) -> *const c_char {
    // SAFETY: as promised by the caller.
    let len = unsafe { Out::clear_to(len, 0) };
    catch_panic_or(std::ptr::null(), || {
        // SAFETY: as promised by the caller.
        lend(unsafe { rbtoken_token_t::get(token) }.and_then(text), &len)
    })
}

/// # Safety
/// `token` is NULL or a token; `time_us` is NULL or can be written.
unsafe fn read_time(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
    time: impl FnOnce(&Token) -> Option<Timestamp>,
) -> bool {
    // SAFETY: as promised by the caller.
    let time_us = unsafe { Out::clear_to(time_us, 0) };
    catch_panic_or(false, || {
        // SAFETY: as promised by the caller.
        let time = unsafe { rbtoken_token_t::get(token) }.and_then(time);
        time.inspect(|time| time_us.set(time.as_micros())).is_some()
    })
}

/// # Safety
/// `token` is NULL or a token.
unsafe fn read_flag(token: *const rbtoken_token_t, flag: impl FnOnce(&Token) -> bool) -> bool {
    // SAFETY: as promised by the caller.
    catch_panic_or(false, || unsafe { rbtoken_token_t::get(token) }.is_some_and(flag))
}
