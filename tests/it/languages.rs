//! What programs in other languages see of the library. Python is tried here; those whose tools
//! must be installed first are tried by `.ci/languages`, against the same expected output, and the
//! Python package as it is installed by `.ci/python`.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::process::Command;

use crate::support::c;

/// Python with the package of this checkout and the library of this build.
fn python() -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-B", "-W", "error"])
        .current_dir(c::root())
        .env("PYTHONPATH", c::root().join("bindings/python/src"))
        .env("RBTOKEN_LIBRARY", &*c::LIBRARY)
        .env("PYTHONIOENCODING", "utf-8");
    command
}

#[test]
#[ignore = "needs python3"]
fn the_walk_in_python_prints_what_it_should() {
    let printed = c::successful_output(python().arg("examples/python/example.py"));
    let expected = c::root().join("tests/languages/walk.expected");
    assert_eq!(printed, fs::read_to_string(expected).expect("the file can be read"));
}

#[test]
#[ignore = "needs python3"]
fn python_package_passes_its_tests() {
    let output = c::output(python().arg("bindings/python/tests"));
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("\nOK\n"), "{report}");
}
