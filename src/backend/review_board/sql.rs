//! What the rules' SQL needs of a database driver.

use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::fault::Fault;
use super::limits::Limits;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::{json, memory};

/// How long a connection idles before the system asks whether the server is there.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A value that a statement is given.
#[derive(Clone, Copy)]
pub(super) enum Param<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    Time(Timestamp),
}

/// A parameter may be a token's value.
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

/// Checks that there is memory for what a driver makes of a statement: it copies the texts, into
/// buffers that grow to twice what they hold, and reports no failed allocation.
///
/// # Errors
/// `NoMemory`.
pub(super) fn check_room(statement: &str, params: &[Param<'_>]) -> Result<()> {
    const COPIES: usize = 6;
    let texts: usize = params.iter().map(Param::text_len).sum();
    memory::check_room((statement.len() + texts).saturating_mul(COPIES) + memory::LARGE)
}

/// Checks that there is memory for the small allocations of one more row, the driver's included.
/// The first row needs less: one token can be revoked where a list is refused.
///
/// # Errors
/// `NoMemory`.
pub(super) fn check_row_room(is_first: bool) -> Result<()> {
    memory::check_room(if is_first { 2 * memory::LARGE } else { 16 * memory::LARGE })
}

/// Is given the rows of a query, each as it arrives.
pub(super) type ForRows<'a> = &'a mut dyn FnMut(Row) -> Result<(), Fault>;

/// A value of a row. Any text may be a token's value, so all of them are wiped.
pub(super) enum Cell {
    Null,
    /// Also a flag: 0 or 1.
    Int(i64),
    Text(Zeroizing<String>),
    Time(Timestamp),
    /// Something that Review Board does not write. It must not fail a statement that asks for other
    /// rows too.
    Unreadable,
}

impl Cell {
    /// Copies a text. One that is longer than a host may store, and than there is memory for,
    /// cannot be read: whoever wrote it must not be in the way of other rows.
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

/// A cell does not hold what belongs there.
pub(super) struct Unreadable;

/// A row, whose cells are read from the first to the last.
pub(super) struct Row(std::vec::IntoIter<Cell>);

impl Row {
    pub fn new(cells: Vec<Cell>) -> Self {
        Self(cells.into_iter())
    }

    pub fn int(&mut self) -> Result<Option<i64>, Unreadable> {
        match self.0.next() {
            Some(Cell::Int(number)) => Ok(Some(number)),
            Some(Cell::Null) => Ok(None),
            _ => Err(Unreadable),
        }
    }

    pub fn text(&mut self) -> Result<Option<Zeroizing<String>>, Unreadable> {
        match self.0.next() {
            Some(Cell::Text(text)) => Ok(Some(text)),
            Some(Cell::Null) => Ok(None),
            _ => Err(Unreadable),
        }
    }

    /// A text that hosts read as one that ends with a NUL: it must not hold another.
    pub fn name(&mut self) -> Result<Option<Zeroizing<String>>, Unreadable> {
        match self.text() {
            Ok(Some(name)) if name.contains('\0') => Err(Unreadable),
            name => name,
        }
    }

    pub fn time(&mut self) -> Result<Option<Timestamp>, Unreadable> {
        match self.0.next() {
            Some(Cell::Time(time)) => Ok(Some(time)),
            Some(Cell::Null) => Ok(None),
            _ => Err(Unreadable),
        }
    }

    /// The integer of the next cell, where each row has one.
    pub fn id(&mut self) -> Option<i64> {
        self.int().ok().flatten()
    }
}

/// A value of the database that is not what Review Board keeps in its place.
pub(super) fn unreadable() -> Error {
    Error::new(ErrorKind::Corrupt, "a value in the database has an unexpected type")
}

/// What differs between databases in the statements themselves.
pub(super) struct Dialect {
    /// Begins a transaction that sees, after each lock, what others committed before it.
    pub begin: &'static str,
    /// Ends a query whose rows stay locked until the transaction ends.
    pub lock: &'static str,
    /// Locks the user of an id until the transaction ends, where not the user's row is locked.
    pub lock_user: Option<&'static str>,
    /// The function whose values are in the order of the times that a column holds. Empty where the
    /// column's own values are.
    pub time: &'static str,
    /// A condition that holds for the token whose value is, byte for byte, the parameter's.
    pub is_value: &'static str,
    /// An UPDATE can return its rows, also as a part of a query.
    pub returns_updates: bool,
    /// The columns of tokens that a new row must have a value for.
    pub required_columns: &'static str,
}

/// A query and its parameters.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    pub statement: &'a str,
    pub params: &'a [Param<'a>],
}

/// Is given the rows of several queries, with the number of the query.
pub(super) type ForRowsOf<'a> = &'a mut dyn FnMut(usize, Row) -> Result<(), Fault>;

/// A connection to a database. In statements, each `?` stands for one parameter.
pub(super) trait Connection: Send {
    fn dialect(&self) -> &'static Dialect;

    /// Sets the limits of what is asked next.
    fn set_limits(&mut self, limits: Limits);

    /// Until when a server may be busy with what it has not answered.
    fn busy_until(&self) -> Option<Instant> {
        None
    }

    /// Lowers the server's own limit to what is left of the call. A query does so by itself; `run`
    /// does not.
    fn refresh_session_limit(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// A statement without parameters or rows.
    fn run(&mut self, statement: &str) -> Result<(), Fault>;

    /// Begins a transaction and runs queries in it, which must only read or lock. A database that
    /// can takes one round trip for all of it. After an error, the transaction may be open.
    fn begin(&mut self, queries: &[Query<'_>], each: ForRowsOf<'_>) -> Result<(), Fault> {
        self.run(self.dialect().begin)?;
        query_all(self, queries, 0, each)
    }

    /// Reads rows one by one, so that the driver holds few of them at a time. After an error of
    /// `each` the connection is of use still.
    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: ForRows<'_>,
    ) -> Result<(), Fault>;

    /// Changes rows and tells how many the statement selected.
    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault>;

    /// Inserts one row and tells its id.
    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault>;
}

/// Runs queries one by one. `first` is the number of the first.
pub(super) fn query_all<C: Connection + ?Sized>(
    connection: &mut C,
    queries: &[Query<'_>],
    first: usize,
    each: ForRowsOf<'_>,
) -> Result<(), Fault> {
    queries.iter().enumerate().try_for_each(|(index, query)| {
        connection.query(query.statement, query.params, &mut |row| each(first + index, row))
    })
}
