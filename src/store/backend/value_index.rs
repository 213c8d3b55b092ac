//! Finding a record by its token's value.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::RwLock;

use crate::token::Record;

const SHARDS: usize = 64;

/// A hash table in shards, so that a lookup waits for nobody but a change of its own shard.
pub(super) struct ValueIndex {
    hasher: DefaultHashBuilder,
    shards: [RwLock<HashTable<Entry>>; SHARDS],
}

struct Entry {
    /// Kept so that a growing table need not read every record.
    hash: u64,
    record: Arc<Record>,
}

impl Entry {
    fn is(&self, hash: u64, value: &str) -> bool {
        // What the hash excludes is not compared; what remains is compared in constant time.
        self.hash == hash && self.record.value().is(value)
    }
}

impl Default for ValueIndex {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            shards: std::array::from_fn(|_| RwLock::default()),
        }
    }
}

impl ValueIndex {
    fn locate(&self, value: &str) -> (u64, &RwLock<HashTable<Entry>>) {
        let hash = self.hasher.hash_one(value);
        // The table itself uses the lowest and the highest bits.
        (hash, &self.shards[(hash >> 32) as usize % SHARDS])
    }

    /// Calls `read` with the record of a value while nobody can replace it.
    pub fn with<T>(&self, value: &str, read: impl FnOnce(&Arc<Record>) -> T) -> Option<T> {
        let (hash, shard) = self.locate(value);
        shard.read().find(hash, |entry| entry.is(hash, value)).map(|entry| read(&entry.record))
    }

    pub fn contains(&self, value: &str) -> bool {
        self.with(value, |_| ()).is_some()
    }

    /// Adds a record whose value is not there yet.
    pub fn insert(&self, record: &Arc<Record>) {
        let (hash, shard) = self.locate(record.value().expose());
        let entry = Entry { hash, record: Arc::clone(record) };
        shard.write().insert_unique(hash, entry, |entry| entry.hash);
    }

    /// Puts a changed record in the place of the one with the same value. Logins of the moment
    /// are not lost: they are over, or wait for the new record.
    pub fn replace(&self, record: &Arc<Record>) {
        let (hash, shard) = self.locate(record.value().expose());
        let mut shard = shard.write();
        if let Some(entry) = shard.find_mut(hash, |entry| entry.is(hash, record.value().expose())) {
            record.set_last_used(entry.record.last_used());
            entry.record = Arc::clone(record);
        }
    }

    pub fn remove(&self, record: &Record) {
        let (hash, shard) = self.locate(record.value().expose());
        let mut shard = shard.write();
        if let Ok(entry) = shard.find_entry(hash, |entry| entry.is(hash, record.value().expose())) {
            entry.remove();
        }
    }
}
