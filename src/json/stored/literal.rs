//! Parser for Python literals with the rules of `ast.literal_eval` in Python 3.11.
//!
//! Known differences: named characters (`\N{…}`) and `set` in Unicode look-alike letters are
//! rejected, and duplicate items of a set are kept.

mod layout;
mod number;
mod string;

use super::cursor::Cursor;
use super::{Item, Node};
use crate::error::Result;
use crate::memory;

/// Maximum number of open brackets in Python's tokenizer.
const MAX_OPEN: usize = 200;

/// Nesting depth of grammar rules at which Python's parser runs out of memory. See
/// [`Bracket::rules_inside`].
const MAX_RULES: usize = 6000;

/// Parses a literal. Review Board ignores one that is a string, so this returns `None` for it.
///
/// # Errors
/// `NoMemory`.
pub(super) fn read(text: &str) -> Result<Option<Vec<Node>>> {
    if text.contains('\0') {
        return Ok(None);
    }
    let cursor = Cursor::new(text.trim_start_matches([' ', '\t']));
    let mut reader = LiteralParser { cursor, open: Vec::new() };
    let read = reader.document();
    let nodes = reader.cursor.finish(read)?;
    Ok(nodes.filter(|nodes| !Item::at(nodes, 0).is_text()))
}

struct LiteralParser<'a> {
    cursor: Cursor<'a>,
    /// Open brackets; the first one represents the document.
    open: Vec<Bracket>,
}

/// An open bracket, and the state of the value in it that is being parsed.
struct Bracket {
    form: Form,
    /// Index of its node.
    node: usize,
    /// Number of complete values, keys included.
    count: usize,
    is_hashable: bool,
    /// Nesting depth of Python's parser at this bracket, in grammar rules.
    rules: usize,
    /// The sign before the value; true means minus.
    sign: Option<bool>,
    /// Node of the real part before the value.
    real_part: Option<usize>,
}

/// Type of a bracket, as far as known.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A tuple if it is empty or has a comma; otherwise just the value.
    Parentheses,
    Tuple,
    List,
    /// A set or dictionary, or empty.
    Braces,
    Set,
    Dict,
}

/// Properties of a value that Python's rules depend on.
#[derive(Clone, Copy, PartialEq)]
enum ValueKind {
    /// An integer or float without a sign.
    Number,
    SignedNumber,
    /// A complex number without a sign or real part.
    Imaginary,
    Hashable,
    Unhashable,
    /// The name `set`, which must be called.
    Set,
}

impl LiteralParser<'_> {
    fn document(&mut self) -> Option<()> {
        self.start_line()?;
        self.enter(Form::Parentheses)?;
        'value: loop {
            self.skip_space();
            let form = match self.cursor.peek()? {
                b'(' => Some(Form::Parentheses),
                b'[' => Some(Form::List),
                b'{' => Some(Form::Braces),
                sign @ (b'+' | b'-') => {
                    self.cursor.advance(1);
                    self.open.last_mut()?.set_sign(sign == b'-')?;
                    self.check_rules(0)?;
                    continue;
                }
                _ => None,
            };
            let mut kind = match form {
                None => self.scalar()?,
                Some(form) => {
                    self.cursor.advance(1);
                    self.enter(form)?;
                    self.skip_space();
                    if !self.is_at_end() {
                        continue;
                    }
                    self.cursor.advance(1);
                    self.leave(None)?
                }
            };
            // After a value.
            loop {
                kind = self.complete(kind)?;
                self.skip_space();
                let mut last = Some(kind);
                let node = self.cursor.nodes().len() - 1;
                let bracket = self.open.last_mut()?;
                match self.cursor.peek() {
                    Some(b'+' | b'-')
                        if matches!(kind, ValueKind::Number | ValueKind::SignedNumber) =>
                    {
                        bracket.real_part = Some(node);
                        self.cursor.advance(1);
                        continue 'value;
                    }
                    Some(b':') => {
                        bracket.add_key(kind)?;
                        self.cursor.advance(1);
                        continue 'value;
                    }
                    Some(b',') => {
                        bracket.add(kind)?;
                        self.check_rules(0)?;
                        self.cursor.advance(1);
                        self.skip_space();
                        last = None;
                        if !self.is_at_end() {
                            continue 'value;
                        }
                    }
                    _ => {}
                }
                if !self.is_at_end() {
                    return None;
                }
                if self.open.len() == 1 {
                    return self.end(last);
                }
                self.cursor.advance(1);
                kind = self.leave(last)?;
            }
        }
    }

    /// Opens a bracket.
    fn enter(&mut self, form: Form) -> Option<()> {
        if self.open.len() > MAX_OPEN {
            return None;
        }
        let bracket = Bracket {
            form,
            node: self.cursor.nodes().len(),
            count: 0,
            is_hashable: true,
            rules: self.open.last().map_or(0, Bracket::rules_inside),
            sign: None,
            real_part: None,
        };
        let opened = memory::push(&mut self.open, bracket);
        self.cursor.check_allocation(opened)?;
        self.cursor.push(Node::Group)?;
        self.check_rules(0)
    }

    /// Checks that Python's parser has memory for a value here, nested in `more` further rules.
    fn check_rules(&self, more: usize) -> Option<()> {
        (self.open.last()?.rules_inside() + more <= MAX_RULES).then_some(())
    }

    /// Closes a bracket. `last` is a value without a comma after it.
    fn leave(&mut self, last: Option<ValueKind>) -> Option<ValueKind> {
        let mut bracket = self.open.pop()?;
        if let Some(kind) = last {
            if bracket.form == Form::Parentheses {
                return Some(kind);
            }
            bracket.add(kind)?;
        }
        let is_dict = matches!(bracket.form, Form::Braces | Form::Dict);
        self.cursor.close(bracket.node, is_dict);
        let is_tuple = matches!(bracket.form, Form::Parentheses | Form::Tuple);
        Some(if is_tuple && bracket.is_hashable {
            ValueKind::Hashable
        } else {
            ValueKind::Unhashable
        })
    }

    /// Closes the document. Only empty lines may follow.
    fn end(&mut self, last: Option<ValueKind>) -> Option<()> {
        let kind = self.leave(last)?;
        while self.eat_line_break() {
            self.start_line()?;
        }
        (kind != ValueKind::Set).then_some(())
    }

    /// Returns whether the innermost bracket, or the document, ends here.
    fn is_at_end(&self) -> bool {
        let byte = self.cursor.peek();
        match self.open.last() {
            _ if self.open.len() == 1 => matches!(byte, None | Some(b'\n' | b'\r')),
            Some(bracket) => byte == Some(bracket.form.end()),
            None => false,
        }
    }

    /// Applies the sign or real part before a value, and handles a call of `set`.
    fn complete(&mut self, mut kind: ValueKind) -> Option<ValueKind> {
        let bracket = self.open.last_mut()?;
        if let Some(is_negative) = bracket.sign.take() {
            kind = match kind {
                ValueKind::Number => ValueKind::SignedNumber,
                ValueKind::Imaginary => ValueKind::Hashable,
                _ => return None,
            };
            if is_negative {
                negate(self.cursor.nodes().last_mut()?);
            }
        } else if let Some(real_part) = bracket.real_part.take() {
            if kind != ValueKind::Imaginary {
                return None;
            }
            kind = ValueKind::Hashable;
            let nodes = self.cursor.nodes();
            let is_float = match nodes.get(real_part)? {
                Node::Float(_) => true,
                Node::Int(digits) => digits.parse().is_ok_and(f64::is_finite),
                // The integer overflows a float.
                _ => false,
            };
            if !is_float {
                return None;
            }
            // The sum is false only if both parts are 0.
            let is_true =
                [real_part, nodes.len() - 1].iter().any(|at| Item::at(nodes, *at).is_true());
            nodes.truncate(real_part);
            self.cursor.push(Node::Opaque { is_true })?;
        } else if kind == ValueKind::Set {
            self.skip_space();
            if self.cursor.peek() == Some(b'(') {
                if self.open.len() > MAX_OPEN {
                    return None;
                }
                self.check_rules(27)?;
                self.cursor.advance(1);
                self.skip_space_and(true);
                return self.cursor.eat(")").then_some(ValueKind::Unhashable);
            }
        }
        Some(kind)
    }

    /// Parses a value that is not a container.
    fn scalar(&mut self) -> Option<ValueKind> {
        let rest = self.cursor.rest();
        if rest.starts_with(|first: char| first.is_ascii_digit()) {
            return self.number();
        }
        let (node, kind) = if self.cursor.eat("...") {
            (Node::Opaque { is_true: true }, ValueKind::Hashable)
        } else if rest.starts_with('.') {
            return self.number();
        } else if self.string_prefix().is_some() {
            return self.strings();
        } else {
            match self.cursor.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                "True" => (Node::Bool(true), ValueKind::Hashable),
                "False" => (Node::Bool(false), ValueKind::Hashable),
                "None" => (Node::Null, ValueKind::Hashable),
                "set" => (Node::List { end: self.cursor.nodes().len() + 1 }, ValueKind::Set),
                _ => return None,
            }
        };
        self.cursor.push(node)?;
        Some(kind)
    }
}

impl Bracket {
    /// Returns the depth of grammar rules at the atom of the next value. There are 23 rules from an
    /// expression to its atom, and each container adds some.
    fn rules_inside(&self) -> usize {
        let outer = self.rules;
        let inside = match (self.form, self.count) {
            // The document.
            (_, 0) if outer == 0 => 25,
            _ if outer == 0 => 27,
            (Form::Parentheses | Form::Tuple, 0) => 28,
            (Form::Parentheses | Form::Tuple, 1) => 30,
            (Form::Parentheses | Form::Tuple, _) => 31,
            (_, 0) | (Form::Dict, 1) => 29,
            _ => 30,
        };
        outer + inside + usize::from(self.sign.is_some())
    }

    /// Records the sign of a value. An imaginary part after a real part must not have
    /// one: there, `+` or `-` is the operator of the sum.
    fn set_sign(&mut self, is_negative: bool) -> Option<()> {
        let is_first = self.sign.is_none() && self.real_part.is_none();
        self.sign = Some(is_negative);
        is_first.then_some(())
    }

    fn add_key(&mut self, kind: ValueKind) -> Option<()> {
        let is_key = match self.form {
            Form::Braces => true,
            Form::Dict => self.count.is_multiple_of(2),
            _ => false,
        };
        self.form = if is_key { Form::Dict } else { return None };
        self.count += 1;
        is_hashable(kind).then_some(())
    }

    /// Adds a value that is not a key, before a comma or closing bracket.
    fn add(&mut self, kind: ValueKind) -> Option<()> {
        let is_allowed = match self.form {
            Form::Dict => self.count % 2 == 1,
            Form::Braces | Form::Set => is_hashable(kind),
            _ => true,
        };
        self.form = match self.form {
            Form::Parentheses => Form::Tuple,
            Form::Braces => Form::Set,
            form => form,
        };
        self.count += 1;
        self.is_hashable &= is_hashable(kind);
        (is_allowed && kind != ValueKind::Set).then_some(())
    }
}

impl Form {
    /// Returns the closing bracket.
    fn end(self) -> u8 {
        match self {
            Self::Parentheses | Self::Tuple => b')',
            Self::List => b']',
            Self::Braces | Self::Set | Self::Dict => b'}',
        }
    }
}

fn is_hashable(kind: ValueKind) -> bool {
    !matches!(kind, ValueKind::Unhashable | ValueKind::Set)
}

/// Negates a number.
fn negate(node: &mut Node) {
    match node {
        Node::Int(digits) if digits != "0" => digits.insert(0, '-'),
        Node::Float(value) => *value = -*value,
        _ => {}
    }
}
