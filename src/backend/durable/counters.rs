//! Counters of the writer thread, read by other threads for statistics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::backend::FileStatistics;

/// Counters that the writer thread updates after each step.
#[derive(Default)]
pub(super) struct Counters {
    bytes: AtomicU64,
    log_bytes: AtomicU64,
    commits: AtomicU64,
}

impl Counters {
    pub fn store(&self, file: FileStatistics) {
        self.bytes.store(file.bytes, Ordering::Relaxed);
        self.log_bytes.store(file.log_bytes, Ordering::Relaxed);
        self.commits.store(file.commits, Ordering::Relaxed);
    }

    pub fn read(&self) -> FileStatistics {
        FileStatistics {
            bytes: self.bytes.load(Ordering::Relaxed),
            log_bytes: self.log_bytes.load(Ordering::Relaxed),
            commits: self.commits.load(Ordering::Relaxed),
        }
    }
}
