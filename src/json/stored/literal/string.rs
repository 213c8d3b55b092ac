//! Strings and bytes in Python literals.

use super::{LiteralParser, ValueKind};
use crate::json::stored::{Node, StoredText};

impl LiteralParser<'_> {
    /// Parses a string, or adjacent strings, which are concatenated.
    pub fn strings(&mut self) -> Option<ValueKind> {
        self.check_rules(2)?;
        let mut string = StoredText::default();
        let mut are_bytes = None;
        while let Some((len, is_bytes, is_raw)) = self.string_prefix() {
            if *are_bytes.get_or_insert(is_bytes) != is_bytes {
                return None;
            }
            self.cursor.advance(len);
            self.string(&mut string, is_bytes, is_raw)?;
            self.skip_space();
        }
        self.cursor.push(if are_bytes? {
            Node::Opaque { is_true: !string.text.is_empty() }
        } else {
            Node::Text(string)
        })?;
        Some(ValueKind::Hashable)
    }

    /// Returns the length of the string prefix here, and whether it marks bytes and a raw string.
    pub fn string_prefix(&self) -> Option<(usize, bool, bool)> {
        let start = self.cursor.rest().as_bytes();
        let len = start.iter().take(3).position(|byte| matches!(byte, b'\'' | b'"'))?;
        match start.get(..len)?.to_ascii_lowercase().as_slice() {
            b"" | b"u" => Some((len, false, false)),
            b"r" => Some((len, false, true)),
            b"b" => Some((len, true, false)),
            b"br" | b"rb" => Some((len, true, true)),
            _ => None,
        }
    }

    /// Appends a string, from the opening to the closing quote.
    fn string(&mut self, string: &mut StoredText, is_bytes: bool, is_raw: bool) -> Option<()> {
        let mut quote = self.cursor.rest().get(..1)?;
        let is_long = match self.cursor.rest().as_bytes() {
            [first, second, third, ..] => first == second && second == third,
            _ => false,
        };
        if is_long {
            quote = self.cursor.rest().get(..3)?;
        }
        self.cursor.advance(quote.len());
        loop {
            let plain = self
                .cursor
                .take_while(|byte| !matches!(byte, b'\'' | b'"' | b'\\' | b'\n' | b'\r'));
            self.push_text(string, plain, is_bytes)?;
            if self.cursor.eat(quote) {
                return Some(());
            }
            match self.character()? {
                '\n' if !is_long => return None,
                '\\' if is_raw => {
                    let next = self.character()?;
                    self.cursor.push_str(string, "\\")?;
                    self.push_text(string, next.encode_utf8(&mut [0; 4]), is_bytes)?;
                }
                '\\' => self.escape(string, is_bytes)?,
                same => self.cursor.push_code(string, same.into())?,
            }
        }
    }

    /// Appends literal text. Bytes literals must be ASCII.
    fn push_text(&mut self, string: &mut StoredText, text: &str, is_bytes: bool) -> Option<()> {
        if is_bytes && !text.is_ascii() {
            return None;
        }
        self.cursor.push_str(string, text)
    }

    fn escape(&mut self, string: &mut StoredText, is_bytes: bool) -> Option<()> {
        let start = self.cursor.rest();
        let code = match self.character()? {
            '\n' => return Some(()),
            same @ ('\\' | '\'' | '"') => same.into(),
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' => {
                let len = start.bytes().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
                let (digits, rest) = start.split_at_checked(len.count())?;
                self.cursor.return_to(rest);
                u32::from_str_radix(digits, 8).ok()?
            }
            'x' => self.cursor.hex(2)?,
            'u' if !is_bytes => self.cursor.hex(4)?,
            'U' if !is_bytes => self.cursor.hex(8).filter(|code| *code < 0x11_0000)?,
            'N' if !is_bytes => return None,
            same => {
                self.cursor.push_str(string, "\\")?;
                return self.push_text(string, same.encode_utf8(&mut [0; 4]), is_bytes);
            }
        };
        self.cursor.push_code(string, code)
    }

    /// Consumes a character. Python treats each line break as one.
    fn character(&mut self) -> Option<char> {
        if self.eat_line_break() { Some('\n') } else { self.cursor.take_char() }
    }
}
