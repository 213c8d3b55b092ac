//! The default generator: a type, entropy in base 62, and a checksum.

use zeroize::{Zeroize, Zeroizing};

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
        // Never grows beyond its capacity, so no copy is left behind.
        let mut value = Zeroizing::new(Vec::with_capacity(MAX_VALUE_CHARS));
        value.extend_from_slice(token_type);
        value.push(b'_');
        draw_digits(&mut value, MAX_VALUE_CHARS - CHECKSUM_CHARS, entropy)?;
        let checksum = checksum(&value[token_type.len() + 1..]);
        value.extend_from_slice(&checksum);
        // All of it is ASCII: the type was checked and the rest are digits.
        TokenValue::new(std::str::from_utf8(&value).unwrap_or_default())
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

/// Appends uniformly drawn digits until the value is that long. Groups of six bits that stand for
/// no digit are thrown away: a remainder would prefer some digits to others.
fn draw_digits(value: &mut Vec<u8>, len: usize, entropy: &dyn Entropy) -> Result<()> {
    // 270 groups yield the usual 245 digits but once in some ten million draws.
    let mut random = Zeroizing::new([0_u8; 27 * 8]);
    for _ in 0..MAX_DRAWS {
        entropy.fill(&mut *random)?;
        for chunk in random.chunks_exact(8) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            let mut word = u64::from_le_bytes(bytes);
            bytes.zeroize();
            for _ in 0..10 {
                if value.len() == len {
                    return Ok(());
                }
                if let Some(digit) = DIGITS.get((word & 63) as usize) {
                    value.push(*digit);
                }
                word >>= 6;
            }
        }
    }
    Err(Error::new(ErrorKind::Callback, "the entropy source gives bytes that are not random"))
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
