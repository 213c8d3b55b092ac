//! What the readers of stored documents share: the place in the text, and the nodes read so far.

use super::{Node, StoredText};
use crate::error::Result;
use crate::memory;

/// Digits of the longest integer that Python turns into decimal digits, or out of them.
pub(super) const MAX_DIGITS: usize = 4300;

/// A place in a text. Its methods return `None` where the text does not fit, and where memory is
/// exhausted; [`Cursor::finish`] tells which.
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

    /// The text from here on.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The index of the next byte.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `len` bytes.
    pub fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// Goes back to where this was the rest.
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

    /// Takes the bytes that come next and are of a kind; the text that they are.
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

    /// The number of exactly `len` hexadecimal digits.
    pub fn hex(&mut self, len: usize) -> Option<u32> {
        let digits = self.rest().get(..len)?;
        self.at += len;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// The nodes so far.
    pub fn nodes(&mut self) -> &mut Vec<Node> {
        &mut self.nodes
    }

    pub fn push(&mut self, node: Node) -> Option<()> {
        let pushed = memory::push(&mut self.nodes, node);
        self.have(pushed)
    }

    /// Closes a container, all of whose parts are there. It is an object, or else a list.
    pub fn close(&mut self, at: usize, is_dict: bool) {
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(at) {
            *node = if is_dict { Node::Dict { end } } else { Node::List { end } };
        }
    }

    pub fn push_str(&mut self, string: &mut StoredText, text: &str) -> Option<()> {
        let pushed = string.push_str(text);
        self.have(pushed)
    }

    /// Appends a code point, which may be a surrogate.
    pub fn push_code(&mut self, string: &mut StoredText, code: u32) -> Option<()> {
        if (0xd800..0xe000).contains(&code) {
            self.note_surrogate(string, string.text.len())?;
        }
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.push_str(string, character.encode_utf8(&mut [0; 4]))
    }

    /// Notes that the character at an index stands for a lone surrogate.
    pub fn note_surrogate(&mut self, string: &mut StoredText, at: usize) -> Option<()> {
        let noted = memory::push(&mut string.surrogates, at);
        self.have(noted)
    }

    /// What there was memory for.
    pub fn have<T>(&mut self, allocated: Result<T>) -> Option<T> {
        self.is_exhausted |= allocated.is_err();
        allocated.ok()
    }

    /// Returns the nodes of a document that was read, and `None` for a text that is none.
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
