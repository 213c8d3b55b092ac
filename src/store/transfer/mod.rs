//! Copies of a store: a file that opens as a store, and a file of lines for moving tokens.

mod export;
mod import;
mod lines;

use std::path::Path;

use super::Store;
use crate::backend::location::MAX_BYTES;
use crate::error::{Error, ErrorKind, Result};

/// Told how many of how many tokens are done. An error ends the transfer with it.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// What the first line of an export says that it is.
const FORMAT: &str = "rbtoken export";
/// The version of exports that this library writes; it reads no later one.
const VERSION: u64 = 1;
/// Begins the name of a member with the text of a document that others wrote, which stands before
/// the document itself: this is for those who read the file, and the text is what is imported.
const STORED: &str = "stored_";
/// So many tokens are done between two calls of [`Progress`].
const STEP: u64 = 1000;

impl Store {
    /// Writes all that the store has, as of one moment, into a new file that opens as a store. The
    /// store is in use meanwhile. The file is readable by its owner alone.
    ///
    /// # Errors
    /// `Exists` if there is a file; `Unsupported` without the feature `sqlite`; those of the disk.
    /// No file is left behind then.
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

/// An error of the operating system about a path.
fn io_error(path: &str, error: &std::io::Error) -> Error {
    let kind = match error.kind() {
        std::io::ErrorKind::AlreadyExists => ErrorKind::Exists,
        std::io::ErrorKind::OutOfMemory => ErrorKind::NoMemory,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("{}: {error}", Path::new(path).display())).at_argument("path")
}
