//! What programs in other languages see of the library. Python is tried here; those whose tools
//! must be installed first are tried by `.ci/languages`, against the same expected output.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::process::Command;

use crate::support::c;

/// Python in the folder of its example, with the library of this build.
fn python() -> Command {
    let mut command = Command::new("python3");
    command
        .args(["-B", "-W", "error"])
        .current_dir(c::root().join("examples/python"))
        .env("RBTOKEN_LIBRARY", &*c::LIBRARY)
        .env("PYTHONIOENCODING", "utf-8");
    command
}

#[test]
#[ignore = "needs python3"]
fn the_walk_in_python_prints_what_it_should() {
    let printed = c::successful_output(python().arg("example.py"));
    let expected = c::root().join("tests/languages/walk.expected");
    assert_eq!(printed, fs::read_to_string(expected).expect("the file can be read"));
}

#[test]
#[ignore = "needs python3"]
fn the_python_module_keeps_its_promises() {
    let output = c::output(python().args(["-m", "unittest", "test_rbtoken"]));
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("\nOK\n"), "{report}");
}

#[test]
#[ignore = "needs python3"]
fn python_structs_have_the_headers_layout() {
    let program = "
import ctypes
import rbtoken_abi
for struct in vars(rbtoken_abi).values():
    if isinstance(struct, type) and issubclass(struct, ctypes.Structure):
        for field, _ in struct._fields_:
            at = getattr(struct, field)
            print(f'field {struct.__doc__}.{field}: offset {at.offset}, size {at.size},')
";
    let printed = c::successful_output(python().args(["-c", program]));
    let snapshot = c::root().join("tests/abi/snapshot.txt");
    let snapshot = fs::read_to_string(snapshot).expect("the file can be read");
    assert!(printed.lines().count() > 100, "{printed}");
    for field in printed.lines() {
        assert!(snapshot.lines().any(|line| line.starts_with(field)), "not in the header: {field}");
    }
}
