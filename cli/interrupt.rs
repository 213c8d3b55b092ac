//! Ctrl-C during work that must end cleanly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::failure::{Failure, Status};

/// The signals that end the program. `Ctrl-\` (SIGQUIT) ends it at once.
const SIGNALS: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Defers the signals that end the program, until it is dropped.
pub struct Interrupt {
    raised: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Interrupt {
    /// Starts to defer all of the signals.
    pub fn defer() -> Result<Self, Failure> {
        Self::of(&SIGNALS)
    }

    /// Starts to defer Ctrl-C alone, for work that waits and does not call [`Interrupt::check`].
    pub fn defer_ctrl_c() -> Result<Self, Failure> {
        Self::of(&[SIGINT])
    }

    fn of(signals: &[i32]) -> Result<Self, Failure> {
        let [raised, is_over] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
        for signal in signals.iter().copied().filter(|signal| !is_ignored(*signal)) {
            flag::register_conditional_default(signal, Arc::clone(&is_over))
                .and_then(|_| flag::register(signal, Arc::clone(&raised)))
                .map_err(|error| Failure {
                    status: Status::Store,
                    message: format!("signals cannot be handled: {error}"),
                })?;
        }
        Ok(Self { raised, is_over })
    }

    /// Returns an error if there was a signal.
    pub fn check(&self) -> rbtoken::Result<()> {
        match self.raised.load(Ordering::Relaxed) {
            true => Err(Failure::interruption()),
            false => Ok(()),
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Returns whether the program was started with a signal ignored, as `nohup` does. Only Linux tells
/// without unsafe code.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
