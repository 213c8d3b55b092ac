//! Where tokens are kept. A backend offers what the rules need, atomically, and decides nothing.

mod call;
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
#[cfg(feature = "sqlite")]
pub(crate) use durable::Durable;
pub(crate) use location::Location;
pub(crate) use memory::Memory;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) use review_board::{Address, ReviewBoard};
#[cfg(feature = "sqlite")]
pub(crate) use statistics::FileUse;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub(crate) use statistics::{CacheUse, PoolUse};
pub(crate) use statistics::{MemoryUse, Statistics};

use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::model::requests::TokenFilter;
use crate::policy::Policy;
use crate::text::Text;
use crate::token::{ExtraData, Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// What a login is judged to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgment {
    /// Good, at this time.
    Accepted(Timestamp),
    /// Good, and the time of this login was not written. Only a backend answers this.
    AcceptedUnwritten,
    /// The token was invalidated.
    Invalid,
    /// The token is expired.
    Expired,
    /// The token's owner is not active.
    InactiveUser,
}

/// Judges logins. Called under a lock: it must neither wait nor call back.
#[derive(Clone, Copy)]
pub(crate) struct Judge<'a> {
    /// Returns the time of the login.
    pub now: &'a dyn Fn() -> Result<Timestamp>,
    /// Judges a token's record, by whether its owner is active, at a time.
    pub rule: fn(&Record, bool, Timestamp) -> Judgment,
}

impl Judge<'_> {
    /// Judges a token's record, by whether its owner is active, now.
    #[inline]
    pub fn judge(&self, record: &Record, owner_is_active: bool) -> Result<Judgment> {
        Ok((self.rule)(record, owner_is_active, (self.now)()?))
    }
}

/// Which existing token would serve a client.
#[derive(Clone, Copy)]
pub(crate) struct ClientQuery<'a> {
    pub user: &'a str,
    pub local_site: Option<&'a str>,
    pub client_name: &'a str,
    /// The token must expire later than this, or never.
    pub valid_until: Timestamp,
    /// Tokens of these generators do not serve.
    pub ignored_generators: Option<&'a BTreeSet<Text>>,
}

/// A query that outlives the call that asked.
#[derive(Clone)]
pub(crate) struct OwnedClientQuery {
    pub user: Text,
    pub local_site: Option<Text>,
    pub client_name: Text,
    pub valid_until: Timestamp,
    pub ignored_generators: Option<Arc<BTreeSet<Text>>>,
    /// What the search that found no token has seen.
    pub searched: Option<Box<Searched>>,
    /// If the backend knows how many days a new token is good for, when they begin.
    pub expires_from: Option<Timestamp>,
}

/// What a search in vain has seen in a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Searched {
    pub user_id: i64,
    /// None for the global site.
    pub local_site_id: Option<i64>,
    pub seen: Seen,
}

/// The candidates that a search has seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub count: i64,
    /// The sum of their ids.
    pub sum: i128,
    /// The sum of the lengths of their `extra_data`.
    pub bytes: i128,
    /// The highest of their ids.
    pub last_id: i64,
    /// When one of them was updated last.
    pub last_updated: Timestamp,
}

impl Searched {
    /// Whether another search was for the same user and Local Site, by their ids.
    pub fn is_of_same_names(&self, other: &Self) -> bool {
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

/// Which tokens are made invalid.
#[derive(Clone)]
pub(crate) enum Selection {
    Value(TokenValue),
    Id(i64),
    User(Text),
    Everyone,
}

/// What an update changes; none leaves a field as it is.
pub(crate) struct Change {
    pub expires: Option<Option<Timestamp>>,
    pub note: Option<Text>,
    pub policy: Option<Arc<Policy>>,
    pub extra_data: Option<Arc<ExtraData>>,
    pub last_updated: Timestamp,
}

impl Change {
    /// The fields of a record once it is changed.
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

/// A change of a store, which happens whole or not at all.
pub(crate) enum Operation {
    AddLocalSite(Text),
    /// Removes a Local Site and its tokens.
    RemoveLocalSite(Text),
    SetUserActive(Text, bool),
    /// Stores a new record, unless a token serves a client.
    Insert(Box<RecordFields>, Option<OwnedClientQuery>),
    Update(i64, Change),
    /// Makes tokens invalid, over an earlier invalidation.
    Invalidate(Selection, Invalidation),
    Delete(i64),
    /// Removes the tokens that have been dead since before a time.
    Purge(Timestamp),
    /// Adds what another store had.
    Import(Box<Imported>),
}

/// What another store had.
#[derive(Default)]
pub(crate) struct Imported {
    /// Those that are here already stay.
    pub local_sites: Vec<Text>,
    pub inactive_users: Vec<Text>,
    /// New records, each with the line that it comes from.
    pub records: Vec<(u64, RecordFields)>,
}

/// All that a store has, as of one moment.
pub(crate) struct Contents {
    pub local_sites: Vec<Text>,
    pub inactive_users: Vec<Text>,
    /// In order of their ids.
    pub records: Vec<SharedRecord>,
    /// The last id that was given out.
    pub last_id: i64,
}

/// A part of all that a store has. Tokens come in order of their ids.
pub(crate) enum Part<'a> {
    /// How many tokens are to come, about.
    Total(u64),
    LocalSites(&'a [Text]),
    InactiveUsers(&'a [Text]),
    Records(&'a [SharedRecord]),
}

/// Is given what a store has, part by part. An error ends it.
pub(crate) type ForParts<'a> = &'a mut dyn FnMut(Part<'_>) -> Result<()>;

/// What came of an operation.
pub(crate) enum Outcome {
    /// It was done, with the records that it changed or removed, in order of their ids.
    Done(Vec<SharedRecord>),
    /// The record was inserted.
    Inserted(SharedRecord),
    /// Nothing was inserted: this token serves the client already.
    Found(SharedRecord),
    /// Nothing was inserted: another token has the value of these fields.
    ValueTaken(Box<RecordFields>),
}

/// Is given records.
pub(crate) type ForRecords<'a> = &'a mut dyn FnMut(&[SharedRecord]);

/// A store of records.
///
/// A Local Site that does not exist is an error of kind `NotFound` that names `local_site`; so is,
/// where users are not the store's to know, one of those that names `user`.
pub(crate) trait Backend: Send + Sync {
    /// Has what this thread asks, as long as the answer lives, end by the deadline of one call.
    fn begin_call(&self) -> CallScope {
        CallScope::unlimited()
    }

    /// The names of the Local Sites, sorted.
    fn local_sites(&self) -> Result<Vec<Text>>;

    /// Whether [`OwnedClientQuery::expires_from`] is used: an insertion looks the days up.
    fn knows_expiration(&self) -> bool {
        false
    }

    /// Days until a client token expires, if that is not the store's to say; 0 is never.
    fn client_token_expiration(&self) -> Result<Option<i64>> {
        Ok(None)
    }

    /// The token that serves a client best: one that never expires, else the one that expires
    /// last; the lowest id of equals. If there is none, `searched` may be set for the insertion.
    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        searched: &mut Option<Searched>,
    ) -> Result<Option<SharedRecord>>;

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>>;

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>>;

    /// The matching tokens in order of their ids.
    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>>;

    fn count(&self) -> Result<u64>;

    /// Asks `judge` about the record of a value, which may be no text. The time of an accepted
    /// login becomes the record's `last_used`, unless the answer is `AcceptedUnwritten`.
    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>>;

    /// Removes the cached login with a value, or all that are cached.
    fn forget_logins(&self, _value: Option<TokenValue>) {}

    /// Changes the store.
    fn change(&self, operation: Operation) -> Result<Outcome>;

    /// Checks that there is memory for a new token, before any is used for it.
    ///
    /// # Errors
    /// `NoMemory`.
    fn check_room(&self) -> Result<()> {
        Ok(())
    }

    /// Makes tokens invalid or removes them, and tells how many those were. `changed` is given
    /// their records after it, perhaps in several parts; no lock is held meanwhile. Where others
    /// write to the store too, a record that cannot be read is left out.
    fn revoke(&self, operation: Operation, changed: Option<ForRecords<'_>>) -> Result<u64> {
        let Outcome::Done(records) = self.change(operation)? else { return Ok(0) };
        if let Some(changed) = changed {
            changed(&records);
        }
        Ok(records.len() as u64)
    }

    /// Removes the tokens that have been dead since before a time, and tells how many those were.
    /// `purged` is given their records, perhaps in several parts, each of which is removed for
    /// good; no lock is held meanwhile.
    fn purge(&self, before: Timestamp, purged: Option<ForRecords<'_>>) -> Result<u64> {
        let Outcome::Done(records) = self.change(Operation::Purge(before))? else { return Ok(0) };
        if let Some(purged) = purged {
            purged(&records);
        }
        Ok(records.len() as u64)
    }

    /// All that there is.
    ///
    /// # Errors
    /// `Unsupported` where all does not fit into the memory.
    fn contents(&self) -> Result<Contents> {
        Err(Error::new(ErrorKind::Unsupported, "a store of this kind cannot be copied")
            .at_argument("store"))
    }

    /// Gives all that there is, as of one moment where it fits into the memory. No lock is held
    /// meanwhile.
    ///
    /// # Errors
    /// Those of `give` too.
    fn for_all(&self, give: ForParts<'_>) -> Result<()> {
        let contents = self.contents()?;
        give(Part::Total(contents.records.len() as u64))?;
        give(Part::LocalSites(&contents.local_sites))?;
        give(Part::InactiveUsers(&contents.inactive_users))?;
        give(Part::Records(&contents.records))
    }

    /// Returns what the backend counts. Asks no server.
    fn statistics(&self) -> Result<Statistics>;

    /// Makes last what was done before this, also what a change need not wait for.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Whether this process may use the backend.
    ///
    /// # Errors
    /// `Forked` in a child of the process that opened it, if it cannot be used there.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// What a backend answers in a child of the process that opened it.
fn forked() -> Error {
    let message = "the process was forked after the store was opened; the store is the parent's";
    Error::new(ErrorKind::Forked, message).at_argument("store")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyIds;

    /// Fields of a token that some client has, or nobody.
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
        Record::alone(id, fields(id, user, client, expires))
    }
}
