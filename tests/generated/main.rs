//! Generates the files that are derived from `src/ffi`, and compares them with the committed ones.
//!
//! `RBTOKEN_UPDATE=1 cargo test --test generated` writes the files, including the header.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test reports its failure by panicking, in its helpers too"
)]

mod abi;
mod cpp;
mod go;
mod java;
mod names;
mod node;
mod python;
mod rust;
#[path = "../../src/ffi/header/sources.rs"]
mod sources;

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use abi::Abi;

/// First comment of each generated file.
const NOTICE: &str =
    "Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated";
/// Environment variable that makes this program and `build.rs` write the files.
const UPDATE: &str = "RBTOKEN_UPDATE";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(root().join(path)).unwrap_or_default();
    text.replace("\r\n", "\n")
}

/// Returns the path and the text of each generated file.
fn files() -> Vec<(String, String)> {
    let abi = Abi::read(root());
    let with_extension = Abi::read_with_extension(root());
    let snapshot = read("tests/abi/snapshot.txt");
    let number = |text: &str| text.parse().expect("a version is a number");
    let version =
        (number(env!("CARGO_PKG_VERSION_MAJOR")), number(env!("CARGO_PKG_VERSION_MINOR")));
    let mut files = rust::interfaces(&abi, &snapshot);
    let others = [
        ("src/error/kind.rs", rust::error_kinds(&abi)),
        ("src/store/verdict.rs", rust::verdicts(&abi)),
        ("src/ffi/codes.rs", rust::codes(&abi)),
        ("tests/abi/layouts.rs", rust::layouts(&abi, &snapshot)),
        ("benches/suite/src/abi.rs", rust::loader(&abi, version)),
        ("include/rbtoken.hpp", cpp::header(&abi, &read("include/rbtoken.hpp"))),
        ("bindings/python/src/rbtoken/_abi.py", python::module(&with_extension, version)),
        ("bindings/node/native/src/abi.rs", rust::loader(&with_extension, version)),
        ("bindings/node/src/abi.ts", node::module(&with_extension)),
        ("bindings/go/abi.go", go::constants(&with_extension)),
        ("bindings/go/functions_test.go", go::functions(&with_extension)),
    ];
    files.extend(others.map(|(path, text)| (path.to_owned(), text)));
    files.extend(java::files(&with_extension, &snapshot, version));
    // The archive of the sources has no other Cargo packages: no benchmarks, and no addon.
    for package in ["benches/suite/", "bindings/node/native/"] {
        if !root().join(package).exists() {
            files.retain(|(path, _)| !path.starts_with(package));
        }
    }
    files
}

/// Renders the header from the newly written files.
fn render_header() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--lib"]).current_dir(root()).env(UPDATE, "1");
    let status = command.status().expect("Cargo can be run");
    assert!(status.success(), "the library does not build with the generated files");
}

#[test]
fn generated_files_are_up_to_date() {
    let stale = files().into_iter().filter(|(path, text)| read(path) != *text);
    let stale: Vec<_> = stale.collect();
    if env::var_os(UPDATE).is_none() {
        let paths: Vec<_> = stale.iter().map(|(path, _)| path.as_str()).collect();
        assert!(
            stale.is_empty(),
            "{} differ from what src/ffi says. Update with: {UPDATE}=1 cargo test --test generated",
            paths.join(", ")
        );
        return;
    }
    for (path, text) in &stale {
        let path = root().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder"))
            .expect("a folder can be made");
        fs::write(path, text).expect("the file can be written");
    }
    if stale.iter().any(|(path, _)| path.starts_with("src/")) {
        render_header();
    }
}
