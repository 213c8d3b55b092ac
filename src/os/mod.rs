//! Direct calls to the operating system and to SQLite's C API, which need `unsafe`.
#![allow(unsafe_code)]

pub(crate) mod clock;
#[cfg(all(test, unix))]
pub(crate) mod deadline;
#[cfg(unix)]
pub(crate) mod descriptors;
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) mod files;
pub(crate) mod fork;
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) mod lock;
pub(crate) mod pages;
pub(crate) mod signals;
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) mod sqlite;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite_memory;
pub(crate) mod thread_counters;
#[cfg(all(unix, any(feature = "sqlite", feature = "postgres")))]
pub(crate) mod user;
