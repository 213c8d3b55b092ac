//! Contents of the stores, and sizes of the measurements.

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::clock::Stopwatch;
use crate::handles::Store;
use crate::keys::Keys;
use crate::reference::cpp::SharedMap;
use crate::reference::map::{self, Locked, Plain};

/// Number of different *hot* keys.
pub const HOT: usize = 4096;
/// Number of client tokens per user.
pub const CLIENTS: usize = 10;

/// Shared by all measurements.
pub struct Context {
    /// Small sizes and few rounds, to test that everything works.
    pub quick: bool,
    pub rounds: usize,
    pub stopwatch: Stopwatch,
    /// Sorted by size.
    pub worlds: Vec<World>,
}

/// The same tokens in the library's store and in each reference.
pub struct World {
    pub size: usize,
    pub keys: Keys,
    pub ours: Store,
    pub plain: Plain,
    pub locked: Locked,
    pub cpp: SharedMap,
}

/// Returns the owner of a token by its number.
pub fn user(number: usize) -> String {
    format!("user-{}", number / CLIENTS)
}

/// Returns the client of a token by its number.
pub fn client(number: usize) -> String {
    format!("client-{}", number % CLIENTS)
}

impl World {
    /// Creates a world. If it is not `complete`, the maps with locks are empty.
    pub fn new(size: usize, complete: bool) -> Result<Self> {
        let ours = Store::in_memory()?;
        let mut keys = Keys::default();
        for number in 0..size {
            let (token, created) = ours.client_token(&user(number), &client(number), None)?;
            ensure!(created && token.id() == number as i64 + 1);
            keys.push(token.value());
        }
        let plain = Plain::new(map::filled(&keys));
        let none = Keys::default();
        let locked_keys = if complete { &keys } else { &none };
        let locked = Locked::new(map::filled(locked_keys));
        let cpp = SharedMap::filled(locked_keys);
        Ok(Self { size, keys, ours, plain, locked, cpp })
    }
}

impl Context {
    pub fn new(quick: bool) -> Self {
        let rounds = if quick { 3 } else { 9 };
        Self { quick, rounds, stopwatch: Stopwatch::new(), worlds: Vec::new() }
    }

    pub fn sizes(&self) -> [usize; 3] {
        if self.quick { [100, 1000, 10_000] } else { [1000, 100_000, 1_000_000] }
    }

    /// Returns the largest size that is measured, if the machine has the memory for it.
    pub fn huge(&self) -> Option<usize> {
        const NEEDED: f64 = 16e9;
        let size = 10 * self.sizes()[2];
        (self.quick || crate::machine::available_memory() > NEEDED).then_some(size)
    }

    /// Fills the stores on the first call.
    pub fn fill(&mut self) -> Result<()> {
        if self.worlds.is_empty() {
            let worlds = self.sizes().into_iter().map(|size| World::new(size, true));
            self.worlds = worlds.collect::<Result<_>>()?;
        }
        Ok(())
    }

    /// Returns a number of calls, which is smaller in quick mode.
    pub fn calls(&self, full: usize) -> usize {
        if self.quick { (full / 20).max(10) } else { full }
    }

    /// Returns a random number generator with a fixed seed.
    pub fn random(&self) -> Rng {
        Rng::with_seed(6)
    }
}
