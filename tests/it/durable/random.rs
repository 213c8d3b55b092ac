//! Reproducible random numbers for tests.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number less than `below`, which must not be 0.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % below
    }

    pub fn yes(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// Returns the number in an environment variable, if set.
pub fn number_in(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("the variable is a number"))
}

/// Returns `RBTOKEN_TEST_SEED` or a random seed, and prints it so that a failure can be reproduced.
pub fn seed() -> u64 {
    let seed = number_in("RBTOKEN_TEST_SEED").unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        u64::from(now.subsec_nanos())
    });
    println!("RBTOKEN_TEST_SEED={seed}");
    seed
}
