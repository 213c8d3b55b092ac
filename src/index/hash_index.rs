//! A hash index: an open-addressing hash table of references to values in a slab.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::Ordering;

use super::SlabArc;
use super::buckets::{Bucket, BucketPool, Buckets, SLOTS};
use crate::error::Result;
use crate::memory;
use crate::sync::AtomicUsize;

/// Maximum load factor (13/16). At this load about 10% of the entries overflow into the next
/// bucket.
const MAX_LOAD: (usize, usize) = (13, 16);

/// Returns the filter bit of a hash: one of 16. It depends on 4 bits that affect neither the bucket
/// nor the tag.
#[inline]
fn filter_bit(hash: u64) -> u16 {
    1 << (hash >> 16 & 15)
}

/// Returns the shard that a hash belongs to. Indexes are sharded so that growing a shard is quick.
///
/// The shard depends on bits 16 to 47, mainly on the high ones. In a shard, the low bits select the
/// bucket, bits 16 to 19 select the filter bit, and bits 48 to 63 are the tag.
#[inline]
pub fn shard_of(hash: u64, shards: usize) -> usize {
    ((u64::from((hash >> 16) as u32) * shards as u64) >> 32) as usize
}

/// Calls `each` with every shard that the hashes belong to and the number of its hashes.
///
/// # Errors
/// The first error of `each`.
pub fn for_each_shard<const SHARDS: usize>(
    hashes: impl Iterator<Item = u64> + Clone,
    mut each: impl FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    // Usually there is one hash, which needs no counting.
    let mut first = hashes.clone();
    match (first.next(), first.next()) {
        (None, _) => return Ok(()),
        (Some(hash), None) => return each(shard_of(hash, SHARDS), 1),
        _ => {}
    }
    let mut counts = [0; SHARDS];
    hashes.for_each(|hash| counts[shard_of(hash, SHARDS)] += 1);
    let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    counted.into_iter().try_for_each(|(index, count)| each(index, count))
}

/// A hash index. The caller supplies hashes and decides equality. The lowest bits of a hash select
/// the bucket, and the highest 16 bits are its tag.
pub struct HashIndex<T> {
    /// The number of buckets is a power of two, or 0 at first.
    buckets: Buckets,
    /// For each bucket, the filter bits ([`filter_bit`]) of the entries that hashed to it since it
    /// was allocated. These two bytes per bucket stay in the L1 and L2 caches, where most lookups
    /// of unknown keys end.
    bucket_filter: Vec<u16>,
    len: usize,
    /// Number of slots that are not empty: entries and tombstones.
    used_slots: usize,
    values: PhantomData<SlabArc<T>>,
}

/// Address of the bucket array, read without the lock so that a lookup can prefetch its bucket
/// while it takes the lock. May be stale, which is harmless.
#[derive(Default)]
pub struct PrefetchHint(AtomicUsize);

impl PrefetchHint {
    /// Prefetches the bucket that a hash selects.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let (start, index) = self.bucket(hash);
        prefetch(start, index);
    }

    /// Returns the address of the bucket array and the index of the bucket that a hash selects.
    #[inline]
    fn bucket(&self, hash: u64) -> (usize, usize) {
        // Address and size are packed in one value, so that they always belong to the same array.
        let hint = self.0.load(Ordering::Relaxed);
        let (start, size) = (hint & !63, hint & 63);
        (start, (hash & ((1 << size) - 1)) as usize)
    }

    /// Stores the address of an index's current bucket array.
    pub fn set<T>(&self, index: &HashIndex<T>) {
        let size = index.buckets.len().trailing_zeros() as usize & 63;
        self.0.store(index.buckets.as_ptr().addr() | size, Ordering::Relaxed);
    }
}

/// Prefetches a bucket. The address need not be valid.
#[inline]
fn prefetch(start: usize, index: usize) {
    let bucket = start.wrapping_add(index.wrapping_mul(size_of::<Bucket>()));
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint to the processor, which ignores invalid addresses.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(std::ptr::without_provenance(bucket), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bucket;
}

/// A borrowed reference to an entry of an index.
pub struct EntryRef<'a, T>(ManuallyDrop<SlabArc<T>>, PhantomData<&'a SlabArc<T>>);

impl<T> Deref for EntryRef<'_, T> {
    type Target = SlabArc<T>;
    fn deref(&self) -> &SlabArc<T> {
        &self.0
    }
}

impl<T> Default for HashIndex<T> {
    fn default() -> Self {
        Self {
            buckets: Buckets::default(),
            bucket_filter: Vec::new(),
            len: 0,
            used_slots: 0,
            values: PhantomData,
        }
    }
}

impl<T> HashIndex<T> {
    /// Returns the number of entries.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the entry with this hash for which `is_match` returns true.
    #[inline]
    pub fn find(
        &self,
        hash: u64,
        is_match: impl FnMut(&SlabArc<T>) -> bool,
    ) -> Option<EntryRef<'_, T>> {
        self.slot(hash, is_match).map(|(.., entry)| entry)
    }

    /// Adds an entry. `hash_of` returns the hash of an existing entry.
    ///
    /// # Errors
    /// `NoMemory`. Cannot fail if [`HashIndex::reserve`] was called for this entry.
    pub fn insert(
        &mut self,
        bucket_pool: &BucketPool,
        hash: u64,
        value: SlabArc<T>,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        self.reserve(bucket_pool, 1, hash_of)?;
        self.insert_reserved(hash, value);
        Ok(())
    }

    /// Reserves room for `more` entries.
    ///
    /// # Errors
    /// `NoMemory`; the index is unchanged.
    pub fn reserve(
        &mut self,
        bucket_pool: &BucketPool,
        more: usize,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        if (self.used_slots + more) * MAX_LOAD.1 > self.buckets.len() * SLOTS * MAX_LOAD.0 {
            self.rebuild(bucket_pool, more, hash_of)?;
        }
        Ok(())
    }

    /// Replaces the entry with this hash for which `is_match` returns true by a value that `new`
    /// makes from it, and returns the old one.
    pub fn replace(
        &mut self,
        hash: u64,
        is_match: impl FnMut(&SlabArc<T>) -> bool,
        new: impl FnOnce(&T) -> SlabArc<T>,
    ) -> Option<SlabArc<T>> {
        let (bucket, slot, old) = self.slot(hash, is_match)?;
        let (new, old) = (new(&old), old.0.address());
        self.buckets[bucket].set_address(slot, new.into_address());
        // SAFETY: the address represented one reference, and the index no longer has it.
        Some(unsafe { SlabArc::from_address(old) })
    }

    /// Removes the entry with this hash for which `is_match` returns true.
    pub fn remove(
        &mut self,
        hash: u64,
        is_match: impl FnMut(&SlabArc<T>) -> bool,
    ) -> Option<SlabArc<T>> {
        let (bucket, slot, old) = self.slot(hash, is_match)?;
        let old = old.0.address();
        self.used_slots -= usize::from(self.buckets[bucket].remove(slot));
        self.len -= 1;
        // SAFETY: the address represented one reference, and the index no longer has it.
        Some(unsafe { SlabArc::from_address(old) })
    }

    /// Returns the bucket, the slot and the entry.
    #[inline]
    fn slot(
        &self,
        hash: u64,
        mut is_match: impl FnMut(&SlabArc<T>) -> bool,
    ) -> Option<(usize, usize, EntryRef<'_, T>)> {
        let last = self.buckets.len().wrapping_sub(1);
        let mut index = hash as usize & last;
        // Prefetched so that the bucket is loaded from memory in parallel with its filter.
        prefetch(self.buckets.as_ptr().addr(), index);
        if self.bucket_filter.get(index)? & filter_bit(hash) == 0 {
            return None;
        }
        loop {
            let bucket = self.buckets.get(index)?;
            for (slot, address) in bucket.candidates(hash) {
                // SAFETY: while the address is in the index, which is borrowed, it represents one
                // reference. `ManuallyDrop` never drops this copy.
                let entry = ManuallyDrop::new(unsafe { SlabArc::from_address(address) });
                if is_match(&entry) {
                    return Some((index, slot, EntryRef(entry, PhantomData)));
                }
            }
            if bucket.has_empty_slot() {
                return None;
            }
            index = (index + 1) & last;
        }
    }

    /// Adds an entry. The caller has reserved room.
    fn insert_reserved(&mut self, hash: u64, value: SlabArc<T>) {
        let last = self.buckets.len() - 1;
        let mut index = hash as usize & last;
        let address = value.into_address();
        self.len += 1;
        self.bucket_filter[index] |= filter_bit(hash);
        loop {
            if let Some(was_empty) = self.buckets[index].insert(hash, address) {
                self.used_slots += usize::from(was_empty);
                return;
            }
            index = (index + 1) & last;
        }
    }

    /// Reserves room in an empty index that is one of `shards` shards, which will get `entries`
    /// entries in all. Otherwise each shard would grow step by step and rehash its entries each
    /// time.
    ///
    /// # Errors
    /// `NoMemory`; the index is unchanged.
    pub fn reserve_shard(
        &mut self,
        bucket_pool: &BucketPool,
        entries: usize,
        shards: usize,
    ) -> Result<()> {
        let share = entries / shards;
        if self.len == 0 && share > 2 * SLOTS {
            // Hashes are not distributed evenly among the shards.
            self.replace_buckets(bucket_pool, share + share / 16)?;
        }
        Ok(())
    }

    /// Replaces the bucket array by an empty one with room for `entries` entries, and returns the
    /// old one.
    fn replace_buckets(&mut self, bucket_pool: &BucketPool, entries: usize) -> Result<Buckets> {
        let count = (entries * MAX_LOAD.1).div_ceil(MAX_LOAD.0 * SLOTS).next_power_of_two();
        let mut bucket_filter = memory::vec_with_capacity(count)?;
        bucket_filter.resize(count, 0);
        let buckets = Buckets::empty(count, bucket_pool)?;
        self.bucket_filter = bucket_filter;
        (self.len, self.used_slots) = (0, 0);
        Ok(std::mem::replace(&mut self.buckets, buckets))
    }

    /// Reserves room for `more` entries and for 25% growth, so that rehashing is rare.
    fn rebuild(
        &mut self,
        bucket_pool: &BucketPool,
        more: usize,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        let old = self.replace_buckets(bucket_pool, self.len + more + self.len / 4)?;
        for address in old.entries() {
            // SAFETY: the address represented one reference, and the index no longer has it.
            let value: SlabArc<T> = unsafe { SlabArc::from_address(address) };
            self.insert_reserved(hash_of(&value), value);
        }
        Ok(())
    }
}

impl<T> Drop for HashIndex<T> {
    fn drop(&mut self) {
        for address in self.buckets.entries() {
            // SAFETY: the address represents one reference, and the index is not used again.
            drop(unsafe { SlabArc::<T>::from_address(address) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::index::Slab;

    /// Returns few distinct hashes for many keys, so that buckets overflow and tags collide.
    fn hash(key: u64) -> u64 {
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread & 0x7 | spread >> 40 & 0x3f0) | (spread >> 62) << 48
    }

    #[test]
    fn index_agrees_with_a_map_in_random_operations() {
        let (slab, memory, mut index) =
            (Slab::default(), BucketPool::default(), HashIndex::default());
        let mut map = HashMap::new();
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        // The index grows, stays as large, and is emptied, more than once.
        const STEPS: u64 = if cfg!(miri) { 500 } else { 200_000 };
        for step in 0..STEPS {
            let growing = step / (STEPS / 10) % 3;
            let key = random(if growing == 2 { 300 } else { 3000 });
            let is = |it: &SlabArc<(u64, Arc<u64>)>| it.0 == key;
            let found = index.find(hash(key), is).map(|it| *it.deref().1);
            assert_eq!(found, map.get(&key).copied());
            let new = slab.insert((key, Arc::new(step))).unwrap();
            let old = match (found, growing != 1 || random(3) == 0) {
                (None, true) => {
                    index.insert(&memory, hash(key), new, |it| hash(it.0)).unwrap();
                    map.insert(key, step)
                }
                (Some(_), true) if random(2) == 0 => {
                    let old = index.replace(hash(key), is, |_| new).map(|it| *it.deref().1);
                    assert_eq!(old, map.insert(key, step));
                    None
                }
                _ => {
                    let old = index.remove(hash(key), is).map(|it| *it.deref().1);
                    assert_eq!(old, map.remove(&key));
                    None
                }
            };
            assert_eq!((old, index.len()), (None, map.len()));
        }
        let kept: Vec<_> = map
            .keys()
            .filter_map(|key| {
                index.find(hash(*key), |it| it.0 == *key).map(|it| SlabArc::clone(&it))
            })
            .collect();
        assert_eq!(kept.len(), map.len());
        drop(index);
        // The references of the index were dropped: these are the last ones.
        assert!(kept.into_iter().all(|mut it| it.get_mut().is_some()));
    }

    #[test]
    fn reserved_index_does_not_grow() {
        let (slab, memory, mut index) =
            (Slab::default(), BucketPool::default(), HashIndex::default());
        const COUNT: usize = if cfg!(miri) { 200 } else { 1000 };
        index.reserve_shard(&memory, COUNT * 160, 160).unwrap();
        let buckets = index.buckets.len();
        for key in 0..COUNT as u64 {
            let value = slab.insert(key).unwrap();
            index.insert(&memory, hash(key), value, |_| unreachable!()).unwrap();
        }
        index.reserve_shard(&memory, COUNT * 1600, 160).unwrap();
        assert_eq!((index.buckets.len(), index.len()), (buckets, COUNT));
        assert!(index.find(hash(7), |it| **it == 7).is_some());
    }

    #[test]
    fn emptied_index_finds_nothing_and_stays_small() {
        let (slab, memory, mut index) =
            (Slab::default(), BucketPool::default(), HashIndex::default());
        assert!(index.find(0, |_: &SlabArc<u64>| true).is_none());
        assert!(index.remove(0, |_| true).is_none());
        for key in 0..if cfg!(miri) { 300 } else { 100_000 } {
            let value = slab.insert(key).unwrap();
            index.insert(&memory, hash(key), value, |key| hash(*key)).unwrap();
            assert!(index.remove(hash(key), |it| **it == key).is_some());
        }
        assert!(index.buckets.len() <= 2);
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::*;
    use crate::index::Slab;
    use crate::index::slab::models::TrackedCell;
    use crate::sync::{Arc, SmallMutex};

    #[test]
    fn hint_names_a_bucket_of_one_array() {
        loom::model(|| {
            let memory = BucketPool::default();
            let (small, mut large) = (HashIndex::<u64>::default(), HashIndex::<u64>::default());
            large.reserve_shard(&memory, 100, 1).unwrap();
            let start = |index: &HashIndex<u64>| index.buckets.as_ptr().addr();
            let (small_start, large_start) = (start(&small), start(&large));
            let hint = Arc::new(PrefetchHint::default());
            let reader = {
                let hint = Arc::clone(&hint);
                loom::thread::spawn(move || hint.bucket(7))
            };
            hint.set(&large);
            hint.set(&small);
            let known = [(0, 0), (small_start, 0), (large_start, 7)];
            assert!(known.contains(&reader.join().unwrap()));
        });
    }

    #[test]
    fn entry_outlives_its_removal_while_referenced() {
        loom::model(|| {
            let (slab, memory) = (Slab::default(), BucketPool::default());
            let mut index = HashIndex::default();
            index.insert(&memory, 7, slab.insert(TrackedCell::new(1)).unwrap(), |_| 7).unwrap();
            let index = Arc::new(SmallMutex::new(index));
            let reader = {
                let index = Arc::clone(&index);
                loom::thread::spawn(move || {
                    let found = index.lock().find(7, |_| true).map(|it| SlabArc::clone(&it));
                    found.map(|it| it.read())
                })
            };
            let replaced =
                index.lock().replace(7, |_| true, |_| slab.insert(TrackedCell::new(2)).unwrap());
            assert_eq!(replaced.unwrap().read(), 1);
            let removed = index.lock().remove(7, |_| true);
            assert_eq!(removed.unwrap().read(), 2);
            assert!(matches!(reader.join().unwrap(), None | Some(1 | 2)));
        });
    }
}
