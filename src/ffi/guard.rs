//! Converts the failure of an exported function into a status and an error object.

use super::codes::status_of;
use super::error::{rbtoken_error_t, rbtoken_status_code, rbtoken_status_t};
use super::support::{Out, catch_panic};
use crate::error::{Error, ErrorKind, Result};

/// Runs the body of a function that returns a status, and converts an error or a panic. The caller
/// must have cleared the outputs, and the body must set them last, so that they stay cleared on
/// failure.
///
/// # Safety
/// `error` is NULL or can be written.
pub(crate) unsafe fn catch_error(
    error: *mut *mut rbtoken_error_t,
    body: impl FnOnce() -> Result<()>,
) -> rbtoken_status_t {
    // SAFETY: as promised by the caller.
    let error = unsafe { Out::clear(error) };
    let failure = match catch_panic(body) {
        Some(Ok(())) => return rbtoken_status_code::RBTOKEN_OK as rbtoken_status_t,
        Some(Err(failure)) => failure,
        None => Error::new(ErrorKind::Internal, "internal error: a bug in the library"),
    };
    let status = status_of(failure.kind());
    error.set_if_wanted(|| rbtoken_error_t::of(failure));
    status
}
