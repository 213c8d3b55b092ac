//! Logins, and revoking, updating, deleting and purging tokens.

use std::ptr::null_mut;

use crate::support::*;
use rbtoken::ffi::*;

/// Creates a token of alice for a site, with an expiry.
fn token_of(store: &Store, site: Option<&str>, expires: Option<i64>) -> Token {
    let mut options = init::<rbtoken_generate_options_t>();
    (options.local_site, options.local_site_len) = optional(site);
    if let Some(at_us) = expires {
        (options.expires_mode, options.expires_at_us) = (EXPIRES_AT, at_us);
    }
    store.generate("alice", &options).unwrap()
}

fn verdict(store: &Store, value: &str) -> i32 {
    store.authenticate(value, Site::Global).unwrap().verdict
}

fn last_used(store: &Store, id: i64) -> Option<i64> {
    store.get(id).unwrap().record().last_used
}

fn with_north() -> Store {
    let store = Store::new();
    store.add_local_site("north").unwrap();
    store
}

#[test]
fn verdict_precedence_is_unknown_invalid_expired_inactive_site() {
    let store = with_north();
    // The login fails for every reason; each step removes the first one.
    let token = token_of(&store, Some("north"), Some(START));
    let value = token.value();
    store.set_user_active("alice", false).unwrap();
    store.invalidate(&value, Some("gone")).unwrap();
    assert_eq!(verdict(&store, &value[1..]), UNKNOWN);
    assert_eq!(verdict(&store, &value), INVALID);

    let token = token_of(&store, Some("north"), Some(START));
    let value = token.value();
    assert_eq!(verdict(&store, &value), EXPIRED);
    let later = Update { expires: Field::Set(START + 1), ..Update::default() };
    store.update(token.id(), &later).unwrap();
    assert_eq!(verdict(&store, &value), INACTIVE_USER);
    assert_eq!(last_used(&store, token.id()), None);
    store.set_user_active("alice", true).unwrap();
    assert_eq!(verdict(&store, &value), WRONG_SITE);
    assert_eq!(store.authenticate(&value, Site::Named("north")).unwrap().verdict, ACCEPTED);
}

#[test]
fn token_of_a_local_site_is_accepted_only_there() {
    let store = with_north();
    store.add_local_site("south").unwrap();
    let requests = [Site::Global, Site::Named("north"), Site::Named("south"), Site::Any];
    for (site, good) in [
        (None, [true, true, true, true]),
        (Some("north"), [false, true, false, true]),
        (Some("south"), [false, false, true, true]),
    ] {
        let value = token_of(&store, site, None).value();
        for (request, good) in requests.into_iter().zip(good) {
            let expected = if good { ACCEPTED } else { WRONG_SITE };
            let login = store.authenticate(&value, request).unwrap();
            assert_eq!(login.verdict, expected, "{site:?} {request:?}");
            let header = format!("token {value}");
            let login = store.authenticate_header(header.as_bytes(), request).unwrap();
            assert_eq!(login.verdict, expected, "{site:?} {request:?}");
        }
    }
}

#[test]
fn site_name_is_compared_exactly() {
    let store = with_north();
    let value = token_of(&store, Some("north"), None).value();
    for site in ["North", "north.", "nort", "nowhere"] {
        let login = store.authenticate(&value, Site::Named(site)).unwrap();
        assert_eq!(login.verdict, WRONG_SITE, "{site}");
    }
    for (site, status) in [
        ("", E_INVALID_ARGUMENT),
        ("a b", E_INVALID_ARGUMENT),
        ("a\0b", E_EMBEDDED_NUL),
        ("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", E_TOO_LONG),
    ] {
        let failure = store.authenticate(&value, Site::Named(site)).unwrap_err();
        assert_eq!(failure.of(), (status, Some("site")), "{site}");
    }
    assert_eq!(verdict(&store, &value), WRONG_SITE);
}

#[test]
fn last_used_is_set_only_by_accepted_logins() {
    let store = with_north();
    let events = store.watch();
    let token = token_of(&store, Some("north"), Some(START + 100));
    let (id, value) = (token.id(), token.value());
    let before = store.get(id).unwrap().record();
    assert_eq!(before.last_used, None);

    store.set_now(START + 1);
    let login = store.authenticate(&value, Site::Named("north")).unwrap();
    assert_eq!(login.token.unwrap().record().last_used, Some(START + 1));
    store.set_now(START + 2);
    let login = store.authenticate(&value, Site::Global).unwrap();
    assert_eq!(login.verdict, WRONG_SITE);
    assert_eq!(login.refused.unwrap().record().last_used, Some(START + 2));
    let used = Record { last_used: Some(START + 2), ..before };
    assert_eq!(store.get(id).unwrap().record(), used, "a login changes no other field");

    store.set_now(START + 3);
    store.set_user_active("alice", false).unwrap();
    assert_eq!(verdict(&store, &value), INACTIVE_USER);
    store.set_now(START + 100);
    assert_eq!(verdict(&store, &value), EXPIRED);
    store.invalidate(&value, None).unwrap();
    assert_eq!(verdict(&store, &value), INVALID);
    assert_eq!(last_used(&store, id), Some(START + 2));
    let names: Vec<_> = events.names().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["created", "used", "used", "expired", "invalidated"]);
}

#[test]
fn expired_event_is_fired_on_every_attempt() {
    let store = Store::new();
    let token = token_of(&store, None, Some(START + 1));
    let events = store.watch();
    assert_eq!(verdict(&store, &token.value()), ACCEPTED);
    store.set_now(START + 1);
    for _ in 0..3 {
        assert_eq!(verdict(&store, &token.value()), EXPIRED);
    }
    let id = token.id();
    assert_eq!(events.names(), [("used", id), ("expired", id), ("expired", id), ("expired", id)]);
}

#[test]
fn accepted_login_says_if_the_token_is_deprecated() {
    let store = Store::new();
    let mut options = init::<rbtoken_import_options_t>();
    (options.generator_id, options.generator_id_len) = text("legacy_sha1");
    let old = store.import("alice", &"a1".repeat(20), &options).unwrap().value();
    let new = token_of(&store, None, None).value();
    let is_deprecated = |value: &str| {
        let login = store.authenticate(value, Site::Global).unwrap();
        login.token.unwrap().record().is_deprecated
    };
    assert!(is_deprecated(&old) && !is_deprecated(&new));
    store.set_setting("deprecated_generators", r#"["vendor_checksum"]"#).unwrap();
    assert!(!is_deprecated(&old) && is_deprecated(&new));
}

#[test]
fn refused_login_has_the_date_and_the_reason() {
    let store = with_north();
    let token = token_of(&store, Some("north"), Some(START + 1));
    let value = token.value();
    let wrong = store.authenticate(&value, Site::Global).unwrap().refused.unwrap().record();
    assert_eq!(wrong.local_site.as_deref(), Some("north"));
    store.set_now(START + 2);
    let expired = store.authenticate(&value, Site::Global).unwrap().refused.unwrap();
    assert_eq!(expired.expires(), Some(START + 1));
    store.invalidate(&value, Some("found in a log")).unwrap();
    store.set_now(START + 9);
    let invalid = store.authenticate(&value, Site::Global).unwrap().refused.unwrap().record();
    assert_eq!(invalid.invalid_date, Some(START + 2));
    assert_eq!(invalid.invalid_reason, "found in a log");
    assert_eq!(invalid.id, token.id());
}

#[test]
fn refused_token_output_is_optional() {
    let store = with_north();
    let value = token_of(&store, Some("north"), None).value();
    let (value, len) = text(&value);
    let (mut verdict, mut token) = (i32::MAX, garbage());
    // SAFETY: the handle, the value and the outputs are valid during the call.
    call(|error| unsafe {
        rbtoken_store_authenticate(
            store.raw(),
            value,
            len,
            std::ptr::null(),
            &raw mut verdict,
            &raw mut token,
            null_mut(),
            error,
        )
    })
    .unwrap();
    assert_eq!(verdict, WRONG_SITE, "no options are a request to the root");
    assert!(token.is_null());
}

#[test]
fn impossible_value_has_the_verdict_unknown() {
    let store = Store::new();
    let value = token_of(&store, None, None).value();
    let with_nul = format!("{value}\0");
    let long = "é".repeat(256);
    let huge = vec![b'x'; 1 << 20];
    let more = vec![b'x'; (1 << 20) + 1];
    for bad in [
        &b""[..],
        b"\0",
        b"\xff\xfe",
        with_nul.as_bytes(),
        &value.as_bytes()[..254],
        long.as_bytes(),
        &huge,
        &more,
    ] {
        let login = store.authenticate_bytes(bad, Site::Any).unwrap();
        assert_eq!(login.verdict, UNKNOWN, "{:?}", &bad[..bad.len().min(9)]);
    }
    assert_eq!(verdict(&store, &value), ACCEPTED);
}

#[test]
fn header_is_token_one_space_and_the_value() {
    let store = Store::new();
    let value = token_of(&store, None, None).value();
    let of = |header: &[u8]| store.authenticate_header(header, Site::Global).unwrap().verdict;
    let with = |before: &str, behind: &str| of(format!("{before}{value}{behind}").as_bytes());
    assert_eq!(with("token ", ""), ACCEPTED);
    for (before, behind) in [
        ("token  ", ""),
        ("token ", " "),
        ("token ", " x"),
        ("token \t", ""),
        ("token ", "\t"),
        ("token ", "\n"),
        ("token ", "\0"),
        ("token x", ""),
        ("token \u{a0}", ""),
    ] {
        assert_eq!(with(before, behind), UNKNOWN, "{before:?} {behind:?}");
    }
    for before in [
        "Token ",
        "TOKEN ",
        "tokens ",
        " token ",
        "token\t",
        "token\n",
        "token",
        "token:",
        "Bearer ",
        "bearer ",
        "Basic ",
        "tok\0en ",
        "\u{feff}token ",
        "",
    ] {
        assert_eq!(with(before, ""), NOT_A_TOKEN, "{before:?}");
    }
    assert_eq!(of(b"token"), UNKNOWN);
    assert_eq!(of(b"token "), UNKNOWN);
    assert_eq!(of(b"token  "), UNKNOWN);
    assert_eq!(of(b"token \xff\xfe\0"), UNKNOWN);
    assert_eq!(of(b""), NOT_A_TOKEN);
    assert_eq!(of(b" "), NOT_A_TOKEN);
    assert_eq!(of(b"\0"), NOT_A_TOKEN);
    assert_eq!(of(b"\xff\xfe token"), NOT_A_TOKEN);
    assert_eq!(of(&vec![b'x'; 1 << 20]), NOT_A_TOKEN);
    assert_eq!(of(&vec![b' '; 1 << 20]), NOT_A_TOKEN);
    for fill in [b'x', b' ', 0, 0xff] {
        let mut header = b"token ".to_vec();
        header.resize(1 << 20, fill);
        assert_eq!(of(&header), UNKNOWN, "{fill}");
        header.push(fill);
        assert_eq!(of(&header), UNKNOWN, "{fill}");
    }
}

#[test]
fn snapshot_is_unchanged_by_later_changes() {
    let store = Store::new();
    let token = token_of(&store, None, Some(START + 100));
    let before = token.record();
    let (id, value) = (token.id(), token.value());
    store.set_now(START + 1);
    let used = store.authenticate(&value, Site::Any).unwrap().token.unwrap();
    let used_before = used.record();
    let update = Update {
        expires: Field::None,
        note: Field::Set("new"),
        policy: Field::Set(r#"{"resources": {"*": {"block": ["*"]}}}"#),
        extra_data: Field::Set(r#"{"client_name": "tool"}"#),
    };
    let updated = store.update(id, &update).unwrap();
    let updated_before = updated.record();
    store.set_setting("deprecated_generators", r#"["vendor_checksum"]"#).unwrap();
    store.invalidate(&value, Some("gone")).unwrap();
    store.set_now(START + 2);
    store.delete(id).unwrap();
    drop(store);
    assert_eq!(token.record(), before);
    assert_eq!(used.record(), used_before);
    assert_eq!(updated.record(), updated_before);
    assert_eq!(token.allows(("review", "GET", None)), Ok(true));
    assert_eq!(updated.allows(("review", "GET", None)), Ok(false));
}

#[test]
fn purge_removes_only_tokens_unusable_before_the_time() {
    let store = Store::new();
    let expired_before = token_of(&store, None, Some(START + 9)).id();
    let expired_then = token_of(&store, None, Some(START + 10)).id();
    let expires_later = token_of(&store, None, Some(START + 11)).id();
    let never = token_of(&store, None, None).id();
    let invalid = |at_us: i64, expires: Option<i64>| {
        store.set_now(at_us);
        let token = token_of(&store, None, expires);
        store.invalidate(&token.value(), None).unwrap();
        token.id()
    };
    let invalid_before = invalid(START + 9, None);
    let invalid_then = invalid(START + 10, None);
    // The earlier time counts.
    let both = invalid(START + 12, Some(START + 5));
    let invalid_first = invalid(START + 9, Some(START + 50));
    // Without a date, the time of creation counts.
    store.set_now(START + 3);
    let generate = rbtoken_generate_options_t { flags: RBTOKEN_GENERATE_INVALID, ..init() };
    let undated = store.generate("alice", &generate).unwrap().id();

    store.set_now(START + 20);
    let events = store.watch();
    assert_eq!(store.purge(START + 10), Ok(5));
    let gone = [expired_before, invalid_before, both, invalid_first, undated];
    assert_eq!(events.names(), gone.map(|id| ("deleted", id)));
    let left: Vec<i64> = store.list(&init()).unwrap().iter().map(|token| token.id).collect();
    assert_eq!(left, [expired_then, expires_later, never, invalid_then]);
    assert_eq!(store.purge(START + 10), Ok(0));
    assert_eq!(store.purge(START + 11), Ok(2));
    assert_eq!(events.names(), [expired_then, invalid_then].map(|id| ("deleted", id)));
    assert_eq!(store.count(), Ok(2));
    assert_eq!(store.purge(i64::MAX).unwrap_err().status, E_TIME_RANGE);
}

#[test]
fn invalidation_overwrites_and_is_final() {
    let store = Store::new();
    let token = token_of(&store, None, Some(START + 5));
    let (id, value) = (token.id(), token.value());
    let before = token.record();
    let events = store.watch();
    store.invalidate(&value, Some("first")).unwrap();
    // Also after it has expired.
    store.set_now(START + 7);
    store.invalidate_by_id(id, Some("second")).unwrap();
    let expected = Record {
        is_invalidated: true,
        invalid_date: Some(START + 7),
        invalid_reason: "second".to_owned(),
        ..before
    };
    assert_eq!(store.get(id).unwrap().record(), expected, "no other field changes");
    store.set_now(START + 8);
    assert_eq!(store.invalidate_user("alice", None), Ok(1));
    let record = store.get(id).unwrap().record();
    assert_eq!((record.invalid_date, record.invalid_reason.as_str()), (Some(START + 8), ""));
    assert_eq!(store.invalidate_all(Some("")), Ok(1));
    assert_eq!(events.names(), [("invalidated", id); 4]);

    let update = Update { expires: Field::None, note: Field::Set("x"), ..Update::default() };
    assert!(store.update(id, &update).unwrap().record().is_invalidated);
    assert_eq!(verdict(&store, &value), INVALID);
}

#[test]
fn expired_token_that_is_invalidated_is_refused_as_invalid() {
    let store = Store::new();
    let value = token_of(&store, None, Some(START)).value();
    assert_eq!(verdict(&store, &value), EXPIRED);
    store.invalidate(&value, None).unwrap();
    assert_eq!(verdict(&store, &value), INVALID);
}

#[test]
fn user_without_tokens_has_none_to_invalidate() {
    let store = Store::new();
    token_of(&store, None, None);
    let events = store.watch();
    assert_eq!(store.invalidate_user("nobody", Some("why")), Ok(0));
    assert_eq!(Store::new().invalidate_all(None), Ok(0));
    assert_eq!(events.names(), []);
}

#[test]
fn update_replaces_only_given_fields() {
    let policy = r#"{"resources": {"*": {"block": ["*"]}}}"#;
    let first = Update {
        expires: Field::Set(START + 50),
        note: Field::Set("note"),
        policy: Field::Set(policy),
        extra_data: Field::Set(r#"{"a": 1, "client_name": "tool"}"#),
    };
    let store = Store::new();
    let token = token_of(&store, None, None);
    let id = token.id();
    store.authenticate(&token.value(), Site::Any).unwrap();
    let made = store.get(id).unwrap().record();
    let full = Record {
        expires: Some(START + 50),
        note: "note".to_owned(),
        policy: policy.to_owned(),
        extra_data: r#"{"a": 1, "client_name": "tool"}"#.to_owned(),
        client_name: Some("tool".to_owned()),
        ..made
    };
    for (step, (update, expected)) in [
        (first, full.clone()),
        (Update::default(), full.clone()),
        (
            Update { expires: Field::None, ..Update::default() },
            Record { expires: None, ..full.clone() },
        ),
        // The past is accepted.
        (
            Update { expires: Field::Set(START - DAY), ..first },
            Record { expires: Some(START - DAY), ..full.clone() },
        ),
        (first, full.clone()),
        (
            Update { note: Field::None, ..Update::default() },
            Record { note: String::new(), ..full.clone() },
        ),
        (first, full.clone()),
        (
            Update { policy: Field::None, ..Update::default() },
            Record { policy: "{}".to_owned(), ..full.clone() },
        ),
        (first, full.clone()),
        (
            Update { extra_data: Field::None, ..Update::default() },
            Record { extra_data: "{}".to_owned(), client_name: None, ..full.clone() },
        ),
        (
            Update { extra_data: Field::Set(r#"{"b": 2}"#), ..Update::default() },
            Record { extra_data: r#"{"b": 2}"#.to_owned(), client_name: None, ..full.clone() },
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let now = START + 1 + step as i64;
        store.set_now(now);
        let expected = Record { last_updated: now, ..expected };
        assert_eq!(store.update(id, &update).unwrap().record(), expected, "step {step}");
        assert_eq!(store.get(id).unwrap().record(), expected, "step {step}");
        assert_eq!(expected.last_used, Some(START), "an update is no use");
    }
}

#[test]
fn value_without_a_mode_that_sets_it_is_refused() {
    let store = Store::new();
    let id = token_of(&store, None, None).id();
    let before = store.everything();
    let set = Update {
        expires: Field::Set(START),
        note: Field::Set("x"),
        policy: Field::Set("{}"),
        extra_data: Field::Set("{}"),
    }
    .options();
    for mode in [0, FIELD_NONE, 3, -1] {
        for options in [
            rbtoken_token_update_t { expires_mode: mode, ..set },
            rbtoken_token_update_t { note_mode: mode, ..set },
            rbtoken_token_update_t { policy_mode: mode, ..set },
            rbtoken_token_update_t { extra_data_mode: mode, ..set },
        ] {
            let failure = store.update_with(id, &options).unwrap_err();
            assert_eq!(failure.status, E_INVALID_ARGUMENT);
        }
    }
    assert_eq!(store.everything(), before);
}

#[test]
fn deleted_token_is_gone_and_its_id_not_reused() {
    let store = Store::new();
    let events = store.watch();
    let token = token_of(&store, None, None);
    let (id, value) = (token.id(), token.value());
    store.delete(id).unwrap();
    assert_eq!(events.names(), [("created", id), ("deleted", id)]);
    for (status, argument) in
        [store.find(&value).unwrap_err().of(), store.invalidate(&value, None).unwrap_err().of()]
    {
        assert_eq!((status, argument), (E_NOT_FOUND, Some("value")));
    }
    for (status, argument) in [
        store.get(id).unwrap_err().of(),
        store.update(id, &Update::default()).unwrap_err().of(),
        store.invalidate_by_id(id, None).unwrap_err().of(),
        store.delete(id).unwrap_err().of(),
    ] {
        assert_eq!((status, argument), (E_NOT_FOUND, Some("id")));
    }
    assert_eq!(verdict(&store, &value), UNKNOWN);
    assert_eq!(events.names(), []);
    assert!(token_of(&store, None, None).id() > id);
    // The value can be used again by another token.
    let again = store.import("bob", &value, &init()).unwrap();
    assert!(again.id() > id);
    assert_eq!(verdict(&store, &value), ACCEPTED);
}

#[test]
fn removing_a_local_site_removes_its_tokens() {
    let store = with_north();
    let [one, global, two] =
        [Some("north"), None, Some("north")].map(|site| token_of(&store, site, None));
    let events = store.watch();
    store.remove_local_site("north").unwrap();
    assert_eq!(events.names(), [("deleted", one.id()), ("deleted", two.id())]);
    assert_eq!(verdict(&store, &one.value()), UNKNOWN);
    assert_eq!(verdict(&store, &global.value()), ACCEPTED);
    let failure = store.remove_local_site("north").unwrap_err();
    assert_eq!(failure.of(), (E_NOT_FOUND, Some("local_site")));
    store.add_local_site("north").unwrap();
    assert_eq!(store.count(), Ok(1));
}
