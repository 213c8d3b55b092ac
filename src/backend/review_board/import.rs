//! Import of many tokens in one transaction.

use std::fmt;

use hashbrown::HashMap;

use super::pool::PooledConnection;
use super::sql_error::SqlError;
use super::{ReviewBoard, rows};
use crate::backend::{Backend, ImportData, value_exists};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::requests::Progress;
use crate::text::Text;
use crate::token::RecordFields;

/// Number of tokens between two calls of the progress callback.
const STEP: usize = 1024;

/// Ids of users and Local Sites that the transaction has looked up.
#[derive(Default)]
struct KnownIds {
    users: HashMap<Text, i64>,
    sites: HashMap<Text, Option<i64>>,
}

impl KnownIds {
    /// Returns the ids of a token's user and Local Site.
    ///
    /// # Errors
    /// `NotFound`.
    fn of(
        &mut self,
        connection: &mut PooledConnection<'_>,
        fields: &RecordFields,
    ) -> Result<(i64, Option<i64>), SqlError> {
        let user =
            lookup(&mut self.users, &fields.user, |name| rows::user_id(connection, name, false))?;
        let site = match &fields.local_site {
            None => None,
            Some(site) => {
                lookup(&mut self.sites, site, |name| rows::local_site_id(connection, Some(name)))?
            }
        };
        Ok((user, site))
    }
}

/// Returns the cached id of a name, or looks it up.
fn lookup<T: Copy>(
    known: &mut HashMap<Text, T>,
    name: &Text,
    find: impl FnOnce(&str) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    if let Some(id) = known.get(name) {
        return Ok(*id);
    }
    let id = find(name).map_err(|error| at_place(error, format_args!("`{}`", name.as_str())))?;
    known.try_reserve(1).map_err(memory::exhausted)?;
    known.insert(name.clone(), id);
    Ok(id)
}

/// Adds a place to an error of this library. Errors of the database decide about retries.
fn at_place(error: SqlError, place: impl fmt::Display) -> SqlError {
    match error {
        SqlError::Library(error) => SqlError::Library(error.prefixed(place)),
        error => error,
    }
}

impl ReviewBoard {
    /// Inserts all tokens in one transaction, which a trial rolls back. Local Sites and users are
    /// managed by the server, and must exist.
    pub(super) fn import_all(
        &self,
        data: &ImportData,
        is_trial: bool,
        progress: Progress<'_>,
    ) -> Result<u64> {
        let total = data.records.len() as u64;
        let (mut is_complete, mut inserting) = (false, &data.records[..0]);
        let imported = self.transact(self.bulk_limits(), |connection| {
            let (mut known, mut done) = (KnownIds::default(), 0);
            for records in data.records.chunks(STEP) {
                progress(done, total)?;
                let mut tokens = memory::vec_with_capacity(records.len())?;
                for (number, fields) in records {
                    let (user, site) = known.of(connection, fields).map_err(|error| {
                        at_place(error, format_args!("{} {number}", data.numbered))
                    })?;
                    tokens.push((fields, user, site));
                }
                inserting = records;
                insert_all(connection, &tokens)?;
                done += records.len() as u64;
            }
            progress(total, total)?;
            is_complete = true;
            match is_trial {
                true => Err(Error::new(ErrorKind::State, "the trial is over").into()),
                false => Ok(()),
            }
        });
        match imported {
            Err(_) if is_trial && is_complete => Ok(total),
            Err(SqlError::Duplicate) => Err(self.existing_value(inserting, data.numbered)),
            imported => Ok(imported.map(|()| total)?),
        }
    }

    /// Returns the error for the first of these records whose value exists.
    fn existing_value(&self, records: &[(u64, RecordFields)], numbered: &str) -> Error {
        let exists = |fields: &RecordFields| self.by_value(fields.value.expose());
        match records.iter().find(|(_, fields)| exists(fields).is_ok_and(|it| it.is_some())) {
            Some((number, _)) => value_exists().prefixed(format_args!("{numbered} {number}")),
            None => value_exists(),
        }
    }
}

/// Number of rows that [`insert_all`] inserts at a time.
const ROWS_PER_INSERT: usize = 64;

/// Inserts tokens, given the fields and the ids of the user and the Local Site.
fn insert_all(
    connection: &mut PooledConnection<'_>,
    tokens: &[(&RecordFields, i64, Option<i64>)],
) -> Result<(), SqlError> {
    let (columns, values) = rows::INSERT.split_once(" VALUES ").unwrap_or_default();
    let many = format!("{columns} VALUES {}", [values; ROWS_PER_INSERT].join(", "));
    for tokens in tokens.chunks(ROWS_PER_INSERT) {
        // Few statements, since servers and drivers keep them prepared.
        if tokens.len() < ROWS_PER_INSERT {
            for (fields, user_id, local_site_id) in tokens {
                rows::insert(connection, fields, *user_id, *local_site_id)?;
            }
            continue;
        }
        let params = tokens.iter().flat_map(|(fields, user_id, local_site_id)| {
            rows::insert_params(fields, *user_id, *local_site_id)
        });
        connection.execute(&many, &memory::collect(params)?)?;
    }
    Ok(())
}
