//! Index of records by token value.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;
use parking_lot::RwLock;

use crate::error::Result;
use crate::index::{BucketPool, HashIndex, PrefetchHint, for_each_shard, shard_of};
use crate::memory;
use crate::token::{Record, SharedRecord};

/// Number of shards. With a million tokens, rehashing a shard takes less than a millisecond, and
/// each shard is three quarters full. A lookup rarely waits for a change of its shard. The locks
/// still fit in the L1 cache.
const SHARDS: usize = 160;

/// A sharded hash index: a lookup only waits for changes of the same shard.
pub(super) struct ValueIndex {
    /// Keyed at random, so that nobody can import values with colliding hashes.
    hasher: DefaultHashBuilder,
    shards: Box<[Shard]>,
    bucket_pool: BucketPool,
}

/// Aligned to a cache line, so that the locks of shards do not share one.
#[derive(Default)]
#[repr(align(64))]
struct Shard {
    index: RwLock<HashIndex<Record>>,
    hint: PrefetchHint,
}

impl ValueIndex {
    /// Creates an empty index.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Self> {
        let shards = memory::collect((0..SHARDS).map(|_| Shard::default()))?.into_boxed_slice();
        let hasher = DefaultHashBuilder::default();
        Ok(Self { hasher, shards, bucket_pool: BucketPool::default() })
    }

    /// Returns the memory of the index in bytes.
    pub fn bytes(&self) -> usize {
        self.bucket_pool.bytes()
    }

    /// Hashes the bytes alone: a slice also hashes its length.
    #[inline]
    fn hash(&self, value: &[u8]) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(value);
        state.finish()
    }

    #[inline]
    fn locate(&self, value: &[u8]) -> (u64, &Shard) {
        let hash = self.hash(value);
        (hash, &self.shards[shard_of(hash, SHARDS)])
    }

    /// Calls `read` with the record of a value, which cannot be replaced meanwhile. Compares only
    /// values whose hashes have the same tag, and these in constant time.
    pub fn with<T>(&self, value: &[u8], read: impl FnOnce(&SharedRecord) -> T) -> Option<T> {
        let (hash, shard) = self.locate(value);
        shard.hint.prefetch(hash);
        // No record has this id. Reading the id first loads its cache line, to which a login
        // writes, in parallel with those of the value.
        let is_match =
            |record: &SharedRecord| record.id() != i64::MIN && record.value().equals(value);
        shard.index.read().find(hash, is_match).map(|record| read(&record))
    }

    pub fn contains(&self, value: &[u8]) -> bool {
        self.with(value, |_| ()).is_some()
    }

    /// Reserves memory for this many records in an empty index.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve(&self, records: usize) -> Result<()> {
        for shard in &self.shards {
            let mut index = shard.index.write();
            let reserved = index.reserve_shard(&self.bucket_pool, records, SHARDS);
            shard.hint.set(&index);
            reserved?;
        }
        Ok(())
    }

    /// Reserves memory for records, so that inserting them does not allocate.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve_for<'a>(
        &self,
        records: impl Iterator<Item = &'a SharedRecord> + Clone,
    ) -> Result<()> {
        let hashes = records.map(|record| self.hash_of(record));
        for_each_shard::<SHARDS>(hashes, |number, more| {
            let shard = &self.shards[number];
            let mut index = shard.index.write();
            let reserved = index.reserve(&self.bucket_pool, more, |record| self.hash_of(record));
            shard.hint.set(&index);
            reserved
        })
    }

    fn hash_of(&self, record: &Record) -> u64 {
        self.hash(record.value().expose_bytes())
    }

    /// Adds a record with a new value.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn insert(&self, record: &SharedRecord) -> Result<()> {
        let (hash, shard) = self.locate(record.value().expose_bytes());
        let mut index = shard.index.write();
        let hash_of = |record: &Record| self.hash_of(record);
        let inserted = index.insert(&self.bucket_pool, hash, record.clone(), hash_of);
        shard.hint.set(&index);
        inserted
    }

    /// Replaces a record by a changed one. The time of a concurrent login is not lost: it is either
    /// copied to the new record or written there later.
    pub fn replace(&self, old: &SharedRecord, new: &SharedRecord) {
        let (hash, shard) = self.locate(new.value().expose_bytes());
        // Loads the cache line before the lock is taken, so that logins wait for a shorter time.
        std::hint::black_box(old.last_used());
        let is_old = |entry: &SharedRecord| is_same(entry, old);
        let replaced = shard.index.write().replace(hash, is_old, |entry| {
            new.set_last_used(entry.last_used());
            new.clone()
        });
        drop(replaced);
    }

    pub fn remove(&self, record: &SharedRecord) {
        let (hash, shard) = self.locate(record.value().expose_bytes());
        let removed = shard.index.write().remove(hash, |entry| is_same(entry, record));
        drop(removed);
    }
}

/// Compares pointers first, which usually saves reading the records.
fn is_same(entry: &SharedRecord, record: &SharedRecord) -> bool {
    entry.ptr_eq(record) || entry.id() == record.id()
}
