//! A bounded number of connections, shared by all threads.

use std::mem;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::fault::Fault;
use super::limits::Limits;
use super::sql::{self, Connection, ForRows, Param, Row};
use crate::backend::forked;
use crate::memory;
use crate::os::{descriptors, fork};

/// Opens a connection.
type Connect = Box<dyn Fn(&Limits) -> Result<Box<dyn Connection>, Fault> + Send + Sync>;

/// A connection that idled for longer is not used again: servers close those, and the boxes between
/// forget them.
const MAX_IDLE: Duration = Duration::from_secs(120);

/// How long nobody connects after the first failure, and at most. It doubles with each failure.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// A child of `fork` has copies of its parent's connections: what it sent or closed there would be
/// the parent's to suffer. So it is refused everything, and its copies are leaked.
pub(super) struct Pool {
    connect: Connect,
    /// How long one attempt to connect takes at most.
    connect_timeout: Duration,
    size: usize,
    state: Mutex<State>,
    /// A connection was returned, or a place became free.
    returned: Condvar,
    forks: Option<u64>,
}

/// A connection that nobody uses, and since when.
type Idle = (Instant, Box<dyn Connection>);

#[derive(Default)]
struct State {
    /// The one that was returned last is the last.
    idle: Vec<Idle>,
    /// The places that are taken: by idle connections, those that callers have, and those that were
    /// given up while the server may be busy with them still.
    open: usize,
    /// Until when each of the latter takes its place.
    abandoned: Vec<Instant>,
    failure: Option<Failure>,
}

/// The last attempt to connect failed.
struct Failure {
    fault: Fault,
    at: Instant,
    /// Nobody connects before this.
    retry_at: Instant,
    backoff: Duration,
    /// Somebody connects just now, and the others wait for the outcome.
    is_retried: bool,
}

impl State {
    /// Frees the places of connections that were given up and are gone by now. The idle ones that
    /// are too old are for the caller to close, without the lock.
    fn clean_up(&mut self, now: Instant) -> Vec<Idle> {
        let abandoned = self.abandoned.len();
        self.abandoned.retain(|until| *until > now);
        self.open -= abandoned - self.abandoned.len();
        // The oldest are in front.
        let is_fresh = |(since, _): &Idle| now.saturating_duration_since(*since) < MAX_IDLE;
        let old = self.idle.iter().position(is_fresh).unwrap_or(self.idle.len());
        self.idle.drain(..old).collect()
    }

    /// When something changes by itself.
    fn next_change(&self, size: usize) -> Option<Instant> {
        let may_connect = self.open < size;
        let failure = self.failure.as_ref().filter(|failure| may_connect && !failure.is_retried);
        let retry_at = failure.map(|failure| failure.retry_at);
        self.abandoned.iter().copied().chain(retry_at).min()
    }

    /// Notes that an attempt to connect failed. Of those that were made at the same time, one
    /// counts.
    fn fail(&mut self, fault: Fault, began: Instant) {
        let at = Instant::now();
        let backoff = match &self.failure {
            None => MIN_BACKOFF,
            Some(last) if last.at > began => last.backoff,
            Some(last) => (last.backoff * 2).min(MAX_BACKOFF),
        };
        self.failure =
            Some(Failure { fault, at, retry_at: at + backoff, backoff, is_retried: false });
    }
}

impl Pool {
    pub fn new(connect: Connect, connect_timeout: Duration, size: usize) -> Self {
        Self {
            connect,
            connect_timeout,
            size,
            state: Mutex::default(),
            returned: Condvar::new(),
            forks: fork::generation(),
        }
    }

    /// Whether this is a child of the process that opened the store.
    pub fn was_forked(&self) -> bool {
        self.forks.is_none() || fork::generation() != self.forks
    }

    /// A connection for the caller alone.
    pub fn lease(&self, limits: Limits) -> Result<Lease<'_>, Fault> {
        self.lease_any(limits, true)
    }

    /// The same, of a connection that was made just now.
    pub fn lease_new(&self, limits: Limits) -> Result<Lease<'_>, Fault> {
        self.lease_any(limits, false)
    }

    fn lease_any(&self, limits: Limits, may_be_old: bool) -> Result<Lease<'_>, Fault> {
        let start = Instant::now();
        loop {
            if self.was_forked() {
                return Err(forked().into());
            }
            let Some((mut place, idle)) = self.place(limits, start)? else { continue };
            match idle {
                Some(connection) if may_be_old => {
                    return Ok(Lease::new(place, connection, false, limits));
                }
                idle => drop(idle),
            }
            descriptors::occupy_standard_streams()
                .map_err(|error| Fault::Lost(error.to_string()))?;
            let began = Instant::now();
            match (self.connect)(&limits) {
                Ok(connection) => {
                    self.state.lock().failure = None;
                    place.is_retry = false;
                    // Those that waited for the outcome connect too.
                    self.returned.notify_all();
                    return Ok(Lease::new(place, connection, true, limits));
                }
                Err(fault) => {
                    let mut state = self.state.lock();
                    let has_others = state.open > state.abandoned.len() + 1;
                    // What ended by this caller's own deadline says nothing about the server.
                    if limits.remaining().is_ok() {
                        state.fail(fault.clone(), began);
                    }
                    drop(state);
                    if matches!(fault, Fault::Silent { .. }) {
                        // The server has not seen yet that nobody waits for it.
                        place.next = Next::Abandoned(Instant::now() + self.connect_timeout);
                    }
                    drop(place);
                    // A full server has room, at the latest, when another caller is done.
                    if !may_wait(&fault) || !has_others {
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// Waits for a place, with a connection that idles in it or for a new one. None: try again.
    fn place(&self, limits: Limits, start: Instant) -> Result<Option<Found<'_>>, Fault> {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            if limits.deadline <= now {
                let full = state.failure.as_ref().map(|failure| &failure.fault);
                return Err(full
                    .filter(|fault| may_wait(fault))
                    .cloned()
                    .unwrap_or(Fault::TimedOut));
            }
            let old = state.clean_up(now);
            if !old.is_empty() {
                drop(state);
                self.close(old);
                return Ok(None);
            }
            if let Some((_, connection)) = state.idle.pop() {
                return Ok(Some((Place::new(self, false), Some(connection))));
            }
            if state.open < self.size {
                match &mut state.failure {
                    None => {
                        state.open += 1;
                        return Ok(Some((Place::new(self, false), None)));
                    }
                    Some(failure) if failure.retry_at <= now && !failure.is_retried => {
                        // One attempt at a time, until one succeeds.
                        failure.is_retried = true;
                        state.open += 1;
                        return Ok(Some((Place::new(self, true), None)));
                    }
                    // Somebody has tried since: the answer is this caller's too.
                    Some(failure) if failure.at > start && !may_wait(&failure.fault) => {
                        return Err(failure.fault.clone());
                    }
                    Some(_) => {}
                }
            }
            let until =
                state.next_change(self.size).map_or(limits.deadline, |at| at.min(limits.deadline));
            self.returned.wait_until(&mut state, until);
        }
    }

    /// A connection was lost, so those that idle are most likely too.
    fn forget_idle(&self) {
        let idle = mem::take(&mut self.state.lock().idle);
        self.close(idle);
    }

    /// Closes connections, and frees their places once they are closed.
    fn close(&self, idle: Vec<Idle>) {
        let count = idle.len();
        drop(idle);
        self.state.lock().open -= count;
        self.returned.notify_all();
    }
}

/// Whether a connection may become free where one could not be made.
fn may_wait(fault: &Fault) -> bool {
    matches!(fault, Fault::Full(_))
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.was_forked() {
            mem::forget(mem::take(&mut self.state.get_mut().idle));
        }
    }
}

/// A place, and the connection that idles in it.
type Found<'a> = (Place<'a>, Option<Box<dyn Connection>>);

/// A place in the pool, for one connection.
struct Place<'a> {
    pool: &'a Pool,
    /// Others wait for the outcome of the attempt to connect that it is for.
    is_retry: bool,
    next: Next,
}

/// What a place is for when its owner is done.
enum Next {
    Free,
    /// The connection that it has idles.
    Idle,
    /// The connection that it had was given up, and the server may have it until then.
    Abandoned(Instant),
}

impl<'a> Place<'a> {
    fn new(pool: &'a Pool, is_retry: bool) -> Self {
        Self { pool, is_retry, next: Next::Free }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        match self.next {
            Next::Free => state.open -= 1,
            Next::Idle => {}
            Next::Abandoned(until) => state.abandoned.push(until),
        }
        if let Some(failure) = state.failure.as_mut().filter(|_| self.is_retry) {
            failure.is_retried = false;
        }
        drop(state);
        // All: a caller that waits for something else must not get the only notice.
        self.pool.returned.notify_all();
    }
}

/// A connection that goes back to the pool, unless it was lost or left inside a transaction.
pub(super) struct Lease<'a> {
    connection: Option<Box<dyn Connection>>,
    place: Place<'a>,
    /// Made for this lease, so it cannot be one that died while it idled.
    pub is_new: bool,
    /// How rows of tokens are read.
    pub texts: Texts,
    is_usable: bool,
}

/// How the texts of rows are read. A server refuses the rest of a query because of one text that it
/// cannot convert, so the query is repeated in one of the other ways.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    All,
    /// Row by row; of those that the server refuses, what is ASCII.
    RowByRow,
    /// What is ASCII: in a transaction, which a refused query would end.
    Ascii,
}

impl<'a> Lease<'a> {
    fn new(
        place: Place<'a>,
        mut connection: Box<dyn Connection>,
        is_new: bool,
        limits: Limits,
    ) -> Self {
        connection.set_limits(limits);
        Self { connection: Some(connection), place, is_new, texts: Texts::All, is_usable: true }
    }

    fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut dyn Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Some(connection) = self.connection.as_deref_mut() else {
            return Err(Fault::Lost("it was closed".to_owned()));
        };
        let answer = question(connection);
        if let Err(fault) = &answer {
            self.is_usable &= !fault.ends_connection();
            if fault.is_gone() {
                self.place.pool.forget_idle();
            }
        }
        answer
    }

    /// Ends a query whose rows stay locked until the transaction ends.
    pub fn lock(&self) -> &'static str {
        self.connection.as_ref().map_or("", |connection| connection.dialect().lock)
    }

    /// Locks a user by an id, where the user's row is not locked.
    pub fn lock_user(&self) -> Option<&'static str> {
        self.connection.as_ref().and_then(|connection| connection.dialect().lock_user)
    }

    /// The function by which times are compared.
    pub fn time(&self) -> &'static str {
        self.connection.as_ref().map_or("", |connection| connection.dialect().time)
    }

    /// The names of the columns that a new token must have a value for.
    pub fn required_columns(&mut self) -> Result<Vec<String>, Fault> {
        let statement = self.connection.as_ref().map_or("", |it| it.dialect().required_columns);
        let rows = self.query(statement, &[])?;
        let names = rows.into_iter().filter_map(|mut row| row.text().ok().flatten());
        Ok(names.map(|name| name.to_string()).collect())
    }

    /// Reads rows, and gives each to `each` as it arrives.
    pub fn query_each(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: ForRows<'_>,
    ) -> Result<(), Fault> {
        sql::check_room(statement, params)?;
        let mut is_first = true;
        self.ask(|connection| {
            connection.query(statement, params, &mut |row| {
                sql::check_row_room(mem::replace(&mut is_first, false))?;
                each(row)
            })
        })
    }

    pub fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        self.query_each(statement, params, &mut |row| Ok(memory::push(&mut rows, row)?))?;
        Ok(rows)
    }

    pub fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        sql::check_room(statement, params)?;
        self.ask(|connection| connection.execute(statement, params))
    }

    pub fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault> {
        sql::check_room(statement, params)?;
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
}

impl Lease<'_> {
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

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_usable && !std::thread::panicking() {
            self.place.pool.state.lock().idle.push((Instant::now(), connection));
            self.place.next = Next::Idle;
        } else if let Some(until) = connection.busy_until() {
            self.place.next = Next::Abandoned(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::super::sql::Dialect;
    use super::*;
    use crate::os::deadline;

    const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

    static DIALECT: Dialect =
        Dialect { begin: "BEGIN", lock: "", lock_user: None, time: "", required_columns: "" };

    /// A connection that fails at a statement, and sends nothing after its deadline.
    struct Fake {
        fails_at: &'static str,
        fault: Fault,
        busy_until: Option<Instant>,
        closed: Arc<AtomicUsize>,
        limits: Limits,
    }

    impl Fake {
        fn failing(fails_at: &'static str, fault: Fault) -> Self {
            let limits = limits(0);
            Self { fails_at, fault, busy_until: None, closed: Arc::default(), limits }
        }

        fn good() -> Self {
            Self::failing("nothing", Fault::Duplicate)
        }
    }

    impl Connection for Fake {
        fn dialect(&self) -> &'static Dialect {
            &DIALECT
        }

        fn set_limits(&mut self, limits: Limits) {
            self.limits = limits;
        }

        fn busy_until(&self) -> Option<Instant> {
            self.busy_until
        }

        fn run(&mut self, statement: &str) -> Result<(), Fault> {
            self.limits.remaining()?;
            if statement == self.fails_at { Err(self.fault.clone()) } else { Ok(()) }
        }

        fn query(&mut self, statement: &str, _: &[Param<'_>], _: ForRows<'_>) -> Result<(), Fault> {
            self.run(statement)
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

    fn limits(millis: u64) -> Limits {
        Limits::of_call(Duration::from_millis(millis), Duration::from_secs(1))
    }

    fn pool_of(
        size: usize,
        connection: impl Fn() -> Result<Fake, Fault> + Send + Sync + 'static,
    ) -> Pool {
        let connect =
            move |_: &Limits| -> Result<Box<dyn Connection>, Fault> { Ok(Box::new(connection()?)) };
        Pool::new(Box::new(connect), CONNECT_TIMEOUT, size)
    }

    fn pool(fails_at: &'static str, size: usize) -> (Pool, Arc<AtomicUsize>) {
        let closed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&closed);
        let fake = move || {
            let mut fake = Fake::failing(fails_at, Fault::Lost("gone".into()));
            fake.closed = Arc::clone(&counter);
            Ok(fake)
        };
        (pool_of(size, fake), closed)
    }

    #[test]
    fn pool_opens_no_more_connections_than_its_size() {
        let (pool, _) = pool("", 2);
        let (first, second) = (pool.lease(limits(10)).unwrap(), pool.lease(limits(10)).unwrap());
        assert!(matches!(pool.lease(limits(10)).map(drop), Err(Fault::TimedOut)));
        drop(first);
        let again = pool.lease(limits(10)).unwrap();
        assert!(!again.is_new && second.is_new);
    }

    #[test]
    fn commit_without_an_answer_is_not_reported_as_done() {
        let (pool, closed) = pool("COMMIT", 1);
        let done = pool.lease(limits(1000)).unwrap().transaction(|_| Ok(()));
        assert!(matches!(done, Err(Fault::Unknown { timed_out: false })));
        // Nobody gets what may be inside a transaction still.
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        assert!(pool.lease(limits(1000)).unwrap().is_new);
    }

    #[test]
    fn commit_after_the_deadline_is_not_sent() {
        // It would fail otherwise than by the deadline.
        let pool = pool_of(1, || Ok(Fake::failing("COMMIT", Fault::Duplicate)));
        let done = pool.lease(limits(100)).unwrap().transaction(|_| {
            std::thread::sleep(Duration::from_millis(150));
            Ok(())
        });
        assert!(matches!(done, Err(Fault::TimedOut)));
        // The transaction is still open, so its connection is not used again.
        assert!(pool.lease(limits(1000)).unwrap().is_new);
    }

    #[test]
    fn commit_over_broken_tls_has_an_unknown_outcome() {
        let pool = pool_of(1, || Ok(Fake::failing("COMMIT", Fault::Tls("a bad record".into()))));
        let done = pool.lease(limits(1000)).unwrap().transaction(|_| Ok(()));
        assert!(matches!(done, Err(Fault::Unknown { timed_out: false })));
    }

    #[test]
    fn waiting_caller_gets_the_place_of_an_abandoned_connection() {
        deadline::start();
        let soon = Instant::now() + Duration::from_millis(200);
        let pool = pool_of(1, move || {
            let mut fake = Fake::failing("SELECT", Fault::Silent { is_overdue: true });
            fake.busy_until = Some(soon);
            Ok(fake)
        });
        let mut first = pool.lease(limits(60_000)).unwrap();
        assert!(first.query("SELECT", &[]).is_err());
        std::thread::scope(|scope| {
            // Less than the deadline of this test, so that a lost notice is an error.
            let waiter = scope.spawn(|| pool.lease(limits(30_000)).map(drop));
            std::thread::sleep(Duration::from_millis(50));
            drop(first);
            assert!(waiter.join().unwrap().is_ok());
        });
    }

    #[test]
    fn failed_work_is_rolled_back_and_its_connection_kept() {
        let (pool, closed) = pool("", 1);
        let mut lease = pool.lease(limits(1000)).unwrap();
        let done = lease.transaction(|_| Err::<(), _>(Fault::Duplicate));
        drop(lease);
        assert!(matches!(done, Err(Fault::Duplicate)));
        assert!(!pool.lease(limits(1000)).unwrap().is_new);
        assert_eq!(closed.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn lost_connection_takes_its_idle_siblings_with_it() {
        let (pool, closed) = pool("SELECT", 3);
        let (mut first, second) =
            (pool.lease(limits(1000)).unwrap(), pool.lease(limits(1000)).unwrap());
        drop(second);
        assert!(matches!(first.query("SELECT", &[]), Err(Fault::Lost(_))));
        assert_eq!(closed.load(Ordering::Relaxed), 1);
        drop(first);
        assert_eq!(closed.load(Ordering::Relaxed), 2);
        assert!(pool.lease(limits(1000)).unwrap().is_new);
    }

    #[test]
    fn abandoned_connection_keeps_its_place_until_the_limit() {
        let busy_until = Instant::now() + Duration::from_millis(300);
        let pool = pool_of(1, move || {
            let mut fake = Fake::failing("SELECT", Fault::Silent { is_overdue: true });
            fake.busy_until = Some(busy_until);
            Ok(fake)
        });
        let lost = pool.lease(limits(1000)).unwrap().query("SELECT", &[]).map(drop);
        assert!(matches!(lost, Err(Fault::Silent { .. })));
        assert!(matches!(pool.lease(limits(20)).map(drop), Err(Fault::TimedOut)));
        assert!(pool.lease(limits(5000)).unwrap().is_new);
        assert!(Instant::now() >= busy_until);
    }

    #[test]
    fn connection_given_up_while_connecting_keeps_its_place() {
        deadline::start();
        let made = AtomicUsize::new(0);
        let pool = pool_of(1, move || match made.fetch_add(1, Ordering::Relaxed) {
            0 => Err(Fault::Silent { is_overdue: true }),
            _ => Ok(Fake::good()),
        });
        let start = Instant::now();
        assert!(matches!(pool.lease(limits(60_000)).map(drop), Err(Fault::Silent { .. })));
        assert!(matches!(pool.lease(limits(20)).map(drop), Err(Fault::TimedOut)));
        assert!(pool.lease(limits(60_000)).unwrap().is_new);
        assert!(start.elapsed() >= CONNECT_TIMEOUT);
    }

    #[test]
    fn unanswered_statement_within_its_limit_drops_no_sibling() {
        let pool = pool_of(2, || Ok(Fake::failing("SELECT", Fault::Silent { is_overdue: false })));
        let (mut first, second) =
            (pool.lease(limits(1000)).unwrap(), pool.lease(limits(1000)).unwrap());
        drop(second);
        assert!(first.query("SELECT", &[]).is_err());
        drop(first);
        assert!(!pool.lease(limits(1000)).unwrap().is_new);
        assert!(pool.state.lock().open == 1);
    }

    #[test]
    fn connection_whose_statement_the_server_gave_up_is_kept() {
        let pool = pool_of(1, || Ok(Fake::failing("SELECT", Fault::TimedOut)));
        let mut lease = pool.lease(limits(1000)).unwrap();
        assert!(lease.query("SELECT", &[]).is_err());
        assert!(lease.transaction(|lease| lease.query("SELECT", &[]).map(drop)).is_err());
        drop(lease);
        assert!(!pool.lease(limits(1000)).unwrap().is_new);
    }

    #[test]
    fn one_caller_at_a_time_retries_a_failed_connect() {
        deadline::start();
        let (trying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let is_first = AtomicBool::new(true);
        let (now, peak) = (Arc::clone(&trying), Arc::clone(&most));
        let pool = pool_of(8, move || {
            if !is_first.swap(false, Ordering::Relaxed) {
                peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                // Longer than the time until the next attempt may begin.
                std::thread::sleep(MIN_BACKOFF * 5);
                now.fetch_sub(1, Ordering::Relaxed);
            }
            Err(Fault::Lost("refused".into()))
        });
        assert!(pool.lease(limits(1000)).is_err());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert!(pool.lease(limits(60_000)).is_err()));
            }
        });
        assert_eq!(most.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn refused_connections_are_tried_less_and_less_often() {
        let attempts = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&attempts);
        let pool = pool_of(8, move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Err(Fault::Lost("refused".into()))
        });
        let end = Instant::now() + Duration::from_millis(900);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while Instant::now() < end {
                        let failed = pool.lease(limits(5000)).map(drop);
                        assert!(matches!(failed, Err(Fault::Lost(_))));
                    }
                });
            }
        });
        // 20 ms, 40 ms and so on: the sixth attempt is after 620 ms.
        let attempts = attempts.load(Ordering::Relaxed);
        assert!((2..=16).contains(&attempts), "{attempts}");
    }

    #[test]
    fn full_server_makes_a_caller_wait_for_a_connection() {
        let made = AtomicUsize::new(0);
        let pool = pool_of(2, move || {
            if made.fetch_add(1, Ordering::Relaxed) > 0 {
                return Err(Fault::Full("too many connections".into()));
            }
            Ok(Fake::good())
        });
        let first = pool.lease(limits(5000)).unwrap();
        assert!(matches!(pool.lease(limits(50)).map(drop), Err(Fault::Full(_))));
        std::thread::scope(|scope| {
            let second = scope.spawn(|| pool.lease(limits(5000)).map(|lease| lease.is_new));
            std::thread::sleep(Duration::from_millis(50));
            drop(first);
            assert!(matches!(second.join().unwrap(), Ok(false)));
        });
    }
}
