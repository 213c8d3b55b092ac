//! What the header of a store's file says.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Stands in the file's header: `rbto`.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"rbto");

/// The version of the tables that this library writes. A file of an older one is brought up to it.
pub(super) const VERSION: i32 = 1;

/// Refuses a file that a later version of this library wrote.
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
