//! Changing, revoking and removing tokens.

use std::sync::Arc;

use super::find::no_such_token;
use super::{Event, Store, TokenUpdate};
use crate::backend::{Change, Operation, Selection};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::model::names;
use crate::text::Text;
use crate::token::{Invalidation, SharedRecord, SharedToken, TokenValue};

impl Store {
    /// Changes a token's fields, be it valid or not. `last_updated` becomes now.
    ///
    /// # Errors
    /// `NotFound`; those of [`crate::json::parse_object`] and `Policy`; `TooLong`, `EmbeddedNul`
    /// for the note. Nothing is changed then.
    pub fn update_token(
        self: &Arc<Self>,
        id: i64,
        update: &TokenUpdate<'_>,
    ) -> Result<SharedToken> {
        if let Some(note) = update.note {
            names::check_prose(note, "note")?;
        }
        let policy = update.policy.map(|policy| self.documents.policy(policy, "policy"));
        let extra_data = update
            .extra_data
            .map(|extra_data| self.documents.extra_data_of_text(extra_data, "extra_data"));
        let change = Change {
            expires: update.expires,
            note: update.note.map(Text::try_new).transpose()?,
            policy: policy.transpose()?,
            extra_data: extra_data.transpose()?,
            last_updated: self.now()?,
        };
        let changed = self.change(Operation::Update(id, change))?;
        let record = changed.into_iter().next().ok_or_else(|| no_such_token("id"))?;
        let token = self.snapshot(record);
        self.fire(Event::Updated, &token);
        Ok(token)
    }

    /// Makes the token that has a value invalid, for good. On a token that is invalid already,
    /// the date and the reason are overwritten.
    ///
    /// # Errors
    /// `NotFound`; those of a bad value or reason.
    pub fn invalidate_token(self: &Arc<Self>, value: &str, reason: &str) -> Result<()> {
        let value = TokenValue::new(value).map_err(|error| error.at_argument("value"))?;
        match self.invalidate(Selection::Value(value), reason)? {
            0 => Err(no_such_token("value")),
            _ => Ok(()),
        }
    }

    /// As [`Store::invalidate_token`], by the token's id.
    ///
    /// # Errors
    /// `NotFound`; those of a bad reason.
    pub fn invalidate_token_by_id(self: &Arc<Self>, id: i64, reason: &str) -> Result<()> {
        match self.invalidate(Selection::Id(id), reason)? {
            0 => Err(no_such_token("id")),
            _ => Ok(()),
        }
    }

    /// Makes all tokens of a user invalid, on every site, and tells how many the user has.
    ///
    /// # Errors
    /// Those of a bad name or reason.
    pub fn invalidate_user_tokens(self: &Arc<Self>, user: &str, reason: &str) -> Result<u64> {
        names::check_user(user)?;
        self.invalidate(Selection::User(Text::new(user)), reason)
    }

    /// Makes all tokens of all users invalid and tells how many there are.
    ///
    /// # Errors
    /// Those of a bad reason.
    pub fn invalidate_all_tokens(self: &Arc<Self>, reason: &str) -> Result<u64> {
        self.invalidate(Selection::Everyone, reason)
    }

    /// Removes a token.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete_token(self: &Arc<Self>, id: i64) -> Result<()> {
        match self.revoke(Operation::Delete(id), Event::Deleted)? {
            0 => Err(no_such_token("id")),
            _ => Ok(()),
        }
    }

    /// Removes the tokens that have been invalid or expired since before a time, and tells how
    /// many those were. A token that is invalid without a date counts from when it was made. A time
    /// in the future is as good as now: what is alive stays.
    ///
    /// # Errors
    /// Those of the clock and the backend.
    pub fn purge_tokens(self: &Arc<Self>, dead_before: Timestamp) -> Result<u64> {
        // What dies at this very moment is dead.
        let after_now = self.now()?.next();
        let dead_before = dead_before.min(after_now);
        if !self.has_hooks() {
            return self.backend.purge(dead_before, None);
        }
        let store = Arc::clone(self);
        let mut purged = |records: &[SharedRecord]| store.fire_each(Event::Deleted, records);
        store.backend.purge(dead_before, Some(&mut purged))
    }

    fn invalidate(self: &Arc<Self>, which: Selection, reason: &str) -> Result<u64> {
        names::check_prose(reason, "reason")?;
        let date = Some(self.now()?);
        let invalidation = Invalidation { date, reason: Text::try_new(reason)? };
        self.revoke(Operation::Invalidate(which, invalidation), Event::Invalidated)
    }

    /// Makes tokens invalid or removes them, fires the event for each that can be read, and returns
    /// how many there were. Nothing about an event is in the way of the revocation.
    fn revoke(self: &Arc<Self>, operation: Operation, event: Event) -> Result<u64> {
        if !self.has_hooks() {
            return self.backend.revoke(operation, None);
        }
        let store = Arc::clone(self);
        let mut changed = |records: &[SharedRecord]| store.fire_each(event, records);
        store.backend.revoke(operation, Some(&mut changed))
    }
}
