//! What the rules and the backends share: requests and filters, names, documents and their caches,
//! and how connections are used.

mod accepted;
pub(crate) mod connection;
pub(crate) mod documents;
pub(crate) mod interner;
pub(crate) mod names;
pub mod requests;
