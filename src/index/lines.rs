//! Buckets of a hash index: the entries that share a cache line.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::pieces::{CHUNK, Pieces};
use crate::error::Result;
use crate::memory;

/// A bucket of eight entries in one cache line: first their tags, then their addresses. A search
/// starts at the bucket that the hash selects and goes on to the next one while a bucket has no
/// empty slot.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Four tags in each word, the first in the lowest bits.
    tags: [u64; 2],
    /// 48 bits of each address, lowest first.
    addresses: [[u16; 3]; ENTRIES],
}

/// Slots per bucket.
pub(super) const ENTRIES: usize = 8;

/// Tags of an empty slot and of a removed entry (tombstone). Tags of entries are greater.
const NONE: u16 = 0;
const REMOVED: u16 = 1;

/// Returns the tag of a hash, which is made of its 16 highest bits.
#[inline]
fn tag_of(hash: u64) -> u16 {
    let tag = (hash >> 48) as u16;
    if tag > REMOVED { tag } else { tag + REMOVED + 1 }
}

/// Returns a mask with the highest bit of each 16-bit lane that equals `tag`. Lanes above the
/// lowest match can be false positives.
#[inline]
fn matches(tags: u64, tag: u16) -> u64 {
    const ONES: u64 = u64::MAX / 0xffff;
    let zero_where_same = tags ^ (u64::from(tag) * ONES);
    zero_where_same.wrapping_sub(ONES) & !zero_where_same & (ONES << 15)
}

impl Line {
    const EMPTY: Self = Self { tags: [0; 2], addresses: [[0; 3]; ENTRIES] };

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
            let place = 4 * half + found[half].trailing_zeros() as usize / 16;
            found[half] &= found[half] - 1;
            Some((place, self.address(place)))
        })
    }

    /// Returns whether a slot has always been empty, so that no entry of this bucket overflowed
    /// into the next one.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.tags.iter().any(|tags| matches(*tags, NONE) != 0)
    }

    fn tag(&self, place: usize) -> u16 {
        (self.tags[place / 4] >> (place % 4 * 16)) as u16
    }

    fn set_tag(&mut self, place: usize, tag: u16) {
        let shift = place % 4 * 16;
        let tags = &mut self.tags[place / 4];
        *tags = *tags & !(0xffff << shift) | u64::from(tag) << shift;
    }

    #[inline]
    fn address(&self, place: usize) -> usize {
        let [low, middle, high] = self.addresses[place].map(u64::from);
        (low | middle << 16 | high << 32) as usize
    }

    /// Replaces the address of an entry.
    pub fn set_address(&mut self, place: usize, address: usize) {
        let address = address as u64;
        assert!(address >> 48 == 0, "no memory lies so high on what is supported");
        self.addresses[place] = [address as u16, (address >> 16) as u16, (address >> 32) as u16];
    }

    /// Adds an entry and returns whether its slot was empty (not a tombstone). Returns `None` if
    /// the bucket is full.
    pub fn add(&mut self, hash: u64, address: usize) -> Option<bool> {
        let place = (0..ENTRIES).find(|place| self.tag(*place) <= REMOVED)?;
        let was_none = self.tag(place) == NONE;
        self.set_address(place, address);
        self.set_tag(place, tag_of(hash));
        Some(was_none)
    }

    /// Removes an entry and returns whether its slot is empty now (not a tombstone).
    pub fn remove(&mut self, place: usize) -> bool {
        // A search stops at a bucket with an empty slot. If there already was one, no entry
        // overflowed, and another empty slot changes nothing.
        let had_room = self.has_room();
        self.set_tag(place, if had_room { NONE } else { REMOVED });
        had_room
    }

    fn entries(&self) -> impl Iterator<Item = usize> {
        let places = (0..ENTRIES).filter(|place| self.tag(*place) > REMOVED);
        places.map(|place| self.address(place))
    }
}

/// Sizes, as binary logarithms of the number of buckets, that are allocated in blocks of huge
/// pages. Smaller arrays have few cache misses, and larger ones have huge pages of their own.
const SIZES: std::ops::Range<u32> = 6..(CHUNK / 2 / size_of::<Line>()).ilog2();

/// Allocates the bucket arrays of many indexes. An array that a growing index frees is reused by
/// the next one of that size.
pub struct LineMemory(Vec<Pieces>);

impl Default for LineMemory {
    fn default() -> Self {
        Self(SIZES.map(|size| Pieces::new(size_of::<Line>() << size)).collect())
    }
}

impl LineMemory {
    /// Returns the bytes mapped from the system, without the arrays of small indexes.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Pieces::bytes).sum()
    }
}

/// The bucket array of one index.
pub(super) struct Lines {
    start: NonNull<Line>,
    count: usize,
    /// Whether the array came from a [`Pieces`]; otherwise it is a boxed slice.
    is_piece: bool,
}

// SAFETY: the array is owned, like a boxed slice.
unsafe impl Send for Lines {}
// SAFETY: as above.
unsafe impl Sync for Lines {}

impl Default for Lines {
    fn default() -> Self {
        Self::boxed(Box::default())
    }
}

impl Lines {
    /// Returns `count` empty buckets; `count` must be a power of two.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn empty(count: usize, memory: &LineMemory) -> Result<Self> {
        let size = count.trailing_zeros();
        let pieces = size.checked_sub(SIZES.start).and_then(|index| memory.0.get(index as usize));
        let Some(pieces) = pieces else {
            let mut lines = memory::vec_with_capacity(count)?;
            lines.resize(count, Line::EMPTY);
            return Ok(Self::boxed(lines.into_boxed_slice()));
        };
        let piece = pieces.take(0).ok_or_else(|| memory::exhausted(()))?;
        let start = piece.cast::<Line>();
        for index in 0..count {
            // SAFETY: the block belongs to this call, is aligned to 64 bytes, and has room for
            // `count` buckets.
            unsafe { start.add(index).write(Line::EMPTY) };
        }
        Ok(Self { start, count, is_piece: true })
    }

    fn boxed(lines: Box<[Line]>) -> Self {
        let count = lines.len();
        Self { start: NonNull::from(Box::leak(lines)).cast(), count, is_piece: false }
    }

    /// Returns the addresses of all entries.
    pub fn entries(&self) -> impl Iterator<Item = usize> {
        self.iter().flat_map(Line::entries)
    }
}

impl Deref for Lines {
    type Target = [Line];
    #[inline]
    fn deref(&self) -> &[Line] {
        // SAFETY: the array has `count` initialized buckets and is owned by `self`.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.count).as_ref() }
    }
}

impl DerefMut for Lines {
    #[inline]
    fn deref_mut(&mut self) -> &mut [Line] {
        // SAFETY: as above.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.count).as_mut() }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // SAFETY: the flag says where the array came from, and it is not used again.
        unsafe {
            if self.is_piece {
                Pieces::give_back(self.start.cast());
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
    fn a_line_finds_what_was_added_whatever_the_tags() {
        for first in [0, 1, 2, 0x7fff, 0x8000, 0xfffe, 0xffff_u64] {
            for second in [0, 1, 3, 0x8001, 0xffff_u64] {
                let mut line = Line::EMPTY;
                let hash =
                    |place: u64| (if place.is_multiple_of(2) { first } else { second }) << 48;
                for place in 0..8 {
                    assert!(line.has_room());
                    let address = 0x7fff_5600 + place as usize;
                    assert_eq!(line.add(hash(place), address), Some(true));
                    assert!(line.candidates(hash(place)).any(|it| it == (place as usize, address)));
                }
                assert!(!line.has_room() && line.add(hash(0), 1).is_none());
                assert!(!line.remove(3));
                assert_eq!((line.has_room(), line.entries().count()), (false, 7));
                assert!(line.candidates(hash(3)).all(|(place, _)| place != 3));
                assert_eq!(line.add(hash(3), 9), Some(false));
                assert!(line.candidates(hash(3)).any(|it| it == (3, 9)));
            }
        }
    }

    #[test]
    fn a_line_that_always_had_room_is_as_if_nothing_had_been_there() {
        let mut line = Line::EMPTY;
        line.add(7 << 48, 1);
        line.add(8 << 48, 2);
        assert!(line.remove(0) && line.remove(1));
        assert_eq!((line.tags, line.entries().count()), ([0; 2], 0));
    }
}
