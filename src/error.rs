//! One error type for the whole library.

use std::borrow::Cow;
use std::fmt;

/// The result of anything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of thing went wrong. The C ABI gives each kind a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A required argument is missing.
    NullArgument,
    /// An argument has a value that is not allowed.
    InvalidArgument,
    /// A text is not UTF-8.
    InvalidUtf8,
    /// A text contains a NUL character.
    EmbeddedNul,
    /// A text is longer than its field allows.
    TooLong,
    /// An options struct has a size that was never published.
    StructSize,
    /// An options struct asks for something that this version does not know.
    UnsupportedOption,
    /// A time lies outside the years 1 to 9999.
    TimeRange,
    /// A document is not JSON.
    JsonSyntax,
    /// A JSON value has another type than the one asked for.
    JsonType,
    /// A JSON document is nested more than 128 levels deep.
    JsonTooDeep,
    /// A JSON number cannot be kept without changing it.
    JsonNumber,
    /// A policy document breaks a rule of policies.
    Policy,
    /// There is no such object.
    NotFound,
    /// There is such an object already.
    Exists,
    /// The object is in a state that does not allow the call.
    State,
    /// This build or this store cannot do that.
    Unsupported,
    /// The process was forked after the store was opened.
    Forked,
    /// An earlier panic may have left the store half-changed.
    Poisoned,
    /// No token value could be generated.
    Generation,
    /// A callback of the host broke its contract.
    Callback,
    /// Another process, or another store of this one, owns the file.
    Locked,
    /// The operating system refused an input or output operation.
    Io,
    /// Stored data is damaged.
    Corrupt,
    /// Stored data was written by an incompatible version.
    Version,
    /// The database refused or failed.
    Database,
    /// The operation did not end in its time.
    Timeout,
    /// The memory is exhausted.
    NoMemory,
    /// A defect of this library.
    Internal,
    /// A callback of the host answered with this status, which is passed on unchanged.
    Host(i32),
}

/// What went wrong, where, in words for people.
///
/// The message never contains a token's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    argument: Option<&'static str>,
    json_path: Option<String>,
}

impl Error {
    /// An error of a kind with a message.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), argument: None, json_path: None }
    }

    /// Names the argument that is at fault, unless a deeper place has named it already.
    #[must_use]
    pub fn at_argument(mut self, name: &'static str) -> Self {
        self.argument.get_or_insert(name);
        self
    }

    /// Names the place inside a JSON document that is at fault.
    #[must_use]
    pub fn at_path(mut self, path: impl fmt::Display) -> Self {
        self.json_path.get_or_insert_with(|| path.to_string());
        self
    }

    /// Says that what was at fault on its own stands at this place of a JSON document.
    #[must_use]
    pub(crate) fn moved_to_path(mut self, path: impl fmt::Display) -> Self {
        self.argument = None;
        self.json_path = Some(path.to_string());
        self
    }

    /// Says that another argument is at fault than the one that was named, and no document.
    #[must_use]
    pub(crate) fn moved_to_argument(mut self, name: &'static str) -> Self {
        self.argument = Some(name);
        self.json_path = None;
        self
    }

    /// Names the argument as another caller knows it; a place inside its document stays.
    #[must_use]
    pub(crate) fn renamed_argument(mut self, name: &'static str) -> Self {
        self.argument = Some(name);
        self
    }

    /// Puts a place before the message.
    #[must_use]
    pub(crate) fn prefixed(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message).into();
        self
    }

    /// An argument has a value that is not allowed.
    pub fn invalid(argument: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message).at_argument(argument)
    }

    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message, for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The name of the argument or field at fault, if one is.
    pub fn argument(&self) -> Option<&'static str> {
        self.argument
    }

    /// The place inside a JSON document, as a JSONPath such as `$.resources["*"].allow`.
    pub fn json_path(&self) -> Option<&str> {
        self.json_path.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.argument, &self.json_path) {
            (Some(argument), Some(path)) => write!(f, " ({argument}: {path})"),
            (Some(argument), None) => write!(f, " ({argument})"),
            (None, Some(path)) => write!(f, " ({path})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
