//! The command-line tool: what it prints for people and programs, and how it ends.
//!
//! With the features of databases, the tests need Review Board's sites, and fail without them. The
//! feature `cli` alone leaves out the tests on servers.
//!
//! `RBTOKEN_UPDATE=1 cargo test --features cli --test cli` writes the files in `expected`.
// Tests fail at the first surprise, also in helpers.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(all(feature = "sqlite", any(feature = "postgres", feature = "mysql")))]
mod databases;
mod expected;
#[cfg(feature = "sqlite")]
mod filters;
#[cfg(feature = "sqlite")]
mod interrupts;
mod program;
#[cfg(feature = "sqlite")]
mod sizes;
#[cfg(all(feature = "sqlite", target_os = "linux"))]
mod terminal;
mod tool;
#[cfg(feature = "sqlite")]
mod transcripts;
#[cfg(feature = "sqlite")]
mod wrong_use;
