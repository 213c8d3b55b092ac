use std::ffi::c_char;

use super::buffer::rbtoken_buffer_t;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::support::{Handle, HandleKind, Out, Shared, guard_value, lend, reject_flags};
use crate::clock::Timestamp;
use crate::text::Text;
use crate::token::{SharedToken, Token};

/// A token as it was when a function gave it out. What becomes of the token afterwards does not
/// change it, and it may outlive its store. Its handles count their references, and any thread
/// may use them.
pub struct rbtoken_token_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_token_t {
    type Owner = SharedToken;

    const KIND: HandleKind = HandleKind::Token;
}

/// Adds a reference to a token, for another part of the host to release; or takes one of a token
/// that is only lent, by a list or to a hook.
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
    guard_value(std::ptr::null_mut(), || {
        // SAFETY: the host keeps its own reference for the duration of the call.
        unsafe { rbtoken_token_t::hold(token, "token") }
            .map_or(std::ptr::null_mut(), rbtoken_token_t::give)
    })
}

/// Releases a reference to a token. With the last one go the texts that were borrowed from it.
///
/// `[thread-safe]`
///
/// @param token a token, which this part of the host does not use again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_release(token: *mut rbtoken_token_t) {
    // SAFETY: the host gives its reference up.
    guard_value((), || drop(unsafe { rbtoken_token_t::take(token) }));
}

/// The token's id, which the store never gives to another token.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return the id, 1 or more; 0 for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_id(token: *const rbtoken_token_t) -> i64 {
    // SAFETY: the host keeps the token for the duration of the call.
    guard_value(0, || unsafe { rbtoken_token_t::get(token) }.map_or(0, |token| token.record().id()))
}

/// The token's value: the secret. Do not log it; `rbtoken_token_redacted()` is for that.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
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

/// A name for the token that may be logged, such as `rbp_***#17`: its type, if it is a generated
/// one, and its id.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
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

/// The owner's name.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
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

/// The Local Site that the token belongs to.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the site's name; valid until the token is released; NULL for the global site, or for
///         NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_local_site(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| token.record().local_site().map(Text::as_str_with_nul)) }
}

/// The client whose token it is: the string `client_name` of its extra data.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the client's name; valid until the token is released; NULL if it is no client's, or for
///         NULL
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

/// The note for people.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the note, which may be empty; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_note(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().note().as_str_with_nul())) }
}

/// The id of the generator that made the value, such as `vendor_checksum`.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
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

/// The policy as JSON, in the text that Python's `json.dumps(…, sort_keys=True)` gives; on Review
/// Board's database the text that is stored, which need not be JSON.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the document; `{}` is full access; valid until the token is released; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_policy(
    token: *const rbtoken_token_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host keeps the token while it uses the text, and `len` is its own.
    unsafe { lend_text(token, len, |token| Some(token.record().policy().text().as_str_with_nul())) }
}

/// The extra data as a JSON object, in the text that Python's `json.dumps(…, sort_keys=True)`
/// gives; on Review Board's database the text that is stored, which need not be JSON.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
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

/// Why the token was invalidated.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the reason, which may be empty; valid until the token is released; NULL for NULL
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

/// From when on the token is expired.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
/// @return whether the token expires at all; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_expires(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { tell_time(token, time_us, |token| token.record().expires()) }
}

/// When the token was made.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
/// @return true; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_time_added(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { tell_time(token, time_us, |token| Some(token.record().time_added())) }
}

/// When the token was changed last. Logins and invalidation are no changes.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
/// @return true; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_last_updated(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { tell_time(token, time_us, |token| Some(token.record().last_updated())) }
}

/// When the token was used last to log in, as of when this handle was given out.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
/// @return whether it was used at all; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_last_used(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe { tell_time(token, time_us, |token| token.last_used()) }
}

/// When the token was invalidated.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param time_us receives microseconds since the Unix epoch, UTC; 0 if there is none; may be NULL
/// @return whether it was, and the time is known; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_invalid_date(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
) -> bool {
    // SAFETY: the host keeps the token for the duration of the call, and `time_us` is its own.
    unsafe {
        tell_time(token, time_us, |token| token.record().invalidation().and_then(|it| it.date))
    }
}

/// Whether the token was invalidated, which is final.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return whether it was; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_is_invalidated(token: *const rbtoken_token_t) -> bool {
    // SAFETY: the host keeps the token for the duration of the call.
    unsafe { tell(token, |token| token.record().invalidation().is_some()) }
}

/// Whether the token is expired at a time.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @param at_us microseconds since the Unix epoch, UTC
/// @return whether the token expires at this time or before; false for NULL
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
    unsafe { tell(token, expired) }
}

/// Whether the token's generator was deprecated when this handle was given out.
///
/// `[immutable]`
///
/// @param token a token; NULL is allowed
/// @return whether it was; false for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_token_is_deprecated(token: *const rbtoken_token_t) -> bool {
    // SAFETY: the host keeps the token for the duration of the call.
    unsafe { tell(token, |token| token.is_deprecated()) }
}

/// A flag of `rbtoken_token_to_json()`: the document has the token's value.
pub const RBTOKEN_JSON_WITH_VALUE: u32 = 1;

/// Writes a token as a JSON object with the fields of Review Board's API token payload:
/// `deprecated`, `expired`, `expires`, `extra_data`, `id`, `invalid_date`, `invalid_reason`,
/// `last_updated`, `last_used`, `note`, `policy`, `time_added`, `token` (only if asked for),
/// `token_generator_id`, `valid`. Times are ISO 8601 with the offset `+00:00`, or null. Members of
/// `extra_data` whose names start with `__` are private and left out, also in objects that are
/// members of objects; an object inside a list is written whole, as Review Board 8.1 does. What
/// others stored on Review Board's database is written as JSON whatever it is; `policy` is null if
/// it is neither JSON nor a Python literal.
///
/// `[immutable]`
///
/// @param token the token
/// @param at_us the time for which `expired` is told: microseconds since the Unix epoch, UTC
/// @param flags `RBTOKEN_JSON_WITH_VALUE`, or 0: `token` is left out, and the document is no secret
/// @param json receives the document, to be freed with `rbtoken_buffer_free()`; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the document is there
/// @retval RBTOKEN_E_NULL_ARGUMENT `token` or `json` is NULL
/// @retval RBTOKEN_E_INVALID_ARGUMENT a flag is unknown
/// @retval RBTOKEN_E_TIME_RANGE the time lies outside the years 1 to 9999
/// @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
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
    unsafe { guard(error, body) }
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
    guard_value(std::ptr::null(), || {
        // SAFETY: as promised by the caller.
        lend(unsafe { rbtoken_token_t::get(token) }.and_then(text), &len)
    })
}

/// # Safety
/// `token` is NULL or a token; `time_us` is NULL or can be written.
unsafe fn tell_time(
    token: *const rbtoken_token_t,
    time_us: *mut i64,
    time: impl FnOnce(&Token) -> Option<Timestamp>,
) -> bool {
    // SAFETY: as promised by the caller.
    let time_us = unsafe { Out::clear_to(time_us, 0) };
    guard_value(false, || {
        // SAFETY: as promised by the caller.
        let time = unsafe { rbtoken_token_t::get(token) }.and_then(time);
        time.inspect(|time| time_us.set(time.as_micros())).is_some()
    })
}

/// # Safety
/// `token` is NULL or a token.
unsafe fn tell(token: *const rbtoken_token_t, answer: impl FnOnce(&Token) -> bool) -> bool {
    // SAFETY: as promised by the caller.
    guard_value(false, || unsafe { rbtoken_token_t::get(token) }.is_some_and(answer))
}
