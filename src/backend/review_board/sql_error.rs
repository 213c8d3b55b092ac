//! Errors of database statements and connections.

use crate::error::{Error, ErrorKind, Result};

/// An error of a statement or a connection. No message contains a value of a statement, since it
/// may be secret. Databases often quote values in their messages.
#[derive(Clone, Debug)]
pub(super) enum SqlError {
    /// The connection is lost or could not be opened.
    Lost(String),
    /// TLS failed when the connection was opened or later.
    Tls(String),
    /// The server canceled a statement, or there was no time left to send it.
    TimedOut,
    /// The server did not respond in time. If overdue, it did not even report an error at its own
    /// time limit, so the connection is considered dead. Otherwise it may be waiting for a lock.
    Silent { is_overdue: bool },
    /// The server accepts no more connections.
    Full(String),
    /// A value that must be unique already exists.
    Duplicate,
    /// The database rolled the transaction back because of a conflict with another one. It can be
    /// retried.
    Conflict,
    /// A table or column is missing.
    Schema,
    /// The character set of the column cannot store a text. For a write: the argument that the text
    /// came from, if known.
    Unstorable(Option<&'static str>),
    /// The caller must repeat the work in a slower way: the server cannot convert a text in a row
    /// to UTF-8, or a user or Local Site has changed since a search.
    FastPathFailed,
    /// The server or the transaction is read-only.
    ReadOnly(String),
    /// The account lacks a privilege.
    Denied(String),
    /// The database returned another error.
    Refused(String),
    /// There was no response to a commit, so its outcome is unknown.
    UnknownOutcome { timed_out: bool },
    /// An error of this library.
    Library(Error),
}

impl SqlError {
    /// Converts the error for a text that the database cannot store to an empty result: no row has
    /// it.
    pub fn or_empty<T: Default>(result: Result<T, Self>) -> Result<T, Self> {
        match result {
            Err(Self::Unstorable(_)) => Ok(T::default()),
            result => result,
        }
    }

    /// Returns whether the connection is dead. Idle connections of the pool are probably
    /// dead too.
    pub fn is_connection_dead(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Tls(_) | Self::Silent { is_overdue: true })
    }

    /// Returns whether the call failed because of a time limit.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::TimedOut | Self::Silent { .. } | Self::UnknownOutcome { timed_out: true }
        )
    }

    /// Returns whether the connection can no longer be used.
    pub fn makes_connection_unusable(&self) -> bool {
        self.is_connection_dead() || matches!(self, Self::Silent { .. })
    }
}

impl From<Error> for SqlError {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Lost(why) => {
                Self::new(ErrorKind::Io, format!("the database cannot be reached: {why}"))
            }
            SqlError::TimedOut | SqlError::Silent { .. } => {
                Self::new(ErrorKind::Timeout, "the database did not respond in time")
            }
            SqlError::Full(why) => Self::new(
                ErrorKind::Database,
                format!("the database accepts no more connections: {why}"),
            ),
            SqlError::Duplicate => {
                Self::new(ErrorKind::Exists, "a value that must be unique already exists")
            }
            SqlError::Conflict => {
                Self::new(ErrorKind::Database, "the transaction conflicted with others too often")
            }
            SqlError::Schema => Self::new(
                ErrorKind::Version,
                "the database does not have the tables and columns of Review Board 5.0 or newer",
            ),
            SqlError::Unstorable(Some(argument)) => {
                Self::invalid(argument, "must fit the character set of the database column")
            }
            SqlError::Unstorable(None) => Self::new(
                ErrorKind::InvalidArgument,
                "a text does not fit the character set of the database column",
            ),
            SqlError::FastPathFailed => {
                Self::new(ErrorKind::Corrupt, "the database cannot convert a stored text to UTF-8")
            }
            SqlError::Denied(why) => Self::new(
                ErrorKind::Database,
                format!("the account lacks a privilege that docs/databases.md lists: {why}"),
            ),
            SqlError::Refused(why) | SqlError::ReadOnly(why) => {
                Self::new(ErrorKind::Database, format!("database error: {why}"))
            }
            SqlError::Tls(why) => {
                Self::new(ErrorKind::Database, format!("database error: TLS: {why}"))
            }
            SqlError::UnknownOutcome { timed_out } => {
                let (kind, what) = match timed_out {
                    true => (ErrorKind::Timeout, "the database did not respond"),
                    false => (ErrorKind::Database, "the connection was lost"),
                };
                let message = format!("{what} during a commit: the outcome is unknown");
                Self::new(kind, message)
            }
            SqlError::Library(error) => error,
        }
    }
}
