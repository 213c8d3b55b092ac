//! Insertion of new tokens, at most one for each client.

use super::pool::{PooledConnection, TextMode};
use super::search::Changes;
use super::sql::{Param, Query, Row};
use super::sql_error::SqlError;
use super::{DEFAULT_EXPIRATION_DAYS, ReviewBoard, expiration_days, names, rows};
use crate::backend::{Backend, FailedSearch, Outcome, OwnedClientQuery};
use crate::error::Result;
use crate::model::requests::default_expiration;
use crate::token::{Record, RecordFields};

/// Results of the queries that run after the user is locked.
struct LockedState {
    /// Whether the user still exists.
    is_user: bool,
    changes: Changes,
    days: i64,
}

impl ReviewBoard {
    /// Inserts a token unless one matches the query.
    ///
    /// All callers that request a token of the same user, in any process, are serialized here: the
    /// user is locked before the search is repeated, so that the second caller finds the token of
    /// the first. The lock is released when the transaction or the connection ends. MySQL locks the
    /// user's row and SQLite the database. PostgreSQL uses an advisory lock for the user's id,
    /// since locking the row would need the privilege to update users.
    pub(super) fn insert(
        &self,
        mut fields: RecordFields,
        unless: Option<&OwnedClientQuery>,
    ) -> Result<Outcome> {
        let limits = self.limits();
        let searched = unless.and_then(|unless| Some((unless, unless.searched.as_deref()?)));
        let mut inserted = Err(SqlError::Unconvertible);
        if let Some((unless, searched)) = searched {
            inserted = self.transact_as(limits, |connection| match connection.text_mode {
                TextMode::All => self.insert_after_search(connection, &fields, unless, searched),
                _ => Err(SqlError::Unconvertible),
            });
        }
        if matches!(inserted, Err(SqlError::Unconvertible)) {
            if let Some(now) = unless.and_then(|unless| unless.expires_from) {
                let days = self.client_token_expiration()?.unwrap_or(DEFAULT_EXPIRATION_DAYS);
                fields.expires = default_expiration(now, days)?;
            }
            inserted = self.transact(limits, |connection| {
                let user_id = rows::user_id(connection, &fields.user, unless.is_some())?;
                let local_site_id = rows::local_site_id(connection, fields.local_site.as_deref())?;
                if let Some(query) = unless
                    && let Some(found) = self.reader().best(connection, &query.borrow())?
                {
                    return Ok(Outcome::Found(found));
                }
                let id = rows::insert(connection, &fields, user_id, local_site_id)?;
                Ok(Outcome::Inserted(Record::boxed(id, fields.clone())))
            });
        }
        match inserted {
            Err(SqlError::Duplicate) => Ok(Outcome::ValueTaken(Box::new(fields))),
            Err(error) => Err(self.name_unstorable_text(limits, error, &texts(&fields))),
            Ok(inserted) => Ok(inserted),
        }
    }

    /// Inserts a token after a search found none, unless one exists by now. Returns `Unconvertible`
    /// if the caller must use the slow path, which looks up the names again.
    fn insert_after_search(
        &self,
        connection: &mut PooledConnection<'_>,
        fields: &RecordFields,
        unless: &OwnedClientQuery,
        searched: &FailedSearch,
    ) -> Result<Outcome, SqlError> {
        let (query, reader) = (unless.borrow(), self.reader());
        let lock = match connection.lock_user() {
            Some(lock) => lock.to_owned(),
            None => format!("SELECT id FROM auth_user WHERE id = ?{}", connection.lock()),
        };
        let again = Changes::statement(connection.time(), &query, searched);
        let params = Changes::params(&query, searched);
        let user_id = [Param::Int(searched.user_id)];
        let mut queries = vec![Query { statement: &lock, params: &user_id }];
        if unless.expires_from.is_some() {
            queries.push(Query { statement: names::SETTINGS, params: &[] });
        }
        queries.push(Query { statement: &again, params: &params });
        let last = queries.len() - 1;
        let locked =
            LockedState { is_user: false, changes: Changes::EMPTY, days: DEFAULT_EXPIRATION_DAYS };
        let read = |locked: &mut LockedState, index, mut row: Row| {
            match index {
                0 => locked.is_user = true,
                index if index < last => {
                    let settings = row.text().map_err(|_| SqlError::Unconvertible)?;
                    locked.days = expiration_days(settings.as_ref().map_or("", |it| it))?;
                }
                _ => locked.changes.read(reader, &query, row)?,
            }
            Ok(())
        };
        connection.transaction_after(&queries, locked, read, |connection, locked| {
            let LockedState { is_user, changes, days } = locked;
            // The user is gone, or the names belong to others by now.
            if !is_user || !changes.has_names() {
                return Err(SqlError::Unconvertible);
            }
            let mut found = None;
            let is_known = changes.are_all(&searched.seen);
            if is_known {
                found = reader.first_that_serves(connection, &query, &changes.candidates)?;
            }
            if found.is_none() && (!is_known || changes.candidates.last_of_many().is_some()) {
                match reader.search(connection, &query)? {
                    Ok(best) => found = Some(best),
                    Err(again) if again.is_of_same_names(searched) => {}
                    Err(_) => return Err(SqlError::Unconvertible),
                }
            }
            if let Some(found) = found {
                return Ok(Outcome::Found(found));
            }
            let mut fields = fields.clone();
            if let Some(now) = unless.expires_from {
                fields.expires = default_expiration(now, days)?;
            }
            let id = rows::insert(connection, &fields, searched.user_id, searched.local_site_id)?;
            Ok(Outcome::Inserted(Record::boxed(id, fields)))
        })
    }
}

/// Returns the texts of a new token that a column may be unable to store, with their arguments.
/// JSON documents are ASCII, which every column can store.
fn texts(fields: &RecordFields) -> [(&'static str, &str); 4] {
    let reason = fields.invalidation.as_ref().map_or("", |it| &it.reason);
    [
        ("value", fields.value.expose()),
        ("generator_id", &fields.generator_id),
        ("note", &fields.note),
        ("reason", reason),
    ]
}
