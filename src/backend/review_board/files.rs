//! Reads the files that a location names: certificates, keys and passwords.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::sql_error::SqlError;
use crate::memory;

/// Maximum size of a file that a location names.
const MAX_BYTES: u64 = 4 << 20;

/// Permission bits for users other than the owner.
const OTHERS: u32 = 0o077;

/// Reads a file without secrets.
///
/// # Errors
/// `Refused`, naming the parameter.
pub(super) fn read(path: &Path, parameter: &str) -> Result<Zeroizing<Vec<u8>>, SqlError> {
    read_if(path, parameter, |_| true)
}

/// Reads a file that only its owner can access.
///
/// # Errors
/// Those of [`read`].
pub(super) fn read_secret(path: &Path, parameter: &str) -> Result<Zeroizing<Vec<u8>>, SqlError> {
    read_if(path, parameter, |mode| mode & OTHERS == 0)
}

fn read_if(
    path: &Path,
    parameter: &str,
    is_allowed: impl Fn(u32) -> bool,
) -> Result<Zeroizing<Vec<u8>>, SqlError> {
    let refused = |why: &str| SqlError::Refused(format!("the file of {parameter} {why}"));
    let unreadable = |error: std::io::Error| refused(&format!("cannot be read: {error}"));
    // Opening a FIFO would otherwise block until it has a writer.
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(refused("must be a regular file of at most 4 MiB"));
    }
    if !is_allowed(metadata.mode()) {
        return Err(refused("must have the mode 0600: others may access it"));
    }
    // Limited, since the file may have grown.
    let mut content = Zeroizing::new(memory::vec_with_capacity(metadata.len() as usize)?);
    file.take(metadata.len()).read_to_end(&mut content).map_err(unreadable)?;
    Ok(content)
}
