//! Why a database did not do what it was asked.

use crate::error::{Error, ErrorKind, Result};

/// Why a statement, or a connection, failed. No text in here comes from a statement's values:
/// databases like to quote them, and they are secrets.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// There is no connection, or no longer.
    Lost(String),
    /// The connection is not safe, or no longer.
    Tls(String),
    /// The server gave a statement up, or there was no time left to send it.
    TimedOut,
    /// The server has not answered in time. Overdue: not even with an error at the limit that it
    /// was told, so that it never will on this connection. Otherwise it may wait for a lock.
    Silent { is_overdue: bool },
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
    /// The server cannot convert a text of a row to UTF-8.
    Unconvertible,
    /// The server, or the transaction, is read-only.
    ReadOnly(String),
    /// The account has no right to do this.
    Denied(String),
    /// The database said no.
    Refused(String),
    /// There was no answer to a commit: it may have happened or not.
    Unknown { timed_out: bool },
    /// A fault that is not the database's.
    Own(Error),
}

impl Fault {
    /// Answers a look-up for a text that no row of the database can have: there is none.
    pub fn or_no_rows<T: Default>(answer: Result<T, Self>) -> Result<T, Self> {
        match answer {
            Err(Self::Unstorable(_)) => Ok(T::default()),
            answer => answer,
        }
    }

    /// Whether the connection is of no use any more, and those that have idled as long are not
    /// either.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Tls(_) | Self::Silent { is_overdue: true })
    }

    /// Whether a limit of time ended the call.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut | Self::Silent { .. } | Self::Unknown { timed_out: true })
    }

    /// Whether the connection is of no use any more.
    pub fn ends_connection(&self) -> bool {
        self.is_gone() || matches!(self, Self::Silent { .. })
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
            Fault::TimedOut | Fault::Silent { .. } => {
                Self::new(ErrorKind::Timeout, "the database did not answer in time")
            }
            Fault::Full(why) => Self::new(
                ErrorKind::Database,
                format!("the database accepts no more connections: {why}"),
            ),
            Fault::Duplicate => {
                Self::new(ErrorKind::Exists, "a value that must be unique already exists")
            }
            Fault::Conflict => {
                Self::new(ErrorKind::Database, "the transaction conflicted with others too often")
            }
            Fault::Schema => Self::new(
                ErrorKind::Version,
                "the database does not have the tables and columns of Review Board 5.0 or newer",
            ),
            Fault::Unstorable(Some(argument)) => {
                Self::invalid(argument, "must fit the character set of the database column")
            }
            Fault::Unstorable(None) => Self::new(
                ErrorKind::InvalidArgument,
                "a text does not fit the character set of the database column",
            ),
            Fault::Unconvertible => {
                Self::new(ErrorKind::Corrupt, "the database cannot convert a stored text to UTF-8")
            }
            Fault::Refused(why) | Fault::Denied(why) | Fault::ReadOnly(why) => {
                Self::new(ErrorKind::Database, format!("database error: {why}"))
            }
            Fault::Tls(why) => {
                Self::new(ErrorKind::Database, format!("database error: TLS: {why}"))
            }
            Fault::Unknown { timed_out } => {
                let (kind, what) = match timed_out {
                    true => (ErrorKind::Timeout, "the database did not answer"),
                    false => (ErrorKind::Database, "the connection was lost"),
                };
                let message = format!("{what} during a commit: the outcome is unknown");
                Self::new(kind, message)
            }
            Fault::Own(error) => error,
        }
    }
}
