//! The client-token rule, with a controlled clock.

use std::collections::HashSet;
use std::ptr::null_mut;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

type ClientOptions = rbtoken_client_token_options_t;

const AT: i32 = rbtoken_expires_mode::RBTOKEN_EXPIRES_AT as i32;
const NEVER: i32 = rbtoken_expires_mode::RBTOKEN_EXPIRES_NEVER as i32;
const SECS: i32 = rbtoken_min_validity_mode::RBTOKEN_MIN_VALIDITY_SECS as i32;

fn expiring(at_us: i64) -> ClientOptions {
    ClientOptions { expires_mode: AT, expires_at_us: at_us, ..init() }
}

fn min_validity(secs: i64) -> ClientOptions {
    ClientOptions { min_validity_mode: SECS, min_validity_secs: secs, ..init() }
}

/// Creates a token of alice's client `tool`; `None` never expires.
fn client_token_that_expires(store: &Store, expires: Option<i64>) -> i64 {
    let mut options = init::<rbtoken_generate_options_t>();
    (options.extra_data, options.extra_data_len) = text(r#"{"client_name": "tool"}"#);
    if let Some(at_us) = expires {
        (options.expires_mode, options.expires_at_us) = (AT, at_us);
    }
    store.generate("alice", &options).unwrap().id()
}

/// Returns the token that alice's client `tool` gets, and whether it is new.
fn ask(store: &Store, options: &ClientOptions) -> (i64, bool) {
    let (token, created) = store.client_token("alice", "tool", options).unwrap();
    (token.id(), created)
}

#[test]
fn token_with_exactly_the_default_validity_is_passed_over() {
    let store = Store::new();
    let id = client_token_that_expires(&store, Some(START + 300 * SECOND));
    let (given, created) = ask(&store, &init());
    assert!(created && given != id);
}

#[test]
fn token_with_a_microsecond_more_than_the_default_is_returned() {
    let store = Store::new();
    let id = client_token_that_expires(&store, Some(START + 300 * SECOND + 1));
    assert_eq!(ask(&store, &init()), (id, false));
    // A microsecond later, it no longer qualifies.
    store.set_now(START + 1);
    assert!(ask(&store, &init()).1);
}

#[test]
fn setting_changes_the_default_validity() {
    let store = Store::new();
    let id = client_token_that_expires(&store, Some(START + 10 * SECOND));
    store.set_setting("min_validity_secs", "9").unwrap();
    assert_eq!(ask(&store, &init()), (id, false));
    store.set_setting("min_validity_secs", "10").unwrap();
    assert!(ask(&store, &init()).1);
}

#[test]
fn requested_validity_overrides_the_setting() {
    let store = Store::new();
    let id = client_token_that_expires(&store, Some(START + 60 * SECOND));
    assert_eq!(ask(&store, &min_validity(59)), (id, false));
    assert!(ask(&store, &min_validity(60)).1);
}

#[test]
fn validity_of_zero_or_less_means_valid_now() {
    for secs in [0, -1, -300, i64::MIN] {
        let store = Store::new();
        let dead = client_token_that_expires(&store, Some(START));
        let alive = client_token_that_expires(&store, Some(START + 1));
        assert_eq!(ask(&store, &min_validity(secs)), (alive, false), "{secs}");
        store.set_now(START + 1);
        let (id, created) = ask(&store, &min_validity(secs));
        assert!(created && id != dead && id != alive, "{secs}");
    }
}

#[test]
fn never_expiring_wins_and_ties_go_to_the_lowest_id() {
    let store = Store::new();
    let _near = client_token_that_expires(&store, Some(START + DAY));
    let far = client_token_that_expires(&store, Some(START + 2 * DAY));
    let _far_too = client_token_that_expires(&store, Some(START + 2 * DAY));
    let _near_too = client_token_that_expires(&store, Some(START + DAY));
    assert_eq!(ask(&store, &init()), (far, false));
    let never = client_token_that_expires(&store, None);
    let _never_too = client_token_that_expires(&store, None);
    assert_eq!(ask(&store, &init()), (never, false));
}

#[test]
fn expiry_at_the_maximum_time_is_not_never() {
    let store = Store::new();
    let last = micros("9999-12-31T23:59:59.999999Z");
    let far = client_token_that_expires(&store, Some(last));
    assert_eq!(ask(&store, &init()), (far, false));
    let never = client_token_that_expires(&store, None);
    assert_eq!(ask(&store, &init()), (never, false));
}

#[test]
fn new_token_expires_after_the_setting_of_365_days() {
    let store = Store::new();
    let (token, _) = store.client_token("alice", "first", &init()).unwrap();
    assert_eq!(token.expires(), Some(START + 365 * DAY));
    store.set_setting("client_token_expiration", "1").unwrap();
    let (token, _) = store.client_token("alice", "second", &init()).unwrap();
    assert_eq!(token.expires(), Some(START + DAY));
    store.set_setting("client_token_expiration", "0").unwrap();
    let (token, _) = store.client_token("alice", "third", &init()).unwrap();
    assert_eq!(token.expires(), None);
}

#[test]
fn new_token_has_the_requested_expiry() {
    let store = Store::new();
    let (token, _) = store.client_token("alice", "at", &expiring(START + DAY)).unwrap();
    assert_eq!(token.expires(), Some(START + DAY));
    let never = ClientOptions { expires_mode: NEVER, ..init() };
    let (token, _) = store.client_token("alice", "never", &never).unwrap();
    assert_eq!(token.expires(), None);
}

#[test]
fn expiration_inside_the_validity_window_is_accepted() {
    let store = Store::new();
    let (token, created) = store.client_token("alice", "tool", &expiring(START + 1)).unwrap();
    assert!(created);
    assert_eq!(token.expires(), Some(START + 1));
    assert!(!token.is_expired(START) && token.is_expired(START + 1));
}

#[test]
fn expiration_not_after_now_is_refused_even_if_a_token_exists() {
    let store = Store::new();
    ask(&store, &init());
    for at_us in [START, START - 1, 0, -1] {
        let failure = store.client_token("alice", "tool", &expiring(at_us)).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("expires_at_us")));
    }
    assert_eq!(store.count(), Ok(1));
}

#[test]
fn requested_expiry_does_not_affect_the_search() {
    let store = Store::new();
    let id = client_token_that_expires(&store, Some(START + DAY));
    assert_eq!(ask(&store, &expiring(START + 2 * DAY)), (id, false));
    assert_eq!(ask(&store, &ClientOptions { expires_mode: NEVER, ..init() }), (id, false));
    assert_eq!(store.get(id).unwrap().expires(), Some(START + DAY));
}

#[test]
fn each_local_site_and_the_global_site_have_their_own_tokens() {
    let store = Store::new();
    let sites = [None, Some("north"), Some("south"), Some("North")];
    for site in sites.into_iter().flatten() {
        store.add_local_site(site).unwrap();
    }
    let on = |site: Option<&str>| {
        let mut options = init::<ClientOptions>();
        (options.local_site, options.local_site_len) = optional(site);
        let (token, created) = store.client_token("alice", "tool", &options).unwrap();
        assert_eq!(token.record().local_site.as_deref(), site);
        (token.id(), created)
    };
    let ids: Vec<i64> = sites.map(|site| on(site).0).into();
    assert_eq!(ids, [1, 2, 3, 4]);
    assert_eq!(sites.map(on), [(1, false), (2, false), (3, false), (4, false)]);
}

#[test]
fn each_user_has_tokens_of_their_own() {
    let store = Store::new();
    let of = |user: &str| store.client_token(user, "tool", &init()).unwrap().0.id();
    assert_ne!(of("alice"), of("bob"));
    assert_ne!(of("alice"), of("Alice"));
    assert_ne!(of("alice"), of("alice "));
}

#[test]
fn deprecated_tokens_are_ignored_only_on_request() {
    let store = Store::new();
    let mut options = init::<rbtoken_import_options_t>();
    (options.generator_id, options.generator_id_len) = text("legacy_sha1");
    (options.extra_data, options.extra_data_len) = text(r#"{"client_name": "tool"}"#);
    let old = store.import("alice", &"0".repeat(40), &options).unwrap();
    assert!(old.record().is_deprecated);
    assert_eq!(ask(&store, &init()), (old.id(), false));

    let ignore = ClientOptions { flags: RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED, ..init() };
    let (new, created) = ask(&store, &ignore);
    assert!(created && new != old.id());
    // The old token never expires, so it is preferred unless it is ignored.
    assert_eq!(ask(&store, &ignore), (new, false));
    assert_eq!(ask(&store, &init()), (old.id(), false));
    // The host determines the deprecated generators.
    store.set_setting("deprecated_generators", "[]").unwrap();
    assert_eq!(ask(&store, &ignore), (old.id(), false));
}

#[test]
fn found_token_ignores_defaults_for_new_ones() {
    let store = Store::new();
    let (token, _) = store.client_token("alice", "tool", &init()).unwrap();
    let before = token.record();
    let mut options = init::<ClientOptions>();
    (options.default_policy, options.default_policy_len) =
        text(r#"{"resources": {"*": {"block": ["*"]}}}"#);
    (options.default_extra_data, options.default_extra_data_len) = text(r#"{"a": 1}"#);
    let (token, created) = store.client_token("alice", "tool", &options).unwrap();
    assert!(!created);
    assert_eq!(token.record(), before);
}

#[test]
fn new_token_has_the_documented_fields() {
    let store = Store::new();
    let (token, created) = store.client_token("alice", "RBTools é 🦀", &init()).unwrap();
    assert!(created);
    let record = token.record();
    assert_eq!(record.note, "API token automatically created for RBTools é 🦀.");
    assert_eq!(record.generator_id, "vendor_checksum");
    assert!(record.value.starts_with("rbp_"));
    assert_eq!(record.redacted, "rbp_***#1");
    assert_eq!(record.client_name.as_deref(), Some("RBTools é 🦀"));
    assert_eq!(parsed(&record.extra_data), json!({"client_name": "RBTools é 🦀"}));
    assert_eq!(record.policy, "{}");
    assert_eq!((record.time_added, record.last_updated), (START, START));
    assert_eq!((record.last_used, record.invalid_date), (None, None));
    assert_eq!((record.local_site, record.invalid_reason), (None, String::new()));
    assert!(!record.is_invalidated && !record.is_deprecated);
}

#[test]
fn client_name_replaces_a_given_member_of_that_name() {
    let store = Store::new();
    for (client, given) in [
        ("one", r#"{"client_name": "another", "a": 1}"#),
        ("two", r#"{"client_name": ["x"], "a": 1}"#),
        ("three", r#"{"a": 1, "client_name": null}"#),
    ] {
        let mut options = init::<ClientOptions>();
        (options.default_extra_data, options.default_extra_data_len) = text(given);
        let (token, _) = store.client_token("alice", client, &options).unwrap();
        assert_eq!(parsed(&token.extra_data()), json!({"client_name": client, "a": 1}));
        assert_eq!(token.client_name().as_deref(), Some(client));
        let (again, created) = store.client_token("alice", client, &options).unwrap();
        assert!(!created && again.id() == token.id());
    }
    // The replaced name is not that of any client.
    assert!(store.client_token("alice", "another", &init()).unwrap().1);
}

#[test]
fn client_names_are_compared_exactly() {
    let store = Store::new();
    let names = ["tool", "Tool", "TOOL", " tool", "tool ", "to ol", "tool\t", "é", "e\u{301}"];
    let mut ids = HashSet::new();
    for name in names {
        let (token, created) = store.client_token("alice", name, &init()).unwrap();
        assert!(created && ids.insert(token.id()), "{name:?}");
        let (again, created) = store.client_token("alice", name, &init()).unwrap();
        assert!(!created && again.id() == token.id(), "{name:?}");
    }
}

#[test]
fn initially_invalid_tokens_are_never_candidates() {
    let store = Store::new();
    let mut options = rbtoken_generate_options_t { flags: RBTOKEN_GENERATE_INVALID, ..init() };
    (options.extra_data, options.extra_data_len) = text(r#"{"client_name": "tool"}"#);
    let dead = store.generate("alice", &options).unwrap();
    assert!(dead.record().is_invalidated);
    let (id, created) = ask(&store, &init());
    assert!(created && id != dead.id());
    assert_eq!(ask(&store, &init()), (id, false));
}

#[test]
fn non_string_client_name_makes_no_client_token() {
    let store = Store::new();
    for extra_data in [
        r#"{"client_name": 1}"#,
        r#"{"client_name": null}"#,
        r#"{"client_name": ["tool"]}"#,
        r#"{"client_name": {"tool": "tool"}}"#,
        r#"{"x": {"client_name": "tool"}}"#,
    ] {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.extra_data, options.extra_data_len) = text(extra_data);
        let token = store.generate("alice", &options).unwrap();
        assert_eq!(token.client_name(), None);
    }
    assert!(ask(&store, &init()).1);
    assert!(store.client_token("alice", "1", &init()).unwrap().1);
}

#[test]
fn generated_and_imported_client_tokens_are_found() {
    let store = Store::new();
    let generated = client_token_that_expires(&store, None);
    assert_eq!(ask(&store, &init()), (generated, false));
    let mut options = init::<rbtoken_import_options_t>();
    (options.extra_data, options.extra_data_len) = text(r#"{"client_name": "other"}"#);
    let imported = store.import("alice", "any value", &options).unwrap();
    let (found, created) = store.client_token("alice", "other", &init()).unwrap();
    assert!(!created && found.id() == imported.id());
}

#[test]
fn concurrent_callers_get_one_token_created_once() {
    const THREADS: usize = 64;
    const ROUNDS: usize = 200;
    let store = Store::new();
    store.add_local_site("north").unwrap();
    let (_watchdog, barrier) = (Watchdog::start(), Barrier::new(THREADS));
    let created: Vec<_> = (0..ROUNDS).map(|_| AtomicUsize::new(0)).collect();
    let given: Vec<Vec<i64>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    let mut options = init::<ClientOptions>();
                    (options.local_site, options.local_site_len) = text("north");
                    let ids = created.iter().enumerate().map(|(round, created)| {
                        let client = format!("client {round}");
                        barrier.wait();
                        let (token, is_new) =
                            store.client_token("alice", &client, &options).unwrap();
                        created.fetch_add(usize::from(is_new), Ordering::Relaxed);
                        token.id()
                    });
                    ids.collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for round in 0..ROUNDS {
        assert_eq!(created[round].load(Ordering::Relaxed), 1, "round {round}");
        assert!(given.iter().all(|ids| ids[round] == given[0][round]), "round {round}");
    }
    assert_eq!(store.count(), Ok(ROUNDS as u64));
}

#[test]
fn thousand_concurrent_clients_get_one_token_each() {
    const THREADS: usize = 16;
    const CLIENTS: usize = 1000;
    let store = Store::new();
    let (_watchdog, barrier) = (Watchdog::start(), Barrier::new(THREADS));
    let created: Vec<_> = (0..CLIENTS).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, barrier, created) = (&store, &barrier, &created);
            scope.spawn(move || {
                barrier.wait();
                // Each thread requests all clients in a different order.
                for step in 0..CLIENTS {
                    let client = (step * 7 + thread * 61) % CLIENTS;
                    let name = format!("client {client}");
                    let (token, is_new) = store.client_token("alice", &name, &init()).unwrap();
                    assert_eq!(token.client_name(), Some(name));
                    created[client].fetch_add(usize::from(is_new), Ordering::Relaxed);
                }
            });
        }
    });
    assert!(created.iter().all(|created| created.load(Ordering::Relaxed) == 1));
    let records = store.list(&init()).unwrap();
    let names: HashSet<_> = records.iter().map(|record| record.client_name.clone()).collect();
    let values: HashSet<_> = records.iter().map(|record| record.value.clone()).collect();
    assert_eq!((records.len(), names.len(), values.len()), (CLIENTS, CLIENTS, CLIENTS));
}

#[test]
fn twenty_existing_values_are_a_generation_error() {
    let store = Store::with_entropy();
    store.host.constant.store(true, Ordering::SeqCst);
    store.generate("alice", &init()).unwrap();
    assert_eq!(store.host.fill_calls.load(Ordering::SeqCst), 1);

    assert_eq!(store.generate("bob", &init()).unwrap_err().of(), (E_GENERATION, None));
    assert_eq!(store.host.fill_calls.load(Ordering::SeqCst), 21);
    let failure = store.client_token("bob", "tool", &init()).unwrap_err();
    assert_eq!(failure.of(), (E_GENERATION, None));
    assert_eq!(store.host.fill_calls.load(Ordering::SeqCst), 41);
    assert_eq!(store.count(), Ok(1));

    // The failures had no lasting effect.
    store.host.constant.store(false, Ordering::SeqCst);
    assert!(store.client_token("bob", "tool", &init()).unwrap().1);
    assert_eq!(store.count(), Ok(2));
}

#[test]
fn clock_or_entropy_status_is_returned_unchanged() {
    for status in [1, 2, 121, 201, 4711, -1, i32::MIN, i32::MAX] {
        let store = Store::with_entropy();
        store.host.fill_status.store(status, Ordering::SeqCst);
        assert_eq!(store.generate("alice", &init()).unwrap_err().of(), (status, None));
        let failure = store.client_token("alice", "tool", &init()).unwrap_err();
        assert_eq!(failure.of(), (status, None));
        // A failure is not retried.
        assert_eq!(store.host.fill_calls.load(Ordering::SeqCst), 2);
        store.host.fill_status.store(0, Ordering::SeqCst);

        store.host.clock_status.store(status, Ordering::SeqCst);
        assert_eq!(store.generate("alice", &init()).unwrap_err().of(), (status, None));
        let failure = store.client_token("alice", "tool", &init()).unwrap_err();
        assert_eq!(failure.of(), (status, None));
        assert_eq!(store.import("alice", "x", &init()).unwrap_err().of(), (status, None));
        assert_eq!(store.list(&init()).unwrap_err().of(), (status, None));
        assert_eq!(store.count(), Ok(0));
    }
}

#[test]
fn clock_out_of_range_is_a_callback_error() {
    let store = Store::new();
    let (first, last) = (micros("0001-01-01T00:00:00Z"), micros("9999-12-31T23:59:59.999999Z"));
    for now in [first - 1, last + 1, i64::MIN, i64::MAX] {
        store.set_now(now);
        assert_eq!(store.generate("alice", &init()).unwrap_err().of(), (E_CALLBACK, None));
        let failure = store.client_token("alice", "tool", &init()).unwrap_err();
        assert_eq!(failure.of(), (E_CALLBACK, None));
        assert_eq!(store.list(&init()).unwrap_err().of(), (E_CALLBACK, None));
    }
    for now in [first, last] {
        store.set_now(now);
        assert_eq!(store.generate("alice", &init()).unwrap().record().time_added, now);
    }
}

#[test]
fn unusable_entropy_ends_the_call_with_an_error() {
    // Words of all ones are always rejected, so sampling never succeeds.
    let store = Store::with_entropy();
    store.host.constant_byte.store(0xff, Ordering::SeqCst);
    store.host.constant.store(true, Ordering::SeqCst);
    assert_eq!(store.generate("alice", &init()).unwrap_err().of(), (E_CALLBACK, None));
    assert_eq!(store.count(), Ok(0));
}

#[test]
fn expiry_after_the_year_9999_is_refused() {
    let store = Store::new();
    store.set_now(micros("9999-06-01T00:00:00Z"));
    let failure = store.client_token("alice", "tool", &init()).unwrap_err();
    assert_eq!(failure.status, E_TIME_RANGE);
    let failure = store.client_token("alice", "tool", &min_validity(365 * 86_400)).unwrap_err();
    assert_eq!(failure.of(), (E_TIME_RANGE, Some("min_validity_secs")));
    assert_eq!(store.count(), Ok(0));
    let never = ClientOptions { expires_mode: NEVER, ..init() };
    assert!(store.client_token("alice", "tool", &never).unwrap().1);
}

#[test]
fn callbacks_may_call_back_into_the_same_store() {
    let store = Store::with_entropy();
    store.host.reenter.store(store.raw(), Ordering::SeqCst);
    store.client_token("alice", "tool", &init()).unwrap();
    store.generate("alice", &init()).unwrap();
    store.import("alice", "value", &init()).unwrap();
    assert_eq!(store.list(&init()).unwrap().len(), 3);
    assert!(store.host.fill_calls.load(Ordering::SeqCst) >= 2);
    assert!(store.host.clock_calls.load(Ordering::SeqCst) >= 4);
    store.host.reenter.store(null_mut(), Ordering::SeqCst);
}

#[test]
fn callbacks_are_destroyed_once_with_the_last_reference() {
    let store = Store::with_entropy();
    let host = store.host.clone();
    let token = store.client_token("alice", "tool", &init()).unwrap().0;
    // SAFETY: the store is alive, and the second reference is released below.
    let again = unsafe { rbtoken_store_retain(store.raw()) };
    assert_eq!(again, store.raw());
    drop(store);
    assert_eq!(host.destroyed(), (0, 0));
    // SAFETY: the reference from above.
    unsafe { rbtoken_store_release(again) };
    assert_eq!(host.destroyed(), (1, 1));
    assert_eq!(token.client_name().as_deref(), Some("tool"), "a token outlives its store");
    drop(token);
    assert_eq!(host.destroyed(), (1, 1));
}

/// Opens a store with a host's callbacks and an error. Both must be destroyed once.
#[track_caller]
fn refused(status: i32, argument: &str, spoil: impl FnOnce(&mut rbtoken_store_options_t)) {
    let host = Host::new();
    let (clock, entropy) = (host.clock(), host.entropy());
    let mut options =
        rbtoken_store_options_t { clock: &raw const clock, entropy: &raw const entropy, ..init() };
    spoil(&mut options);
    let failure = Store::open(&host, &options).err().unwrap();
    assert_eq!(failure.of(), (status, Some(argument)));
    assert_eq!(host.destroyed(), (1, 1), "{failure:?}");
}

#[test]
fn callbacks_are_destroyed_once_when_a_store_cannot_be_opened() {
    refused(E_INVALID_ARGUMENT, "location", |options| {
        (options.location, options.location_len) = text("");
    });
    refused(E_INVALID_UTF8, "location", |options| {
        (options.location, options.location_len) = bytes(b"\xff");
    });
    refused(E_NULL_ARGUMENT, "settings", |options| options.settings_len = 1);
    refused(E_EMBEDDED_NUL, "settings", |options| {
        (options.settings, options.settings_len) = bytes(b"{}\0");
    });
    for (settings, status) in [
        ("", E_JSON_SYNTAX),
        ("[]", E_JSON_TYPE),
        (r#"{"client_token_expiration": "1"}"#, E_JSON_TYPE),
        (r#"{"client_token_expiration": -1}"#, E_INVALID_ARGUMENT),
        (r#"{"client_token_expiration": 1e400}"#, E_JSON_NUMBER),
        (r#"{"no_such_setting": 1}"#, E_NOT_FOUND),
        (r#"{"default_generator": "none"}"#, E_GENERATION),
    ] {
        refused(status, "settings", |options| {
            (options.settings, options.settings_len) = text(settings);
        });
    }
}

#[test]
fn callbacks_are_destroyed_once_if_open_has_no_output() {
    let host = Host::new();
    let (clock, entropy) = (host.clock(), host.entropy());
    let options =
        rbtoken_store_options_t { clock: &raw const clock, entropy: &raw const entropy, ..init() };
    // SAFETY: NULL is a bad output, which the call rejects.
    let failure =
        call(|error| unsafe { rbtoken_store_open(&raw const options, null_mut(), error) });
    assert_eq!(failure.unwrap_err().of(), (E_NULL_ARGUMENT, Some("store")));
    assert_eq!(host.destroyed(), (1, 1));
}

#[test]
fn each_callback_struct_is_destroyed_if_the_other_is_bad() {
    let open = |host: &_, clock: *const rbtoken_clock_t, entropy: *const rbtoken_entropy_t| {
        Store::open(host, &rbtoken_store_options_t { clock, entropy, ..init() }).err().unwrap()
    };
    // A struct without a function was read, so its data is destroyed too.
    let host = Host::new();
    let clock = rbtoken_clock_t { now: None, ..host.clock() };
    let failure = open(&host, &raw const clock, &host.entropy());
    assert_eq!(failure.of(), (E_NULL_ARGUMENT, Some("clock")));
    assert_eq!(host.destroyed(), (1, 1));
    let host = Host::new();
    let entropy = rbtoken_entropy_t { fill: None, ..host.entropy() };
    let failure = open(&host, &host.clock(), &raw const entropy);
    assert_eq!(failure.of(), (E_NULL_ARGUMENT, Some("entropy")));
    assert_eq!(host.destroyed(), (1, 1));
    // A struct of an unpublished size cannot be read.
    let host = Host::new();
    let clock = rbtoken_clock_t { struct_size: 1, ..host.clock() };
    let failure = open(&host, &raw const clock, &host.entropy());
    assert_eq!(failure.of(), (E_STRUCT_SIZE, Some("clock")));
    assert_eq!(host.destroyed(), (0, 1));
    let host = Host::new();
    let entropy = rbtoken_entropy_t { struct_size: 0, ..host.entropy() };
    let failure = open(&host, &host.clock(), &raw const entropy);
    assert_eq!(failure.of(), (E_STRUCT_SIZE, Some("entropy")));
    assert_eq!(host.destroyed(), (1, 0));
}

/// A struct of a newer header, with an unknown field.
#[repr(C)]
struct Newer<T> {
    known: T,
    unknown: u64,
}

#[test]
fn callbacks_are_destroyed_once_if_a_field_is_unknown() {
    let host = Host::new();
    let entropy = host.entropy();
    let mut clock = Newer { known: host.clock(), unknown: 1 };
    clock.known.struct_size = size_of_val(&clock);
    let options = rbtoken_store_options_t {
        clock: (&raw const clock).cast(),
        entropy: &raw const entropy,
        ..init()
    };
    let failure = Store::open(&host, &options).err().unwrap();
    assert_eq!(failure.of(), (E_UNSUPPORTED_OPTION, Some("clock")));
    assert_eq!(host.destroyed(), (1, 1));

    let host = Host::new();
    let (clock, entropy) = (host.clock(), host.entropy());
    let mut options = Newer {
        known: rbtoken_store_options_t {
            clock: &raw const clock,
            entropy: &raw const entropy,
            ..init()
        },
        unknown: 1,
    };
    options.known.struct_size = size_of_val(&options);
    let mut store = garbage();
    // SAFETY: the options have the size that they declare.
    let failure = call(|error| unsafe {
        rbtoken_store_open((&raw const options).cast(), &raw mut store, error)
    });
    assert_eq!(failure.unwrap_err().of(), (E_UNSUPPORTED_OPTION, Some("options")));
    assert!(store.is_null());
    assert_eq!(host.destroyed(), (1, 1));
}
