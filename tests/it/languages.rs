//! The library in other languages. Only Python is tested here. `.ci/languages` tests those whose
//! tools must be installed, with the same expected output, and `.ci/python` tests the installed
//! Python package.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::process::Command;

use crate::support::c;

/// Returns Python with the package of this checkout and the library of this build.
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
fn python_example_prints_the_expected_output() {
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
