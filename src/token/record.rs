//! The token record, and the snapshot of it that callers hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicI64, Ordering};

use once_cell::sync::OnceCell;

use super::TokenValue;
use crate::clock::Timestamp;
use crate::policy::Policy;
use crate::text::Text;

/// Why and when a token was made invalid. Nothing makes it valid again.
#[derive(Clone, Debug)]
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
}

impl ExtraData {
    /// Extra data from its canonical text and the client name that stands in it.
    pub(crate) fn new(text: Text, client_name: Option<Text>) -> Self {
        Self { text, client_name }
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

/// Everything that a store knows of one token. A change makes a new record; only `last_used`
/// moves in place, because a login must not cost more than that.
#[derive(Debug)]
pub struct Record {
    id: i64,
    user: Text,
    local_site: Option<Text>,
    value: TokenValue,
    generator_id: Text,
    time_added: Timestamp,
    last_updated: Timestamp,
    expires: Option<Timestamp>,
    invalidation: Option<Invalidation>,
    note: Text,
    policy: Arc<Policy>,
    extra_data: Arc<ExtraData>,
    last_used: AtomicI64,
    /// Whether `last_used` has moved since somebody last asked; see [`Record::note_use`].
    used: AtomicBool,
}

/// `last_used` of a token that was never used: no time has this number.
const NEVER_USED: i64 = i64::MIN;

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
    pub(crate) fn new(id: i64, fields: RecordFields) -> Self {
        Self {
            id,
            user: fields.user,
            local_site: fields.local_site,
            value: fields.value,
            generator_id: fields.generator_id,
            time_added: fields.time_added,
            last_updated: fields.last_updated,
            expires: fields.expires,
            invalidation: fields.invalidation,
            note: fields.note,
            policy: fields.policy,
            extra_data: fields.extra_data,
            last_used: AtomicI64::new(fields.last_used.map_or(NEVER_USED, Timestamp::as_micros)),
            used: AtomicBool::new(false),
        }
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
        self.local_site.as_ref()
    }

    /// The secret.
    pub fn value(&self) -> &TokenValue {
        &self.value
    }

    /// The generator that made the value.
    pub fn generator_id(&self) -> &Text {
        &self.generator_id
    }

    /// When the token was made.
    pub fn time_added(&self) -> Timestamp {
        self.time_added
    }

    /// When the token was changed last. Logins and invalidation are no changes.
    pub fn last_updated(&self) -> Timestamp {
        self.last_updated
    }

    /// From when on the token is expired; none means never.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Set once the token is invalid.
    pub fn invalidation(&self) -> Option<&Invalidation> {
        self.invalidation.as_ref()
    }

    /// For people; may be empty.
    pub fn note(&self) -> &Text {
        &self.note
    }

    /// What the token may be used for.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// What clients keep with the token.
    pub fn extra_data(&self) -> &Arc<ExtraData> {
        &self.extra_data
    }

    /// When the token was used last, as of now.
    pub fn last_used(&self) -> Option<Timestamp> {
        Timestamp::from_micros(self.last_used.load(Ordering::Relaxed)).ok()
    }

    pub(crate) fn set_last_used(&self, time: Option<Timestamp>) {
        self.last_used.store(time.map_or(NEVER_USED, Timestamp::as_micros), Ordering::Relaxed);
    }

    /// Notes that `last_used` has moved; whether that was not noted yet.
    pub(crate) fn note_use(&self) -> bool {
        !self.used.swap(true, Ordering::AcqRel)
    }

    /// Forgets the note. What `last_used` says after this is as new as every use noted before, and
    /// any later one is noted again.
    pub(crate) fn forget_use(&self) {
        self.used.swap(false, Ordering::AcqRel);
    }

    /// A copy of all fields, for the record that is to replace this one.
    pub(crate) fn fields(&self) -> RecordFields {
        RecordFields {
            user: self.user.clone(),
            local_site: self.local_site.clone(),
            value: self.value.clone(),
            generator_id: self.generator_id.clone(),
            time_added: self.time_added,
            last_updated: self.last_updated,
            last_used: self.last_used(),
            expires: self.expires,
            invalidation: self.invalidation.clone(),
            note: self.note.clone(),
            policy: Arc::clone(&self.policy),
            extra_data: Arc::clone(&self.extra_data),
        }
    }

    /// Since when the token cannot be used, if it can at some time not be: since it was
    /// invalidated or expired, whichever came first. A token that is invalid since nobody knows
    /// when never was of use.
    pub fn dead_since(&self) -> Option<Timestamp> {
        let invalid = self.invalidation.as_ref().map(|it| it.date.unwrap_or(self.time_added));
        match (invalid, self.expires) {
            (Some(invalid), Some(expires)) => Some(invalid.min(expires)),
            (invalid, expires) => invalid.or(expires),
        }
    }

    /// Whether the token is expired at a time.
    pub fn is_expired(&self, at: Timestamp) -> bool {
        self.expires.is_some_and(|expires| at >= expires)
    }

    /// The client whose token this is.
    pub fn client_name(&self) -> Option<&Text> {
        self.extra_data.client_name()
    }
}

/// A token as it was at one moment. It stays readable whatever becomes of the token or the store.
pub struct Token {
    record: Arc<Record>,
    last_used: Option<Timestamp>,
    deprecated: bool,
    redacted: OnceCell<Text>,
}

impl Token {
    pub(crate) fn new(record: Arc<Record>, last_used: Option<Timestamp>, deprecated: bool) -> Self {
        Self { record, last_used, deprecated, redacted: OnceCell::new() }
    }

    /// The fields that do not change while this snapshot lives.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// When the token was used last, as of this snapshot.
    pub fn last_used(&self) -> Option<Timestamp> {
        self.last_used
    }

    /// Whether the token's generator was deprecated when this snapshot was taken.
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// A name for the token that may be logged: the type and the id, nothing of the secret.
    pub fn redacted(&self) -> &Text {
        self.redacted.get_or_init(|| {
            Text::new(&format!("{}#{}", self.record.value.redacted(), self.record.id))
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("record", &self.record)
            .field("last_used", &self.last_used)
            .field("deprecated", &self.deprecated)
            .finish_non_exhaustive()
    }
}
