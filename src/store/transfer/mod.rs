//! Copies of a store: a backup, which can be opened as a store, and an export, which can be
//! imported and has one JSON object per line.

mod copy;
mod export;
mod import;
mod line_reader;

use std::path::Path;

pub use self::copy::{Copied, CopyOptions};
use super::Store;
use crate::backend::location::MAX_BYTES;
use crate::error::{Error, ErrorKind, Result};

/// Identifies an export in its first line.
const FORMAT: &str = "rbtoken export";
/// Version of the export format. Other versions are rejected.
const VERSION: u64 = 1;
/// Prefix of the members with the original text of a document that another program wrote. Such a
/// member, for example `stored_policy`, precedes the document in the member `policy`. An import
/// uses the original text and skips the document, which is there for people who read the file.
const STORED: &str = "stored_";
/// Number of tokens between two calls of a progress callback.
const STEP: u64 = 1000;

impl Store {
    /// Copies the contents of the store, from one point in time, into a new file that can be opened
    /// as a store. Other threads can use the store meanwhile. Only the owner can read the file.
    ///
    /// # Errors
    /// `Exists` if the file exists; `Unsupported` without the feature `sqlite`; those of the disk.
    /// The file is removed then.
    pub fn backup(&self, path: &str) -> Result<()> {
        check_path(path)?;
        let contents = self.backend.contents()?;
        #[cfg(feature = "sqlite")]
        {
            let copied = crate::backend::durable::copy(path, &contents, &self.trusted_owners);
            copied.map_err(|error| error.at_argument("path"))
        }
        #[cfg(not(feature = "sqlite"))]
        {
            drop(contents);
            Err(crate::backend::location::needs_feature("sqlite").moved_to_argument("path"))
        }
    }
}

fn check_path(path: &str) -> Result<()> {
    if path.is_empty() {
        return Err(Error::invalid("path", "must not be empty"));
    }
    if path.len() > MAX_BYTES {
        let message = format!("must not be longer than {MAX_BYTES} bytes");
        return Err(Error::new(ErrorKind::TooLong, message).at_argument("path"));
    }
    Ok(())
}

/// Converts an error of the operating system about a path.
fn io_error(path: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::AlreadyExists => ErrorKind::Exists,
        std::io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{}: {error}", Path::new(path).display())).at_argument("path")
}
