//! Plans a change: computes the effects of an operation without applying them.

use std::hash::{Hash, Hasher};

use hashbrown::HashSet;

use super::Memory;
use super::indexes::Indexes;
use crate::backend::{ImportData, Operation, Outcome, Selection, value_exists};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::text::Text;
use crate::token::{Record, RecordFields, SharedRecord};

/// Number of replaced records that one check of [`Memory::check_room_to_replace`] covers.
const REPLACED_PER_CHECK: usize = 16;

/// Bytes of small allocations that a replaced record needs at most.
const ROOM_PER_REPLACED: usize = 1 << 10;

/// One effect of a planned change.
pub(in crate::backend) enum Effect {
    Insert(SharedRecord),
    Replace { old: SharedRecord, new: SharedRecord },
    Remove(SharedRecord),
    AddLocalSite(Text),
    RemoveLocalSite(Text),
    SetUserActive(Text, bool),
}

impl Effect {
    /// Returns a newly inserted record.
    pub(super) fn inserted(&self) -> Option<&SharedRecord> {
        match self {
            Self::Insert(record) => Some(record),
            _ => None,
        }
    }

    /// Returns whether reserving room for the effect may allocate.
    #[cfg(feature = "sqlite")]
    pub(in crate::backend) fn needs_room(&self) -> bool {
        match self {
            Self::Insert(_) | Self::SetUserActive(_, false) => true,
            Self::Replace { new, .. } => new.invalidation().is_none(),
            _ => false,
        }
    }

    /// Returns a record that is inserted or replaces another one.
    pub(super) fn added(&self) -> Option<&SharedRecord> {
        match self {
            Self::Insert(record) | Self::Replace { new: record, .. } => Some(record),
            _ => None,
        }
    }
}

/// The effects of an operation, and its outcome for the caller.
pub(in crate::backend) struct Plan {
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

    fn removal_of<'a>(records: impl IntoIterator<Item = &'a SharedRecord>) -> Result<Self> {
        let records = memory::collect(records.into_iter().cloned())?;
        let effects = memory::collect(records.iter().cloned().map(Effect::Remove))?;
        Ok(Self { effects, outcome: Outcome::Done(records) })
    }
}

/// Compares and hashes a record by its value.
struct ByValue(SharedRecord);

impl PartialEq for ByValue {
    fn eq(&self, other: &Self) -> bool {
        self.0.value().equals(other.0.value().expose_bytes())
    }
}

impl Eq for ByValue {}

impl Hash for ByValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.value().expose_bytes().hash(state);
    }
}

impl Memory {
    /// Computes the effects of an operation without changing anything. New records get ids from
    /// `next_id` on.
    pub(in crate::backend) fn plan(
        &self,
        indexes: &Indexes,
        operation: Operation,
        next_id: &mut i64,
    ) -> Result<Plan> {
        Ok(match operation {
            Operation::AddLocalSite(name) => {
                if indexes.local_sites.contains(&name) {
                    let message = "this Local Site already exists";
                    return Err(Error::new(ErrorKind::Exists, message).at_argument("local_site"));
                }
                Plan::of(Effect::AddLocalSite(name))
            }
            Operation::RemoveLocalSite(name) => {
                indexes.check_local_site(Some(&name))?;
                let of_site = |record: &&SharedRecord| record.local_site() == Some(&name);
                let mut plan = Plan::removal_of(indexes.by_id.values().filter(of_site))?;
                memory::push(&mut plan.effects, Effect::RemoveLocalSite(name))?;
                plan
            }
            Operation::SetUserActive(user, active) => Plan::of(Effect::SetUserActive(user, active)),
            Operation::Insert(fields, unless) => {
                indexes.check_local_site(fields.local_site.as_deref())?;
                if let Some(found) = unless.and_then(|query| indexes.best(&query.borrow())) {
                    return Ok(Plan::nothing(Outcome::Found(found)));
                }
                if self.by_value.contains(fields.value.borrow().expose_bytes()) {
                    return Ok(Plan::nothing(Outcome::ValueTaken(fields)));
                }
                let record = self.interner.record(*next_id, indexes.with_shared_name(*fields))?;
                *next_id += 1;
                Plan {
                    effects: vec![Effect::Insert(record.clone())],
                    outcome: Outcome::Inserted(record),
                }
            }
            Operation::Update(id, change) => {
                self.plan_replacements(indexes, indexes.by_id.get(id), |old| {
                    change.applied_to(old)
                })?
            }
            Operation::Invalidate(selection, invalidation) => {
                let invalidated = |old: &Record| RecordFields {
                    invalidation: Some(invalidation.clone()),
                    ..old.fields()
                };
                match selection {
                    Selection::Value(value) => {
                        let record =
                            self.by_value.with(value.borrow().expose_bytes(), Clone::clone);
                        self.plan_replacements(indexes, record.iter(), invalidated)?
                    }
                    Selection::Id(id) => {
                        self.plan_replacements(indexes, indexes.by_id.get(id), invalidated)?
                    }
                    Selection::Ids(ids) => {
                        let records = ids.iter().filter_map(|id| indexes.by_id.get(*id));
                        self.plan_replacements(indexes, records, invalidated)?
                    }
                    Selection::User(user) => {
                        self.plan_replacements(indexes, indexes.records_of(&user), invalidated)?
                    }
                    Selection::Everyone => {
                        self.plan_replacements(indexes, indexes.by_id.values(), invalidated)?
                    }
                }
            }
            Operation::Delete(id) => Plan::removal_of(indexes.by_id.get(id))?,
            Operation::Import(imported) => return self.plan_import(indexes, *imported, next_id),
            Operation::Purge(unusable_before) => {
                let is_unusable = |record: &&SharedRecord| {
                    record.unusable_since().is_some_and(|t| t < unusable_before)
                };
                Plan::removal_of(indexes.by_id.values().filter(is_unusable))?
            }
        })
    }

    fn plan_import(
        &self,
        indexes: &Indexes,
        imported: ImportData,
        next_id: &mut i64,
    ) -> Result<Plan> {
        let ImportData { numbered, mut local_sites, inactive_users, records } = imported;
        let mut listed = HashSet::new();
        listed.try_reserve(local_sites.len()).map_err(memory::exhausted)?;
        listed.extend(local_sites.iter().cloned());
        local_sites.sort_unstable();
        local_sites.dedup();
        local_sites.retain(|name| !indexes.local_sites.contains(name));
        let count = local_sites.len() + inactive_users.len() + records.len();
        let mut effects = memory::vec_with_capacity(count)?;
        effects.extend(local_sites.into_iter().map(Effect::AddLocalSite));
        effects.extend(inactive_users.into_iter().map(|user| Effect::SetUserActive(user, false)));

        let (mut values, mut added) = (HashSet::new(), memory::vec_with_capacity(records.len())?);
        values.try_reserve(records.len()).map_err(memory::exhausted)?;
        for (number, fields) in records {
            let at_number = |error: Error| error.prefixed(format_args!("{numbered} {number}"));
            match &fields.local_site {
                Some(site) if listed.contains(site) => {}
                site => indexes.check_local_site(site.as_deref()).map_err(|error| {
                    let name = site.as_deref().unwrap_or_default();
                    at_number(error.prefixed(format_args!("`{name}`")))
                })?,
            }
            let record = self.interner.record(*next_id, indexes.with_shared_name(fields))?;
            if self.by_value.contains(record.value().expose_bytes())
                || !values.insert(ByValue(record.clone()))
            {
                return Err(at_number(value_exists()));
            }
            *next_id += 1;
            effects.push(Effect::Insert(record.clone()));
            added.push(record);
        }
        Ok(Plan { effects, outcome: Outcome::Done(added) })
    }

    /// Checks the memory for [`REPLACED_PER_CHECK`] replaced records. It may be fragmented, since
    /// revocation must succeed even then.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(in crate::backend) fn check_room_to_replace(&self) -> Result<()> {
        self.check_or_sweep(|| {
            memory::check_room(REPLACED_PER_CHECK * ROOM_PER_REPLACED)
                .or_else(|_| memory::check_blocks(&[ROOM_PER_REPLACED; REPLACED_PER_CHECK]))
        })
    }

    /// Plans to replace records by new ones with the fields that `fields` returns.
    fn plan_replacements<'a>(
        &self,
        indexes: &Indexes,
        records: impl IntoIterator<Item = &'a SharedRecord>,
        fields: impl Fn(&Record) -> RecordFields,
    ) -> Result<Plan> {
        let (mut effects, mut records_after) = (Vec::new(), Vec::new());
        for old in records {
            if effects.len() % REPLACED_PER_CHECK == 0 {
                self.check_room_to_replace()?;
            }
            let new = self.interner.replacement(old.id(), indexes.with_shared_name(fields(old)))?;
            memory::push(&mut records_after, new.clone())?;
            memory::push(&mut effects, Effect::Replace { old: old.clone(), new })?;
        }
        Ok(Plan { effects, outcome: Outcome::Done(records_after) })
    }
}
