//! The plugin face: the library as a Review Board extension in C's terms. A host that knows nothing
//! at link time loads it, finds one symbol, and reaches everything through tables.
#![allow(unsafe_code)]
// The contract of each function stands in the header's own terms, pointer by pointer.
#![allow(clippy::missing_safety_doc)]
// C's names.
#![allow(non_camel_case_types)]

mod entry;
mod host;
mod instance;
mod interfaces;

pub use entry::*;
pub use host::*;
pub use interfaces::*;
