//! The JSON payload of Review Board's web API.

use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

const FIELDS: [&str; 15] = [
    "deprecated",
    "expired",
    "expires",
    "extra_data",
    "id",
    "invalid_date",
    "invalid_reason",
    "last_updated",
    "last_used",
    "note",
    "policy",
    "time_added",
    "token",
    "token_generator_id",
    "valid",
];

const ODD: &str = "a \"quoted\" \\ word,\na new line,\ta tab, \u{1} é ✓ 🦀 </script> \u{7f}";

fn odd_token(store: &Store) -> Token {
    let extra_data = r#"{"client_name": "tööl", "n": [1, 2.5, null, true], "key \"x\"": {}}"#;
    let mut options = init::<rbtoken_import_options_t>();
    (options.note, options.note_len) = text(ODD);
    (options.invalid_reason, options.invalid_reason_len) = text(ODD);
    (options.extra_data, options.extra_data_len) = text(extra_data);
    (options.policy, options.policy_len) = text(r#"{"resources": {"*": {"allow": ["GET"]}}}"#);
    (options.generator_id, options.generator_id_len) = text("legacy_sha1");
    options.flags = RBTOKEN_IMPORT_INVALID
        | RBTOKEN_IMPORT_TIME_ADDED_KNOWN
        | RBTOKEN_IMPORT_LAST_UPDATED_KNOWN
        | RBTOKEN_IMPORT_LAST_USED_KNOWN
        | RBTOKEN_IMPORT_EXPIRES_KNOWN
        | RBTOKEN_IMPORT_INVALID_DATE_KNOWN;
    options.time_added_us = micros("2026-11-24T00:01:04.407055Z");
    options.last_updated_us = micros("2026-11-24T00:01:04.407060Z");
    options.last_used_us = micros("0001-01-01T00:00:00Z");
    options.expires_at_us = micros("2031-01-02T03:04:05Z");
    options.invalid_date_us = micros("1969-12-31T23:59:59.000001Z");
    store.import("alice", "va\"lue\n🦀", &options).unwrap()
}

#[test]
fn payload_omits_private_members_of_extra_data() {
    let store = Store::new();
    let of = |extra_data: &str| {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.extra_data, options.extra_data_len) = text(extra_data);
        let token = store.generate("alice", &options).unwrap();
        parsed(&token.to_json(START, 0).unwrap())["extra_data"].clone()
    };
    // As in Review Board, objects in lists are not filtered.
    let document = r#"{"__a": 1, "_b": 2, "c": {"__d": {}, "e": {"__f": 1}},
                       "g": [{"__h": 1, "i": {"__j": 1}}], "k": [[{"__l": 2}]]}"#;
    let shown =
        json!({"_b": 2, "c": {"e": {}}, "g": [{"__h": 1, "i": {"__j": 1}}], "k": [[{"__l": 2}]]});
    assert_eq!(of(document), shown);
    assert_eq!(of(r#"{"a": "\"__b", "\u005f_c": 1e16}"#), json!({"a": "\"__b"}));
    // A document that is longer when it is written back is still shown.
    let long = format!(r#"{{"__a": 1, "b": "{}"}}"#, "é".repeat(500_000));
    assert_eq!(of(&long)["b"].as_str().map(str::len), Some(1_000_000));
}

#[test]
fn payload_has_exactly_the_fields_of_the_web_api() {
    let token = Store::new().generate("alice", &init()).unwrap();
    for (flags, fields) in [
        (RBTOKEN_JSON_WITH_VALUE, FIELDS.to_vec()),
        (0, FIELDS.into_iter().filter(|field| *field != "token").collect()),
    ] {
        let json = token.to_json(START, flags).unwrap();
        let document = parsed(&json);
        let names: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, fields);
        assert_eq!(json.contains(&token.value()), flags != 0);
    }
}

#[test]
fn payload_fields_agree_with_the_getters() {
    let store = Store::new();
    for token in [
        odd_token(&store),
        store.generate("alice", &init()).unwrap(),
        store.client_token("alice", "tool", &init()).unwrap().0,
    ] {
        let record = token.record();
        let document = parsed(&token.to_json(START, RBTOKEN_JSON_WITH_VALUE).unwrap());
        let time = |name: &str| document[name].as_str().map(micros);
        assert_eq!(time("expires"), record.expires);
        assert_eq!(time("time_added"), Some(record.time_added));
        assert_eq!(time("last_updated"), Some(record.last_updated));
        assert_eq!(time("last_used"), record.last_used);
        assert_eq!(time("invalid_date"), record.invalid_date);
        let rest = json!({
            "deprecated": record.is_deprecated,
            "expired": token.is_expired(START),
            "extra_data": parsed(&record.extra_data),
            "id": record.id,
            "invalid_reason": record.invalid_reason,
            "note": record.note,
            "policy": parsed(&record.policy),
            "token": record.value,
            "token_generator_id": record.generator_id,
            "valid": !record.is_invalidated,
        });
        for (name, value) in rest.as_object().unwrap() {
            assert_eq!(document[name], *value, "{name}");
        }
    }
}

#[test]
fn payload_times_are_iso_8601_or_null() {
    let store = Store::new();
    let document = parsed(&odd_token(&store).to_json(START, 0).unwrap());
    for (name, time) in [
        ("time_added", "2026-11-24T00:01:04.407055+00:00"),
        ("last_updated", "2026-11-24T00:01:04.407060+00:00"),
        ("last_used", "0001-01-01T00:00:00+00:00"),
        ("expires", "2031-01-02T03:04:05+00:00"),
        ("invalid_date", "1969-12-31T23:59:59.000001+00:00"),
    ] {
        assert_eq!(document[name], time);
    }
    let token = store.generate("alice", &init()).unwrap();
    let document = parsed(&token.to_json(START, 0).unwrap());
    for name in ["expires", "last_used", "invalid_date"] {
        assert_eq!(document[name], json!(null), "{name}");
    }
    let mut options = init::<rbtoken_generate_options_t>();
    (options.expires_mode, options.expires_at_us) =
        (EXPIRES_AT, micros("9999-12-31T23:59:59.999999Z"));
    let token = store.generate("alice", &options).unwrap();
    let document = parsed(&token.to_json(START, 0).unwrap());
    assert_eq!(document["expires"], "9999-12-31T23:59:59.999999+00:00");
}

#[test]
fn payload_is_one_line_of_ascii_sorted_by_name() {
    let store = Store::new();
    let json = odd_token(&store).to_json(START, RBTOKEN_JSON_WITH_VALUE).unwrap();
    assert!(json.bytes().all(|byte| (b' '..0x7f).contains(&byte) || byte == 0x7f), "{json}");
    assert!(json.contains(r#""note": "a \"quoted\" \\ word,\na new line,\ta tab, \u0001"#));
    assert!(json.contains(r#""token": "va\"lue\n\ud83e\udd80""#));
    let places: Vec<_> =
        FIELDS.iter().map(|name| json.find(&format!("\"{name}\": ")).unwrap()).collect();
    assert!(places.is_sorted());
}

#[test]
fn payload_expired_is_for_the_given_time() {
    let store = Store::new();
    let mut options = init::<rbtoken_generate_options_t>();
    (options.expires_mode, options.expires_at_us) = (EXPIRES_AT, START + 5);
    let token = store.generate("alice", &options).unwrap();
    for (at_us, expired) in [(START, false), (START + 4, false), (START + 5, true), (0, false)] {
        let document = parsed(&token.to_json(at_us, 0).unwrap());
        assert_eq!(document["expired"], expired, "{at_us}");
        // Expiry and invalidation are independent.
        assert_eq!(document["valid"], true);
    }
}

#[test]
fn unknown_flags_and_times_out_of_range_are_refused() {
    let token = Store::new().generate("alice", &init()).unwrap();
    for flags in [2, 3, u32::MAX] {
        let failure = token.to_json(START, flags).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("flags")));
    }
    for at_us in [i64::MIN, i64::MAX] {
        let failure = token.to_json(at_us, 0).unwrap_err();
        assert_eq!(failure.of(), (E_TIME_RANGE, Some("at_us")));
    }
}
