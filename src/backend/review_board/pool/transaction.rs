//! Transactions.

use std::mem;

use super::PooledConnection;
use crate::backend::review_board::sql::{self, Dialect, Query, Row};
use crate::backend::review_board::sql_error::SqlError;

impl PooledConnection<'_> {
    /// Returns the dialect of the database, or `None` if the connection is closed.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.connection.as_ref().map(|connection| connection.dialect())
    }

    /// Runs work in a transaction. Returns `UnknownOutcome` if there was no response to the commit.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let begin = |pooled: &mut Self| {
            pooled.use_connection(|connection| connection.run(connection.dialect().begin))
        };
        self.transact(begin, |pooled, ()| work(pooled))
    }

    /// Runs work in a transaction after some queries, which are sent together with BEGIN if the
    /// database supports that. Their rows are passed to `each` with the index of the query and the
    /// state that the work gets. The queries must only read or lock.
    pub fn transaction_after<S, T>(
        &mut self,
        queries: &[Query<'_>],
        mut state: S,
        each: impl Fn(&mut S, usize, Row) -> Result<(), SqlError>,
        work: impl FnOnce(&mut Self, S) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        for query in queries {
            sql::check_room(query.statement, query.params)?;
        }
        let begin = |pooled: &mut Self| {
            let mut is_first = true;
            pooled.use_connection(|connection| {
                connection.begin(queries, &mut |index, row| {
                    sql::check_row_room(mem::replace(&mut is_first, false))?;
                    each(&mut state, index, row)
                })
            })?;
            Ok(state)
        };
        self.transact(begin, work)
    }

    fn transact<S, T>(
        &mut self,
        begin: impl FnOnce(&mut Self) -> Result<S, SqlError>,
        work: impl FnOnce(&mut Self, S) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        // Until the transaction has certainly ended, nobody else may use the connection.
        let was_usable = mem::replace(&mut self.is_usable, false);
        let done = match begin(self) {
            Ok(begun) => work(self, begun),
            Err(error) => Err(error),
        };
        let ended = match &done {
            Ok(_) => self.commit(),
            Err(error) if error.makes_connection_unusable() => return done,
            Err(_) => self.use_connection(|connection| connection.run("ROLLBACK")),
        };
        self.is_usable = was_usable && ended.is_ok();
        match (done, ended) {
            (Ok(done), ended) => ended.map(|()| done),
            (Err(error), _) => Err(error),
        }
    }

    /// Commits. After the deadline, nothing is sent.
    fn commit(&mut self) -> Result<(), SqlError> {
        self.use_connection(|connection| connection.refresh_session_limit())?;
        self.use_connection(|connection| connection.run("COMMIT")).map_err(|error| match error {
            SqlError::Lost(_) | SqlError::Tls(_) => SqlError::UnknownOutcome { timed_out: false },
            SqlError::Silent { .. } => SqlError::UnknownOutcome { timed_out: true },
            error => error,
        })
    }
}
