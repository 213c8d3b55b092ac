//! Calls about any number of tokens on a server: deadlines and partial results.
#![cfg(any(feature = "postgres", feature = "mysql"))]

use std::time::{Duration, Instant};

use crate::review_board::{generate, on};
use crate::review_board_timeouts::{behind_proxy, open};
use crate::support::installation::Installation;
use crate::support::network::Network;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    ;
    purge_commits_in_batches_until_its_deadline
    bulk_invalidation_at_its_deadline_changes_nothing
    bulk_calls_end_at_their_deadline
    calls_on_a_database_start_no_thread
}

const TIMEOUT: i32 = rbtoken_status_code::RBTOKEN_E_TIMEOUT as i32;

/// Calls about one token have a much longer time limit.
const SETTINGS: &str =
    r#"{"bulk_timeout_secs": 2, "call_timeout_secs": 60, "statement_timeout_secs": 60}"#;

/// Doubles alice's tokens `doublings` times. Returns their ids in order.
fn multiply(site: &mut Installation, store: &Store, doublings: u8) -> Vec<i64> {
    generate(store, "alice", None);
    let statement = "UPDATE webapi_webapitoken SET token = 'value'";
    site.ask(json!({"do": "execute", "statement": statement}));
    let columns = "user_id, token_generator_id, time_added, last_updated, valid, invalid_reason, \
                   note, policy, extra_data";
    for letter in (b'a'..).take(doublings.into()).map(char::from) {
        let value = match site.name {
            "mysql" => format!("CONCAT(token, '{letter}')"),
            _ => format!("token || '{letter}'"),
        };
        let statement = format!(
            "INSERT INTO webapi_webapitoken ({columns}, token) \
             SELECT {columns}, {value} FROM webapi_webapitoken"
        );
        site.ask(json!({"do": "execute", "statement": statement}));
    }
    let ids = "SELECT id FROM webapi_webapitoken ORDER BY id";
    let rows = site.ask(json!({"do": "fetch", "statement": ids}));
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 1 << doublings);
    rows.iter().map(|row| row[0].as_str().unwrap().parse().unwrap()).collect()
}

/// Checks that a call times out long before the limit for a call about one token.
fn assert_times_out<T: std::fmt::Debug>(what: &str, call: impl FnOnce() -> Result<T, Failure>) {
    let start = Instant::now();
    let failure = call().expect_err(what);
    assert_eq!(failure.status, TIMEOUT, "{what}: {failure:?}");
    assert!(start.elapsed() < Duration::from_secs(20), "{what}: {:?}", start.elapsed());
}

fn purge_commits_in_batches_until_its_deadline(site: &mut Installation) {
    // Number of tokens removed at a time, `IDS_AT_ONCE` of `src/backend/review_board/rows.rs`.
    const BATCH: usize = 1000;
    let store = site.store_with(SETTINGS).unwrap();
    let ids = multiply(site, &store, 11);
    let statement = "UPDATE webapi_webapitoken SET expires = '2020-01-01'";
    site.ask(json!({"do": "execute", "statement": statement}));
    site.ask(json!({"do": "lock_token", "id": ids[BATCH + 7]}));
    assert_times_out("purge", || store.purge(START));
    // Only the batch before that of the locked token was removed.
    let left: Vec<_> = store.list(&init()).unwrap().iter().map(|record| record.id).collect();
    assert_eq!(left, ids[BATCH..]);
    site.ask(json!({"do": "unlock"}));
    assert_eq!(store.purge(START), Ok((ids.len() - BATCH) as u64));
    assert_eq!(store.count(), Ok(0));
}

fn bulk_invalidation_at_its_deadline_changes_nothing(site: &mut Installation) {
    let store = site.store_with(SETTINGS).unwrap();
    let ids = multiply(site, &store, 10);
    site.ask(json!({"do": "lock_token", "id": ids[700]}));
    for is_watched in [false, true] {
        let events = is_watched.then(|| store.add_hooks());
        assert_times_out("invalidate all", || store.invalidate_all(Some("lost")));
        assert_times_out("invalidate user", || store.invalidate_user("alice", Some("lost")));
        let records = store.list(&init()).unwrap();
        assert_eq!(records.len(), ids.len());
        assert!(!records.iter().any(|record| record.is_invalidated));
        if let Some((id, events)) = events {
            assert_eq!(events.names(), []);
            store.remove_hooks(id).unwrap();
        }
    }
    site.ask(json!({"do": "unlock"}));
    assert_eq!(store.invalidate_user("alice", Some("lost")), Ok(ids.len() as u64));
    assert!(store.list(&init()).unwrap().iter().all(|record| record.is_invalidated));
}

fn bulk_calls_end_at_their_deadline(site: &mut Installation) {
    let folder = Folder::new();
    let (location, proxy) = behind_proxy(site);
    let store = open(&location, SETTINGS);
    let value = generate(&store, "alice", None).value();
    let call_all = |fault: &str| {
        assert_times_out(&format!("{fault}: list"), || store.list(&init()));
        assert_times_out(&format!("{fault}: purge"), || store.purge(START));
        assert_times_out(&format!("{fault}: invalidate all"), || store.invalidate_all(None));
        let file = folder.file("export");
        assert_times_out(&format!("{fault}: export"), || store.export_file(&file, None));
    };
    let assert_works = || {
        assert_eq!(store.list(&init()).unwrap().len(), 1);
        assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, ACCEPTED);
    };
    site.ask(json!({"do": "lock_table"}));
    call_all("locked table");
    site.ask(json!({"do": "unlock"}));
    assert_works();
    proxy.set(Network::Stalled);
    call_all("stalled network");
    assert!(!folder.path().join("export").exists());
    // Data sent meanwhile must not arrive later.
    proxy.forget();
    proxy.set(Network::Good);
    assert_works();
}

fn calls_on_a_database_start_no_thread(site: &mut Installation) {
    let source = c::root().join("tests/c/database_threads.c");
    let program = c::compile(c::C11, &[source], &format!("database_threads_{}", site.name));
    // A host name, so that it is resolved.
    let location = site.location.replace("127.0.0.1", "localhost");
    let printed = c::successful_output(std::process::Command::new(program).arg(location));
    assert!(printed.starts_with("ok "), "{printed}");
}
