//! Where a store keeps its tokens.

use std::sync::Arc;

use super::backend::{Backend, Memory};
use super::documents::Documents;
use crate::error::{Error, ErrorKind, Result};

/// What a location names.
pub(super) enum Location<'a> {
    /// The memory of the process.
    Memory,
    /// A file of the store's own, at a path.
    File(&'a str),
    /// Review Board's own database, at a URL.
    ReviewBoard(&'a str),
}

/// How the URLs of Review Board's databases start.
const DATABASE_SCHEMES: &[&str] =
    &["postgresql://", "postgres://", "mysql://", "reviewboard+sqlite://"];

impl<'a> Location<'a> {
    /// Reads a location; none is the memory.
    ///
    /// # Errors
    /// `InvalidArgument` for what names nothing; `Unsupported` if this build cannot keep tokens
    /// there.
    pub fn parse(location: Option<&'a str>) -> Result<Self> {
        let Some(location) = location else { return Ok(Self::Memory) };
        let parsed = if DATABASE_SCHEMES.iter().any(|scheme| location.starts_with(scheme)) {
            Self::ReviewBoard(location)
        } else {
            Self::File(location)
        };
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Memory => Ok(()),
            Self::File(_) | Self::ReviewBoard(_) => Err(unsupported()),
        }
    }

    /// Opens what keeps the tokens there.
    ///
    /// # Errors
    /// Those of what is opened.
    pub fn open(&self, _documents: &Arc<Documents>) -> Result<Box<dyn Backend>> {
        match self {
            Self::Memory => Ok(Box::new(Memory::default())),
            Self::File(_) | Self::ReviewBoard(_) => Err(unsupported()),
        }
    }
}

fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this version keeps tokens in memory only, so a location must not be given",
    )
    .at_argument("location")
}
