//! Reads and transactions, which are repeated after failures that had no effect.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::ReviewBoard;
use super::limits::{self, Limits};
use super::pool::{PooledConnection, TextMode};
use super::sql_error::SqlError;
use crate::error::{ErrorKind, Result};

/// Maximum number of attempts for a change that conflicts with others.
pub(super) const ATTEMPTS: u32 = 5;

impl ReviewBoard {
    /// Runs a read about one token, which may be repeated.
    pub(super) fn read_retrying<T>(
        &self,
        read: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T> {
        self.read_within(self.limits(), read)
    }

    /// Runs a read that may be repeated. It is retried once if the connection died while it was
    /// idle.
    pub(super) fn read_within<T>(
        &self,
        limits: Limits,
        read: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T> {
        let result = self.try_read(limits, read);
        result.map_err(|error| self.count_error(error).into())
    }

    pub(super) fn try_read<T>(
        &self,
        limits: Limits,
        mut read: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut connection = self.pool.acquire(limits)?;
        let mut result = read(&mut connection);
        if result.as_ref().is_err_and(SqlError::is_connection_dead) && !connection.is_new {
            drop(connection);
            self.count_retry();
            connection = self.pool.acquire_new(limits)?;
            result = read(&mut connection);
        }
        if matches!(result, Err(SqlError::FastPathFailed)) {
            connection.text_mode = TextMode::RowByRow;
            self.count_retry();
            result = read(&mut connection);
        }
        result
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a final error if it is a timeout.
    fn count_error(&self, error: SqlError) -> SqlError {
        if error.is_timeout() {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        error
    }

    /// Runs a transaction. It is retried after a conflict, after the loss of a connection that had
    /// been idle, and once after exhausted memory. None of these errors leaves anything committed.
    pub(super) fn transact<T>(
        &self,
        limits: Limits,
        mut work: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        self.retry_transaction(limits, |connection| connection.transaction(&mut work))
    }

    /// Runs a closure that begins and ends a transaction itself, with the retries of
    /// [`Self::transact`].
    pub(super) fn retry_transaction<T>(
        &self,
        limits: Limits,
        transaction: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let done = self.try_transaction(limits, transaction);
        if matches!(done, Err(SqlError::UnknownOutcome { .. }))
            && let Some(cache) = &self.login_cache
        {
            // The server may still execute it until this time.
            cache.block_until(Instant::now() + limits.statement + limits::MAX_GRACE);
        }
        done.map_err(|error| self.count_error(error))
    }

    fn try_transaction<T>(
        &self,
        limits: Limits,
        mut transaction: impl FnMut(&mut PooledConnection<'_>) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let mut connection = self.pool.acquire(limits)?;
        for attempt in 1.. {
            match transaction(&mut connection) {
                Err(SqlError::Conflict) if attempt < ATTEMPTS => {}
                Err(SqlError::Library(error))
                    if attempt == 1
                        && error.kind() == ErrorKind::NoMemory
                        && connection.is_usable() => {}
                Err(SqlError::FastPathFailed) if connection.text_mode == TextMode::All => {
                    connection.text_mode = TextMode::Ascii;
                }
                Err(error) if error.is_connection_dead() && !connection.is_new => {}
                done => return done,
            }
            self.count_retry();
            if !connection.is_usable() {
                let texts = connection.text_mode;
                drop(connection);
                connection = self.pool.acquire_new(limits)?;
                connection.text_mode = texts;
            }
        }
        Err(SqlError::Conflict)
    }
}
