//! Buckets of a hash index: the entries that share a cache line.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::block_pool::{BlockPool, CHUNK};
use crate::error::Result;
use crate::memory;

/// A bucket of eight entries in one cache line: first their tags, then their addresses. A search
/// starts at the bucket that the hash selects and goes on to the next one while a bucket has no
/// empty slot.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Bucket {
    /// Four tags in each word, the first in the lowest bits.
    tags: [u64; 2],
    /// 48 bits of each address, lowest first.
    addresses: [[u16; 3]; SLOTS],
}

/// Slots per bucket.
pub(super) const SLOTS: usize = 8;

/// Tags of an empty slot and of a removed entry (tombstone). Tags of entries are greater.
const EMPTY_TAG: u16 = 0;
const TOMBSTONE: u16 = 1;

/// Returns the tag of a hash, which is made of its 16 highest bits.
#[inline]
fn tag_of(hash: u64) -> u16 {
    let tag = (hash >> 48) as u16;
    if tag > TOMBSTONE { tag } else { tag + TOMBSTONE + 1 }
}

/// Returns a mask with the highest bit of each 16-bit lane that equals `tag`. Lanes above the
/// lowest match can be false positives.
#[inline]
fn matches(tags: u64, tag: u16) -> u64 {
    const ONES: u64 = u64::MAX / 0xffff;
    let zero_where_same = tags ^ (u64::from(tag) * ONES);
    zero_where_same.wrapping_sub(ONES) & !zero_where_same & (ONES << 15)
}

impl Bucket {
    const EMPTY: Self = Self { tags: [0; 2], addresses: [[0; 3]; SLOTS] };

    /// Returns the slots and addresses of entries whose tag matches the hash.
    #[inline]
    pub fn candidates(&self, hash: u64) -> impl Iterator<Item = (usize, usize)> {
        let tag = tag_of(hash);
        let mut found = self.tags.map(|tags| matches(tags, tag));
        std::iter::from_fn(move || {
            let half = usize::from(found[0] == 0);
            if found[half] == 0 {
                return None;
            }
            let slot = 4 * half + found[half].trailing_zeros() as usize / 16;
            found[half] &= found[half] - 1;
            Some((slot, self.address(slot)))
        })
    }

    /// Returns whether a slot has always been empty, so that no entry of this bucket overflowed
    /// into the next one.
    #[inline]
    pub fn has_empty_slot(&self) -> bool {
        self.tags.iter().any(|tags| matches(*tags, EMPTY_TAG) != 0)
    }

    fn tag(&self, slot: usize) -> u16 {
        (self.tags[slot / 4] >> (slot % 4 * 16)) as u16
    }

    fn set_tag(&mut self, slot: usize, tag: u16) {
        let shift = slot % 4 * 16;
        let tags = &mut self.tags[slot / 4];
        *tags = *tags & !(0xffff << shift) | u64::from(tag) << shift;
    }

    #[inline]
    fn address(&self, slot: usize) -> usize {
        let [low, middle, high] = self.addresses[slot].map(u64::from);
        (low | middle << 16 | high << 32) as usize
    }

    /// Replaces the address of an entry.
    pub fn set_address(&mut self, slot: usize, address: usize) {
        let address = address as u64;
        assert!(address >> 48 == 0, "an address must have at most 48 bits");
        self.addresses[slot] = [address as u16, (address >> 16) as u16, (address >> 32) as u16];
    }

    /// Adds an entry and returns whether its slot was empty (not a tombstone). Returns `None` if
    /// the bucket is full.
    pub fn insert(&mut self, hash: u64, address: usize) -> Option<bool> {
        let slot = (0..SLOTS).find(|slot| self.tag(*slot) <= TOMBSTONE)?;
        let was_empty = self.tag(slot) == EMPTY_TAG;
        self.set_address(slot, address);
        self.set_tag(slot, tag_of(hash));
        Some(was_empty)
    }

    /// Removes an entry and returns whether its slot is empty now (not a tombstone).
    pub fn remove(&mut self, slot: usize) -> bool {
        // A search stops at a bucket with an empty slot. If there already was one, no entry
        // overflowed, and another empty slot changes nothing.
        let had_empty_slot = self.has_empty_slot();
        self.set_tag(slot, if had_empty_slot { EMPTY_TAG } else { TOMBSTONE });
        had_empty_slot
    }

    fn entries(&self) -> impl Iterator<Item = usize> {
        let slots = (0..SLOTS).filter(|slot| self.tag(*slot) > TOMBSTONE);
        slots.map(|slot| self.address(slot))
    }
}

/// Sizes of the arrays that are allocated in blocks of huge pages, as binary logarithms of their
/// numbers of buckets. Smaller arrays have few cache misses, and larger ones have huge pages of
/// their own.
const SIZES: std::ops::Range<u32> = 6..(CHUNK / 2 / size_of::<Bucket>()).ilog2();

/// Allocates the bucket arrays of many indexes. An array that a growing index frees is reused by
/// the next one of that size.
pub struct BucketPool(Vec<BlockPool>);

impl Default for BucketPool {
    fn default() -> Self {
        Self(SIZES.map(|size| BlockPool::new(size_of::<Bucket>() << size)).collect())
    }
}

impl BucketPool {
    /// Returns the bytes mapped from the system, without the arrays of small indexes.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(BlockPool::bytes).sum()
    }
}

/// The bucket array of one index.
pub(super) struct Buckets {
    start: NonNull<Bucket>,
    count: usize,
    /// Whether the array came from a [`BlockPool`]; otherwise it is a boxed slice.
    is_block: bool,
}

// SAFETY: the array is owned, like a boxed slice.
unsafe impl Send for Buckets {}
// SAFETY: as above.
unsafe impl Sync for Buckets {}

impl Default for Buckets {
    fn default() -> Self {
        Self::boxed(Box::default())
    }
}

impl Buckets {
    /// Returns `count` empty buckets; `count` must be a power of two.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn empty(count: usize, bucket_pool: &BucketPool) -> Result<Self> {
        let size = count.trailing_zeros();
        let block_pool =
            size.checked_sub(SIZES.start).and_then(|index| bucket_pool.0.get(index as usize));
        let Some(block_pool) = block_pool else {
            let mut buckets = memory::vec_with_capacity(count)?;
            buckets.resize(count, Bucket::EMPTY);
            return Ok(Self::boxed(buckets.into_boxed_slice()));
        };
        let block = block_pool.allocate(0).ok_or_else(|| memory::exhausted(()))?;
        let start = block.cast::<Bucket>();
        for index in 0..count {
            // SAFETY: the block belongs to this call, is aligned to 64 bytes, and has room for
            // `count` buckets.
            unsafe { start.add(index).write(Bucket::EMPTY) };
        }
        Ok(Self { start, count, is_block: true })
    }

    fn boxed(buckets: Box<[Bucket]>) -> Self {
        let count = buckets.len();
        Self { start: NonNull::from(Box::leak(buckets)).cast(), count, is_block: false }
    }

    /// Returns the addresses of all entries.
    pub fn entries(&self) -> impl Iterator<Item = usize> {
        self.iter().flat_map(Bucket::entries)
    }
}

impl Deref for Buckets {
    type Target = [Bucket];
    #[inline]
    fn deref(&self) -> &[Bucket] {
        // SAFETY: the array has `count` initialized buckets and is owned by `self`.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.count).as_ref() }
    }
}

impl DerefMut for Buckets {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Bucket] {
        // SAFETY: as above.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.count).as_mut() }
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        // SAFETY: the flag says where the array came from, and it is not used again.
        unsafe {
            if self.is_block {
                BlockPool::free(self.start.cast());
            } else {
                drop(Box::from_raw(NonNull::slice_from_raw_parts(self.start, self.count).as_ptr()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_finds_entries_for_all_tags() {
        for first in [0, 1, 2, 0x7fff, 0x8000, 0xfffe, 0xffff_u64] {
            for second in [0, 1, 3, 0x8001, 0xffff_u64] {
                let mut bucket = Bucket::EMPTY;
                let hash = |slot: u64| (if slot.is_multiple_of(2) { first } else { second }) << 48;
                for slot in 0..8 {
                    assert!(bucket.has_empty_slot());
                    let address = 0x7fff_5600 + slot as usize;
                    assert_eq!(bucket.insert(hash(slot), address), Some(true));
                    assert!(bucket.candidates(hash(slot)).any(|it| it == (slot as usize, address)));
                }
                assert!(!bucket.has_empty_slot() && bucket.insert(hash(0), 1).is_none());
                assert!(!bucket.remove(3));
                assert_eq!((bucket.has_empty_slot(), bucket.entries().count()), (false, 7));
                assert!(bucket.candidates(hash(3)).all(|(slot, _)| slot != 3));
                assert_eq!(bucket.insert(hash(3), 9), Some(false));
                assert!(bucket.candidates(hash(3)).any(|it| it == (3, 9)));
            }
        }
    }

    #[test]
    fn removal_from_a_bucket_never_full_leaves_no_tombstone() {
        let mut bucket = Bucket::EMPTY;
        bucket.insert(7 << 48, 1);
        bucket.insert(8 << 48, 2);
        assert!(bucket.remove(0) && bucket.remove(1));
        assert_eq!((bucket.tags, bucket.entries().count()), ([0; 2], 0));
    }
}
