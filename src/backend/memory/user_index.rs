//! Index of records by user.

use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};

use crate::error::Result;
use crate::memory;
use crate::text::Text;
use crate::token::{Record, SharedRecord};

/// The ids of each user's records.
#[derive(Default)]
pub(super) struct UserIndex(HashMap<Text, BTreeSet<i64>>);

impl UserIndex {
    /// Returns the copy of a user's name that the user's records share.
    pub fn name(&self, user: &str) -> Option<&Text> {
        self.0.get_key_value(user).map(|(name, _)| name)
    }

    /// Returns the ids of a user's records, ordered.
    pub fn ids_of(&self, user: &str) -> impl Iterator<Item = i64> {
        self.0.get(user).into_iter().flatten().copied()
    }

    /// Reserves memory for the owners of records, so that inserting them makes no large allocation.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve_for<'a>(
        &mut self,
        mut records: impl Iterator<Item = &'a SharedRecord> + Clone,
    ) -> Result<()> {
        let is_new = |record: &&SharedRecord| !self.0.contains_key(record.user());
        let mut new = HashSet::new();
        if records.clone().nth(1).is_some() {
            for record in records.filter(is_new) {
                new.try_reserve(1).map_err(memory::exhausted)?;
                new.insert(record.user());
            }
            self.0.try_reserve(new.len()).map_err(memory::exhausted)
        } else {
            let more = usize::from(records.next().is_some());
            self.0.try_reserve(more).map_err(memory::exhausted)
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    /// `NoMemory`. Cannot fail if [`UserIndex::reserve_for`] was called for this record.
    pub fn insert(&mut self, record: &Record) -> Result<()> {
        // Does nothing if there is capacity.
        self.0.try_reserve(1).map_err(memory::exhausted)?;
        self.0.entry_ref(record.user()).or_default().insert(record.id());
        Ok(())
    }

    pub fn remove(&mut self, record: &Record) {
        if let Some(ids) = self.0.get_mut(record.user()) {
            ids.remove(&record.id());
            if ids.is_empty() {
                self.0.remove(record.user());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::record;

    #[test]
    fn user_index_tracks_insertions_and_removals() {
        let mut index = UserIndex::default();
        let ids = |index: &UserIndex, user: &str| index.ids_of(user).collect::<Vec<_>>();
        for (id, user) in [(3, "alice"), (1, "alice"), (2, "bob")] {
            index.insert(&record(id, user, None, None)).unwrap();
        }
        assert_eq!((ids(&index, "alice"), ids(&index, "bob")), (vec![1, 3], vec![2]));
        assert_eq!(index.name("bob").map(Text::as_str), Some("bob"));
        index.remove(&record(2, "bob", None, None));
        index.remove(&record(1, "alice", None, None));
        assert_eq!((ids(&index, "alice"), ids(&index, "bob")), (vec![3], vec![]));
        assert!(index.name("bob").is_none());
    }
}
