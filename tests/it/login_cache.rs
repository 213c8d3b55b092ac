//! The login cache for Review Board databases.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some tests are of servers only")
)]

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::review_board::{generate, on, store_now};
use crate::support::installation::Installation;
use crate::support::network::{Network, Proxy};
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::{Value, json};

on_each_database! {
    revocation_through_the_store_is_seen_by_the_next_login
    revocation_by_others_is_seen_once_the_entry_is_old
    forgotten_login_asks_the_server
    cached_login_is_judged_by_expiration_and_site
    cache_holds_no_more_than_its_entries
    refused_login_is_not_cached
    last_used_is_written_when_the_interval_has_passed
    ;
    cached_login_sends_nothing
    stale_entries_are_read_again_together
    login_that_a_revocation_overtakes_is_not_cached
    revocation_of_unknown_outcome_removes_the_entry
    statistics_count_connections_and_retries
}

/// Settings with a cache, and without updates by logins.
const CACHED: &str = r#"{"login_cache_secs": 60, "last_used_interval_secs": null}"#;

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

fn open(location: &str, settings: &str) -> Store {
    let host = Host::new();
    host.set_now(now());
    let mut options = init::<rbtoken_store_options_t>();
    let clock = host.clock();
    options.clock = &raw const clock;
    (options.location, options.location_len) = text(location);
    (options.settings, options.settings_len) = text(settings);
    Store::open(&host, &options).unwrap()
}

/// Opens a store with a cache through a proxy.
fn open_behind_proxy(site: &Installation, settings: &str) -> (Store, Proxy) {
    let (before, after) = site.location.rsplit_once(':').unwrap();
    let (port, database) = after.split_once('/').unwrap();
    let proxy = Proxy::to(port.parse().unwrap());
    (open(&format!("{before}:{}/{database}", proxy.port), settings), proxy)
}

fn verdict(store: &Store, value: &str) -> i32 {
    store.authenticate(value, Site::Any).unwrap().verdict
}

fn hits(store: &Store) -> u64 {
    store.statistics()["login_cache"]["hits"].as_u64().unwrap()
}

/// Logs in twice, so that the second login is a hit.
fn log_in_cached(store: &Store, value: &str) {
    let before = hits(store);
    assert_eq!((verdict(store, value), verdict(store, value)), (ACCEPTED, ACCEPTED));
    assert_eq!(hits(store), before + 1);
}

/// Invalidates a token like another program.
fn revoke_by_sql(site: &mut Installation, token: &Token) {
    let statement =
        format!("UPDATE webapi_webapitoken SET valid = false WHERE id = {}", token.id());
    site.ask(json!({"do": "execute", "statement": statement}));
}

fn revocation_through_the_store_is_seen_by_the_next_login(site: &mut Installation) {
    let store = open(&site.location, CACHED);
    type Revoke = fn(&Store, &Token) -> Result<(), Failure>;
    let revocations: [(&str, Revoke, i32); 7] = [
        ("by value", |store, token| store.invalidate(&token.value(), None), INVALID),
        ("by id", |store, token| store.invalidate_by_id(token.id(), None), INVALID),
        ("by user", |store, _| store.invalidate_user("alice", None).map(drop), INVALID),
        ("everyone", |store, _| store.invalidate_all(None).map(drop), INVALID),
        ("deleted", |store, token| store.delete(token.id()), UNKNOWN),
        (
            "expired",
            |store, token| {
                let update = Update { expires: Field::Set(1), ..Update::default() };
                store.update(token.id(), &update).map(drop)
            },
            EXPIRED,
        ),
        (
            "purged",
            |store, token| {
                store.invalidate(&token.value(), None)?;
                store.purge(now()).map(drop)
            },
            UNKNOWN,
        ),
    ];
    for (name, revoke, wanted) in revocations {
        let token = generate(&store, "alice", None);
        log_in_cached(&store, &token.value());
        revoke(&store, &token).unwrap();
        assert_eq!(verdict(&store, &token.value()), wanted, "{name}");
    }
}

fn revocation_by_others_is_seen_once_the_entry_is_old(site: &mut Installation) {
    let store = open(&site.location, r#"{"login_cache_secs": 1, "last_used_interval_secs": null}"#);
    let token = generate(&store, "alice", None);
    log_in_cached(&store, &token.value());
    revoke_by_sql(site, &token);
    thread::sleep(Duration::from_millis(1100));
    assert_eq!(verdict(&store, &token.value()), INVALID);
}

fn forgotten_login_asks_the_server(site: &mut Installation) {
    let store = open(&site.location, CACHED);
    let [first, second, third] = [(); 3].map(|()| generate(&store, "alice", None));
    for token in [&first, &second, &third] {
        log_in_cached(&store, &token.value());
        revoke_by_sql(site, token);
    }
    store.forget_logins(Some(&first.value()));
    assert_eq!(verdict(&store, &first.value()), INVALID);
    assert_eq!(verdict(&store, &second.value()), ACCEPTED, "it was not forgotten");
    store.forget_logins(Some("no token has this value"));
    store.forget_logins(None);
    assert_eq!(verdict(&store, &second.value()), INVALID);
    assert_eq!(verdict(&store, &third.value()), INVALID);
}

fn cached_login_is_judged_by_expiration_and_site(site: &mut Installation) {
    let store = open(&site.location, CACHED);
    let mut options = init::<rbtoken_generate_options_t>();
    (options.local_site, options.local_site_len) = text("north");
    options.expires_mode = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
    options.expires_at_us = now() + 3_600_000_000;
    let token = store.generate("alice", &options).unwrap();
    log_in_cached(&store, &token.value());
    let events = store.watch();
    let at = |site| store.authenticate(&token.value(), site).unwrap().verdict;
    assert_eq!(at(Site::Named("north")), ACCEPTED);
    assert_eq!((at(Site::Named("south")), at(Site::Global)), (WRONG_SITE, WRONG_SITE));
    assert_eq!(events.names(), [("used", token.id()); 3]);
    let before = hits(&store);
    store.set_now(now() + 3_700_000_000);
    assert_eq!(at(Site::Named("north")), EXPIRED);
    assert_eq!(events.names(), [("expired", token.id())]);
    assert_eq!(hits(&store), before, "the server was asked");
}

fn cache_holds_no_more_than_its_entries(site: &mut Installation) {
    let store = open(
        &site.location,
        r#"{"login_cache_secs": 60, "login_cache_entries": 2, "last_used_interval_secs": null}"#,
    );
    let tokens: Vec<_> = (0..5).map(|_| generate(&store, "alice", None)).collect();
    tokens.iter().for_each(|token| assert_eq!(verdict(&store, &token.value()), ACCEPTED));
    assert_eq!(store.statistics()["login_cache"], json!({"entries": 2, "hits": 0}));
    log_in_cached(&store, &tokens[0].value());
    assert_eq!(store.statistics()["login_cache"]["entries"], 2);
}

fn refused_login_is_not_cached(site: &mut Installation) {
    let store = open(&site.location, CACHED);
    let token = generate(&store, "alice", None);
    site.ask(json!({"do": "set_user_active", "user": "alice", "active": false}));
    for _ in 0..2 {
        assert_eq!(verdict(&store, &token.value()), INACTIVE_USER);
        assert_eq!(verdict(&store, "no token has this value"), UNKNOWN);
    }
    assert_eq!(store.statistics()["login_cache"], json!({"entries": 0, "hits": 0}));
    site.ask(json!({"do": "set_user_active", "user": "alice", "active": true}));
    assert_eq!(verdict(&store, &token.value()), ACCEPTED);
}

fn last_used_is_written_when_the_interval_has_passed(site: &mut Installation) {
    const SECOND: i64 = 1_000_000;
    let location = site.location.clone();
    let last_used =
        |store: &Store, token: &Token| store.get(token.id()).unwrap().record().last_used;
    for cache in [0, 60] {
        let settings = |interval: Value| {
            json!({"login_cache_secs": cache, "last_used_interval_secs": interval}).to_string()
        };
        let start = now() / SECOND * SECOND;
        let store = open(&location, &settings(json!(100)));
        let token = generate(&store, "alice", None);
        let mut log_in = |at: i64| {
            store.set_now(start + at * SECOND);
            let login = store.authenticate(&token.value(), Site::Any).unwrap();
            let told = login.token.unwrap().record().last_used;
            assert_eq!(told, last_used(&store, &token), "after {at} s");
            told.map(|told| (told - start) / SECOND)
        };
        let times = [0, 50, 99, 100, 101, 199, 250].map(&mut log_in);
        assert_eq!(times, [0, 0, 0, 100, 100, 100, 250].map(Some));
        // A time further in the future than the interval is wrong and is overwritten.
        assert_eq!((log_in(151), log_in(150)), (Some(250), Some(150)));
        let never = open(&location, &settings(Value::Null));
        let token = generate(&never, "alice", None);
        assert_eq!(verdict(&never, &token.value()), ACCEPTED);
        assert_eq!(last_used(&never, &token), None);
        let always = open(&location, &settings(json!(0)));
        for at in [7, 8] {
            always.set_now(start + at * SECOND);
            assert_eq!(verdict(&always, &token.value()), ACCEPTED);
            assert_eq!(last_used(&always, &token), Some(start + at * SECOND));
        }
    }
}

fn cached_login_sends_nothing(site: &mut Installation) {
    let (store, proxy) = open_behind_proxy(site, CACHED);
    let token = generate(&store, "alice", None);
    log_in_cached(&store, &token.value());
    proxy.set(Network::Closed);
    assert_eq!(verdict(&store, &token.value()), ACCEPTED);
    store.forget_logins(Some(&token.value()));
    assert!(store.authenticate(&token.value(), Site::Any).is_err());
}

fn stale_entries_are_read_again_together(site: &mut Installation) {
    let settings = r#"{"login_cache_secs": 3, "last_used_interval_secs": null}"#;
    let (store, proxy) = open_behind_proxy(site, settings);
    let tokens: Vec<_> = (0..30).map(|_| generate(&store, "alice", None)).collect();
    tokens.iter().for_each(|token| log_in_cached(&store, &token.value()));
    let unused = generate(&store, "alice", None);
    assert_eq!(verdict(&store, &unused.value()), ACCEPTED);
    revoke_by_sql(site, &tokens[7]);
    thread::sleep(Duration::from_millis(3100));
    assert_eq!(verdict(&store, &tokens[0].value()), ACCEPTED);
    // The revoked entry and the unused one were evicted.
    assert_eq!(store.statistics()["login_cache"]["entries"], 29);
    proxy.set(Network::Closed);
    for (index, token) in tokens.iter().enumerate() {
        let login = store.authenticate(&token.value(), Site::Any);
        assert_eq!(login.is_ok(), index != 7, "{index}");
    }
    proxy.set(Network::Good);
    thread::sleep(Duration::from_secs(1));
    assert_eq!(verdict(&store, &tokens[7].value()), INVALID);
}

fn login_that_a_revocation_overtakes_is_not_cached(site: &mut Installation) {
    let (store, proxy) = open_behind_proxy(site, CACHED);
    let token = generate(&store, "alice", None);
    let value = token.value();
    for _ in 0..2 {
        // Two connections with prepared statements.
        store.forget_logins(None);
        thread::scope(|scope| {
            proxy.hold_next();
            let login = scope.spawn(|| verdict(&store, &value));
            proxy.wait_until_held();
            let other = generate(&store, "alice", None);
            store.invalidate(&other.value(), None).unwrap();
            proxy.release();
            assert_eq!(login.join().unwrap(), ACCEPTED);
        });
    }
    store.forget_logins(None);
    thread::scope(|scope| {
        proxy.hold_next();
        let login = scope.spawn(|| verdict(&store, &value));
        proxy.wait_until_held();
        store.invalidate(&value, None).unwrap();
        proxy.release();
        // The server had responded before the revocation.
        assert_eq!(login.join().unwrap(), ACCEPTED);
    });
    assert_eq!(verdict(&store, &value), INVALID);
}

fn revocation_of_unknown_outcome_removes_the_entry(site: &mut Installation) {
    let settings = r#"{"login_cache_secs": 60, "last_used_interval_secs": null,
        "call_timeout_secs": 2, "statement_timeout_secs": 1}"#;
    for network in [Network::WriteUnanswered, Network::CommitUnanswered, Network::CommitLost] {
        let (store, proxy) = open_behind_proxy(site, settings);
        let token = generate(&store, "alice", None);
        log_in_cached(&store, &token.value());
        proxy.set(network);
        // The proxy holds no commit, so the change succeeds.
        let revoked = store.invalidate(&token.value(), None);
        proxy.set(Network::Good);
        let uncached = store_now(site);
        let wanted = verdict(&uncached, &token.value());
        println!("{network:?}: {:?}, then {wanted}", revoked.map_err(|failure| failure.status));
        assert_eq!(verdict(&store, &token.value()), wanted, "{network:?}");
    }
}

fn statistics_count_connections_and_retries(site: &mut Installation) {
    let settings = r#"{"pool_size": 2, "call_timeout_secs": 2, "statement_timeout_secs": 1}"#;
    let (store, proxy) = open_behind_proxy(site, settings);
    let pool = || store.statistics()["pool"].clone();
    let token = generate(&store, "alice", None);
    let calm = json!({
        "open": 1, "idle": 1, "abandoned": 0, "waiting": 0, "lost": 0, "timeouts": 0, "retries": 0,
    });
    assert_eq!(pool(), calm);
    assert_eq!(store.statistics().get("login_cache"), None);
    site.ask(json!({"do": "kill_connections"}));
    assert_eq!(verdict(&store, &token.value()), ACCEPTED);
    let counted = pool();
    assert_eq!((&counted["lost"], &counted["retries"]), (&json!(1), &json!(1)), "{counted}");
    proxy.set(Network::Stalled);
    thread::scope(|scope| {
        let logins = [(); 3].map(|()| {
            scope.spawn(|| store.authenticate(&token.value(), Site::Any).map(|it| it.verdict))
        });
        let mut most = 0;
        while logins.iter().any(|login| !login.is_finished()) {
            most = most.max(pool()["waiting"].as_u64().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        assert!((1..=3).contains(&most), "{most}");
        logins.into_iter().for_each(|login| assert!(login.join().unwrap().is_err()));
    });
    proxy.set(Network::Good);
    assert_eq!(pool()["timeouts"], 3);
    assert_eq!(pool()["waiting"], 0);
}
