//! The interface to database drivers.

use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::limits::Limits;
use super::sql_error::SqlError;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::{json, memory};

/// Idle time after which the operating system checks whether the server is reachable.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Maximum number of prepared statements of a connection to a server.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(super) const MAX_PREPARED: usize = 64;

/// A parameter of a statement.
#[derive(Clone, Copy)]
pub(super) enum Param<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Time(Timestamp),
}

/// Hides the parameter, since it may be a token value.
impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Param")
    }
}

impl<'a> Param<'a> {
    pub fn time(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Null, Self::Time)
    }

    pub fn int(number: Option<i64>) -> Self {
        number.map_or(Self::Null, Self::Int)
    }

    fn text_len(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }
}

/// Checks that there is memory for a driver's copies of a statement. Drivers copy texts into
/// growing buffers and abort if an allocation fails.
///
/// # Errors
/// `NoMemory`.
pub(super) fn check_room(statement: &str, params: &[Param<'_>]) -> Result<()> {
    const COPIES: usize = 6;
    let texts: usize = params.iter().map(Param::text_len).sum();
    memory::check_room((statement.len() + texts).saturating_mul(COPIES) + memory::LARGE)
}

/// Checks that there is memory for the small allocations of one more row, including the driver's.
/// Less memory must be free for the first row, so that one token can be revoked when a list would
/// fail.
///
/// # Errors
/// `NoMemory`.
pub(super) fn check_row_room(is_first: bool) -> Result<()> {
    memory::check_room(if is_first { 2 * memory::LARGE } else { 16 * memory::LARGE })
}

/// Receives the rows of a query as they arrive.
pub(super) type RowVisitor<'a> = &'a mut dyn FnMut(Row) -> Result<(), SqlError>;

/// A value in a row. Any text may be a token value, so all are zeroized.
pub(super) enum Cell {
    Null,
    /// Also used for booleans: 0 or 1.
    Int(i64),
    Text(Zeroizing<String>),
    Time(Timestamp),
    /// A value that Review Board does not write. It must not fail a query for other rows.
    Unreadable,
}

impl Cell {
    /// Copies a text. A text that is longer than a host may store is unreadable if there is no
    /// memory for it. Its author must not be able to make other rows unreadable.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn text(text: &str) -> Result<Self> {
        match memory::string(text) {
            Ok(text) => Ok(Self::Text(Zeroizing::new(text))),
            Err(_) if text.len() > json::MAX_BYTES => Ok(Self::Unreadable),
            Err(error) => Err(error),
        }
    }
}

/// The cell has a value of the wrong type.
pub(super) struct UnreadableCell;

/// A row, whose cells are read in order.
pub(super) struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    pub fn int(&mut self) -> Result<Option<i64>, UnreadableCell> {
        match self.0.next() {
            Some(Cell::Int(number)) => Ok(Some(number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(UnreadableCell),
        }
    }

    pub fn text(&mut self) -> Result<Option<Zeroizing<String>>, UnreadableCell> {
        match self.0.next() {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(UnreadableCell),
        }
    }

    /// Reads a name, which is passed to C and must not contain a NUL.
    pub fn name(&mut self) -> Result<Option<Zeroizing<String>>, UnreadableCell> {
        match self.text() {
            Ok(Some(name)) if name.contains('\0') => Err(UnreadableCell),
            name => name,
        }
    }

    pub fn time(&mut self) -> Result<Option<Timestamp>, UnreadableCell> {
        match self.0.next() {
            Some(Cell::Time(time)) => Ok(Some(time)),
            Some(Cell::Null) => Ok(None),
            _ => Err(UnreadableCell),
        }
    }

    /// Returns the text of a cell, by the number of cells before it, without reading any. Returns
    /// `None` for other values.
    pub fn peek_text(&self, cells_before: usize) -> Option<&str> {
        match self.0.as_slice().get(cells_before) {
            Some(Cell::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Reads an integer, or returns `None` if the cell is NULL or of another type.
    pub fn int_or_none(&mut self) -> Option<i64> {
        self.int().ok().flatten()
    }
}

/// Returns the error for a value that Review Board would not store there.
pub(super) fn unreadable() -> Error {
    Error::new(ErrorKind::Corrupt, "a value in the database has an unexpected type")
}

/// Differences between databases in SQL.
pub(super) struct Dialect {
    /// Begins a transaction that, after each lock, sees what others committed before.
    pub begin: &'static str,
    /// Suffix for a query that locks its rows until the transaction ends.
    pub lock_clause: &'static str,
    /// Locks a user by id until the transaction ends. `None` if the user's row is locked instead.
    pub lock_user: Option<&'static str>,
    /// The function that makes times comparable. Empty if the column's own values are.
    pub time: &'static str,
    /// Condition for the token whose value equals the parameter byte by byte.
    pub is_value: &'static str,
    /// Whether an UPDATE can return rows, also as a part of a query.
    pub returns_updates: bool,
    /// Selects the columns of tokens that need a value in a new row.
    pub required_columns: &'static str,
}

/// A query and its parameters.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    pub statement: &'a str,
    pub params: &'a [Param<'a>],
}

/// Receives the rows of several queries, with the index of the query.
pub(super) type IndexedRowVisitor<'a> = &'a mut dyn FnMut(usize, Row) -> Result<(), SqlError>;

/// A connection to a database. In statements, each `?` is a parameter.
pub(super) trait Connection: Send {
    fn dialect(&self) -> &'static Dialect;

    /// Sets the limits of the following statements.
    fn set_limits(&mut self, limits: Limits);

    /// Returns the time until which the server may be working on a statement without a response.
    fn busy_until(&self) -> Option<Instant> {
        None
    }

    /// Adjusts the server's own limit to the remaining time of the call. Queries do this
    /// themselves; `run` does not.
    fn refresh_session_limit(&mut self) -> Result<(), SqlError> {
        Ok(())
    }

    /// Runs a statement without parameters or rows.
    fn run(&mut self, statement: &str) -> Result<(), SqlError>;

    /// Begins a transaction and runs queries in it, which must only read or lock. Uses a single
    /// round trip if the database supports that. After an error, the transaction may be open.
    fn begin(
        &mut self,
        queries: &[Query<'_>],
        each: IndexedRowVisitor<'_>,
    ) -> Result<(), SqlError> {
        self.run(self.dialect().begin)?;
        query_all(self, queries, 0, each)
    }

    /// Runs a query and passes on rows one by one, so that the driver buffers few of them. The
    /// connection stays usable after an error of `each`.
    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError>;

    /// Changes rows and returns the number of rows that matched.
    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, SqlError>;

    /// Inserts a row and returns its id.
    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, SqlError>;
}

/// Runs queries one by one. `first` is the index of the first.
pub(super) fn query_all<C: Connection + ?Sized>(
    connection: &mut C,
    queries: &[Query<'_>],
    first: usize,
    each: IndexedRowVisitor<'_>,
) -> Result<(), SqlError> {
    queries.iter().enumerate().try_for_each(|(index, query)| {
        connection.query(query.statement, query.params, &mut |row| each(first + index, row))
    })
}
