//! Index of records by id.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::error::Result;
use crate::memory;
use crate::token::SharedRecord;

const SLOTS_PER_PAGE: usize = 512;

/// Records in pages of consecutive ids. Ids are assigned in order, so pages are full until records
/// are deleted, and a record takes eight bytes. An empty page is freed, except the last one, which
/// gets the next ids.
#[derive(Default)]
pub(super) struct IdIndex {
    pages: BTreeMap<i64, Page>,
    count: usize,
}

struct Page {
    used: usize,
    slots: Box<[Option<SharedRecord>]>,
}

/// Returns the page number of an id and its slot in the page.
fn page_and_slot(id: i64) -> (i64, usize) {
    (id.div_euclid(SLOTS_PER_PAGE as i64), id.rem_euclid(SLOTS_PER_PAGE as i64) as usize)
}

impl IdIndex {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn get(&self, id: i64) -> Option<&SharedRecord> {
        let (page, slot) = page_and_slot(id);
        self.pages.get(&page)?.slots[slot].as_ref()
    }

    /// Reserves memory for an id.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve_for(&mut self, id: i64) -> Result<()> {
        self.page(page_and_slot(id).0).map(|_| ())
    }

    /// Returns a page, creating it if necessary.
    fn page(&mut self, number: i64) -> Result<&mut Page> {
        match self.pages.entry(number) {
            Entry::Occupied(page) => Ok(page.into_mut()),
            Entry::Vacant(entry) => {
                let slots = memory::collect((0..SLOTS_PER_PAGE).map(|_| None))?.into_boxed_slice();
                Ok(entry.insert(Page { used: 0, slots }))
            }
        }
    }

    /// Adds a record or replaces the one with the same id.
    ///
    /// # Errors
    /// `NoMemory`. Cannot fail if [`IdIndex::reserve_for`] was called for this id.
    pub fn insert(&mut self, record: SharedRecord) -> Result<()> {
        let (number, slot) = page_and_slot(record.id());
        let page = self.page(number)?;
        if page.slots[slot].replace(record).is_some() {
            return Ok(());
        }
        page.used += 1;
        let is_first = page.used == 1;
        self.count += 1;
        // The previous last page may be empty.
        let before = if is_first { self.pages.range(..number).next_back() } else { None };
        if let Some(empty) = before.filter(|(_, page)| page.used == 0).map(|(number, _)| *number) {
            self.pages.remove(&empty);
        }
        Ok(())
    }

    pub fn remove(&mut self, id: i64) {
        let (number, slot) = page_and_slot(id);
        let Some(page) = self.pages.get_mut(&number) else { return };
        if page.slots[slot].take().is_some() {
            page.used -= 1;
            self.count -= 1;
        }
        if page.used == 0 && self.pages.range(number + 1..).next().is_some() {
            self.pages.remove(&number);
        }
    }

    /// Returns all records, ordered by id.
    pub fn values(&self) -> impl Iterator<Item = &SharedRecord> {
        self.pages.values().flat_map(|page| page.slots.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::record;

    #[test]
    fn empty_page_is_freed_unless_it_is_the_last() {
        let mut index = IdIndex::default();
        let ids = [1, 511, 512, 513, 100_000];
        ids.iter().for_each(|id| index.insert(record(*id, "alice", None, None)).unwrap());
        let found = |index: &IdIndex| index.values().map(|record| record.id()).collect::<Vec<_>>();
        assert_eq!(found(&index), ids);
        assert_eq!((index.len(), index.pages.len()), (5, 3));

        index.insert(record(512, "bob", None, None)).unwrap();
        assert_eq!((index.len(), index.get(512).unwrap().user().as_str()), (5, "bob"));

        index.remove(512);
        assert_eq!(index.pages.len(), 3);
        index.remove(513);
        index.remove(513);
        assert_eq!((found(&index), index.pages.len()), (vec![1, 511, 100_000], 2));
        [1, 511, 100_000].iter().for_each(|id| index.remove(*id));
        assert_eq!((index.len(), index.pages.len()), (0, 1));
        assert!(index.get(1).is_none());
        index.insert(record(100_001, "alice", None, None)).unwrap();
        index.remove(100_001);
        assert_eq!((index.len(), index.pages.len()), (0, 1));
        index.insert(record(200_000, "alice", None, None)).unwrap();
        assert_eq!((found(&index), index.pages.len()), (vec![200_000], 1));
    }
}
