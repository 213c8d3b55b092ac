//! Where a store keeps its tokens.

use std::sync::Arc;

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use super::backend::{Address, ReviewBoard};
use super::backend::{Backend, Memory};
use super::documents::Documents;
use super::settings::ConnectionSettings;
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
            Self::File("") => Err(Error::invalid("location", "the path is empty")),
            Self::File(_) => Err(unsupported()),
            Self::ReviewBoard(url) => database(url).map(drop),
        }
    }

    /// Opens what keeps the tokens there.
    ///
    /// # Errors
    /// Those of what is opened.
    pub fn open(
        &self,
        documents: &Arc<Documents>,
        connections: ConnectionSettings,
    ) -> Result<Box<dyn Backend>> {
        match self {
            Self::Memory => Ok(Box::new(Memory::default())),
            Self::File(_) => Err(unsupported()),
            Self::ReviewBoard(url) => open_database(url, connections, documents),
        }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn database(url: &str) -> Result<Address> {
    Address::parse(url)
}

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn open_database(
    url: &str,
    connections: ConnectionSettings,
    documents: &Arc<Documents>,
) -> Result<Box<dyn Backend>> {
    Ok(Box::new(ReviewBoard::open(database(url)?, connections, documents)?))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn database(_: &str) -> Result<()> {
    let message = "this build has no driver for databases: the cargo features sqlite, postgres \
                   and mysql are missing";
    Err(Error::new(ErrorKind::Unsupported, message).at_argument("location"))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn open_database(url: &str, _: ConnectionSettings, _: &Arc<Documents>) -> Result<Box<dyn Backend>> {
    database(url).and(Err(unsupported()))
}

fn unsupported() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "this version keeps tokens in memory and in Review Board's databases, not in files",
    )
    .at_argument("location")
}
