//! Conversion of SQLite's and the operating system's errors.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, ErrorKind};

/// Converts an error of SQLite about a file.
pub(super) fn sqlite_error(path: &Path, error: &rusqlite::Error) -> Error {
    let (kind, what) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (ErrorKind::Io, "the disk is full"),
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Io, "an input or output operation failed"),
        Some(ErrorCode::CannotOpen) => (ErrorKind::Io, "the file or its journal cannot be opened"),
        Some(ErrorCode::ReadOnly) => (ErrorKind::Io, "the file is read-only"),
        Some(ErrorCode::PermissionDenied) => (ErrorKind::Io, "access to the file was denied"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Locked, "another program has the file open")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Corrupt, "the file is damaged")
        }
        Some(ErrorCode::OutOfMemory) => (ErrorKind::NoMemory, "memory is exhausted"),
        Some(_) => (ErrorKind::Database, "SQLite failed"),
        // Errors without a code come from rusqlite and are about a value in a row.
        None => (ErrorKind::Corrupt, "the file is damaged"),
    };
    let code = match error.sqlite_error() {
        Some(error) => format!(" (SQLite code {})", error.extended_code),
        None => String::new(),
    };
    Error::new(kind, format!("{}: {what}{code}", path.display()))
}

/// Converts an error of the operating system about a path.
pub(super) fn io_error(path: &Path, what: &str, error: &io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{}: the file {what}: {error}", path.display()))
}
