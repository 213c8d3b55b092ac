//! The backend in memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{RwLock, RwLockReadGuard};

mod client_index;
mod id_index;
mod inactive_users;
mod indexes;
mod plan;
pub(super) mod shared_fields;
mod user_index;
mod value_index;

use self::client_index::ClientIndex;
use self::id_index::IdIndex;
use self::inactive_users::InactiveUsers;
use self::indexes::{Indexes, IndexesWriteGuard};
pub(super) use self::plan::{Effect, Plan};
use self::shared_fields::SharedFieldsInterner;
use self::user_index::UserIndex;
use self::value_index::ValueIndex;
use super::{
    Backend, ClientQuery, Contents, FailedSearch, Judge, Judgment, MemoryStatistics, Operation,
    Outcome, Statistics,
};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::requests::{SiteFilter, TokenFilter};
use crate::text::Text;
use crate::token::{Record, SharedRecord};

/// A store in memory.
///
/// Every change locks `indexes`; a lookup by value locks only a shard of `by_value`. Lock order:
/// `indexes` before a shard.
pub(crate) struct Memory {
    indexes: RwLock<Indexes>,
    by_value: ValueIndex,
    interner: SharedFieldsInterner,
    inactive: InactiveUsers,
    /// Set if a panic interrupted a change. The store then rejects every operation.
    poisoned: AtomicBool,
    /// Number of further records that the last headroom check covers.
    checked_records: AtomicUsize,
}

/// The headroom: sizes of blocks, 1 MiB in total. New records leave this memory free, so that
/// logins and revocations, including SQLite's work, succeed when memory is exhausted.
const HEADROOM: [usize; 32] = [32 << 10; 32];

/// The headroom in fragmented memory, as after many deletions: two blocks for the index of
/// SQLite's log, and blocks of the size of a page in SQLite's cache for the rest of 1 MiB.
const FRAGMENTED_HEADROOM: [usize; 216] = {
    let mut sizes = [4608; 216];
    (sizes[0], sizes[1]) = (32 << 10, 32 << 10);
    sizes
};

/// Number of new records between two headroom checks.
const RECORDS_PER_CHECK: usize = 64;

impl Memory {
    /// Creates an empty store.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn new() -> Result<Self> {
        let indexes = Indexes {
            last_id: 0,
            local_sites: BTreeSet::new(),
            by_id: IdIndex::default(),
            by_user: UserIndex::default(),
            by_client: ClientIndex::new()?,
        };
        Ok(Self {
            indexes: RwLock::new(indexes),
            by_value: ValueIndex::new()?,
            interner: SharedFieldsInterner::default(),
            inactive: InactiveUsers::default(),
            poisoned: AtomicBool::new(false),
            checked_records: AtomicUsize::new(0),
        })
    }

    /// Checks the headroom, once per [`RECORDS_PER_CHECK`] new records.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn check_headroom(&self, new: usize) -> Result<()> {
        let rest = |checked: usize| checked.checked_sub(new);
        if self.checked_records.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_err() {
            self.check_or_sweep(|| {
                memory::check_blocks(&HEADROOM)
                    .or_else(|_| memory::check_blocks(&FRAGMENTED_HEADROOM))
            })?;
            self.checked_records.store(RECORDS_PER_CHECK.saturating_sub(new), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Runs a memory check. If it fails, frees the memory of dropped records and repeats it.
    fn check_or_sweep(&self, check: impl Fn() -> Result<()>) -> Result<()> {
        check().or_else(|_| {
            self.interner.sweep();
            check()
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

    /// Returns the interner of shared fields.
    pub(super) fn interner(&self) -> &SharedFieldsInterner {
        &self.interner
    }

    /// Makes the store reject every operation from now on.
    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Implements [`Backend::log_in`]; `record_use` stores the time of use.
    pub(super) fn log_in_with(
        &self,
        value: &[u8],
        judge: Judge<'_>,
        record_use: impl FnOnce(&Record, Timestamp),
    ) -> Result<Option<(SharedRecord, Judgment)>> {
        self.check_poison()?;
        let judged = self.by_value.with(value, |record| {
            let judgment = judge.judge(record, !self.inactive.contains_owner(record))?;
            if let Judgment::Accepted(time) = judgment {
                record_use(record, time);
            }
            Ok((record.clone(), judgment))
        });
        judged.transpose()
    }

    /// Appends the existing records among some ids to a vector with enough capacity.
    #[cfg(feature = "sqlite")]
    pub(super) fn find_records(&self, ids: &[i64], records: &mut Vec<SharedRecord>) -> Result<()> {
        let indexes = self.read()?;
        records.extend(ids.iter().filter_map(|&id| indexes.by_id.get(id).cloned()));
        Ok(())
    }

    /// Reserves memory in every index, so that applying the effects cannot fail.
    ///
    /// # Errors
    /// `NoMemory`; the contents are unchanged.
    pub(super) fn reserve_for<'a>(
        &self,
        indexes: &mut Indexes,
        effects: impl Iterator<Item = &'a Effect> + Clone,
    ) -> Result<()> {
        let new = effects.clone().filter_map(Effect::inserted);
        if new.clone().next().is_some() {
            new.clone().try_for_each(|record| indexes.by_id.reserve_for(record.id()))?;
            indexes.by_user.reserve_for(new.clone())?;
            self.by_value.reserve_for(new)?;
        }
        indexes.by_client.reserve_for(effects.clone().filter_map(Effect::added))?;
        let made_inactive = |effect: &&Effect| matches!(effect, Effect::SetUserActive(_, false));
        self.inactive.reserve_for(effects.filter(made_inactive).count())
    }

    /// Applies planned effects to every index, and returns them. Drop them without a lock: they may
    /// have the last references to many replaced and removed records.
    ///
    /// # Errors
    /// `NoMemory`, which leaves the store inconsistent and poisoned. Cannot fail after
    /// [`Memory::reserve_for`].
    pub(super) fn apply(
        &self,
        indexes: &mut IndexesWriteGuard<'_>,
        effects: Vec<Effect>,
    ) -> Result<Vec<Effect>> {
        indexes.is_changing = true;
        #[cfg(rbtoken_panic_injection)]
        crate::panic_injection::point(crate::panic_injection::IN_CHANGE);
        let drops_record =
            |effect: &&Effect| matches!(effect, Effect::Replace { .. } | Effect::Remove(_));
        self.interner.note_drops(effects.iter().filter(drops_record).count());
        for effect in &effects {
            match effect {
                Effect::Insert(record) => {
                    indexes.last_id = indexes.last_id.max(record.id());
                    indexes.by_user.insert(record)?;
                    indexes.by_client.insert(record)?;
                    self.by_value.insert(record)?;
                    indexes.by_id.insert(record.clone())?;
                }
                Effect::Replace { old, new } => {
                    // First, since this copies the time of last use, which a concurrent login may
                    // set.
                    self.by_value.replace(old, new);
                    indexes.by_client.remove(old);
                    indexes.by_client.insert(new)?;
                    indexes.by_id.insert(new.clone())?;
                }
                Effect::Remove(record) => {
                    self.by_value.remove(record);
                    indexes.by_user.remove(record);
                    indexes.by_client.remove(record);
                    indexes.by_id.remove(record.id());
                }
                Effect::AddLocalSite(name) => {
                    indexes.local_sites.insert(name.clone());
                }
                Effect::RemoveLocalSite(name) => {
                    indexes.local_sites.remove(name);
                }
                Effect::SetUserActive(user, active) => self.inactive.set(user, *active)?,
            }
        }
        indexes.is_changing = false;
        Ok(effects)
    }

    /// Reserves memory for this many records in an empty store.
    ///
    /// # Errors
    /// `NoMemory`.
    #[cfg(feature = "sqlite")]
    pub(super) fn reserve(&self, indexes: &mut Indexes, records: usize) -> Result<()> {
        indexes.by_client.reserve(records)?;
        self.by_value.reserve(records)
    }

    pub(super) fn read(&self) -> Result<RwLockReadGuard<'_, Indexes>> {
        let indexes = self.indexes.read();
        self.check_poison()?;
        Ok(indexes)
    }

    pub(super) fn write(&self) -> Result<IndexesWriteGuard<'_>> {
        let indexes = self.indexes.write();
        self.check_poison()?;
        Ok(IndexesWriteGuard { indexes, is_changing: false, poisoned: &self.poisoned })
    }
}

impl Backend for Memory {
    fn local_sites(&self) -> Result<Vec<Text>> {
        memory::collect(self.read()?.local_sites.iter().cloned())
    }

    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        _: &mut Option<FailedSearch>,
    ) -> Result<Option<SharedRecord>> {
        let indexes = self.read()?;
        indexes.check_local_site(query.local_site)?;
        Ok(indexes.best(query))
    }

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>> {
        self.check_poison()?;
        Ok(self.by_value.with(value.as_bytes(), Clone::clone))
    }

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>> {
        Ok(self.read()?.by_id.get(id).cloned())
    }

    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>> {
        let indexes = self.read()?;
        if let SiteFilter::Named(name) = filter.local_site {
            indexes.check_local_site(Some(name))?;
        }
        let matches = |record: &SharedRecord| filter.matches(record, now);
        match filter.user {
            Some(user) => {
                let mut records = memory::collect(indexes.records_of(user).cloned())?;
                drop(indexes);
                records.retain(matches);
                Ok(records)
            }
            None => memory::collect(indexes.by_id.values().filter(|it| matches(it)).cloned()),
        }
    }

    fn count(&self) -> Result<u64> {
        Ok(self.read()?.by_id.len() as u64)
    }

    fn inactive_users(&self) -> Result<Vec<Text>> {
        self.check_poison()?;
        self.inactive.sorted()
    }

    fn contents(&self) -> Result<Contents> {
        let indexes = self.read()?;
        Ok(Contents {
            local_sites: memory::collect(indexes.local_sites.iter().cloned())?,
            inactive_users: self.inactive.sorted()?,
            records: indexes.all_records()?,
            last_id: indexes.last_id,
        })
    }

    fn statistics(&self) -> Result<Statistics> {
        let (tokens, client_bytes) = {
            let indexes = self.read()?;
            (indexes.by_id.len() as u64, indexes.by_client.bytes())
        };
        let record_bytes = self.interner.bytes();
        let index_bytes = self.by_value.bytes() + client_bytes;
        Ok(Statistics {
            kind: "memory",
            tokens: Some(tokens),
            memory: Some(MemoryStatistics { record_bytes, index_bytes }),
            ..Statistics::default()
        })
    }

    fn check_room(&self) -> Result<()> {
        self.check_headroom(1)
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        self.log_in_with(value, judge, |record, time| record.set_last_used(Some(time)))
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        let mut indexes = self.write()?;
        let mut next_id = indexes.next_id();
        let Plan { effects, outcome } = self.plan(&indexes, operation, &mut next_id)?;
        self.reserve_for(&mut indexes, effects.iter())?;
        let applied = self.apply(&mut indexes, effects)?;
        drop(indexes);
        drop(applied);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::*;

    /// Adds a Local Site when dropped.
    struct AddSiteOnDrop<'a>(&'a Memory, &'static str);

    impl Drop for AddSiteOnDrop<'_> {
        fn drop(&mut self) {
            self.0.change(Operation::AddLocalSite(Text::new(self.1))).unwrap();
        }
    }

    #[test]
    fn unfinished_change_poisons_but_not_during_an_unwind() {
        let memory = Memory::new().unwrap();
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let _guard = AddSiteOnDrop(&memory, "site");
            resume_unwind(Box::new(()));
        }));
        assert!(unwound.is_err());
        assert_eq!(memory.local_sites().unwrap(), [Text::new("site")]);

        let mut indexes = memory.write().unwrap();
        indexes.is_changing = true;
        drop(indexes);
        assert_eq!(memory.local_sites().unwrap_err().kind(), ErrorKind::Poisoned);
    }
}
