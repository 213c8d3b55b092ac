//! The token record.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::inline::InlineValue;
use super::{TokenValue, ValueRef};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::index::Shared;
use crate::json::{self, StoredDocument, Value};
use crate::policy::{Method, Policy};
use crate::text::Text;

/// Why and when a token was made invalid. Nothing makes it valid again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Invalidation {
    /// When, if that is known.
    pub date: Option<Timestamp>,
    /// Why, for people; may be empty.
    pub reason: Text,
}

/// A token's extra data: a JSON object.
#[derive(Debug)]
pub struct ExtraData {
    text: Text,
    client_name: Option<Text>,
    /// Whether others wrote the text, which need not be JSON then.
    is_foreign: bool,
}

impl ExtraData {
    /// Extra data from its canonical text and the client name that stands in it.
    pub(crate) fn new(text: Text, client_name: Option<Text>) -> Self {
        Self { text, client_name, is_foreign: false }
    }

    /// The extra data of a row that others wrote. Its text is kept as it stands.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn stored(text: &str) -> Result<Self> {
        let document = StoredDocument::read(text)?;
        let client_name = document.root().get("client_name").and_then(json::Item::as_str);
        // A name that C would cut short is no client's, and nobody can ask for it.
        let client_name = client_name.filter(|name| !name.contains('\0'));
        let client_name = client_name.map(Text::try_new).transpose()?;
        Ok(Self { text: Text::try_new(text)?, client_name, is_foreign: true })
    }

    /// The text, if others wrote it and this library would not: as JSON, it would be another.
    pub(crate) fn foreign_text(&self) -> Option<&Text> {
        let is_ours = || {
            json::parse_object(&self.text).is_ok_and(|document| {
                let name = document.get("client_name").and_then(Value::as_str);
                name == self.client_name.as_ref().map(Text::as_str)
                    && json::object_to_text(&document).is_ok_and(|text| text == *self.text)
            })
        };
        (self.is_foreign && !is_ours()).then_some(&self.text)
    }

    /// The document as JSON, which its text need not be if others wrote it.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn to_json(&self) -> Result<Cow<'_, str>> {
        if self.is_foreign {
            return StoredDocument::read(&self.text)?.to_json().map(Cow::Owned);
        }
        Ok(Cow::Borrowed(&self.text))
    }

    /// The document as JSON, which its text need not be if others wrote it, without the members
    /// whose names start with `prefix`, in objects inside it too.
    ///
    /// # Errors
    /// `NoMemory`; no others for what a store made.
    pub(crate) fn to_json_without(&self, prefix: &str) -> Result<Cow<'_, str>> {
        if self.is_foreign {
            return StoredDocument::read(&self.text)?.to_json_without(prefix).map(Cow::Owned);
        }
        if !self.text.contains(&format!("\"{prefix}")) {
            return Ok(Cow::Borrowed(&self.text));
        }
        let mut document = json::read_back(&self.text)?;
        remove_members(&mut document, prefix);
        json::to_text(&document).map(Cow::Owned)
    }

    /// The document's text.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The client whose token this is, if its `client_name` is a string.
    pub fn client_name(&self) -> Option<&Text> {
        self.client_name.as_ref()
    }
}

fn remove_members(value: &mut Value, prefix: &str) {
    if let Value::Object(members) = value {
        members.retain(|name, _| !name.starts_with(prefix));
        members.values_mut().for_each(|value| remove_members(value, prefix));
    }
}

/// A record that its indexes and callers share.
pub type SharedRecord = Shared<Record>;

/// Everything that a store knows of one token. A change makes a new record; only `last_used`
/// moves in place, because a login must not cost more than that.
///
/// There are a million of these: what fills one is its value, and what several tokens have in
/// common is kept once.
///
/// The order is that of the memory: with the count of references, all but the value is one cache
/// line, and the value is four.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    id: i64,
    /// In microseconds, or [`NEVER`].
    expires: i64,
    /// In microseconds, doubled, or [`NEVER`]: no time is so large, so the lowest bit is free for
    /// a backend to note uses that it has yet to write.
    last_used: AtomicI64,
    common: Arc<Common>,
    user: Text,
    time_added: Timestamp,
    value: InlineValue,
}

/// Stands for no time.
const NEVER: i64 = i64::MAX - 1;

/// The lowest bit of [`Record::last_used`]: a use that a backend has yet to write.
#[cfg(feature = "sqlite")]
const NOTED: i64 = 1;

/// What one record has in common with others: a client's tokens differ in nothing else than what
/// [`Record`] itself has.
#[derive(Debug)]
pub(crate) struct Common {
    local_site: Option<Text>,
    generator_id: Text,
    /// None: when the token was made.
    last_updated: Option<Timestamp>,
    invalidation: Option<Invalidation>,
    note: Text,
    policy: Arc<Policy>,
    extra_data: Arc<ExtraData>,
    /// The one of the extra data, where every search finds it at once.
    client_name: Option<Text>,
    /// A value that is too long to stand in the record; such a token has nothing in common.
    long_value: Option<TokenValue>,
    /// See [`Record::unreadable`].
    unreadable: Option<&'static str>,
    /// See [`Record::is_deprecated`].
    deprecation: AtomicU64,
}

impl Common {
    /// Whether another record can have the same.
    pub fn can_be_shared(&self) -> bool {
        self.long_value.is_none()
    }

    /// What tells it from others. Documents are shared, so the same document is the same memory.
    #[allow(clippy::type_complexity, reason = "a name for it would say less")]
    fn key(
        &self,
    ) -> (&Option<Text>, &Text, Option<Timestamp>, &Option<Invalidation>, &Text, [usize; 2]) {
        let documents =
            [Arc::as_ptr(&self.policy) as usize, Arc::as_ptr(&self.extra_data) as usize];
        let Self { local_site, generator_id, last_updated, invalidation, note, .. } = self;
        (local_site, generator_id, *last_updated, invalidation, note, documents)
    }
}

impl PartialEq for Common {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Common {}

impl Hash for Common {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The fields of a record that is yet to be stored, or of one that replaces another.
#[derive(Clone, Debug)]
pub(crate) struct RecordFields {
    pub user: Text,
    pub local_site: Option<Text>,
    pub value: TokenValue,
    pub generator_id: Text,
    pub time_added: Timestamp,
    pub last_updated: Timestamp,
    pub last_used: Option<Timestamp>,
    pub expires: Option<Timestamp>,
    pub invalidation: Option<Invalidation>,
    pub note: Text,
    pub policy: Arc<Policy>,
    pub extra_data: Arc<ExtraData>,
}

impl Record {
    /// A record of these fields that has nothing in common with others.
    #[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn alone(id: i64, fields: RecordFields) -> SharedRecord {
        Self::place_alone(id, fields, None)
    }

    /// The same for a row that others wrote. `unreadable` names a column that cannot be read, if
    /// there is one; the field has a stand-in then.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn stored(
        id: i64,
        fields: RecordFields,
        unreadable: Option<&'static str>,
    ) -> SharedRecord {
        Self::place_alone(id, fields, unreadable)
    }

    #[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "mysql"))]
    fn place_alone(
        id: i64,
        fields: RecordFields,
        unreadable: Option<&'static str>,
    ) -> SharedRecord {
        let place = |record| Ok::<_, std::convert::Infallible>(Shared::alone(record));
        let Ok(record) = Self::placed(id, fields, unreadable, Arc::new, place);
        record
    }

    /// A record of these fields, whose owner's name is shared already; what is common `share` looks
    /// up among that of other records.
    ///
    /// # Errors
    /// Those of `place`.
    pub(crate) fn placed<E>(
        id: i64,
        fields: RecordFields,
        unreadable: Option<&'static str>,
        share: impl FnOnce(Common) -> Arc<Common>,
        place: impl FnOnce(Self) -> Result<SharedRecord, E>,
    ) -> Result<SharedRecord, E> {
        let RecordFields { user, value, time_added, last_updated, .. } = fields;
        let fits = InlineValue::fits(&value);
        let common = Common {
            local_site: fields.local_site,
            generator_id: fields.generator_id,
            last_updated: (last_updated != time_added).then_some(last_updated),
            invalidation: fields.invalidation,
            note: fields.note,
            policy: fields.policy,
            client_name: fields.extra_data.client_name.clone(),
            extra_data: fields.extra_data,
            long_value: (!fits).then(|| value.clone()),
            unreadable,
            deprecation: AtomicU64::new(0),
        };
        let common = share(common);
        let mut record = place(Self {
            id,
            user,
            time_added,
            expires: fields.expires.map_or(NEVER, Timestamp::as_micros),
            last_used: AtomicI64::new(NEVER),
            common,
            value: InlineValue::empty(),
        })?;
        record.set_last_used(fields.last_used);
        if let Some(record) = record.get_mut().filter(|_| fits) {
            record.value.fill(&value);
        }
        Ok(record)
    }

    /// Assigned by the store, never reused.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The owner's name.
    pub fn user(&self) -> &Text {
        &self.user
    }

    /// The Local Site, or none for the global site.
    pub fn local_site(&self) -> Option<&Text> {
        self.common.local_site.as_ref()
    }

    /// The secret.
    pub fn value(&self) -> ValueRef<'_> {
        let long = || self.common.long_value.as_ref().map(TokenValue::borrow);
        let inline = self.value.with_nul().map(ValueRef::from_terminated);
        inline.or_else(long).unwrap_or(ValueRef::from_terminated(&[0]))
    }

    /// The generator that made the value.
    pub fn generator_id(&self) -> &Text {
        &self.common.generator_id
    }

    /// When the token was made.
    pub fn time_added(&self) -> Timestamp {
        self.time_added
    }

    /// When the token was changed last. Logins and invalidation are no changes.
    pub fn last_updated(&self) -> Timestamp {
        self.common.last_updated.unwrap_or(self.time_added)
    }

    /// From when on the token is expired; none means never.
    pub fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.expires).ok()
    }

    /// Set once the token is invalid.
    pub fn invalidation(&self) -> Option<&Invalidation> {
        self.common.invalidation.as_ref()
    }

    /// For people; may be empty.
    pub fn note(&self) -> &Text {
        &self.common.note
    }

    /// What the token may be used for.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.common.policy
    }

    /// What clients keep with the token.
    pub fn extra_data(&self) -> &Arc<ExtraData> {
        &self.common.extra_data
    }

    /// When the token was used last, as of now.
    pub fn last_used(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.last_used.load(Ordering::Relaxed) >> 1).ok()
    }

    pub(crate) fn set_last_used(&self, time: Option<Timestamp>) {
        self.last_used.store(time.map_or(NEVER, |time| time.as_micros() << 1), Ordering::Relaxed);
    }

    /// Whether the generator is deprecated, by a set of deprecated generators that has a version
    /// of 1 and more. The answer is kept, so that `ask` is called once for each version and not by
    /// each login; it answers with the version of the set that it looked at.
    pub(crate) fn is_deprecated(&self, version: u64, ask: impl FnOnce() -> (u64, bool)) -> bool {
        let known = self.common.deprecation.load(Ordering::Relaxed);
        if known >> 1 == version {
            return known & 1 == 1;
        }
        let (version, deprecated) = ask();
        self.common.deprecation.store(version << 1 | u64::from(deprecated), Ordering::Relaxed);
        deprecated
    }

    /// Sets `last_used` if it is noted that it has moved; whether it is.
    #[cfg(feature = "sqlite")]
    pub(crate) fn move_noted_use(&self, time: Timestamp) -> bool {
        let moved = |last: i64| (last & NOTED != 0).then_some(time.as_micros() << 1 | NOTED);
        self.last_used.fetch_update(Ordering::AcqRel, Ordering::Acquire, moved).is_ok()
    }

    /// Sets `last_used` and notes that it has moved; whether that was not noted yet.
    #[cfg(feature = "sqlite")]
    pub(crate) fn note_use(&self, time: Timestamp) -> bool {
        self.last_used.swap(time.as_micros() << 1 | NOTED, Ordering::AcqRel) & NOTED == 0
    }

    /// Notes once more that `last_used` has moved; whether that was not noted yet.
    #[cfg(feature = "sqlite")]
    pub(crate) fn note_use_again(&self) -> bool {
        self.last_used.fetch_or(NOTED, Ordering::AcqRel) & NOTED == 0
    }

    /// Forgets the note. What `last_used` says after this is as new as every use noted before, and
    /// any later one is noted again.
    #[cfg(feature = "sqlite")]
    pub(crate) fn forget_use(&self) {
        self.last_used.fetch_and(!NOTED, Ordering::AcqRel);
    }

    /// A copy of all fields, for the record that is to replace this one.
    pub(crate) fn fields(&self) -> RecordFields {
        RecordFields {
            user: self.user().clone(),
            local_site: self.local_site().cloned(),
            value: self.value().to_owned(),
            generator_id: self.generator_id().clone(),
            time_added: self.time_added,
            last_updated: self.last_updated(),
            last_used: self.last_used(),
            expires: self.expires(),
            invalidation: self.invalidation().cloned(),
            note: self.note().clone(),
            policy: Arc::clone(self.policy()),
            extra_data: Arc::clone(self.extra_data()),
        }
    }

    /// Since when the token cannot be used, if it can at some time not be: since it was
    /// invalidated or expired, whichever came first. A token that is invalid since nobody knows
    /// when never was of use.
    pub fn dead_since(&self) -> Option<Timestamp> {
        let invalid = self.invalidation().map(|it| it.date.unwrap_or(self.time_added));
        match (invalid, self.expires()) {
            (Some(invalid), Some(expires)) => Some(invalid.min(expires)),
            (invalid, expires) => invalid.or(expires),
        }
    }

    /// A column of the token's row that cannot be read, if there is one. Such a token is of no use
    /// but to be revoked.
    pub fn unreadable(&self) -> Option<&'static str> {
        self.common.unreadable
    }

    /// Whether the token's policy allows an HTTP method on a resource.
    ///
    /// # Errors
    /// Those of [`Policy::allows`]; `Corrupt` if a column of the row cannot be read.
    #[inline(always)]
    pub fn allows(
        &self,
        policy_id: &str,
        method: Method<'_>,
        resource_id: Option<&str>,
    ) -> Result<bool> {
        let answer = self.policy().allows(policy_id, method, resource_id);
        if self.unreadable().is_some() || answer.is_err() {
            return self.explain(answer);
        }
        answer
    }

    /// Tells of which token, and column, an answer cannot be given.
    #[cold]
    fn explain(&self, answer: Result<bool>) -> Result<bool> {
        match answer {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Err(error.prefixed(format_args!("token {}, column policy", self.id)))
            }
            Err(error) => Err(error),
            Ok(answer) => self.check_readable().map(|()| answer),
        }
    }

    /// Whether all columns of the token's row can be read.
    ///
    /// # Errors
    /// `Corrupt`, naming the token and the column.
    pub(crate) fn check_readable(&self) -> Result<()> {
        self.unreadable().map_or(Ok(()), |column| {
            let message =
                format!("token {}, column {column}: the stored value cannot be read", self.id);
            Err(Error::new(ErrorKind::Corrupt, message))
        })
    }

    /// Whether the token is expired at a time.
    pub fn is_expired(&self, at: Timestamp) -> bool {
        at.as_micros() >= self.expires
    }

    /// The client whose token this is.
    pub fn client_name(&self) -> Option<&Text> {
        self.common.client_name.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Slab;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn record_is_five_cache_lines() {
        assert_eq!(Slab::<Record>::SIZE, 5 * 64);
        assert_eq!(std::mem::offset_of!(Record, value), 64 - size_of::<usize>());
    }
}
