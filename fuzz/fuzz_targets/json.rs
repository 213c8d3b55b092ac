//! Compares the JSON parser and writer with other implementations: accepted documents are written
//! like Python's `json.dumps(…, sort_keys=True)` and parsed again as the same value, and documents
//! that serde_json rejects are rejected.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rbtoken::json::{self, Value};

/// Writes the document naively.
fn python(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        Value::Number(number) => float(number.as_f64().expect("it is a float")),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            let member =
                |(key, value): (&String, &Value)| format!("{}: {}", quoted(key), python(value));
            let members: Vec<String> = members.into_iter().map(member).collect();
            format!("{{{}}}", members.join(", "))
        }
    }
}

/// Writes a float like Python's `repr`: the fewest digits that identify it, with an exponent for
/// long numbers.
fn float(number: f64) -> String {
    let number_of_digits = format!("{:e}", number.abs())
        .split_once('e')
        .map_or(0, |(it, _)| it.len() - usize::from(it.contains('.')));
    // Of two equally near texts, the one with an even last digit, unless it parses to another
    // number, which is possible next to a power of two.
    let even = format!("{:.*e}", number_of_digits - 1, number.abs());
    let is_exact = even.parse() == Ok(number.abs());
    let text = if is_exact { even } else { format!("{:e}", number.abs()) };
    let (mantissa, exponent) = text.split_once('e').expect("it has an exponent");
    let exponent: i32 = exponent.parse().expect("it is a number");
    let digits = mantissa.replace('.', "");
    let point = (exponent + 1).max(0) as usize;
    let text = match exponent {
        -4..0 => format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize)),
        0..16 if digits.len() <= point => format!("{digits:0<point$}.0"),
        0..16 => format!("{}.{}", &digits[..point], &digits[point..]),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.abs())
        }
    };
    if number.is_sign_negative() { format!("-{text}") } else { text }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            '\u{8}' => quoted += "\\b",
            '\u{c}' => quoted += "\\f",
            ' '..='~' => quoted.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    quoted += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    quoted + "\""
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Ok(value) = json::parse(text) else { return };
    if let Err(error) = serde_json::from_str::<Value>(text) {
        // serde_json parses 127 levels, and rounds numbers near the maximum to infinity.
        let message = error.to_string();
        let is_known = ["recursion limit", "number out of range"].map(|it| message.contains(it));
        assert!(is_known.contains(&true), "{message}");
    }
    let written = json::to_text(&value).expect("there is memory");
    assert!(written.is_ascii());
    assert_eq!(written, python(&value));
    assert_eq!(json::parse(&written).expect("what was written can be read"), value);
    if let Value::Object(members) = &value {
        assert_eq!(json::object_to_text(members).expect("there is memory"), written);
        assert_eq!(&json::parse_object(text).expect("it is an object"), members);
    } else {
        assert!(json::parse_object(text).is_err());
    }
});
