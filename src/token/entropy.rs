//! Where unpredictable bytes come from.

use std::cell::RefCell;

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::wipe::wipe;
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
/// Some of it is made ahead, with a new key in front that replaces the one it was made with; what
/// was answered is wiped: so memory never holds what would tell an earlier value. A child of `fork`
/// takes a new key, so that it never answers what its parent does.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

const KEY: usize = 32;

/// So many bytes are made at a time, the next key among them: enough for some values.
const MADE: usize = 1024;

struct Stream {
    /// The key, and what was made with the one before it.
    bytes: [u8; MADE],
    /// Up to here they are the key, or were answered.
    answered: usize,
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
                        // What a parent's stream has is wiped, and nothing is left of one without a
                        // key.
                        *stream = None;
                        let mut key = [0; KEY];
                        fill_from_system(&mut key)?;
                        let new = Stream { bytes: [0; MADE], answered: MADE, fork_generation };
                        let new = stream.insert(new);
                        // In the place where it stays: moved, it would leave a copy behind.
                        new.bytes[..KEY].copy_from_slice(&key);
                        wipe(&mut key);
                        new
                    }
                }
                .answer(buffer);
                Ok(())
            })
            // The thread is ending and has given its stream back already.
            .unwrap_or_else(|_| fill_from_system(buffer))
    }
}

impl Stream {
    fn answer(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            if self.answered == MADE {
                self.make();
            }
            let len = buffer.len().min(MADE - self.answered);
            let (now, later) = buffer.split_at_mut(len);
            let bytes = &mut self.bytes[self.answered..][..len];
            now.copy_from_slice(bytes);
            wipe(bytes);
            self.answered += len;
            buffer = later;
        }
    }

    fn make(&mut self) {
        let mut key = [0; KEY];
        key.copy_from_slice(&self.bytes[..KEY]);
        // It wipes itself.
        ChaCha12Rng::from_seed(key).fill_bytes(&mut self.bytes);
        wipe(&mut key);
        self.answered = KEY;
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
        let mut stream = Stream { bytes: [0; MADE], answered: MADE, fork_generation: 0 };
        stream.bytes[..KEY].copy_from_slice(&[7; KEY]);
        stream
    }

    #[test]
    fn stream_is_the_same_for_any_request_size() {
        let mut expected = Vec::new();
        let mut key = [7; KEY];
        while expected.len() < 4 * MADE {
            let mut made = [0; MADE];
            ChaCha12Rng::from_seed(key).fill_bytes(&mut made);
            key.copy_from_slice(&made[..KEY]);
            expected.extend_from_slice(&made[KEY..]);
        }
        let (mut stream, mut answered) = (stream(), Vec::new());
        for len in [1, 0, 255, 256, 3, 991, 992, 1500] {
            let mut answer = vec![0; len];
            stream.answer(&mut answer);
            answered.extend(answer);
        }
        assert_eq!(answered, expected[..answered.len()]);
    }

    #[test]
    fn what_a_stream_answered_and_the_key_it_was_made_with_are_gone() {
        let mut stream = stream();
        for len in [256, 256, 256, 224, 256] {
            stream.answer(&mut vec![0; len]);
            assert_ne!(stream.bytes[..KEY], [7; KEY]);
            assert!(stream.bytes[KEY..stream.answered].iter().all(|byte| *byte == 0));
        }
        assert_eq!(stream.answered, KEY + 256);
    }
}
