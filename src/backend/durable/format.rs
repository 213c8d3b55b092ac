//! The file format: application id and version.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Application id in the header of the file: `rbto`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"rbto");

/// Version of the tables. Files of older versions are migrated.
pub(super) const VERSION: i32 = 1;

/// Rejects a file that a later version of this library wrote.
pub(super) fn check_version(path: &Path, version: i32) -> Result<()> {
    if (0..=VERSION).contains(&version) {
        return Ok(());
    }
    let message = format!(
        "{}: unsupported file version {version} (this library reads versions up to {VERSION})",
        path.display()
    );
    Err(Error::new(ErrorKind::Version, message))
}
