//! Who may reach a store's file: the owners and modes of its directory and of the file itself.

use std::fmt::Display;
use std::fs::{self, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;
use crate::os::user;

const ROOT: u32 = 0;
const GROUP_MAY_WRITE: u32 = 0o020;
const OTHERS_MAY_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Checks that only trusted users and groups may replace files in the directory of a path.
///
/// # Errors
/// `InvalidArgument`; `Io` if the directory cannot be read.
pub(super) fn check_directory(path: &Path, trusted: &TrustedOwners) -> Result<()> {
    let directory = path.parent().unwrap_or(path);
    let place = directory.display();
    let metadata = fs::metadata(directory).map_err(|error| {
        Error::new(ErrorKind::Io, format!("{place}: the directory cannot be read: {error}"))
    })?;
    check_owner(&place, "directory", &metadata, trusted)?;
    // With the sticky bit, a name can be replaced only by the owner of its file or of the
    // directory.
    if metadata.mode() & STICKY != 0 {
        return Ok(());
    }
    check_writers(&place, "directory", &metadata, trusted)
}

/// Checks that a path is a regular file that only trusted users and groups may write to.
///
/// # Errors
/// `InvalidArgument`; `Io` for a file that is read-only.
pub(super) fn check_kind(path: &Path, metadata: &Metadata, trusted: &TrustedOwners) -> Result<()> {
    let place = path.display();
    let kind = metadata.file_type();
    if metadata.is_dir() {
        return Err(refused(format!("{place}: expected a file, found a directory")));
    }
    if kind.is_fifo() || kind.is_socket() || !metadata.is_file() {
        return Err(refused(format!("{place}: expected a regular file")));
    }
    if metadata.permissions().readonly() {
        return Err(Error::new(ErrorKind::Io, format!("{place}: the file is read-only")));
    }
    check_writers(&place, "file", metadata, trusted)?;
    // Whoever put the file there, in a directory such as /tmp, could read what is written to it.
    check_owner(&place, "file", metadata, trusted)
}

/// Refuses a file with a second name. After a crash under one name, use under the other would leave
/// the log behind, and replay it over newer tokens when the first name is used again.
pub(super) fn check_only_name(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.nlink() <= 1 {
        return Ok(());
    }
    let message = format!(
        "{}: the file must not have a second hard link; `find DIR -inum {}` finds it",
        path.display(),
        metadata.ino()
    );
    Err(Error::new(ErrorKind::InvalidArgument, message))
}

fn check_owner(
    place: &impl Display,
    what: &str,
    metadata: &Metadata,
    trusted: &TrustedOwners,
) -> Result<()> {
    let owner = metadata.uid();
    if owner == user::effective_id() || owner == ROOT || trusted.users.contains(&owner) {
        return Ok(());
    }
    Err(refused(format!(
        "{place}: the {what} belongs to another user; to trust it, add {owner} to the settings: \
         \"trusted_owners\": {{\"users\": [{owner}]}}"
    )))
}

/// A group that may write needs an entry, since who is in it cannot be told. Others never may.
fn check_writers(
    place: &impl Display,
    what: &str,
    metadata: &Metadata,
    trusted: &TrustedOwners,
) -> Result<()> {
    let (mode, group) = (metadata.mode(), metadata.gid());
    if mode & OTHERS_MAY_WRITE != 0 {
        return Err(refused(format!("{place}: the {what} must not be writable by others")));
    }
    if mode & GROUP_MAY_WRITE != 0 && !trusted.groups.contains(&group) {
        return Err(refused(format!(
            "{place}: the {what} is writable by its group; to trust it, add {group} to the settings: \
             \"trusted_owners\": {{\"groups\": [{group}]}}"
        )));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}
