//! No panic crosses the boundary.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Out;
use crate::error::{Error, ErrorKind, Result};
use crate::ffi::codes::status_of;
use crate::ffi::error::{rbtoken_error_t, rbtoken_status_code, rbtoken_status_t};

/// Runs the body of a function that has a status. Its outputs must have been cleared before, and
/// the body sets them last, so that a failure or a panic leaves them cleared.
///
/// # Safety
/// `error` is NULL or can be written.
pub(crate) unsafe fn guard(
    error: *mut *mut rbtoken_error_t,
    body: impl FnOnce() -> Result<()>,
) -> rbtoken_status_t {
    // SAFETY: as promised by the caller.
    let error = unsafe { Out::clear(error) };
    let failure = match catch_unwind(AssertUnwindSafe(|| provable(body))) {
        Ok(Ok(())) => return rbtoken_status_code::RBTOKEN_OK as rbtoken_status_t,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            // Dropping what was thrown could panic again.
            std::mem::forget(payload);
            Error::new(ErrorKind::Internal, "internal error: a defect of the library")
        }
    };
    let status = status_of(failure.kind());
    error.set_if_wanted(|| rbtoken_error_t::of(failure));
    status
}

/// The body, with a place before it where a test build can panic.
fn provable<T>(body: impl FnOnce() -> T) -> T {
    #[cfg(rbtoken_panic_proof)]
    crate::panic_proof::point(crate::panic_proof::IN_GUARD);
    body()
}

/// Runs the body of a function that has no status; a panic answers with NULL, 0 or false.
pub(crate) fn guard_value<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(|| provable(body))) {
        Ok(value) => value,
        Err(payload) => {
            std::mem::forget(payload);
            otherwise
        }
    }
}
