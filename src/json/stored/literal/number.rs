//! Numbers in Python literals.

use std::fmt::Write as _;

use super::{LiteralParser, ValueKind};
use crate::json::stored::Node;
use crate::json::stored::cursor::MAX_DIGITS;
use crate::memory;

impl LiteralParser<'_> {
    /// Parses a number without a sign. The caller checks what follows it.
    pub fn number(&mut self) -> Option<ValueKind> {
        let radix = match self.cursor.rest().as_bytes() {
            [b'0', b'x' | b'X', ..] => 16,
            [b'0', b'o' | b'O', ..] => 8,
            [b'0', b'b' | b'B', ..] => 2,
            _ => 10,
        };
        let mut number = String::new();
        if radix != 10 {
            self.cursor.advance(2);
            self.cursor.eat("_");
            self.digits(radix, &mut number)?;
            if number.is_empty() {
                return None;
            }
            // Integers that exceed Python's limit for conversion to decimal are opaque.
            let node = decimal(&number, radix).map_or(Node::Opaque { is_true: true }, Node::Int);
            self.cursor.push(node)?;
            return Some(ValueKind::Number);
        }
        self.digits(radix, &mut number)?;
        let whole = number.len();
        let has_point = self.cursor.eat(".");
        if has_point {
            number.push('.');
            self.digits(radix, &mut number)?;
        }
        if number.len() == usize::from(has_point) {
            return None;
        }
        let has_exponent = self.cursor.eat("e") || self.cursor.eat("E");
        if has_exponent {
            number.push('e');
            if self.cursor.eat("-") {
                number.push('-');
            } else {
                self.cursor.eat("+");
            }
            let before = number.len();
            self.digits(radix, &mut number)?;
            if number.len() == before {
                return None;
            }
        }
        let is_imaginary = self.cursor.eat("j") || self.cursor.eat("J");
        let (node, kind) = if is_imaginary {
            let value: f64 = number.parse().ok()?;
            (Node::Opaque { is_true: value != 0.0 }, ValueKind::Imaginary)
        } else if has_point || has_exponent {
            (Node::Float(number.parse().ok()?), ValueKind::Number)
        } else {
            let zeros = number.bytes().take_while(|digit| *digit == b'0').count();
            if zeros == whole {
                number.truncate(1);
            } else if zeros > 0 || whole > MAX_DIGITS {
                return None;
            }
            (Node::Int(number), ValueKind::Number)
        };
        self.cursor.push(node)?;
        Some(kind)
    }

    /// Appends digits, if any, which may be separated by single underscores.
    fn digits(&mut self, radix: u32, number: &mut String) -> Option<()> {
        let is_digit = |byte: u8| char::from(byte).is_digit(radix);
        let digits = self.cursor.take_while(|byte| is_digit(byte) || byte == b'_');
        if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
            return None;
        }
        // Besides digits, a number contains at most a point, `e` and a sign.
        let reserved = number.try_reserve(digits.len() + "e-".len()).map_err(memory::exhausted);
        self.cursor.check_allocation(reserved)?;
        number.extend(digits.chars().filter(|digit| *digit != '_'));
        Some(())
    }
}

/// Converts an integer to decimal. Returns `None` if it exceeds Python's limit of digits.
fn decimal(digits: &str, radix: u32) -> Option<String> {
    /// Number of hexadecimal digits whose value times [`BASE`] fits in 64 bits.
    const STEP: usize = 7;
    const BASE: u64 = 1_000_000_000;
    /// Bits of the largest integer within the limit.
    const MAX_BITS: usize = MAX_DIGITS * 10 / 3;
    let digits = digits.trim_start_matches('0');
    if digits.len() * radix.ilog2() as usize > MAX_BITS {
        return None;
    }
    // Nine decimal digits per limb, least significant first.
    let mut limbs: Vec<u64> = Vec::new();
    for step in digits.as_bytes().chunks(STEP) {
        let mut carry = u64::from_str_radix(std::str::from_utf8(step).ok()?, radix).ok()?;
        let factor = u64::from(radix).pow(step.len() as u32);
        for limb in &mut limbs {
            carry += *limb * factor;
            *limb = carry % BASE;
            carry /= BASE;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut decimal = limbs.pop().unwrap_or(0).to_string();
    limbs.iter().rev().try_for_each(|limb| write!(decimal, "{limb:09}")).ok()?;
    (decimal.len() <= MAX_DIGITS).then_some(decimal)
}
