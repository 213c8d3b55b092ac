//! Where unpredictable bytes come from.

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Result};
use crate::os::fork;

/// A source of bytes that nobody can predict.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// If there are no such bytes to be had; no value is generated then.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// A ChaCha12 stream for each thread, keyed by the operating system.
///
/// After each answer the key is replaced from the stream and what was answered is wiped, so that
/// memory never holds what would tell an earlier value. A child of `fork` takes a new key, so
/// that it never answers what its parent does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

struct Stream {
    rng: ChaCha12Rng,
    fork_generation: u64,
}

thread_local! {
    static STREAM: RefCell<Option<Stream>> = const { RefCell::new(None) };
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        let Some(fork_generation) = fork::generation() else {
            return fill_from_system(buffer);
        };
        STREAM
            .try_with(|stream| {
                let stream = &mut *stream.borrow_mut();
                let rng = match stream {
                    Some(current) if current.fork_generation == fork_generation => &mut current.rng,
                    _ => {
                        let mut key = [0; 32];
                        fill_from_system(&mut key)?;
                        let rng = take_key(&mut key);
                        &mut stream.insert(Stream { rng, fork_generation }).rng
                    }
                };
                rng.fill_bytes(buffer);
                let mut next = [0; 32];
                rng.fill_bytes(&mut next);
                *rng = take_key(&mut next);
                Ok(())
            })
            // The thread is ending and has given its stream back already.
            .unwrap_or_else(|_| fill_from_system(buffer))
    }
}

fn take_key(key: &mut [u8; 32]) -> ChaCha12Rng {
    let rng = ChaCha12Rng::from_seed(*key);
    key.zeroize();
    rng
}

fn fill_from_system(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| {
        Error::new(
            ErrorKind::Generation,
            format!("the operating system gave no random bytes: {error}"),
        )
    })
}
