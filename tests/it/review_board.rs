//! Tokens in the database of a running Review Board 8.1 server.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some tests are of servers only")
)]

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::installation::{Installation, http};
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::{Value, json};

on_each_database! {
    token_logs_in_to_the_server_until_it_is_invalidated
    rbtools_works_with_a_token_of_the_library
    tokens_of_the_server_get_the_same_verdicts
    policies_of_the_servers_tokens_give_the_same_answers
    row_equals_the_servers_and_survives_being_saved_by_it
    concurrent_processes_make_one_row_for_a_client
    users_local_sites_and_the_servers_settings_are_only_read
    names_and_values_in_another_case_are_not_found
    a_store_is_not_used_after_a_fork
    a_database_of_an_older_review_board_is_a_wrong_version
    a_migration_of_the_server_leaves_an_open_store_usable
    a_statement_that_waits_too_long_is_a_timeout
    unusable_database_is_reported_without_its_password
    values_left_in_memory_are_counted
    ;
    a_connection_over_tls_is_to_the_server_that_was_named
    what_was_acknowledged_is_there_after_the_server_went_down
    closed_standard_streams_leave_the_connection_alone
    login_that_waited_for_its_revocation_is_refused
}

pub(crate) fn on(database: &str, test: fn(&mut Installation)) {
    match std::env::var(OTHER_PROCESS) {
        Ok(location) => ask_for_all_clients_of(&location),
        Err(_) => test(&mut Installation::open(database)),
    }
}

/// The program prints and logs with closed standard streams. It kills itself unless all calls
/// succeed.
fn closed_standard_streams_leave_the_connection_alone(site: &mut Installation) {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    let source = c::root().join("tests/c/durable/closed_streams.c");
    let host = c::compile(c::C11, &[source], &format!("closed_streams_{}", site.name));
    for mask in 0..8 {
        let mut command = Command::new(&host);
        command.args(["write", &site.location]).arg(mask.to_string());
        let killed = c::output(&mut command);
        assert_eq!(killed.status.signal(), Some(SIGKILL), "{mask}: {killed:?}");
    }
}

/// The counts for the database servers are in the chapter "Secrets" of the header: their drivers do
/// not zeroize memory.
fn values_left_in_memory_are_counted(site: &mut Installation) {
    let printed = crate::secrets::scan("database", &site.location);
    print!("{}: {printed}", site.name);
    if site.name == "sqlite" {
        assert_eq!(printed, "0 of 20 values are left\n");
    }
}

/// Uses the system clock, since the server does.
fn login_that_waited_for_its_revocation_is_refused(site: &mut Installation) {
    let store = site.store();
    let token = generate(&store, "alice", None);
    let (id, value) = (token.id(), token.value());
    site.ask(json!({"do": "lock_token", "id": id}));
    let revoke = format!("UPDATE webapi_webapitoken SET valid = false WHERE id = {id}");
    site.ask(json!({"do": "execute", "statement": revoke}));
    std::thread::scope(|scope| {
        // It finds the token valid, and waits before it can write the time.
        let login = scope.spawn(|| store.authenticate(&value, Site::Any).map(|it| it.verdict));
        std::thread::sleep(Duration::from_millis(500));
        assert!(!login.is_finished());
        site.ask(json!({"do": "commit"}));
        assert_eq!(login.join().unwrap(), Ok(INVALID));
    });
    assert_eq!(store.get(id).unwrap().record().last_used, None);
}

pub(crate) fn store_now(site: &Installation) -> Store {
    let store = site.store();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    store.set_now(now.as_micros() as i64);
    store
}

/// Creates a token that never expires.
pub(crate) fn generate(store: &Store, user: &str, local_site: Option<&str>) -> Token {
    let mut options = init::<rbtoken_generate_options_t>();
    (options.local_site, options.local_site_len) = optional(local_site);
    store.generate(user, &options).unwrap()
}

fn token_logs_in_to_the_server_until_it_is_invalidated(site: &mut Installation) {
    let port = site.ask(json!({"do": "serve"})).as_u64().unwrap();
    let store = store_now(site);
    for user in ["alice", "bob"] {
        let (token, created) = store.client_token(user, "host", &init()).unwrap();
        assert!(created);
        let (status, body) = http(port, "GET", "/api/session/", &token.value());
        assert_eq!((status, &body["session"]["authenticated"]), (200, &json!(true)), "{body}");
        assert_eq!(body["session"]["links"]["user"]["title"], user);
        // The server has written the time.
        assert!(store.get(token.id()).unwrap().record().last_used.is_some());

        store.invalidate(&token.value(), Some("the laptop was lost")).unwrap();
        let (status, body) = http(port, "GET", "/api/session/", &token.value());
        let message = body["err"]["msg"].as_str().unwrap();
        assert_eq!(status, 401);
        assert!(message.ends_with(": the laptop was lost"), "{message}");
    }
}

fn rbtools_works_with_a_token_of_the_library(site: &mut Installation) {
    let port = site.ask(json!({"do": "serve"})).as_u64().unwrap();
    let (token, _) = store_now(site).client_token("carol", "RBTools", &init()).unwrap();
    let python = std::env::var("RBTOKEN_TEST_REVIEWBOARD").unwrap();
    let home = std::env::temp_dir();
    let output = Command::new(Path::new(&python).with_file_name("rbt"))
        .args(["api-get", "--server", &format!("http://127.0.0.1:{port}")])
        .args(["--api-token", &token.value(), "session"])
        .current_dir(&home)
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let answer: Value =
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{errors}{answer}"));
    assert_eq!(answer["session"]["authenticated"], true, "{answer}");
    assert_eq!(answer["session"]["links"]["user"]["title"], "carol");
}

fn tokens_of_the_server_get_the_same_verdicts(site: &mut Installation) {
    const TOKENS: usize = 510;
    let port = site.ask(json!({"do": "serve"})).as_u64().unwrap();
    let values = site.ask(json!({"do": "make_tokens", "count": TOKENS, "seed": 8}));
    site.ask(json!({"do": "set_user_active", "user": "carol", "active": false}));
    let store = store_now(site);
    put_odd_documents(site, &store, &values, "extra_data");
    let (mut seen, mut failed) = (HashMap::new(), 0);
    for (index, value) in values.as_array().unwrap().iter().enumerate() {
        let value = value.as_str().unwrap();
        let (path, requested) = [
            ("", Site::Global),
            ("/s/north", Site::Named("north")),
            ("/s/south", Site::Named("south")),
        ][index % 3];
        let (status, body) = http(port, "GET", &format!("{path}/api/session/"), value);
        let message = body["err"]["msg"].as_str().unwrap_or_default();
        let theirs = match status {
            200 if body["session"]["authenticated"] == true => "ok",
            403 => "wrong site",
            401 if message.starts_with("This API token became invalid") => "invalid",
            401 if message.starts_with("This API token expired") => "expired",
            // The server does not say whether the token or the user was refused.
            401 => "refused",
            // For some malformed documents, it fails without a verdict.
            500 if index % 5 == 0 => "failed",
            _ => panic!("{status} {body}"),
        };
        let login = store.authenticate(value, requested).unwrap();
        let ours = match login.verdict {
            ACCEPTED => "ok",
            WRONG_SITE => "wrong site",
            INVALID => "invalid",
            EXPIRED => "expired",
            UNKNOWN | INACTIVE_USER => "refused",
            other => panic!("verdict {other}"),
        };
        if theirs == "failed" {
            failed += 1;
            continue;
        }
        assert_eq!(ours, theirs, "token {index}: {body}");
        if let Some(token) = login.token.or(login.refused) {
            let record = token.record();
            if ours == "invalid" && !record.invalid_reason.is_empty() {
                assert!(message.ends_with(&record.invalid_reason), "{message}");
            }
            if ours == "ok" {
                assert_eq!(body["session"]["links"]["user"]["title"], record.user.as_str());
            }
        }
        *seen.entry(ours).or_insert(0) += 1;
    }
    println!("compared {TOKENS} verdicts: {seen:?}; the server failed {failed} times");
    assert_eq!(seen.values().sum::<i32>() + failed, TOKENS as i32);
    assert!(failed <= 40, "{failed}");
    assert!(seen.len() == 5 && seen.values().all(|count| *count >= 10), "{seen:?}");
}

fn policies_of_the_servers_tokens_give_the_same_answers(site: &mut Installation) {
    // Requests to the server, and the corresponding policy id, method and resource id. (Lists of
    // the resources that a policy id names are a server error in 8.1.)
    const QUESTIONS: [(&str, &str, &str, Option<&str>); 7] = [
        ("/api/users/bob/", "user", "GET", Some("bob")),
        ("/api/users/alice/", "user", "GET", Some("alice")),
        ("/api/repositories/", "repository", "GET", None),
        ("/api/groups/", "group", "GET", None),
        ("/api/review-requests/999/", "review_request", "GET", Some("999")),
        ("/api/review-requests/999/", "review_request", "DELETE", Some("999")),
        ("/api/review-requests/999/", "review_request", "PUT", Some("999")),
    ];
    let port = site.ask(json!({"do": "serve"})).as_u64().unwrap();
    let make = json!({"do": "make_tokens", "count": 150, "seed": 15, "with_policies": true});
    let values = site.ask(make);
    let store = store_now(site);
    put_odd_documents(site, &store, &values, "policy");
    let (mut compared, mut denied, mut malformed, mut failed) = (0, 0, 0, 0);
    for (index, value) in values.as_array().unwrap().iter().enumerate() {
        let value = value.as_str().unwrap();
        let token = store.find(value).unwrap();
        for (path, policy_id, method, resource_id) in QUESTIONS {
            let question = (policy_id, method, resource_id);
            let (status, body) = http(port, method, path, value);
            // The server checks the policy first.
            let theirs = (status, &body["err"]["code"]) != (403, &json!(101));
            compared += 1;
            match token.allows(question) {
                // The documented difference: this library is stricter.
                Err(failure) => {
                    assert_eq!(failure.status, CORRUPT, "{failure:?} of {}", token.policy());
                    malformed += 1;
                }
                // As for a list, if `resources` is null or 0.
                _ if status == 500 && index % 5 == 0 => failed += 1,
                ours => {
                    assert!(status < 500, "{status} {body}");
                    assert_eq!(ours, Ok(theirs), "{question:?} of {}", token.policy());
                    denied += i32::from(!theirs);
                }
            }
        }
    }
    println!(
        "compared {compared} answers: {denied} denials, {malformed} of malformed policies; the \
         server failed {failed} times"
    );
    assert_eq!(compared, 1050);
    assert!(failed <= 30, "{failed}");
    assert!((100..900).contains(&denied), "{denied}");
    assert!((50..150).contains(&malformed), "{malformed}");
}

/// Writes documents that this library would not write into a column of every fifth token.
fn put_odd_documents(site: &mut Installation, store: &Store, values: &Value, column: &str) {
    let cases = parsed(ODD_DOCUMENTS);
    let cases = cases.as_array().unwrap().iter().filter(|case| case["column"] == column).cycle();
    for (value, case) in values.as_array().unwrap().iter().step_by(5).zip(cases) {
        let id = store.find(value.as_str().unwrap()).unwrap().id();
        put(site, id, column, case["stored"].as_str().unwrap());
    }
}

pub(crate) const ODD_DOCUMENTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reviewboard/stored_documents.json"));

/// Writes a text into a column of a token's row.
pub(crate) fn put(site: &mut Installation, id: i64, column: &str, text: &str) {
    let statement = format!("UPDATE webapi_webapitoken SET {column} = %s WHERE id = {id}");
    site.ask(json!({"do": "execute", "statement": statement, "params": [text]}));
}

fn row_equals_the_servers_and_survives_being_saved_by_it(site: &mut Installation) {
    let store = store_now(site);
    let policy = r#"{"resources": {"*": {"allow": ["GET"]}, "user": {"é": {"block": []}}}}"#;
    let extra_data = r#"{"zeta": [1, -2.5, 1e22, null, true], "Alpha": {"ü": "\u2713 \"q\""}}"#;
    let mut options = init::<rbtoken_client_token_options_t>();
    (options.default_policy, options.default_policy_len) = text(policy);
    (options.default_extra_data, options.default_extra_data_len) = text(extra_data);
    options.expires_mode = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
    let expires = START / SECOND + 400 * 86_400;
    options.expires_at_us = expires * SECOND;

    // The same token, created by the server and by the library.
    let theirs = site.ask(json!({
        "do": "client_token", "user": "alice", "client_name": "Éditeur", "expires": expires,
        "policy": parsed(policy), "extra_data": parsed(extra_data),
    }));
    assert_eq!(theirs["created"], true);
    let (found, created) = store.client_token("alice", "Éditeur", &options).unwrap();
    assert!(!created && theirs["value"] == found.value());
    store.delete(found.id()).unwrap();
    let theirs = {
        site.ask(json!({
            "do": "client_token", "user": "alice", "client_name": "Éditeur", "expires": expires,
            "policy": parsed(policy), "extra_data": parsed(extra_data),
        }));
        let rows = site.rows();
        store.delete(parsed(rows[0]["id"].as_str().unwrap()).as_i64().unwrap()).unwrap();
        rows
    };
    let (_, created) = store.client_token("alice", "Éditeur", &options).unwrap();
    assert!(created);
    let ours = site.rows();
    assert_eq!((theirs.len(), ours.len()), (1, 1));
    for (column, value) in theirs[0].as_object().unwrap() {
        match column.as_str() {
            // These differ in every row, so only their form is compared.
            "id" | "token" | "time_added" | "last_updated" => {
                let form = |value: &Value| {
                    let value = value.as_str().unwrap();
                    value
                        .chars()
                        .map(|c| if c.is_ascii_digit() { '0' } else { c })
                        .take(5)
                        .collect::<String>()
                };
                assert_eq!(form(value), form(&ours[0][column]), "{column}");
            }
            _ => assert_eq!(*value, ours[0][column], "{column}"),
        }
    }

    // Rows of every kind, with and without fractions of a second.
    for (index, now) in [START, START + 1, START + 500_000, START + SECOND].into_iter().enumerate()
    {
        store.set_now(now);
        let (plain, _) = store.client_token("bob", &format!("plain {index}"), &init()).unwrap();
        let (used, _) = store.client_token("bob", &format!("used {index}"), &init()).unwrap();
        store.authenticate(&used.value(), Site::Any).unwrap();
        let lost = generate(&store, "carol", Some("north"));
        store.invalidate(&lost.value(), Some("löst \"it\"\n")).unwrap();
        let update = Update {
            expires: Field::Set(now + index as i64),
            note: Field::Set("nöte ✓"),
            policy: Field::Set(policy),
            extra_data: Field::Set(extra_data),
        };
        store.update(plain.id(), &update).unwrap();
    }
    let value = "0123456789abcdef0123456789abcdef01234567";
    let mut import = init::<rbtoken_import_options_t>();
    (import.generator_id, import.generator_id_len) = text("legacy_sha1");
    import.flags = RBTOKEN_IMPORT_INVALID;
    store.import("alice", value, &import).unwrap();

    let before = site.rows();
    site.ask(json!({"do": "save_all"}));
    let after = site.rows();
    assert_eq!((before.len(), after.len()), (14, 14));
    for (before, after) in before.iter().zip(&after) {
        for (column, value) in before.as_object().unwrap() {
            if column != "last_updated" {
                assert_eq!(*value, after[column], "{column} of {before}");
            }
        }
        assert_ne!(before["last_updated"], after["last_updated"]);
    }
}

/// The work of one process: each thread requests the token of each client.
fn ask_for_all_clients(store: &Store, rounds: usize) {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..rounds {
                    let client = format!("client {round}");
                    store.client_token("alice", &client, &init()).unwrap();
                }
            });
        }
    });
}

const ROUNDS: usize = 100;

/// Set when the test below runs itself as the other process; contains the location.
const OTHER_PROCESS: &str = "RBTOKEN_TEST_OTHER_PROCESS";

fn ask_for_all_clients_of(location: &str) {
    let host = Host::new();
    let clock = host.clock();
    let mut options = rbtoken_store_options_t { clock: &raw const clock, ..init() };
    (options.location, options.location_len) = text(location);
    ask_for_all_clients(&Store::open(&host, &options).unwrap(), ROUNDS);
}

fn concurrent_processes_make_one_row_for_a_client(site: &mut Installation) {
    let store = site.store();
    let mut other = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact"])
        .arg(format!(
            "review_board::on_{}::concurrent_processes_make_one_row_for_a_client",
            site.name
        ))
        .env(OTHER_PROCESS, &site.location)
        .spawn()
        .unwrap();
    ask_for_all_clients(&store, ROUNDS);
    assert!(other.wait().unwrap().success());
    let records = store.list(&init()).unwrap();
    let clients: HashSet<_> = records.iter().map(|record| &record.client_name).collect();
    assert_eq!((records.len(), clients.len()), (ROUNDS, ROUNDS));
}

fn users_local_sites_and_the_servers_settings_are_only_read(site: &mut Installation) {
    let store = site.store();
    let of = |result: Result<(), Failure>| {
        let failure = result.unwrap_err();
        (failure.status, failure.argument.unwrap_or_default())
    };
    assert_eq!(of(store.add_local_site("east")), (E_UNSUPPORTED, "local_site".into()));
    assert_eq!(of(store.set_user_active("alice", false)), (E_UNSUPPORTED, "user".into()));
    let set = store.set_setting("client_token_expiration", "7");
    assert_eq!(of(set), (E_UNSUPPORTED, "name".into()));
    for settings in [r#"{"local_sites": ["north"]}"#, r#"{"client_token_expiration": 7}"#] {
        let opened = site.store_with(settings).map(drop);
        assert_eq!(of(opened), (E_UNSUPPORTED, "settings".into()));
    }

    let nobody = store.client_token("nobody", "host", &init()).map(drop);
    assert_eq!(of(nobody), (E_NOT_FOUND, "user".into()));
    assert_eq!(of(store.generate("nobody", &init()).map(drop)), (E_NOT_FOUND, "user".into()));
    assert_eq!(of(store.invalidate_user("nobody", None).map(drop)), (E_NOT_FOUND, "user".into()));
    let mut nowhere = init::<rbtoken_client_token_options_t>();
    (nowhere.local_site, nowhere.local_site_len) = text("nowhere");
    let asked = store.client_token("alice", "host", &nowhere).map(drop);
    assert_eq!(of(asked), (E_NOT_FOUND, "local_site".into()));
    assert_eq!(store.count(), Ok(0));

    // A change by an administrator takes effect immediately.
    for (days, expected) in [(json!(7), Some(7)), (json!(0), None), (json!(null), None)] {
        site.ask(json!({"do": "set_expiration", "days": days}));
        let shown = store.get_setting("client_token_expiration").unwrap();
        assert_eq!(shown, expected.unwrap_or(0).to_string());
        let (token, _) = store.client_token("bob", &format!("{days}"), &init()).unwrap();
        assert_eq!(token.expires(), expected.map(|days| START + days * DAY));
    }
    let sites = parsed(&store.get_setting("local_sites").unwrap());
    assert!(sites.as_array().unwrap().contains(&json!("north")));
}

fn names_and_values_in_another_case_are_not_found(site: &mut Installation) {
    let store = site.store();
    let (token, _) = store.client_token("alice", "host", &init()).unwrap();
    let failure = store.client_token("ALICE", "host", &init()).unwrap_err();
    assert_eq!(failure.of(), (E_NOT_FOUND, Some("user")));
    let (other, created) = store.client_token("alice", "HOST", &init()).unwrap();
    assert!(created && other.id() != token.id());
    let swapped: String =
        token
            .value()
            .chars()
            .map(|c| {
                if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
            })
            .collect();
    for value in [swapped, format!("{} ", token.value())] {
        let login = store.authenticate(&value, Site::Any).unwrap();
        assert_eq!(login.verdict, UNKNOWN);
    }
    assert_eq!(store.find("no such value").unwrap_err().of(), (E_NOT_FOUND, Some("value")));
}

fn a_store_is_not_used_after_a_fork(site: &mut Installation) {
    let store = site.store();
    let (token, _) = store.client_token("alice", "host", &init()).unwrap();
    const FORKED: i32 = rbtoken_status_code::RBTOKEN_E_FORKED as i32;
    // SAFETY: the child only calls the library, which returns an error, and exits.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut count = 0;
        // SAFETY: the store exists in the child too.
        let status =
            unsafe { rbtoken_store_token_count(store.raw(), &raw mut count, std::ptr::null_mut()) };
        drop(store);
        // SAFETY: exits without running any code of the test.
        unsafe { libc::_exit(if status == FORKED { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: the child belongs to this process, and the status is a local variable.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
    // The parent can still use the connection.
    assert_eq!(store.get(token.id()).unwrap().value(), token.value());
}

fn a_database_of_an_older_review_board_is_a_wrong_version(site: &mut Installation) {
    const VERSION: i32 = rbtoken_status_code::RBTOKEN_E_VERSION as i32;
    let rename = |from: &str, to: &str| {
        json!({
            "do": "execute",
            "statement": format!("ALTER TABLE webapi_webapitoken RENAME COLUMN {from} TO {to}"),
        })
    };
    site.ask(rename("token_generator_id", "not_there_yet"));
    let opened = site.store_with("{}").map(drop);
    site.ask(rename("not_there_yet", "token_generator_id"));
    let failure = opened.unwrap_err();
    assert_eq!(failure.of(), (VERSION, Some("location")));
    assert!(failure.message.contains("Review Board 5.0 or newer"), "{}", failure.message);
}

/// Connections keep statements prepared, whose results a migration changes.
fn a_migration_of_the_server_leaves_an_open_store_usable(site: &mut Installation) {
    let [there, back] = match site.name {
        "sqlite" => ["ADD COLUMN extra text", "DROP COLUMN extra"],
        "postgresql" => ["ALTER COLUMN note TYPE varchar(9999)", "ALTER COLUMN note TYPE text"],
        _ => ["MODIFY note text NOT NULL", "MODIFY note longtext NOT NULL"],
    };
    let store = store_now(site);
    let token = generate(&store, "alice", None);
    let use_all = || -> Result<(), Failure> {
        store.find(&token.value())?;
        store.client_token("alice", "host", &init())?;
        assert_eq!(store.authenticate(&token.value(), Site::Any)?.verdict, ACCEPTED);
        Ok(())
    };
    use_all().unwrap();
    for change in [there, back] {
        let statement = format!("ALTER TABLE webapi_webapitoken {change}");
        site.ask(json!({"do": "execute", "statement": statement}));
        use_all().unwrap();
    }
}

const CORRUPT: i32 = rbtoken_status_code::RBTOKEN_E_CORRUPT as i32;
const IO: i32 = rbtoken_status_code::RBTOKEN_E_IO as i32;
const DATABASE: i32 = rbtoken_status_code::RBTOKEN_E_DATABASE as i32;
const TIMEOUT: i32 = rbtoken_status_code::RBTOKEN_E_TIMEOUT as i32;

fn a_statement_that_waits_too_long_is_a_timeout(site: &mut Installation) {
    let store = site.store_with(r#"{"statement_timeout_secs": 1}"#).unwrap();
    site.ask(json!({"do": "lock_user", "user": "alice"}));
    let failure = store.client_token("alice", "host", &init()).unwrap_err();
    site.ask(json!({"do": "unlock"}));
    assert_eq!(failure.status, TIMEOUT, "{}", failure.message);
    let (_, created) = store.client_token("alice", "host", &init()).unwrap();
    assert!(created);
    assert_eq!(store.count(), Ok(1));
}

fn unusable_database_is_reported_without_its_password(site: &mut Installation) {
    let open = |location: &str| {
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(location);
        let failure = Store::open(&Host::new(), &options).map(drop).unwrap_err();
        assert!(!failure.message.contains("s3cret"), "{}", failure.message);
        assert_eq!(failure.argument.as_deref(), Some("location"));
        failure.status
    };
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let base = &site.location[..site.location.rfind('/').unwrap()];
    match site.name {
        "sqlite" => {
            assert_eq!(open(&format!("{base}/not-there.db")), IO);
            let not_sqlite = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(open(&format!("reviewboard+sqlite://{not_sqlite}")), DATABASE);
        }
        kind => {
            assert_eq!(open(&format!("{kind}://root:s3cret@127.0.0.1:{port}/reviewboard")), IO);
            assert_eq!(open(&format!("{base}/not_there")), DATABASE);
            let nobody = base.replace("root@", "nobody:s3cret@");
            assert_eq!(open(&format!("{nobody}/reviewboard")), DATABASE);
            assert_eq!(open(&format!("{kind}://root:s3cret@localhost/d?x=1")), E_INVALID_ARGUMENT);
        }
    }
}

fn a_connection_over_tls_is_to_the_server_that_was_named(site: &mut Installation) {
    let location = site.tls_location();
    let open = |location: &str| {
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(location);
        Store::open(&Host::new(), &options)
    };
    assert!(open(&location).unwrap().count().is_ok());
    // The same server, by a name that is not in its certificate, or with an untrusted authority.
    for wrong in [
        location.replace("@localhost", "@127.0.0.1"),
        location.split("&sslrootcert").next().unwrap().to_owned(),
    ] {
        let failure = open(&wrong).map(drop).unwrap_err();
        assert_eq!(failure.status, DATABASE, "{}", failure.message);
        assert!(failure.message.contains("TLS"), "{}", failure.message);
    }
}

fn what_was_acknowledged_is_there_after_the_server_went_down(site: &mut Installation) {
    const TIMEOUT_SECS: u64 = 2;
    let settings = json!({
        "connect_timeout_secs": TIMEOUT_SECS, "statement_timeout_secs": TIMEOUT_SECS,
        "pool_size": 3,
    });
    let store = site.store_with(&settings.to_string()).unwrap();
    let (acknowledged, failed) = (Mutex::new(HashMap::new()), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, acknowledged, failed, done) = (&store, &acknowledged, &failed, &done);
            scope.spawn(move || {
                let mut round = 0;
                while !done.load(Ordering::Relaxed) {
                    round += 1;
                    let client = format!("{thread} {round}");
                    let start = Instant::now();
                    let result = store.client_token("alice", &client, &init());
                    // The deadline of a call, with a margin for a busy machine.
                    assert!(start.elapsed() < Duration::from_secs(10 * TIMEOUT_SECS));
                    match result {
                        Ok((token, _)) => {
                            acknowledged.lock().unwrap().insert(token.id(), token.value());
                        }
                        Err(failure) => {
                            let statuses = [IO, DATABASE, TIMEOUT];
                            assert!(statuses.contains(&failure.status), "{failure:?}");
                            failed.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(20));
                        }
                    }
                }
            });
        }
        let count = || acknowledged.lock().unwrap().len();
        for _ in 0..2 {
            let (tokens, failures) = (count(), failed.load(Ordering::Relaxed));
            wait_until("20 more tokens are acknowledged", || count() > tokens + 20);
            site.server("stop");
            wait_until("8 more calls fail", || failed.load(Ordering::Relaxed) > failures + 8);
            site.server("start");
        }
        let tokens = count();
        wait_until("20 more tokens are acknowledged", || count() > tokens + 20);
        done.store(true, Ordering::Relaxed);
    });
    let records = store.list(&init()).unwrap();
    let there: HashMap<_, _> = records.iter().map(|record| (record.id, &record.value)).collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    for (id, value) in &acknowledged {
        assert_eq!(there.get(id), Some(&value));
    }
    let clients: HashSet<_> = records.iter().map(|record| &record.client_name).collect();
    assert_eq!(clients.len(), records.len());
    println!("{} acknowledged, {} failures", acknowledged.len(), failed.into_inner());
}
