//! Token values, and the order in which they are looked up.

use fastrand::Rng;

/// Length of a value in bytes.
pub const LEN: usize = 255;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Values in contiguous memory.
#[derive(Default)]
pub struct Keys(Vec<u8>);

impl Keys {
    pub fn push(&mut self, value: &[u8]) {
        assert_eq!(value.len(), LEN);
        self.0.extend_from_slice(value);
    }

    pub fn len(&self) -> usize {
        self.0.len() / LEN
    }

    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        &self.0[index * LEN..][..LEN]
    }

    pub fn iter(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.0.chunks_exact(LEN)
    }

    /// Returns copies of values chosen at random among `different` evenly spaced ones. They are
    /// contiguous, like values in the requests of a host, so that reading them costs little.
    pub fn sample(&self, random: &mut Rng, different: usize, count: usize) -> Self {
        let different = different.min(self.len());
        let apart = self.len() / different;
        let mut sample = Self(Vec::with_capacity(count * LEN));
        (0..count).for_each(|_| sample.push(self.get(random.usize(..different) * apart)));
        sample
    }

    /// Returns random values that no token has, with the right checksum.
    pub fn made_up(random: &mut Rng, count: usize) -> Self {
        let mut keys = Self(Vec::with_capacity(count * LEN));
        (0..count).for_each(|_| keys.push(&made_up(random)));
        keys
    }
}

fn made_up(random: &mut Rng) -> [u8; LEN] {
    let mut value = [0; LEN];
    value[..4].copy_from_slice(b"rbp_");
    for byte in &mut value[4..LEN - 6] {
        *byte = DIGITS[random.usize(..62)];
    }
    let checksum = checksum(&value[4..LEN - 6]);
    value[LEN - 6..].copy_from_slice(&checksum);
    value
}

/// Returns the end of a value: the CRC-32 of its entropy in base 62.
pub fn checksum(entropy: &[u8]) -> [u8; 6] {
    let mut rest = crc32fast::hash(entropy) as usize;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[rest % 62];
        rest /= 62;
    }
    digits
}

/// Returns a base-62 digit.
pub fn digit(index: usize) -> u8 {
    DIGITS[index]
}
