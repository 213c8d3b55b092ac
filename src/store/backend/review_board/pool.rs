//! A bounded number of connections, shared by all threads.

use std::mem;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::sql::{Connection, Fault, Param, Row};
use crate::error::Result;
use crate::os::{descriptors, fork};
use crate::store::backend::forked;

/// Opens a connection.
type Connect = Box<dyn Fn() -> Result<Box<dyn Connection>, Fault> + Send + Sync>;

/// A child of `fork` has copies of its parent's connections: what it sent or closed there would be
/// the parent's to suffer. So it is refused everything, and its copies are leaked.
pub(super) struct Pool {
    connect: Connect,
    size: usize,
    /// How long a caller waits for a connection that others have.
    patience: Duration,
    state: Mutex<State>,
    returned: Condvar,
    forks: Option<u64>,
}

#[derive(Default)]
struct State {
    idle: Vec<Box<dyn Connection>>,
    /// Idle ones and those that callers have.
    open: usize,
}

impl Pool {
    pub fn new(connect: Connect, size: usize, patience: Duration) -> Self {
        let forks = fork::generation();
        Self { connect, size, patience, state: Mutex::default(), returned: Condvar::new(), forks }
    }

    /// Whether this is a child of the process that opened the store.
    pub fn was_forked(&self) -> bool {
        self.forks.is_none() || fork::generation() != self.forks
    }

    /// A connection for the caller alone.
    pub fn lease(&self) -> Result<Lease<'_>, Fault> {
        if self.was_forked() {
            return Err(forked().into());
        }
        let deadline = Instant::now() + self.patience;
        let mut state = self.state.lock();
        loop {
            if let Some(connection) = state.idle.pop() {
                return Ok(Lease::new(self, connection, false));
            }
            if state.open < self.size {
                state.open += 1;
                break;
            }
            if self.returned.wait_until(&mut state, deadline).timed_out() {
                return Err(Fault::TimedOut);
            }
        }
        drop(state);
        // A panic in a driver must not take the place with it.
        let place = Place(self);
        descriptors::occupy_standard_streams().map_err(|error| Fault::Lost(error.to_string()))?;
        let connection = (self.connect)()?;
        mem::forget(place);
        Ok(Lease::new(self, connection, true))
    }

    /// A connection was lost, so those that idle are most likely too.
    fn forget_idle(&self) {
        let idle = {
            let mut state = self.state.lock();
            state.open -= state.idle.len();
            mem::take(&mut state.idle)
        };
        self.returned.notify_all();
        drop(idle);
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.was_forked() {
            mem::forget(mem::take(&mut self.state.get_mut().idle));
        }
    }
}

/// A place in the pool that has no connection.
struct Place<'a>(&'a Pool);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state.lock().open -= 1;
        self.0.returned.notify_one();
    }
}

/// A connection that goes back to the pool, unless it was lost or left inside a transaction.
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Box<dyn Connection>>,
    /// Made for this lease, so it cannot be one that died while it idled.
    pub is_new: bool,
    is_usable: bool,
}

impl<'a> Lease<'a> {
    fn new(pool: &'a Pool, connection: Box<dyn Connection>, is_new: bool) -> Self {
        Self { pool, connection: Some(connection), is_new, is_usable: true }
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(connection) = self.connection.as_deref_mut() else {
            return Err(Fault::Lost("it was closed".to_owned()));
        };
        let answer = question(connection);
        if matches!(answer, Err(Fault::Lost(_) | Fault::TimedOut)) {
            self.is_usable = false;
        }
        if matches!(answer, Err(Fault::Lost(_))) {
            self.pool.forget_idle();
        }
        answer
    }

    /// Ends a query whose rows stay locked until the transaction ends.
    pub fn lock(&self) -> &'static str {
        self.connection.as_ref().map_or("", |connection| connection.dialect().lock)
    }

    pub fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        self.ask(|connection| connection.query(statement, params))
    }

    pub fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        self.ask(|connection| connection.execute(statement, params))
    }

    pub fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault> {
        self.ask(|connection| connection.insert(statement, params))
    }

    /// Does work that happens whole or not at all. Of a commit that got no answer, nobody knows
    /// which: that is `Unknown`.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(dialect) = self.connection.as_ref().map(|connection| connection.dialect()) else {
            return Err(Fault::Lost("it was closed".to_owned()));
        };
        // Until its end is sure, the connection is nobody else's to use.
        let was_usable = mem::replace(&mut self.is_usable, false);
        self.ask(|connection| connection.run(dialect.begin))?;
        let done = work(self);
        let ended = match &done {
            Ok(_) => self.ask(|connection| connection.run("COMMIT")).map_err(|fault| match fault {
                // It goes with the connection, which nobody gets again.
                Fault::TimedOut if !dialect.commits_elsewhere => Fault::TimedOut,
                Fault::Lost(_) | Fault::TimedOut => Fault::Unknown,
                fault => fault,
            }),
            Err(Fault::Lost(_) | Fault::TimedOut) => return done,
            Err(_) => self.ask(|connection| connection.run("ROLLBACK")),
        };
        self.is_usable = was_usable && ended.is_ok();
        match (done, ended) {
            (Ok(done), ended) => ended.map(|()| done),
            (Err(fault), _) => Err(fault),
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let connection = self.connection.take();
        if let Some(connection) = connection {
            if self.is_usable && !std::thread::panicking() {
                self.pool.state.lock().idle.push(connection);
                self.pool.returned.notify_one();
            } else {
                let place = Place(self.pool);
                drop(connection);
                drop(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::sql::Dialect;
    use super::*;

    static DIALECT: Dialect = Dialect { begin: "BEGIN", lock: "", commits_elsewhere: true };

    /// A connection that is lost at a statement.
    struct Fake {
        lost_at: &'static str,
        closed: Arc<AtomicUsize>,
    }

    impl Connection for Fake {
        fn dialect(&self) -> &'static Dialect {
            &DIALECT
        }

        fn run(&mut self, statement: &str) -> Result<(), Fault> {
            if statement == self.lost_at { Err(Fault::Lost("gone".into())) } else { Ok(()) }
        }

        fn query(&mut self, statement: &str, _: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
            self.run(statement).map(|()| Vec::new())
        }

        fn execute(&mut self, statement: &str, _: &[Param<'_>]) -> Result<u64, Fault> {
            self.run(statement).map(|()| 1)
        }

        fn insert(&mut self, statement: &str, _: &[Param<'_>]) -> Result<i64, Fault> {
            self.run(statement).map(|()| 1)
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn pool(lost_at: &'static str, size: usize) -> (Pool, Arc<AtomicUsize>) {
        let closed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&closed);
        let connect = move || -> Result<Box<dyn Connection>, Fault> {
            Ok(Box::new(Fake { lost_at, closed: Arc::clone(&counter) }))
        };
        (Pool::new(Box::new(connect), size, Duration::from_millis(1)), closed)
    }

    #[test]
    fn there_are_never_more_connections_than_the_pool_is_large() {
        let (pool, _) = pool("", 2);
        let (first, second) = (pool.lease().unwrap(), pool.lease().unwrap());
        assert!(matches!(pool.lease().map(drop), Err(Fault::TimedOut)));
        drop(first);
        let again = pool.lease().unwrap();
        assert!(!again.is_new && second.is_new);
    }

    #[test]
    fn a_commit_without_an_answer_is_not_reported_as_done() {
        let (pool, closed) = pool("COMMIT", 1);
        let done = pool.lease().unwrap().transaction(|_| Ok(()));
        assert!(matches!(done, Err(Fault::Unknown)));
        // Nobody gets what may be inside a transaction still.
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        assert!(pool.lease().unwrap().is_new);
    }

    #[test]
    fn work_that_fails_is_rolled_back_and_its_connection_kept() {
        let (pool, closed) = pool("", 1);
        let done = pool.lease().unwrap().transaction(|_| Err::<(), _>(Fault::Duplicate));
        assert!(matches!(done, Err(Fault::Duplicate)));
        assert!(!pool.lease().unwrap().is_new);
        assert_eq!(closed.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_lost_connection_takes_those_that_idle_with_it() {
        let (pool, closed) = pool("SELECT", 3);
        let (mut first, second) = (pool.lease().unwrap(), pool.lease().unwrap());
        drop(second);
        assert!(matches!(first.query("SELECT", &[]), Err(Fault::Lost(_))));
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        drop(first);
        assert_eq!(closed.load(Ordering::Relaxed), 2);
        assert!(pool.lease().unwrap().is_new);
    }
}
