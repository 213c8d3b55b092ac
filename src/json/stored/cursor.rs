//! A cursor over the text, with the nodes parsed so far; used by both parsers of stored documents.

use super::{Node, StoredText};
use crate::error::Result;
use crate::memory;

/// Maximum number of decimal digits of an integer that Python converts from or to text.
pub(super) const MAX_DIGITS: usize = 4300;

/// A position in a text. Methods return `None` for a syntax error or exhausted memory, and
/// [`Cursor::finish`] distinguishes them.
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
    nodes: Vec<Node>,
    is_exhausted: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0, nodes: Vec::new(), is_exhausted: false }
    }

    /// Returns the remaining text.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Returns the offset of the next byte.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips `len` bytes.
    pub fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// Moves back to an earlier value of [`Cursor::rest`].
    pub fn return_to(&mut self, rest: &str) {
        self.at = self.text.len() - rest.len();
    }

    pub fn eat(&mut self, word: &str) -> bool {
        let is_there = self.rest().starts_with(word);
        if is_there {
            self.at += word.len();
        }
        is_there
    }

    /// Consumes bytes while a predicate holds, and returns them.
    pub fn take_while(&mut self, is_of_kind: impl Fn(u8) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.bytes().take_while(|byte| is_of_kind(*byte)).count();
        let (taken, _) = rest.split_at_checked(len).unwrap_or_default();
        self.at += taken.len();
        taken
    }

    pub fn take_char(&mut self) -> Option<char> {
        let character = self.rest().chars().next()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Consumes exactly `len` hexadecimal digits and returns their value.
    pub fn hex(&mut self, len: usize) -> Option<u32> {
        let digits = self.rest().get(..len)?;
        self.at += len;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Returns the nodes parsed so far.
    pub fn nodes(&mut self) -> &mut Vec<Node> {
        &mut self.nodes
    }

    pub fn push(&mut self, node: Node) -> Option<()> {
        let pushed = memory::push(&mut self.nodes, node);
        self.check_allocation(pushed)
    }

    /// Completes a container: a dictionary or a list.
    pub fn close(&mut self, at: usize, is_dict: bool) {
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(at) {
            *node = if is_dict { Node::Dict { end } } else { Node::List { end } };
        }
    }

    pub fn push_str(&mut self, string: &mut StoredText, text: &str) -> Option<()> {
        let pushed = string.push_str(text);
        self.check_allocation(pushed)
    }

    /// Appends a code point, which may be a surrogate.
    pub fn push_code(&mut self, string: &mut StoredText, code: u32) -> Option<()> {
        if (0xd800..0xe000).contains(&code) {
            self.note_surrogate(string, string.text.len())?;
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.push_str(string, character.encode_utf8(&mut [0; 4]))
    }

    /// Records that the character at an offset replaces a lone surrogate.
    pub fn note_surrogate(&mut self, string: &mut StoredText, at: usize) -> Option<()> {
        let noted = memory::push(&mut string.surrogates, at);
        self.check_allocation(noted)
    }

    /// Returns the result of an allocation, or `None` if it failed, which is recorded.
    pub fn check_allocation<T>(&mut self, allocated: Result<T>) -> Option<T> {
        self.is_exhausted |= allocated.is_err();
        allocated.ok()
    }

    /// Returns the nodes, or `None` if the text has a syntax error.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn finish(self, read: Option<()>) -> Result<Option<Vec<Node>>> {
        match read {
            None if self.is_exhausted => Err(memory::exhausted(())),
            read => Ok(read.filter(|()| self.at == self.text.len()).map(|()| self.nodes)),
        }
    }
}
