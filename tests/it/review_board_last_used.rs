//! Which logins in a Review Board database write `last_used`, and the privileges they need.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some tests are for servers alone")
)]

use std::thread;
use std::time::Duration;

use crate::review_board::{generate, on};
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    login_writes_last_used_when_the_interval_has_passed
    login_writes_nothing_without_an_interval
    refused_login_writes_no_last_used
    ;
    login_behind_its_own_revocation_is_refused
    reader_logs_in_without_an_interval
}

const DATABASE: i32 = rbtoken_status_code::RBTOKEN_E_DATABASE as i32;

fn stored(store: &Store, token: &Token) -> Option<i64> {
    store.get(token.id()).unwrap().record().last_used
}

/// Logs in, and returns the time of last use from the result.
fn log_in(store: &Store, token: &Token) -> Option<i64> {
    let login = store.authenticate(&token.value(), Site::Any).unwrap();
    assert_eq!(login.verdict, ACCEPTED);
    login.token.unwrap().record().last_used
}

fn login_writes_last_used_when_the_interval_has_passed(site: &mut Installation) {
    let store = site.store_with(r#"{"last_used_interval_secs": 60}"#).unwrap();
    let token = generate(&store, "alice", None);
    for (now, expected) in [(0, 0), (59, 0), (60, 60), (119, 60), (-1, -1), (58, -1), (60, 60)] {
        store.set_now(START + now * SECOND);
        let expected = Some(START + expected * SECOND);
        assert_eq!(log_in(&store, &token), expected, "{now}");
        assert_eq!(stored(&store, &token), expected, "{now}");
    }
}

fn login_writes_nothing_without_an_interval(site: &mut Installation) {
    let store = site.store_with(r#"{"last_used_interval_secs": null}"#).unwrap();
    let token = generate(&store, "alice", None);
    assert_eq!(log_in(&store, &token), None);
    assert_eq!(log_in(&site.store(), &token), Some(START));
    store.set_now(START + DAY);
    assert_eq!(log_in(&store, &token), Some(START));
    store.invalidate(&token.value(), None).unwrap();
    assert_eq!(store.authenticate(&token.value(), Site::Any).unwrap().verdict, INVALID);
}

fn refused_login_writes_no_last_used(site: &mut Installation) {
    let store = site.store();
    let verdict = |token: &Token, request: Site<'_>| {
        store.authenticate(&token.value(), request).unwrap().verdict
    };
    let token = generate(&store, "alice", Some("north"));
    site.ask(json!({"do": "set_user_active", "user": "alice", "active": false}));
    assert_eq!(verdict(&token, Site::Any), INACTIVE_USER);
    assert_eq!(stored(&store, &token), None);
    site.ask(json!({"do": "set_user_active", "user": "alice", "active": true}));
    let update = Update { expires: Field::Set(START), ..Update::default() };
    store.update(token.id(), &update).unwrap();
    assert_eq!(verdict(&token, Site::Any), EXPIRED);
    assert_eq!(stored(&store, &token), None);
    store.set_now(START - 1);
    assert_eq!(verdict(&token, Site::Named("south")), WRONG_SITE);
    assert_eq!(stored(&store, &token), Some(START - 1));
    store.invalidate(&token.value(), None).unwrap();
    store.set_now(START - 2);
    assert_eq!(verdict(&token, Site::Any), INVALID);
    assert_eq!(stored(&store, &token), Some(START - 1));
}

fn login_behind_its_own_revocation_is_refused(site: &mut Installation) {
    let store = site.store();
    let mut execute = |statement: &str| {
        site.ask(json!({"do": "execute", "statement": statement}));
    };
    for (set, verdict) in [
        ("expires = '2020-01-01 00:00:00'", EXPIRED),
        ("valid = false, invalid_reason = 'lost'", INVALID),
    ] {
        let token = generate(&store, "alice", None);
        execute("BEGIN");
        execute(&format!("UPDATE webapi_webapitoken SET {set} WHERE id = {}", token.id()));
        thread::scope(|scope| {
            let value = token.value();
            let store = &store;
            let login = scope.spawn(move || store.authenticate(&value, Site::Any).unwrap().verdict);
            thread::sleep(Duration::from_millis(300));
            assert!(!login.is_finished());
            execute("COMMIT");
            assert_eq!(login.join().unwrap(), verdict);
        });
        assert_eq!(stored(&store, &token), None);
    }
}

fn reader_logs_in_without_an_interval(site: &mut Installation) {
    let token = generate(&site.store(), "alice", None);
    let tables = ["auth_user", "site_localsite", "siteconfig_siteconfiguration"];
    let (create, drop): (_, &[_]) = match site.name {
        "mysql" => ("CREATE USER reader", &["DROP USER reader"]),
        _ => ("CREATE ROLE reader LOGIN", &["DROP OWNED BY reader", "DROP ROLE reader"]),
    };
    let mut execute = |statement: &str| {
        site.ask(json!({"do": "execute", "statement": statement}));
    };
    execute(create);
    for table in tables.iter().chain(&["webapi_webapitoken"]) {
        execute(&format!("GRANT SELECT ON {table} TO reader"));
    }
    let location = site.location.replace("root@", "reader@");
    let log_in = |settings: &str, value: &str| -> Result<i32, Failure> {
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(&location);
        (options.settings, options.settings_len) = text(settings);
        let store = Store::open(&Host::new(), &options)?;
        Ok(store.authenticate(value, Site::Any)?.verdict)
    };
    let value = token.value();
    let outcome = [
        log_in(r#"{"last_used_interval_secs": null}"#, &value),
        // Refusals do not depend on write privileges.
        log_in("{}", "no such value"),
        log_in("{}", &value).map_err(|failure| Failure { message: String::new(), ..failure }),
    ];
    for statement in drop {
        site.ask(json!({"do": "execute", "statement": statement}));
    }
    let [unwritten, unknown, written] = outcome;
    assert_eq!((unwritten, unknown), (Ok(ACCEPTED), Ok(UNKNOWN)));
    assert_eq!(written.unwrap_err().status, DATABASE);
}
