//! JSON as Python's `json.loads` reads it.

use super::{Node, StoredText, close};

/// Reads a document, of any depth. `has_surrogates`: each U+FFFD of the text may stand for a lone
/// surrogate.
pub(super) fn read(text: &str, has_surrogates: bool) -> Option<Vec<Node>> {
    let mut reader = Reader { text, at: 0, has_surrogates, nodes: Vec::new() };
    reader.document()?;
    Some(reader.nodes)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    has_surrogates: bool,
    nodes: Vec<Node>,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<()> {
        // The containers that are not complete yet.
        let mut open = Vec::new();
        loop {
            self.skip_space();
            match self.peek()? {
                b'{' => {
                    self.at += 1;
                    open.push((self.nodes.len(), b'}'));
                    self.nodes.push(Node::Dict { end: 0 });
                    self.skip_space();
                    if self.peek()? != b'}' {
                        self.key()?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    open.push((self.nodes.len(), b']'));
                    self.nodes.push(Node::List { end: 0 });
                    self.skip_space();
                    if self.peek()? != b']' {
                        continue;
                    }
                }
                _ => {
                    let node = self.scalar()?;
                    self.nodes.push(node);
                }
            }
            // Behind a value, or before the end of an empty container.
            loop {
                self.skip_space();
                let Some((container, end)) = open.last().copied() else {
                    return (self.at == self.text.len()).then_some(());
                };
                let byte = self.peek()?;
                self.at += 1;
                if byte == end {
                    close(&mut self.nodes, container);
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
        let key = self.string()?;
        self.nodes.push(Node::Text(key));
        self.skip_space();
        self.eat(":").then_some(())
    }

    fn scalar(&mut self) -> Option<Node> {
        const WORDS: [(&str, Node); 6] = [
            ("null", Node::Null),
            ("true", Node::Bool(true)),
            ("false", Node::Bool(false)),
            ("NaN", Node::Float(f64::NAN)),
            ("Infinity", Node::Float(f64::INFINITY)),
            ("-Infinity", Node::Float(f64::NEG_INFINITY)),
        ];
        if self.peek() == Some(b'"') {
            return self.string().map(Node::Text);
        }
        for (word, node) in WORDS {
            if self.eat(word) {
                return Some(node);
            }
        }
        self.number()
    }

    fn number(&mut self) -> Option<Node> {
        let start = self.at;
        self.eat("-");
        if !self.eat("0") && self.digits() == 0 {
            return None;
        }
        let mut is_float = false;
        for (part, sign) in [(".", false), ("e", true), ("E", true)] {
            let before = self.at;
            if self.eat(part) {
                if sign && !self.eat("+") {
                    self.eat("-");
                }
                // A point without digits is not of the number.
                if self.digits() == 0 {
                    self.at = before;
                } else {
                    is_float = true;
                    if sign {
                        break;
                    }
                }
            }
        }
        let number = self.text.get(start..self.at)?;
        Some(match number {
            _ if is_float => Node::Float(number.parse().ok()?),
            "-0" => Node::Int("0".into()),
            _ => Node::Int(number.into()),
        })
    }

    fn digits(&mut self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += len;
        len
    }

    fn string(&mut self) -> Option<StoredText> {
        if !self.eat("\"") {
            return None;
        }
        let mut string = StoredText::default();
        loop {
            let rest = self.text.get(self.at..)?;
            let plain = rest.find(|c: char| c < ' ' || c == '"' || c == '\\')?;
            let (plain, end) = rest.split_at(plain);
            string.text.push_str(plain);
            string.has_surrogates |=
                self.has_surrogates && plain.contains(char::REPLACEMENT_CHARACTER);
            self.at += plain.len() + 1;
            match end.as_bytes().first()? {
                b'"' => return Some(string),
                b'\\' => {
                    let code = self.escape()?;
                    string.push(code);
                }
                // Python is strict on control characters.
                _ => return None,
            }
        }
    }

    /// The code point of an escape, behind its backslash.
    fn escape(&mut self) -> Option<u32> {
        let byte = self.peek()?;
        self.at += 1;
        let character = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let high = self.hex()?;
                let before = self.at;
                if (0xd800..0xdc00).contains(&high) && self.eat("\\u") {
                    if let Some(low @ 0xdc00..0xe000) = self.hex() {
                        return Some(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
                    }
                    self.at = before;
                }
                return Some(high);
            }
            _ => return None,
        };
        Some(character.into())
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, word: &str) -> bool {
        let is_there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if is_there {
            self.at += word.len();
        }
        is_there
    }
}
