//! Types shared by the rules and the backends: requests, filters, names, interned documents, and
//! connection settings.

mod accepted;
pub(crate) mod connection;
pub(crate) mod documents;
pub(crate) mod interner;
pub(crate) mod names;
pub mod requests;
