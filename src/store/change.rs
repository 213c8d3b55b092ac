//! Updates, invalidates and deletes tokens.

use std::sync::Arc;

use super::find::no_such_token;
use super::{Event, Store, TokenUpdate};
use crate::backend::{Operation, Selection, TokenChange};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::memory;
use crate::model::names;
use crate::text::Text;
use crate::token::{Invalidation, SharedRecord, SharedToken, TokenValue};

impl Store {
    /// Updates fields of a token, which may be invalid. `last_updated` is set to now.
    ///
    /// # Errors
    /// `NotFound`; those of [`crate::json::parse_object`]; `Policy`; `TooLong` and `EmbeddedNul`
    /// for the note. Nothing is changed then.
    pub fn update_token(
        self: &Arc<Self>,
        id: i64,
        update: &TokenUpdate<'_>,
    ) -> Result<SharedToken> {
        if let Some(note) = update.note {
            names::check_free_text(note, "note")?;
        }
        let policy = update.policy.map(|policy| self.documents.parse_policy(policy, "policy"));
        let extra_data = update
            .extra_data
            .map(|extra_data| self.documents.parse_extra_data(extra_data, "extra_data"));
        let change = TokenChange {
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

    /// Invalidates the token with this value, permanently. If it is already invalid, the date and
    /// the reason are replaced.
    ///
    /// # Errors
    /// `NotFound`; those of an invalid value or reason.
    pub fn invalidate_token(self: &Arc<Self>, value: &str, reason: &str) -> Result<()> {
        let value = TokenValue::new(value).map_err(|error| error.at_argument("value"))?;
        match self.invalidate(Selection::Value(value), reason)? {
            0 => Err(no_such_token("value")),
            _ => Ok(()),
        }
    }

    /// Invalidates a token like [`Store::invalidate_token`], by its id.
    ///
    /// # Errors
    /// `NotFound`; those of an invalid reason.
    pub fn invalidate_token_by_id(self: &Arc<Self>, id: i64, reason: &str) -> Result<()> {
        match self.invalidate(Selection::Id(id), reason)? {
            0 => Err(no_such_token("id")),
            _ => Ok(()),
        }
    }

    /// Invalidates all tokens of a user on all sites, and returns their number.
    ///
    /// # Errors
    /// Those of an invalid name or reason.
    pub fn invalidate_user_tokens(self: &Arc<Self>, user: &str, reason: &str) -> Result<u64> {
        names::check_user(user)?;
        self.invalidate(Selection::User(Text::new(user)), reason)
    }

    /// Invalidates the tokens with these ids in one transaction, and returns their number. Ids
    /// without a token and repeated ids are skipped.
    ///
    /// # Errors
    /// Those of an invalid reason.
    pub fn invalidate_tokens(self: &Arc<Self>, ids: &[i64], reason: &str) -> Result<u64> {
        let mut ids = memory::collect(ids.iter().copied())?;
        ids.sort_unstable();
        ids.dedup();
        self.invalidate(Selection::Ids(ids), reason)
    }

    /// Invalidates all tokens of all users, and returns their number.
    ///
    /// # Errors
    /// Those of an invalid reason.
    pub fn invalidate_all_tokens(self: &Arc<Self>, reason: &str) -> Result<u64> {
        self.invalidate(Selection::Everyone, reason)
    }

    /// Deletes a token.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn delete_token(self: &Arc<Self>, id: i64) -> Result<()> {
        match self.revoke(Operation::Delete(id), Event::Deleted)? {
            0 => Err(no_such_token("id")),
            _ => Ok(()),
        }
    }

    /// Deletes the tokens that became unusable (invalid or expired) before a given time, and
    /// returns their number. If the date of invalidation is unknown, the time of creation is used.
    /// Usable tokens are kept, even if the time is in the future.
    ///
    /// # Errors
    /// Those of the clock and the backend.
    pub fn purge_tokens(self: &Arc<Self>, unusable_before: Timestamp) -> Result<u64> {
        // A token that expires right now is unusable.
        let after_now = self.now()?.next();
        let unusable_before = unusable_before.min(after_now);
        if !self.has_hooks() {
            return self.backend.purge(unusable_before, None);
        }
        let store = Arc::clone(self);
        let mut purged = |records: &[SharedRecord]| store.fire_each(Event::Deleted, records);
        store.backend.purge(unusable_before, Some(&mut purged))
    }

    fn invalidate(self: &Arc<Self>, selection: Selection, reason: &str) -> Result<u64> {
        names::check_free_text(reason, "reason")?;
        let date = Some(self.now()?);
        let invalidation = Invalidation { date, reason: Text::try_new(reason)? };
        self.revoke(Operation::Invalidate(selection, invalidation), Event::Invalidated)
    }

    /// Invalidates or deletes tokens, fires an event for each readable one, and returns their
    /// number. A failure to deliver events does not fail the revocation.
    fn revoke(self: &Arc<Self>, operation: Operation, event: Event) -> Result<u64> {
        if !self.has_hooks() {
            return self.backend.revoke(operation, None);
        }
        let store = Arc::clone(self);
        let mut changed = |records: &[SharedRecord]| store.fire_each(event, records);
        store.backend.revoke(operation, Some(&mut changed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{GenerateRequest, StoreOptions};

    #[test]
    fn repeated_ids_are_invalidated_once() {
        let store = Store::open(StoreOptions::default()).unwrap();
        let create = || store.generate_token(&GenerateRequest::new("alice")).unwrap().record().id();
        let (first, second) = (create(), create());
        assert_eq!(store.invalidate_tokens(&[second, first, second], "").unwrap(), 2);
    }
}
