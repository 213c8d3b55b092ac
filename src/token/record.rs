//! The stored record of a token, and its extra data.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::inline::InlineValue;
use super::{TokenValue, ValueRef};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::index::SlabArc;
use crate::json::{self, StoredDocument, Value};
use crate::policy::{Method, Policy};
use crate::text::Text;

/// When and why a token was invalidated, which is permanent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Invalidation {
    /// The time, if known.
    pub date: Option<Timestamp>,
    /// The reason, as free text; may be empty.
    pub reason: Text,
}

/// The extra data of a token: a JSON object.
#[derive(Debug)]
pub struct ExtraData {
    text: Text,
    client_name: Option<Text>,
    /// Whether another program wrote the text, which may then be invalid JSON.
    is_foreign: bool,
}

impl ExtraData {
    /// Creates extra data from its canonical text and the client name in it.
    pub(crate) fn new(text: Text, client_name: Option<Text>) -> Self {
        Self { text, client_name, is_foreign: false }
    }

    /// Reads the extra data of a row that another program wrote. The text is kept unchanged.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn stored(text: &str) -> Result<Self> {
        let document = StoredDocument::read(text)?;
        let client_name = document.root().get("client_name").and_then(json::Item::as_str);
        // C would truncate a name that contains a NUL, so no C caller can ask for that client.
        let client_name = client_name.filter(|name| !name.contains('\0'));
        let client_name = client_name.map(Text::try_new).transpose()?;
        Ok(Self { text: Text::try_new(text)?, client_name, is_foreign: true })
    }

    /// Returns the text if it differs from what this library would write for the same document.
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

    /// Returns the document as JSON. The text of another program may be something else, such as a
    /// Python literal.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn to_json(&self) -> Result<Cow<'_, str>> {
        if self.is_foreign {
            return StoredDocument::read(&self.text)?.to_json().map(Cow::Owned);
        }
        Ok(Cow::Borrowed(&self.text))
    }

    /// Returns the document as JSON without the members whose names start with `prefix`, also in
    /// objects nested in objects. Objects inside lists are written in full.
    ///
    /// # Errors
    /// `NoMemory`.
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

    /// Returns the text of the document.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Returns the member `client_name` if it is a string.
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

/// A reference to a record, shared by the indexes and by callers.
pub type SharedRecord = SlabArc<Record>;

/// The stored fields of one token. Only `last_used` can change, so that a login need not replace
/// the record.
///
/// A store can have millions of records. Most of a record is its value; fields that many tokens
/// share are in `SharedFields`.
///
/// The order of the fields is their layout: with the reference count, everything but the value is
/// one cache line, and the value is four.
#[derive(Debug)]
#[repr(C)]
pub struct Record {
    id: i64,
    /// In microseconds, or [`NEVER`].
    expires: i64,
    /// In microseconds times 2, or [`NEVER`]. No timestamp needs the highest bit, so the lowest one
    /// is free for a flag: [`UNWRITTEN`].
    last_used: AtomicI64,
    shared: Arc<SharedFields>,
    user: Text,
    time_added: Timestamp,
    value: InlineValue,
}

/// Represents no time.
const NEVER: i64 = i64::MAX - 1;

/// Flag in [`Record::last_used`]: the file does not have this time yet.
#[cfg(feature = "sqlite")]
const UNWRITTEN: i64 = 1;

/// Fields that are often the same for many tokens. Two tokens of one client usually differ only in
/// the fields of [`Record`] itself.
#[derive(Debug)]
pub(crate) struct SharedFields {
    local_site: Option<Text>,
    generator_id: Text,
    /// `None` if equal to `time_added`.
    last_updated: Option<Timestamp>,
    invalidation: Option<Invalidation>,
    note: Text,
    policy: Arc<Policy>,
    extra_data: Arc<ExtraData>,
    /// Copied from the extra data, so that searches read it without another cache miss.
    client_name: Option<Text>,
    /// A value that does not fit into the record. Such fields are not shared.
    long_value: Option<TokenValue>,
    /// See [`Record::unreadable`].
    unreadable: Option<&'static str>,
    /// Caches [`Record::is_deprecated`].
    deprecation: AtomicU64,
}

impl SharedFields {
    /// Returns whether other records can share these fields.
    pub fn can_be_shared(&self) -> bool {
        self.long_value.is_none()
    }

    /// Returns what identifies these fields. Documents are interned, so equal ones have the same
    /// address.
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

impl PartialEq for SharedFields {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for SharedFields {}

impl Hash for SharedFields {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The fields of a new record, or of one that replaces another.
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
    /// Creates a record that shares no fields.
    #[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn boxed(id: i64, fields: RecordFields) -> SharedRecord {
        Self::new_boxed(id, fields, None)
    }

    /// Creates a record from a row that another program wrote. `unreadable` is the name of a column
    /// with an invalid value, if there is one; its field has a substitute value.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn stored(
        id: i64,
        fields: RecordFields,
        unreadable: Option<&'static str>,
    ) -> SharedRecord {
        Self::new_boxed(id, fields, unreadable)
    }

    #[cfg(any(test, feature = "sqlite", feature = "postgres", feature = "mysql"))]
    fn new_boxed(id: i64, fields: RecordFields, unreadable: Option<&'static str>) -> SharedRecord {
        let place = |record| Ok::<_, std::convert::Infallible>(SlabArc::boxed(record));
        let Ok(record) = Self::new_in(id, fields, unreadable, Arc::new, place);
        record
    }

    /// Creates a record. `share` interns the shared fields, and `place` moves the record to its
    /// memory. The caller must have interned `fields.user`.
    ///
    /// # Errors
    /// Those of `place`.
    pub(crate) fn new_in<E>(
        id: i64,
        fields: RecordFields,
        unreadable: Option<&'static str>,
        share: impl FnOnce(SharedFields) -> Arc<SharedFields>,
        place: impl FnOnce(Self) -> Result<SharedRecord, E>,
    ) -> Result<SharedRecord, E> {
        let RecordFields { user, value, time_added, last_updated, .. } = fields;
        let fits = InlineValue::fits(&value);
        let shared = SharedFields {
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
        let shared = share(shared);
        let mut record = place(Self {
            id,
            user,
            time_added,
            expires: fields.expires.map_or(NEVER, Timestamp::as_micros),
            last_used: AtomicI64::new(NEVER),
            shared,
            value: InlineValue::empty(),
        })?;
        record.set_last_used(fields.last_used);
        if let Some(record) = record.get_mut().filter(|_| fits) {
            record.value.fill(&value);
        }
        Ok(record)
    }

    /// Returns the id, which the store assigns and never reuses.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Returns the name of the owner.
    pub fn user(&self) -> &Text {
        &self.user
    }

    /// Returns the Local Site, or `None` for the global site.
    pub fn local_site(&self) -> Option<&Text> {
        self.shared.local_site.as_ref()
    }

    /// Returns the value, which is secret.
    pub fn value(&self) -> ValueRef<'_> {
        let long = || self.shared.long_value.as_ref().map(TokenValue::borrow);
        let inline = self.value.with_nul().map(ValueRef::from_terminated);
        inline.or_else(long).unwrap_or(ValueRef::from_terminated(&[0]))
    }

    /// Returns the id of the generator that made the value.
    pub fn generator_id(&self) -> &Text {
        &self.shared.generator_id
    }

    /// Returns when the token was created.
    pub fn time_added(&self) -> Timestamp {
        self.time_added
    }

    /// Returns when the token was last changed. Logins and invalidation do not count.
    pub fn last_updated(&self) -> Timestamp {
        self.shared.last_updated.unwrap_or(self.time_added)
    }

    /// Returns when the token expires, or `None` if it does not.
    pub fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.expires).ok()
    }

    /// Returns when and why the token was invalidated, if it was.
    pub fn invalidation(&self) -> Option<&Invalidation> {
        self.shared.invalidation.as_ref()
    }

    /// Returns the note, as free text; may be empty.
    pub fn note(&self) -> &Text {
        &self.shared.note
    }

    /// Returns the access policy.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.shared.policy
    }

    /// Returns the extra data.
    pub fn extra_data(&self) -> &Arc<ExtraData> {
        &self.shared.extra_data
    }

    /// Returns when the token was last used. This is the current time of last use, not a snapshot.
    pub fn last_used(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.last_used.load(Ordering::Relaxed) >> 1).ok()
    }

    pub(crate) fn set_last_used(&self, time: Option<Timestamp>) {
        self.last_used.store(time.map_or(NEVER, |time| time.as_micros() << 1), Ordering::Relaxed);
    }

    /// Returns whether the generator is deprecated. `version`, which is at least 1, identifies the
    /// set of deprecated generators. The result is cached: `compute` is called only if the cached
    /// result is for another version. It returns the version of the set that it read, and the
    /// result.
    pub(crate) fn is_deprecated(
        &self,
        version: u64,
        compute: impl FnOnce() -> (u64, bool),
    ) -> bool {
        let known = self.shared.deprecation.load(Ordering::Relaxed);
        if known >> 1 == version {
            return known & 1 == 1;
        }
        let (version, deprecated) = compute();
        self.shared.deprecation.store(version << 1 | u64::from(deprecated), Ordering::Relaxed);
        deprecated
    }

    /// Sets `last_used` if the record is flagged as having an unwritten use, and returns whether it
    /// is.
    #[cfg(feature = "sqlite")]
    pub(crate) fn update_unwritten_use(&self, time: Timestamp) -> bool {
        let updated =
            |last: i64| (last & UNWRITTEN != 0).then_some(time.as_micros() << 1 | UNWRITTEN);
        self.last_used.fetch_update(Ordering::AcqRel, Ordering::Acquire, updated).is_ok()
    }

    /// Sets `last_used`, flags the record, and returns whether it was unflagged before.
    #[cfg(feature = "sqlite")]
    pub(crate) fn set_unwritten_use(&self, time: Timestamp) -> bool {
        self.last_used.swap(time.as_micros() << 1 | UNWRITTEN, Ordering::AcqRel) & UNWRITTEN == 0
    }

    /// Flags the record again and returns whether it was unflagged before.
    #[cfg(feature = "sqlite")]
    pub(crate) fn mark_unwritten(&self) -> bool {
        self.last_used.fetch_or(UNWRITTEN, Ordering::AcqRel) & UNWRITTEN == 0
    }

    /// Clears the flag. After this, `last_used` is at least as new as every use that was flagged
    /// before, and a later use sets the flag again.
    #[cfg(feature = "sqlite")]
    pub(crate) fn clear_unwritten(&self) {
        self.last_used.fetch_and(!UNWRITTEN, Ordering::AcqRel);
    }

    /// Copies all fields, for a record that is to replace this one.
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

    /// Returns the past or future time at which the token becomes unusable: its invalidation or its
    /// expiry, whichever is earlier. If the time of invalidation is unknown, `time_added` is used.
    pub fn unusable_since(&self) -> Option<Timestamp> {
        let invalid = self.invalidation().map(|it| it.date.unwrap_or(self.time_added));
        match (invalid, self.expires()) {
            (Some(invalid), Some(expires)) => Some(invalid.min(expires)),
            (invalid, expires) => invalid.or(expires),
        }
    }

    /// Returns the name of a column of the token's row whose value is invalid, if there is one.
    /// Such a token can only be revoked.
    pub fn unreadable(&self) -> Option<&'static str> {
        self.shared.unreadable
    }

    /// Returns whether the policy allows an HTTP method on a resource.
    ///
    /// # Errors
    /// Those of [`Policy::allows`]; `Corrupt` if a column of the row is invalid.
    #[inline(always)]
    pub fn allows(
        &self,
        policy_id: &str,
        method: Method<'_>,
        resource_id: Option<&str>,
    ) -> Result<bool> {
        let result = self.policy().allows(policy_id, method, resource_id);
        if self.unreadable().is_some() || result.is_err() {
            return self.with_row_errors(result);
        }
        result
    }

    /// Adds the token and the column to an error, and returns an error if a column is invalid.
    #[cold]
    fn with_row_errors(&self, result: Result<bool>) -> Result<bool> {
        match result {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Err(error.prefixed(format_args!("token {}, column policy", self.id)))
            }
            Err(error) => Err(error),
            Ok(allowed) => self.check_readable().map(|()| allowed),
        }
    }

    /// Checks that all columns of the token's row are valid.
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

    /// Returns whether the token is expired at a given time.
    pub fn is_expired(&self, at: Timestamp) -> bool {
        at.as_micros() >= self.expires
    }

    /// Returns the client that the token belongs to, if any.
    pub fn client_name(&self) -> Option<&Text> {
        self.shared.client_name.as_ref()
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
