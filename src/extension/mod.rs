//! The plugin interface, for hosts that load the library at run time. A host looks up one symbol,
//! and calls all functions through tables.
#![allow(unsafe_code)]
// The header documents the contract of each function and pointer.
#![allow(clippy::missing_safety_doc)]
// The names are those of C.
#![allow(non_camel_case_types)]

mod entry;
mod host;
mod instance;
mod interfaces;

pub use entry::*;
pub use host::*;
pub use interfaces::*;
