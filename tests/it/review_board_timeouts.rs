//! Every call to a Review Board database ends in time, whatever happens to the server.
#![cfg(any(feature = "postgres", feature = "mysql"))]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;
use std::time::{Duration, Instant};

use crate::review_board::{generate, on};
use crate::support::installation::Installation;
use crate::support::network::{Network, Proxy};
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    ;
    refused_connections_are_tried_seldom
    locked_table_leaves_no_more_connections_than_the_pool_has
    server_presets_do_not_change_what_calls_do
    server_presets_do_not_shorten_the_wait_for_locks
    connections_that_the_network_forgot_are_replaced
    silent_connection_is_replaced_within_the_call
    host_that_is_silent_in_session_setup_is_skipped
    last_good_host_is_tried_first_on_reconnect
}

on_database! { "mysql" on_mariadb "mysql" init_connect_does_not_change_what_calls_do }

const IO: i32 = rbtoken_status_code::RBTOKEN_E_IO as i32;
const TIMEOUT: i32 = rbtoken_status_code::RBTOKEN_E_TIMEOUT as i32;

pub(crate) fn open(location: &str, settings: &str) -> Store {
    let mut options = init::<rbtoken_store_options_t>();
    (options.location, options.location_len) = text(location);
    (options.settings, options.settings_len) = text(settings);
    Store::open(&Host::new(), &options).unwrap()
}

/// Creates a proxy to the site, and returns the location through it.
pub(crate) fn behind_proxy(site: &Installation) -> (String, Proxy) {
    let (before, after) = site.location.rsplit_once(':').unwrap();
    let (port, database) = after.split_once('/').unwrap();
    let proxy = Proxy::to(port.parse().unwrap());
    (format!("{before}:{}/{database}", proxy.port), proxy)
}

const CALLS: [&str; 4] = ["login", "existing", "new", "invalidate"];

fn call(store: &Store, which: &str, value: &str, client: &str) -> Result<(), Failure> {
    match which {
        "login" => store.authenticate(value, Site::Any).map(drop),
        "existing" => store.client_token("alice", "existing", &init()).map(drop),
        "new" => store.client_token("alice", client, &init()).map(drop),
        _ => store.invalidate(value, Some("lost")),
    }
}

fn refused_connections_are_tried_seldom(site: &mut Installation) {
    const TIME: Duration = Duration::from_secs(10);
    let (location, proxy) = behind_proxy(site);
    let store = open(&location, r#"{"pool_size": 8}"#);
    let value = generate(&store, "alice", None).value();
    proxy.set(Network::Closed);
    let (before, start) = (proxy.accepted(), Instant::now());
    let calls: usize = thread::scope(|scope| {
        let calls = |thread: usize| {
            let (store, value) = (&store, &value);
            move || {
                let mut calls = 0;
                while start.elapsed() < TIME {
                    let failure = call(store, CALLS[thread % 4], value, "new").unwrap_err();
                    assert_eq!(failure.status, IO, "{failure:?}");
                    calls += 1;
                }
                calls
            }
        };
        let threads: Vec<_> = (0..8).map(|thread| scope.spawn(calls(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let (attempts, time) = (proxy.accepted() - before, start.elapsed());
    println!("{attempts} attempts to connect for {calls} calls in {time:?}");
    // One by each thread that begins before the first failure is known, six while the delay doubles
    // to a second, and then one per second. A machine that is busy makes fewer.
    let limit = 8 + 6 + usize::try_from(time.as_secs()).unwrap() + 1;
    assert!((4..=limit).contains(&attempts), "{attempts} of {limit}");
}

fn locked_table_leaves_no_more_connections_than_the_pool_has(site: &mut Installation) {
    const POOL: i64 = 3;
    const LIMIT: Duration = Duration::from_secs(2);
    let settings = json!({
        "pool_size": POOL, "call_timeout_secs": LIMIT.as_secs(), "statement_timeout_secs": 1,
    });
    let store = site.store_with(&settings.to_string()).unwrap();
    let value = generate(&store, "alice", None).value();
    site.ask(json!({"do": "lock_table"}));
    let end = Instant::now() + Duration::from_secs(10);
    let mut most = 0;
    thread::scope(|scope| {
        for thread in 0..8 {
            let (store, value) = (&store, &value);
            scope.spawn(move || {
                while Instant::now() < end {
                    let start = Instant::now();
                    let failure = call(store, CALLS[thread % 4], value, "new").unwrap_err();
                    let time = start.elapsed();
                    assert!(time < LIMIT + Duration::from_secs(1), "{time:?}");
                    assert_eq!(failure.status, TIMEOUT, "{failure:?}");
                }
            });
        }
        while Instant::now() < end {
            most = most.max(site.ask(json!({"do": "count_connections"})).as_i64().unwrap());
            thread::sleep(Duration::from_millis(100));
        }
    });
    site.ask(json!({"do": "unlock"}));
    println!("{most} connections at most of {POOL}");
    assert!((1..=POOL).contains(&most), "{most}");
    for which in CALLS {
        call(&store, which, &value, "new").unwrap();
    }
}

fn server_presets_do_not_change_what_calls_do(site: &mut Installation) {
    let presets: &[(&str, &str)] = match site.name {
        "mysql" => &[
            ("SET GLOBAL autocommit = 0", "SET GLOBAL autocommit = 1"),
            (
                "SET GLOBAL tx_isolation = 'SERIALIZABLE'",
                "SET GLOBAL tx_isolation = 'REPEATABLE-READ'",
            ),
            ("SET GLOBAL tx_read_only = 1", "SET GLOBAL tx_read_only = 0"),
            ("SET GLOBAL sql_select_limit = 2", "SET GLOBAL sql_select_limit = DEFAULT"),
            ("SET GLOBAL completion_type = 'CHAIN'", "SET GLOBAL completion_type = 'NO_CHAIN'"),
            ("SET GLOBAL sql_safe_updates = 1", "SET GLOBAL sql_safe_updates = 0"),
            ("SET GLOBAL time_zone = '+05:00'", "SET GLOBAL time_zone = 'SYSTEM'"),
            ("SET GLOBAL sql_mode = 'ANSI_QUOTES'", "SET GLOBAL sql_mode = DEFAULT"),
            (
                "SET GLOBAL character_set_client = 'latin1'",
                "SET GLOBAL character_set_client = 'utf8mb4'",
            ),
        ],
        _ => &[
            (
                "ALTER ROLE root SET idle_in_transaction_session_timeout = '1'",
                "ALTER ROLE root RESET idle_in_transaction_session_timeout",
            ),
            (
                "ALTER ROLE root SET client_encoding = 'LATIN1'",
                "ALTER ROLE root RESET client_encoding",
            ),
            (
                "ALTER ROLE root SET standard_conforming_strings = off",
                "ALTER ROLE root RESET standard_conforming_strings",
            ),
            ("ALTER ROLE root SET DateStyle = 'German, DMY'", "ALTER ROLE root RESET DateStyle"),
            (
                "ALTER ROLE root SET default_transaction_isolation = 'serializable'",
                "ALTER ROLE root RESET default_transaction_isolation",
            ),
            (
                "ALTER ROLE root SET default_transaction_read_only = on",
                "ALTER ROLE root RESET default_transaction_read_only",
            ),
            ("ALTER ROLE root SET timezone = 'Asia/Tokyo'", "ALTER ROLE root RESET timezone"),
            (
                "ALTER ROLE root SET statement_timeout = '1'",
                "ALTER ROLE root RESET statement_timeout",
            ),
        ],
    };
    for (set, reset) in presets {
        with_presets(site, &[set], &[reset], |site| {
            let store = site.store();
            // No lock is left, so another store can continue immediately.
            let other = site.store_with(r#"{"statement_timeout_secs": 1}"#)?;
            use_stores(site, &store, &other)
        });
    }
}

/// Executes statements before and after some work, even if it fails.
fn with_presets(
    site: &mut Installation,
    set: &[&str],
    reset: &[&str],
    work: impl FnOnce(&mut Installation) -> Result<(), Failure>,
) {
    let execute = |site: &mut Installation, statements: &[&str]| {
        for statement in statements {
            site.ask(json!({"do": "execute", "statement": statement}));
        }
    };
    execute(site, set);
    let outcome = catch_unwind(AssertUnwindSafe(|| work(site)));
    site.ask(json!({"do": "unlock"}));
    execute(site, reset);
    match outcome {
        Ok(outcome) => assert_eq!(outcome, Ok(()), "{set:?}"),
        Err(panic) => resume_unwind(panic),
    }
}

/// Uses two stores on a site without tokens, and removes the tokens.
fn use_stores(site: &mut Installation, store: &Store, other: &Store) -> Result<(), Failure> {
    let values: Vec<_> = (0..6).map(|_| generate(store, "alice", None).value()).collect();
    let note = Update { note: Field::Set("nöte ✓"), ..Update::default() };
    let id = store.find(&values[0])?.id();
    assert_eq!(store.update(id, &note)?.record().note, "nöte ✓");
    let query = format!("SELECT note FROM webapi_webapitoken WHERE id = {id}");
    assert_eq!(site.ask(json!({"do": "fetch", "statement": query})), json!([["nöte ✓"]]));
    // A change of a token does not block the creation of others.
    site.ask(json!({"do": "lock_token", "id": id}));
    let added = other.client_token("alice", "host", &init());
    site.ask(json!({"do": "unlock"}));
    let (added, _) = added?;
    other.delete(added.id())?;
    for value in &values {
        assert_eq!(store.authenticate(value, Site::Any)?.verdict, ACCEPTED);
    }
    assert_eq!(other.invalidate_user("alice", Some("lost"))?, 6);
    assert!(other.invalidate_all(Some("lost"))? >= 6);
    assert_eq!(other.find(&values[0])?.record().last_used, Some(START));
    for value in &values {
        assert_eq!(store.authenticate(value, Site::Any)?.verdict, INVALID);
    }
    for record in store.list(&init())? {
        store.delete(record.id)?;
    }
    Ok(())
}

#[cfg(feature = "mysql")]
fn init_connect_does_not_change_what_calls_do(site: &mut Installation) {
    // `init_connect` is not executed for administrators.
    const PRESETS: [&str; 3] = [
        "CREATE OR REPLACE USER plain",
        "GRANT ALL ON reviewboard.* TO plain",
        "SET GLOBAL init_connect = 'SET NAMES latin1; SET autocommit = 0, sql_select_limit = 2, \
         time_zone = \"+05:00\", sql_mode = \"ANSI_QUOTES\", tx_isolation = \"SERIALIZABLE\"'",
    ];
    let location = site.location.replace("root@", "plain@");
    with_presets(site, &PRESETS, &["SET GLOBAL init_connect = ''", "DROP USER plain"], |site| {
        let store = Installation::store_at(&location, "{}")?;
        let other = Installation::store_at(&location, r#"{"statement_timeout_secs": 1}"#)?;
        use_stores(site, &store, &other)
    });
}

fn server_presets_do_not_shorten_the_wait_for_locks(site: &mut Installation) {
    let presets = match site.name {
        "mysql" => [
            (
                "SET GLOBAL innodb_lock_wait_timeout = 1",
                "SET GLOBAL innodb_lock_wait_timeout = DEFAULT",
            ),
            ("SET GLOBAL max_statement_time = 1", "SET GLOBAL max_statement_time = DEFAULT"),
        ],
        _ => [
            ("ALTER ROLE root SET lock_timeout = '1s'", "ALTER ROLE root RESET lock_timeout"),
            (
                "ALTER ROLE root SET statement_timeout = '1s'",
                "ALTER ROLE root RESET statement_timeout",
            ),
        ],
    };
    for (set, reset) in presets {
        site.ask(json!({"do": "execute", "statement": set}));
        let store = site.store();
        site.ask(json!({"do": "execute", "statement": reset}));
        let token = generate(&store, "alice", None);
        site.ask(json!({"do": "lock_token", "id": token.id()}));
        let value = token.value();
        let revoked = thread::scope(|scope| {
            let call = scope.spawn(|| store.invalidate(&value, Some("lost")));
            thread::sleep(Duration::from_secs(3));
            site.ask(json!({"do": "unlock"}));
            call.join().unwrap()
        });
        assert_eq!(revoked, Ok(()), "{set}");
    }
}

fn connections_that_the_network_forgot_are_replaced(site: &mut Installation) {
    let (location, proxy) = behind_proxy(site);
    let settings = r#"{"pool_size": 8, "statement_timeout_secs": 1, "call_timeout_secs": 10}"#;
    let store = open(&location, settings);
    let value = generate(&store, "alice", None).value();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    call(&store, "login", &value, "").unwrap();
                }
            });
        }
    });
    proxy.forget();
    let times: Vec<_> = (0..11)
        .map(|_| {
            let start = Instant::now();
            call(&store, "login", &value, "").unwrap();
            start.elapsed()
        })
        .collect();
    // The first call finds out, and the others use its result.
    let slow = times.iter().filter(|time| **time > Duration::from_secs(1)).count();
    assert!(slow <= 1, "{times:?}");
}

fn silent_connection_is_replaced_within_the_call(site: &mut Installation) {
    let (location, proxy) = behind_proxy(site);
    // A statement may take almost as long as the call.
    let store = open(&location, r#"{"statement_timeout_secs": 30, "call_timeout_secs": 10}"#);
    let value = generate(&store, "alice", None).value();
    for which in ["login", "invalidate"] {
        proxy.forget();
        call(&store, which, &value, "").unwrap();
    }
}

fn host_that_is_silent_in_session_setup_is_skipped(site: &mut Installation) {
    let (location, proxy) = behind_proxy(site);
    proxy.set(Network::SetupLost);
    let (before, after) = location.split_once('@').unwrap();
    let (_, place) = site.location.split_once('@').unwrap();
    let (host, _) = after.split_once('/').unwrap();
    // In total they would take longer than the call without limits for connecting.
    let location = format!("{before}@{host},{host},{host},{place}");
    let settings = r#"{"connect_timeout_secs": 1, "call_timeout_secs": 10, "pool_size": 2}"#;
    let store = open(&location, settings);
    assert_eq!(proxy.accepted(), 3);
    let value = generate(&store, "alice", None).value();
    call(&store, "login", &value, "").unwrap();
}

fn last_good_host_is_tried_first_on_reconnect(site: &mut Installation) {
    let ((location, refusing), (_, proxy)) = (behind_proxy(site), behind_proxy(site));
    refusing.set(Network::Closed);
    let (before, database) = location.rsplit_once('/').unwrap();
    let store = open(&format!("{before},127.0.0.1:{}/{database}", proxy.port), "{}");
    let value = generate(&store, "alice", None).value();
    assert_eq!((refusing.accepted(), proxy.accepted()), (1, 1));
    site.ask(json!({"do": "kill_connections"}));
    call(&store, "login", &value, "").unwrap();
    assert_eq!((refusing.accepted(), proxy.accepted()), (1, 2));
    // If it fails, the others are tried again.
    refusing.set(Network::Good);
    proxy.set(Network::Closed);
    call(&store, "login", &value, "").unwrap();
    assert_eq!(refusing.accepted(), 2);
}
