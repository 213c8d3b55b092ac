//! Tokens in the memory of the process.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};

mod book;
mod clients;
pub(super) mod commons;
mod inactive_users;
mod owners;
mod pages;
mod plan;
mod value_index;

use self::book::{Book, OpenBook};
use self::clients::Clients;
use self::commons::Commons;
use self::inactive_users::InactiveUsers;
use self::owners::Owners;
use self::pages::Pages;
pub(super) use self::plan::{Effect, Plan};
use self::value_index::ValueIndex;
use super::{
    Backend, ClientQuery, Contents, Judge, Judgment, MemoryUse, Operation, Outcome, Searched,
    Statistics,
};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::requests::{SiteFilter, TokenFilter};
use crate::text::Text;
use crate::token::{Record, SharedRecord};

/// Every change holds the book; a lookup by value takes only its shard of `values`. Who holds the
/// book may take a shard, never the other way round.
pub(crate) struct Memory {
    book: RwLock<Book>,
    values: ValueIndex,
    commons: Commons,
    inactive: InactiveUsers,
    /// Set when a panic ended a change half-way; everything is refused from then on.
    poisoned: AtomicBool,
    /// For how many new records the headroom was checked.
    checked_for: AtomicUsize,
}

/// Headroom that new records leave free, so that logins and revocations go on when memory is
/// exhausted, with what SQLite needs for them: this many pieces of [`PIECE`] bytes.
const PIECES: usize = 32;
const PIECE: usize = 32 << 10;

/// New records between two checks of the headroom.
const RECORDS_PER_CHECK: usize = 64;

impl Memory {
    /// Returns an empty store.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn new() -> Result<Self> {
        let book = Book {
            last_id: 0,
            local_sites: BTreeSet::new(),
            by_id: Pages::default(),
            owners: Owners::default(),
            clients: Clients::new()?,
        };
        Ok(Self {
            book: RwLock::new(book),
            values: ValueIndex::new()?,
            commons: Commons::default(),
            inactive: InactiveUsers::default(),
            poisoned: AtomicBool::new(false),
            checked_for: AtomicUsize::new(0),
        })
    }

    /// Checks, for every [`RECORDS_PER_CHECK`] new records, that they leave memory free.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn check_headroom(&self, new: usize) -> Result<()> {
        let rest = |checked: usize| checked.checked_sub(new);
        if self.checked_for.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_err() {
            self.check_or_sweep(memory::check_pieces::<PIECES>, PIECE)?;
            self.checked_for.store(RECORDS_PER_CHECK.saturating_sub(new), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Runs a check for memory, and again after a sweep if it fails: records that are gone leave
    /// some.
    fn check_or_sweep(&self, check: impl Fn(usize) -> Result<()>, bytes: usize) -> Result<()> {
        check(bytes).or_else(|_| {
            self.commons.sweep();
            check(bytes)
        })
    }

    fn check_poison(&self) -> Result<()> {
        if self.poisoned.load(Ordering::Acquire) {
            return Err(Error::new(
                ErrorKind::Poisoned,
                "an earlier internal error may have left the store inconsistent; open it again",
            ));
        }
        Ok(())
    }

    /// What the records have in common.
    pub(super) fn commons(&self) -> &Commons {
        &self.commons
    }

    /// Refuses everything from now on.
    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// As [`Backend::log_in`]; `note` sets when the record was used last.
    pub(super) fn log_in_noting(
        &self,
        value: &[u8],
        judge: Judge<'_>,
        note: impl FnOnce(&Record, Timestamp),
    ) -> Result<Option<(SharedRecord, Judgment)>> {
        self.check_poison()?;
        let judged = self.values.with(value, |record| {
            let judgment = judge.judge(record, !self.inactive.contains_owner(record))?;
            if let Judgment::Accepted(time) = judgment {
                note(record, time);
            }
            Ok((record.clone(), judgment))
        });
        judged.transpose()
    }

    /// Adds the records of some ids that are still there to those in a vector, which has room.
    #[cfg(feature = "sqlite")]
    pub(super) fn find_records(&self, ids: &[i64], records: &mut Vec<SharedRecord>) -> Result<()> {
        let book = self.read()?;
        records.extend(ids.iter().filter_map(|&id| book.by_id.get(id).cloned()));
        Ok(())
    }

    /// Makes room in every index for what effects add, so that applying them cannot fail.
    ///
    /// # Errors
    /// `NoMemory`; nothing is changed that can be told.
    pub(super) fn make_room<'a>(
        &self,
        book: &mut Book,
        effects: impl Iterator<Item = &'a Effect> + Clone,
    ) -> Result<()> {
        let new = effects.clone().filter_map(Effect::inserted);
        if new.clone().next().is_some() {
            new.clone().try_for_each(|record| book.by_id.make_room(record.id()))?;
            book.owners.make_room(new.clone())?;
            self.values.make_room(new)?;
        }
        book.clients.make_room(effects.clone().filter_map(Effect::added))?;
        let made_inactive = |effect: &&Effect| matches!(effect, Effect::SetUserActive(_, false));
        self.inactive.make_room(effects.filter(made_inactive).count())
    }

    /// Does what was planned, in every index. What is left of the plan holds the records that went:
    /// drop it without a lock, for they may be many.
    ///
    /// # Errors
    /// `NoMemory`, which leaves the store half-changed and poisoned; none after
    /// [`Memory::make_room`].
    pub(super) fn apply(
        &self,
        book: &mut OpenBook<'_>,
        effects: Vec<Effect>,
    ) -> Result<Vec<Effect>> {
        book.is_changing = true;
        #[cfg(rbtoken_panic_proof)]
        crate::panic_proof::point(crate::panic_proof::IN_CHANGE);
        let gone = |effect: &&Effect| matches!(effect, Effect::Replace { .. } | Effect::Remove(_));
        self.commons.released(effects.iter().filter(gone).count());
        for effect in &effects {
            match effect {
                Effect::Insert(record) => {
                    book.last_id = book.last_id.max(record.id());
                    book.owners.insert(record)?;
                    book.clients.insert(record)?;
                    self.values.insert(record)?;
                    book.by_id.insert(record.clone())?;
                }
                Effect::Replace { old, new } => {
                    // First here: it takes the time of the last login over.
                    self.values.replace(old, new);
                    book.clients.remove(old);
                    book.clients.insert(new)?;
                    book.by_id.insert(new.clone())?;
                }
                Effect::Remove(record) => {
                    self.values.remove(record);
                    book.owners.remove(record);
                    book.clients.remove(record);
                    book.by_id.remove(record.id());
                }
                Effect::AddLocalSite(name) => {
                    book.local_sites.insert(name.clone());
                }
                Effect::RemoveLocalSite(name) => {
                    book.local_sites.remove(name);
                }
                Effect::SetUserActive(user, active) => self.inactive.set(user, *active)?,
            }
        }
        book.is_changing = false;
        Ok(effects)
    }

    /// Makes room for so many records, of which each may serve a client, where there are none yet.
    #[cfg(feature = "sqlite")]
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn reserve(&self, book: &mut Book, records: usize) -> Result<()> {
        book.clients.reserve(records)?;
        self.values.reserve(records)
    }

    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Book>> {
        let book = self.book.read();
        self.check_poison()?;
        Ok(book)
    }

    pub(super) fn write(&self) -> Result<OpenBook<'_>> {
        let book = self.book.write();
        self.check_poison()?;
        Ok(OpenBook { book, is_changing: false, poisoned: &self.poisoned })
    }
}

impl Backend for Memory {
    fn local_sites(&self) -> Result<Vec<Text>> {
        memory::collect(self.read()?.local_sites.iter().cloned())
    }

    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        _: &mut Option<Searched>,
    ) -> Result<Option<SharedRecord>> {
        let book = self.read()?;
        book.check_local_site(query.local_site)?;
        Ok(book.best(query))
    }

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>> {
        self.check_poison()?;
        Ok(self.values.with(value.as_bytes(), Clone::clone))
    }

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>> {
        Ok(self.read()?.by_id.get(id).cloned())
    }

    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>> {
        let book = self.read()?;
        if let SiteFilter::Named(name) = filter.local_site {
            book.check_local_site(Some(name))?;
        }
        let matches = |record: &SharedRecord| filter.matches(record, now);
        match filter.user {
            Some(user) => {
                let mut records = memory::collect(book.records_of(user).cloned())?;
                drop(book);
                records.retain(matches);
                Ok(records)
            }
            None => memory::collect(book.by_id.values().filter(|it| matches(it)).cloned()),
        }
    }

    fn count(&self) -> Result<u64> {
        Ok(self.read()?.by_id.len() as u64)
    }

    fn contents(&self) -> Result<Contents> {
        let book = self.read()?;
        Ok(Contents {
            local_sites: memory::collect(book.local_sites.iter().cloned())?,
            inactive_users: self.inactive.sorted()?,
            records: book.all_records()?,
            last_id: book.last_id,
        })
    }

    fn statistics(&self) -> Result<Statistics> {
        let (tokens, client_bytes) = {
            let book = self.read()?;
            (book.by_id.len() as u64, book.clients.bytes())
        };
        let record_bytes = self.commons.bytes();
        let index_bytes = self.values.bytes() + client_bytes;
        Ok(Statistics {
            kind: "memory",
            tokens: Some(tokens),
            memory: Some(MemoryUse { record_bytes, index_bytes }),
            ..Statistics::default()
        })
    }

    fn check_room(&self) -> Result<()> {
        self.check_headroom(1)
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        self.log_in_noting(value, judge, |record, time| record.set_last_used(Some(time)))
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        let mut book = self.write()?;
        let mut next_id = book.next_id();
        let Plan { effects, outcome } = self.plan(&book, operation, &mut next_id)?;
        self.make_room(&mut book, effects.iter())?;
        let spent = self.apply(&mut book, effects)?;
        drop(book);
        drop(spent);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;

    /// Adds a Local Site when it is dropped.
    struct AddsASite<'a>(&'a Memory, &'static str);

    impl Drop for AddsASite<'_> {
        fn drop(&mut self) {
            self.0.change(Operation::AddLocalSite(Text::new(self.1))).unwrap();
        }
    }

    #[test]
    fn unfinished_change_poisons_but_not_during_an_unwind() {
        let memory = Memory::new().unwrap();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _adds = AddsASite(&memory, "site");
            resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(memory.local_sites().unwrap(), [Text::new("site")]);

        let mut book = memory.write().unwrap();
        book.is_changing = true;
        drop(book);
        assert_eq!(memory.local_sites().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}
