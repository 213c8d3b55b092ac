//! Catches panics, which must not cross the boundary.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an exported function; returns `None` if it panics.
pub(crate) fn catch_panic<T>(body: impl FnOnce() -> T) -> Option<T> {
    // A test build counts the calls.
    #[cfg(count_calls)]
    super::call_counts::count(&body);
    let caught = catch_unwind(AssertUnwindSafe(|| {
        // A test build can panic here.
        #[cfg(rbtoken_panic_injection)]
        crate::panic_injection::point(crate::panic_injection::IN_GUARD);
        body()
    }));
    // Dropping the panic payload could panic again.
    caught.map_err(std::mem::forget).ok()
}

/// Runs the body of a function without a status; returns `otherwise` if it panics.
pub(crate) fn catch_panic_or<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    catch_panic(body).unwrap_or(otherwise)
}
