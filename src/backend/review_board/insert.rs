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
    user_exists: bool,
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
        let failed_search =
            unless.and_then(|unless| Some((unless, unless.failed_search.as_deref()?)));
        let mut inserted = Err(SqlError::FastPathFailed);
        if let Some((unless, failed_search)) = failed_search {
            inserted = self.retry_transaction(limits, |connection| match connection.text_mode {
                TextMode::All => {
                    self.insert_after_search(connection, &fields, unless, failed_search)
                }
                _ => Err(SqlError::FastPathFailed),
            });
        }
        if matches!(inserted, Err(SqlError::FastPathFailed)) {
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

    /// Inserts a token after a search found none, unless one exists by now. Returns
    /// `FastPathFailed` if the caller must look up the user and the Local Site again.
    fn insert_after_search(
        &self,
        connection: &mut PooledConnection<'_>,
        fields: &RecordFields,
        unless: &OwnedClientQuery,
        failed_search: &FailedSearch,
    ) -> Result<Outcome, SqlError> {
        let (query, reader) = (unless.borrow(), self.reader());
        let lock = match connection.lock_user() {
            Some(lock) => lock.to_owned(),
            None => format!("SELECT id FROM auth_user WHERE id = ?{}", connection.lock_clause()),
        };
        let again = Changes::statement(connection.time(), &query, failed_search);
        let params = Changes::params(&query, failed_search);
        let user_id = [Param::Int(failed_search.user_id)];
        let mut queries = vec![Query { statement: &lock, params: &user_id }];
        if unless.expires_from.is_some() {
            queries.push(Query { statement: names::SETTINGS, params: &[] });
        }
        queries.push(Query { statement: &again, params: &params });
        let last = queries.len() - 1;
        let locked = LockedState {
            user_exists: false,
            changes: Changes::EMPTY,
            days: DEFAULT_EXPIRATION_DAYS,
        };
        let read = |locked: &mut LockedState, index, mut row: Row| {
            match index {
                0 => locked.user_exists = true,
                index if index < last => {
                    let settings = row.text().map_err(|_| SqlError::FastPathFailed)?;
                    locked.days = expiration_days(settings.as_ref().map_or("", |it| it))?;
                }
                _ => locked.changes.read(reader, &query, row)?,
            }
            Ok(())
        };
        connection.transaction_after(&queries, locked, read, |connection, locked| {
            let LockedState { user_exists, changes, days } = locked;
            // The user was deleted, or the ids now belong to other names.
            if !user_exists || !changes.has_names() {
                return Err(SqlError::FastPathFailed);
            }
            let mut found = None;
            let has_same_candidates = changes.has_same_candidates(&failed_search.seen);
            if has_same_candidates {
                found = reader.best_that_qualifies(connection, &query, &changes.candidates)?;
            }
            if found.is_none()
                && (!has_same_candidates || changes.candidates.last_if_full().is_some())
            {
                match reader.search(connection, &query)? {
                    Ok(best) => found = Some(best),
                    Err(again) if again.has_same_names_as(failed_search) => {}
                    Err(_) => return Err(SqlError::FastPathFailed),
                }
            }
            if let Some(found) = found {
                return Ok(Outcome::Found(found));
            }
            let mut fields = fields.clone();
            if let Some(now) = unless.expires_from {
                fields.expires = default_expiration(now, days)?;
            }
            let id = rows::insert(
                connection,
                &fields,
                failed_search.user_id,
                failed_search.local_site_id,
            )?;
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
