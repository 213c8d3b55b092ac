//! Running a host with a disk that keeps a journal and fails when told to
//! (`tests/c/durable/disk.c`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::c;

/// The host that `ledger` reads the reports of.
pub static WRITER: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile(c::C11, &[c::root().join("tests/c/durable/writer.c")], "writer"));

/// The library that is to be preloaded.
pub static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let library = c::BUILD.join("disk.so");
    c::successful_output(
        c::compiler(c::C11)
            .args(["-g", "-shared", "-fPIC"])
            .arg(c::root().join("tests/c/durable/disk.c"))
            .arg("-o")
            .arg(&library)
            .arg("-pthread"),
    );
    library
});

/// Puts the disk in front of a folder's files, for a program that is to be run.
pub fn watch<'a>(command: &'a mut Command, library: &Path, folder: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", library).env("RBTOKEN_DISK_FOLDER", folder)
}
