//! A bounded connection pool, shared by all threads.

use std::mem;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::limits::Limits;
use super::sql::{self, Connection, Param, Row, RowVisitor};
use super::sql_error::SqlError;
use crate::backend::{PoolStatistics, forked};
use crate::memory;
use crate::os::{descriptors, fork};

/// Opens a connection.
type Connect = Box<dyn Fn(&Attempt<'_>) -> Result<Box<dyn Connection>, SqlError> + Send + Sync>;

/// An attempt to connect, which tries one host after the other.
pub(super) struct Attempt<'a> {
    pub limits: Limits,
    /// Reserves a slot for a host that did not respond in time, since the host may still have the
    /// connection. Must be called once for each such host.
    pub abandon: &'a dyn Fn(),
}

/// Maximum idle time of a connection. Servers close idle connections, and routers forget them.
const MAX_IDLE: Duration = Duration::from_secs(120);

/// Minimum and maximum delay between attempts to connect. It doubles with each failure.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

/// The connection pool. The child of a `fork` inherits copies of its parent's connections. Using or
/// closing them would disturb the parent, so all operations fail there, and the copies are leaked.
pub(super) struct Pool {
    connect: Connect,
    /// Time limit for one attempt to connect.
    connect_timeout: Duration,
    size: usize,
    state: Mutex<State>,
    /// Notified when a connection was returned or a slot was freed.
    returned: Condvar,
    fork_generation: Option<u64>,
}

/// An idle connection, preceded by the time at which it became idle.
type IdleConnection = (Instant, Box<dyn Connection>);

#[derive(Default)]
struct State {
    /// Most recently returned last.
    idle: Vec<IdleConnection>,
    /// Number of slots in use: by idle connections, by those that callers hold, and by abandoned
    /// ones that the server may still be working on.
    used_slots: usize,
    /// Time until which each abandoned connection uses its slot.
    abandoned: Vec<Instant>,
    failure: Option<ConnectFailure>,
    /// Number of callers that wait for a connection.
    waiting: usize,
    /// Number of connections that were lost or abandoned.
    lost: u64,
}

/// Present while the server is considered down: the last attempt to connect failed, or a connection
/// was lost after it.
struct ConnectFailure {
    /// The error of the last attempt; `None` before the first one.
    error: Option<SqlError>,
    at: Instant,
    /// Time of the next attempt.
    retry_at: Instant,
    backoff: Duration,
    /// Whether a caller is connecting, so that others wait for the result.
    is_retried: bool,
}

impl State {
    /// Frees the slots of abandoned connections whose time is over. Returns idle connections that
    /// are too old, to be closed by the caller without the lock.
    fn clean_up(&mut self, now: Instant) -> Vec<IdleConnection> {
        let abandoned = self.abandoned.len();
        self.abandoned.retain(|until| *until > now);
        self.used_slots -= abandoned - self.abandoned.len();
        // The oldest are first.
        let is_fresh =
            |(since, _): &IdleConnection| now.saturating_duration_since(*since) < MAX_IDLE;
        let old = self.idle.iter().position(is_fresh).unwrap_or(self.idle.len());
        self.idle.drain(..old).collect()
    }

    /// Returns when a waiting caller must check again without a notification: when an abandoned
    /// connection frees its slot or, if `may_connect` is set, when the next attempt is allowed.
    fn next_change(&self, may_connect: bool) -> Option<Instant> {
        let failure = self.failure.as_ref().filter(|failure| may_connect && !failure.is_retried);
        let retry_at = failure.map(|failure| failure.retry_at);
        self.abandoned.iter().copied().chain(retry_at).min()
    }

    /// Records the loss of a connection. A single caller then checks immediately whether the server
    /// is up.
    fn record_loss(&mut self) {
        let now = Instant::now();
        self.failure.get_or_insert(ConnectFailure {
            error: None,
            at: now,
            retry_at: now,
            backoff: Duration::ZERO,
            is_retried: false,
        });
    }

    /// Records a failed attempt to connect. Concurrent attempts count as one.
    fn record_failure(&mut self, error: SqlError, began: Instant) {
        let at = Instant::now();
        let backoff = match &self.failure {
            Some(last) if last.error.is_some() && last.at > began => last.backoff,
            Some(last) => (last.backoff * 2).clamp(MIN_BACKOFF, MAX_BACKOFF),
            None => MIN_BACKOFF,
        };
        let error = Some(error);
        self.failure =
            Some(ConnectFailure { error, at, retry_at: at + backoff, backoff, is_retried: false });
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
            fork_generation: fork::generation(),
        }
    }

    /// Returns whether this is a child of the process that opened the store.
    pub fn was_forked(&self) -> bool {
        self.fork_generation.is_none() || fork::generation() != self.fork_generation
    }

    /// Returns the numbers of connections and of waiting callers.
    pub fn statistics(&self) -> PoolStatistics {
        let state = self.state.lock();
        PoolStatistics {
            open: state.used_slots - state.abandoned.len(),
            idle: state.idle.len(),
            abandoned: state.abandoned.len(),
            waiting: state.waiting,
            lost: state.lost,
            ..PoolStatistics::default()
        }
    }

    /// Acquires a connection.
    pub fn acquire(&self, limits: Limits) -> Result<PooledConnection<'_>, SqlError> {
        self.acquire_any(limits, true)
    }

    /// Acquires a newly opened connection.
    pub fn acquire_new(&self, limits: Limits) -> Result<PooledConnection<'_>, SqlError> {
        self.acquire_any(limits, false)
    }

    fn acquire_any(
        &self,
        limits: Limits,
        may_be_old: bool,
    ) -> Result<PooledConnection<'_>, SqlError> {
        let start = Instant::now();
        loop {
            if self.was_forked() {
                return Err(forked().into());
            }
            let Some((mut slot, idle)) = self.acquire_slot(limits, start, may_be_old)? else {
                continue;
            };
            match idle {
                Some(connection) if may_be_old => {
                    return Ok(PooledConnection::new(slot, connection, false, limits));
                }
                idle => drop(idle),
            }
            descriptors::occupy_standard_streams()
                .map_err(|error| SqlError::Lost(error.to_string()))?;
            let began = Instant::now();
            let abandon = || {
                // The server has not noticed yet that the connection was abandoned.
                let until = Instant::now() + self.connect_timeout;
                let mut state = self.state.lock();
                state.used_slots += 1;
                state.abandoned.push(until);
            };
            match (self.connect)(&Attempt { limits, abandon: &abandon }) {
                Ok(connection) => {
                    self.state.lock().failure = None;
                    slot.is_retry = false;
                    // Other callers that waited for the result connect as well.
                    self.returned.notify_all();
                    return Ok(PooledConnection::new(slot, connection, true, limits));
                }
                Err(error) => {
                    let mut state = self.state.lock();
                    let has_others = state.used_slots > state.abandoned.len() + 1;
                    // An attempt that failed at this caller's own deadline says nothing about the
                    // server.
                    if limits.remaining().is_ok() {
                        state.record_failure(error.clone(), began);
                    }
                    drop(state);
                    drop(slot);
                    // A full server accepts a connection, at the latest, when another caller is
                    // done.
                    if !may_wait(&error) || !has_others {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Waits for a slot, with an idle connection or for a new one. If the connection must be new
    /// and no slot is free, the caller must close the returned one and use its slot. Returns `None`
    /// if the caller should try again.
    fn acquire_slot(
        &self,
        limits: Limits,
        start: Instant,
        may_be_old: bool,
    ) -> Result<Option<AcquiredSlot<'_>>, SqlError> {
        let mut state = self.state.lock();
        loop {
            let now = Instant::now();
            if limits.deadline <= now {
                let full = state.failure.as_ref().and_then(|failure| failure.error.as_ref());
                return Err(full
                    .filter(|error| may_wait(error))
                    .cloned()
                    .unwrap_or(SqlError::TimedOut));
            }
            let old = state.clean_up(now);
            if !old.is_empty() {
                drop(state);
                self.close(old);
                return Ok(None);
            }
            if may_be_old && let Some((_, connection)) = state.idle.pop() {
                return Ok(Some((PoolSlot::new(self, false), Some(connection))));
            }
            let has_room = state.used_slots < self.size;
            let may_connect = has_room || !state.idle.is_empty();
            let is_retry = match &mut state.failure {
                _ if !may_connect => None,
                None => Some(false),
                Some(failure) if failure.retry_at <= now && !failure.is_retried => {
                    // A single attempt at a time, until one succeeds.
                    failure.is_retried = true;
                    Some(true)
                }
                // An attempt failed since this call began, so this call fails too.
                Some(ConnectFailure { error: Some(error), at, .. })
                    if *at > start && !may_wait(error) =>
                {
                    return Err(error.clone());
                }
                Some(_) => None,
            };
            if let Some(is_retry) = is_retry {
                let old = if has_room { None } else { state.idle.pop() };
                state.used_slots += usize::from(has_room);
                let connection = old.map(|(_, connection)| connection);
                return Ok(Some((PoolSlot::new(self, is_retry), connection)));
            }
            let until = state
                .next_change(may_connect)
                .map_or(limits.deadline, |at| at.min(limits.deadline));
            state.waiting += 1;
            self.returned.wait_until(&mut state, until);
            state.waiting -= 1;
        }
    }

    /// Records the loss of a connection, and closes the idle ones, since they are probably dead
    /// too.
    fn handle_loss(&self) {
        let mut state = self.state.lock();
        state.record_loss();
        let idle = mem::take(&mut state.idle);
        state.lost += idle.len() as u64;
        drop(state);
        self.close(idle);
    }

    /// Closes connections, and then frees their slots.
    fn close(&self, idle: Vec<IdleConnection>) {
        let count = idle.len();
        drop(idle);
        self.state.lock().used_slots -= count;
        self.returned.notify_all();
    }
}

/// Returns whether waiting for a returned connection makes sense after this error.
fn may_wait(error: &SqlError) -> bool {
    matches!(error, SqlError::Full(_))
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.was_forked() {
            mem::forget(mem::take(&mut self.state.get_mut().idle));
        }
    }
}

/// A slot, and the idle connection in it.
type AcquiredSlot<'a> = (PoolSlot<'a>, Option<Box<dyn Connection>>);

/// A slot of the pool, for one connection.
struct PoolSlot<'a> {
    pool: &'a Pool,
    /// Other callers wait for the result of this attempt to connect.
    is_retry: bool,
    next: SlotEnd,
}

/// The state of a slot after it is dropped.
enum SlotEnd {
    Free,
    /// The connection becomes idle.
    Idle,
    /// The connection was abandoned, and the server may be working on it until then.
    Abandoned(Instant),
}

impl<'a> PoolSlot<'a> {
    fn new(pool: &'a Pool, is_retry: bool) -> Self {
        Self { pool, is_retry, next: SlotEnd::Free }
    }
}

impl Drop for PoolSlot<'_> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        match self.next {
            SlotEnd::Free => state.used_slots -= 1,
            SlotEnd::Idle => {}
            SlotEnd::Abandoned(until) => state.abandoned.push(until),
        }
        if let Some(failure) = state.failure.as_mut().filter(|_| self.is_retry) {
            failure.is_retried = false;
        }
        drop(state);
        // Notifies all, since the only one notified could be waiting for something else.
        self.pool.returned.notify_all();
    }
}

/// A connection that is returned to the pool, unless it was lost or may have an open transaction.
pub(super) struct PooledConnection<'a> {
    connection: Option<Box<dyn Connection>>,
    slot: PoolSlot<'a>,
    /// Whether it was opened for this call, so that it cannot have died while it was idle.
    pub is_new: bool,
    /// The mode of reading texts in rows.
    pub text_mode: TextMode,
    is_usable: bool,
}

/// A mode of reading texts in rows. If a server cannot convert one text, it fails the whole query,
/// which is then repeated in another mode.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TextMode {
    All,
    /// Row by row; rows that the server cannot convert are read as ASCII.
    RowByRow,
    /// As ASCII. Used in a transaction, which a failed query would abort.
    Ascii,
}

impl<'a> PooledConnection<'a> {
    fn new(
        slot: PoolSlot<'a>,
        mut connection: Box<dyn Connection>,
        is_new: bool,
        limits: Limits,
    ) -> Self {
        connection.set_limits(limits);
        Self {
            connection: Some(connection),
            slot,
            is_new,
            text_mode: TextMode::All,
            is_usable: true,
        }
    }

    fn use_connection<T>(
        &mut self,
        work: impl FnOnce(&mut dyn Connection) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        let Some(connection) = self.connection.as_deref_mut() else {
            return Err(SqlError::Lost("the store was closed".to_owned()));
        };
        let result = work(connection);
        if let Err(error) = &result {
            self.is_usable &= !error.makes_connection_unusable();
            if error.is_connection_dead() {
                self.slot.pool.handle_loss();
            }
        }
        result
    }

    /// Returns whether no transaction can be open.
    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Returns a suffix for queries that locks the rows until the transaction ends.
    pub fn lock_clause(&self) -> &'static str {
        self.connection.as_ref().map_or("", |connection| connection.dialect().lock_clause)
    }

    /// Returns the statement that locks a user by id, or `None` if the user's row is locked
    /// instead.
    pub fn lock_user(&self) -> Option<&'static str> {
        self.connection.as_ref().and_then(|connection| connection.dialect().lock_user)
    }

    /// Returns the SQL function by which times are compared.
    pub fn time(&self) -> &'static str {
        self.connection.as_ref().map_or("", |connection| connection.dialect().time)
    }

    /// Returns the names of the columns that need a value in a new row.
    pub fn required_columns(&mut self) -> Result<Vec<String>, SqlError> {
        let statement = self.connection.as_ref().map_or("", |it| it.dialect().required_columns);
        let rows = self.query(statement, &[])?;
        let names = rows.into_iter().filter_map(|mut row| row.text().ok().flatten());
        Ok(names.map(|name| name.to_string()).collect())
    }

    /// Runs a query and passes each row to `each` as it arrives.
    pub fn query_each(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        sql::check_room(statement, params)?;
        let mut is_first = true;
        self.use_connection(|connection| {
            connection.query(statement, params, &mut |row| {
                sql::check_row_room(mem::replace(&mut is_first, false))?;
                each(row)
            })
        })
    }

    pub fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, SqlError> {
        let mut rows = Vec::new();
        self.query_each(statement, params, &mut |row| Ok(memory::push(&mut rows, row)?))?;
        Ok(rows)
    }

    pub fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, SqlError> {
        sql::check_room(statement, params)?;
        self.use_connection(|connection| connection.execute(statement, params))
    }

    pub fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, SqlError> {
        sql::check_room(statement, params)?;
        self.use_connection(|connection| connection.insert(statement, params))
    }
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_usable && !std::thread::panicking() {
            self.slot.pool.state.lock().idle.push((Instant::now(), connection));
            self.slot.next = SlotEnd::Idle;
            return;
        }
        self.slot.pool.state.lock().lost += 1;
        if let Some(until) = connection.busy_until() {
            self.slot.next = SlotEnd::Abandoned(until);
        }
    }
}

#[cfg(test)]
mod tests;
mod transaction;
