//! The default generator: a token type, base-62 entropy and a checksum.

use super::wipe::wipe;
use super::{Entropy, GeneratorInput, MAX_VALUE_CHARS, TokenGenerator, TokenValue};
use crate::error::{Error, ErrorKind, Result};

/// Id of the generator.
pub const VENDOR_CHECKSUM: &str = "vendor_checksum";

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM_CHARS: usize = 6;
/// Maximum number of draws. Only a source that is not random, such as one that repeats itself,
/// reaches it.
const MAX_DRAWS: u32 = 16;
/// Maximum length of a token type. It leaves 32 characters of entropy (190 bits), more than the 128
/// required.
const MAX_TYPE_CHARS: usize = MAX_VALUE_CHARS - CHECKSUM_CHARS - 1 - 32;

/// Generates values of 255 characters: `{type}_{entropy}{checksum}`. The entropy is uniform over
/// the 62 letters and digits, and the checksum is its CRC-32 in base 62.
#[derive(Clone, Copy, Debug, Default)]
pub struct VendorChecksum;

impl TokenGenerator for VendorChecksum {
    fn create(&self, input: &GeneratorInput<'_>, entropy: &dyn Entropy) -> Result<TokenValue> {
        let token_type = input.token_type.as_bytes();
        check_token_type(input.token_type)?;
        let mut drawn = Ok(());
        let value = TokenValue::filled_in_place(MAX_VALUE_CHARS, |value| {
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

/// Returns whether a value has this format and its checksum is right.
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
    let (entropy, actual) = rest.as_bytes().split_at(rest.len() - CHECKSUM_CHARS);
    let expected = checksum(entropy);
    // Djblets 3.0 wrote checksums with upper and lower case swapped.
    actual == expected || actual == expected.map(swap_case)
}

/// Checks a token type for new values.
///
/// # Errors
/// [`crate::ErrorKind::InvalidArgument`] unless it is 1 to 216 letters and digits.
pub(crate) fn check_token_type(token_type: &str) -> Result<()> {
    if (1..=MAX_TYPE_CHARS).contains(&token_type.len())
        && token_type.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        Ok(())
    } else {
        Err(Error::invalid("token_type", "must be 1 to 216 ASCII letters and digits"))
    }
}

/// Fills `place` with uniform base-62 digits, two per random 16-bit word. Some words are rejected,
/// since a remainder would favor some digits.
fn draw_digits(place: &mut [u8], entropy: &dyn Entropy) -> Result<()> {
    // 128 pairs, of which the usual value needs 123. Fewer are accepted in one of about 400,000
    // draws.
    let mut random = ZeroizingBuffer([0; MAX_VALUE_CHARS + 1]);
    let mut filled = 0;
    for _ in 0..MAX_DRAWS {
        entropy.fill(&mut random.0)?;
        let digits = to_digits(&mut random.0);
        let rest = &mut place[filled..];
        let len = digits.len().min(rest.len());
        rest[..len].copy_from_slice(&digits[..len]);
        filled += len;
        if filled == place.len() {
            return Ok(());
        }
    }
    Err(Error::new(
        ErrorKind::Callback,
        "the host's entropy source returned bytes that are not random",
    ))
}

/// Replaces every two bytes with two base-62 digits, drops rejected pairs, and returns the digits.
///
/// Maps each u16 to two digits by fixed-point multiplication (Lemire), rejecting 65536 mod 3844
/// values so that pairs are uniform: 17 of the values map to each pair. There is no lookup table,
/// since its cache lines would leak the digits by timing.
fn to_digits(bytes: &mut [u8]) -> &[u8] {
    const BASE: u16 = DIGITS.len() as u16;
    const REJECTION_THRESHOLD: u16 = ((1 << 16) % (62 * 62)) as u16;
    /// The pair that marks a rejected word: the character after `z`, twice.
    const REJECTED_PAIR: [u8; 2] = [b'z' + 1; 2];
    let times_base = |fraction: u16| {
        let product = u32::from(fraction) * u32::from(BASE);
        ((product >> 16) as u16, product as u16)
    };
    // Branch-free, so that the compiler vectorizes it.
    let pairs = bytes.as_chunks_mut::<2>().0;
    for pair in &mut *pairs {
        let (first, rest) = times_base(!u16::from_le_bytes(*pair));
        let (second, rest) = times_base(rest);
        let rejected = if rest < REJECTION_THRESHOLD { u16::MAX } else { 0 };
        *pair = (first | second << 8 | rejected).to_le_bytes();
    }
    for byte in pairs.as_flattened_mut() {
        let value = (*byte).min(DIGITS.len() as u8);
        let upper = if value > 9 { b'A' - b'9' - 1 } else { 0 };
        let lower = if value > 35 { b'a' - b'Z' - 1 } else { 0 };
        *byte = value + b'0' + upper + lower;
    }
    let first = pairs.iter().position(|pair| *pair == REJECTED_PAIR).unwrap_or(pairs.len());
    let mut accepted = first;
    for next in first..pairs.len() {
        pairs[accepted] = pairs[next];
        accepted += usize::from(pairs[accepted] != REJECTED_PAIR);
    }
    pairs[..accepted].as_flattened()
}

/// A buffer that is zeroized when dropped.
struct ZeroizingBuffer<const LEN: usize>([u8; LEN]);

impl<const LEN: usize> Drop for ZeroizingBuffer<LEN> {
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
    fn digit_pairs_are_uniform() {
        let mut bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let digits = to_digits(&mut bytes);
        assert_eq!(digits.len(), 2 * 17 * 62 * 62);
        let mut counts = std::collections::BTreeMap::new();
        digits.as_chunks::<2>().0.iter().for_each(|pair| *counts.entry(*pair).or_insert(0) += 1);
        let mut pairs = DIGITS.iter().flat_map(|first| DIGITS.map(|second| [*first, second]));
        assert!(pairs.all(|pair| counts.get(&pair) == Some(&17)));
    }

    /// An entropy source that repeats two bytes, but yields others at every nth word.
    struct RepeatingEntropy([u8; 2], usize);

    impl Entropy for RepeatingEntropy {
        fn fill(&self, buffer: &mut [u8]) -> Result<()> {
            let Self(same, every) = self;
            for (place, pair) in buffer.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                *pair = if place.is_multiple_of(*every) { [7, 7] } else { *same };
            }
            Ok(())
        }
    }

    #[test]
    fn digit_sampling_skips_rejected_words_and_gives_up() {
        let input = GeneratorInput { token_type: "rbp", attempt: 0 };
        for every in [1, 2, 9] {
            let value = VendorChecksum.create(&input, &RepeatingEntropy([0xff; 2], every)).unwrap();
            assert!(matches("rbp", value.expose()));
        }
        assert!(VendorChecksum.create(&input, &RepeatingEntropy([0; 2], 2)).is_ok());
        let failure = VendorChecksum.create(&input, &RepeatingEntropy([0xff; 2], 20)).unwrap_err();
        assert_eq!(failure.kind(), crate::ErrorKind::Callback);
    }
}
