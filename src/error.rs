//! One error type for the whole library.

mod argument;
mod kind;

use std::borrow::Cow;
use std::fmt::{self, Write};

pub use argument::Argument;
pub use kind::ErrorKind;

/// The result of anything that can fail here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, in words for people.
///
/// The message never contains a token's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    argument: Option<Argument>,
    json_path: Option<String>,
}

impl Error {
    /// An error of a kind with a message.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), argument: None, json_path: None }
    }

    /// Names the argument that is at fault, unless a deeper place has named it already.
    #[must_use]
    pub fn at_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument.get_or_insert(argument.into());
        self
    }

    /// Names the place inside a JSON document that is at fault.
    #[must_use]
    pub fn at_path(mut self, path: impl fmt::Display) -> Self {
        self.json_path = self.json_path.take().or_else(|| path_text(path));
        self
    }

    /// Says that what was at fault on its own stands at this place of a JSON document.
    #[must_use]
    pub(crate) fn moved_to_path(mut self, path: impl fmt::Display) -> Self {
        self.argument = None;
        self.json_path = path_text(path);
        self
    }

    /// Says that another argument is at fault than the one that was named, and no document.
    #[must_use]
    pub(crate) fn moved_to_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        self.json_path = None;
        self
    }

    /// Names the argument as another caller knows it; a place inside its document stays.
    #[must_use]
    pub(crate) fn renamed_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        self
    }

    /// Puts a place before the message.
    #[must_use]
    pub(crate) fn prefixed(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message).into();
        self
    }

    /// An argument has a value that is not allowed.
    pub fn invalid(argument: impl Into<Argument>, message: impl Into<Cow<'static, str>>) -> Self {
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

    /// The argument or field at fault, if one is.
    pub fn argument(&self) -> Option<Argument> {
        self.argument
    }

    /// The place inside a JSON document, as a JSONPath such as `$.resources["*"].allow`.
    pub fn json_path(&self) -> Option<&str> {
        self.json_path.as_deref()
    }
}

/// Returns the text of a path, which names what a caller wrote; `None` if there is no memory for
/// it.
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
