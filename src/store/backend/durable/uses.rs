//! The records that were used since their last use was written.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::token::SharedRecord;

const SHARDS: usize = 64;

/// The ids of records whose `last_used` the disk does not know yet. A login puts a record here the
/// first time only, and waits for nobody who uses another record.
pub(super) struct Uses {
    shards: [Mutex<Vec<i64>>; SHARDS],
    any: AtomicBool,
}

impl Default for Uses {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), any: AtomicBool::new(false) }
    }
}

impl Uses {
    /// Notes the id of a record that was used; whether it is the first since they were taken.
    pub fn note(&self, id: i64) -> bool {
        self.shards[id as usize % SHARDS].lock().push(id);
        !self.any.load(Ordering::Acquire) && !self.any.swap(true, Ordering::AcqRel)
    }

    /// Takes the ids of the records that were used.
    pub fn take(&self) -> Vec<i64> {
        // First: what is noted from here on is announced again.
        self.any.store(false, Ordering::Release);
        self.shards.iter().flat_map(|shard| std::mem::take(&mut *shard.lock())).collect()
    }

    /// Notes again what could not be written.
    pub fn put_back(&self, records: &[SharedRecord]) {
        for record in records.iter().filter(|record| record.note_use_again()) {
            self.note(record.id());
        }
    }
}
