//! Tests of the connection pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::super::sql::Dialect;
use super::*;
use crate::os::deadline;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

static DIALECT: Dialect = Dialect {
    begin: "BEGIN",
    lock: "",
    lock_user: None,
    time: "",
    is_value: "",
    returns_updates: false,
    required_columns: "",
};

/// A connection that fails at a given statement and sends nothing after its deadline.
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
    let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, Fault> {
        let connection = connection();
        if matches!(connection, Err(Fault::Silent { .. })) {
            (attempt.give_up)();
        }
        Ok(Box::new(connection?))
    };
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
    // Its transaction may be open, so nobody gets the connection.
    assert_eq!(closed.load(Ordering::Relaxed), 1);
    assert!(pool.lease(limits(1000)).unwrap().is_new);
}

#[test]
fn commit_after_the_deadline_is_not_sent() {
    // If it were sent, it would fail with another error.
    let pool = pool_of(1, || Ok(Fake::failing("COMMIT", Fault::Duplicate)));
    let done = pool.lease(limits(100)).unwrap().transaction(|_| {
        std::thread::sleep(Duration::from_millis(150));
        Ok(())
    });
    assert!(matches!(done, Err(Fault::TimedOut)));
    // The transaction is still open, so the connection is not reused.
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
        // Shorter than the deadline of this test, so that a lost notification is an error.
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
fn each_silent_host_of_an_attempt_takes_a_place() {
    deadline::start();
    let made = AtomicUsize::new(0);
    let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, Fault> {
        // Two hosts that do not respond, and one that does.
        if made.fetch_add(1, Ordering::Relaxed) == 0 {
            (attempt.give_up)();
            (attempt.give_up)();
        }
        Ok(Box::new(Fake::good()))
    };
    let pool = Pool::new(Box::new(connect), CONNECT_TIMEOUT, 3);
    let start = Instant::now();
    let first = pool.lease(limits(60_000)).unwrap();
    assert_eq!(pool.state.lock().open, 3);
    assert!(matches!(pool.lease(limits(20)).map(drop), Err(Fault::TimedOut)));
    let second = pool.lease(limits(60_000)).unwrap();
    assert!(second.is_new && start.elapsed() >= CONNECT_TIMEOUT);
    drop((first, second));
    pool.state.lock().clean_up(Instant::now());
    assert_eq!(pool.state.lock().open, 2);
}

#[test]
fn connection_that_idled_for_two_minutes_is_closed() {
    let (pool, closed) = pool("", 2);
    drop((pool.lease(limits(1000)).unwrap(), pool.lease(limits(1000)).unwrap()));
    let now = Instant::now();
    let close_at = |idle_secs| {
        let old = pool.state.lock().clean_up(now + Duration::from_secs(idle_secs));
        let count = old.len();
        pool.close(old);
        count
    };
    assert_eq!((close_at(119), closed.load(Ordering::Relaxed)), (0, 0));
    assert_eq!((close_at(120), closed.load(Ordering::Relaxed)), (2, 2));
    assert_eq!(pool.state.lock().open, 0);
    assert!(pool.lease(limits(1000)).unwrap().is_new);
}

#[test]
fn lost_connections_make_one_caller_connect() {
    deadline::start();
    const CALLERS: usize = 8;
    let (trying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let made = AtomicUsize::new(0);
    let (now, peak) = (Arc::clone(&trying), Arc::clone(&most));
    let pool = pool_of(CALLERS, move || {
        if made.fetch_add(1, Ordering::Relaxed) < CALLERS {
            return Ok(Fake::failing("SELECT", Fault::Lost("gone".into())));
        }
        peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        std::thread::sleep(MIN_BACKOFF * 5);
        now.fetch_sub(1, Ordering::Relaxed);
        Err(Fault::Lost("refused".into()))
    });
    let all_have_one = std::sync::Barrier::new(CALLERS);
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                let mut lease = pool.lease(limits(60_000)).unwrap();
                all_have_one.wait();
                assert!(lease.query("SELECT", &[]).is_err());
                drop(lease);
                assert!(pool.lease_new(limits(60_000)).is_err());
            });
        }
    });
    assert_eq!(most.load(Ordering::Relaxed), 1);
}

#[test]
fn new_connection_waits_for_the_backoff() {
    let made = AtomicUsize::new(0);
    let pool = pool_of(2, move || match made.fetch_add(1, Ordering::Relaxed) {
        0 => Ok(Fake::good()),
        _ => Err(Fault::Lost("refused".into())),
    });
    drop(pool.lease(limits(1000)).unwrap());
    // It gives up its slot only to a connection that may be opened now.
    let retry_at = Instant::now() + Duration::from_secs(60);
    {
        let mut state = pool.state.lock();
        state.fail(Fault::Lost("refused".into()), Instant::now());
        state.failure.as_mut().unwrap().retry_at = retry_at;
    }
    assert!(matches!(pool.lease_new(limits(50)).map(drop), Err(Fault::TimedOut)));
    assert!(!pool.lease(limits(1000)).unwrap().is_new);
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
            // Longer than the delay before the next attempt.
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
