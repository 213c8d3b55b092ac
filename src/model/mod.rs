//! Types shared by the rules and the backends: requests, filters, names, interned documents, and
//! connection settings.

pub(crate) mod connection;
pub(crate) mod documents;
pub(crate) mod interner;
pub(crate) mod names;
mod parse_cache;
pub mod requests;
