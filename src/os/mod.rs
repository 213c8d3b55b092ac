//! The little that must be asked of the operating system directly.
#![allow(unsafe_code)]

pub(crate) mod fork;
pub(crate) mod signals;
#[cfg(all(unix, feature = "sqlite"))]
pub(crate) mod user;
