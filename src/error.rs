//! The error type of the library.

mod argument;
mod kind;

use std::borrow::Cow;
use std::fmt::{self, Write};

pub use argument::Argument;
pub use kind::ErrorKind;

/// The result of a fallible operation of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: its kind, its place, and the problem there.
///
/// The problem and the place are stored separately, since an argument can have another name in a
/// caller's API. [`Error::message`] joins them. It never contains a token's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    problem: Cow<'static, str>,
    argument: Option<Argument>,
    /// Boxed, since an error is moved with every result.
    position: Option<Box<Position>>,
}

/// The position of a problem in an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    /// The place that the JSON path is in, such as a line of a file.
    place: Option<String>,
    json_path: Option<String>,
}

impl Error {
    /// Returns an error of a kind. A `problem` that starts with "must" has the argument, or the
    /// JSON path, as its subject; any other follows them after a colon.
    pub fn new(kind: ErrorKind, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, problem: problem.into(), argument: None, position: None }
    }

    /// Adds the argument, unless the error already has one.
    #[must_use]
    pub fn at_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument.get_or_insert(argument.into());
        self
    }

    /// Adds the JSON path, unless the error already has one.
    #[must_use]
    pub fn at_path(mut self, path: impl fmt::Display) -> Self {
        if self.json_path().is_none() {
            self.position_mut().json_path = path_text(path);
        }
        self
    }

    /// Replaces the argument by a JSON path, for a value that is part of a document.
    #[must_use]
    pub(crate) fn moved_to_path(mut self, path: impl fmt::Display) -> Self {
        self.argument = None;
        self.position_mut().json_path = path_text(path);
        self
    }

    /// Replaces the argument and removes the JSON path.
    #[must_use]
    pub(crate) fn moved_to_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        if let Some(position) = &mut self.position {
            position.json_path = None;
        }
        self
    }

    /// Replaces the argument by its name in the caller's terms, and keeps the JSON path.
    #[must_use]
    pub(crate) fn renamed_argument(mut self, argument: impl Into<Argument>) -> Self {
        self.argument = Some(argument.into());
        self
    }

    /// Adds the place that the JSON path is in, such as a line of a file, before any other place.
    #[must_use]
    pub(crate) fn prefixed(mut self, place: impl fmt::Display) -> Self {
        let position = self.position_mut();
        position.place = Some(match &position.place {
            Some(inner) => format!("{place}: {inner}"),
            None => place.to_string(),
        });
        self
    }

    /// Returns the error for an argument with a value that is not allowed.
    pub fn invalid(argument: impl Into<Argument>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidArgument, problem).at_argument(argument)
    }

    /// Returns the kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the message for people, which names the argument, the place and the JSON path.
    pub fn message(&self) -> String {
        self.message_at(self.argument.map(Argument::name))
    }

    /// Returns the message for a caller that knows the argument by this name.
    pub(crate) fn message_at(&self, argument: Option<&str>) -> String {
        let place = self.position.as_ref().and_then(|it| it.place.as_deref());
        // The root of a document is the argument itself.
        let path = self.json_path().filter(|path| *path != "$").map(shortened);
        let places = [argument, place, path.as_deref()];
        let place = places.into_iter().flatten().collect::<Vec<_>>().join(": ");
        match &*self.problem {
            problem if place.is_empty() => problem.to_owned(),
            problem if problem.starts_with("must ") => format!("{place} {problem}"),
            problem => format!("{place}: {problem}"),
        }
    }

    /// Returns the argument or field that the error is about, if any.
    pub fn argument(&self) -> Option<Argument> {
        self.argument
    }

    /// Returns the JSONPath of the invalid value, such as `$.resources["*"].allow`.
    pub fn json_path(&self) -> Option<&str> {
        self.position.as_ref()?.json_path.as_deref()
    }

    fn position_mut(&mut self) -> &mut Position {
        self.position.get_or_insert_default()
    }
}

/// Returns a path for a message, without the end of one that is too long for a line of a log.
fn shortened(path: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 256;
    if path.len() <= MAX_BYTES {
        return Cow::Borrowed(path);
    }
    let end = (0..=MAX_BYTES).rev().find(|end| path.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}…", &path[..end]))
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
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_names_the_argument_place_and_path() {
        let error = Error::new(ErrorKind::JsonType, "must be a string").at_path("$.user");
        assert_eq!(error.message(), "$.user must be a string");
        let error = error.prefixed("line 3").prefixed("tokens.jsonl").renamed_argument("path");
        assert_eq!(error.message(), "path: tokens.jsonl: line 3: $.user must be a string");
        assert_eq!(error.json_path(), Some("$.user"));

        let error = Error::invalid(Argument::Expires, "unknown mode 7");
        assert_eq!(error.to_string(), "expires: unknown mode 7");
        assert_eq!(error.message_at(Some("expires_at_us")), "expires_at_us: unknown mode 7");
        assert_eq!(Error::new(ErrorKind::Io, "the disk is full").message(), "the disk is full");
    }

    #[test]
    fn document_root_is_not_part_of_the_message() {
        let error = Error::invalid("policy", "must not be empty").at_path("$");
        assert_eq!(error.message(), "policy must not be empty");
        assert_eq!(error.json_path(), Some("$"));
    }

    #[test]
    fn long_path_is_shortened_in_the_message_alone() {
        let path = format!("$.{}", "é".repeat(1000));
        let error = Error::invalid("policy", "unknown policy id").at_path(&path);
        assert!(error.message().len() < 300, "{error}");
        assert!(error.message().ends_with("é…: unknown policy id"), "{error}");
        assert_eq!(error.json_path(), Some(&*path));
    }
}
