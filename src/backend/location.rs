//! Where a store keeps its tokens.

use std::sync::Arc;

#[cfg(feature = "sqlite")]
use super::Durable;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
use super::{Address, ReviewBoard};
use super::{Backend, Memory};
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::model::connection::{ConnectionSettings, TrustedOwners};
use crate::model::documents::Documents;

/// What a location names.
pub(crate) enum Location<'a> {
    /// The memory of the process.
    Memory,
    /// A file of the store's own, at a path.
    File(&'a str),
    /// Review Board's own database, at a URL.
    ReviewBoard(&'a str),
}

/// No system has a longer path, and messages repeat it.
pub(crate) const MAX_BYTES: usize = 4095;

/// The schemes of the URLs of Review Board's databases. A path that starts like one, even without
/// `//`, is a mistake, and must not create a file.
const DATABASE_SCHEMES: [&str; 5] =
    ["postgresql", "postgres", "mysql", "mariadb", "reviewboard+sqlite"];

impl<'a> Location<'a> {
    /// Reads a location; none is the memory.
    ///
    /// # Errors
    /// `InvalidArgument` for what names nothing; `Unsupported` if this build cannot keep tokens
    /// there.
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

    /// The location as it may be shown; none for the memory, and for a URL, which may have a
    /// password.
    pub fn shown(&self) -> Option<&'a str> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory | Self::ReviewBoard(_) => None,
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
}

/// Returns whether a location is a mistyped URL with a user, such as `postgresql//user:pass@host`.
/// Messages quote paths, and would show the password.
fn resembles_url(location: &str) -> bool {
    let location = location.trim_start();
    let rest = location.split_once("//").or_else(|| location.split_once(":/"));
    !location.starts_with(['/', '.']) && rest.is_some_and(|(_, rest)| rest.contains('@'))
}

/// What a location answers that this build cannot keep tokens at.
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

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn database(_: &str) -> Result<()> {
    Err(needs_feature("sqlite, postgres or mysql"))
}

#[cfg(not(any(feature = "sqlite", feature = "postgres", feature = "mysql")))]
fn open_database(_: &str, _: ConnectionSettings, _: &Arc<Documents>) -> Result<Box<dyn Backend>> {
    Err(needs_feature("sqlite, postgres or mysql"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_url_with_a_password_is_not_repeated() {
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
    fn path_that_is_no_url_names_a_file() {
        for path in ["a@b.db", "/data//a@b.db", "./data//a@b.db", "data//b.db", "a/b@c:d"] {
            assert!(matches!(Location::parse(Some(path)), Ok(Location::File(_))), "{path}");
        }
    }
}
