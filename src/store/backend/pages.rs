//! Finding a record by its id.

use std::collections::BTreeMap;

use crate::token::SharedRecord;

const PAGE: usize = 512;

/// Records in pages of ids that follow each other. Ids are given out in order, so pages are full
/// until their records go, and eight bytes hold a record; an empty page is freed, but for the last one,
/// where the next ids come.
#[derive(Default)]
pub(super) struct Pages {
    pages: BTreeMap<i64, Page>,
    count: usize,
}

struct Page {
    used: usize,
    slots: Box<[Option<SharedRecord>]>,
}

/// The page of an id, and the place in it.
fn place(id: i64) -> (i64, usize) {
    (id.div_euclid(PAGE as i64), id.rem_euclid(PAGE as i64) as usize)
}

impl Pages {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn get(&self, id: i64) -> Option<&SharedRecord> {
        let (page, slot) = place(id);
        self.pages.get(&page)?.slots[slot].as_ref()
    }

    /// Adds a record, or puts it in the place of the one with its id.
    pub fn insert(&mut self, record: SharedRecord) {
        let (number, slot) = place(record.id());
        if !self.pages.contains_key(&number)
            && let Some(last) = self.pages.last_entry().filter(|last| last.get().used == 0)
        {
            last.remove();
        }
        let page = self
            .pages
            .entry(number)
            .or_insert_with(|| Page { used: 0, slots: (0..PAGE).map(|_| None).collect() });
        if page.slots[slot].replace(record).is_none() {
            page.used += 1;
            self.count += 1;
        }
    }

    pub fn remove(&mut self, id: i64) {
        let (number, slot) = place(id);
        let Some(page) = self.pages.get_mut(&number) else { return };
        if page.slots[slot].take().is_some() {
            page.used -= 1;
            self.count -= 1;
        }
        if page.used == 0 && self.pages.range(number + 1..).next().is_some() {
            self.pages.remove(&number);
        }
    }

    /// All records, in order of their ids.
    pub fn values(&self) -> impl Iterator<Item = &SharedRecord> {
        self.pages.values().flat_map(|page| page.slots.iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::backend::tests::record;

    #[test]
    fn empty_page_is_freed_unless_the_next_ids_go_there() {
        let mut pages = Pages::default();
        let ids = [1, 511, 512, 513, 100_000];
        ids.iter().for_each(|id| pages.insert(record(*id, "alice", None, None)));
        let found = |pages: &Pages| pages.values().map(|record| record.id()).collect::<Vec<_>>();
        assert_eq!(found(&pages), ids);
        assert_eq!((pages.len(), pages.pages.len()), (5, 3));

        pages.insert(record(512, "bob", None, None));
        assert_eq!((pages.len(), pages.get(512).unwrap().user().as_str()), (5, "bob"));

        pages.remove(512);
        assert_eq!(pages.pages.len(), 3);
        pages.remove(513);
        pages.remove(513);
        assert_eq!((found(&pages), pages.pages.len()), (vec![1, 511, 100_000], 2));
        [1, 511, 100_000].iter().for_each(|id| pages.remove(*id));
        assert_eq!((pages.len(), pages.pages.len()), (0, 1));
        assert!(pages.get(1).is_none());
        pages.insert(record(100_001, "alice", None, None));
        pages.remove(100_001);
        assert_eq!((pages.len(), pages.pages.len()), (0, 1));
        pages.insert(record(200_000, "alice", None, None));
        assert_eq!((found(&pages), pages.pages.len()), (vec![200_000], 1));
    }
}
