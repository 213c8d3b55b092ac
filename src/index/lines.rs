//! Where the entries of tables lie.

use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

use super::pieces::{CHUNK, Pieces};
use crate::error::Result;
use crate::memory;

/// Entries that share a cache line: a tag of each, and then an address of each. Who looks for one
/// begins at a line that its hash names, and goes on to the next one only if there is no room left.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line {
    /// Four tags in each, the first one lowest.
    tags: [u64; 2],
    /// The 48 bits of an address, the lowest first.
    addresses: [[u16; 3]; ENTRIES],
}

pub(super) const ENTRIES: usize = 8;

/// The tags of no entry, and of one that was removed. All others are larger.
const NONE: u16 = 0;
const REMOVED: u16 = 1;

/// The tag of a hash: its 16 highest bits.
#[inline]
fn tag_of(hash: u64) -> u16 {
    let tag = (hash >> 48) as u16;
    if tag > REMOVED { tag } else { tag + REMOVED + 1 }
}

/// The highest bit of each of four tags that is this one. Above one that is, another may be taken
/// for one that is not.
#[inline]
fn matches(tags: u64, tag: u16) -> u64 {
    const ONES: u64 = u64::MAX / 0xffff;
    let zero_where_same = tags ^ (u64::from(tag) * ONES);
    zero_where_same.wrapping_sub(ONES) & !zero_where_same & (ONES << 15)
}

impl Line {
    const EMPTY: Self = Self { tags: [0; 2], addresses: [[0; 3]; ENTRIES] };

    /// The places and addresses of entries that may have a hash.
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

    /// Whether there never was an entry in one of the places, so that no line behind this one was
    /// taken instead.
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

    /// Puts another address in the place of an entry's.
    pub fn set_address(&mut self, place: usize, address: usize) {
        let address = address as u64;
        assert!(address >> 48 == 0, "no memory lies so high on what is supported");
        self.addresses[place] = [address as u16, (address >> 16) as u16, (address >> 32) as u16];
    }

    /// Adds an entry, if there is a place for it; whether there was never one in the place.
    pub fn add(&mut self, hash: u64, address: usize) -> Option<bool> {
        let place = (0..ENTRIES).find(|place| self.tag(*place) <= REMOVED)?;
        let was_none = self.tag(place) == NONE;
        self.set_address(place, address);
        self.set_tag(place, tag_of(hash));
        Some(was_none)
    }

    /// Removes an entry; whether it is as if there never was one.
    pub fn remove(&mut self, place: usize) -> bool {
        // Who looks for another entry stops at a line with room. One that had room all the time may
        // have some more.
        let had_room = self.has_room();
        self.set_tag(place, if had_room { NONE } else { REMOVED });
        had_room
    }

    fn entries(&self) -> impl Iterator<Item = usize> {
        let places = (0..ENTRIES).filter(|place| self.tag(*place) > REMOVED);
        places.map(|place| self.address(place))
    }
}

/// So many lines and more, as powers of two, are taken out of huge pages: fewer are soon found,
/// and more have some of their own.
const SIZES: std::ops::Range<u32> = 6..(CHUNK / 2 / size_of::<Line>()).ilog2();

/// Memory for the lines of many tables: what one gives back as it grows is what the next one needs.
pub struct LineMemory(Vec<Pieces>);

impl Default for LineMemory {
    fn default() -> Self {
        Self(SIZES.map(|size| Pieces::new(size_of::<Line>() << size)).collect())
    }
}

impl LineMemory {
    /// Returns how many bytes of the system's memory the lines occupy, but for those of small
    /// tables.
    pub fn bytes(&self) -> usize {
        self.0.iter().map(Pieces::bytes).sum()
    }
}

/// The lines of one table.
pub(super) struct Lines {
    start: NonNull<Line>,
    count: usize,
    /// Whether they came from [`Pieces`]; else they are a box.
    is_piece: bool,
}

// SAFETY: they are this value's own, as those of a box.
unsafe impl Send for Lines {}
// SAFETY: as above.
unsafe impl Sync for Lines {}

impl Default for Lines {
    fn default() -> Self {
        Self::boxed(Box::default())
    }
}

impl Lines {
    /// Returns `count` lines without entries, a power of two.
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
            // SAFETY: the piece is this call's own, aligned as lines are, and has room for so many.
            unsafe { start.add(index).write(Line::EMPTY) };
        }
        Ok(Self { start, count, is_piece: true })
    }

    fn boxed(lines: Box<[Line]>) -> Self {
        let count = lines.len();
        Self { start: NonNull::from(Box::leak(lines)).cast(), count, is_piece: false }
    }

    /// The addresses of all entries.
    pub fn entries(&self) -> impl Iterator<Item = usize> {
        self.iter().flat_map(Line::entries)
    }
}

impl Deref for Lines {
    type Target = [Line];
    #[inline]
    fn deref(&self) -> &[Line] {
        // SAFETY: there are so many, all written, and this value's own.
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
        // SAFETY: they came from where the flag says, and are not used again.
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
