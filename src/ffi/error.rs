use std::borrow::Cow;
use std::ffi::c_char;

use super::codes::status_of;
use super::support::{Handle, HandleKind, Out, guard_value, lend};
use crate::error::{Argument, Error};
use crate::memory;

/// What a function answers: one of the values of `rbtoken_status_code`, or the status of a
/// callback of the host, passed on unchanged. Like every value that an enum names here, it crosses
/// the boundary as an integer of 32 bits: the enums only give names.
pub type rbtoken_status_t = i32;

/// The statuses. Values are never reused; later versions may add some.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_status_code {
    /// The call did what it says.
    RBTOKEN_OK = 0,
    /// A required argument is NULL, or a text is NULL though its length is not 0.
    RBTOKEN_E_NULL_ARGUMENT = 1,
    /// An argument has a value that is not allowed.
    RBTOKEN_E_INVALID_ARGUMENT = 2,
    /// A text is not UTF-8.
    RBTOKEN_E_INVALID_UTF8 = 3,
    /// A text contains a NUL character.
    RBTOKEN_E_EMBEDDED_NUL = 4,
    /// A text is longer than its field allows.
    RBTOKEN_E_TOO_LONG = 5,
    /// `struct_size` is no size that the struct ever had: `RBTOKEN_INIT` was forgotten.
    RBTOKEN_E_STRUCT_SIZE = 6,
    /// A newer header's field is set, which this library does not know.
    RBTOKEN_E_UNSUPPORTED_OPTION = 7,
    /// A time lies outside the years 1 to 9999, or leads there.
    RBTOKEN_E_TIME_RANGE = 8,
    /// A document is not JSON.
    RBTOKEN_E_JSON_SYNTAX = 40,
    /// A JSON value has another type than the one that belongs there.
    RBTOKEN_E_JSON_TYPE = 41,
    /// A document is nested more than 128 levels deep.
    RBTOKEN_E_JSON_TOO_DEEP = 42,
    /// A number is neither an integer of 64 bits nor a finite float.
    RBTOKEN_E_JSON_NUMBER = 43,
    /// A policy breaks a rule of policies; the error tells where.
    RBTOKEN_E_POLICY = 44,
    /// There is no such token, Local Site or setting.
    RBTOKEN_E_NOT_FOUND = 80,
    /// There is such an object already.
    RBTOKEN_E_EXISTS = 81,
    /// The object is in a state that does not allow the call.
    RBTOKEN_E_STATE = 82,
    /// This build, or this kind of store, cannot do that.
    RBTOKEN_E_UNSUPPORTED = 83,
    /// The process was forked after the store was opened.
    RBTOKEN_E_FORKED = 84,
    /// An earlier `RBTOKEN_E_INTERNAL` may have left the store half-changed; it refuses everything.
    RBTOKEN_E_POISONED = 85,
    /// No token value could be generated: no such generator, no entropy, or 20 values in a row that
    /// exist already.
    RBTOKEN_E_GENERATION = 120,
    /// A callback of the host broke its contract.
    RBTOKEN_E_CALLBACK = 121,
    /// Another process, or another store of this one, owns the file.
    RBTOKEN_E_LOCKED = 160,
    /// The operating system refused an input or output operation.
    RBTOKEN_E_IO = 161,
    /// Stored data is damaged.
    RBTOKEN_E_CORRUPT = 162,
    /// Stored data was written by an incompatible version.
    RBTOKEN_E_VERSION = 163,
    /// The database refused or failed.
    RBTOKEN_E_DATABASE = 164,
    /// The operation did not end in its time.
    RBTOKEN_E_TIMEOUT = 165,
    /// The memory is exhausted.
    RBTOKEN_E_NO_MEMORY = 200,
    /// A defect of the library. Nothing was changed, or the store says `RBTOKEN_E_POISONED` from
    /// now on.
    RBTOKEN_E_INTERNAL = 201,
}

/// What went wrong in a call, in detail. A function that fails gives one to a host that passes
/// `rbtoken_error_t **error`; the host frees it with `rbtoken_error_free()`.
///
/// It never contains a token's value.
pub struct rbtoken_error_t {
    _opaque: [u8; 0],
}

/// The texts of an error, each with a NUL behind it.
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
        Self {
            status: status_of(error.kind()),
            message: terminated(error.message()).into(),
            argument: error.argument().map(|argument| terminated(c_name(argument))),
            json_path: error.json_path().map(terminated),
        }
    }
}

/// The name that the header has for an argument.
fn c_name(argument: Argument) -> &'static str {
    match argument {
        Argument::Expires => "expires_at_us",
        other => other.name(),
    }
}

/// The error for exhausted memory, which is made of none.
static EXHAUSTED: Details = Details {
    status: rbtoken_status_code::RBTOKEN_E_NO_MEMORY as rbtoken_status_t,
    message: Cow::Borrowed("the memory is exhausted\0"),
    argument: None,
    json_path: None,
};

impl rbtoken_error_t {
    /// Hands an error over.
    pub(crate) fn of(error: Error) -> *mut Self {
        if error == memory::exhausted(()) {
            return (&raw const EXHAUSTED).cast_mut().cast();
        }
        Self::give(Details::from(error))
    }
}

/// The status that the function returned together with this error.
///
/// `[immutable]`
///
/// @param error an error; NULL is allowed
/// @return the status; `RBTOKEN_OK` for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_status(error: *const rbtoken_error_t) -> rbtoken_status_t {
    // SAFETY: the host keeps the error for the duration of the call.
    guard_value(0, || unsafe { rbtoken_error_t::get(error) }.map_or(0, |error| error.status))
}

/// What went wrong, in English, for people: for a log or a message, not to be parsed.
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

/// The name of the parameter, or of the field of an options struct, that is at fault.
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

/// The place inside a JSON document that is at fault, as a JSONPath (RFC 9535) such as
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
/// @param error an error, which is not used again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_error_free(error: *mut rbtoken_error_t) {
    if error.cast_const() == (&raw const EXHAUSTED).cast() {
        return;
    }
    // SAFETY: the host gives its error up.
    guard_value((), || drop(unsafe { rbtoken_error_t::take(error) }));
}

/// # Safety
/// `error` is NULL or an error that lives while the text is used.
unsafe fn lend_detail(
    error: *const rbtoken_error_t,
    detail: impl FnOnce(&Details) -> Option<&str>,
) -> *const c_char {
    guard_value(std::ptr::null(), || {
        // SAFETY: as promised by the caller.
        let text = unsafe { rbtoken_error_t::get(error) }.and_then(detail);
        lend(text, &Out::none())
    })
}
