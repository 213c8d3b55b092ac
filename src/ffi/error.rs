//! Statuses and error objects.

use std::borrow::Cow;
use std::ffi::c_char;

use super::codes::status_of;
use super::support::{Handle, HandleKind, Out, catch_panic_or, lend};
use crate::error::{Argument, Error};
use crate::memory;

/// Result of a function: one of the values of `rbtoken_status_code`, or the status of a callback of
/// the host, unchanged. Functions and structs have 32-bit integers in place of enums; the C enums
/// only name the values.
pub type rbtoken_status_t = i32;

/// Statuses. Later versions can add statuses, but never use a number for another one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_status_code {
    /// The call succeeded.
    RBTOKEN_OK = 0,
    /// A required argument is NULL, or a text is NULL and its length is not 0.
    RBTOKEN_E_NULL_ARGUMENT = 1,
    /// An argument has a value that is not allowed.
    RBTOKEN_E_INVALID_ARGUMENT = 2,
    /// A text is not valid UTF-8.
    RBTOKEN_E_INVALID_UTF8 = 3,
    /// A text contains a NUL character.
    RBTOKEN_E_EMBEDDED_NUL = 4,
    /// A text or a list is longer than allowed.
    RBTOKEN_E_TOO_LONG = 5,
    /// `struct_size` is not a possible size of the struct, for example because it was not set with
    /// `RBTOKEN_INIT`.
    RBTOKEN_E_STRUCT_SIZE = 6,
    /// A field of a newer header is set, which this library does not know.
    RBTOKEN_E_UNSUPPORTED_OPTION = 7,
    /// A time is outside the years 1 to 9999.
    RBTOKEN_E_TIME_RANGE = 8,
    /// A document is not valid JSON.
    RBTOKEN_E_JSON_SYNTAX = 40,
    /// A JSON value has the wrong type.
    RBTOKEN_E_JSON_TYPE = 41,
    /// A document is nested more than 128 levels deep.
    RBTOKEN_E_JSON_TOO_DEEP = 42,
    /// A number is neither a 64-bit integer nor a finite float.
    RBTOKEN_E_JSON_NUMBER = 43,
    /// A policy breaks a rule; the error's JSON path shows where.
    RBTOKEN_E_POLICY = 44,
    /// There is no such token, user, Local Site, setting or hooks.
    RBTOKEN_E_NOT_FOUND = 80,
    /// The object already exists.
    RBTOKEN_E_EXISTS = 81,
    /// The object is in a state that does not allow the call.
    RBTOKEN_E_STATE = 82,
    /// This build, or this kind of store, does not support the call.
    RBTOKEN_E_UNSUPPORTED = 83,
    /// The store was opened before fork(), and this process is the child.
    RBTOKEN_E_FORKED = 84,
    /// An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
    /// calls.
    RBTOKEN_E_POISONED = 85,
    /// No token value could be generated: there is no such generator, no random bytes are
    /// available, or 20 values in a row already exist.
    RBTOKEN_E_GENERATION = 120,
    /// A callback of the host broke its contract.
    RBTOKEN_E_CALLBACK = 121,
    /// Another store, in this process or another, has the file open.
    RBTOKEN_E_LOCKED = 160,
    /// The operating system reported an input or output error.
    RBTOKEN_E_IO = 161,
    /// Stored data is damaged.
    RBTOKEN_E_CORRUPT = 162,
    /// Stored data has an incompatible version.
    RBTOKEN_E_VERSION = 163,
    /// The database reported an error.
    RBTOKEN_E_DATABASE = 164,
    /// The operation exceeded its time limit.
    RBTOKEN_E_TIMEOUT = 165,
    /// Memory is exhausted.
    RBTOKEN_E_NO_MEMORY = 200,
    /// There is a bug in the library. Nothing was changed, or the store returns
    /// `RBTOKEN_E_POISONED` from now on.
    RBTOKEN_E_INTERNAL = 201,
}

/// Details of a failed call. A function with a parameter `rbtoken_error_t **error` creates it on
/// failure; free it with `rbtoken_error_free()`. It never contains a token's value.
pub struct rbtoken_error_t {
    _opaque: [u8; 0],
}

/// Texts of an error, each terminated by a NUL.
pub(crate) struct Details {
    status: rbtoken_status_t,
    message: Cow<'static, str>,
    argument: Option<String>,
    json_path: Option<String>,
}

impl Handle for rbtoken_error_t {
    type Owner = Box<Details>;

    const KIND: HandleKind = HandleKind::Error;
}

impl From<Error> for Details {
    fn from(error: Error) -> Self {
        let terminated = |text: &str| format!("{}\0", text.replace('\0', "\\0"));
        let argument = error.argument().map(c_name);
        Self {
            status: status_of(error.kind()),
            message: terminated(&error.message_at(argument)).into(),
            argument: argument.map(terminated),
            json_path: error.json_path().map(terminated),
        }
    }
}

/// Returns the header's name of an argument.
fn c_name(argument: Argument) -> &'static str {
    match argument {
        Argument::Expires => "expires_at_us",
        other => other.name(),
    }
}

/// Error for exhausted memory. It is static, because creating one would need memory.
static EXHAUSTED: Details = Details {
    status: rbtoken_status_code::RBTOKEN_E_NO_MEMORY as rbtoken_status_t,
    message: Cow::Borrowed("memory is exhausted\0"),
    argument: None,
    json_path: None,
};

impl rbtoken_error_t {
    /// Returns a handle for an error.
    pub(crate) fn of(error: Error) -> *mut Self {
        if error == memory::exhausted(()) {
            return (&raw const EXHAUSTED).cast_mut().cast();
        }
        Self::into_handle(Details::from(error))
    }
}

/// Returns the status of an error: the one that the function returned with it.
///
/// `[immutable]`
///
/// @param error an error; NULL is allowed
/// @return the status; `RBTOKEN_OK` for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_status(error: *const rbtoken_error_t) -> rbtoken_status_t {
    // SAFETY: the host keeps the error for the duration of the call.
    catch_panic_or(0, || unsafe { rbtoken_error_t::get(error) }.map_or(0, |error| error.status))
}

/// Returns the message of an error: an English text for people, which programs should not parse. It
/// says what was wrong or expected, and in which argument, if one is at fault.
///
/// `[immutable]`
///
/// @param error an error; NULL is allowed
/// @return the message, never NULL for an error; valid until the error is freed; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_message(error: *const rbtoken_error_t) -> *const c_char {
    // SAFETY: the host keeps the error while it uses the text.
    unsafe { lend_detail(error, |error| Some(&*error.message)) }
}

/// Returns the name of the parameter, or of the field of an options struct, that is at fault.
///
/// `[immutable]`
///
/// @param error an error; NULL is allowed
/// @return the name; valid until the error is freed; NULL if no argument is at fault
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_argument(error: *const rbtoken_error_t) -> *const c_char {
    // SAFETY: the host keeps the error while it uses the text.
    unsafe { lend_detail(error, |error| error.argument.as_deref()) }
}

/// Returns the place in a JSON document that is at fault, as a JSONPath (RFC 9535) such as
/// `$.resources["*"].allow[2]`.
///
/// `[immutable]`
///
/// @param error an error; NULL is allowed
/// @return the path; valid until the error is freed; NULL if no place in a document is at fault
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_json_path(error: *const rbtoken_error_t) -> *const c_char {
    // SAFETY: the host keeps the error while it uses the text.
    unsafe { lend_detail(error, |error| error.json_path.as_deref()) }
}

/// Frees an error.
///
/// `[exclusive]`
///
/// @param error an error, which must not be used afterwards; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_free(error: *mut rbtoken_error_t) {
    if error.cast_const() == (&raw const EXHAUSTED).cast() {
        return;
    }
    // SAFETY: the host gives its error up.
    catch_panic_or((), || drop(unsafe { rbtoken_error_t::take(error) }));
}

/// # Safety
/// `error` is NULL or an error that lives while the text is used.
unsafe fn lend_detail(
    error: *const rbtoken_error_t,
    detail: impl FnOnce(&Details) -> Option<&str>,
) -> *const c_char {
    catch_panic_or(std::ptr::null(), || {
        // SAFETY: as promised by the caller.
        let text = unsafe { rbtoken_error_t::get(error) }.and_then(detail);
        lend(text, &Out::none())
    })
}
