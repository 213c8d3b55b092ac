//! Tokens in the memory of the process.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hashbrown::HashSet;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

mod clients;
pub(super) mod commons;
mod owners;
mod pages;
mod value_index;

use self::clients::Clients;
use self::commons::Commons;
use self::owners::Owners;
use self::pages::Pages;
use self::value_index::ValueIndex;
use super::{Backend, ClientQuery, Contents, Imported, Operation, Outcome, Selection};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::requests::{SiteFilter, TokenFilter};
use crate::text::Text;
use crate::token::{Record, RecordFields, SharedRecord};

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

/// The records with every index but the one by value.
pub(super) struct Book {
    last_id: i64,
    local_sites: BTreeSet<Text>,
    by_id: Pages,
    owners: Owners,
    clients: Clients,
}

/// Headroom that new records leave free, so that logins and revocations go on when memory is exhausted,
/// with what SQLite needs for them: this many pieces of [`PIECE`] bytes.
const PIECES: usize = 32;
const PIECE: usize = 32 << 10;

/// The headroom is checked again after so many new records.
const RECORDS_PER_CHECK: usize = 64;

/// So many records that replace others need at most so many bytes in small allocations.
const REPLACED_PER_CHECK: usize = 16;
const ROOM_TO_REPLACE: usize = 16 << 10;

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

    /// Runs a check for memory, and again after a sweep if it fails: records that are gone leave some.
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
                "an earlier internal error may have left the store half-changed",
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
        judge: &mut dyn FnMut(&Record, bool) -> Option<Timestamp>,
        note: impl FnOnce(&Record, Timestamp),
    ) -> Result<Option<SharedRecord>> {
        self.check_poison()?;
        Ok(self.values.with(value, |record| {
            let active = !self.inactive.contains_owner(record);
            if let Some(time) = judge(record, active) {
                note(record, time);
            }
            record.clone()
        }))
    }

    /// Adds the records of some ids that are still there to those in a vector, which has room.
    #[cfg(feature = "sqlite")]
    pub(super) fn find_records(&self, ids: &[i64], records: &mut Vec<SharedRecord>) -> Result<()> {
        let book = self.read()?;
        records.extend(ids.iter().filter_map(|&id| book.by_id.get(id).cloned()));
        Ok(())
    }

    /// What an operation would do. Nothing is changed; new records get ids from `next_id` on.
    pub(super) fn plan(
        &self,
        book: &Book,
        operation: Operation,
        next_id: &mut i64,
    ) -> Result<Plan> {
        Ok(match operation {
            Operation::AddLocalSite(name) => {
                if book.local_sites.contains(&name) {
                    let message = "there is such a Local Site already";
                    return Err(Error::new(ErrorKind::Exists, message).at_argument("local_site"));
                }
                Plan::of(Effect::AddLocalSite(name))
            }
            Operation::RemoveLocalSite(name) => {
                book.check_local_site(Some(&name))?;
                let of_site = |record: &&SharedRecord| record.local_site() == Some(&name);
                let mut plan = Plan::removing(book.by_id.values().filter(of_site))?;
                memory::push(&mut plan.effects, Effect::RemoveLocalSite(name))?;
                plan
            }
            Operation::SetUserActive(user, active) => Plan::of(Effect::SetUserActive(user, active)),
            Operation::Insert(fields, unless) => {
                book.check_local_site(fields.local_site.as_deref())?;
                if let Some(found) = unless.and_then(|query| book.best(&query.borrow())) {
                    return Ok(Plan::nothing(Outcome::Found(found)));
                }
                if self.values.contains(fields.value.borrow().expose_bytes()) {
                    return Ok(Plan::nothing(Outcome::ValueTaken(fields)));
                }
                let record = self.commons.record(*next_id, book.sharing_name(*fields))?;
                *next_id += 1;
                Plan {
                    effects: vec![Effect::Insert(record.clone())],
                    outcome: Outcome::Inserted(record),
                }
            }
            Operation::Update(id, change) => {
                self.replacing(book, book.by_id.get(id), |old| change.applied_to(old))?
            }
            Operation::Invalidate(which, invalidation) => {
                let invalidated = |old: &Record| RecordFields {
                    invalidation: Some(invalidation.clone()),
                    ..old.fields()
                };
                match which {
                    Selection::Value(value) => {
                        let record = self.values.with(value.borrow().expose_bytes(), Clone::clone);
                        self.replacing(book, record.iter(), invalidated)?
                    }
                    Selection::Id(id) => self.replacing(book, book.by_id.get(id), invalidated)?,
                    Selection::User(user) => {
                        self.replacing(book, book.records_of(&user), invalidated)?
                    }
                    Selection::Everyone => {
                        self.replacing(book, book.by_id.values(), invalidated)?
                    }
                }
            }
            Operation::Delete(id) => Plan::removing(book.by_id.get(id))?,
            Operation::Import(imported) => return self.plan_import(book, *imported, next_id),
            Operation::Purge(dead_before) => {
                let dead =
                    |record: &&SharedRecord| record.dead_since().is_some_and(|t| t < dead_before);
                Plan::removing(book.by_id.values().filter(dead))?
            }
        })
    }

    fn plan_import(&self, book: &Book, imported: Imported, next_id: &mut i64) -> Result<Plan> {
        let Imported { mut local_sites, inactive_users, records } = imported;
        let mut listed = HashSet::new();
        listed.try_reserve(local_sites.len()).map_err(memory::exhausted)?;
        listed.extend(local_sites.iter().cloned());
        local_sites.sort_unstable();
        local_sites.dedup();
        local_sites.retain(|name| !book.local_sites.contains(name));
        let count = local_sites.len() + inactive_users.len() + records.len();
        let mut effects = memory::vec_with_capacity(count)?;
        effects.extend(local_sites.into_iter().map(Effect::AddLocalSite));
        effects.extend(inactive_users.into_iter().map(|user| Effect::SetUserActive(user, false)));

        let (mut values, mut added) = (HashSet::new(), memory::vec_with_capacity(records.len())?);
        values.try_reserve(records.len()).map_err(memory::exhausted)?;
        for (line, fields) in records {
            let at_line = |error: Error| error.prefixed(format_args!("line {line}"));
            match &fields.local_site {
                Some(site) if listed.contains(site) => {}
                site => book.check_local_site(site.as_deref()).map_err(at_line)?,
            }
            let record = self.commons.record(*next_id, book.sharing_name(fields))?;
            if self.values.contains(record.value().expose_bytes())
                || !values.insert(SameValue(record.clone()))
            {
                let message = "there is a token with this value already";
                return Err(at_line(Error::new(ErrorKind::Exists, message)));
            }
            *next_id += 1;
            effects.push(Effect::Insert(record.clone()));
            added.push(record);
        }
        Ok(Plan { effects, outcome: Outcome::Done(added) })
    }

    fn replacing<'a>(
        &self,
        book: &Book,
        records: impl IntoIterator<Item = &'a SharedRecord>,
        fields: impl Fn(&Record) -> RecordFields,
    ) -> Result<Plan> {
        let (mut effects, mut records_after) = (Vec::new(), Vec::new());
        for old in records {
            if effects.len() % REPLACED_PER_CHECK == 0 {
                self.check_or_sweep(memory::check_room, ROOM_TO_REPLACE)?;
            }
            let new = self.commons.replacement(old.id(), book.sharing_name(fields(old)))?;
            memory::push(&mut records_after, new.clone())?;
            memory::push(&mut effects, Effect::Replace { old: old.clone(), new })?;
        }
        Ok(Plan { effects, outcome: Outcome::Done(records_after) })
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

/// One step of a planned change.
pub(super) enum Effect {
    Insert(SharedRecord),
    Replace { old: SharedRecord, new: SharedRecord },
    Remove(SharedRecord),
    AddLocalSite(Text),
    RemoveLocalSite(Text),
    SetUserActive(Text, bool),
}

impl Effect {
    /// Returns the record that is new, if one is.
    fn inserted(&self) -> Option<&SharedRecord> {
        match self {
            Self::Insert(record) => Some(record),
            _ => None,
        }
    }

    /// Whether making room for it takes memory.
    #[cfg(feature = "sqlite")]
    pub(super) fn needs_room(&self) -> bool {
        match self {
            Self::Insert(_) | Self::SetUserActive(_, false) => true,
            Self::Replace { new, .. } => new.invalidation().is_none(),
            _ => false,
        }
    }

    /// Returns the record that an effect adds, new or in the place of another.
    fn added(&self) -> Option<&SharedRecord> {
        match self {
            Self::Insert(record) | Self::Replace { new: record, .. } => Some(record),
            _ => None,
        }
    }
}

/// What an operation does to the store as it is, and what the caller is told.
pub(super) struct Plan {
    pub effects: Vec<Effect>,
    pub outcome: Outcome,
}

impl Plan {
    fn nothing(outcome: Outcome) -> Self {
        Self { effects: Vec::new(), outcome }
    }

    fn of(effect: Effect) -> Self {
        Self { effects: vec![effect], outcome: Outcome::Done(Vec::new()) }
    }

    fn removing<'a>(records: impl IntoIterator<Item = &'a SharedRecord>) -> Result<Self> {
        let records = memory::collect(records.into_iter().cloned())?;
        let effects = memory::collect(records.iter().cloned().map(Effect::Remove))?;
        Ok(Self { effects, outcome: Outcome::Done(records) })
    }
}

/// A record as its value tells it from others.
struct SameValue(SharedRecord);

impl PartialEq for SameValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.value().is(other.0.value().expose_bytes())
    }
}

impl Eq for SameValue {}

impl Hash for SameValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.value().expose_bytes().hash(state);
    }
}

/// The book, open for a change. A change of it that is not ended poisons the store. The thread is
/// not asked whether it panics: a host may call while it unwinds from a panic of its own.
pub(super) struct OpenBook<'a> {
    book: RwLockWriteGuard<'a, Book>,
    is_changing: bool,
    poisoned: &'a AtomicBool,
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

/// The users that may not log in. There are few or none of them, and every login asks.
#[derive(Default)]
struct InactiveUsers {
    count: AtomicUsize,
    names: RwLock<HashSet<Text>>,
}

impl InactiveUsers {
    /// Makes room for so many more names.
    ///
    /// # Errors
    /// `NoMemory`.
    fn make_room(&self, more: usize) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        self.names.write().try_reserve(more).map_err(memory::exhausted)
    }

    /// # Errors
    /// `NoMemory`; none where [`InactiveUsers::make_room`] was called for the name.
    fn set(&self, user: &Text, active: bool) -> Result<()> {
        let mut names = self.names.write();
        if active {
            names.remove(user);
        } else {
            names.try_reserve(1).map_err(memory::exhausted)?;
            names.insert(user.clone());
        }
        self.count.store(names.len(), Ordering::Release);
        Ok(())
    }

    /// Whether the owner of a record is among them. The name, which lies far from the record, is
    /// not looked at where there are none.
    #[inline]
    fn contains_owner(&self, record: &Record) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.contains(record.user())
    }

    /// Returns the names in an order that is the same for every copy of the store.
    ///
    /// # Errors
    /// `NoMemory`.
    fn sorted(&self) -> Result<Vec<Text>> {
        let mut names = memory::collect(self.names.read().iter().cloned())?;
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(names)
    }

    #[inline(never)]
    fn contains(&self, user: &Text) -> bool {
        self.names.read().contains(user)
    }
}

impl Book {
    /// The id that the next record gets.
    pub(super) fn next_id(&self) -> i64 {
        self.last_id + 1
    }

    /// Says that ids up to this one were given out.
    pub(super) fn raise_last_id(&mut self, last_id: i64) {
        self.last_id = self.last_id.max(last_id);
    }

    /// Replaces the owner's name by the copy that the owner's other records share.
    fn sharing_name(&self, mut fields: RecordFields) -> RecordFields {
        if let Some(name) = self.owners.name(&fields.user) {
            fields.user = name.clone();
        }
        fields
    }

    fn check_local_site(&self, name: Option<&str>) -> Result<()> {
        match name {
            Some(name) if !self.local_sites.contains(name) => {
                Err(Error::new(ErrorKind::NotFound, "there is no such Local Site")
                    .at_argument("local_site"))
            }
            _ => Ok(()),
        }
    }

    /// All records, in order of their ids.
    fn all_records(&self) -> Result<Vec<SharedRecord>> {
        let mut records = memory::vec_with_capacity(self.by_id.len())?;
        records.extend(self.by_id.values().cloned());
        Ok(records)
    }

    /// A user's records, in order of their ids.
    fn records_of(&self, user: &str) -> impl Iterator<Item = &SharedRecord> {
        self.owners.ids_of(user).filter_map(|id| self.by_id.get(id))
    }

    fn best(&self, query: &ClientQuery<'_>) -> Option<SharedRecord> {
        let ignored = query.ignored_generators;
        let serves = |record: &Record| ignored.is_none_or(|it| !it.contains(record.generator_id()));
        self.clients.best(query, serves)
    }
}

impl Backend for Memory {
    fn local_sites(&self) -> Result<Vec<Text>> {
        memory::collect(self.read()?.local_sites.iter().cloned())
    }

    fn best_client_token(&self, query: &ClientQuery<'_>) -> Result<Option<SharedRecord>> {
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

    fn check_room(&self) -> Result<()> {
        self.check_headroom(1)
    }

    fn log_in(
        &self,
        value: &[u8],
        judge: &mut dyn FnMut(&Record, bool) -> Option<Timestamp>,
    ) -> Result<Option<SharedRecord>> {
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
