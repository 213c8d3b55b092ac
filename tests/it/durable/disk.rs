//! Runs a program with a simulated disk that records a journal and injects faults
//! (`tests/c/durable/disk.c`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::support::c;

/// The program whose reports `ledger` reads.
pub static WRITER: LazyLock<PathBuf> =
    LazyLock::new(|| c::compile(c::C11, &[c::root().join("tests/c/durable/writer.c")], "writer"));

/// The library to be preloaded.
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

/// Makes a program use the simulated disk for the files in a folder.
pub fn watch<'a>(command: &'a mut Command, library: &Path, folder: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", library).env("RBTOKEN_DISK_FOLDER", folder)
}
