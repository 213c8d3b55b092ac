//! The plugin face: the library as a Review Board extension in C's terms. A host that knows nothing
//! at link time loads it, finds one symbol, and reaches everything through tables.
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
