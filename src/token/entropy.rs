//! Cryptographically secure random bytes.

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::wipe::wipe;
use crate::error::{Error, ErrorKind, Result};
use crate::os::fork;

/// A source of cryptographically secure random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer.
    ///
    /// # Errors
    /// Any error of a source that cannot fill the buffer. No value is generated then.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// Fast-key-erasure ChaCha12, one generator per thread, seeded by the operating system.
///
/// Each refill replaces the key, and consumed output is zeroized (backtracking resistance). After a
/// `fork`, the child seeds a new generator, so that it never repeats its parent's output.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

const KEY: usize = 32;

/// Bytes per refill, the next key included: enough for several values.
const OUTPUT: usize = 1024;

struct Stream {
    /// The key, and output made with the previous key.
    bytes: [u8; OUTPUT],
    /// Number of bytes that are the key or were consumed.
    consumed: usize,
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
                match stream {
                    Some(current) if current.fork_generation == fork_generation => current,
                    _ => {
                        // Dropping the generator of the parent process zeroizes it. If seeding
                        // fails, none is left.
                        *stream = None;
                        let mut key = [0; KEY];
                        fill_from_system(&mut key)?;
                        let new = Stream { bytes: [0; OUTPUT], consumed: OUTPUT, fork_generation };
                        let new = stream.insert(new);
                        // Seeded in place: a move would leave a copy of the key behind.
                        new.bytes[..KEY].copy_from_slice(&key);
                        wipe(&mut key);
                        new
                    }
                }
                .take(buffer);
                Ok(())
            })
            // The thread is ending, and its thread-local values have been dropped.
            .unwrap_or_else(|_| fill_from_system(buffer))
    }
}

impl Stream {
    fn take(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            if self.consumed == OUTPUT {
                self.refill();
            }
            let len = buffer.len().min(OUTPUT - self.consumed);
            let (now, later) = buffer.split_at_mut(len);
            let bytes = &mut self.bytes[self.consumed..][..len];
            now.copy_from_slice(bytes);
            wipe(bytes);
            self.consumed += len;
            buffer = later;
        }
    }

    fn refill(&mut self) {
        let mut key = [0; KEY];
        key.copy_from_slice(&self.bytes[..KEY]);
        // ChaCha12Rng zeroizes its own state.
        ChaCha12Rng::from_seed(key).fill_bytes(&mut self.bytes);
        wipe(&mut key);
        self.consumed = KEY;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

fn fill_from_system(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| {
        Error::new(
            ErrorKind::Generation,
            format!("the operating system returned no random bytes: {error}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        let mut stream = Stream { bytes: [0; OUTPUT], consumed: OUTPUT, fork_generation: 0 };
        stream.bytes[..KEY].copy_from_slice(&[7; KEY]);
        stream
    }

    #[test]
    fn stream_is_the_same_for_any_request_size() {
        let mut expected = Vec::new();
        let mut key = [7; KEY];
        while expected.len() < 4 * OUTPUT {
            let mut made = [0; OUTPUT];
            ChaCha12Rng::from_seed(key).fill_bytes(&mut made);
            key.copy_from_slice(&made[..KEY]);
            expected.extend_from_slice(&made[KEY..]);
        }
        let (mut stream, mut consumed) = (stream(), Vec::new());
        for len in [1, 0, 255, 256, 3, 991, 992, 1500] {
            let mut bytes = vec![0; len];
            stream.take(&mut bytes);
            consumed.extend(bytes);
        }
        assert_eq!(consumed, expected[..consumed.len()]);
    }

    #[test]
    fn consumed_output_and_old_keys_are_zeroized() {
        let mut stream = stream();
        for len in [256, 256, 256, 224, 256] {
            stream.take(&mut vec![0; len]);
            assert_ne!(stream.bytes[..KEY], [7; KEY]);
            assert!(stream.bytes[KEY..stream.consumed].iter().all(|byte| *byte == 0));
        }
        assert_eq!(stream.consumed, KEY + 256);
    }
}
