//! What is measured, and how much of it.

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::clock::Stopwatch;
use crate::handles::Store;
use crate::keys::Keys;
use crate::reference::cpp::SharedMap;
use crate::reference::map::{self, Locked, Plain};

/// How many keys are asked for over and over where keys are *hot*.
pub const HOT: usize = 4096;
/// Client tokens of each user.
pub const CLIENTS: usize = 10;

/// What all measurements share.
pub struct Context {
    /// Small sizes and few rounds: whether all of it works.
    pub quick: bool,
    pub rounds: usize,
    pub stopwatch: Stopwatch,
    /// By size.
    pub worlds: Vec<World>,
}

/// The same tokens in our store and in each of the references.
pub struct World {
    pub size: usize,
    pub keys: Keys,
    pub ours: Store,
    pub plain: Plain,
    pub locked: Locked,
    pub cpp: SharedMap,
}

/// The owner of a token, by its number.
pub fn user(number: usize) -> String {
    format!("user-{}", number / CLIENTS)
}

/// The client of a token, by its number.
pub fn client(number: usize) -> String {
    format!("client-{}", number % CLIENTS)
}

impl World {
    fn new(size: usize) -> Result<Self> {
        let ours = Store::in_memory()?;
        let mut keys = Keys::default();
        for number in 0..size {
            let (token, created) = ours.client_token(&user(number), &client(number), None)?;
            ensure!(created && token.id() == number as i64 + 1);
            keys.push(token.value());
        }
        let plain = Plain::new(map::filled(&keys));
        let locked = Locked::new(map::filled(&keys));
        let cpp = SharedMap::filled(&keys);
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

    /// Fills the stores, unless they are filled.
    pub fn fill(&mut self) -> Result<()> {
        if self.worlds.is_empty() {
            self.worlds = self.sizes().into_iter().map(World::new).collect::<Result<_>>()?;
        }
        Ok(())
    }

    /// A number of calls, fewer of them if quick.
    pub fn calls(&self, full: usize) -> usize {
        if self.quick { (full / 20).max(10) } else { full }
    }

    /// A source of choices, the same for each who asks.
    pub fn random(&self) -> Rng {
        Rng::with_seed(6)
    }
}
