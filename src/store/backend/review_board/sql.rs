//! What the rules' SQL needs of a database driver.

use std::fmt;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use super::limits::Limits;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};

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
}

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
    Error::new(ErrorKind::Corrupt, "a value in the database is not of the kind that belongs there")
}

/// Why a statement, or a connection, failed. No text in here comes from a statement's values:
/// databases like to quote them, and they are secrets.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// There is no connection, or no longer.
    Lost(String),
    /// The server gave a statement up, or there was no time left to send it.
    TimedOut,
    /// The server has not answered in time: perhaps it never will, on this connection.
    Silent,
    /// The server takes no more connections.
    Full(String),
    /// A value that must be unique exists already.
    Duplicate,
    /// The database gave the transaction up in favour of another; it may be tried again.
    Conflict,
    /// A table or a column is missing.
    Schema,
    /// The column's character set cannot hold a text; in a write, the argument that it came from.
    Unstorable(Option<&'static str>),
    /// The database said no.
    Refused(String),
    /// There was no answer to a commit: it may have happened or not.
    Unknown { timed_out: bool },
    /// A fault that is not the database's.
    Own(Error),
}

impl Fault {
    /// Answers a look-up for a text that no row of the database can have: there is none.
    pub fn or_no_rows(answer: Result<Vec<Row>, Self>) -> Result<Vec<Row>, Self> {
        match answer {
            Err(Self::Unstorable(_)) => Ok(Vec::new()),
            answer => answer,
        }
    }

    /// Whether the connection is of no use any more, and those that have idled as long are not
    /// either.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Silent)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost(why) => {
                Self::new(ErrorKind::Io, format!("the database cannot be reached: {why}"))
            }
            Fault::TimedOut | Fault::Silent => {
                Self::new(ErrorKind::Timeout, "the database did not answer in time")
            }
            Fault::Full(why) => Self::new(
                ErrorKind::Database,
                format!("the database takes no more connections: {why}"),
            ),
            Fault::Duplicate => {
                Self::new(ErrorKind::Exists, "a value that must be unique exists already")
            }
            Fault::Conflict => {
                Self::new(ErrorKind::Database, "other transactions stood in the way too often")
            }
            Fault::Schema => Self::new(
                ErrorKind::Version,
                "the database lacks tables or columns of Review Board: Review Board 5.0 or newer \
                 is needed",
            ),
            Fault::Unstorable(argument) => {
                let message = "the character set of the database's column cannot hold this text";
                let error = Self::new(ErrorKind::InvalidArgument, message);
                argument.map(|name| error.clone().at_argument(name)).unwrap_or(error)
            }
            Fault::Refused(why) => {
                Self::new(ErrorKind::Database, format!("the database refused: {why}"))
            }
            Fault::Unknown { timed_out } => {
                let (kind, what) = match timed_out {
                    true => (ErrorKind::Timeout, "the database did not answer"),
                    false => (ErrorKind::Database, "the connection was lost"),
                };
                let message = format!(
                    "{what} while a change was committed; whether it was made is not known"
                );
                Self::new(kind, message)
            }
            Fault::Own(error) => error,
        }
    }
}

/// What differs between databases in the statements themselves.
pub(super) struct Dialect {
    /// Begins a transaction that sees, after each lock, what others committed before it.
    pub begin: &'static str,
    /// Ends a query whose rows stay locked until the transaction ends.
    pub lock: &'static str,
    /// Locks the user of an id until the transaction ends, where not the user's row is locked.
    pub lock_user: Option<&'static str>,
    /// The columns of tokens that a new row must have a value for.
    pub required_columns: &'static str,
}

/// A connection to a database. In statements, each `?` stands for one parameter.
pub(super) trait Connection: Send {
    fn dialect(&self) -> &'static Dialect;

    /// Sets the limits of what is asked next.
    fn set_limits(&mut self, limits: Limits);

    /// Until when a server may be busy with what it has not answered.
    fn busy_until(&self) -> Option<Instant> {
        None
    }

    /// A statement without parameters or rows.
    fn run(&mut self, statement: &str) -> Result<(), Fault>;

    fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault>;

    /// Changes rows and tells how many the statement selected.
    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault>;

    /// Inserts one row and tells its id.
    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault>;
}
