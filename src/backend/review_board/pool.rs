//! A bounded number of connections, shared by all threads.

use std::mem;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::fault::Fault;
use super::limits::Limits;
use super::sql::{self, Connection, ForRows, Param, Row};
use crate::backend::{PoolUse, forked};
use crate::memory;
use crate::os::{descriptors, fork};

/// Opens a connection.
type Connect = Box<dyn Fn(&Attempt<'_>) -> Result<Box<dyn Connection>, Fault> + Send + Sync>;

/// An attempt to connect, at one host after the other.
pub(super) struct Attempt<'a> {
    pub limits: Limits,
    /// To be called for each host that did not answer in time: it may have the connection still.
    pub give_up: &'a dyn Fn(),
}

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
    /// The callers that wait for a connection.
    waiting: usize,
    /// Connections that were lost, or given up, so far.
    lost: u64,
}

/// The server is not there: the last attempt to connect failed, or a connection was lost since.
struct Failure {
    /// Of the last attempt; none before the first one.
    fault: Option<Fault>,
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

    /// When something changes by itself, for a caller who has a place to connect in or has none.
    fn next_change(&self, may_connect: bool) -> Option<Instant> {
        let failure = self.failure.as_ref().filter(|failure| may_connect && !failure.is_retried);
        let retry_at = failure.map(|failure| failure.retry_at);
        self.abandoned.iter().copied().chain(retry_at).min()
    }

    /// Notes that a connection was lost, so that one caller alone finds out whether the server is
    /// there, at once.
    fn lose(&mut self) {
        let now = Instant::now();
        self.failure.get_or_insert(Failure {
            fault: None,
            at: now,
            retry_at: now,
            backoff: Duration::ZERO,
            is_retried: false,
        });
    }

    /// Notes that an attempt to connect failed. Of those that were made at the same time, one
    /// counts.
    fn fail(&mut self, fault: Fault, began: Instant) {
        let at = Instant::now();
        let backoff = match &self.failure {
            Some(last) if last.fault.is_some() && last.at > began => last.backoff,
            Some(last) => (last.backoff * 2).clamp(MIN_BACKOFF, MAX_BACKOFF),
            None => MIN_BACKOFF,
        };
        let fault = Some(fault);
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

    /// Counts connections, and the callers that wait for one.
    pub fn statistics(&self) -> PoolUse {
        let state = self.state.lock();
        PoolUse {
            open: state.open - state.abandoned.len(),
            idle: state.idle.len(),
            abandoned: state.abandoned.len(),
            waiting: state.waiting,
            lost: state.lost,
            ..PoolUse::default()
        }
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
            let Some((mut place, idle)) = self.place(limits, start, may_be_old)? else { continue };
            match idle {
                Some(connection) if may_be_old => {
                    return Ok(Lease::new(place, connection, false, limits));
                }
                idle => drop(idle),
            }
            descriptors::occupy_standard_streams()
                .map_err(|error| Fault::Lost(error.to_string()))?;
            let began = Instant::now();
            let give_up = || {
                // The server has not seen yet that nobody waits for it.
                let until = Instant::now() + self.connect_timeout;
                let mut state = self.state.lock();
                state.open += 1;
                state.abandoned.push(until);
            };
            match (self.connect)(&Attempt { limits, give_up: &give_up }) {
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
                    drop(place);
                    // A full server has room, at the latest, when another caller is done.
                    if !may_wait(&fault) || !has_others {
                        return Err(fault);
                    }
                }
            }
        }
    }

    /// Waits for a place, with a connection that idles in it or for a new one. If the connection
    /// must be new, one that idles gives up its place. None: try again.
    fn place(
        &self,
        limits: Limits,
        start: Instant,
        may_be_old: bool,
    ) -> Result<Option<Found<'_>>, Fault> {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            if limits.deadline <= now {
                let full = state.failure.as_ref().and_then(|failure| failure.fault.as_ref());
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
            if may_be_old && let Some((_, connection)) = state.idle.pop() {
                return Ok(Some((Place::new(self, false), Some(connection))));
            }
            let has_room = state.open < self.size;
            let may_connect = has_room || !state.idle.is_empty();
            let is_retry = match &mut state.failure {
                _ if !may_connect => None,
                None => Some(false),
                Some(failure) if failure.retry_at <= now && !failure.is_retried => {
                    // One attempt at a time, until one succeeds.
                    failure.is_retried = true;
                    Some(true)
                }
                // Somebody has tried since: the answer is this caller's too.
                Some(Failure { fault: Some(fault), at, .. }) if *at > start && !may_wait(fault) => {
                    return Err(fault.clone());
                }
                Some(_) => None,
            };
            if let Some(is_retry) = is_retry {
                let old = if has_room { None } else { state.idle.pop() };
                state.open += usize::from(has_room);
                let connection = old.map(|(_, connection)| connection);
                return Ok(Some((Place::new(self, is_retry), connection)));
            }
            let until = state
                .next_change(may_connect)
                .map_or(limits.deadline, |at| at.min(limits.deadline));
            state.waiting += 1;
            self.returned.wait_until(&mut state, until);
            state.waiting -= 1;
        }
    }

    /// A connection was lost, so those that idle are most likely too.
    fn lose(&self) {
        let mut state = self.state.lock();
        state.lose();
        let idle = mem::take(&mut state.idle);
        state.lost += idle.len() as u64;
        drop(state);
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
            return Err(Fault::Lost("the store was closed".to_owned()));
        };
        let answer = question(connection);
        if let Err(fault) = &answer {
            self.is_usable &= !fault.ends_connection();
            if fault.is_gone() {
                self.place.pool.lose();
            }
        }
        answer
    }

    /// Whether nothing is open that a transaction has left.
    pub fn is_usable(&self) -> bool {
        self.is_usable
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
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_usable && !std::thread::panicking() {
            self.place.pool.state.lock().idle.push((Instant::now(), connection));
            self.place.next = Next::Idle;
            return;
        }
        self.place.pool.state.lock().lost += 1;
        if let Some(until) = connection.busy_until() {
            self.place.next = Next::Abandoned(until);
        }
    }
}

#[cfg(test)]
mod tests;
mod transaction;
