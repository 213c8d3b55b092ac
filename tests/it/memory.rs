//! What a host sees when memory is exhausted, and how much stack it needs.
//!
//! `RBTOKEN_ALLOCATIONS=all` lets every allocation fail, and not some of them. The stack is
//! measured if `RBTOKEN_TEST_LIBRARY` is an optimized library.
#![cfg(all(feature = "sqlite", target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use crate::durable::folder::Folder;
use crate::support::c;

/// How many allocations of each operation end the process. The counts may only fall.
const ABORTS: &str = "tests/aborts.txt";

fn program(name: &str) -> PathBuf {
    let source = c::root().join("tests/c/memory").join(name).with_extension("c");
    c::compile(c::C11, &[source], name)
}

/// Lists of a database with many tokens, under limits that grow by so many KiB.
pub fn list_within_limits(location: &str, kibibytes: u32) {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| program("rows"));
    expect_proof(Command::new(&*PROGRAM).arg(location).arg(kibibytes.to_string()));
}

fn expect_proof(command: &mut Command) -> String {
    let printed = c::successful_output(command);
    print!("{printed}");
    let proved = printed.lines().last().is_some_and(|line| line.starts_with("ok "));
    assert!(proved, "{command:?} proved nothing: {printed}");
    printed
}

/// The counts in lines such as `create memory small … aborts 29`, by what stands before them.
fn aborts(printed: &str) -> BTreeMap<String, u32> {
    let lines = printed.lines().filter_map(|line| {
        let (operation, count) = line.rsplit_once(" aborts ")?;
        let words: Vec<_> = operation.split(' ').take(3).collect();
        Some((words.join(" "), count.parse().expect("it is a number")))
    });
    lines.collect()
}

#[test]
fn failed_allocations_are_answered_and_lose_nothing() {
    let cases = env::var("RBTOKEN_ALLOCATIONS").unwrap_or_else(|_| "some".to_owned());
    let folder = Folder::new("allocations");
    let printed = expect_proof(Command::new(program("failures")).arg(folder.path()).arg(&cases));
    let path = c::root().join(ABORTS);
    let counted = aborts(&printed);
    if env::var_os("RBTOKEN_UPDATE").is_some() && cases == "all" {
        let lines = counted.iter().map(|(name, count)| format!("{name} aborts {count}\n"));
        fs::write(&path, lines.collect::<String>()).expect("the file can be written");
    }
    let committed = aborts(&fs::read_to_string(&path).expect("the file can be read"));
    assert!(!counted.is_empty());
    for (operation, count) in counted {
        let most = committed.get(&operation).copied().unwrap_or(0);
        // Threads and hash tables make the counts vary.
        let most = if most == 0 { 0 } else { most + 2 + most / 20 };
        assert!(count <= most, "{operation}: {count} allocations abort, more than {most}");
    }
}

#[test]
fn full_memory_refuses_new_tokens_and_revokes_old_ones() {
    let limit = program("limit");
    for (mebibytes, note) in [("16", "0"), ("16", "1900"), ("16", "3000")] {
        expect_proof(Command::new(&limit).args([mebibytes, note]));
    }
    let folder = Folder::new("memory-limit");
    let file = |name: &str| folder.path().join(name);
    expect_proof(Command::new(&limit).args(["6", "0"]).arg(file("clients.db")));
    expect_proof(Command::new(&limit).args(["6", "3000"]).arg(file("notes.db")));
}

#[test]
fn list_of_review_board_is_whole_or_refused() {
    let folder = crate::support::Folder::new();
    let (connection, location) = crate::review_board_sqlite::database(&folder);
    connection
        .execute_batch(
            "INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, time_added,
                 last_updated, valid, invalid_reason, note, policy, extra_data)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
             SELECT 1, 'value ' || i, 'vendor_checksum', '2026-06-01', '2026-06-01', 1, '',
                 printf('%.*c', 400, 'n'),
                 '{\"resources\": {\"*\": {\"allow\": [\"GET\"]}}, \"number\": ' || i || '}', '{}' FROM n;",
        )
        .expect("the tables are there");
    drop(connection);
    list_within_limits(&location, 128);
}

/// Revokes a token of Review Board's database within limits that grow by so many KiB, until there is
/// memory to list its document.
pub fn revoke_within_limits(location: &str, id: i64, value: &str, user: &str, kibibytes: u32) {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| program("document"));
    let (id, kibibytes) = (id.to_string(), kibibytes.to_string());
    expect_proof(Command::new(&*PROGRAM).args([location, &id, value, user, &kibibytes]));
}

#[test]
fn token_whose_document_cannot_be_read_is_revoked() {
    let folder = crate::support::Folder::new();
    let (connection, location) = crate::review_board_sqlite::database(&folder);
    let document = format!("[{}0]", "0,".repeat((1 << 19) - 8));
    connection
        .execute(
            "INSERT INTO webapi_webapitoken (id, user_id, token, token_generator_id, time_added,
                 last_updated, valid, invalid_reason, note, policy, extra_data)
             VALUES (7, 2, 'value', 'vendor_checksum', '2026-06-01', '2026-06-01', 1, '', '', '{}', ?)",
            [document],
        )
        .expect("the tables are there");
    drop(connection);
    revoke_within_limits(&location, 7, "value", "bob", 4352);
}

#[test]
fn stack_of_64_kib_holds_every_function() {
    // What is not optimized needs much more.
    let is_optimized = env::var_os("RBTOKEN_TEST_LIBRARY").is_some();
    let kibibytes = if is_optimized { "64" } else { "640" };
    let folder = Folder::new("stack");
    let location = folder.path().join("tokens.db");
    expect_proof(Command::new(program("stack")).arg(kibibytes).arg(location));
}
