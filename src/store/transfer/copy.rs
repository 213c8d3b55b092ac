//! Copies tokens from one store to another.

use hashbrown::HashSet;

use super::STEP;
use super::export::is_importable;
use crate::backend::{ImportData, Part};
use crate::error::Result;
use crate::memory;
use crate::model::documents::to_storage;
use crate::model::names;
use crate::model::requests::{Progress, TokenFilter};
use crate::store::Store;
use crate::text::Text;
use crate::token::{Record, RecordFields};

/// Options of [`Store::copy_from`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyOptions<'a> {
    /// Copies only the tokens of this user.
    pub user: Option<&'a str>,
    /// Skips tokens whose value exists in the target, which are errors otherwise.
    pub skip_existing: bool,
    /// Returns what a copy would, and changes nothing.
    pub is_trial: bool,
}

/// The result of [`Store::copy_from`], in numbers of tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Tokens that were copied.
    pub copied: u64,
    /// Tokens that exist in the target.
    pub skipped: u64,
    /// Tokens of a database whose row cannot be read or has names that no other store accepts.
    pub unreadable: u64,
}

impl Store {
    /// Adds the tokens of another store in one transaction, with all their fields. They get new ids
    /// in the order of the old ones. No event is fired. In a Review Board database, users and Local
    /// Sites must exist; other stores get the Local Sites and disabled users of the source.
    ///
    /// `progress` is called while the source is read, and again from 0 while tokens are written.
    ///
    /// # Errors
    /// `Exists` if a value exists in this store; `NotFound` for an unknown user or Local Site;
    /// those of both stores and of `progress`. Nothing is changed then.
    pub fn copy_from(
        &self,
        source: &Self,
        options: &CopyOptions<'_>,
        progress: Progress<'_>,
    ) -> Result<Copied> {
        let mut copy = Copy {
            target: self,
            options,
            data: ImportData::new("token"),
            sites: HashSet::new(),
            counts: Copied::default(),
            visited: 0,
            total: 0,
        };
        match options.user {
            None => source.backend.for_each_part(&mut |part| copy.add(part, progress))?,
            Some(user) => {
                names::check_user(user)?;
                let mut inactive = source.backend.inactive_users()?;
                inactive.retain(|name| name.as_str() == user);
                copy.add(Part::InactiveUsers(&inactive), progress)?;
                let filter = TokenFilter { user: Some(user), ..TokenFilter::default() };
                source.backend.for_each(&filter, source.now()?, &mut |records| {
                    copy.total += records.len() as u64;
                    Ok(())
                })?;
                source.backend.for_each(&filter, source.now()?, &mut |records| {
                    copy.add(Part::Records(records), progress)
                })?;
            }
        }
        let Copy { data, counts, .. } = copy;
        let copied = self.backend.import(data, options.is_trial, progress)?;
        Ok(Copied { copied, ..counts })
    }

    /// Returns the fields of another store's record, with documents of this store.
    fn adopted(&self, record: &Record) -> Result<RecordFields> {
        let (policy, extra_data) = (record.policy(), record.extra_data());
        let policy = to_storage(policy.text(), policy.foreign_text())?;
        let extra_data = to_storage(extra_data.text(), extra_data.foreign_text())?;
        Ok(RecordFields {
            generator_id: self.generators.read().intern(record.generator_id()),
            policy: self.documents.stored_policy(Some(&policy))?,
            extra_data: self.documents.stored_extra_data(Some(&extra_data))?,
            ..record.fields()
        })
    }
}

/// The state of a copy.
struct Copy<'a> {
    target: &'a Store,
    options: &'a CopyOptions<'a>,
    data: ImportData,
    /// Local Sites in `data`.
    sites: HashSet<Text>,
    counts: Copied,
    /// Number of tokens of the source that have been read.
    visited: u64,
    /// Estimated number of tokens; 0 if it is unknown.
    total: u64,
}

impl Copy<'_> {
    fn add(&mut self, part: Part<'_>, progress: Progress<'_>) -> Result<()> {
        match part {
            Part::Total(total) => self.total = total,
            Part::LocalSites(names) => names.iter().try_for_each(|name| self.add_site(name))?,
            Part::InactiveUsers(users) => {
                for user in users.iter().filter(|user| names::check_user(user).is_ok()) {
                    memory::push(&mut self.data.inactive_users, user.clone())?;
                }
            }
            Part::Records(records) => {
                for record in records {
                    if self.visited.is_multiple_of(STEP) {
                        progress(self.visited, self.total.max(self.visited))?;
                    }
                    self.add_record(record)?;
                    self.visited += 1;
                }
            }
        }
        Ok(())
    }

    fn add_site(&mut self, name: &Text) -> Result<()> {
        if names::check_local_site(name).is_ok() && !self.sites.contains(name) {
            self.sites.try_reserve(1).map_err(memory::exhausted)?;
            self.sites.insert(name.clone());
            memory::push(&mut self.data.local_sites, name.clone())?;
        }
        Ok(())
    }

    fn add_record(&mut self, record: &Record) -> Result<()> {
        if !is_importable(record) {
            self.counts.unreadable += 1;
            return Ok(());
        }
        let backend = &self.target.backend;
        if self.options.skip_existing && backend.by_value(record.value().expose())?.is_some() {
            self.counts.skipped += 1;
            return Ok(());
        }
        record.local_site().map_or(Ok(()), |name| self.add_site(name))?;
        backend.check_room()?;
        let number = u64::try_from(record.id()).unwrap_or_default();
        memory::push(&mut self.data.records, (number, self.target.adopted(record)?))
    }
}
