//! Parser for JSON with the rules of Python's `json.loads`.

use super::cursor::{Cursor, MAX_DIGITS};
use super::{Node, StoredText};
use crate::error::Result;
use crate::memory;

/// Parses a document of any depth. `surrogates` has the offsets of the characters that replace lone
/// surrogates.
///
/// # Errors
/// `NoMemory`.
pub(super) fn read(text: &str, surrogates: &[usize]) -> Result<Option<Vec<Node>>> {
    let mut reader = PythonJsonParser { cursor: Cursor::new(text), surrogates };
    let read = reader.document();
    reader.cursor.finish(read)
}

struct PythonJsonParser<'a> {
    cursor: Cursor<'a>,
    surrogates: &'a [usize],
}

impl PythonJsonParser<'_> {
    fn document(&mut self) -> Option<()> {
        // Open containers, each with its closing bracket.
        let mut open = Vec::new();
        loop {
            self.skip_space();
            match self.cursor.peek()? {
                first @ (b'{' | b'[') => {
                    self.cursor.advance(1);
                    let end = if first == b'{' { b'}' } else { b']' };
                    let opened = memory::push(&mut open, (self.cursor.nodes().len(), end));
                    self.cursor.check_allocation(opened)?;
                    self.cursor.push(Node::Null)?;
                    self.skip_space();
                    if self.cursor.peek()? != end {
                        if end == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ => self.scalar()?,
            }
            // After a value, or before the closing bracket of an empty container.
            loop {
                self.skip_space();
                let Some((container, end)) = open.last().copied() else { return Some(()) };
                let byte = self.cursor.peek()?;
                self.cursor.advance(1);
                if byte == end {
                    self.cursor.close(container, end == b'}');
                    open.pop();
                } else if byte == b',' {
                    if end == b'}' {
                        self.skip_space();
                        self.key()?;
                    }
                    break;
                } else {
                    return None;
                }
            }
        }
    }

    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.skip_space();
        self.cursor.eat(":").then_some(())
    }

    fn scalar(&mut self) -> Option<()> {
        const WORDS: [(&str, Node); 6] = [
            ("null", Node::Null),
            ("true", Node::Bool(true)),
            ("false", Node::Bool(false)),
            ("NaN", Node::Float(f64::NAN)),
            ("Infinity", Node::Float(f64::INFINITY)),
            ("-Infinity", Node::Float(f64::NEG_INFINITY)),
        ];
        if self.cursor.peek() == Some(b'"') {
            return self.string();
        }
        for (word, node) in WORDS {
            if self.cursor.eat(word) {
                return self.cursor.push(node);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Option<()> {
        let text = self.cursor.rest();
        self.cursor.eat("-");
        let whole = if self.cursor.eat("0") { 1 } else { self.digits() };
        if whole == 0 {
            return None;
        }
        let is_float = self.part(&["."]) | self.part(&["e+", "e-", "e", "E+", "E-", "E"]);
        let number = text.get(..text.len() - self.cursor.rest().len())?;
        let node = match number {
            _ if is_float => Node::Float(number.parse().ok()?),
            _ if whole > MAX_DIGITS => return None,
            "-0" => Node::Int("0".to_owned()),
            _ => {
                let digits = memory::string(number);
                Node::Int(self.cursor.check_allocation(digits)?)
            }
        };
        self.cursor.push(node)
    }

    /// Consumes a fraction or exponent that starts with one of `starts`, and returns whether there
    /// was one. A point without digits is not part of the number.
    fn part(&mut self, starts: &[&str]) -> bool {
        let rest = self.cursor.rest().as_bytes();
        let starts_here = |start: &&&str| {
            rest.starts_with(start.as_bytes())
                && rest.get(start.len()).is_some_and(u8::is_ascii_digit)
        };
        let start = starts.iter().find(starts_here);
        if let Some(start) = start {
            self.cursor.advance(start.len());
            self.digits();
        }
        start.is_some()
    }

    fn digits(&mut self) -> usize {
        self.cursor.take_while(|byte| byte.is_ascii_digit()).len()
    }

    fn string(&mut self) -> Option<()> {
        if !self.cursor.eat("\"") {
            return None;
        }
        let mut string = StoredText::default();
        loop {
            let (start, len) = (self.cursor.position(), string.text.len());
            let plain =
                self.cursor.take_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            self.cursor.push_str(&mut string, plain)?;
            let first = self.surrogates.partition_point(|at| *at < start);
            let rest = self.surrogates.get(first..).unwrap_or_default();
            for at in rest.iter().take_while(|at| **at < start + plain.len()) {
                self.cursor.note_surrogate(&mut string, len + at - start)?;
            }
            match self.cursor.peek()? {
                b'"' => {
                    self.cursor.advance(1);
                    return self.cursor.push(Node::Text(string));
                }
                b'\\' => {
                    self.cursor.advance(1);
                    let code = self.escape()?;
                    self.cursor.push_code(&mut string, code)?;
                }
                // Python rejects control characters in strings.
                _ => return None,
            }
        }
    }

    /// Consumes an escape after its backslash, and returns the code point.
    fn escape(&mut self) -> Option<u32> {
        let character = match self.cursor.take_char()? {
            same @ ('"' | '\\' | '/') => same,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let high = self.cursor.hex(4)?;
                let after = self.cursor.rest();
                if (0xd800..0xdc00).contains(&high) && self.cursor.eat("\\u") {
                    if let Some(low @ 0xdc00..0xe000) = self.cursor.hex(4) {
                        return Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                    }
                    self.cursor.return_to(after);
                }
                return Some(high);
            }
            _ => return None,
        };
        Some(character.into())
    }

    fn skip_space(&mut self) {
        self.cursor.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }
}
