//! Review Board API tokens for native programs.
//!
//! A [`store::Store`] issues, finds, checks and revokes API tokens by the rules of Review Board
//! 8.1, in memory and from any number of threads. C and C++ hosts use it through the C ABI in
//! [`ffi`], which `include/rbtoken.h` declares; Rust hosts use it directly:
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
//! The modules, from the lowest layer up: [`error`], [`clock`], [`text`] and [`json`]; [`policy`]
//! and [`token`], which say what things are; [`store`], which holds every rule; [`ffi`], which
//! translates it for C, and [`extension`] for hosts that load it at run time.

#![cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "a part of it is for the backends that are not built")
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
#[cfg(rbtoken_panic_proof)]
mod panic_proof;
pub mod policy;
pub mod store;
mod sync;
pub mod text;
pub mod token;

pub use error::{Argument, Error, ErrorKind, Result};
