//! Which JSON documents are accepted, and how they are written.

use crate::support::*;
use rbtoken::ffi::*;

// The right sides were produced by Python: `json.dumps(json.loads(left), sort_keys=True)`.

/// Numbers, and how Python writes them.
const NUMBERS: &[(&str, &str)] = &[
    ("{\"n\": 0}", "{\"n\": 0}"),
    ("{\"n\": -0}", "{\"n\": 0}"),
    ("{\"n\": 1}", "{\"n\": 1}"),
    ("{\"n\": -1}", "{\"n\": -1}"),
    ("{\"n\": 9223372036854775807}", "{\"n\": 9223372036854775807}"),
    ("{\"n\": 9223372036854775808}", "{\"n\": 9223372036854775808}"),
    ("{\"n\": 18446744073709551615}", "{\"n\": 18446744073709551615}"),
    ("{\"n\": -9223372036854775808}", "{\"n\": -9223372036854775808}"),
    ("{\"n\": -0.0}", "{\"n\": -0.0}"),
    ("{\"n\": 0.0}", "{\"n\": 0.0}"),
    ("{\"n\": 0e0}", "{\"n\": 0.0}"),
    ("{\"n\": -0e5}", "{\"n\": -0.0}"),
    ("{\"n\": 1.10}", "{\"n\": 1.1}"),
    ("{\"n\": 100.0}", "{\"n\": 100.0}"),
    ("{\"n\": 1.0}", "{\"n\": 1.0}"),
    ("{\"n\": 1e2}", "{\"n\": 100.0}"),
    ("{\"n\": 1E2}", "{\"n\": 100.0}"),
    ("{\"n\": 1e+2}", "{\"n\": 100.0}"),
    ("{\"n\": 1e15}", "{\"n\": 1000000000000000.0}"),
    ("{\"n\": 1e16}", "{\"n\": 1e+16}"),
    ("{\"n\": 123456789012345678.0}", "{\"n\": 1.2345678901234568e+17}"),
    ("{\"n\": 1e17}", "{\"n\": 1e+17}"),
    ("{\"n\": 12345678901234567e-1}", "{\"n\": 1234567890123456.8}"),
    ("{\"n\": 9999999999999998.0}", "{\"n\": 9999999999999998.0}"),
    ("{\"n\": 9007199254740993.0}", "{\"n\": 9007199254740992.0}"),
    ("{\"n\": 1e21}", "{\"n\": 1e+21}"),
    ("{\"n\": 1e22}", "{\"n\": 1e+22}"),
    ("{\"n\": 1e23}", "{\"n\": 1e+23}"),
    ("{\"n\": 1e-4}", "{\"n\": 0.0001}"),
    ("{\"n\": 1e-5}", "{\"n\": 1e-05}"),
    ("{\"n\": 0.0001}", "{\"n\": 0.0001}"),
    ("{\"n\": 0.00001}", "{\"n\": 1e-05}"),
    ("{\"n\": 1e-7}", "{\"n\": 1e-07}"),
    ("{\"n\": 0.00012345}", "{\"n\": 0.00012345}"),
    ("{\"n\": 0.000012345}", "{\"n\": 1.2345e-05}"),
    ("{\"n\": 1.5e-10}", "{\"n\": 1.5e-10}"),
    ("{\"n\": 0.1}", "{\"n\": 0.1}"),
    ("{\"n\": 0.30000000000000004}", "{\"n\": 0.30000000000000004}"),
    ("{\"n\": -2.5}", "{\"n\": -2.5}"),
    ("{\"n\": 3.141592653589793}", "{\"n\": 3.141592653589793}"),
    ("{\"n\": 2.2250738585072014e-308}", "{\"n\": 2.2250738585072014e-308}"),
    ("{\"n\": 2.225073858507201e-308}", "{\"n\": 2.225073858507201e-308}"),
    ("{\"n\": 5e-324}", "{\"n\": 5e-324}"),
    ("{\"n\": -5e-324}", "{\"n\": -5e-324}"),
    ("{\"n\": 1e-400}", "{\"n\": 0.0}"),
    ("{\"n\": 1.7976931348623157e308}", "{\"n\": 1.7976931348623157e+308}"),
    ("{\"n\": -1.7976931348623157e308}", "{\"n\": -1.7976931348623157e+308}"),
    ("{\"n\": 1e100}", "{\"n\": 1e+100}"),
    ("{\"n\": 1.2345e+200}", "{\"n\": 1.2345e+200}"),
    ("{\"n\": 4.35}", "{\"n\": 4.35}"),
    ("{\"n\": 841197434704.15625}", "{\"n\": 841197434704.1562}"),
    ("{\"n\": -841197434704.15625}", "{\"n\": -841197434704.1562}"),
    ("{\"n\": 841197434704.21875}", "{\"n\": 841197434704.2188}"),
    ("{\"n\": 4503599627370497.5}", "{\"n\": 4503599627370498.0}"),
    ("{\"n\": 9007199254740992.0}", "{\"n\": 9007199254740992.0}"),
    ("{\"n\": 5.684341886080801486968994140625e-14}", "{\"n\": 5.684341886080802e-14}"),
    ("{\"n\": 0.1000000000000000055511151231257827}", "{\"n\": 0.1}"),
];

/// Documents, and how Python writes them.
const DOCUMENTS: &[(&str, &str)] = &[
    ("{}", "{}"),
    (" {\u{9}\"b\"\u{a}:\u{d}1 , \"a\":[ ] } ", "{\"a\": [], \"b\": 1}"),
    (
        "{\"a\":{},\"b\":[{}],\"c\":[[],[1,2,[3]]]}",
        "{\"a\": {}, \"b\": [{}], \"c\": [[], [1, 2, [3]]]}",
    ),
    ("{\"t\":true,\"f\":false,\"n\":null}", "{\"f\": false, \"n\": null, \"t\": true}"),
    ("{\"$serde_json::private::Number\":\"1\"}", "{\"$serde_json::private::Number\": \"1\"}"),
    (
        "{\"x\":{\"$serde_json::private::Number\":\"1.5\"}}",
        "{\"x\": {\"$serde_json::private::Number\": \"1.5\"}}",
    ),
    (
        "{\"$serde_json::private::RawValue\":\"[1]\"}",
        "{\"$serde_json::private::RawValue\": \"[1]\"}",
    ),
    (
        "{\"x\":{\"$serde_json::private::RawValue\":\"{\"}}",
        "{\"x\": {\"$serde_json::private::RawValue\": \"{\"}}",
    ),
    (
        "{\"x\":[{\"$serde_json::private::Number\":1}]}",
        "{\"x\": [{\"$serde_json::private::Number\": 1}]}",
    ),
    (
        "{\"b\":1,\"a\":2,\"B\":3,\"A\":4,\"\":5,\"aa\":6,\"_\":7,\"10\":8,\"9\":9}",
        "{\"\": 5, \"10\": 8, \"9\": 9, \"A\": 4, \"B\": 3, \"_\": 7, \"a\": 2, \"aa\": 6, \"b\": 1}",
    ),
    (
        "{\"\u{e9}\":1,\"z\":2,\"\u{1f980}\":3,\"\u{ffff}\":4,\"\u{d7ff}\":5}",
        "{\"z\": 2, \"\\u00e9\": 1, \"\\ud7ff\": 5, \"\\uffff\": 4, \"\\ud83e\\udd80\": 3}",
    ),
    ("{\"a\":1,\"a\":2}", "{\"a\": 2}"),
    ("{\"a\":{\"x\":1},\"b\":0,\"a\":{\"y\":[1,1]}}", "{\"a\": {\"y\": [1, 1]}, \"b\": 0}"),
    ("{\"a\":1,\"\\u0061\":2}", "{\"a\": 2}"),
];

/// Strings as members and keys, and how Python writes them.
const STRINGS: &[(&str, &str)] = &[
    ("{\"s\": \"\"}", "{\"s\": \"\"}"),
    ("{\"s\": \"a\"}", "{\"s\": \"a\"}"),
    ("{\"s\": \"\u{e9}\"}", "{\"s\": \"\\u00e9\"}"),
    ("{\"s\": \"\\u00e9\"}", "{\"s\": \"\\u00e9\"}"),
    ("{\"s\": \"\u{1f980}\"}", "{\"s\": \"\\ud83e\\udd80\"}"),
    ("{\"s\": \"\\ud83e\\udd80\"}", "{\"s\": \"\\ud83e\\udd80\"}"),
    ("{\"s\": \"\\uD83E\\uDD80\"}", "{\"s\": \"\\ud83e\\udd80\"}"),
    ("{\"s\": \"\\u0000\"}", "{\"s\": \"\\u0000\"}"),
    ("{\"s\": \"\u{7f}\"}", "{\"s\": \"\\u007f\"}"),
    ("{\"s\": \"\\u007f\"}", "{\"s\": \"\\u007f\"}"),
    ("{\"s\": \"\\u0080\"}", "{\"s\": \"\\u0080\"}"),
    ("{\"s\": \"\u{80}\"}", "{\"s\": \"\\u0080\"}"),
    ("{\"s\": \"\u{2028}\u{2029}\"}", "{\"s\": \"\\u2028\\u2029\"}"),
    ("{\"s\": \"\\/\"}", "{\"s\": \"/\"}"),
    ("{\"s\": \"/\"}", "{\"s\": \"/\"}"),
    ("{\"s\": \"\\b\\f\\n\\r\\t\"}", "{\"s\": \"\\b\\f\\n\\r\\t\"}"),
    ("{\"s\": \"\\u0008\\u000c\\u000a\\u000d\\u0009\"}", "{\"s\": \"\\b\\f\\n\\r\\t\"}"),
    ("{\"s\": \"\\u0001\\u001f\"}", "{\"s\": \"\\u0001\\u001f\"}"),
    ("{\"s\": \"\\\"\\\\\"}", "{\"s\": \"\\\"\\\\\"}"),
    ("{\"s\": \"\u{feff}\"}", "{\"s\": \"\\ufeff\"}"),
    ("{\"s\": \"\u{ffff}\"}", "{\"s\": \"\\uffff\"}"),
    ("{\"s\": \"\u{10ffff}\"}", "{\"s\": \"\\udbff\\udfff\"}"),
    ("{\"s\": \"e\u{301}\"}", "{\"s\": \"e\\u0301\"}"),
    ("{\"s\": \"<>&'\"}", "{\"s\": \"<>&'\"}"),
    ("{\"s\": \"\\\\u0041\"}", "{\"s\": \"\\\\u0041\"}"),
    ("{\"s\": \"NaN\"}", "{\"s\": \"NaN\"}"),
    ("{\"s\": \"\u{d7ff}\u{e000}\"}", "{\"s\": \"\\ud7ff\\ue000\"}"),
    ("{\"\": 1}", "{\"\": 1}"),
    ("{\"a\": 1}", "{\"a\": 1}"),
    ("{\"\u{e9}\": 1}", "{\"\\u00e9\": 1}"),
    ("{\"\\u00e9\": 1}", "{\"\\u00e9\": 1}"),
    ("{\"\u{1f980}\": 1}", "{\"\\ud83e\\udd80\": 1}"),
    ("{\"\\ud83e\\udd80\": 1}", "{\"\\ud83e\\udd80\": 1}"),
    ("{\"\\uD83E\\uDD80\": 1}", "{\"\\ud83e\\udd80\": 1}"),
    ("{\"\\u0000\": 1}", "{\"\\u0000\": 1}"),
    ("{\"\u{7f}\": 1}", "{\"\\u007f\": 1}"),
    ("{\"\\u007f\": 1}", "{\"\\u007f\": 1}"),
    ("{\"\\u0080\": 1}", "{\"\\u0080\": 1}"),
    ("{\"\u{80}\": 1}", "{\"\\u0080\": 1}"),
    ("{\"\u{2028}\u{2029}\": 1}", "{\"\\u2028\\u2029\": 1}"),
    ("{\"\\/\": 1}", "{\"/\": 1}"),
    ("{\"/\": 1}", "{\"/\": 1}"),
    ("{\"\\b\\f\\n\\r\\t\": 1}", "{\"\\b\\f\\n\\r\\t\": 1}"),
    ("{\"\\u0008\\u000c\\u000a\\u000d\\u0009\": 1}", "{\"\\b\\f\\n\\r\\t\": 1}"),
    ("{\"\\u0001\\u001f\": 1}", "{\"\\u0001\\u001f\": 1}"),
    ("{\"\\\"\\\\\": 1}", "{\"\\\"\\\\\": 1}"),
    ("{\"\u{feff}\": 1}", "{\"\\ufeff\": 1}"),
    ("{\"\u{ffff}\": 1}", "{\"\\uffff\": 1}"),
    ("{\"\u{10ffff}\": 1}", "{\"\\udbff\\udfff\": 1}"),
    ("{\"e\u{301}\": 1}", "{\"e\\u0301\": 1}"),
    ("{\"<>&'\": 1}", "{\"<>&'\": 1}"),
    ("{\"\\\\u0041\": 1}", "{\"\\\\u0041\": 1}"),
    ("{\"NaN\": 1}", "{\"NaN\": 1}"),
    ("{\"\u{d7ff}\u{e000}\": 1}", "{\"\\ud7ff\\ue000\": 1}"),
];

/// Stores a document and returns it as the store shows it.
fn given_back(store: &Store, document: &str) -> Result<String, Failure> {
    let mut options = init::<rbtoken_generate_options_t>();
    (options.extra_data, options.extra_data_len) = text(document);
    store.generate("alice", &options).map(|token| token.extra_data())
}

/// Checks that a document is refused with a status and a path, and that the store stays empty.
#[track_caller]
fn refused(document: &str, status: i32, path: Option<&str>) {
    let store = Store::new();
    let failure = given_back(&store, document).unwrap_err();
    assert_eq!(failure.of(), (status, Some("extra_data")), "{document:.80}");
    assert_eq!(failure.json_path.as_deref(), path, "{document:.80}");
    assert_eq!(store.count(), Ok(0));
}

#[test]
fn accepted_documents_are_written_like_python() {
    let store = Store::new();
    for (document, written) in [NUMBERS, DOCUMENTS, STRINGS].concat() {
        assert_eq!(given_back(&store, document).as_deref(), Ok(written), "{document}");
        // The written form is unchanged by another round trip.
        assert_eq!(given_back(&store, written).as_deref(), Ok(written), "{document}");
    }
}

#[test]
fn policies_and_extra_data_use_the_same_text() {
    let store = Store::new();
    let mut options = init::<rbtoken_client_token_options_t>();
    (options.default_policy, options.default_policy_len) =
        text(r#"{"resources":{"*":{"block":["é"],"x":1.10}}, "n": 1e16}"#);
    (options.default_extra_data, options.default_extra_data_len) = text(r#"{"z":1.10,"a":-0}"#);
    let (token, _) = store.client_token("alice", "é", &options).unwrap();
    let policy = r#"{"n": 1e+16, "resources": {"*": {"block": ["\u00e9"], "x": 1.1}}}"#;
    assert_eq!(token.policy(), policy);
    assert_eq!(token.extra_data(), r#"{"a": 0, "client_name": "\u00e9", "z": 1.1}"#);
}

#[test]
fn integers_beyond_64_bits_and_infinite_floats_are_refused() {
    for number in [
        "18446744073709551616",
        "-9223372036854775809",
        "12345678901234567890123",
        "-12345678901234567890123",
        "1e400",
        "-1e400",
        "1.7976931348623159e308",
    ] {
        refused(&format!("{{\"n\": {number}}}"), E_JSON_NUMBER, Some("$.n"));
        let nested = format!(r#"{{"a": [0, 1, {{"b c": {number}}}]}}"#);
        refused(&nested, E_JSON_NUMBER, Some(r#"$.a[2]["b c"]"#));
    }
}

#[test]
fn error_in_a_document_has_a_json_path() {
    for (key, step) in [
        ("a", ".a"),
        ("_a9", "._a9"),
        ("9a", r#"["9a"]"#),
        ("", r#"[""]"#),
        ("*", r#"["*"]"#),
        ("a.b", r#"["a.b"]"#),
        ("a-b", r#"["a-b"]"#),
        ("$", r#"["$"]"#),
        ("é", r#"["\u00e9"]"#),
        (r#"\""#, r#"["\""]"#),
        (r"\\", r#"["\\"]"#),
        (r"\u0000", r#"["\u0000"]"#),
        (r"\n", r#"["\n"]"#),
        ("'", r#"["'"]"#),
        ("$serde_json::private::Number", r#"["$serde_json::private::Number"]"#),
    ] {
        let document = format!(r#"{{"x": {{"{key}": [1e400]}}}}"#);
        refused(&document, E_JSON_NUMBER, Some(&format!("$.x{step}[0]")));
    }
}

/// Returns an object with nested levels, and the path of the innermost one.
fn nested(levels: usize, array: bool) -> (String, String) {
    let inner = levels - 1;
    if array {
        let document = format!("{{\"a\": {}{}}}", "[".repeat(inner), "]".repeat(inner));
        (document, format!("$.a{}", "[0]".repeat(inner.saturating_sub(1))))
    } else {
        let document = format!("{}{{}}{}", "{\"a\": ".repeat(inner), "}".repeat(inner));
        (document, format!("${}", ".a".repeat(inner)))
    }
}

#[test]
fn document_has_128_levels_at_most() {
    let store = Store::new();
    for array in [false, true] {
        for levels in [2, 127, 128] {
            let (document, _) = nested(levels, array);
            assert_eq!(given_back(&store, &document).as_deref(), Ok(document.as_str()));
        }
        let (_, place) = nested(129, array);
        for levels in [129, 130, 200, 10_000] {
            refused(&nested(levels, array).0, E_JSON_TOO_DEEP, Some(&place));
        }
    }
    // The limit is for levels, not for values.
    let wide = format!("{{\"a\": [{}{{}}]}}", "[], ".repeat(1000));
    assert_eq!(given_back(&store, &wide).as_deref(), Ok(wide.as_str()));
}

#[test]
fn lone_surrogate_is_refused() {
    for escape in [r"\ud800", r"\udfff", r"\udd80\ud83e", r"\ud83ex", r"\ud83e\u0041", r"\uD83E"] {
        refused(&format!(r#"{{"s": "{escape}"}}"#), E_JSON_SYNTAX, Some("$.s"));
        let nested = format!(r#"{{"a": [0, {{"b c": "{escape}"}}]}}"#);
        refused(&nested, E_JSON_SYNTAX, Some(r#"$.a[1]["b c"]"#));
        // An invalid key has no path, so the path is that of its object.
        refused(&format!(r#"{{"a": {{"{escape}": 1}}}}"#), E_JSON_SYNTAX, Some("$.a"));
    }
}

#[test]
fn invalid_json_is_refused() {
    for document in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":[1,]}",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":1.}",
        "{\"a\":1e}",
        "{\"a\":0x1}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":-Infinity}",
        "{\"a\":-}",
        "{\"a\":tru}",
        "{\"a\":True}",
        "{\"a\":None}",
        "{\"a\":1}x",
        "{\"a\":1}{}",
        "{}//",
        "/**/{}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x41\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"",
        "{\"a\":\"\\",
        "{\"a\":1 2}",
        "\u{feff}{}",
        "{}\u{a0}",
    ] {
        refused(document, E_JSON_SYNTAX, Some("$"));
    }
}

#[test]
fn replaced_duplicate_member_is_still_validated() {
    refused("{\"a\":1e400,\"a\":1}", E_JSON_NUMBER, Some("$.a"));
}

#[test]
fn non_object_document_is_refused_at_its_root() {
    for document in ["null", "true", "1", "1.5", "\"{}\"", "[]", "[{}]", " null "] {
        refused(document, E_JSON_TYPE, Some("$"));
    }
}

#[test]
fn client_name_with_a_nul_is_refused() {
    let failure = given_back(&Store::new(), r#"{"client_name": "a\u0000b"}"#).unwrap_err();
    assert_eq!(failure.of(), (E_EMBEDDED_NUL, Some("extra_data")));
    assert_eq!(failure.json_path.as_deref(), Some("$.client_name"));
}

#[test]
fn document_has_a_mebibyte_at_most() {
    let store = Store::new();
    let of = |len: usize| format!("{{\"a\": \"{}\"}}", "a".repeat(len - 9));
    let largest = of(1 << 20);
    assert_eq!(largest.len(), 1 << 20);
    assert_eq!(given_back(&store, &largest), Ok(largest));
    refused(&of((1 << 20) + 1), E_TOO_LONG, None);
}
