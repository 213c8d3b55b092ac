//! Stores in files and the process around them: locks, descriptors, forks, sandboxes.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::process::Command;

use crate::durable::folder::Folder;
use crate::support::c;

/// Compiles a program of `tests/c/durable` and runs it in a temporary folder. Each line of its
/// output is a proof.
fn prove(name: &str, arguments: &[&str], proofs: usize) {
    let source = c::root().join("tests/c/durable").join(name).with_extension("c");
    // One for each test: another one may run it while it is compiled.
    let name = format!("{name}-{}", arguments.join("-"));
    let program = c::compile(c::C11, &[source], &name);
    let folder = Folder::new(&name);
    let (before, after) = match arguments {
        [verb] if verb.parse::<u32>().is_err() => (Some(verb), None),
        [number] => (None, Some(number)),
        _ => (None, None),
    };
    let mut command = Command::new(program);
    command.args(before).arg(folder.path()).args(after);
    let printed = c::successful_output(&mut command);
    let proved = printed.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(proved, proofs, "{printed}");
    print!("{printed}");
}

#[test]
fn lock_survives_opens_and_forks_of_the_host() {
    prove("locks", &[], 4);
}

#[test]
#[ignore = "needs libsqlite3-dev"]
fn lock_keeps_out_a_second_sqlite_of_the_process() {
    prove("locks", &["sqlite"], 1);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn lock_falls_back_to_sqlites_own() {
    prove("locks", &["refused"], 1);
}

#[test]
fn stolen_descriptor_refuses_writes_and_loses_nothing() {
    prove("descriptors", &[], 4);
}

#[test]
fn file_size_limit_is_an_error() {
    prove("size_limit", &[], 2);
}

#[test]
#[ignore = "needs root"]
fn chroot_does_not_stop_a_store() {
    prove("descriptors", &["chroot"], 1);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn revocation_needs_no_entropy() {
    prove("no_entropy", &[], 1);
}

#[test]
fn child_opens_a_store_while_the_parent_uses_others() {
    prove("fork_open", &["40"], 1);
}

#[test]
fn redirected_names_lose_nothing() {
    prove("names", &[], 4);
}

#[test]
#[ignore = "needs root"]
fn file_that_is_a_mount_point_is_refused() {
    prove("names", &["mount"], 1);
}
