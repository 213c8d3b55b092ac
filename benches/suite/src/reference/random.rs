//! Random bytes, and a simple loop that makes a value from them.

use std::ffi::c_char;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::opaque;
use crate::keys;

/// Fills 256 bytes from a ChaCha12 generator.
pub struct Fill {
    stream: ChaCha12Rng,
    bytes: [u8; 256],
    fill: unsafe extern "C" fn(*mut ChaCha12Rng, *mut u8, usize),
}

unsafe extern "C" fn fill(stream: *mut ChaCha12Rng, bytes: *mut u8, len: usize) {
    // SAFETY: the caller owns the buffer and passes its length.
    unsafe { (*stream).fill_bytes(std::slice::from_raw_parts_mut(bytes, len)) };
}

impl Fill {
    pub fn new() -> Self {
        let stream = ChaCha12Rng::from_seed([7; 32]);
        Self { stream, bytes: [0; 256], fill: opaque(fill) }
    }

    #[inline]
    pub fn fill(&mut self) {
        // SAFETY: both are valid during the call.
        unsafe { (self.fill)(&raw mut self.stream, self.bytes.as_mut_ptr(), self.bytes.len()) };
    }
}

/// Draws a value digit by digit from `rand::rng()`.
pub struct Naive {
    make: unsafe extern "C" fn(*mut c_char) -> usize,
}

unsafe extern "C" fn make(value: *mut c_char) -> usize {
    use rand::RngExt;
    let entropy: String =
        (0..keys::LEN - 10).map(|_| keys::digit(rand::rng().random_range(0..62)) as char).collect();
    let checksum = keys::checksum(entropy.as_bytes());
    let made = format!("rbp_{entropy}{}", String::from_utf8_lossy(&checksum));
    // SAFETY: the caller has space for a value.
    unsafe { value.copy_from_nonoverlapping(made.as_ptr().cast(), made.len()) };
    made.len()
}

impl Naive {
    pub fn new() -> Self {
        Self { make: opaque(make) }
    }

    #[inline]
    pub fn make(&self) -> usize {
        let mut value = [0; 256];
        // SAFETY: a value has 255 bytes.
        unsafe { (self.make)(value.as_mut_ptr()) }
    }
}
