//! Failures: an exit status, and one line that says what to do.

use std::io;

use rbtoken::{Argument, Error, ErrorKind};

/// The exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Done = 0,
    /// Refused, or not found.
    Refused = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// The store or the database failed.
    Store = 3,
    /// Ctrl-C, as in a shell.
    Interrupted = 130,
}

/// Why the program ends early.
#[derive(Debug)]
pub struct Failure {
    pub status: Status,
    /// Empty if nobody reads the output.
    pub message: String,
}

/// The result of a subcommand.
pub type Outcome = Result<(), Failure>;

/// The status by which the library passes on an interruption, from a callback to its caller.
const INTERRUPTED: i32 = Status::Interrupted as i32;

impl Failure {
    pub fn refused(message: impl Into<String>) -> Self {
        Self { status: Status::Refused, message: message.into() }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, message: message.into() }
    }

    /// Creates the failure to read or write a file.
    pub fn of_file(path: &str, error: &io::Error) -> Self {
        let status = match error.kind() {
            io::ErrorKind::NotFound => Status::Refused,
            _ => Status::Store,
        };
        Self { status, message: format!("{path}: {error}") }
    }

    /// Returns the error that a callback returns to stop the library after Ctrl-C.
    pub fn interruption() -> Error {
        Error::new(ErrorKind::Host(INTERRUPTED), "interrupted")
    }

    /// Adds what to do.
    pub fn advise(mut self, advice: &str) -> Self {
        self.message = format!("{}; {advice}", self.message);
        self
    }

    /// Adds what an interruption left behind.
    pub fn if_interrupted(mut self, consequence: &str) -> Self {
        if self.status == Status::Interrupted {
            self.message = format!("interrupted: {consequence}");
        }
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut message = without_argument(&error);
        if let Some(advice) = advice(error.kind()) {
            message = format!("{message}; {advice}");
        }
        let status = match (status(error.kind()), error.argument()) {
            // The location is well-formed, and the store there cannot be opened.
            (Status::Usage | Status::Refused, Some(Argument::Location)) => Status::Store,
            (status, _) => status,
        };
        Self { status, message }
    }
}

/// Converts an error of the standard output. If nobody reads it, there is nothing to report.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { status: Status::Done, message: String::new() },
            _ => Self {
                status: Status::Store,
                message: format!("the output cannot be written: {error}"),
            },
        }
    }
}

/// Returns the message without the name of an argument whose value follows, a path.
fn without_argument(error: &Error) -> String {
    let message = error.message();
    let place = match error.argument() {
        Some(Argument::Location | Argument::Named("path")) => message.split_once(": "),
        _ => None,
    };
    place.map_or(message.clone(), |(_, rest)| rest.to_owned())
}

fn status(kind: ErrorKind) -> Status {
    match kind {
        ErrorKind::Host(INTERRUPTED) => Status::Interrupted,
        ErrorKind::NotFound
        | ErrorKind::Exists
        | ErrorKind::State
        | ErrorKind::Unsupported
        | ErrorKind::Policy
        | ErrorKind::JsonSyntax
        | ErrorKind::JsonType
        | ErrorKind::JsonTooDeep
        | ErrorKind::JsonNumber
        | ErrorKind::Generation => Status::Refused,
        ErrorKind::InvalidArgument
        | ErrorKind::InvalidUtf8
        | ErrorKind::EmbeddedNul
        | ErrorKind::TooLong
        | ErrorKind::TimeRange => Status::Usage,
        _ => Status::Store,
    }
}

/// Returns what to do about an error, unless its message says so.
fn advice(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Locked => "stop the program that has it open, and try again",
        ErrorKind::Version => "use the version of rbtoken that fits it",
        ErrorKind::Corrupt => "`rbtoken check` lists what is damaged",
        ErrorKind::Timeout => "try again, or raise the time limits with --settings",
        _ => return None,
    })
}

/// Runs an iteration of the library whose visitor can fail with a [`Failure`]. `run` gets a
/// function that converts the result of the visitor.
pub fn visiting<T>(
    run: impl FnOnce(&mut dyn FnMut(Outcome) -> rbtoken::Result<()>) -> rbtoken::Result<T>,
) -> Result<T, Failure> {
    let mut failure = None;
    let done = run(&mut |visited| {
        visited.map_err(|error| {
            failure = Some(error);
            Error::new(ErrorKind::Host(0), "stopped")
        })
    });
    match failure {
        Some(failure) => Err(failure),
        None => done.map_err(Failure::from),
    }
}
