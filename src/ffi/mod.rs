//! C ABI, one file for each noun. `include/rbtoken.h` is rendered from these files. They translate
//! between C and the store, and contain no rule.
#![allow(unsafe_code)]
// The header documents the contract of each function and pointer.
#![allow(clippy::missing_safety_doc)]
// The names are those of C.
#![allow(non_camel_case_types)]

mod buffer;
mod callbacks;
mod change;
mod codes;
mod directory;
mod error;
mod find;
mod generator;
pub(crate) mod guard;
mod hooks;
mod issue;
mod library;
mod log;
mod login;
mod policy;
mod service_account;
mod store;
mod store_options;
pub(crate) mod support;
mod token;
mod token_list;
mod transfer;

pub use buffer::*;
pub use callbacks::*;
pub use change::*;
pub use directory::*;
pub use error::*;
pub use find::*;
pub use generator::*;
pub use hooks::*;
pub use issue::*;
pub use library::*;
pub use log::*;
pub use login::*;
pub use policy::*;
pub use service_account::*;
pub use store::*;
pub use store_options::*;
pub use token::*;
pub use token_list::*;
pub use transfer::*;
