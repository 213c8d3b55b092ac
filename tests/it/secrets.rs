//! No token value is left in memory after everything is released.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::*;

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = c::root().join("tests/c/durable/memory_scan.c");
    c::compile(c::C11, &[source], "memory_scan")
});

/// Runs a store of some kind, and returns the output of `tests/c/durable/memory_scan.c`.
pub fn scan(kind: &str, place: impl AsRef<Path>) -> String {
    c::successful_output(Command::new(&*PROGRAM).arg(kind).arg(place.as_ref()))
}

#[cfg(all(feature = "sqlite", target_os = "linux"))]
#[test]
fn memory_store_leaves_no_value_in_memory() {
    let folder = Folder::new();
    assert_eq!(scan("memory", folder.path()), "0 of 20 values are left\n");
}

#[cfg(all(feature = "sqlite", target_os = "linux"))]
#[test]
fn file_store_leaves_no_value_in_memory() {
    let folder = Folder::new();
    assert_eq!(scan("file", folder.path()), "0 of 20 values are left\n");
}

/// In a minimal copy of Review Board's tables.
#[cfg(all(feature = "sqlite", target_os = "linux"))]
#[test]
fn review_board_on_sqlite_leaves_no_value_in_memory() {
    let folder = Folder::new();
    let (_, location) = crate::review_board_sqlite::database(&folder);
    assert_eq!(scan("database", location), "0 of 20 values are left\n");
}
