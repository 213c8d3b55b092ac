//! Round trips of calls in a Review Board database. The numbers are in the table in
//! `docs/databases.md`.
#![cfg(any(feature = "postgres", feature = "mysql"))]

use std::time::Instant;

use crate::review_board::{generate, on};
use crate::review_board_timeouts::{behind_proxy, open};
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    ;
    calls_take_the_documented_round_trips
    calls_with_event_callbacks_take_one_more
    client_is_searched_among_many_tokens
}

/// Calls, and their round trips on PostgreSQL and MariaDB.
const TRIPS: [(&str, [usize; 2]); 9] = [
    ("login", [1, 2]),
    ("existing client token", [1, 1]),
    ("new client token", [4, 4]),
    ("new client token, Local Site", [4, 4]),
    ("generated token", [4, 4]),
    ("update", [3, 3]),
    ("invalidate by value", [3, 3]),
    ("invalidate by id", [3, 3]),
    ("delete", [3, 3]),
];

fn column(site: &Installation) -> usize {
    usize::from(site.name == "mysql")
}

fn new_token(store: &Store, client: &str, local_site: Option<&str>) -> Token {
    let mut options = init::<rbtoken_client_token_options_t>();
    (options.local_site, options.local_site_len) = optional(local_site);
    let (token, created) = store.client_token("alice", client, &options).unwrap();
    assert!(created);
    token
}

/// Makes a call about its `round`th token.
fn call(store: &Store, which: &str, token: &Token, round: usize) {
    let update = Update { note: Field::Set("new"), ..Update::default() };
    match which {
        "login" => {
            assert_eq!(store.authenticate(&token.value(), Site::Any).unwrap().verdict, ACCEPTED);
        }
        "existing client token" => {
            let client = token.client_name().unwrap();
            let (found, created) = store.client_token("alice", &client, &init()).unwrap();
            assert!(!created && found.id() == token.id());
        }
        "new client token" => drop(new_token(store, &format!("new {round}"), None)),
        "new client token, Local Site" => {
            drop(new_token(store, &format!("new {round}"), Some(["north", "south"][round])));
        }
        "generated token" => drop(generate(store, "bob", None)),
        "update" => drop(store.update(token.id(), &update).unwrap()),
        "invalidate by value" => store.invalidate(&token.value(), Some("lost")).unwrap(),
        "invalidate by id" => store.invalidate_by_id(token.id(), Some("lost")).unwrap(),
        "delete" => store.delete(token.id()).unwrap(),
        _ => unreachable!("{which}"),
    }
}

fn calls_take_the_documented_round_trips(site: &mut Installation) {
    let counted = count(site, false);
    for ((which, documented), counted) in TRIPS.iter().zip(counted) {
        assert_eq!(counted, documented[column(site)], "{which}");
    }
    let mut table = "| call | PostgreSQL | MySQL, MariaDB |\n| --- | --- | --- |\n".to_owned();
    for (call, [postgresql, mysql]) in TRIPS {
        table += &format!("| {call} | {postgresql} | {mysql} |\n");
    }
    let documented = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/databases.md"));
    assert!(documented.contains(&table), "docs/databases.md lacks this table:\n{table}");
}

fn calls_with_event_callbacks_take_one_more(site: &mut Installation) {
    let counted = count(site, true);
    for ((which, documented), counted) in TRIPS.iter().zip(counted) {
        let read = usize::from(which.starts_with("invalidate") || *which == "delete");
        assert_eq!(counted, documented[column(site)] + read, "{which}");
    }
}

/// Counts the round trips of each call when it is made for the second time.
fn count(site: &Installation, has_callbacks: bool) -> Vec<usize> {
    let (location, proxy) = behind_proxy(site);
    let store = open(&location, r#"{"pool_size": 1}"#);
    let events = has_callbacks.then(|| store.watch());
    let counted = TRIPS.map(|(which, _)| {
        let tokens = [0, 1].map(|round| new_token(&store, &format!("{which} {round}"), None));
        let [_, trips] = [0, 1].map(|round| {
            let before = proxy.round_trips();
            call(&store, which, &tokens[round], round);
            proxy.round_trips() - before
        });
        println!("{}: {which}: {trips}", site.name);
        trips
    });
    drop(events);
    counted.into()
}

fn client_is_searched_among_many_tokens(site: &mut Installation) {
    const TOKENS: usize = 20_000;
    let (location, proxy) = behind_proxy(site);
    let store = open(&location, r#"{"pool_size": 1}"#);
    let token = generate(&store, "alice", None);
    let expires = "2090-01-01 00:00:00";
    let numbers = match site.name {
        "mysql" => format!("(SELECT seq AS n FROM seq_1_to_{TOKENS}) s"),
        _ => format!("generate_series(1, {TOKENS}) n"),
    };
    let (value, document) = match site.name {
        "mysql" => ("CONCAT(token, n)", "CONCAT('{\"client_name\": \"host ', n, '\"}')"),
        _ => ("token || n", "'{\"client_name\": \"host ' || n || '\"}'"),
    };
    let shorten = "UPDATE webapi_webapitoken SET token = SUBSTR(token, 1, 240)";
    site.ask(json!({"do": "execute", "statement": shorten}));
    let columns = "user_id, token_generator_id, time_added, last_updated, valid, invalid_reason, \
                   note, policy";
    let statement = format!(
        "INSERT INTO webapi_webapitoken ({columns}, token, extra_data, expires) \
         SELECT {columns}, {value}, {document}, '{expires}' FROM webapi_webapitoken, {numbers}"
    );
    site.ask(json!({"do": "execute", "statement": statement}));
    let analyze = if site.name == "mysql" { "ANALYZE TABLE" } else { "ANALYZE" };
    let analyze = format!("{analyze} webapi_webapitoken");
    site.ask(json!({"do": "execute", "statement": analyze}));
    store.delete(token.id()).unwrap();

    let measure = |what: &str, call: &mut dyn FnMut(usize)| {
        call(0);
        let mut times: Vec<_> = (1..=9)
            .map(|round| {
                let start = Instant::now();
                call(round);
                start.elapsed()
            })
            .collect();
        times.sort();
        let before = proxy.round_trips();
        call(10);
        let trips = proxy.round_trips() - before;
        println!("{}: {what}, {TOKENS} tokens: {:?}, {trips} round trips", site.name, times[4]);
        trips
    };
    measure("found on the first page", &mut |_| {
        let (_, created) = store.client_token("alice", "host 1", &init()).unwrap();
        assert!(!created);
    });
    measure("found among the others", &mut |_| {
        let (_, created) = store.client_token("alice", "host 19999", &init()).unwrap();
        assert!(!created);
    });
    measure("new", &mut |round| {
        drop(new_token(&store, &format!("new {round}"), None));
    });
    measure("list", &mut |_| {
        let mut options = init::<rbtoken_token_filter_t>();
        (options.user, options.user_len) = text("alice");
        assert!(store.list(&options).unwrap().len() >= TOKENS);
    });
}
