//! The contents of a store, for copies.

use crate::error::{Error, ErrorKind, Result};
use crate::text::Text;
use crate::token::{RecordFields, SharedRecord};

/// The contents of another store.
pub(crate) struct ImportData {
    /// What the numbers of the records count, for error messages: `line` or `token`.
    pub numbered: &'static str,
    /// Existing sites are kept.
    pub local_sites: Vec<Text>,
    pub inactive_users: Vec<Text>,
    /// New records, each with its number in the source.
    pub records: Vec<(u64, RecordFields)>,
}

impl ImportData {
    pub fn new(numbered: &'static str) -> Self {
        let (local_sites, inactive_users, records) = (Vec::new(), Vec::new(), Vec::new());
        Self { numbered, local_sites, inactive_users, records }
    }
}

/// Returns the error for an imported record whose value exists in the store.
pub(crate) fn value_exists() -> Error {
    Error::new(ErrorKind::Exists, "a token with this value already exists")
}

/// The contents of a store at one point in time.
pub(crate) struct Contents {
    pub local_sites: Vec<Text>,
    pub inactive_users: Vec<Text>,
    /// Ordered by id.
    pub records: Vec<SharedRecord>,
    /// The last assigned id.
    pub last_id: i64,
}

/// A part of a store's contents. Tokens are ordered by id.
pub(crate) enum Part<'a> {
    /// Estimated number of tokens.
    Total(u64),
    LocalSites(&'a [Text]),
    InactiveUsers(&'a [Text]),
    Records(&'a [SharedRecord]),
}

/// Receives a store's contents part by part. An error stops the iteration.
pub(crate) type PartVisitor<'a> = &'a mut dyn FnMut(Part<'_>) -> Result<()>;
