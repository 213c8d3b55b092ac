//! The default generator: a type, entropy in base 62, and a checksum.

use super::value::wipe;
use super::{CreateRequest, Entropy, MAX_VALUE_CHARS, TokenGenerator, TokenValue};
use crate::error::{Error, ErrorKind, Result};

/// The generator's id.
pub const VENDOR_CHECKSUM: &str = "vendor_checksum";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARS: usize = 6;
/// Random bytes never need so many draws; a source that repeats itself would be asked for ever.
const MAX_DRAWS: u32 = 16;
/// The longest type that leaves 128 bits of entropy and more (32 characters are 190 bits).
const MAX_TYPE_CHARS: usize = MAX_VALUE_CHARS - CHECKSUM_CHARS - 1 - 32;

/// Makes values of 255 characters: `{type}_{entropy}{checksum}`, the entropy drawn uniformly from
/// the 62 digits and letters, the checksum a CRC-32 of the entropy in base 62.
#[derive(Clone, Copy, Debug, Default)]
pub struct VendorChecksum;

impl TokenGenerator for VendorChecksum {
    fn create(&self, request: &CreateRequest<'_>, entropy: &dyn Entropy) -> Result<TokenValue> {
        let token_type = request.token_type.as_bytes();
        check_token_type(request.token_type)?;
        let mut drawn = Ok(());
        let value = TokenValue::of_len(MAX_VALUE_CHARS, |value| {
            let (head, rest) = value.split_at_mut(token_type.len() + 1);
            head[..token_type.len()].copy_from_slice(token_type);
            head[token_type.len()] = b'_';
            let (digits, end) = rest.split_at_mut(rest.len() - CHECKSUM_CHARS);
            drawn = draw_digits(digits, entropy);
            end.copy_from_slice(&checksum(digits));
        });
        drawn.map(|()| value)
    }

    fn validate(&self, token_type: &str, value: &str) -> Result<bool> {
        Ok(matches(token_type, value))
    }
}

/// Whether a value has this format, with a checksum that holds.
pub(super) fn matches(token_type: &str, value: &str) -> bool {
    let Some(rest) = value.strip_prefix(token_type).and_then(|rest| rest.strip_prefix('_')) else {
        return false;
    };
    if value.chars().count() != MAX_VALUE_CHARS
        || rest.len() < CHECKSUM_CHARS
        || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        return false;
    }
    let (entropy, given) = rest.as_bytes().split_at(rest.len() - CHECKSUM_CHARS);
    let expected = checksum(entropy);
    // Djblets 3.0 wrote checksums with the case of their letters swapped.
    given == expected || given == expected.map(swap_case)
}

/// Checks a token type that values are to be made of.
///
/// # Errors
/// [`crate::ErrorKind::InvalidArgument`] unless it is 1 to 216 letters and digits.
pub(crate) fn check_token_type(token_type: &str) -> Result<()> {
    if (1..=MAX_TYPE_CHARS).contains(&token_type.len())
        && token_type.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        Ok(())
    } else {
        Err(Error::invalid("token_type", "a token type is 1 to 216 ASCII letters and digits"))
    }
}

/// Fills a place with uniformly drawn digits. Groups of six bits that stand for no digit are
/// thrown away: a remainder would prefer some digits to others.
fn draw_digits(mut place: &mut [u8], entropy: &dyn Entropy) -> Result<()> {
    // 270 groups yield the usual 245 digits but once in some ten million draws.
    let mut random = Wiped([0; WORDS * 8]);
    let mut digits = Wiped([0; WORDS * GROUPS]);
    for _ in 0..MAX_DRAWS {
        entropy.fill(&mut random.0)?;
        let mut drawn = 0;
        for chunk in random.0.as_chunks::<8>().0 {
            let mut word = u64::from_le_bytes(*chunk);
            for _ in 0..GROUPS {
                // Each is written, and counts if it is a digit: the processor could not guess which
                // are.
                let group = (word & 63) as usize;
                digits.0[drawn] = GROUP_DIGITS[group];
                drawn += usize::from(group < DIGITS.len());
                word >>= 6;
            }
        }
        let count = drawn.min(place.len());
        let (filled, rest) = place.split_at_mut(count);
        filled.copy_from_slice(&digits.0[..count]);
        place = rest;
        if place.is_empty() {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Callback, "the entropy source gives bytes that are not random"))
}

/// Words of a draw, and the groups of six bits in each.
const WORDS: usize = 27;
const GROUPS: usize = 10;

/// What the groups of six bits stand for; the last two stand for nothing.
const GROUP_DIGITS: [u8; 64] = {
    let mut digits = [0; 64];
    let mut group = 0;
    while group < DIGITS.len() {
        digits[group] = DIGITS[group];
        group += 1;
    }
    digits
};

/// Memory that is wiped when it is dropped.
struct Wiped<const LEN: usize>([u8; LEN]);

impl<const LEN: usize> Drop for Wiped<LEN> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn checksum(entropy: &[u8]) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(entropy);
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

fn swap_case(byte: u8) -> u8 {
    if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte }
}
