//! Transactions: work that happens whole or not at all.

use std::mem;

use super::Lease;
use crate::backend::review_board::fault::Fault;
use crate::backend::review_board::sql::{self, Dialect, Query, Row};

impl Lease<'_> {
    /// Returns what differs between databases; none once the connection is closed.
    pub fn dialect(&self) -> Option<&'static Dialect> {
        self.connection.as_ref().map(|connection| connection.dialect())
    }

    /// Does work that happens whole or not at all. Of a commit that got no answer, nobody knows
    /// which: that is `Unknown`.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let begin =
            |lease: &mut Self| lease.ask(|connection| connection.run(connection.dialect().begin));
        self.transact(begin, |lease, ()| work(lease))
    }

    /// The same, after queries that are sent together with the begin where the database can do
    /// that. Their rows are given to `each`, with the number of the query, to change what the work
    /// is given. They must only read or lock.
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
        // Until its end is sure, the connection is nobody else's to use.
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

    /// Commits a transaction. Once the deadline has passed, nothing is sent.
    fn commit(&mut self) -> Result<(), Fault> {
        self.ask(|connection| connection.refresh_session_limit())?;
        self.ask(|connection| connection.run("COMMIT")).map_err(|fault| match fault {
            Fault::Lost(_) | Fault::Tls(_) => Fault::Unknown { timed_out: false },
            Fault::Silent { .. } => Fault::Unknown { timed_out: true },
            fault => fault,
        })
    }
}
