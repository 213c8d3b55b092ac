//! Python literals as `ast.literal_eval` reads them.
//!
//! Known differences: a character by its name (`\N{…}`) is not read, nor what is nested more deeply
//! than [`MAX_LEVELS`], where Python goes 200 levels deep.

use super::{Node, StoredText, close};

/// Brackets inside one another. It bounds the recursion here: the header promises that a stack of
/// 64 KiB is enough.
const MAX_LEVELS: usize = 60;

/// Reads a literal. A string is none that Review Board takes.
pub(super) fn read(text: &str) -> Option<Vec<Node>> {
    if text.contains('\0') {
        return None;
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let text = text.trim_start_matches([' ', '\t']);
    let mut reader = Reader { text, at: 0, level: 0, nodes: Vec::new() };
    reader.document()?;
    match reader.nodes.first() {
        Some(Node::Text(_)) => None,
        _ => Some(reader.nodes),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The brackets around the place.
    level: usize,
    nodes: Vec<Node>,
}

/// What the rules of Python ask about a value.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// An integer or a float.
    Number,
    /// A complex number with a real part of 0.
    Imaginary,
    Hashable,
    Unhashable,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<()> {
        self.skip_blank_lines();
        if matches!(self.peek(), Some(b' ' | b'\t')) {
            return None;
        }
        self.list_or_value()?;
        self.skip_blank_lines();
        self.skip_space();
        (self.at == self.text.len()).then_some(())
    }

    /// Lines with nothing but a comment; leaves the indentation of the next line.
    fn skip_blank_lines(&mut self) {
        loop {
            let before = self.at;
            self.skip_space();
            if self.eat("\n") {
                continue;
            }
            if self.at < self.text.len() {
                self.at = before;
            }
            return;
        }
    }

    /// A value, or several with commas, which are a tuple; tells whether it can be hashed.
    fn list_or_value(&mut self) -> Option<Kind> {
        let start = self.nodes.len();
        let mut kind = self.value()?;
        self.skip_space();
        if self.peek() == Some(b',') {
            self.nodes.insert(start, Node::List { end: 0 });
            // What was read so far has moved by one.
            for node in &mut self.nodes[start + 1..] {
                if let Node::List { end } | Node::Dict { end } = node {
                    *end += 1;
                }
            }
            if kind != Kind::Unhashable {
                kind = Kind::Hashable;
            }
            while self.eat(",") {
                self.skip_space();
                if matches!(self.peek(), None | Some(b')' | b'\n')) {
                    break;
                }
                if self.value()? == Kind::Unhashable {
                    kind = Kind::Unhashable;
                }
                self.skip_space();
            }
            close(&mut self.nodes, start);
        }
        Some(kind)
    }

    fn value(&mut self) -> Option<Kind> {
        self.skip_space();
        let first = self.peek()?;
        match first {
            b'(' | b'[' | b'{' => {
                if self.level == MAX_LEVELS {
                    return None;
                }
                self.level += 1;
                self.at += 1;
                self.skip_space();
                let kind = match first {
                    b'(' => self.parentheses(),
                    b'[' => self.items(b']').map(|_| Kind::Unhashable),
                    _ => self.braces(),
                }?;
                self.level -= 1;
                Some(kind)
            }
            b'+' | b'-' => {
                self.at += 1;
                self.skip_space();
                let kind = self.number(first == b'-')?;
                self.sum(kind)
            }
            b'0'..=b'9' => {
                let kind = self.number(false)?;
                self.sum(kind)
            }
            b'.' if self.eat("...") => {
                self.nodes.push(Node::Opaque { is_true: true });
                Some(Kind::Hashable)
            }
            b'.' => {
                let kind = self.number(false)?;
                self.sum(kind)
            }
            _ => self.word_or_string(),
        }
    }

    fn parentheses(&mut self) -> Option<Kind> {
        if self.eat(")") {
            let end = self.nodes.len() + 1;
            self.nodes.push(Node::List { end });
            return Some(Kind::Hashable);
        }
        let kind = self.list_or_value()?;
        self.skip_space();
        self.eat(")").then_some(kind)
    }

    /// Items up to a bracket; tells whether all can be hashed.
    fn items(&mut self, end: u8) -> Option<bool> {
        let start = self.nodes.len();
        self.nodes.push(Node::List { end: 0 });
        let mut are_hashable = true;
        loop {
            self.skip_space();
            if self.peek()? == end {
                break;
            }
            are_hashable &= self.value()? != Kind::Unhashable;
            self.skip_space();
            if !self.eat(",") {
                break;
            }
        }
        if self.peek()? != end {
            return None;
        }
        self.at += 1;
        close(&mut self.nodes, start);
        Some(are_hashable)
    }

    /// A dictionary or a set, behind its bracket.
    fn braces(&mut self) -> Option<Kind> {
        let start = self.nodes.len();
        self.nodes.push(Node::Dict { end: 0 });
        if self.eat("}") {
            close(&mut self.nodes, start);
            return Some(Kind::Unhashable);
        }
        let mut first = self.value()?;
        self.skip_space();
        if self.peek()? != b':' {
            if first == Kind::Unhashable {
                return None;
            }
            if let Some(node) = self.nodes.get_mut(start) {
                *node = Node::List { end: 0 };
            }
            while self.eat(",") {
                self.skip_space();
                if self.peek()? == b'}' {
                    break;
                }
                if self.value()? == Kind::Unhashable {
                    return None;
                }
                self.skip_space();
            }
        } else {
            loop {
                if first == Kind::Unhashable || !self.eat(":") {
                    return None;
                }
                self.value()?;
                self.skip_space();
                if !self.eat(",") {
                    break;
                }
                self.skip_space();
                if self.peek()? == b'}' {
                    break;
                }
                first = self.value()?;
                self.skip_space();
            }
        }
        if !self.eat("}") {
            return None;
        }
        close(&mut self.nodes, start);
        Some(Kind::Unhashable)
    }

    /// What may follow a number: the imaginary part of a complex one.
    fn sum(&mut self, left: Kind) -> Option<Kind> {
        self.skip_space();
        if !matches!(self.peek(), Some(b'+' | b'-')) {
            return Some(left);
        }
        self.at += 1;
        self.skip_space();
        let right = self.number(false)?;
        if left != Kind::Number || right != Kind::Imaginary {
            return None;
        }
        // Only the sum of zeros is false.
        let mut is_true = false;
        for _ in 0..2 {
            is_true |= match self.nodes.pop()? {
                Node::Int(digits) => &*digits != "0",
                Node::Float(value) => value != 0.0,
                Node::Opaque { is_true } => is_true,
                _ => true,
            };
        }
        self.nodes.push(Node::Opaque { is_true });
        Some(Kind::Hashable)
    }

    fn number(&mut self, is_negative: bool) -> Option<Kind> {
        if self.peek() == Some(b'0') {
            let radix = match self.text.as_bytes().get(self.at + 1) {
                Some(b'x' | b'X') => 16,
                Some(b'o' | b'O') => 8,
                Some(b'b' | b'B') => 2,
                _ => 10,
            };
            if radix != 10 {
                self.at += 2;
                self.eat("_");
                let digits = self.digits(radix)?;
                self.check_end_of_number()?;
                self.nodes.push(match u128::from_str_radix(&digits, radix) {
                    Ok(number) => integer(&number.to_string(), is_negative),
                    // Digits that only Python could turn into decimal ones.
                    Err(_) => Node::Opaque { is_true: true },
                });
                return Some(Kind::Number);
            }
        }
        let whole = self.digits(10).unwrap_or_default();
        let mut number = whole.clone();
        let mut is_float = false;
        if self.eat(".") {
            let fraction = self.digits(10).unwrap_or_default();
            if whole.is_empty() && fraction.is_empty() {
                return None;
            }
            number = format!("{number}.{fraction}");
            is_float = true;
        }
        if number.is_empty() {
            return None;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            let sign = if self.eat("-") { "-" } else { "" };
            if sign.is_empty() {
                self.eat("+");
            }
            number = format!("{number}e{sign}{}", self.digits(10)?);
            is_float = true;
        }
        let is_imaginary = self.eat("j") || self.eat("J");
        self.check_end_of_number()?;
        if is_imaginary || is_float {
            let value: f64 = number.parse().ok()?;
            let value = if is_negative { -value } else { value };
            self.nodes.push(if is_imaginary {
                Node::Opaque { is_true: value != 0.0 }
            } else {
                Node::Float(value)
            });
            return Some(if is_imaginary { Kind::Imaginary } else { Kind::Number });
        }
        let digits = number.trim_start_matches('0');
        if number.starts_with('0') && !digits.is_empty() {
            return None;
        }
        self.nodes.push(integer(digits, is_negative));
        Some(Kind::Number)
    }

    /// Digits, which single underscores may separate.
    fn digits(&mut self, radix: u32) -> Option<String> {
        let mut digits = String::new();
        loop {
            match self.peek() {
                Some(byte) if char::from(byte).is_digit(radix) => digits.push(byte.into()),
                Some(b'_') if !digits.is_empty() => {
                    let next = *self.text.as_bytes().get(self.at + 1)?;
                    if !char::from(next).is_digit(radix) {
                        return None;
                    }
                }
                _ => break,
            }
            self.at += 1;
        }
        (!digits.is_empty()).then_some(digits)
    }

    fn check_end_of_number(&self) -> Option<()> {
        let next = self.text.get(self.at..)?.chars().next();
        (!next.is_some_and(|next| next.is_alphanumeric() || next == '_')).then_some(())
    }

    fn word_or_string(&mut self) -> Option<Kind> {
        let rest = self.text.get(self.at..)?;
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, rest) = rest.split_at(len);
        if rest.starts_with(['\'', '"']) {
            return self.strings();
        }
        self.at += len;
        self.nodes.push(match word {
            "True" => Node::Bool(true),
            "False" => Node::Bool(false),
            "None" => Node::Null,
            "set" => {
                self.skip_space();
                if !self.eat("(") {
                    return None;
                }
                self.level += 1;
                self.skip_space();
                self.level -= 1;
                if !self.eat(")") {
                    return None;
                }
                let end = self.nodes.len() + 1;
                self.nodes.push(Node::List { end });
                return Some(Kind::Unhashable);
            }
            _ => return None,
        });
        Some(Kind::Hashable)
    }

    /// One string, or several beside each other, which are one.
    fn strings(&mut self) -> Option<Kind> {
        let mut text = StoredText::default();
        let (mut are_bytes, mut is_first) = (false, true);
        loop {
            let prefix = self.string_prefix();
            let Some((prefix_len, is_bytes, is_raw)) = prefix else { break };
            if !is_first && is_bytes != are_bytes {
                return None;
            }
            (are_bytes, is_first) = (is_bytes, false);
            self.at += prefix_len;
            self.string(&mut text, is_bytes, is_raw)?;
            self.skip_space();
        }
        if is_first {
            return None;
        }
        self.nodes.push(if are_bytes {
            Node::Opaque { is_true: !text.text.is_empty() }
        } else {
            Node::Text(text)
        });
        Some(Kind::Hashable)
    }

    /// The length of the prefix of a string that starts here; whether it is of bytes, and raw.
    fn string_prefix(&self) -> Option<(usize, bool, bool)> {
        let rest = self.text.get(self.at..)?;
        let len = rest.find(['\'', '"']).filter(|len| *len <= 2)?;
        match rest[..len].to_ascii_lowercase().as_str() {
            "" | "u" => Some((len, false, false)),
            "r" => Some((len, false, true)),
            "b" => Some((len, true, false)),
            "br" | "rb" => Some((len, true, true)),
            _ => None,
        }
    }

    fn string(&mut self, string: &mut StoredText, is_bytes: bool, is_raw: bool) -> Option<()> {
        let quote = self.text.get(self.at..self.at + 1)?;
        let triple = quote.repeat(3);
        let is_long = self.eat(&triple);
        let end = if is_long {
            triple.as_str()
        } else {
            self.at += 1;
            quote
        };
        loop {
            if self.eat(end) {
                return Some(());
            }
            let character = self.text.get(self.at..)?.chars().next()?;
            self.at += character.len_utf8();
            match character {
                '\n' if !is_long => return None,
                '\\' if is_raw => {
                    string.push('\\'.into());
                    let next = self.text.get(self.at..)?.chars().next()?;
                    if is_bytes && !next.is_ascii() {
                        return None;
                    }
                    string.push(next.into());
                    self.at += next.len_utf8();
                }
                '\\' => self.escape(string, is_bytes)?,
                _ if is_bytes && !character.is_ascii() => return None,
                _ => string.push(character.into()),
            }
        }
    }

    fn escape(&mut self, string: &mut StoredText, is_bytes: bool) -> Option<()> {
        let character = self.text.get(self.at..)?.chars().next()?;
        self.at += character.len_utf8();
        let code = match character {
            '\n' => return Some(()),
            '\\' | '\'' | '"' => character.into(),
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            '0'..='7' => {
                self.at -= 1;
                let rest = self.text.as_bytes().get(self.at..)?;
                let len =
                    rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let digits = self.text.get(self.at..self.at + len)?;
                self.at += len;
                u32::from_str_radix(digits, 8).ok()?
            }
            'x' => self.hex(2)?,
            'u' if !is_bytes => self.hex(4)?,
            'U' if !is_bytes => self.hex(8).filter(|code| *code < 0x11_0000)?,
            'N' if !is_bytes => return None,
            _ if is_bytes && !character.is_ascii() => return None,
            _ => {
                string.push('\\'.into());
                character.into()
            }
        };
        string.push(code);
        Some(())
    }

    fn hex(&mut self, len: usize) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + len)?;
        self.at += len;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(())?;
        u32::from_str_radix(digits, 16).ok()
    }

    /// Skips white space and comments, and line breaks inside brackets.
    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | 12) => self.at += 1,
                Some(b'\n') if self.level > 0 => self.at += 1,
                Some(b'\\') if self.text[self.at..].starts_with("\\\n") => self.at += 2,
                Some(b'#') => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                _ => return,
            }
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

/// An integer of decimal digits without leading zeros.
fn integer(digits: &str, is_negative: bool) -> Node {
    Node::Int(match digits {
        "" | "0" => "0".into(),
        _ if is_negative => format!("-{digits}").into(),
        _ => digits.into(),
    })
}
