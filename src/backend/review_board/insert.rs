//! New tokens, one for each client.

use super::fault::Fault;
use super::pool::{Lease, Texts};
use super::search::Changes;
use super::sql::{Param, Query, Row};
use super::{DEFAULT_EXPIRATION_DAYS, ReviewBoard, expiration_days, names, rows};
use crate::backend::{Backend, Outcome, OwnedClientQuery, Searched};
use crate::error::Result;
use crate::model::requests::default_expiration;
use crate::token::{Record, RecordFields};

/// What is read once the user is locked.
struct Locked {
    /// The user is there still.
    is_user: bool,
    changes: Changes,
    days: i64,
}

impl ReviewBoard {
    /// Inserts a token unless one serves the client.
    ///
    /// All who ask for the same user's tokens, in any process, wait here for one another: the
    /// user is locked before the search is repeated, so that the one that comes second sees what
    /// the first has made. The lock goes with the transaction or the connection. MySQL locks the
    /// user's row, SQLite the database. PostgreSQL takes an advisory lock on the user's id, since
    /// locking the row needs the right to update users.
    pub(super) fn insert(
        &self,
        mut fields: RecordFields,
        unless: Option<&OwnedClientQuery>,
    ) -> Result<Outcome> {
        let limits = self.limits();
        let searched = unless.and_then(|unless| Some((unless, unless.searched.as_deref()?)));
        let mut inserted = Err(Fault::Unconvertible);
        if let Some((unless, searched)) = searched {
            inserted = self.transact_as(limits, |lease| match lease.texts {
                Texts::All => self.insert_after_search(lease, &fields, unless, searched),
                _ => Err(Fault::Unconvertible),
            });
        }
        if matches!(inserted, Err(Fault::Unconvertible)) {
            if let Some(now) = unless.and_then(|unless| unless.expires_from) {
                let days = self.client_token_expiration()?.unwrap_or(DEFAULT_EXPIRATION_DAYS);
                fields.expires = default_expiration(now, days)?;
            }
            inserted = self.transact(limits, |lease| {
                let user_id = rows::user_id(lease, &fields.user, unless.is_some())?;
                let local_site_id = rows::local_site_id(lease, fields.local_site.as_deref())?;
                if let Some(query) = unless
                    && let Some(found) = self.reader().best(lease, &query.borrow())?
                {
                    return Ok(Outcome::Found(found));
                }
                let id = rows::insert(lease, &fields, user_id, local_site_id)?;
                Ok(Outcome::Inserted(Record::alone(id, fields.clone())))
            });
        }
        match inserted {
            Err(Fault::Duplicate) => Ok(Outcome::ValueTaken(Box::new(fields))),
            Err(fault) => Err(self.name_text(limits, fault, &texts(&fields))),
            Ok(inserted) => Ok(inserted),
        }
    }

    /// Inserts a token for a client that a search has not found, unless there is one by now. The
    /// fault is `Unconvertible` if it has to be done the long way, which looks up the names again.
    fn insert_after_search(
        &self,
        lease: &mut Lease<'_>,
        fields: &RecordFields,
        unless: &OwnedClientQuery,
        searched: &Searched,
    ) -> Result<Outcome, Fault> {
        let (query, reader) = (unless.borrow(), self.reader());
        let lock = match lease.lock_user() {
            Some(lock) => lock.to_owned(),
            None => format!("SELECT id FROM auth_user WHERE id = ?{}", lease.lock()),
        };
        let again = Changes::statement(lease.time(), &query, searched);
        let params = Changes::params(&query, searched);
        let user_id = [Param::Int(searched.user_id)];
        let mut queries = vec![Query { statement: &lock, params: &user_id }];
        if unless.expires_from.is_some() {
            queries.push(Query { statement: names::SETTINGS, params: &[] });
        }
        queries.push(Query { statement: &again, params: &params });
        let last = queries.len() - 1;
        let locked =
            Locked { is_user: false, changes: Changes::EMPTY, days: DEFAULT_EXPIRATION_DAYS };
        let read = |locked: &mut Locked, index, mut row: Row| {
            match index {
                0 => locked.is_user = true,
                index if index < last => {
                    let settings = row.text().map_err(|_| Fault::Unconvertible)?;
                    locked.days = expiration_days(settings.as_ref().map_or("", |it| it))?;
                }
                _ => locked.changes.read(reader, &query, row)?,
            }
            Ok(())
        };
        lease.transaction_after(&queries, locked, read, |lease, locked| {
            let Locked { is_user, changes, days } = locked;
            // The user is gone, or the names belong to others by now.
            if !is_user || !changes.has_names() {
                return Err(Fault::Unconvertible);
            }
            let mut found = None;
            let is_known = changes.are_all(&searched.seen);
            if is_known {
                found = reader.first_that_serves(lease, &query, &changes.candidates)?;
            }
            if found.is_none() && (!is_known || changes.candidates.last_of_many().is_some()) {
                match reader.search(lease, &query)? {
                    Ok(best) => found = Some(best),
                    Err(again) if again.is_of_same_names(searched) => {}
                    Err(_) => return Err(Fault::Unconvertible),
                }
            }
            if let Some(found) = found {
                return Ok(Outcome::Found(found));
            }
            let mut fields = fields.clone();
            if let Some(now) = unless.expires_from {
                fields.expires = default_expiration(now, days)?;
            }
            let id = rows::insert(lease, &fields, searched.user_id, searched.local_site_id)?;
            Ok(Outcome::Inserted(Record::alone(id, fields)))
        })
    }
}

/// The texts of a new token that a column may be unable to hold, with the arguments that they are.
/// Documents have escapes for what is not ASCII.
fn texts(fields: &RecordFields) -> [(&'static str, &str); 4] {
    let reason = fields.invalidation.as_ref().map_or("", |it| &it.reason);
    [
        ("value", fields.value.expose()),
        ("generator_id", &fields.generator_id),
        ("note", &fields.note),
        ("reason", reason),
    ]
}
