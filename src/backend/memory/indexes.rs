//! The indexes of a store in memory, except the one by value.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLockWriteGuard;

use super::client_index::ClientIndex;
use super::id_index::IdIndex;
use super::user_index::UserIndex;
use crate::backend::ClientQuery;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::text::Text;
use crate::token::{Record, RecordFields, SharedRecord};

/// The indexes except the one by value.
pub(in crate::backend) struct Indexes {
    pub(super) last_id: i64,
    pub(super) local_sites: BTreeSet<Text>,
    pub(super) by_id: IdIndex,
    pub(super) by_user: UserIndex,
    pub(super) by_client: ClientIndex,
}

impl Indexes {
    /// Returns the id of the next record.
    pub(in crate::backend) fn next_id(&self) -> i64 {
        self.last_id + 1
    }

    /// Marks all ids up to `last_id` as assigned.
    pub(in crate::backend) fn raise_last_id(&mut self, last_id: i64) {
        self.last_id = self.last_id.max(last_id);
    }

    /// Replaces the owner's name by the copy that the owner's records share.
    pub(super) fn with_shared_name(&self, mut fields: RecordFields) -> RecordFields {
        if let Some(name) = self.by_user.name(&fields.user) {
            fields.user = name.clone();
        }
        fields
    }

    pub(super) fn check_local_site(&self, name: Option<&str>) -> Result<()> {
        match name {
            Some(name) if !self.local_sites.contains(name) => {
                Err(Error::new(ErrorKind::NotFound, "no such Local Site").at_argument("local_site"))
            }
            _ => Ok(()),
        }
    }

    /// Returns all records, ordered by id.
    pub(super) fn all_records(&self) -> Result<Vec<SharedRecord>> {
        let mut records = memory::vec_with_capacity(self.by_id.len())?;
        records.extend(self.by_id.values().cloned());
        Ok(records)
    }

    /// Returns a user's records, ordered by id.
    pub(super) fn records_of(&self, user: &str) -> impl Iterator<Item = &SharedRecord> {
        self.by_user.ids_of(user).filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn best(&self, query: &ClientQuery<'_>) -> Option<SharedRecord> {
        let ignored = query.ignored_generators;
        let qualifies =
            |record: &Record| ignored.is_none_or(|it| !it.contains(record.generator_id()));
        self.by_client.best(query, qualifies)
    }
}

/// Write access to the indexes. Dropping it during a change poisons the store.
/// `thread::panicking()` is not used: a host may call while its own panic unwinds.
pub(in crate::backend) struct IndexesWriteGuard<'a> {
    pub(super) indexes: RwLockWriteGuard<'a, Indexes>,
    pub(super) is_changing: bool,
    pub(super) poisoned: &'a AtomicBool,
}

impl Deref for IndexesWriteGuard<'_> {
    type Target = Indexes;
    fn deref(&self) -> &Indexes {
        &self.indexes
    }
}

impl DerefMut for IndexesWriteGuard<'_> {
    fn deref_mut(&mut self) -> &mut Indexes {
        &mut self.indexes
    }
}

impl Drop for IndexesWriteGuard<'_> {
    fn drop(&mut self) {
        if self.is_changing {
            self.poisoned.store(true, Ordering::Release);
        }
    }
}
