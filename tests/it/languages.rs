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

/// Every value that an enum of the header names, by the prefix of its constants.
fn header_values(prefix: &str) -> Vec<String> {
    let header = fs::read_to_string(c::root().join("include/rbtoken.h")).expect("there is one");
    let code = c::without_comments(&header);
    let lines = code.lines().filter_map(|line| line.trim().strip_prefix(prefix));
    lines.filter_map(|line| line.strip_suffix(',')).map(String::from).collect()
}

#[test]
#[ignore = "needs python3"]
fn python_module_names_every_status_and_verdict() {
    for (class, prefixes) in
        [("Status", &["RBTOKEN_OK", "RBTOKEN_E_"][..]), ("Verdict", &["RBTOKEN_VERDICT_"][..])]
    {
        let program =
            format!("import rbtoken\nfor v in rbtoken.{class}: print(f'{{v.name}} = {{v:d}}')");
        let printed = c::successful_output(python().args(["-c", &program]));
        let mut named: Vec<_> = printed.lines().map(String::from).collect();
        let mut declared: Vec<_> = prefixes
            .iter()
            .flat_map(|prefix| {
                let short = if *prefix == "RBTOKEN_OK" { "OK" } else { "" };
                header_values(prefix).into_iter().map(move |value| format!("{short}{value}"))
            })
            .collect();
        named.sort();
        declared.sort();
        assert!(!declared.is_empty());
        assert_eq!(named, declared, "{class}");
    }
}

#[test]
#[ignore = "needs python3"]
fn the_python_structs_lie_in_memory_as_the_headers_do() {
    let program = "
import rbtoken
for name, struct in dict(
        clock=rbtoken._Clock, store_options=rbtoken._StoreOptions,
        client_token_options=rbtoken._ClientOptions, generate_options=rbtoken._GenerateOptions,
        import_options=rbtoken._ImportOptions,
        login_options=rbtoken._LoginOptions, token_filter=rbtoken._Filter,
        token_update=rbtoken._Update, hooks=rbtoken._HooksStruct).items():
    for field, _ in struct._fields_:
        at = getattr(struct, field)
        print(f'field rbtoken_{name}_t.{field}: offset {at.offset}, size {at.size},')
";
    let printed = c::successful_output(python().args(["-c", program]));
    let snapshot = c::root().join("tests/abi/snapshot.txt");
    let snapshot = fs::read_to_string(snapshot).expect("the file can be read");
    assert!(printed.lines().count() > 60, "{printed}");
    for field in printed.lines() {
        assert!(snapshot.lines().any(|line| line.starts_with(field)), "not in the header: {field}");
    }
}
