//! Parses JSON columns written by other programs, with the rules of Review Board's JSON field.
//!
//! The text is first parsed with the rules of Python's `json`, which accepts NaN, infinities,
//! integers of any size and lone surrogates. If the result is a string, that is parsed again. A
//! text that is not JSON is parsed as a Python literal, which old releases wrote. A text that is
//! neither is replaced by `{}`.
//!
//! A document is one array of nodes, each container before its contents. No nesting depth can
//! overflow the stack when it is parsed, traversed or dropped.

mod cursor;
mod literal;
mod python_json;
mod write;

use crate::error::Result;
use crate::memory;

/// A node of a stored document.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    /// Decimal digits with an optional minus sign.
    Int(String),
    Float(f64),
    Text(StoredText),
    /// A Python value without a JSON equivalent: bytes, a complex number, `...`.
    Opaque {
        is_true: bool,
    },
    /// Parentheses around the next value. Never returned as an [`Item`].
    Group,
    /// A list, tuple or set. Its items follow, up to the index `end`.
    List {
        end: usize,
    },
    /// A dictionary. Keys and values alternate, up to the index `end`.
    Dict {
        end: usize,
    },
}

/// A string, with U+FFFD in place of each lone surrogate.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct StoredText {
    text: String,
    /// Byte offsets of the characters that replace lone surrogates.
    surrogates: Vec<usize>,
}

impl StoredText {
    /// Returns the string, or `None` if it contains lone surrogates, since no UTF-8 text equals it.
    pub fn exact(&self) -> Option<&str> {
        self.surrogates.is_empty().then_some(&self.text)
    }

    fn push_str(&mut self, text: &str) -> Result<()> {
        self.text.try_reserve(text.len()).map_err(memory::exhausted)?;
        self.text.push_str(text);
        Ok(())
    }
}

/// Memory for one byte of text: a node (three times while the array grows), the open brackets,
/// and copies of the text.
const MAX_MEMORY_PER_BYTE: usize = 192;

/// A document with the meaning that Review Board gives it.
#[derive(Debug)]
pub(crate) struct StoredDocument {
    nodes: Vec<Node>,
    is_fallback: bool,
}

impl StoredDocument {
    /// Parses the text of a column. No text is rejected.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn read(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self::empty(false));
        }
        memory::check_room(text.len().saturating_mul(MAX_MEMORY_PER_BYTE))?;
        let nodes = match python_json::read(text, &[])? {
            Some(nodes) => match nodes.first() {
                Some(Node::Text(inner)) => match python_json::read(&inner.text, &inner.surrogates)?
                {
                    // Python does not compile a text with surrogates.
                    None => inner.exact().map_or(Ok(None), literal::read)?,
                    read => read,
                },
                _ => Some(nodes),
            },
            None => literal::read(text)?,
        };
        Ok(nodes.map_or_else(|| Self::empty(true), |nodes| Self { nodes, is_fallback: false }))
    }

    fn empty(is_fallback: bool) -> Self {
        Self { nodes: vec![Node::Dict { end: 1 }], is_fallback }
    }

    /// Returns whether the text is neither JSON nor a Python literal, so that it was replaced by
    /// `{}`.
    pub fn is_fallback(&self) -> bool {
        self.is_fallback
    }

    pub fn root(&self) -> Item<'_> {
        Item::at(&self.nodes, 0)
    }

    /// Returns the document as JSON with sorted keys. NaN, infinities and values without a JSON
    /// equivalent become null.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn to_json(&self) -> Result<String> {
        write::write(self.root(), None)
    }

    /// Returns the document as JSON without the members whose names start with `prefix`, also in
    /// objects nested in objects. Objects inside lists are written in full.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn to_json_without(&self, prefix: &str) -> Result<String> {
        write::write(self.root(), Some(prefix))
    }
}

/// A value in a document.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    nodes: &'a [Node],
    at: usize,
}

impl<'a> Item<'a> {
    /// Returns the value at an index, skipping parentheses.
    fn at(nodes: &'a [Node], at: usize) -> Self {
        let groups = nodes.iter().skip(at).take_while(|node| matches!(node, Node::Group));
        Self { nodes, at: at + groups.count() }
    }

    /// Returns the node. The index is always in the document.
    fn node(self) -> &'a Node {
        self.nodes.get(self.at).unwrap_or(&Node::Null)
    }

    /// Returns the truth value by Python's rules.
    pub fn is_true(self) -> bool {
        match self.node() {
            Node::Null | Node::Group => false,
            Node::Bool(value) => *value,
            Node::Int(digits) => digits != "0",
            Node::Float(value) => *value != 0.0,
            Node::Text(value) => !value.text.is_empty(),
            Node::Opaque { is_true } => *is_true,
            Node::List { end } | Node::Dict { end } => *end > self.at + 1,
        }
    }

    /// Returns the string, or `None` for another type or if it contains lone surrogates.
    pub fn as_str(self) -> Option<&'a str> {
        match self.node() {
            Node::Text(text) => text.exact(),
            _ => None,
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self.node(), Node::Text(_))
    }

    /// Returns the integer, saturated. As in Python, booleans are 0 and 1.
    pub fn as_int(self) -> Option<i64> {
        match self.node() {
            Node::Bool(value) => Some((*value).into()),
            Node::Int(digits) => Some(
                digits
                    .parse()
                    .unwrap_or_else(|_| if digits.starts_with('-') { i64::MIN } else { i64::MAX }),
            ),
            _ => None,
        }
    }

    /// Returns the items of a list, tuple or set.
    pub fn items(self) -> Option<impl Iterator<Item = Item<'a>> + use<'a>> {
        match self.node() {
            Node::List { end } => Some(self.children(*end)),
            _ => None,
        }
    }

    /// Returns the keys and values of an object. Duplicate keys are all returned, and the last one
    /// is the valid one.
    pub fn members(self) -> Option<impl Iterator<Item = (Item<'a>, Item<'a>)> + use<'a>> {
        match self.node() {
            Node::Dict { end } => {
                let mut children = self.children(*end);
                Some(std::iter::from_fn(move || Some((children.next()?, children.next()?))))
            }
            _ => None,
        }
    }

    /// Returns the value of a key, if this is an object with that key.
    pub fn get(self, key: &str) -> Option<Item<'a>> {
        let members = self.members()?;
        members.filter(|(name, _)| name.as_str() == Some(key)).last().map(|(_, value)| value)
    }

    /// Returns the values directly in this one, keys included.
    fn children(self, end: usize) -> Children<'a> {
        Children { nodes: self.nodes, at: self.at + 1, end }
    }

    /// Returns the index after the value and its contents.
    fn end(self) -> usize {
        match self.node() {
            Node::List { end } | Node::Dict { end } => *end,
            _ => self.at + 1,
        }
    }
}

/// Iterates over the values in a container.
struct Children<'a> {
    nodes: &'a [Node],
    at: usize,
    end: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Item<'a>;
    fn next(&mut self) -> Option<Item<'a>> {
        let item = (self.at < self.end).then(|| Item::at(self.nodes, self.at))?;
        self.at = item.end();
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let document = StoredDocument::read(text).unwrap();
        if document.is_fallback() { "fallback".to_owned() } else { document.to_json().unwrap() }
    }

    #[test]
    fn stored_documents_are_parsed_like_python() {
        for (text, expected) in [
            ("", "{}"),
            (
                r#"{"a": NaN, "b": [Infinity, -Infinity, 1e999]}"#,
                r#"{"a": null, "b": [null, null, null]}"#,
            ),
            (
                r#"{"b": 1, "a": 123456789012345678901234567890, "b": -0}"#,
                r#"{"a": 123456789012345678901234567890, "b": 0}"#,
            ),
            (r#"{"a": "\ud800x\ud83d\ude00"}"#, r#"{"a": "\ufffdx\ud83d\ude00"}"#),
            (r#""{\"client_name\": \"RBTools\"}""#, r#"{"client_name": "RBTools"}"#),
            (r#""{'a': u'b'}""#, r#"{"a": "b"}"#),
            (r#""\"\\\"x\\\"\"""#, r#""\"x\"""#),
            ("{u'client_name': u'RBTools'}", r#"{"client_name": "RBTools"}"#),
            (
                "{'a': (1, -2.5, 0x1F, 1_000), 'b': {True, }, 3: None}",
                r#"{"3": null, "a": [1, -2.5, 31, 1000], "b": [true]}"#,
            ),
            (
                "{'a': 'x' \"y\" r'\\n' '''z\n''', 'b': b'x', 'c': 1+2j, 'd': ..., 'e': set()}",
                r#"{"a": "xy\\nz\n", "b": null, "c": null, "d": null, "e": []}"#,
            ),
            (
                "  {'\\x41\\101\\u00e9\\ud83d\\ude00': 1} # comment\n\n",
                r#"{"AA\u00e9\ufffd\ufffd": 1}"#,
            ),
            ("null", "null"),
            ("1, 2", "[1, 2]"),
            ("()", "[]"),
            ("(1)", "1"),
            ("((1),)", "[1]"),
            ("{(1, (2,)): 3, (4): -(5)}", r#"{"4": -5}"#),
            ("{'a': ((), ((1, 2), [(3)]), ('x'\n'y'))}", r#"{"a": [[], [[1, 2], [3]], "xy"]}"#),
            (
                "[-(0_0), (0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF), 0b_1, 1e5, (-1.)+(0j), -2j, +1.]",
                "[0, 87112285931760246646623899502532662132735, 1, 100000.0, null, null, 1.0]",
            ),
            ("[(set)(), set(\n), {()}]", "[[], [], [[]]]"),
            ("\r\n# one\r\\\n{\r'a':\x0c'''\r\n''' # two\r\n}\n\\\n\n \t# three", r#"{"a": "\n"}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn text_that_python_cannot_read_falls_back() {
        for text in [
            "not json",
            " ",
            "''",
            r#""""#,
            r#""x""#,
            "{'a': [1, 2}",
            "{'a': f'x'}",
            "{[]: 1}",
            "{{}}",
            "1 + 2",
            "--1",
            "-True",
            "012",
            "1__0",
            "{'a' 1}",
            "{**{}}",
            "'\\x4'",
            "'a\nb'",
            "b'\u{e9}'",
            "'a' b'b'",
            "\n {'a': 1}",
            "{\"a\": \"\u{1}\"",
            "[1",
            "x\0",
            "print('x')",
            "\u{feff}{}",
            "('a')",
            "set",
            "(set)",
            "[set, 1]",
            "set()()",
            "-set()",
            "-(-1)",
            "1+(-2j)",
            "(1+2j)+3j",
            "2j+1j",
            "{1: 2, 3}",
            "{1, 2: 3}",
            "{(1, []): 2}",
            "(,)",
            "[1 2]",
            "{1: 2}\\\n",
            "{1: 2}\n ",
            "\x0c {1: 2}",
            "\\\n {1: 2}",
            "[\\ \n]",
            "'a'\n'b'",
            "ur'x',",
        ] {
            assert_eq!(json(text), "fallback", "{text:?}");
        }
    }

    #[test]
    fn depth_does_not_exhaust_a_small_stack() {
        const LEVELS: usize = 1 << 20;
        let small = std::thread::Builder::new().stack_size(64 << 10);
        let read = small.spawn(|| {
            let deep = format!("{{\"a\": {}{}}}", "[".repeat(LEVELS), "]".repeat(LEVELS));
            assert_eq!(json(&deep), deep);
            let open = "[".repeat(LEVELS);
            for open in [open.clone(), open.replace('[', "{'a':"), open.replace('[', "((1,),")] {
                assert_eq!(json(&open), "fallback");
            }
        });
        read.unwrap().join().unwrap();
    }

    #[test]
    fn literal_depth_limit_is_pythons() {
        for (open, close, levels) in [
            ("[", "]", 200),
            ("(", ",)", 200),
            ("{'a':", "}", 200),
            // At greater depths, Python's parser runs out of memory.
            ("[1,", "]", 199),
            ("{1: 2, 3:", "}", 199),
            ("((1,),", ")", 198),
            ("(([1],),", ")", 197),
            ("(1, 2,", ")", 192),
        ] {
            let text = |levels| format!("{}None{}", open.repeat(levels), close.repeat(levels));
            assert_ne!(json(&text(levels)), "fallback", "{open}");
            assert_eq!(json(&text(levels + 1)), "fallback", "{open}");
        }
    }

    #[test]
    fn integer_digit_limit_is_pythons() {
        let digits = |len: usize| format!("1{}", "0".repeat(len - 1));
        for sign in ["", "+"] {
            let text = |len| format!("[{sign}{}]", digits(len));
            assert_eq!(json(&text(4300)), format!("[{}]", digits(4300)));
            assert_eq!(json(&text(4301)), "fallback");
        }
        let hexadecimal = |len| format!("[0x{}]", "f".repeat(len));
        assert_eq!(json(&hexadecimal(3571)).len(), "[]".len() + 4300);
        assert_eq!(json(&hexadecimal(3572)), "[null]");
        assert_eq!(json(&hexadecimal(3572).replace(']', "+1j]")), "fallback");
    }

    #[test]
    fn text_with_lone_surrogates_equals_no_text() {
        let document = StoredDocument::read("{\"client_name\": \"\\ud800\"}").unwrap();
        let name = document.root().get("client_name").unwrap();
        assert!(name.is_text() && name.as_str().is_none());
        let document = StoredDocument::read("\"{\\\"a\\\": \\\"\\ud800\\\"}\"").unwrap();
        assert!(document.root().get("a").unwrap().as_str().is_none());
        let text = "\"{\\\"a\\\": \\\"\u{fffd}\\\", \\\"b\\\": \\\"\u{e9}\\ud800\\\"}\"";
        let document = StoredDocument::read(text).unwrap();
        assert_eq!(document.root().get("a").unwrap().as_str(), Some("\u{fffd}"));
        assert_eq!(document.root().get("b").unwrap().as_str(), None);
    }
}
