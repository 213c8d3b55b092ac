//! A hash index: an open-addressing hash table of references to values in a slab.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::Ordering;

use super::Shared;
use super::lines::{ENTRIES, Line, LineMemory, Lines};
use crate::error::Result;
use crate::memory;
use crate::sync::AtomicUsize;

/// Maximum load factor (13/16). At this load about 10% of the entries overflow into the next
/// bucket.
const MOST: (usize, usize) = (13, 16);

/// Returns the filter bit of a hash: one of 16, chosen by 4 bits that select neither bucket nor
/// tag.
#[inline]
fn mark(hash: u64) -> u16 {
    1 << (hash >> 16 & 15)
}

/// Returns the shard that a hash belongs to. An index is sharded so that growing one shard takes a
/// short time. The shard is selected by bits 16 to 47, from the top. Within a shard, the lowest
/// bits select the bucket, bits 16 to 19 the filter bit and the highest 16 bits are the tag.
#[inline]
pub fn table_of(hash: u64, tables: usize) -> usize {
    ((u64::from((hash >> 16) as u32) * tables as u64) >> 32) as usize
}

/// Calls `each` with every shard that the hashes belong to and the number of its hashes.
///
/// # Errors
/// The first error of `each`.
pub fn for_each_table<const TABLES: usize>(
    hashes: impl Iterator<Item = u64> + Clone,
    mut each: impl FnMut(usize, usize) -> Result<()>,
) -> Result<()> {
    // Usually there is one hash, which needs no counting.
    let mut first = hashes.clone();
    match (first.next(), first.next()) {
        (None, _) => return Ok(()),
        (Some(hash), None) => return each(table_of(hash, TABLES), 1),
        _ => {}
    }
    let mut counts = [0; TABLES];
    hashes.for_each(|hash| counts[table_of(hash, TABLES)] += 1);
    let counted = counts.into_iter().enumerate().filter(|(_, count)| *count > 0);
    counted.into_iter().try_for_each(|(table, count)| each(table, count))
}

/// A hash index. The caller supplies hashes and decides equality. The lowest bits of a hash select
/// the bucket, and the highest 16 bits are its tag.
pub struct Table<T> {
    /// An array of a power of two of buckets; empty at first.
    lines: Lines,
    /// For each bucket, the filter bits ([`mark`]) of the entries that hashed to it since it was
    /// allocated. These two bytes per bucket stay in the L1 and L2 caches, where most lookups of
    /// unknown keys end.
    marks: Vec<u16>,
    len: usize,
    /// Number of slots that are not empty: entries and tombstones.
    taken: usize,
    values: PhantomData<Shared<T>>,
}

/// Address of the bucket array, read without the lock so that a lookup can prefetch its bucket
/// while it takes the lock. May be stale, which is harmless.
#[derive(Default)]
pub struct Hint(AtomicUsize);

impl Hint {
    /// Prefetches the bucket that a hash selects.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        let (start, index) = self.line(hash);
        prefetch(start, index);
    }

    /// Returns the address of the bucket array and the index of the bucket that a hash selects.
    #[inline]
    fn line(&self, hash: u64) -> (usize, usize) {
        // Address and size are packed in one value. Those of two arrays together would name no
        // bucket.
        let hint = self.0.load(Ordering::Relaxed);
        let (start, size) = (hint & !63, hint & 63);
        (start, (hash & ((1 << size) - 1)) as usize)
    }

    /// Stores the address of an index's current bucket array.
    pub fn set<T>(&self, table: &Table<T>) {
        let size = table.lines.len().trailing_zeros() as usize & 63;
        self.0.store(table.lines.as_ptr().addr() | size, Ordering::Relaxed);
    }
}

/// Prefetches a bucket. The address need not be valid.
#[inline]
fn prefetch(start: usize, index: usize) {
    let line = start.wrapping_add(index.wrapping_mul(size_of::<Line>()));
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch is a hint to the processor, which ignores invalid addresses.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch(std::ptr::without_provenance(line), _MM_HINT_T0);
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}

/// A borrowed reference to an entry of an index.
pub struct Lent<'a, T>(ManuallyDrop<Shared<T>>, PhantomData<&'a Shared<T>>);

impl<T> Deref for Lent<'_, T> {
    type Target = Shared<T>;
    fn deref(&self) -> &Shared<T> {
        &self.0
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { lines: Lines::default(), marks: Vec::new(), len: 0, taken: 0, values: PhantomData }
    }
}

impl<T> Table<T> {
    /// Returns the number of entries.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the entry with this hash for which `is` returns true.
    #[inline]
    pub fn find(&self, hash: u64, is: impl FnMut(&Shared<T>) -> bool) -> Option<Lent<'_, T>> {
        self.place(hash, is).map(|(.., entry)| entry)
    }

    /// Adds an entry. `hash_of` returns the hash of an existing entry.
    ///
    /// # Errors
    /// `NoMemory`. Cannot fail if [`Table::make_room`] was called for this entry.
    pub fn insert(
        &mut self,
        memory: &LineMemory,
        hash: u64,
        value: Shared<T>,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        self.make_room(memory, 1, hash_of)?;
        self.put(hash, value);
        Ok(())
    }

    /// Reserves room for `more` entries.
    ///
    /// # Errors
    /// `NoMemory`; the index is unchanged.
    pub fn make_room(
        &mut self,
        memory: &LineMemory,
        more: usize,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        if (self.taken + more) * MOST.1 > self.lines.len() * ENTRIES * MOST.0 {
            self.rebuild(memory, more, hash_of)?;
        }
        Ok(())
    }

    /// Replaces the entry with this hash for which `is` returns true by a value that `new` makes
    /// from it, and returns the old one.
    pub fn replace(
        &mut self,
        hash: u64,
        is: impl FnMut(&Shared<T>) -> bool,
        new: impl FnOnce(&T) -> Shared<T>,
    ) -> Option<Shared<T>> {
        let (line, place, old) = self.place(hash, is)?;
        let (new, old) = (new(&old), old.0.address());
        self.lines[line].set_address(place, new.into_address());
        // SAFETY: the address stood for one reference, and the index no longer has it.
        Some(unsafe { Shared::from_address(old) })
    }

    /// Removes the entry with this hash for which `is` returns true.
    pub fn remove(&mut self, hash: u64, is: impl FnMut(&Shared<T>) -> bool) -> Option<Shared<T>> {
        let (line, place, old) = self.place(hash, is)?;
        let old = old.0.address();
        self.taken -= usize::from(self.lines[line].remove(place));
        self.len -= 1;
        // SAFETY: the address stood for one reference, and the index no longer has it.
        Some(unsafe { Shared::from_address(old) })
    }

    /// Returns the bucket, the slot and the entry.
    #[inline]
    fn place(
        &self,
        hash: u64,
        mut is: impl FnMut(&Shared<T>) -> bool,
    ) -> Option<(usize, usize, Lent<'_, T>)> {
        let last = self.lines.len().wrapping_sub(1);
        let mut index = hash as usize & last;
        // Prefetched so that the bucket is loaded from memory in parallel with its filter.
        prefetch(self.lines.as_ptr().addr(), index);
        if self.marks.get(index)? & mark(hash) == 0 {
            return None;
        }
        loop {
            let line = self.lines.get(index)?;
            for (place, address) in line.candidates(hash) {
                // SAFETY: while the address is in the index, which is borrowed, it stands for one
                // reference. `ManuallyDrop` never drops this copy.
                let entry = ManuallyDrop::new(unsafe { Shared::from_address(address) });
                if is(&entry) {
                    return Some((index, place, Lent(entry, PhantomData)));
                }
            }
            if line.has_room() {
                return None;
            }
            index = (index + 1) & last;
        }
    }

    /// Adds an entry. The caller has reserved room.
    fn put(&mut self, hash: u64, value: Shared<T>) {
        let last = self.lines.len() - 1;
        let mut index = hash as usize & last;
        let address = value.into_address();
        self.len += 1;
        self.marks[index] |= mark(hash);
        loop {
            if let Some(was_none) = self.lines[index].add(hash, address) {
                self.taken += usize::from(was_none);
                return;
            }
            index = (index + 1) & last;
        }
    }

    /// Reserves room in an empty index that is one of `tables` shards, which will get `entries`
    /// entries in all. Otherwise each shard would grow step by step and rehash its entries each
    /// time.
    ///
    /// # Errors
    /// `NoMemory`; the index is unchanged.
    pub fn reserve(&mut self, memory: &LineMemory, entries: usize, tables: usize) -> Result<()> {
        let share = entries / tables;
        if self.len == 0 && share > 2 * ENTRIES {
            // Shards do not get equally many.
            self.empty_for(memory, share + share / 16)?;
        }
        Ok(())
    }

    /// Replaces the bucket array by an empty one with room for `entries` entries, and returns the
    /// old one.
    fn empty_for(&mut self, memory: &LineMemory, entries: usize) -> Result<Lines> {
        let count = (entries * MOST.1).div_ceil(MOST.0 * ENTRIES).next_power_of_two();
        let mut marks = memory::vec_with_capacity(count)?;
        marks.resize(count, 0);
        let lines = Lines::empty(count, memory)?;
        self.marks = marks;
        (self.len, self.taken) = (0, 0);
        Ok(std::mem::replace(&mut self.lines, lines))
    }

    /// Reserves room for `more` entries and for 25% growth, so that rehashing is rare.
    fn rebuild(
        &mut self,
        memory: &LineMemory,
        more: usize,
        hash_of: impl Fn(&T) -> u64,
    ) -> Result<()> {
        let old = self.empty_for(memory, self.len + more + self.len / 4)?;
        for address in old.entries() {
            // SAFETY: the address stood for one reference, and the index no longer has it.
            let value: Shared<T> = unsafe { Shared::from_address(address) };
            self.put(hash_of(&value), value);
        }
        Ok(())
    }
}

impl<T> Drop for Table<T> {
    fn drop(&mut self) {
        for address in self.lines.entries() {
            // SAFETY: the address stands for one reference, and the index is not used again.
            drop(unsafe { Shared::<T>::from_address(address) });
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
    fn a_table_has_what_a_map_has_whatever_comes_and_goes() {
        let (slab, memory, mut table) = (Slab::default(), LineMemory::default(), Table::default());
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
            let is = |it: &Shared<(u64, Arc<u64>)>| it.0 == key;
            let found = table.find(hash(key), is).map(|it| *it.deref().1);
            assert_eq!(found, map.get(&key).copied());
            let new = slab.place((key, Arc::new(step))).unwrap();
            let old = match (found, growing != 1 || random(3) == 0) {
                (None, true) => {
                    table.insert(&memory, hash(key), new, |it| hash(it.0)).unwrap();
                    map.insert(key, step)
                }
                (Some(_), true) if random(2) == 0 => {
                    let old = table.replace(hash(key), is, |_| new).map(|it| *it.deref().1);
                    assert_eq!(old, map.insert(key, step));
                    None
                }
                _ => {
                    let old = table.remove(hash(key), is).map(|it| *it.deref().1);
                    assert_eq!(old, map.remove(&key));
                    None
                }
            };
            assert_eq!((old, table.len()), (None, map.len()));
        }
        let kept: Vec<_> = map
            .keys()
            .filter_map(|key| {
                table.find(hash(*key), |it| it.0 == *key).map(|it| Shared::clone(&it))
            })
            .collect();
        assert_eq!(kept.len(), map.len());
        drop(table);
        // The references of the index were dropped: these are the last ones.
        assert!(kept.into_iter().all(|mut it| it.get_mut().is_some()));
    }

    #[test]
    fn a_table_with_room_for_what_comes_does_not_grow() {
        let (slab, memory, mut table) = (Slab::default(), LineMemory::default(), Table::default());
        const COUNT: usize = if cfg!(miri) { 200 } else { 1000 };
        table.reserve(&memory, COUNT * 160, 160).unwrap();
        let lines = table.lines.len();
        for key in 0..COUNT as u64 {
            let value = slab.place(key).unwrap();
            table.insert(&memory, hash(key), value, |_| unreachable!()).unwrap();
        }
        table.reserve(&memory, COUNT * 1600, 160).unwrap();
        assert_eq!((table.lines.len(), table.len()), (lines, COUNT));
        assert!(table.find(hash(7), |it| **it == 7).is_some());
    }

    #[test]
    fn empty_table_finds_nothing_and_emptied_table_stays_small() {
        let (slab, memory, mut table) = (Slab::default(), LineMemory::default(), Table::default());
        assert!(table.find(0, |_: &Shared<u64>| true).is_none());
        assert!(table.remove(0, |_| true).is_none());
        for key in 0..if cfg!(miri) { 300 } else { 100_000 } {
            let value = slab.place(key).unwrap();
            table.insert(&memory, hash(key), value, |key| hash(*key)).unwrap();
            assert!(table.remove(hash(key), |it| **it == key).is_some());
        }
        assert!(table.lines.len() <= 2);
    }
}

#[cfg(test)]
#[cfg(loom)]
mod models {
    use super::*;
    use crate::index::Slab;
    use crate::index::slab::models::Watched;
    use crate::sync::{Arc, SmallMutex};

    #[test]
    fn hint_names_a_line_of_one_table() {
        loom::model(|| {
            let memory = LineMemory::default();
            let (small, mut large) = (Table::<u64>::default(), Table::<u64>::default());
            large.reserve(&memory, 100, 1).unwrap();
            let start = |table: &Table<u64>| table.lines.as_ptr().addr();
            let (small_start, large_start) = (start(&small), start(&large));
            let hint = Arc::new(Hint::default());
            let reader = {
                let hint = Arc::clone(&hint);
                loom::thread::spawn(move || hint.line(7))
            };
            hint.set(&large);
            hint.set(&small);
            let known = [(0, 0), (small_start, 0), (large_start, 7)];
            assert!(known.contains(&reader.join().unwrap()));
        });
    }

    #[test]
    fn entry_outlives_its_removal_while_it_is_used() {
        loom::model(|| {
            let (slab, memory) = (Slab::default(), LineMemory::default());
            let mut table = Table::default();
            table.insert(&memory, 7, slab.place(Watched::new(1)).unwrap(), |_| 7).unwrap();
            let table = Arc::new(SmallMutex::new(table));
            let reader = {
                let table = Arc::clone(&table);
                loom::thread::spawn(move || {
                    let found = table.lock().find(7, |_| true).map(|it| Shared::clone(&it));
                    found.map(|it| it.read())
                })
            };
            let replaced =
                table.lock().replace(7, |_| true, |_| slab.place(Watched::new(2)).unwrap());
            assert_eq!(replaced.unwrap().read(), 1);
            let removed = table.lock().remove(7, |_| true);
            assert_eq!(removed.unwrap().read(), 2);
            assert!(matches!(reader.join().unwrap(), None | Some(1 | 2)));
        });
    }
}
