//! Finding a record by its token's value.

use std::hash::{BuildHasher, Hasher};

use hashbrown::DefaultHashBuilder;
use parking_lot::RwLock;

use crate::error::Result;
use crate::index::{Hint, LineMemory, Table, for_each_table, table_of};
use crate::memory;
use crate::token::{Record, SharedRecord};

/// So many that a growing one is moved in less than a millisecond at a million tokens (where each
/// is three quarters full), and that a lookup seldom meets a change; few enough that the locks stay
/// in the nearest cache.
const SHARDS: usize = 160;

/// A hash table in shards, so that a lookup waits for nobody but a change of its own shard.
pub(super) struct ValueIndex {
    /// Has a key of its own: who imports values of a choice cannot choose where they go.
    hasher: DefaultHashBuilder,
    shards: Box<[Shard]>,
    memory: LineMemory,
}

/// In a cache line of its own, so that a lookup waits for no neighbour's lock.
#[derive(Default)]
#[repr(align(64))]
struct Shard {
    table: RwLock<Table<Record>>,
    hint: Hint,
}

impl ValueIndex {
    /// Returns an index without records.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Self> {
        let shards = memory::collect((0..SHARDS).map(|_| Shard::default()))?.into_boxed_slice();
        let hasher = DefaultHashBuilder::default();
        Ok(Self { hasher, shards, memory: LineMemory::default() })
    }

    /// Returns how many bytes the index occupies.
    pub fn bytes(&self) -> usize {
        self.memory.bytes()
    }

    /// Of the bytes alone: what a slice itself adds, to be told from what follows, is spared.
    #[inline]
    fn hash(&self, value: &[u8]) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(value);
        state.finish()
    }

    #[inline]
    fn locate(&self, value: &[u8]) -> (u64, &Shard) {
        let hash = self.hash(value);
        (hash, &self.shards[table_of(hash, SHARDS)])
    }

    /// Calls `read` with the record of a value while nobody can replace it. Only values whose
    /// hashes agree in part are compared, and those in constant time.
    pub fn with<T>(&self, value: &[u8], read: impl FnOnce(&SharedRecord) -> T) -> Option<T> {
        let (hash, shard) = self.locate(value);
        shard.hint.prefetch(hash);
        // No record has this id. Its cache line is the one that a login writes to: asked for before
        // the comparison, it comes from memory beside the value and not behind it.
        let is = |record: &SharedRecord| record.id() != i64::MIN && record.value().is(value);
        shard.table.read().find(hash, is).map(|record| read(&record))
    }

    pub fn contains(&self, value: &[u8]) -> bool {
        self.with(value, |_| ()).is_some()
    }

    /// Makes room for so many records, where there are none yet.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve(&self, records: usize) -> Result<()> {
        for shard in &self.shards {
            let mut table = shard.table.write();
            let reserved = table.reserve(&self.memory, records, SHARDS);
            shard.hint.set(&table);
            reserved?;
        }
        Ok(())
    }

    /// Makes room for these records, so that inserting them needs no memory.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn make_room<'a>(
        &self,
        records: impl Iterator<Item = &'a SharedRecord> + Clone,
    ) -> Result<()> {
        let hashes = records.map(|record| self.hash_of(record));
        for_each_table::<SHARDS>(hashes, |index, more| {
            let shard = &self.shards[index];
            let mut table = shard.table.write();
            let made = table.make_room(&self.memory, more, |record| self.hash_of(record));
            shard.hint.set(&table);
            made
        })
    }

    fn hash_of(&self, record: &Record) -> u64 {
        self.hash(record.value().expose_bytes())
    }

    /// Adds a record whose value is not there yet.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn insert(&self, record: &SharedRecord) -> Result<()> {
        let (hash, shard) = self.locate(record.value().expose_bytes());
        let mut table = shard.table.write();
        let hash_of = |record: &Record| self.hash_of(record);
        let inserted = table.insert(&self.memory, hash, record.clone(), hash_of);
        shard.hint.set(&table);
        inserted
    }

    /// Puts a changed record in the place of another. Logins of the moment are not lost: they are
    /// over, or wait for the new record.
    pub fn replace(&self, old: &SharedRecord, new: &SharedRecord) {
        let (hash, shard) = self.locate(new.value().expose_bytes());
        // From memory into the cache before logins have to wait for it.
        std::hint::black_box(old.last_used());
        let is_old = |entry: &SharedRecord| is_same(entry, old);
        let gone = shard.table.write().replace(hash, is_old, |entry| {
            new.set_last_used(entry.last_used());
            new.clone()
        });
        drop(gone);
    }

    pub fn remove(&self, record: &SharedRecord) {
        let (hash, shard) = self.locate(record.value().expose_bytes());
        let gone = shard.table.write().remove(hash, |entry| is_same(entry, record));
        drop(gone);
    }
}

/// Mostly the records need not be looked at.
fn is_same(entry: &SharedRecord, record: &SharedRecord) -> bool {
    entry.is(record) || entry.id() == record.id()
}
