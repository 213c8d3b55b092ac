//! Backends, which store tokens. A backend provides atomic operations; the rules are in `store`.

mod call;
mod contents;
#[cfg(feature = "sqlite")]
pub(crate) mod durable;
pub(crate) mod location;
mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#[cfg_attr(
    not(all(feature = "sqlite", feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some parts are for one kind of database alone")
)]
mod review_board;
mod statistics;

use std::collections::BTreeSet;
use std::sync::Arc;

pub(crate) use call::CallScope;
pub(crate) use contents::{Contents, ImportData, Part, PartVisitor, value_exists};
#[cfg(feature = "sqlite")]
pub(crate) use durable::Durable;
pub(crate) use location::Location;
pub(crate) use memory::Memory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) use review_board::{Address, ReviewBoard};
#[cfg(feature = "sqlite")]
pub(crate) use statistics::FileStatistics;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) use statistics::{CacheStatistics, PoolStatistics};
pub(crate) use statistics::{MemoryStatistics, Statistics};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::model::requests::{Progress, TokenFilter};
use crate::policy::Policy;
use crate::text::Text;
use crate::token::{ExtraData, Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// The judgment on a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgment {
    /// Accepted at this time.
    Accepted(Timestamp),
    /// Accepted, and the time of use was not stored. Only returned by a backend.
    AcceptedUnwritten,
    /// Refused: the token was invalidated.
    Invalid,
    /// Refused: the token is expired.
    Expired,
    /// Refused: login is disabled for the owner.
    InactiveUser,
}

/// Judges logins. Called with a lock held, so it must neither block nor call back.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    /// Returns the time of the login.
    pub now: &'a dyn Fn() -> Result<Timestamp>,
    /// Judges a record at a time. The flag says whether its owner is active.
    pub rule: fn(&Record, bool, Timestamp) -> Judgment,
}

impl Judge<'_> {
    /// Judges a record now, given whether its owner is active.
    #[inline]
    pub fn judge(&self, record: &Record, owner_is_active: bool) -> Result<Judgment> {
        Ok((self.rule)(record, owner_is_active, (self.now)()?))
    }
}

/// Conditions that an existing token of a client must meet to qualify.
#[derive(Clone, Copy)]
pub(crate) struct ClientQuery<'a> {
    pub user: &'a str,
    pub local_site: Option<&'a str>,
    pub client_name: &'a str,
    /// The token must expire after this time, or never.
    pub valid_until: Timestamp,
    /// Generators whose tokens do not qualify.
    pub ignored_generators: Option<&'a BTreeSet<Text>>,
}

/// An owned [`ClientQuery`], for an insertion.
#[derive(Clone)]
pub(crate) struct OwnedClientQuery {
    pub user: Text,
    pub local_site: Option<Text>,
    pub client_name: Text,
    pub valid_until: Timestamp,
    pub ignored_generators: Option<Arc<BTreeSet<Text>>>,
    /// The result of the search that found no token.
    pub failed_search: Option<Box<FailedSearch>>,
    /// Start of the new token's lifetime, if the backend looks up its length.
    pub expires_from: Option<Timestamp>,
}

/// The result of a database search that found no token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedSearch {
    pub user_id: i64,
    /// `None` for the global site.
    pub local_site_id: Option<i64>,
    pub seen: CandidateSummary,
}

/// A summary of candidates, to detect changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CandidateSummary {
    pub count: i64,
    /// The sum of their ids.
    pub sum: i128,
    /// The sum of the lengths of their `extra_data`.
    pub bytes: i128,
    /// The highest id.
    pub last_id: i64,
    /// The latest `last_updated`.
    pub last_updated: Timestamp,
}

impl FailedSearch {
    /// Returns whether both searches have the same ids of user and Local Site.
    pub fn has_same_names_as(&self, other: &Self) -> bool {
        (self.user_id, self.local_site_id) == (other.user_id, other.local_site_id)
    }
}

impl OwnedClientQuery {
    pub fn borrow(&self) -> ClientQuery<'_> {
        ClientQuery {
            user: &self.user,
            local_site: self.local_site.as_deref(),
            client_name: &self.client_name,
            valid_until: self.valid_until,
            ignored_generators: self.ignored_generators.as_deref(),
        }
    }
}

/// Selects the tokens to invalidate.
#[derive(Clone)]
pub(crate) enum Selection {
    Value(TokenValue),
    Id(i64),
    /// Missing ids are skipped.
    Ids(Vec<i64>),
    User(Text),
    Everyone,
}

/// Changes to a record; `None` leaves a field unchanged.
pub(crate) struct TokenChange {
    pub expires: Option<Option<Timestamp>>,
    pub note: Option<Text>,
    pub policy: Option<Arc<Policy>>,
    pub extra_data: Option<Arc<ExtraData>>,
    pub last_updated: Timestamp,
}

impl TokenChange {
    /// Returns the fields of a record with the changes applied.
    pub fn applied_to(&self, record: &Record) -> RecordFields {
        let mut fields = record.fields();
        fields.last_updated = self.last_updated;
        if let Some(expires) = self.expires {
            fields.expires = expires;
        }
        if let Some(note) = &self.note {
            fields.note = note.clone();
        }
        if let Some(policy) = &self.policy {
            fields.policy = Arc::clone(policy);
        }
        if let Some(extra_data) = &self.extra_data {
            fields.extra_data = Arc::clone(extra_data);
        }
        fields
    }
}

/// An atomic change of a store.
pub(crate) enum Operation {
    AddLocalSite(Text),
    /// Removes a Local Site and its tokens.
    RemoveLocalSite(Text),
    SetUserActive(Text, bool),
    /// Stores a new record, unless a token matches the query.
    Insert(Box<RecordFields>, Option<OwnedClientQuery>),
    Update(i64, TokenChange),
    /// Invalidates tokens, replacing an earlier invalidation.
    Invalidate(Selection, Invalidation),
    Delete(i64),
    /// Deletes the tokens that became unusable before this time.
    Purge(Timestamp),
    /// Adds the contents of another store.
    Import(Box<ImportData>),
}

/// The outcome of an operation.
pub(crate) enum Outcome {
    /// Done. These records were changed or removed, ordered by id.
    Done(Vec<SharedRecord>),
    /// The record was inserted.
    Inserted(SharedRecord),
    /// Nothing was inserted, since this token matches the query.
    Found(SharedRecord),
    /// Nothing was inserted, since another token has this value.
    ValueTaken(Box<RecordFields>),
}

/// Receives records.
pub(crate) type RecordVisitor<'a> = &'a mut dyn FnMut(&[SharedRecord]);

/// A storage backend.
///
/// For an unknown Local Site, the error is `NotFound` with the argument `local_site`. For an
/// unknown user, it is `NotFound` with the argument `user`, if users are managed elsewhere.
pub(crate) trait Backend: Send + Sync {
    /// Gives all operations of this thread a common deadline while the scope exists.
    fn begin_call(&self) -> CallScope {
        CallScope::unlimited()
    }

    /// Returns the names of the Local Sites, sorted.
    fn local_sites(&self) -> Result<Vec<Text>>;

    /// Returns whether an insertion uses [`OwnedClientQuery::expires_from`] with a lifetime that
    /// the backend looks up.
    fn looks_up_expiration(&self) -> bool {
        false
    }

    /// Returns the days until a client token expires if that is set elsewhere; 0 is never.
    fn client_token_expiration(&self) -> Result<Option<i64>> {
        Ok(None)
    }

    /// Returns the best token for a client: one that never expires, otherwise the one that expires
    /// last; among equals, the lowest id. If there is none, `failed_search` may be set for the
    /// insertion.
    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        failed_search: &mut Option<FailedSearch>,
    ) -> Result<Option<SharedRecord>>;

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>>;

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>>;

    /// Returns the matching tokens, ordered by id.
    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>>;

    /// Passes the matching tokens to `visit` part by part, ordered by id, without any lock. If they
    /// are in a database, reads each part at a different point in time.
    fn for_each(
        &self,
        filter: &TokenFilter<'_>,
        now: Timestamp,
        visit: &mut dyn FnMut(&[SharedRecord]) -> Result<()>,
    ) -> Result<()> {
        visit(&self.list(filter, now)?)
    }

    fn count(&self) -> Result<u64>;

    /// Returns the users whose login is disabled, sorted.
    fn inactive_users(&self) -> Result<Vec<Text>>;

    /// Looks up a value, which may be invalid UTF-8, and calls `judge` for its record. The time of
    /// an accepted login is stored as the record's `last_used`, unless the result is
    /// `AcceptedUnwritten`.
    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>>;

    /// Removes one login from the cache, or all.
    fn forget_logins(&self, _value: Option<TokenValue>) {}

    /// Applies an operation.
    fn change(&self, operation: Operation) -> Result<Outcome>;

    /// Checks that there is memory for a new token, before any is allocated.
    ///
    /// # Errors
    /// `NoMemory`.
    fn check_room(&self) -> Result<()> {
        Ok(())
    }

    /// Invalidates or deletes tokens, and returns their number. Afterwards, `changed` is called
    /// with their records, possibly in several parts, without any lock. If other programs write to
    /// the store, unreadable records are omitted.
    fn revoke(&self, operation: Operation, changed: Option<RecordVisitor<'_>>) -> Result<u64> {
        let Outcome::Done(records) = self.change(operation)? else { return Ok(0) };
        if let Some(changed) = changed {
            changed(&records);
        }
        Ok(records.len() as u64)
    }

    /// Deletes the tokens that became unusable before a given time, and returns their number.
    /// `purged` is called with their records, possibly in several parts, without any lock. Each
    /// part has been deleted permanently.
    fn purge(&self, before: Timestamp, purged: Option<RecordVisitor<'_>>) -> Result<u64> {
        let Outcome::Done(records) = self.change(Operation::Purge(before))? else { return Ok(0) };
        if let Some(purged) = purged {
            purged(&records);
        }
        Ok(records.len() as u64)
    }

    /// Returns the contents of the store.
    ///
    /// # Errors
    /// `Unsupported` if they may not fit in memory.
    fn contents(&self) -> Result<Contents> {
        Err(Error::new(ErrorKind::Unsupported, "a store of this kind cannot be backed up")
            .at_argument("store"))
    }

    /// Iterates over the contents, from one point in time if they fit in memory. `visit` is called
    /// without any lock.
    ///
    /// # Errors
    /// Those of `visit` as well.
    fn for_each_part(&self, visit: PartVisitor<'_>) -> Result<()> {
        let contents = self.contents()?;
        visit(Part::Total(contents.records.len() as u64))?;
        visit(Part::LocalSites(&contents.local_sites))?;
        visit(Part::InactiveUsers(&contents.inactive_users))?;
        visit(Part::Records(&contents.records))
    }

    /// Adds the contents of another store atomically, and returns the number of tokens. A trial
    /// returns the same errors and changes nothing.
    fn import(&self, data: ImportData, is_trial: bool, progress: Progress<'_>) -> Result<u64> {
        let count = data.records.len() as u64;
        if !is_trial {
            progress(count, count)?;
            self.change(Operation::Import(Box::new(data)))?;
            return Ok(count);
        }
        let sites = self.local_sites()?;
        let has_site = |name| sites.contains(name) || data.local_sites.contains(name);
        for (number, fields) in &data.records {
            if let Some(name) = fields.local_site.as_ref().filter(|name| !has_site(*name)) {
                let place = format_args!("{} {number}: `{}`", data.numbered, name.as_str());
                let error = Error::new(ErrorKind::NotFound, "no such Local Site").prefixed(place);
                return Err(error.at_argument("local_site"));
            }
            if self.by_value(fields.value.expose())?.is_some() {
                let place = format_args!("{} {number}", data.numbered);
                return Err(value_exists().prefixed(place));
            }
        }
        Ok(count)
    }

    /// Returns statistics without querying a server.
    fn statistics(&self) -> Result<Statistics>;

    /// Makes all completed work durable, also the times of last use.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Checks that this process can use the backend.
    ///
    /// # Errors
    /// `Forked` in a child process, if the backend does not support that.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// Returns the error for a child process.
fn forked() -> Error {
    let message = "opened before fork(): only the parent process can use it";
    Error::new(ErrorKind::Forked, message).at_argument("store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyIds;

    /// Returns the fields of a token, or of a client token if there is a client name.
    pub fn fields(id: i64, user: &str, client: Option<&str>, expires: Option<i64>) -> RecordFields {
        let now = Timestamp::from_micros(1).unwrap();
        RecordFields {
            user: user.into(),
            local_site: None,
            value: TokenValue::new(&format!("value {id}")).unwrap(),
            generator_id: "vendor_checksum".into(),
            time_added: now,
            last_updated: now,
            last_used: None,
            expires: expires.map(|micros| Timestamp::from_micros(micros).unwrap()),
            invalidation: None,
            note: "".into(),
            policy: Arc::new(Policy::full_access(&Arc::new(PolicyIds::default()))),
            extra_data: Arc::new(ExtraData::new("{}".into(), client.map(Text::new))),
        }
    }

    pub fn record(id: i64, user: &str, client: Option<&str>, expires: Option<i64>) -> SharedRecord {
        Record::boxed(id, fields(id, user, client, expires))
    }
}
