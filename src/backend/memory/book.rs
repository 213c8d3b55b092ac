//! The records of a store in memory, with every index but the one by value.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLockWriteGuard;

use super::clients::Clients;
use super::owners::Owners;
use super::pages::Pages;
use crate::backend::ClientQuery;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::text::Text;
use crate::token::{Record, RecordFields, SharedRecord};

/// The records with every index but the one by value.
pub(in crate::backend) struct Book {
    pub(super) last_id: i64,
    pub(super) local_sites: BTreeSet<Text>,
    pub(super) by_id: Pages,
    pub(super) owners: Owners,
    pub(super) clients: Clients,
}

impl Book {
    /// The id that the next record gets.
    pub(in crate::backend) fn next_id(&self) -> i64 {
        self.last_id + 1
    }

    /// Says that ids up to this one were given out.
    pub(in crate::backend) fn raise_last_id(&mut self, last_id: i64) {
        self.last_id = self.last_id.max(last_id);
    }

    /// Replaces the owner's name by the copy that the owner's other records share.
    pub(super) fn sharing_name(&self, mut fields: RecordFields) -> RecordFields {
        if let Some(name) = self.owners.name(&fields.user) {
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

    /// All records, in order of their ids.
    pub(super) fn all_records(&self) -> Result<Vec<SharedRecord>> {
        let mut records = memory::vec_with_capacity(self.by_id.len())?;
        records.extend(self.by_id.values().cloned());
        Ok(records)
    }

    /// A user's records, in order of their ids.
    pub(super) fn records_of(&self, user: &str) -> impl Iterator<Item = &SharedRecord> {
        self.owners.ids_of(user).filter_map(|id| self.by_id.get(id))
    }

    pub(super) fn best(&self, query: &ClientQuery<'_>) -> Option<SharedRecord> {
        let ignored = query.ignored_generators;
        let serves = |record: &Record| ignored.is_none_or(|it| !it.contains(record.generator_id()));
        self.clients.best(query, serves)
    }
}

/// The book, open for a change. A change of it that is not ended poisons the store. The thread is
/// not asked whether it panics: a host may call while it unwinds from a panic of its own.
pub(in crate::backend) struct OpenBook<'a> {
    pub(super) book: RwLockWriteGuard<'a, Book>,
    pub(super) is_changing: bool,
    pub(super) poisoned: &'a AtomicBool,
}

impl Deref for OpenBook<'_> {
    type Target = Book;
    fn deref(&self) -> &Book {
        &self.book
    }
}

impl DerefMut for OpenBook<'_> {
    fn deref_mut(&mut self) -> &mut Book {
        &mut self.book
    }
}

impl Drop for OpenBook<'_> {
    fn drop(&mut self) {
        if self.is_changing {
            self.poisoned.store(true, Ordering::Release);
        }
    }
}
