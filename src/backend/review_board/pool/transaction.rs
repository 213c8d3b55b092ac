//! Transactions.

use std::mem;

use super::Lease;
use crate::backend::review_board::fault::Fault;
use crate::backend::review_board::sql::{self, Dialect, Query, Row};

impl Lease<'_> {
    /// Returns the dialect of the database, or `None` if the connection is closed.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.connection.as_ref().map(|connection| connection.dialect())
    }

    /// Runs work in a transaction. Returns `Unknown` if there was no response to the commit.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let begin =
            |lease: &mut Self| lease.ask(|connection| connection.run(connection.dialect().begin));
        self.transact(begin, |lease, ()| work(lease))
    }

    /// Runs work in a transaction after some queries, which are sent together with BEGIN if the
    /// database supports that. Their rows are passed to `each` with the index of the query and the
    /// state that the work gets. The queries must only read or lock.
    pub fn transaction_after<S, T>(
        &mut self,
        queries: &[Query<'_>],
        mut state: S,
        each: impl Fn(&mut S, usize, Row) -> Result<(), Fault>,
        work: impl FnOnce(&mut Self, S) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        for query in queries {
            sql::check_room(query.statement, query.params)?;
        }
        let begin = |lease: &mut Self| {
            let mut is_first = true;
            lease.ask(|connection| {
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
        begin: impl FnOnce(&mut Self) -> Result<S, Fault>,
        work: impl FnOnce(&mut Self, S) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        // Until the transaction has certainly ended, nobody else may use the connection.
        let was_usable = mem::replace(&mut self.is_usable, false);
        let done = match begin(self) {
            Ok(begun) => work(self, begun),
            Err(fault) => Err(fault),
        };
        let ended = match &done {
            Ok(_) => self.commit(),
            Err(fault) if fault.ends_connection() => return done,
            Err(_) => self.ask(|connection| connection.run("ROLLBACK")),
        };
        self.is_usable = was_usable && ended.is_ok();
        match (done, ended) {
            (Ok(done), ended) => ended.map(|()| done),
            (Err(fault), _) => Err(fault),
        }
    }

    /// Commits. After the deadline, nothing is sent.
    fn commit(&mut self) -> Result<(), Fault> {
        self.ask(|connection| connection.refresh_session_limit())?;
        self.ask(|connection| connection.run("COMMIT")).map_err(|fault| match fault {
            Fault::Lost(_) | Fault::Tls(_) => Fault::Unknown { timed_out: false },
            Fault::Silent { .. } => Fault::Unknown { timed_out: true },
            fault => fault,
        })
    }
}
