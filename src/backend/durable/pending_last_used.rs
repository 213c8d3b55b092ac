//! Records whose time of last use has not been written to the file.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::memory;
use crate::token::{Record, SharedRecord};

const SHARDS: usize = 64;

/// Ids of records whose `last_used` is newer than in the file. Only the first login with a token
/// after a write adds its record here, and blocks only logins with tokens of the same shard.
///
/// A flag in each record says whether it is in this set. It changes only while the shard is locked,
/// so a flagged record is in the result of the next [`PendingLastUsed::take`].
pub(super) struct PendingLastUsed {
    shards: [Mutex<Vec<i64>>; SHARDS],
    any: AtomicBool,
}

impl Default for PendingLastUsed {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), any: AtomicBool::new(false) }
    }
}

impl PendingLastUsed {
    /// Notes that a record was used, and returns whether it is the first one since the last
    /// [`PendingLastUsed::take`].
    pub fn record_use(&self, record: &Record, time: Timestamp) -> bool {
        let if_no_memory = || record.set_last_used(Some(time));
        !record.update_unwritten_use(time)
            && self.add(record, || record.set_unwritten_use(time), if_no_memory)
    }

    /// Adds a record if `flag` returns true: the flag was not set before. If there is no memory,
    /// the login succeeds nevertheless, and its time is written when the record is next used or
    /// changed.
    fn add(
        &self,
        record: &Record,
        flag: impl FnOnce() -> bool,
        if_no_memory: impl FnOnce(),
    ) -> bool {
        let id = record.id();
        let mut shard = self.shards[id as usize % SHARDS].lock();
        if shard.try_reserve(1).is_err() {
            if_no_memory();
            return false;
        }
        if !flag() {
            return false;
        }
        shard.push(id);
        drop(shard);
        !self.any.load(Ordering::Acquire) && !self.any.swap(true, Ordering::AcqRel)
    }

    /// Takes all ids, and reserves capacity for as many records.
    ///
    /// # Errors
    /// `NoMemory`. Some ids were not taken then.
    pub fn take(&self, ids: &mut Vec<i64>, records: &mut Vec<SharedRecord>) -> Result<()> {
        // First, so that later uses are reported again.
        self.any.store(false, Ordering::Release);
        let mut taken = Ok(());
        for shard in &self.shards {
            let mut shard = shard.lock();
            let room = ids.try_reserve(shard.len());
            match room.and_then(|()| records.try_reserve(ids.len() + shard.len())) {
                Ok(()) => ids.append(&mut std::mem::take(&mut *shard)),
                Err(error) => taken = Err(memory::exhausted(error)),
            }
        }
        taken
    }

    /// Adds records again whose times could not be written.
    pub fn put_back(&self, records: &[SharedRecord]) {
        for record in records {
            self.add(record, || record.mark_unwritten(), || ());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::backend::tests::record;

    #[test]
    fn flagged_use_is_in_the_next_take() {
        crate::os::deadline::start();
        let uses = PendingLastUsed::default();
        let rounds: Vec<_> =
            (0..2000).map(|id| (record(id, "alice", None, None), Mutex::new(false))).collect();
        let (barrier, missed) = (Barrier::new(2), AtomicU64::new(0));
        let note_and_take = || {
            for (record, taken) in &rounds {
                barrier.wait();
                uses.record_use(record, Timestamp::MIN);
                let mut taken = taken.lock();
                let (mut ids, mut records) = (Vec::new(), Vec::new());
                uses.take(&mut ids, &mut records).unwrap();
                *taken |= ids.contains(&record.id());
                if !*taken {
                    missed.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(note_and_take))));
        assert_eq!(missed.into_inner(), 0);
    }
}
