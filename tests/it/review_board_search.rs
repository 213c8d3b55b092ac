//! The search for a client's token among many, in a Review Board database.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some tests are for servers alone")
)]

use std::thread;
use std::time::Duration;

use crate::review_board::on;
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    best_token_is_found_behind_the_first_page
    unreadable_tokens_hide_no_good_one
    ;
    search_sees_what_was_committed_meanwhile
    user_renamed_meanwhile_gets_no_token
    one_token_is_made_for_a_user_with_many
}

/// More than fit on a page.
const MANY: usize = 40;

/// Creates tokens for alice that expire after as many days as their number.
fn give_tokens(store: &Store, count: usize, client: impl Fn(usize) -> String) -> Vec<i64> {
    let token = |number: usize| {
        let mut options = init::<rbtoken_generate_options_t>();
        let extra_data = json!({"client_name": client(number)}).to_string();
        (options.extra_data, options.extra_data_len) = text(&extra_data);
        options.expires_mode = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
        options.expires_at_us = START + number as i64 * DAY;
        store.generate("alice", &options).unwrap().id()
    };
    (1..=count).map(token).collect()
}

fn execute(site: &mut Installation, statement: &str) {
    site.ask(json!({"do": "execute", "statement": statement}));
}

fn best_token_is_found_behind_the_first_page(site: &mut Installation) {
    let store = site.store();
    let ids = give_tokens(&store, MANY, |number| format!("client {}", number % 10));
    let expire = |id: i64, day: i64| {
        let update = Update { expires: Field::Set(START + day * DAY), ..Update::default() };
        store.update(id, &update).unwrap();
    };
    let found = |client: &str| {
        let (token, created) = store.client_token("alice", client, &init()).unwrap();
        assert!(!created);
        token.id()
    };
    // The numbers 5, 15, 25 and 35, of which the last expires last.
    assert_eq!(found("client 5"), ids[34]);
    for number in [25, 35] {
        expire(ids[number - 1], 2);
    }
    assert_eq!(found("client 5"), ids[14]);
    expire(ids[4], 15);
    assert_eq!(found("client 5"), ids[4]);
    let forever = Update { expires: Field::None, ..Update::default() };
    store.update(ids[34], &forever).unwrap();
    assert_eq!(found("client 5"), ids[34]);
    // Other tokens do not match.
    let (_, created) = store.client_token("alice", "client 10", &init()).unwrap();
    assert!(created);
}

fn unreadable_tokens_hide_no_good_one(site: &mut Installation) {
    let store = site.store();
    let ids = give_tokens(&store, MANY, |_| "host".to_owned());
    if site.name == "mysql" {
        execute(site, "SET sql_mode = ''");
    }
    let spoil = match site.name {
        "sqlite" => "note = X'ff'",
        "postgresql" => "last_used = 'infinity'",
        _ => "last_used = '0000-00-00'",
    };
    let spoil = |site: &mut Installation, id: i64| {
        let statement = format!("UPDATE webapi_webapitoken SET {spoil} WHERE id >= {id}");
        execute(site, &statement);
    };
    for good in [MANY - 10, MANY - 20, 1] {
        spoil(site, ids[good]);
        let (token, created) = store.client_token("alice", "host", &init()).unwrap();
        assert!(!created);
        assert_eq!(token.id(), ids[good - 1]);
    }
    spoil(site, ids[0]);
    let (_, created) = store.client_token("alice", "host", &init()).unwrap();
    assert!(created);
    execute(site, "DELETE FROM webapi_webapitoken");
}

/// Locks the user as the insertion of a token does, until the transaction ends.
fn lock_alice(site: &mut Installation) {
    let lock = match site.name {
        "mysql" => "SELECT first_name FROM auth_user WHERE username = 'alice' LOCK IN SHARE MODE",
        _ => "SELECT pg_advisory_xact_lock(1919054443, id) FROM auth_user WHERE username = 'alice'",
    };
    execute(site, lock);
}

/// A search finds nothing and waits for the lock of the user. Meanwhile others commit a token for
/// the client with a lower id than those that were read, or change one so that it matches. The
/// server does the latter to a new token without changing `last_updated`.
fn search_sees_what_was_committed_meanwhile(site: &mut Installation) {
    const DOCUMENT: &str = r#"{"client_name": "wanted"}"#;
    let store = site.store();
    let changes = ["inserted", "updated", "changed in place"];
    for (count, change) in [2, MANY].into_iter().flat_map(|count| changes.map(|it| (count, it))) {
        let first = give_tokens(&store, 1, |_| "first".to_owned())[0];
        execute(site, "UPDATE webapi_webapitoken SET last_updated = '2000-01-01 00:00:00'");
        execute(site, "BEGIN");
        lock_alice(site);
        let columns = "user_id, token_generator_id, time_added, last_updated, valid, \
                       invalid_reason, note, policy, expires";
        let statement = if change == "inserted" {
            format!(
                "INSERT INTO webapi_webapitoken ({columns}, token, extra_data) \
                 SELECT {columns}, 'value {count}', '{DOCUMENT}' FROM webapi_webapitoken WHERE id = {first}"
            )
        } else {
            let date = match change {
                "updated" => ", last_updated = '2090-01-01 00:00:00'",
                _ => "",
            };
            format!(
                "UPDATE webapi_webapitoken SET extra_data = '{DOCUMENT}'{date} WHERE id = {first}"
            )
        };
        execute(site, &statement);
        give_tokens(&store, count, |number| format!("client {number}"));
        thread::scope(|scope| {
            let store = &store;
            let search = scope.spawn(move || {
                store.client_token("alice", "wanted", &init()).map(|(_, created)| created)
            });
            thread::sleep(Duration::from_millis(500));
            assert!(!search.is_finished());
            execute(site, "COMMIT");
            assert_eq!(search.join().unwrap(), Ok(false), "{count} {change}");
        });
        execute(site, "DELETE FROM webapi_webapitoken");
    }
}

/// A search finds nothing and waits for the lock of the user, who gets another name meanwhile. The
/// new token would belong to a user whom the caller has not named.
fn user_renamed_meanwhile_gets_no_token(site: &mut Installation) {
    let store = site.store();
    for count in [0, 2, MANY] {
        give_tokens(&store, count, |number| format!("client {number}"));
        execute(site, "BEGIN");
        lock_alice(site);
        execute(site, "UPDATE auth_user SET username = 'alicia' WHERE username = 'alice'");
        thread::scope(|scope| {
            let store = &store;
            let call = scope.spawn(move || store.client_token("alice", "wanted", &init()).err());
            thread::sleep(Duration::from_millis(500));
            assert!(!call.is_finished());
            execute(site, "COMMIT");
            let failure = call.join().unwrap().expect("no user has this name");
            assert_eq!(failure.of(), (E_NOT_FOUND, Some("user")), "{count}: {failure:?}");
        });
        execute(site, "UPDATE auth_user SET username = 'alice' WHERE username = 'alicia'");
        assert_eq!(store.count(), Ok(count as u64));
        execute(site, "DELETE FROM webapi_webapitoken");
    }
}

fn one_token_is_made_for_a_user_with_many(site: &mut Installation) {
    const CLIENTS: usize = 10;
    let store = site.store();
    give_tokens(&store, MANY, |number| format!("other {number}"));
    let other = site.store();
    let made: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                let store = if thread % 2 == 0 { &store } else { &other };
                scope.spawn(move || {
                    let made = (0..CLIENTS).filter(|client| {
                        store.client_token("alice", &format!("host {client}"), &init()).unwrap().1
                    });
                    made.count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((made, store.count()), (CLIENTS, Ok((MANY + CLIENTS) as u64)));
}
