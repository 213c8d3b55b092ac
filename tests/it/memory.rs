//! Behavior when memory is exhausted, and the required stack.
//!
//! With `RBTOKEN_ALLOCATIONS=all`, every allocation is made to fail, not only some. The stack is
//! measured if `RBTOKEN_TEST_LIBRARY` is an optimized library.
#![cfg(all(feature = "sqlite", target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use crate::durable::folder::Folder;
use crate::support::c;

/// Number of failed allocations per operation that abort the process. These may only decrease.
const ABORTS: &str = "tests/aborts.txt";

fn program(name: &str) -> PathBuf {
    let source = c::root().join("tests/c/memory").join(name).with_extension("c");
    c::compile(c::C11, &[source], name)
}

/// Lists a database with many tokens under memory limits that grow by `kibibytes`.
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

/// Parses the counts in lines such as `create memory small … aborts 29`.
fn aborts(printed: &str) -> BTreeMap<String, u32> {
    let lines = printed.lines().filter_map(|line| {
        let (operation, count) = line.rsplit_once(" aborts ")?;
        let words: Vec<_> = operation.split(' ').take(3).collect();
        Some((words.join(" "), count.parse().expect("it is a number")))
    });
    lines.collect()
}

#[test]
fn failed_allocations_are_errors_and_lose_nothing() {
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
        // The counts vary because of threads and hash tables.
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
fn review_board_list_is_complete_or_an_error() {
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

/// Revokes a token in a Review Board database under memory limits that grow by `kibibytes`, until
/// there is enough memory to list its document.
pub fn revoke_within_limits(location: &str, id: i64, value: &str, user: &str, kibibytes: u32) {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| program("document"));
    let (id, kibibytes) = (id.to_string(), kibibytes.to_string());
    expect_proof(Command::new(&*PROGRAM).args([location, &id, value, user, &kibibytes]));
}

#[test]
fn token_with_an_unreadable_document_can_be_revoked() {
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
    // Unoptimized code needs much more stack.
    let is_optimized = env::var_os("RBTOKEN_TEST_LIBRARY").is_some();
    let kibibytes = if is_optimized { "64" } else { "640" };
    let folder = Folder::new("stack");
    let location = folder.path().join("tokens.db");
    expect_proof(Command::new(program("stack")).arg(kibibytes).arg(location));
}
