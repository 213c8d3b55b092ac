//! Permission checks: owners and modes of a store's file and its directory.

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

/// Checks that only trusted users and groups can replace files in the directory of a path.
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
    // With the sticky bit, a file can be replaced only by its owner or the owner of the directory.
    if metadata.mode() & STICKY != 0 {
        return Ok(());
    }
    check_writers(&place, "directory", &metadata, trusted)
}

/// Checks that a path is a regular file that only trusted users and groups can write to.
///
/// # Errors
/// `InvalidArgument`; `Io` for a read-only file.
pub(super) fn check_file(path: &Path, metadata: &Metadata, trusted: &TrustedOwners) -> Result<()> {
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
    // The owner of the file can read everything written to it. In a directory such as /tmp, any
    // user could have created it.
    check_owner(&place, "file", metadata, trusted)
}

/// Rejects a file with a second hard link. After a crash under one name, use under the other name
/// would not find the log. The log would later be replayed over newer tokens.
pub(super) fn check_single_link(path: &Path, metadata: &Metadata) -> Result<()> {
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

/// Rejects a file or directory that all users can write to, or a group that is not trusted. A group
/// must be trusted explicitly, since its members are unknown.
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
