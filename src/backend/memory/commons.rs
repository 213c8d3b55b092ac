//! What records have in common, kept once.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

use crate::error::Result;
use crate::index::Slab;
use crate::token::{Common, Record, RecordFields, SharedRecord};

/// What the records of a store have in common, and the memory that they lie in. The table keeps
/// nothing alive.
#[derive(Default)]
pub(in crate::backend) struct Commons {
    slab: Slab<Record>,
    hasher: DefaultHashBuilder,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashTable<Entry>,
    /// How many were in the table when those that nobody has were swept out.
    swept: usize,
    /// How many records have gone since.
    gone: usize,
}

struct Entry {
    hash: u64,
    common: Weak<Common>,
}

const SWEEP_AT_LEAST: usize = 64;

impl Commons {
    /// Places a new record, whose owner's name is shared already.
    ///
    /// # Errors
    /// `NoMemory`. Some memory is left then for records that replace others.
    pub fn record(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |common| self.share(common);
        Record::placed(id, fields, None, share, |record| self.slab.place(record))
    }

    /// Places a record that replaces another, and whose owner's name is shared already.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn replacement(&self, id: i64, fields: RecordFields) -> Result<SharedRecord> {
        let share = |common| self.share(common);
        Record::placed(id, fields, None, share, |record| self.slab.place_anyway(record))
    }

    /// Has memory ready for so many records.
    #[cfg(feature = "sqlite")]
    pub fn prepare(&self, records: usize) {
        self.slab.prepare(records);
    }

    /// The same as this, as other records have it; or this.
    fn share(&self, common: Common) -> Arc<Common> {
        if !common.can_be_shared() {
            return Arc::new(common);
        }
        let hash = self.hasher.hash_one(&common);
        let mut table = self.table.lock();
        let mut found = None;
        table.entries.find(hash, |entry| {
            if entry.hash == hash {
                found = entry.common.upgrade().filter(|it| **it == common);
            }
            found.is_some()
        });
        if let Some(found) = found {
            return found;
        }
        let common = Arc::new(common);
        table.insert(Entry { hash, common: Arc::downgrade(&common) });
        common
    }

    /// Gives back the memory that is kept for records which are gone.
    pub fn sweep(&self) {
        let mut table = self.table.lock();
        if table.gone > 0 {
            table.sweep();
        }
    }

    /// Says that so many records are gone, so that there may be something to sweep out.
    pub fn released(&self, records: usize) {
        self.table.lock().gone += records;
    }
}

impl Table {
    fn insert(&mut self, entry: Entry) {
        // As rare as doubling, so that an entry is looked at a few times in its life.
        let grown = self.entries.len() >= 2 * self.swept.max(SWEEP_AT_LEAST / 2);
        if grown || self.gone > self.swept.max(SWEEP_AT_LEAST) {
            self.sweep();
        }
        // Without room in the table it is only not shared.
        if self.entries.try_reserve(1, |entry| entry.hash).is_ok() {
            self.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
        }
    }

    /// Drops the entries of what no record has any more.
    fn sweep(&mut self) {
        self.entries.retain(|entry| entry.common.strong_count() > 0);
        self.shrink();
        (self.swept, self.gone) = (self.entries.len(), 0);
    }

    /// Shrinks a table that is less than half as large as twice its entries need, if there is
    /// memory for a smaller one.
    fn shrink(&mut self) {
        let mut smaller = HashTable::new();
        let most = 2 * self.entries.len();
        if most < self.entries.capacity() / 2 && smaller.try_reserve(most, |_| 0).is_ok() {
            for entry in self.entries.drain() {
                smaller.insert_unique(entry.hash, entry, |entry| entry.hash);
            }
            self.entries = smaller;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::fields;

    /// A record with a note, else like the others.
    fn noted(commons: &Commons, alike: &RecordFields, note: &str) -> SharedRecord {
        let fields = RecordFields { note: note.into(), ..alike.clone() };
        commons.record(1, fields).unwrap()
    }

    #[test]
    fn equal_records_share_fields_and_unused_ones_are_dropped() {
        let commons = Commons::default();
        let alike = fields(1, "alice", None, None);
        let noted = |note: &str| noted(&commons, &alike, note);
        let (one, other) = (noted("x"), noted("x"));
        assert_eq!(one.note().as_str().as_ptr(), other.note().as_str().as_ptr());
        assert_eq!(commons.table.lock().entries.len(), 1);

        let many: Vec<_> = (0..1000).map(|n| noted(&n.to_string())).collect();
        assert_eq!(commons.table.lock().entries.len(), 1001);
        drop(many);
        commons.released(1000);
        let kept = noted("y");
        assert_eq!(commons.table.lock().entries.len(), 2);
        assert!(commons.table.lock().entries.capacity() < 100);
        drop((kept, one, other));
    }
}
