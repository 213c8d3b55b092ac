//! Service accounts.

use crate::support::*;
use rbtoken::ffi::*;

type Options = rbtoken_service_account_options_t;
type TokenOptions = rbtoken_service_token_options_t;

const NEVER: i32 = rbtoken_expiration_mode::RBTOKEN_EXPIRATION_NEVER as i32;
const SECS: i32 = rbtoken_expiration_mode::RBTOKEN_EXPIRATION_SECS as i32;

fn bot() -> Options {
    let mut options = init::<Options>();
    (options.id, options.id_len) = text("ci-bot_1");
    options
}

fn account(options: &Options) -> ServiceAccount {
    ServiceAccount::new(options).unwrap()
}

fn min_validity(secs: i64) -> TokenOptions {
    TokenOptions { min_validity_mode: MIN_VALIDITY_SECS, min_validity_secs: secs, ..init() }
}

#[test]
fn service_token_belongs_to_the_account_and_its_client() {
    let store = Store::new();
    let events = store.watch();
    let (token, created) = account(&bot()).api_token(&store, &init()).unwrap();
    assert!(created);
    assert_eq!(events.names(), [("created", token.id())]);
    let record = token.record();
    assert_eq!(record.user, "ci-bot_1");
    assert_eq!(record.client_name.as_deref(), Some("ci-bot_1_v1"));
    assert_eq!(record.note, "API token automatically created for ci-bot_1_v1.");
    assert_eq!(record.extra_data, r#"{"client_name": "ci-bot_1_v1"}"#);
    assert_eq!((record.policy.as_str(), record.local_site), ("{}", None));
    assert_eq!(record.expires, Some(START + 30 * DAY));
    // It is an ordinary client token.
    let (same, created) = store.client_token("ci-bot_1", "ci-bot_1_v1", &init()).unwrap();
    assert!(!created && same.id() == token.id());
}

#[test]
fn service_token_has_the_accounts_user_and_policy() {
    let store = Store::new();
    let policy = r#"{"resources": {"*": {"allow": ["GET"], "block": ["*"]}}}"#;
    let mut options = bot();
    (options.user, options.user_len) = text("robot");
    (options.policy, options.policy_len) = text(policy);
    let (token, _) = account(&options).api_token(&store, &init()).unwrap();
    assert_eq!(token.record().user, "robot");
    assert_eq!(token.policy(), policy);
    assert_eq!(token.allows(("review", "PUT", None)), Ok(false));
}

#[test]
fn service_token_expires_as_the_account_says() {
    let store = Store::new();
    store.set_setting("client_token_expiration", "7").unwrap();
    for (version, mode, secs, expires) in [
        (1, 0, 0, Some(START + 30 * DAY)),
        (2, NEVER, 0, None),
        (3, SECS, 1, Some(START + SECOND)),
        (4, SECS, 90_000, Some(START + 90_000 * SECOND)),
    ] {
        let options = Options {
            token_version: version,
            expiration_mode: mode,
            expiration_secs: secs,
            ..bot()
        };
        let (token, created) = account(&options).api_token(&store, &init()).unwrap();
        assert!(created);
        assert_eq!(token.expires(), expires, "{mode} {secs}");
    }
}

#[test]
fn service_token_must_be_valid_for_two_more_hours_by_default() {
    let store = Store::new();
    store.set_setting("min_validity_secs", "0").unwrap();
    let account = account(&bot());
    let (token, _) = account.api_token(&store, &init()).unwrap();
    let expires = token.expires().unwrap();
    store.set_now(expires - 7_200 * SECOND - 1);
    let (same, created) = account.api_token(&store, &init()).unwrap();
    assert!(!created && same.id() == token.id());
    store.set_now(expires - 7_200 * SECOND);
    let (same, created) = account.api_token(&store, &min_validity(7_199)).unwrap();
    assert!(!created && same.id() == token.id());
    let (new, created) = account.api_token(&store, &init()).unwrap();
    assert!(created && new.id() != token.id());
}

#[test]
fn short_lived_service_token_must_only_be_valid_now() {
    let secs = |secs| Options { expiration_mode: SECS, expiration_secs: secs, ..bot() };
    for (expiration, minimum, again) in [
        (60, 61, true),
        (60, 7_200, true),
        // A lifetime equal to the minimum: the token is too old immediately.
        (60, 60, false),
        (60, 59, true),
        (60, 0, true),
        (60, -1, true),
    ] {
        let store = Store::new();
        let account = account(&secs(expiration));
        let (token, _) = account.api_token(&store, &init()).unwrap();
        let (next, created) = account.api_token(&store, &min_validity(minimum)).unwrap();
        assert_eq!(!created && next.id() == token.id(), again, "{expiration} {minimum}");
    }
    // With the default of two hours, exact to the microsecond.
    let store = Store::new();
    let account = account(&secs(60));
    let (token, _) = account.api_token(&store, &init()).unwrap();
    store.set_now(START + 60 * SECOND - 1);
    assert_eq!(account.api_token(&store, &init()).unwrap().0.id(), token.id());
    store.set_now(START + 60 * SECOND);
    assert!(account.api_token(&store, &init()).unwrap().1);
}

#[test]
fn token_that_never_expires_meets_any_minimum() {
    let store = Store::new();
    let account = account(&Options { expiration_mode: NEVER, ..bot() });
    let (token, _) = account.api_token(&store, &init()).unwrap();
    store.set_now(START + 10_000 * DAY);
    let (same, created) = account.api_token(&store, &min_validity(1_000_000_000)).unwrap();
    assert!(!created && same.id() == token.id());
    let failure = account.api_token(&store, &min_validity(i64::MAX)).unwrap_err();
    assert_eq!(failure.of(), (E_TIME_RANGE, Some("min_validity_secs")));
}

#[test]
fn tokens_of_deprecated_generators_are_passed_over() {
    let store = Store::new();
    let mut options = init::<rbtoken_import_options_t>();
    (options.generator_id, options.generator_id_len) = text("legacy_sha1");
    (options.extra_data, options.extra_data_len) = text(r#"{"client_name": "ci-bot_1_v1"}"#);
    let old = store.import("ci-bot_1", &"0".repeat(40), &options).unwrap();
    let (token, created) = account(&bot()).api_token(&store, &init()).unwrap();
    assert!(created && token.id() != old.id());
    let (same, created) = account(&bot()).api_token(&store, &init()).unwrap();
    assert!(!created && same.id() == token.id());
}

#[test]
fn each_local_site_has_a_token_of_its_own() {
    let store = Store::new();
    let mut options = init::<TokenOptions>();
    (options.local_site, options.local_site_len) = text("north");
    let failure = account(&bot()).api_token(&store, &options).unwrap_err();
    assert_eq!(failure.of(), (E_NOT_FOUND, Some("local_site")));
    store.add_local_site("north").unwrap();
    let (global, _) = account(&bot()).api_token(&store, &init()).unwrap();
    let (token, created) = account(&bot()).api_token(&store, &options).unwrap();
    assert!(created && token.id() != global.id());
    assert_eq!(token.record().local_site.as_deref(), Some("north"));
}

#[test]
fn higher_version_makes_a_new_token_and_version_0_is_1() {
    let store = Store::new();
    let of = |version| {
        let account = account(&Options { token_version: version, ..bot() });
        let (token, created) = account.api_token(&store, &init()).unwrap();
        (token.client_name().unwrap(), created)
    };
    assert_eq!(of(0), ("ci-bot_1_v1".to_owned(), true));
    assert_eq!(of(1), ("ci-bot_1_v1".to_owned(), false));
    assert_eq!(of(2), ("ci-bot_1_v2".to_owned(), true));
    assert_eq!(of(u32::MAX), ("ci-bot_1_v4294967295".to_owned(), true));
    assert_eq!(of(1), ("ci-bot_1_v1".to_owned(), false));
}

#[test]
fn account_outlives_its_arguments_and_any_store() {
    let account = {
        let (id, user) = ("bot".to_owned(), "robot".to_owned());
        let mut options = init::<Options>();
        (options.id, options.id_len) = text(&id);
        (options.user, options.user_len) = text(&user);
        account(&options)
    };
    for store in [Store::new(), Store::new()] {
        assert_eq!(account.api_token(&store, &init()).unwrap().0.record().user, "robot");
    }
}

#[test]
fn bad_options_are_refused() {
    let long = "x".repeat(253);
    let refused = |options: &Options| {
        let failure = ServiceAccount::new(options).unwrap_err();
        (failure.status, failure.argument.unwrap_or_default())
    };
    let id = |id: &str| {
        let mut options = init::<Options>();
        (options.id, options.id_len) = text(id);
        refused(&options)
    };
    let e = |status: i32, argument: &str| (status, argument.to_owned());
    for bad in ["", "a b", "a.b", "é", "a/b"] {
        assert_eq!(id(bad), e(E_INVALID_ARGUMENT, "id"), "{bad}");
    }
    assert_eq!(id("a\0b"), e(E_EMBEDDED_NUL, "id"));
    // Too long for the client name or for the user derived from it.
    for long in [&long, &long[..151]] {
        assert_eq!(id(long), e(E_TOO_LONG, "id"));
    }
    assert_eq!(refused(&init()), e(E_NULL_ARGUMENT, "id"));
    let mut options = bot();
    (options.user, options.user_len) = text("");
    assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "user"));
    (options.user, options.user_len) = text(&long);
    assert_eq!(refused(&options), e(E_TOO_LONG, "user"));
    let policy = |policy: &str| {
        let mut options = bot();
        (options.policy, options.policy_len) = text(policy);
        refused(&options)
    };
    assert_eq!(policy(r#"{"resources": {}}"#), e(E_POLICY, "policy"));
    assert_eq!(policy("[]"), e(E_JSON_TYPE, "policy"));
    assert_eq!(policy("{"), e(E_JSON_SYNTAX, "policy"));
    for secs in [0, -1, i64::MIN] {
        let options = Options { expiration_mode: SECS, expiration_secs: secs, ..bot() };
        assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "expiration_secs"));
    }
    for mode in [0, NEVER] {
        let options = Options { expiration_mode: mode, expiration_secs: 1, ..bot() };
        assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "expiration_secs"));
    }
    for mode in [3, -1] {
        let options = Options { expiration_mode: mode, ..bot() };
        assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "expiration_mode"));
    }

    let store = Store::new();
    let refused = |options: &TokenOptions| {
        let failure = account(&bot()).api_token(&store, options).unwrap_err();
        (failure.status, failure.argument.unwrap_or_default())
    };
    let options = TokenOptions { min_validity_mode: 2, ..init() };
    assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "min_validity_mode"));
    let options = TokenOptions { min_validity_secs: 1, ..init() };
    assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "min_validity_secs"));
    let options = TokenOptions { reserved: 1, ..init() };
    assert_eq!(refused(&options), e(E_INVALID_ARGUMENT, "reserved"));
    assert_eq!(store.count(), Ok(0));
}

#[test]
fn service_token_policy_is_checked_against_the_stores_ids() {
    let store = Store::new();
    store.set_policy_ids(&[c"review"]).unwrap();
    let mut options = bot();
    (options.policy, options.policy_len) =
        text(r#"{"resources": {"unheard-of": {"*": {"block": ["*"]}}}}"#);
    let account = account(&options);
    let failure = account.api_token(&store, &init()).unwrap_err();
    assert_eq!(failure.at(), (E_POLICY, Some(r#"$.resources["unheard-of"]"#)));
    assert_eq!(failure.of(), (E_POLICY, Some("account")));
    assert!(account.api_token(&Store::new(), &init()).unwrap().1);
}

#[test]
fn expiration_beyond_the_year_9999_is_out_of_range() {
    let store = Store::new();
    let options = Options { expiration_mode: SECS, expiration_secs: i64::MAX, ..bot() };
    let failure = account(&options).api_token(&store, &init()).unwrap_err();
    assert_eq!(failure.of(), (E_TIME_RANGE, Some("account")));
    assert_eq!(store.count(), Ok(0));
}
