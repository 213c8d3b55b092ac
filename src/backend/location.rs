//! Locations: where a store keeps its tokens.

use std::sync::Arc;

#[cfg(feature = "sqlite")]
use super::Durable;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use super::{Address, ReviewBoard};
use super::{Backend, Memory};
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::model::connection::{ConnectionSettings, TrustedOwners};
use crate::model::documents::Documents;
use crate::model::requests::Finding;

/// A parsed location.
pub(crate) enum Location<'a> {
    /// The memory of the process.
    Memory,
    /// A file of this library, at a path.
    File(&'a str),
    /// A Review Board database, at a URL.
    ReviewBoard(&'a str),
}

/// Maximum length, since error messages quote the location. No system supports longer paths.
pub(crate) const MAX_BYTES: usize = 4095;

/// URL schemes of Review Board databases. A path that starts with one, even without `//`, is a
/// mistake and must not create a file.
const DATABASE_SCHEMES: [&str; 5] =
    ["postgresql", "postgres", "mysql", "mariadb", "reviewboard+sqlite"];

impl<'a> Location<'a> {
    /// Parses a location; `None` is in memory.
    ///
    /// # Errors
    /// `InvalidArgument` for an invalid location; `Unsupported` if this build does not support it.
    pub fn parse(location: Option<&'a str>) -> Result<Self> {
        let Some(location) = location else { return Ok(Self::Memory) };
        if location.len() > MAX_BYTES {
            let message = format!("must not be longer than {MAX_BYTES} bytes");
            return Err(Error::new(ErrorKind::TooLong, message).at_argument(Argument::Location));
        }
        let (scheme, _) = location.trim_start().split_once(':').unwrap_or_default();
        let parsed = if DATABASE_SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            Self::ReviewBoard(location)
        } else if location.is_empty() {
            return Err(Error::invalid(Argument::Location, "must not be empty"));
        } else if location.contains("://") {
            let message = "unknown URL scheme (expected postgresql, mysql, mariadb or \
                           reviewboard+sqlite); a file path must not contain \"://\"";
            return Err(Error::invalid(Argument::Location, message));
        } else if resembles_url(location) {
            let message = "expected \"://\" after the scheme of a URL; start a file path that \
                           contains \"//\" and \"@\" with \"./\"";
            return Err(Error::invalid(Argument::Location, message));
        } else {
            Self::File(location)
        };
        parsed.check()?;
        Ok(parsed)
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::File(_) if !cfg!(feature = "sqlite") => Err(needs_feature("sqlite")),
            Self::Memory | Self::File(_) => Ok(()),
            Self::ReviewBoard(url) => database(url).map(drop),
        }
    }

    /// Returns the location for display. `None` for a store in memory, and for a URL, which may
    /// contain a password.
    pub fn display(&self) -> Option<&'a str> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory | Self::ReviewBoard(_) => None,
        }
    }

    /// Opens the backend.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn open(
        &self,
        documents: &Arc<Documents>,
        connections: ConnectionSettings,
        trusted: &TrustedOwners,
    ) -> Result<Box<dyn Backend>> {
        #[cfg(not(feature = "sqlite"))]
        let _ = trusted;
        match self {
            Self::Memory => Ok(Box::new(Memory::new()?)),
            #[cfg(feature = "sqlite")]
            Self::File(path) => Ok(Box::new(Durable::open(path, documents, trusted)?)),
            #[cfg(not(feature = "sqlite"))]
            Self::File(_) => Err(needs_feature("sqlite")),
            Self::ReviewBoard(url) => open_database(url, connections, documents),
        }
    }

    /// Checks what is stored there, and what it depends on. Nothing is checked in memory.
    ///
    /// # Errors
    /// Those of the backend, except for what a finding can report.
    pub fn inspect(
        &self,
        documents: &Arc<Documents>,
        connections: ConnectionSettings,
        trusted: &TrustedOwners,
    ) -> Result<Vec<Finding>> {
        #[cfg(not(feature = "sqlite"))]
        let _ = trusted;
        match self {
            Self::Memory => Ok(Vec::new()),
            #[cfg(feature = "sqlite")]
            Self::File(path) => super::durable::check(path, documents, trusted),
            #[cfg(not(feature = "sqlite"))]
            Self::File(_) => Err(needs_feature("sqlite")),
            Self::ReviewBoard(url) => inspect_database(url, connections, documents),
        }
    }
}

/// Returns whether a location is a mistyped URL with a user, such as `postgresql//user:pass@host`.
/// Error messages quote paths and would show the password.
fn resembles_url(location: &str) -> bool {
    let location = location.trim_start();
    let rest = location.split_once("//").or_else(|| location.split_once(":/"));
    !location.starts_with(['/', '.']) && rest.is_some_and(|(_, rest)| rest.contains('@'))
}

/// Returns the error for a location that this build does not support.
pub(crate) fn needs_feature(feature: &str) -> Error {
    let message = format!("requires a library that was built with the cargo feature `{feature}`");
    Error::new(ErrorKind::Unsupported, message).at_argument(Argument::Location)
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

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
fn inspect_database(
    url: &str,
    connections: ConnectionSettings,
    documents: &Arc<Documents>,
) -> Result<Vec<Finding>> {
    ReviewBoard::unchecked(database(url)?, connections, documents).findings()
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn database(_: &str) -> Result<()> {
    Err(needs_feature("sqlite, postgres or mysql"))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn open_database(_: &str, _: ConnectionSettings, _: &Arc<Documents>) -> Result<Box<dyn Backend>> {
    Err(needs_feature("sqlite, postgres or mysql"))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn inspect_database(_: &str, _: ConnectionSettings, _: &Arc<Documents>) -> Result<Vec<Finding>> {
    Err(needs_feature("sqlite, postgres or mysql"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_for_a_mistyped_url_omits_its_password() {
        for location in [
            "postgresql//u:hunter2@h/d",
            " postgres//u:hunter2@h/d",
            "posgresql:/u:hunter2@h/d",
            "u:hunter2@h//d@x",
        ] {
            let Err(error) = Location::parse(Some(location)) else { panic!("{location}") };
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(!error.message().contains("hunter2"), "{}", error.message());
        }
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn path_without_url_syntax_is_a_file() {
        for path in ["a@b.db", "/data//a@b.db", "./data//a@b.db", "data//b.db", "a/b@c:d"] {
            assert!(matches!(Location::parse(Some(path)), Ok(Location::File(_))), "{path}");
        }
    }
}
