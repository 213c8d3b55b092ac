//! Review Board API tokens for native programs.
//!
//! A [`store::Store`] issues, finds, checks and revokes API tokens by the rules of Review Board
//! 8.1. It keeps them in memory, in an SQLite file or in the database of a Review Board server, and
//! can be used from any number of threads. C and C++ programs use it through the C ABI in [`ffi`],
//! which `include/rbtoken.h` declares. Rust programs use it directly:
//!
//! ```
//! use rbtoken::store::{ClientTokenRequest, Store, StoreOptions};
//!
//! let store = Store::open(StoreOptions::default())?;
//! let request = ClientTokenRequest::new("alice", "RBTools");
//! let (token, created) = store.get_or_create_client_token(&request)?;
//! assert!(created);
//!
//! let (again, created) = store.get_or_create_client_token(&request)?;
//! assert!(!created && again.record().id() == token.record().id());
//! # Ok::<(), rbtoken::Error>(())
//! ```
//!
//! Modules, from the lowest layer up: [`error`], [`clock`], [`text`] and [`json`]; [`policy`] and
//! [`token`]; [`store`], which has every rule; [`ffi`], the C ABI, and [`extension`], the same
//! functions as tables for programs that load the library at run time.

#![cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "only backends that are not built use some parts")
)]

mod backend;
pub mod clock;
pub mod error;
pub mod extension;
pub mod ffi;
#[cfg(not(fuzzing))]
mod index;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod index;
pub mod json;
mod memory;
mod model;
mod os;
#[cfg(rbtoken_panic_injection)]
mod panic_injection;
pub mod policy;
pub mod store;
mod sync;
pub mod text;
pub mod token;

pub use error::{Argument, Error, ErrorKind, Result};
