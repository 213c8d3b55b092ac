//! SQLite's files beside a store's file: the rollback journal and the write-ahead log.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::access::{check_file, check_single_link};
use super::errors::io_error;
use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;

/// Suffix of the rollback journal, with which SQLite undoes an interrupted creation of the tables.
pub(super) const JOURNAL: &str = "-journal";

/// Suffix of the write-ahead log, which contains commits that are not in the file yet.
pub(super) const LOG: &str = "-wal";

/// Returns the path of a file with a suffix.
pub(super) fn path(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Checks the files beside a store's file before SQLite reads them. `len` is the length of the
/// store's file; `None` if it does not exist.
///
/// # Errors
/// `InvalidArgument` for a file that others could write to or that belongs to another file; `Io`.
pub(super) fn check(file: &Path, len: Option<u64>, trusted: &TrustedOwners) -> Result<()> {
    for suffix in [JOURNAL, LOG] {
        let path = path(file, suffix);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io_error(&path, "cannot be read", &error)),
        };
        check_file(&path, &metadata, trusted)?;
        check_single_link(&path, &metadata)?;
        // A rollback journal beside an empty file undoes the creation of its tables.
        let belongs = len.is_some_and(|len| len > 0 || suffix == JOURNAL);
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

/// Removes SQLite's files beside a file.
pub(super) fn remove(file: &Path) {
    for suffix in [JOURNAL, LOG] {
        let _ = fs::remove_file(path(file, suffix));
    }
}
