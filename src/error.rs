//! The error type of the library.

mod argument;
mod kind;

use std::borrow::Cow;
use std::fmt::{self, Write};

pub use argument::Argument;
pub use kind::ErrorKind;

/// The result of a fallible operation of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: its kind, a message, and the argument or JSON path that it is about.
///
/// The message never contains the value of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    argument: Option<Argument>,
    json_path: Option<String>,
}

impl Error {
    /// Creates an error.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), argument: None, json_path: None }
    }

    /// Adds the argument, unless one was named closer to the cause.
    #[must_use]
    pub fn at_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument.get_or_insert(argument.into());
        self
    }

    /// Adds the JSON path, unless one was named closer to the cause.
    #[must_use]
    pub fn at_path(mut self, path: impl fmt::Display) -> Self {
        self.json_path = self.json_path.take().or_else(|| path_text(path));
        self
    }

    /// Replaces the argument by a JSON path, for a value that is part of a document.
    #[must_use]
    pub(crate) fn moved_to_path(mut self, path: impl fmt::Display) -> Self {
        self.argument = None;
        self.json_path = path_text(path);
        self
    }

    /// Replaces the argument and removes the JSON path.
    #[must_use]
    pub(crate) fn moved_to_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        self.json_path = None;
        self
    }

    /// Replaces the argument by its name in the caller's terms, and keeps the JSON path.
    #[must_use]
    pub(crate) fn renamed_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        self
    }

    /// Prepends a place to the message.
    #[must_use]
    pub(crate) fn prefixed(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message).into();
        self
    }

    /// Creates an error about an argument with an invalid value.
    pub fn invalid(argument: impl Into<Argument>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidArgument, message).at_argument(argument)
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the argument or field that the error is about, if any.
    pub fn argument(&self) -> Option<Argument> {
        self.argument
    }

    /// Returns the JSONPath of the invalid value, such as `$.resources["*"].allow`.
    pub fn json_path(&self) -> Option<&str> {
        self.json_path.as_deref()
    }
}

/// Formats a path. Its length depends on the document, so this returns `None` if there is no
/// memory.
fn path_text(path: impl fmt::Display) -> Option<String> {
    struct Fallible(String);

    impl Write for Fallible {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.try_reserve(text.len()).map_err(|_| fmt::Error)?;
            self.0.push_str(text);
            Ok(())
        }
    }

    let mut text = Fallible(String::new());
    write!(text, "{path}").ok()?;
    Some(text.0)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.argument.map(Argument::name), &self.json_path) {
            (Some(argument), Some(path)) => write!(f, " ({argument}: {path})"),
            (Some(argument), None) => write!(f, " ({argument})"),
            (None, Some(path)) => write!(f, " ({path})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
