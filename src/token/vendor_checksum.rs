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
fn draw_digits(place: &mut [u8], entropy: &dyn Entropy) -> Result<()> {
    // 272 groups yield the usual 245 digits but once in some ten million draws.
    let mut random = Wiped([0; 34 * 6]);
    let mut filled = 0;
    for _ in 0..MAX_DRAWS {
        entropy.fill(&mut random.0)?;
        for six in random.0.as_chunks::<6>().0 {
            let [a, b, c, d, e, f] = *six;
            let groups = spread(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
            let digits = to_digits(groups).to_le_bytes();
            if at_least(groups, DIGITS.len() as u8) == 0
                && let Some(next) = place.get_mut(filled..filled + digits.len())
            {
                next.copy_from_slice(&digits);
                filled += digits.len();
                continue;
            }
            for (group, digit) in groups.to_le_bytes().into_iter().zip(digits) {
                if usize::from(group) < DIGITS.len() {
                    let Some(next) = place.get_mut(filled) else { return Ok(()) };
                    *next = digit;
                    filled += 1;
                }
            }
        }
        if filled == place.len() {
            return Ok(());
        }
    }
    Err(Error::new(ErrorKind::Callback, "the entropy source gives bytes that are not random"))
}

/// A one in each byte of a word.
const ONES: u64 = u64::MAX / 0xff;

/// 48 bits, the lowest first, as eight bytes of six bits.
fn spread(bits: u64) -> u64 {
    let halves = (bits & 0xff_ffff) | ((bits & 0xffff_ff00_0000) << 8);
    let quarters = (halves & 0xfff_0000_0fff) | ((halves & 0xff_f000_00ff_f000) << 4);
    (quarters & 0x3f_003f_003f_003f) | ((quarters & 0x0fc0_0fc0_0fc0_0fc0) << 2)
}

/// A one in each byte that is not below a limit; the bytes and the limit are below 128.
fn at_least(bytes: u64, limit: u8) -> u64 {
    ((bytes + ONES * u64::from(128 - limit)) >> 7) & ONES
}

/// The digits of eight groups at once. No table is asked: which part of one is in the cache could
/// tell what was asked.
fn to_digits(groups: u64) -> u64 {
    let (upper, lower) = (at_least(groups, 10), at_least(groups, 36));
    groups
        + ONES * u64::from(b'0')
        + upper * u64::from(b'A' - b'9' - 1)
        + lower * u64::from(b'a' - b'Z' - 1)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_of_six_bits_stands_for_its_digit() {
        for first in (0..64).step_by(8) {
            let bits = (0..8).fold(0, |bits, place| bits | (first + place) << (6 * place));
            let groups = spread(bits);
            assert_eq!(
                groups.to_le_bytes().map(u64::from),
                std::array::from_fn(|n| first + n as u64)
            );
            let known = DIGITS.len().saturating_sub(first as usize).min(8);
            assert_eq!(
                to_digits(groups).to_le_bytes()[..known],
                DIGITS[first as usize..first as usize + known]
            );
            assert_eq!(at_least(groups, 62) == 0, known == 8);
        }
    }
}
