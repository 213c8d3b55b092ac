//! The JSON parser.

use std::str::Chars;

use serde_core::de::IgnoredAny;
use serde_json::{Map, Number, Value};

use super::Path;
use super::zeroizing::{ZeroizingItems, ZeroizingMembers};
use crate::error::{Error, ErrorKind, Result};
use crate::memory::{self, OVERHEAD};

/// Maximum length of a document in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Maximum nesting depth of arrays and objects.
pub const MAX_LEVELS: usize = 128;

/// Parses a document that must be an object.
///
/// # Errors
/// Those of [`parse`], and [`ErrorKind::JsonType`] if it is not an object.
pub fn parse_object(text: &str) -> Result<Map<String, Value>> {
    match parse(text)? {
        Value::Object(members) => Ok(members),
        other => Err(not_an_object(&other)),
    }
}

/// Parses a document. The last of duplicate member names wins.
///
/// # Errors
/// [`ErrorKind::TooLong`], [`ErrorKind::JsonSyntax`], [`ErrorKind::JsonTooDeep`], and
/// [`ErrorKind::JsonNumber`] for a number that is neither a 64-bit integer nor a finite float.
pub fn parse(text: &str) -> Result<Value> {
    if text.len() > MAX_BYTES {
        return Err(Error::new(ErrorKind::TooLong, "must not be longer than 1 MiB"));
    }
    read(text, MAX_LEVELS)
}

/// Parses an object whose members are documents. It may therefore be one level deeper than a
/// document, and of any length.
pub(crate) fn parse_with_documents(text: &str) -> Result<Map<String, Value>> {
    match read(text, MAX_LEVELS + 1)? {
        Value::Object(members) => Ok(members),
        other => Err(not_an_object(&other)),
    }
}

/// Parses an object like [`parse_with_documents`], and zeroizes it when it is dropped. A member `x`
/// is skipped, without being parsed, if it follows a member named `prefix` + `x`.
pub(crate) fn parse_secret(text: &str, prefix: &str) -> Result<ZeroizingMembers> {
    check_syntax(text)?;
    let skip_after = Some(prefix);
    let value =
        JsonParser { rest: text, max_levels: MAX_LEVELS + 1, skip_after }.value(&Path::Root, 0)?;
    match value {
        Value::Object(members) => Ok(ZeroizingMembers(members)),
        mut value => {
            let error = not_an_object(&value);
            super::zeroizing::zeroize(&mut value);
            Err(error)
        }
    }
}

fn not_an_object(found: &Value) -> Error {
    Error::new(ErrorKind::JsonType, super::expected("an object", found)).at_path(Path::Root)
}

fn read(text: &str, max_levels: usize) -> Result<Value> {
    check_syntax(text)?;
    JsonParser { rest: text, max_levels, skip_after: None }.value(&Path::Root, 0)
}

/// Checks the syntax, at any depth, and that there is memory for the document.
fn check_syntax(text: &str) -> Result<()> {
    check_room_for(text)?;
    serde_json::from_str::<IgnoredAny>(text)
        .map(|_| ())
        .map_err(|error| syntax_error(format!("invalid JSON: {error}"), &Path::Root))
}

/// Checks that there is memory for a document. Parsing makes many small allocations, which are not
/// checked one by one.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn check_room_for(text: &str) -> Result<()> {
    memory::check_room(max_memory(text))
}

/// Returns an upper bound of the memory that parsing a document needs.
fn max_memory(text: &str) -> usize {
    /// A B-tree node has room for 11 members, each with a key, a value and some pointers.
    const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 16 + 12 * 8 + OVERHEAD;
    /// Every node except the first has at least 5 members, and one in 6 has child nodes.
    const MEMBER: usize = NODE / 5 + NODE / 30;
    /// An array grows by doubling, with a copy each time.
    const ITEM: usize = 4 * size_of::<Value>();
    const ARRAY: usize = 4 * size_of::<Value>() + OVERHEAD;
    // Counting characters in strings as well only increases the bound.
    let [mut objects, mut members, mut arrays, mut items, mut quotes] = [0; 5];
    for byte in text.bytes() {
        match byte {
            b'{' => objects += 1,
            b':' => members += 1,
            b'[' => arrays += 1,
            b',' => items += 1,
            b'"' => quotes += 1,
            _ => {}
        }
    }
    // A string with escapes is parsed into a growing buffer and then copied.
    let strings = 4 * text.len() + quotes / 2 * OVERHEAD;
    // An object without members needs no node.
    strings + objects.min(members) * NODE + members * MEMBER + arrays * ARRAY + items * ITEM
}

/// Parses a document that this module wrote, which may be longer than [`MAX_BYTES`].
///
/// # Errors
/// Those of [`parse`], for other texts.
pub(crate) fn read_back(text: &str) -> Result<Value> {
    check_room_for(text)?;
    JsonParser { rest: text, max_levels: MAX_LEVELS, skip_after: None }.value(&Path::Root, 0)
}

/// Builds the values of a document whose syntax has been checked. serde_json would turn integers
/// that overflow into floats, and its errors have no path. This parser converts each number from
/// its text in the document.
struct JsonParser<'a> {
    rest: &'a str,
    max_levels: usize,
    /// See [`parse_secret`].
    skip_after: Option<&'a str>,
}

impl<'a> JsonParser<'a> {
    /// Parses a value at nesting depth `level`.
    fn value(&mut self, path: &Path<'_>, level: usize) -> Result<Value> {
        let first = self.peek_token();
        if matches!(first, Some(b'{' | b'[')) && level == self.max_levels {
            let message = "must not be nested more than 128 levels deep";
            return Err(Error::new(ErrorKind::JsonTooDeep, message).at_path(path));
        }
        Ok(match first {
            Some(b'{') => {
                let mut members = ZeroizingMembers::default();
                while self.next_item(b'}') {
                    let key = self.string(path)?;
                    self.take(1);
                    if self.is_skipped(&members, &key, level) {
                        self.skip();
                        continue;
                    }
                    let value = self.value(&path.member(&key), level + 1)?;
                    members.insert(key, value);
                }
                Value::Object(members.take())
            }
            Some(b'[') => {
                let mut items = ZeroizingItems::default();
                while self.next_item(b']') {
                    let value = self.value(&path.item(items.0.len()), level + 1)?;
                    items.0.push(value);
                }
                Value::Array(std::mem::take(&mut items.0))
            }
            Some(b'"') => Value::String(self.string(path)?),
            _ => {
                let len = self.rest.find([',', ']', '}', ' ', '\t', '\n', '\r']);
                match self.take(len.unwrap_or(self.rest.len())) {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "null" => Value::Null,
                    number => Value::Number(read_number(number).ok_or_else(|| {
                        let message = "must be a 64-bit integer or a finite float";
                        Error::new(ErrorKind::JsonNumber, message).at_path(path)
                    })?),
                }
            }
        })
    }

    #[inline(never)]
    fn is_skipped(&self, members: &ZeroizingMembers, key: &str, level: usize) -> bool {
        let Some(prefix) = self.skip_after.filter(|_| level == 0) else { return false };
        members.keys().any(|name| name.strip_prefix(prefix) == Some(key))
    }

    /// Skips a value of any depth. Not inlined into [`JsonParser::value`], which is recursive: its
    /// stack frame must be small enough for 128 levels in 64 KiB.
    #[inline(never)]
    fn skip(&mut self) {
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<IgnoredAny>();
        values.next();
        self.take(values.byte_offset());
    }

    /// Consumes an opening bracket or a comma, and then the closing bracket if no item follows.
    /// Returns whether an item follows.
    fn next_item(&mut self, end: u8) -> bool {
        if self.peek_token() != Some(end) {
            self.take(1);
        }
        if self.peek_token() == Some(end) {
            self.take(1);
            return false;
        }
        true
    }

    /// Parses a string and the white space after it.
    fn string(&mut self, path: &Path<'_>) -> Result<String> {
        self.skip_space();
        let mut escaped = false;
        let end = self.rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let quoted = self.take(end.map_or(self.rest.len(), |end| end + 2));
        self.skip_space();
        unquote(quoted).ok_or_else(|| {
            syntax_error("invalid JSON: a \\u escape is not a character".to_owned(), path)
        })
    }

    /// Skips white space and returns the next byte.
    fn peek_token(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.bytes().next()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, len: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}

/// Decodes a quoted string. It allocates once and leaves no copy behind, since the text may be
/// secret. Returns `None` for an escape that is not a character.
fn unquote(quoted: &str) -> Option<String> {
    let mut rest = quoted.strip_prefix('"')?.strip_suffix('"')?;
    // A character is never longer than its escape.
    let mut text = String::with_capacity(rest.len());
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut characters = escaped.chars();
        text.push(match characters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => escaped_unit(&mut characters)?,
            same @ ('"' | '\\' | '/') => same,
            _ => return None,
        });
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// Decodes a `\u` escape, or a pair of them for a character beyond U+FFFF.
fn escaped_unit(characters: &mut Chars<'_>) -> Option<char> {
    let first = hexadecimal(characters)?;
    let mut second = None;
    if (0xd800..0xdc00).contains(&first) {
        if (characters.next(), characters.next()) != (Some('\\'), Some('u')) {
            return None;
        }
        second = Some(hexadecimal(characters)?);
    }
    let mut decoded = char::decode_utf16([first].into_iter().chain(second));
    decoded.next()?.ok()
}

fn hexadecimal(characters: &mut Chars<'_>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit << 4 | u16::try_from(characters.next()?.to_digit(16)?).ok()?;
    }
    Some(unit)
}

fn syntax_error(message: String, path: &Path<'_>) -> Error {
    Error::new(ErrorKind::JsonSyntax, message).at_path(path)
}

fn read_number(text: &str) -> Option<Number> {
    if text.contains(['.', 'e', 'E']) {
        text.parse().ok().and_then(Number::from_f64)
    } else if let Ok(integer) = text.parse::<i64>() {
        Some(integer.into())
    } else {
        text.parse::<u64>().ok().map(Number::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_decoded_like_serde_json() {
        let mut texts: Vec<String> = [
            r#""""#,
            r#""plain é 🦀""#,
            r#""a\\b\"c\/d""#,
            r#""\b\f\n\r\t""#,
            r#""\u0041\u00e9\uFFFF\u0000""#,
            r#""\ud83e\udd80!""#,
            r#""x\ud83e""#,
            r#""\udd80""#,
            r#""\ud83e\u0041""#,
            r#""\ud83e\ud83e""#,
            r#""\ud83ex""#,
            r#""\ud83e\n""#,
            r#""\\""#,
            r#""\\u0041""#,
        ]
        .map(str::to_owned)
        .into();
        texts.extend((0..=0xffff).map(|unit| format!("\"\\u{unit:04x}\"")));
        for text in texts {
            let expected: Option<String> = serde_json::from_str(&text).ok();
            let unquoted = unquote(&text);
            assert_eq!(unquoted, expected, "{text}");
            assert!(unquoted.is_none_or(|it| it.capacity() <= text.len()), "{text}");
        }
    }

    /// Returns the kind and the path of the error for a document.
    fn refusal(text: &str) -> (ErrorKind, String) {
        let error = parse(text).unwrap_err();
        (error.kind(), error.json_path().unwrap_or_default().to_owned())
    }

    #[test]
    fn document_is_parsed_like_serde_json() {
        for text in [
            "null",
            " \t\r\n[true , false,null ]\n",
            r#"{"a": {"b": [1, -2, "x", {}, []]}, "": 0, "a\nb": 1.5}"#,
            "[9223372036854775807, 18446744073709551615, -9223372036854775808]",
            "[0.1, -0.0, 1e3, 1E-3, 5e-324, 1.7976931348623157e308]",
            r#"{"a": 1, "b": 2, "a": 3}"#,
            r#""}],{[ \" \\""#,
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text).unwrap(), expected, "{text}");
            assert_eq!(read_back(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn parse_error_has_a_kind_and_a_path() {
        use ErrorKind::{JsonNumber, JsonSyntax};
        for (text, kind, path) in [
            ("", JsonSyntax, "$"),
            ("[1,]", JsonSyntax, "$"),
            ("{} {}", JsonSyntax, "$"),
            ("NaN", JsonSyntax, "$"),
            (r#"{"a": [1, "\ud800"]}"#, JsonSyntax, "$.a[1]"),
            (r#"{"\udc00": 1}"#, JsonSyntax, "$"),
            (r#"{"a": [1, 1e999]}"#, JsonNumber, "$.a[1]"),
            ("[18446744073709551616]", JsonNumber, "$[0]"),
            (r#"{"b": {"c": -9223372036854775809}}"#, JsonNumber, "$.b.c"),
        ] {
            assert_eq!(refusal(text), (kind, path.to_owned()), "{text}");
        }
    }

    #[test]
    fn document_of_another_type_is_not_an_object() {
        for text in ["[]", "1", "\"{}\"", "null"] {
            let errors = [parse_object(text).unwrap_err(), parse_with_documents(text).unwrap_err()];
            for error in errors {
                assert_eq!((error.kind(), error.json_path()), (ErrorKind::JsonType, Some("$")));
            }
        }
        assert_eq!(parse_object(r#"{"a": 1}"#).unwrap().len(), 1);
    }

    #[test]
    fn levels_and_length_are_limited() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(MAX_LEVELS)).is_ok());
        let (kind, path) = refusal(&nested(MAX_LEVELS + 1));
        assert_eq!(
            (kind, path),
            (ErrorKind::JsonTooDeep, "$".to_owned() + &"[0]".repeat(MAX_LEVELS))
        );
        let inside = |levels: usize| format!("{{\"policy\": {}}}", nested(levels));
        assert!(parse_with_documents(&inside(MAX_LEVELS)).is_ok());
        assert!(parse_with_documents(&inside(MAX_LEVELS + 1)).is_err());

        let long = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
        assert!(parse(&long(MAX_BYTES)).is_ok());
        assert_eq!(refusal(&long(MAX_BYTES + 1)).0, ErrorKind::TooLong);
        assert!(parse_secret(&format!("{{\"a\": {}}}", long(MAX_BYTES)), "x").is_ok());
    }
}
