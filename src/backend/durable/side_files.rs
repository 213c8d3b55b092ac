//! The files that SQLite keeps beside a store's file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::access::{check_kind, check_only_name};
use super::errors::io_error;
use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;

/// What is appended to the file's name for the rollback journal, by which SQLite takes the making
/// of the tables back.
pub(super) const JOURNAL: &str = "-journal";

/// What is appended for the write-ahead log: the commits that are not in the file yet.
pub(super) const LOG: &str = "-wal";

/// The path of a file beside another.
pub(super) fn path(file: &Path, end: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(end);
    path.into()
}

/// Checks the files that lie beside a store's file before SQLite takes what is in them. `len` is
/// the length of the store's file, `None` if there is none yet.
///
/// # Errors
/// `InvalidArgument` for one that somebody else could write, or that is left of another file; `Io`.
pub(super) fn check(file: &Path, len: Option<u64>, trusted: &TrustedOwners) -> Result<()> {
    for end in [JOURNAL, LOG] {
        let path = path(file, end);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error(&path, "cannot be read", &error)),
        };
        check_kind(&path, &metadata, trusted)?;
        check_only_name(&path, &metadata)?;
        // A journal beside an empty file takes the making of its tables back.
        let belongs = len.is_some_and(|len| len > 0 || end == JOURNAL);
        if metadata.len() > 0 && !belongs {
            let message = format!(
                "{}: this log belongs to a file that does not exist; move the file back before it is \
                 opened, or remove the log",
                path.display()
            );
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
    }
    Ok(())
}

/// Removes what SQLite left beside a file.
pub(super) fn remove(file: &Path) {
    for end in [JOURNAL, LOG] {
        let _ = fs::remove_file(path(file, end));
    }
}
