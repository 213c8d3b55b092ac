//! Conversion between records and rows.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use hashbrown::HashMap;
use rusqlite::Error::SqliteFailure;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Statement, ffi};

use crate::backend::memory::Effect;
use crate::backend::memory::shared_fields::SharedFieldsInterner;
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind};
use crate::memory;
use crate::model::documents::{Documents, to_storage};
use crate::model::names;
use crate::text::Text;
use crate::token::{Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// Ids that have been assigned to tokens, and those that the file marks as assigned.
#[derive(Clone, Copy, Default)]
pub(super) struct AssignedIds {
    /// The last id that was assigned since the file was opened, or 0.
    pub last: i64,
    /// Ids up to this one are marked in the file, or 0 if none was assigned since it was opened.
    pub reserved: i64,
}

impl AssignedIds {
    /// Number of ids that are marked ahead of time. SQLite writes the page of its sequences only
    /// when an id exceeds the marked ones, so most commits write one page less.
    const AHEAD: i64 = 1000;

    /// Assigns an id, which is greater than all before.
    fn assign(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<()> {
        if id > self.reserved {
            self.reserved = id.max((id + Self::AHEAD).min(*IDS.end()));
            write_last_id(connection, self.reserved)?;
        }
        self.last = id;
        Ok(())
    }
}

/// Writes effects in an open transaction.
pub(super) fn write<'a>(
    connection: &Connection,
    ids: &mut AssignedIds,
    effects: impl IntoIterator<Item = &'a Effect>,
) -> rusqlite::Result<()> {
    for effect in effects {
        match effect {
            Effect::Insert(record) => {
                ids.assign(connection, record.id())?;
                insert(connection, record)?;
            }
            Effect::Replace { new, .. } => update(connection, new)?,
            Effect::Remove(record) => {
                let sql = "DELETE FROM webapi_webapitoken WHERE id = ?1";
                connection.prepare_cached(sql)?.execute([record.id()])?;
            }
            Effect::AddLocalSite(name) => {
                let sql = "INSERT INTO site_localsite (name) VALUES (?1)";
                connection.prepare_cached(sql)?.execute([name.as_str()])?;
            }
            Effect::RemoveLocalSite(name) => {
                let sql = "DELETE FROM site_localsite WHERE name = ?1";
                connection.prepare_cached(sql)?.execute([name.as_str()])?;
            }
            Effect::SetUserActive(user, active) => {
                let sql = "INSERT INTO auth_user (username, is_active) VALUES (?1, ?2) \
                           ON CONFLICT (username) DO UPDATE SET is_active = excluded.is_active";
                connection.prepare_cached(sql)?.execute((user.as_str(), active))?;
            }
        }
    }
    Ok(())
}

/// Returns the id of a user, who is added if new. `INSERT OR IGNORE` would write the page of
/// sequences even for a known user.
fn user_id(connection: &Connection, user: &str) -> rusqlite::Result<i64> {
    let sql = "SELECT id FROM auth_user WHERE username = ?1";
    let found = connection.prepare_cached(sql)?.query_row([user], |row| row.get(0)).optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let sql = "INSERT INTO auth_user (username, is_active) VALUES (?1, 1)";
    connection.prepare_cached(sql)?.insert([user])
}

fn insert(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO webapi_webapitoken (\
             id, last_updated, expires, valid, invalid_date, invalid_reason, note, policy, \
             extra_data, token, token_generator_id, time_added, last_used, user_id, local_site_id\
         ) VALUES (\
             ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             (SELECT id FROM site_localsite WHERE name = ?15)\
         )",
    )?;
    bind_changeable(&mut statement, record)?;
    statement.raw_bind_parameter(10, record.value().expose())?;
    statement.raw_bind_parameter(11, record.generator_id().as_str())?;
    statement.raw_bind_parameter(12, record.time_added().to_sql())?;
    statement.raw_bind_parameter(13, record.last_used().map(Timestamp::to_sql))?;
    statement.raw_bind_parameter(14, user_id(connection, record.user().as_str())?)?;
    statement.raw_bind_parameter(15, record.local_site().map(|site| site.as_str()))?;
    statement.raw_execute()?;
    Ok(())
}

/// Writes the fields that can change, except `last_used`.
fn update(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "UPDATE webapi_webapitoken SET last_updated = ?2, expires = ?3, valid = ?4, \
             invalid_date = ?5, invalid_reason = ?6, note = ?7, policy = ?8, extra_data = ?9 \
         WHERE id = ?1",
    )?;
    bind_changeable(&mut statement, record)?;
    statement.raw_execute()?;
    Ok(())
}

/// Binds the id and the fields that can change, except `last_used`, to the parameters 1 to 9. By
/// position: binding by name took 7,500 of a create's 76,000 instructions.
fn bind_changeable(statement: &mut Statement<'_>, record: &Record) -> rusqlite::Result<()> {
    let invalidation = record.invalidation();
    let [policy, extra_data] = documents(record)?;
    statement.raw_bind_parameter(1, record.id())?;
    statement.raw_bind_parameter(2, record.last_updated().to_sql())?;
    statement.raw_bind_parameter(3, record.expires().map(Timestamp::to_sql))?;
    statement.raw_bind_parameter(4, invalidation.is_none())?;
    let date = invalidation.and_then(|it| it.date);
    statement.raw_bind_parameter(5, date.map(Timestamp::to_sql))?;
    statement.raw_bind_parameter(6, invalidation.map_or("", |it| it.reason.as_str()))?;
    statement.raw_bind_parameter(7, record.note().as_str())?;
    statement.raw_bind_parameter(8, policy)?;
    statement.raw_bind_parameter(9, extra_data)
}

/// Returns the stored forms of a record's policy and extra data.
fn documents(record: &Record) -> rusqlite::Result<[Cow<'_, str>; 2]> {
    let (policy, extra_data) = (record.policy(), record.extra_data());
    let policy = to_storage(policy.text(), policy.foreign_text());
    let extra_data = to_storage(extra_data.text(), extra_data.foreign_text());
    let exhausted = |_| SqliteFailure(ffi::Error::new(ffi::SQLITE_NOMEM), None);
    Ok([policy.map_err(exhausted)?, extra_data.map_err(exhausted)?])
}

/// Prepares the statement for [`write_last_used_of`].
pub(super) fn last_used_statement(
    connection: &Connection,
) -> rusqlite::Result<CachedStatement<'_>> {
    connection.prepare_cached("UPDATE webapi_webapitoken SET last_used = ?2 WHERE id = ?1")
}

/// Writes the time of last use of a record.
pub(super) fn write_last_used_of(
    statement: &mut CachedStatement<'_>,
    record: &Record,
) -> rusqlite::Result<()> {
    statement.execute((record.id(), record.last_used().map(Timestamp::to_sql)))?;
    Ok(())
}

/// Marks all ids up to `last_id` as assigned.
pub(super) fn write_last_id(connection: &Connection, last_id: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [TOKENS])?;
    let sql = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";
    connection.execute(sql, (TOKENS, last_id))?;
    Ok(())
}

/// Columns of the query in [`load`].
mod column {
    pub const ID: usize = 0;
    pub const TOKEN: usize = 1;
    pub const GENERATOR: usize = 2;
    pub const ADDED: usize = 3;
    pub const UPDATED: usize = 4;
    pub const USED: usize = 5;
    pub const EXPIRES: usize = 6;
    pub const VALID: usize = 7;
    pub const INVALID_DATE: usize = 8;
    pub const INVALID_REASON: usize = 9;
    pub const NOTE: usize = 10;
    pub const POLICY: usize = 11;
    pub const EXTRA_DATA: usize = 12;
    pub const USER: usize = 13;
    pub const SITE: usize = 14;
}

/// The valid ids. The range ends far below the maximum, so that there is always a next one.
const IDS: RangeInclusive<i64> = 1..=i64::MAX / 2;

/// Number of records per part.
pub(super) const CHUNK: usize = 1024;

/// Maximum size of the small allocations for one part.
const CHUNK_ROOM: usize = 1024 * CHUNK;

/// An error while loading: from SQLite, or for an invalid row.
pub(super) enum LoadError {
    Sql(rusqlite::Error),
    Row(Error),
}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Row(error)
    }
}

/// A part of the contents of a database.
pub(super) enum LoadedPart {
    /// Estimated maximum number of tokens.
    Tokens(usize),
    Effects(Vec<Effect>),
    /// The last assigned id, even if its token was deleted.
    LastId(i64),
    /// A token's row that cannot be read. An error of the visitor ends the loading.
    Damaged(Error),
}

/// Passes the contents of a database to `visit`, part by part.
pub(super) fn load(
    connection: &Connection,
    documents: &Documents,
    interner: &SharedFieldsInterner,
    visit: &mut dyn FnMut(LoadedPart) -> crate::error::Result<()>,
) -> Result<(), LoadError> {
    let (mut names, mut effects) = (ReferencedNames::default(), Vec::new());

    let mut statement = connection.prepare("SELECT id, name FROM site_localsite")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let name = text(row, 1)?;
        names::check_local_site(name).map_err(|_| damaged("site_localsite", row))?;
        let name = Text::new(name);
        names.sites.try_reserve(1).map_err(memory::exhausted)?;
        names.sites.insert(row.get(0)?, name.clone());
        memory::push(&mut effects, Effect::AddLocalSite(name))?;
    }
    let mut statement = connection.prepare("SELECT id, username, is_active FROM auth_user")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let user = text(row, 1)?;
        names::check_user(user).map_err(|_| damaged("auth_user", row))?;
        let user = Text::new(user);
        if !row.get(2)? {
            memory::push(&mut effects, Effect::SetUserActive(user.clone(), false))?;
        }
        names.users.try_reserve(1).map_err(memory::exhausted)?;
        names.users.insert(row.get(0)?, user);
    }
    visit(LoadedPart::Effects(effects))?;

    visit(LoadedPart::Tokens(expected_tokens(connection)))?;
    let mut statement = connection.prepare(
        "SELECT id, token, token_generator_id, time_added, last_updated, last_used, expires, \
             valid, invalid_date, invalid_reason, note, policy, extra_data, user_id, \
             local_site_id \
         FROM webapi_webapitoken",
    )?;
    let mut rows = statement.query([])?;
    let mut records = memory::vec_with_capacity(CHUNK)?;
    while let Some(row) = rows.next()? {
        // Checked once per part, since each record makes small allocations.
        if records.is_empty() {
            memory::check_room(CHUNK_ROOM)?;
        }
        match names.record(row, documents, interner) {
            Ok(record) => records.push(Effect::Insert(record)),
            Err(error) => visit(LoadedPart::Damaged(error))?,
        }
        if records.len() == CHUNK {
            let next = memory::vec_with_capacity(CHUNK)?;
            visit(LoadedPart::Effects(std::mem::replace(&mut records, next)))?;
        }
    }
    visit(LoadedPart::Effects(records))?;

    // Ids of deleted tokens are not reused.
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = ?1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([TOKENS])?;
    if let Some(row) = rows.next()? {
        let last_id = row.get(0)?;
        if last_id > *IDS.end() {
            let message = format!("no ids are left in the table {TOKENS}");
            return Err(Error::new(ErrorKind::Corrupt, message).into());
        }
        visit(LoadedPart::LastId(last_id))?;
    }
    Ok(())
}

/// Returns a quick estimate of the number of tokens. It is only used to reserve memory, and limited
/// by the file size in case the file is corrupt.
fn expected_tokens(connection: &Connection) -> usize {
    const MIN_ROW_BYTES: i64 = 100;
    let query = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let bytes = query("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    let last_id = query(&format!("SELECT max(id) FROM {TOKENS}"));
    let (bytes, last_id) = (bytes.unwrap_or(0), last_id.unwrap_or(0));
    usize::try_from(last_id.min(bytes / MIN_ROW_BYTES)).unwrap_or(0)
}

const TOKENS: &str = "webapi_webapitoken";

/// Creates the error for a corrupt row.
fn damaged(table: &str, row: &Row<'_>) -> Error {
    let id: i64 = row.get(0).unwrap_or_default();
    Error::new(ErrorKind::Corrupt, format!("row {id} of {table} is damaged"))
}

/// Returns a text without copying it.
fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Error> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).map_err(invalid_value),
        other => Err(invalid_value(other)),
    }
}

/// Creates the error for an invalid value. Its row is added by the caller.
fn invalid_value<T>(_: T) -> Error {
    Error::new(ErrorKind::Corrupt, "a stored value is damaged")
}

/// Returns a text, or `None` for NULL.
fn optional_text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a str>, Error> {
    match row.get_ref(column).map_err(invalid_value)? {
        ValueRef::Null => Ok(None),
        _ => text(row, column).map(Some),
    }
}

fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Error> {
    let text = text(row, column)?;
    Timestamp::from_sql(text).ok_or_else(|| invalid_value(text))
}

/// Returns a time, or `None` for NULL.
fn optional_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>, Error> {
    match row.get_ref(column).map_err(invalid_value)? {
        ValueRef::Null => Ok(None),
        _ => time(row, column).map(Some),
    }
}

/// Names by the ids that rows refer to, and interned generator ids.
#[derive(Default)]
struct ReferencedNames {
    users: HashMap<i64, Text>,
    sites: HashMap<i64, Text>,
    generators: HashMap<Text, ()>,
}

impl ReferencedNames {
    /// Creates the record of a token's row.
    ///
    /// # Errors
    /// `Corrupt` for an invalid row; `NoMemory`.
    fn record(
        &mut self,
        row: &Row<'_>,
        documents: &Documents,
        interner: &SharedFieldsInterner,
    ) -> Result<SharedRecord, Error> {
        let row_error = |error: Error| match error.kind() {
            ErrorKind::NoMemory => error,
            _ => damaged(TOKENS, row),
        };
        let (id, fields) = self.fields(row, documents).map_err(row_error)?;
        interner.record(id, fields)
    }

    /// Returns the id and the fields of a token's row.
    fn fields(
        &mut self,
        row: &Row<'_>,
        documents: &Documents,
    ) -> Result<(i64, RecordFields), Error> {
        use column::*;
        let site: Option<i64> = row.get(SITE).map_err(invalid_value)?;
        let local_site = match site {
            None => None,
            Some(id) => Some(self.sites.get(&id).ok_or_else(|| invalid_value(id))?.clone()),
        };
        let user: i64 = row.get(USER).map_err(invalid_value)?;
        let user = self.users.get(&user).ok_or_else(|| invalid_value(user))?.clone();
        let valid: bool = row.get(VALID).map_err(invalid_value)?;
        let invalidation = if valid {
            None
        } else {
            let reason = Text::try_new(text(row, INVALID_REASON)?)?;
            Some(Invalidation { date: optional_time(row, INVALID_DATE)?, reason })
        };
        let fields = RecordFields {
            user,
            local_site,
            value: TokenValue::new(text(row, TOKEN)?)?,
            generator_id: self.generator(text(row, GENERATOR)?)?,
            time_added: time(row, ADDED)?,
            last_updated: time(row, UPDATED)?,
            last_used: optional_time(row, USED)?,
            expires: optional_time(row, EXPIRES)?,
            invalidation,
            note: Text::try_new(text(row, NOTE)?)?,
            policy: documents.stored_policy(optional_text(row, POLICY)?)?,
            extra_data: documents.stored_extra_data(optional_text(row, EXTRA_DATA)?)?,
        };
        let id: i64 = row.get(ID).map_err(invalid_value)?;
        if IDS.contains(&id) { Ok((id, fields)) } else { Err(invalid_value(id)) }
    }

    fn generator(&mut self, id: &str) -> Result<Text, Error> {
        if let Some((id, ())) = self.generators.get_key_value(id) {
            return Ok(id.clone());
        }
        let id = Text::try_new(id)?;
        self.generators.try_reserve(1).map_err(memory::exhausted)?;
        self.generators.insert(id.clone(), ());
        Ok(id)
    }
}
