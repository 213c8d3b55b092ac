//! Writes documents like Python's `json.dumps(document, sort_keys=True)`.

use std::fmt::{self, Write};

use serde_json::{Map, Number, Value};

use crate::error::Result;
use crate::memory::{self, TextBuffer};

/// Returns the text of a value.
///
/// # Errors
/// `NoMemory`.
pub fn to_text(value: &Value) -> Result<String> {
    let mut out = TextBuffer::default();
    write_value(value, &mut out);
    out.finish()
}

/// Returns the text of an object.
///
/// # Errors
/// `NoMemory`.
pub fn object_to_text(members: &Map<String, Value>) -> Result<String> {
    let mut out = TextBuffer::default();
    write_object(members, &mut out);
    out.finish()
}

fn write_value(value: &Value, out: &mut TextBuffer) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_quoted(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out),
    }
}

fn write_object(members: &Map<String, Value>, out: &mut TextBuffer) {
    // UTF-8 has the same order as code points, which is Python's order.
    let Ok(mut sorted) = memory::collect(members) else { return out.fail() };
    sorted.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (index, (key, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write_quoted(key, out);
        out.push_str(": ");
        write_value(value, out);
    }
    out.push('}');
}

fn write_number(number: &Number, out: &mut TextBuffer) {
    match number.as_f64() {
        Some(float) if number.is_f64() => write_float(float, out),
        _ => out.push_str(&number.to_string()),
    }
}

/// Writes a float like Python's `repr`: the shortest digits that parse to the same float. The
/// notation is positional from 1e-4 up to below 1e16, otherwise scientific with an exponent of at
/// least two digits.
pub(super) fn write_float(float: f64, out: &mut TextBuffer) {
    let shortest = format!("{float:e}");
    let decimals = split_float(&shortest).0.len().saturating_sub(2);
    // If two shortest texts are equally near, Python takes the one with an even last digit, as
    // rounding to that many digits does. Next to a power of two, the rounded text may parse to
    // another float; then the shortest text is kept.
    let even = format!("{:.decimals$e}", float.abs());
    let scientific = if even.parse() == Ok(float.abs()) { even } else { shortest };
    let (digits, exponent) = split_float(&scientific);
    if float.is_sign_negative() {
        out.push('-');
    }
    if (-4..16).contains(&exponent) {
        write_positional(digits, exponent, out);
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        // The buffer records failures, and `finish` returns them.
        let _ = write!(out, "{digits}e{sign}{:02}", exponent.abs());
    }
}

/// Splits a float in scientific notation into digits without a sign, and the exponent.
fn split_float(scientific: &str) -> (&str, i32) {
    let (digits, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (digits.trim_start_matches('-'), exponent.parse().unwrap_or(0))
}

fn write_positional(digits: &str, exponent: i32, out: &mut TextBuffer) {
    let (first, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let shift = exponent.unsigned_abs() as usize;
    if exponent < 0 {
        out.push_str("0.");
        out.push_str(&"0".repeat(shift - 1));
        out.push_str(first);
        out.push_str(decimals);
    } else if decimals.len() > shift {
        let (whole, rest) = decimals.split_at(shift);
        out.push_str(first);
        out.push_str(whole);
        out.push('.');
        out.push_str(rest);
    } else {
        out.push_str(first);
        out.push_str(decimals);
        out.push_str(&"0".repeat(shift - decimals.len()));
        out.push_str(".0");
    }
}

fn write_quoted(text: &str, out: &mut TextBuffer) {
    // The buffer records failures, and `finish` returns them.
    let _ = write_string(text, out);
}

/// Writes a JSON string.
pub(crate) fn write_string(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    let mut plain = 0;
    for (place, character) in text.char_indices() {
        if matches!(character, ' '..='~') && !matches!(character, '"' | '\\') {
            continue;
        }
        out.write_str(&text[plain..place])?;
        plain = place + character.len_utf8();
        match character {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
    }
    out.write_str(&text[plain..])?;
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn document_is_written_like_python() {
        let document = json!({
            "b": [1, -2, true, false, null, 18_446_744_073_709_551_615_u64],
            "a": {"é": "é", "Z": {}, "a": []},
            "🦀": 0.5,
            "": "\"\\/\u{8}\u{c}\n\r\t\0\u{7f}🦀",
        });
        let python = r#"{"": "\"\\/\b\f\n\r\t\u0000\u007f\ud83e\udd80", "#.to_owned()
            + r#""a": {"Z": {}, "a": [], "\u00e9": "\u00e9"}, "#
            + r#""b": [1, -2, true, false, null, 18446744073709551615], "#
            + r#""\ud83e\udd80": 0.5}"#;
        assert_eq!(to_text(&document).unwrap(), python);
        let members = document.as_object().unwrap();
        assert_eq!(object_to_text(members).unwrap(), python);
    }

    #[test]
    fn float_is_written_like_python() {
        for (float, python) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_012_5, "1.25e-05"),
            (1e15, "1000000000000000.0"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (1e16, "1e+16"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (2e-100, "2e-100"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_992.0 * 1e7, "9.007199254740992e+22"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(to_text(&json!(float)).unwrap(), python);
        }
    }
}
