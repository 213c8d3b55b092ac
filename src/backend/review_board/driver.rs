//! Runs the futures of a database driver on the thread of the caller.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::sql_error::SqlError;

/// Runs a future with a time limit.
///
/// # Errors
/// `timeout_error` after the time limit. `Lost` if the driver panics: the state of the
/// connection is unknown then. Other connections are not affected.
pub(super) fn within<T>(
    runtime: &Runtime,
    limit: Duration,
    timeout_error: SqlError,
    future: impl Future<Output = T>,
) -> Result<T, SqlError> {
    let wait = || runtime.block_on(async { timeout(limit, future).await });
    // Leaked, since dropping the payload could panic again.
    match catch_unwind(AssertUnwindSafe(wait)).map_err(std::mem::forget) {
        Ok(result) => result.map_err(|_| timeout_error),
        Err(()) => Err(SqlError::Lost("the driver cannot parse the server's response".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn panic_of_a_driver_is_a_lost_connection() {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_secs(60);
        let timeout_error = SqlError::Silent { is_overdue: false };
        let panicked = within(&runtime, limit, timeout_error.clone(), async { panic!("planted") });
        assert!(matches!(panicked, Err::<(), _>(SqlError::Lost(_))));
        assert!(matches!(within(&runtime, limit, timeout_error.clone(), async { 1 }), Ok(1)));
        let silent = within(&runtime, Duration::ZERO, timeout_error, std::future::pending::<()>());
        assert!(matches!(silent, Err(SqlError::Silent { .. })));
    }
}
