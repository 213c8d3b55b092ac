//! Stores in files when the disk fails or the file is moved.
//!
//! `RBTOKEN_FAULTS=all` runs every case of `tests/c/durable/faults.c`.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::{env, thread};

use crate::durable::disk;
use crate::durable::folder::Folder;
use crate::support::c;

fn program(name: &str) -> PathBuf {
    let source = c::root().join("tests/c/durable").join(name).with_extension("c");
    c::compile(c::C11, &[source], name)
}

/// Runs a program, which must succeed and print what it proved.
fn expect_proofs(command: &mut Command) {
    let printed = c::successful_output(command);
    assert!(printed.starts_with("ok "), "{command:?} proved nothing: {printed}");
    print!("{printed}");
}

#[test]
fn store_and_disk_agree_whatever_call_fails() {
    let cases = env::var("RBTOKEN_FAULTS").unwrap_or_else(|_| "some".to_owned());
    let (host, library) = (program("faults"), &*disk::LIBRARY);
    let parts = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for part in 0..parts {
            let (host, cases) = (&host, &cases);
            scope.spawn(move || {
                let folder = Folder::new(&format!("failing-{part}"));
                expect_proofs(
                    disk::watch(&mut Command::new(host), library, folder.path())
                        .arg(folder.path())
                        .args([cases, &part.to_string(), &parts.to_string()]),
                );
            });
        }
    });
}

/// The output of a host with closed standard streams must not end up in the store's files.
#[test]
fn closed_standard_streams_lose_no_token() {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    let (host, folder) = (program("closed_streams"), Folder::new("closed-streams"));
    let tokens = |verb: &str, path: &std::path::Path| {
        let printed = c::successful_output(Command::new(&host).arg(verb).arg(path));
        assert_eq!(printed, "5 tokens\n", "{verb} {}", path.display());
    };
    for mask in 0..8 {
        let location = folder.path().join(format!("{mask}-tokens.db"));
        let copy = folder.path().join(format!("{mask}-copy"));
        let mut command = Command::new(&host);
        command.arg("write").arg(&location).arg(mask.to_string()).arg(&copy);
        let killed = c::output(&mut command);
        assert_eq!(killed.status.signal(), Some(SIGKILL), "{mask}: {killed:?}");
        tokens("read", &location);
        tokens("read", &copy.with_extension("db"));
        tokens("import", &copy.with_extension("jsonl"));
    }
}

#[test]
fn moved_file_is_not_written_to() {
    let folder = Folder::new("taken");
    expect_proofs(Command::new(program("taken_away")).arg(folder.path()));
}

#[test]
fn failed_open_leaves_no_new_file() {
    let folder = Folder::new("failed-open");
    expect_proofs(Command::new(program("failed_open")).arg(folder.path()));
}
