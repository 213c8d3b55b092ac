//! Tests of the connection pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::sql::Dialect;
use super::*;
use crate::os::deadline;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

static DIALECT: Dialect = Dialect {
    begin: "BEGIN",
    lock_clause: "",
    lock_user: None,
    time: "",
    is_value: "",
    returns_updates: false,
    required_columns: "",
};

/// A connection that fails at a given statement and sends nothing after its deadline.
struct FakeConnection {
    fails_at: &'static str,
    error: SqlError,
    busy_until: Option<Instant>,
    closed: Arc<AtomicUsize>,
    limits: Limits,
}

impl FakeConnection {
    fn failing(fails_at: &'static str, error: SqlError) -> Self {
        let limits = limits(0);
        Self { fails_at, error, busy_until: None, closed: Arc::default(), limits }
    }

    fn good() -> Self {
        Self::failing("nothing", SqlError::Duplicate)
    }
}

impl Connection for FakeConnection {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn busy_until(&self) -> Option<Instant> {
        self.busy_until
    }

    fn run(&mut self, statement: &str) -> Result<(), SqlError> {
        self.limits.remaining()?;
        if statement == self.fails_at { Err(self.error.clone()) } else { Ok(()) }
    }

    fn query(
        &mut self,
        statement: &str,
        _: &[Param<'_>],
        _: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        self.run(statement)
    }

    fn execute(&mut self, statement: &str, _: &[Param<'_>]) -> Result<u64, SqlError> {
        self.run(statement).map(|()| 1)
    }

    fn insert(&mut self, statement: &str, _: &[Param<'_>]) -> Result<i64, SqlError> {
        self.run(statement).map(|()| 1)
    }
}

impl Drop for FakeConnection {
    fn drop(&mut self) {
        self.closed.fetch_add(1, Ordering::Relaxed);
    }
}

fn limits(millis: u64) -> Limits {
    Limits::of_call(Duration::from_millis(millis), Duration::from_secs(1))
}

fn pool_of(
    size: usize,
    connection: impl Fn() -> Result<FakeConnection, SqlError> + Send + Sync + 'static,
) -> Pool {
    let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, SqlError> {
        let connection = connection();
        if matches!(connection, Err(SqlError::Silent { .. })) {
            (attempt.abandon)();
        }
        Ok(Box::new(connection?))
    };
    Pool::new(Box::new(connect), CONNECT_TIMEOUT, size)
}

fn pool(fails_at: &'static str, size: usize) -> (Pool, Arc<AtomicUsize>) {
    let closed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&closed);
    let fake = move || {
        let mut fake = FakeConnection::failing(fails_at, SqlError::Lost("gone".into()));
        fake.closed = Arc::clone(&counter);
        Ok(fake)
    };
    (pool_of(size, fake), closed)
}

#[test]
fn pool_opens_no_more_connections_than_its_size() {
    let (pool, _) = pool("", 2);
    let (first, second) = (pool.acquire(limits(10)).unwrap(), pool.acquire(limits(10)).unwrap());
    assert!(matches!(pool.acquire(limits(10)).map(drop), Err(SqlError::TimedOut)));
    drop(first);
    let again = pool.acquire(limits(10)).unwrap();
    assert!(!again.is_new && second.is_new);
}

#[test]
fn commit_without_response_has_an_unknown_outcome() {
    let (pool, closed) = pool("COMMIT", 1);
    let done = pool.acquire(limits(1000)).unwrap().transaction(|_| Ok(()));
    assert!(matches!(done, Err(SqlError::UnknownOutcome { timed_out: false })));
    // Its transaction may be open, so nobody gets the connection.
    assert_eq!(closed.load(Ordering::Relaxed), 1);
    assert!(pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn commit_after_the_deadline_is_not_sent() {
    // If it were sent, it would fail with another error.
    let pool = pool_of(1, || Ok(FakeConnection::failing("COMMIT", SqlError::Duplicate)));
    let done = pool.acquire(limits(100)).unwrap().transaction(|_| {
        std::thread::sleep(Duration::from_millis(150));
        Ok(())
    });
    assert!(matches!(done, Err(SqlError::TimedOut)));
    // The transaction is still open, so the connection is not reused.
    assert!(pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn commit_over_broken_tls_has_an_unknown_outcome() {
    let pool =
        pool_of(1, || Ok(FakeConnection::failing("COMMIT", SqlError::Tls("a bad record".into()))));
    let done = pool.acquire(limits(1000)).unwrap().transaction(|_| Ok(()));
    assert!(matches!(done, Err(SqlError::UnknownOutcome { timed_out: false })));
}

#[test]
fn waiting_caller_gets_the_slot_of_an_abandoned_connection() {
    deadline::start();
    let soon = Instant::now() + Duration::from_millis(200);
    let pool = pool_of(1, move || {
        let mut fake = FakeConnection::failing("SELECT", SqlError::Silent { is_overdue: true });
        fake.busy_until = Some(soon);
        Ok(fake)
    });
    let mut first = pool.acquire(limits(60_000)).unwrap();
    assert!(first.query("SELECT", &[]).is_err());
    std::thread::scope(|scope| {
        // Shorter than the deadline of this test, so that a lost notification is an error.
        let waiter = scope.spawn(|| pool.acquire(limits(30_000)).map(drop));
        std::thread::sleep(Duration::from_millis(50));
        drop(first);
        assert!(waiter.join().unwrap().is_ok());
    });
}

#[test]
fn failed_transaction_is_rolled_back_and_returned() {
    let (pool, closed) = pool("", 1);
    let mut connection = pool.acquire(limits(1000)).unwrap();
    let done = connection.transaction(|_| Err::<(), _>(SqlError::Duplicate));
    drop(connection);
    assert!(matches!(done, Err(SqlError::Duplicate)));
    assert!(!pool.acquire(limits(1000)).unwrap().is_new);
    assert_eq!(closed.load(Ordering::Relaxed), 0);
}

#[test]
fn lost_connection_closes_the_idle_ones() {
    let (pool, closed) = pool("SELECT", 3);
    let (mut first, second) =
        (pool.acquire(limits(1000)).unwrap(), pool.acquire(limits(1000)).unwrap());
    drop(second);
    assert!(matches!(first.query("SELECT", &[]), Err(SqlError::Lost(_))));
    assert_eq!(closed.load(Ordering::Relaxed), 1);
    drop(first);
    assert_eq!(closed.load(Ordering::Relaxed), 2);
    assert!(pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn abandoned_connection_keeps_its_slot_until_the_limit() {
    let busy_until = Instant::now() + Duration::from_millis(300);
    let pool = pool_of(1, move || {
        let mut fake = FakeConnection::failing("SELECT", SqlError::Silent { is_overdue: true });
        fake.busy_until = Some(busy_until);
        Ok(fake)
    });
    let lost = pool.acquire(limits(1000)).unwrap().query("SELECT", &[]).map(drop);
    assert!(matches!(lost, Err(SqlError::Silent { .. })));
    assert!(matches!(pool.acquire(limits(20)).map(drop), Err(SqlError::TimedOut)));
    assert!(pool.acquire(limits(5000)).unwrap().is_new);
    assert!(Instant::now() >= busy_until);
}

#[test]
fn connection_abandoned_while_connecting_keeps_its_slot() {
    deadline::start();
    let made = AtomicUsize::new(0);
    let pool = pool_of(1, move || match made.fetch_add(1, Ordering::Relaxed) {
        0 => Err(SqlError::Silent { is_overdue: true }),
        _ => Ok(FakeConnection::good()),
    });
    let start = Instant::now();
    assert!(matches!(pool.acquire(limits(60_000)).map(drop), Err(SqlError::Silent { .. })));
    assert!(matches!(pool.acquire(limits(20)).map(drop), Err(SqlError::TimedOut)));
    assert!(pool.acquire(limits(60_000)).unwrap().is_new);
    assert!(start.elapsed() >= CONNECT_TIMEOUT);
}

#[test]
fn each_silent_host_of_an_attempt_uses_a_slot() {
    deadline::start();
    let made = AtomicUsize::new(0);
    let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, SqlError> {
        // Two hosts that do not respond, and one that does.
        if made.fetch_add(1, Ordering::Relaxed) == 0 {
            (attempt.abandon)();
            (attempt.abandon)();
        }
        Ok(Box::new(FakeConnection::good()))
    };
    let pool = Pool::new(Box::new(connect), CONNECT_TIMEOUT, 3);
    let start = Instant::now();
    let first = pool.acquire(limits(60_000)).unwrap();
    assert_eq!(pool.state.lock().used_slots, 3);
    assert!(matches!(pool.acquire(limits(20)).map(drop), Err(SqlError::TimedOut)));
    let second = pool.acquire(limits(60_000)).unwrap();
    assert!(second.is_new && start.elapsed() >= CONNECT_TIMEOUT);
    drop((first, second));
    pool.state.lock().clean_up(Instant::now());
    assert_eq!(pool.state.lock().used_slots, 2);
}

#[test]
fn connection_idle_for_two_minutes_is_closed() {
    let (pool, closed) = pool("", 2);
    drop((pool.acquire(limits(1000)).unwrap(), pool.acquire(limits(1000)).unwrap()));
    let now = Instant::now();
    let close_at = |idle_secs| {
        let old = pool.state.lock().clean_up(now + Duration::from_secs(idle_secs));
        let count = old.len();
        pool.close(old);
        count
    };
    assert_eq!((close_at(119), closed.load(Ordering::Relaxed)), (0, 0));
    assert_eq!((close_at(120), closed.load(Ordering::Relaxed)), (2, 2));
    assert_eq!(pool.state.lock().used_slots, 0);
    assert!(pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn single_caller_reconnects_after_lost_connections() {
    deadline::start();
    const CALLERS: usize = 8;
    let (trying, max_trying) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let made = AtomicUsize::new(0);
    let (now, peak) = (Arc::clone(&trying), Arc::clone(&max_trying));
    let pool = pool_of(CALLERS, move || {
        if made.fetch_add(1, Ordering::Relaxed) < CALLERS {
            return Ok(FakeConnection::failing("SELECT", SqlError::Lost("gone".into())));
        }
        peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        std::thread::sleep(MIN_BACKOFF * 5);
        now.fetch_sub(1, Ordering::Relaxed);
        Err(SqlError::Lost("refused".into()))
    });
    let all_have_one = std::sync::Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let mut connection = pool.acquire(limits(60_000)).unwrap();
                all_have_one.wait();
                assert!(connection.query("SELECT", &[]).is_err());
                drop(connection);
                assert!(pool.acquire_new(limits(60_000)).is_err());
            });
        }
    });
    assert_eq!(max_trying.load(Ordering::Relaxed), 1);
}

#[test]
fn new_connection_waits_for_the_backoff() {
    let made = AtomicUsize::new(0);
    let pool = pool_of(2, move || match made.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(FakeConnection::good()),
        _ => Err(SqlError::Lost("refused".into())),
    });
    drop(pool.acquire(limits(1000)).unwrap());
    // An idle connection is replaced only by one that may be opened now.
    let retry_at = Instant::now() + Duration::from_secs(60);
    {
        let mut state = pool.state.lock();
        state.record_failure(SqlError::Lost("refused".into()), Instant::now());
        state.failure.as_mut().unwrap().retry_at = retry_at;
    }
    assert!(matches!(pool.acquire_new(limits(50)).map(drop), Err(SqlError::TimedOut)));
    assert!(!pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn statement_without_response_keeps_idle_connections() {
    let pool = pool_of(2, || {
        Ok(FakeConnection::failing("SELECT", SqlError::Silent { is_overdue: false }))
    });
    let (mut first, second) =
        (pool.acquire(limits(1000)).unwrap(), pool.acquire(limits(1000)).unwrap());
    drop(second);
    assert!(first.query("SELECT", &[]).is_err());
    drop(first);
    assert!(!pool.acquire(limits(1000)).unwrap().is_new);
    assert!(pool.state.lock().used_slots == 1);
}

#[test]
fn connection_with_a_canceled_statement_is_kept() {
    let pool = pool_of(1, || Ok(FakeConnection::failing("SELECT", SqlError::TimedOut)));
    let mut connection = pool.acquire(limits(1000)).unwrap();
    assert!(connection.query("SELECT", &[]).is_err());
    assert!(
        connection.transaction(|connection| connection.query("SELECT", &[]).map(drop)).is_err()
    );
    drop(connection);
    assert!(!pool.acquire(limits(1000)).unwrap().is_new);
}

#[test]
fn failed_connect_is_retried_by_one_caller_at_a_time() {
    deadline::start();
    let (trying, max_trying) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let is_first = AtomicBool::new(true);
    let (now, peak) = (Arc::clone(&trying), Arc::clone(&max_trying));
    let pool = pool_of(8, move || {
        if !is_first.swap(false, Ordering::Relaxed) {
            peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            // Longer than the delay before the next attempt.
            std::thread::sleep(MIN_BACKOFF * 5);
            now.fetch_sub(1, Ordering::Relaxed);
        }
        Err(SqlError::Lost("refused".into()))
    });
    assert!(pool.acquire(limits(1000)).is_err());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(pool.acquire(limits(60_000)).is_err()));
        }
    });
    assert_eq!(max_trying.load(Ordering::Relaxed), 1);
}

#[test]
fn refused_connections_are_retried_with_backoff() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&attempts);
    let pool = pool_of(8, move || {
        counter.fetch_add(1, Ordering::Relaxed);
        Err(SqlError::Lost("refused".into()))
    });
    let end = Instant::now() + Duration::from_millis(900);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let failed = pool.acquire(limits(5000)).map(drop);
                    assert!(matches!(failed, Err(SqlError::Lost(_))));
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
            return Err(SqlError::Full("too many connections".into()));
        }
        Ok(FakeConnection::good())
    });
    let first = pool.acquire(limits(5000)).unwrap();
    assert!(matches!(pool.acquire(limits(50)).map(drop), Err(SqlError::Full(_))));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| pool.acquire(limits(5000)).map(|connection| connection.is_new));
        std::thread::sleep(Duration::from_millis(50));
        drop(first);
        assert!(matches!(second.join().unwrap(), Ok(false)));
    });
}
