//! Reads and writes rows of Review Board's tables.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::pool::{PooledConnection, TextMode};
use super::sql::{Param, Row, RowVisitor, UnreadableCell};
use super::sql_error::SqlError;
use crate::backend::{ClientQuery, Selection};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::memory::{self, TextBuffer};
use crate::model::documents::Documents;
use crate::text::Text;
use crate::token::{Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// Selects a token's row, the names of its user and Local Site, and whether the user is active. If
/// the user is missing, the user's cells are unreadable.
pub(super) const SELECT: &str = "SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, \
     u.username, s.name, t.token, t.time_added, t.last_updated, t.last_used, t.expires, t.valid, \
     t.invalid_date, t.invalid_reason, t.note, t.policy \
     FROM webapi_webapitoken t LEFT JOIN auth_user u ON u.id = t.user_id \
     LEFT JOIN site_localsite s ON s.id = t.local_site_id";

/// The number of columns before `extra_data` in [`SELECT`].
pub(super) const BEFORE_EXTRA_DATA: usize = 2;

/// The columns that [`INSERT`] sets.
pub(super) const INSERTED: &str = "user_id local_site_id token token_generator_id time_added \
     last_updated last_used expires valid invalid_date invalid_reason note policy extra_data";

pub(super) const INSERT: &str = "INSERT INTO webapi_webapitoken (user_id, local_site_id, token, \
     token_generator_id, time_added, last_updated, last_used, expires, valid, invalid_date, \
     invalid_reason, note, policy, extra_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Reads tokens. Names and values are compared again here, since some databases find `alice` when
/// `ALICE` is looked up.
#[derive(Clone, Copy)]
pub(super) struct TokenReader<'a> {
    pub documents: &'a Documents,
}

impl TokenReader<'_> {
    /// Converts a row of `SELECT` to a record, and returns whether its owner is active. The record
    /// stores the name of an unreadable column and a substitute value. Such a token can only be
    /// revoked.
    ///
    /// # Errors
    /// `NoMemory`. The row can be read later.
    pub fn read(&self, row: Row) -> Result<Option<(SharedRecord, bool)>> {
        let mut cells = Cells { row, unreadable: None };
        let Some(id) = cells.required("id", Row::int) else { return Ok(None) };
        let is_active = cells.required("is_active", Row::int).is_some_and(|flag| flag != 0);
        let extra_data = cells.optional("extra_data", Row::text);
        let generator_id = cells.name("token_generator_id")?;
        let user = cells.name("username")?;
        let local_site = cells.optional("name of the Local Site", Row::name);
        let value = cells.required("token", Row::text).unwrap_or_default();
        if TokenValue::check(&value).is_err() {
            cells.unreadable.get_or_insert("token");
        }
        let time_added = cells.required("time_added", Row::time).unwrap_or(Timestamp::MIN);
        let last_updated = cells.required("last_updated", Row::time).unwrap_or(Timestamp::MIN);
        let last_used = cells.optional("last_used", Row::time);
        // Treating the token as expired is safer than treating it as never expiring.
        let expires = cells.read("expires", Row::time).unwrap_or(Some(Timestamp::MIN));
        let valid = cells.required("valid", Row::int).is_some_and(|flag| flag != 0);
        let date = cells.optional("invalid_date", Row::time);
        let reason = cells.text("invalid_reason")?;
        let note = cells.text("note")?;
        let policy = cells.optional("policy", Row::text);
        let documents = self.documents;
        let policy = cells.document("policy", policy, |text| documents.foreign_policy(text))?;
        let read = |text: Option<&str>| documents.foreign_extra_data(text);
        let extra_data = cells.document("extra_data", extra_data, read)?;
        let fields = RecordFields {
            user,
            local_site: local_site.map(|name| Text::try_new(&name)).transpose()?,
            value: stored_value(&value)?,
            generator_id,
            time_added,
            last_updated,
            last_used,
            expires,
            invalidation: (!valid).then_some(Invalidation { date, reason }),
            note,
            policy,
            extra_data,
        };
        Ok(Some((Record::stored(id, fields, cells.unreadable), is_active)))
    }

    /// Passes tokens that meet a condition to `each`, ordered by id, up to a limit.
    pub fn each(
        &self,
        connection: &mut PooledConnection<'_>,
        condition: &str,
        params: &[Param<'_>],
        limit: Option<usize>,
        each: &mut dyn FnMut(SharedRecord) -> Result<()>,
    ) -> Result<(), SqlError> {
        let limit = limit_clause(limit);
        let rest = format!("WHERE {condition} ORDER BY t.id{limit}");
        rows(connection, &rest, params, &mut |row| {
            if let Some((record, _)) = self.read(row)? {
                each(record)?;
            }
            Ok(())
        })
    }

    /// Appends tokens that meet a condition to `records`, ordered by id.
    pub fn select(
        &self,
        connection: &mut PooledConnection<'_>,
        condition: &str,
        params: &[Param<'_>],
        records: &mut Vec<SharedRecord>,
    ) -> Result<(), SqlError> {
        self.each(connection, condition, params, None, &mut |record| memory::push(records, record))
    }

    /// Passes tokens that meet a condition to `each`, with whether their owners are active.
    pub fn each_with_owner(
        &self,
        connection: &mut PooledConnection<'_>,
        condition: &str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(SharedRecord, bool),
    ) -> Result<(), SqlError> {
        rows(connection, &format!("WHERE {condition}"), params, &mut |row| {
            if let Some((record, is_active)) = self.read(row)? {
                each(record, is_active);
            }
            Ok(())
        })
    }

    /// Returns the first [`ROWS_PER_PAGE`] tokens with higher ids that meet a condition, ordered by
    /// id.
    pub fn page_after(
        &self,
        connection: &mut PooledConnection<'_>,
        condition: &Condition,
        id: i64,
    ) -> Result<Vec<SharedRecord>, SqlError> {
        let (text, mut page) = (format!("{} AND t.id > ?", condition.text), Vec::new());
        let params = condition.params_and(&[Param::Int(id)])?;
        self.each(connection, &text, &params, Some(ROWS_PER_PAGE), &mut |record| {
            memory::push(&mut page, record)
        })?;
        Ok(page)
    }

    /// Returns the token with this value, and whether its owner is active.
    pub fn by_value(
        &self,
        connection: &mut PooledConnection<'_>,
        value: &str,
    ) -> Result<Option<(SharedRecord, bool)>, SqlError> {
        // No token has an invalid value, and databases reject some of these.
        if TokenValue::check(value).is_err() {
            return Ok(None);
        }
        let mut found = None;
        let read = rows(connection, "WHERE t.token = ?", &[Param::Text(value)], &mut |row| {
            if found.is_none() {
                let read = self.read(row)?;
                found = read.filter(|(record, _)| record.value().equals(value.as_bytes()));
            }
            Ok(())
        });
        SqlError::or_empty(read)?;
        Ok(found)
    }

    /// Returns the best token for a client among all rows of the user. Used if the server cannot
    /// convert some text, since the faster search cannot read rows one by one.
    pub fn best(
        &self,
        connection: &mut PooledConnection<'_>,
        query: &ClientQuery<'_>,
    ) -> Result<Option<SharedRecord>, SqlError> {
        let time = connection.time();
        let site =
            if query.local_site.is_some() { "s.name = ?" } else { "t.local_site_id IS NULL" };
        let rest = format!(
            "WHERE u.username = ? AND t.valid \
             AND (t.expires IS NULL OR {time}(t.expires) > {time}(?)) AND {site} \
             ORDER BY (t.expires IS NULL) DESC, {time}(t.expires) DESC, t.id"
        );
        let mut params = vec![Param::Text(query.user), Param::Time(query.valid_until)];
        params.extend(query.local_site.map(Param::Text));
        let mut best = None;
        let read = rows(connection, &rest, &params, &mut |row| {
            if best.is_none() {
                let read = self.read(row)?.map(|(record, _)| record);
                best = read.filter(|record| qualifies(record, query));
            }
            Ok(())
        });
        SqlError::or_empty(read)?;
        Ok(best)
    }
}

/// Passes rows to `each`. `rest` follows [`SELECT`] in the statement.
fn rows(
    connection: &mut PooledConnection<'_>,
    rest: &str,
    params: &[Param<'_>],
    each: RowVisitor<'_>,
) -> Result<(), SqlError> {
    match connection.text_mode {
        TextMode::All => connection.query_each(&format!("{SELECT} {rest}"), params, each),
        TextMode::Ascii => {
            connection.query_each(&format!("{} {rest}", select_ascii()), params, each)
        }
        TextMode::RowByRow => {
            let (_, from) = SELECT.split_once(" FROM ").unwrap_or_default();
            for id in ids(connection, &format!("SELECT t.id FROM {from} {rest}"), params)? {
                let params = [Param::Int(id)];
                let mut read = connection.query(&format!("{SELECT} WHERE t.id = ?"), &params);
                if matches!(read, Err(SqlError::FastPathFailed)) {
                    read = connection.query(&format!("{} WHERE t.id = ?", select_ascii()), &params);
                }
                read?.into_iter().try_for_each(&mut *each)?;
            }
            Ok(())
        }
    }
}

/// Returns the query for rows in a text mode.
pub(super) fn select(text_mode: TextMode) -> Cow<'static, str> {
    match text_mode {
        TextMode::All | TextMode::RowByRow => Cow::Borrowed(SELECT),
        TextMode::Ascii => Cow::Owned(select_ascii()),
    }
}

/// Returns [`SELECT`] for PostgreSQL with texts as bytes in the database's encoding.
fn select_ascii() -> String {
    const TEXTS: [&str; 8] = [
        "t.extra_data",
        "t.token_generator_id",
        "u.username",
        "s.name",
        "t.token",
        "t.invalid_reason",
        "t.note",
        "t.policy",
    ];
    let (columns, from) = SELECT.split_once(" FROM ").unwrap_or_default();
    let columns = columns.trim_start_matches("SELECT ").split(", ").map(|column| {
        if TEXTS.contains(&column) {
            format!("convert_to({column}, 'SQL_ASCII')")
        } else {
            column.to_owned()
        }
    });
    format!("SELECT {} FROM {from}", columns.collect::<Vec<_>>().join(", "))
}

/// Returns the ids that a query selects.
fn ids(
    connection: &mut PooledConnection<'_>,
    statement: &str,
    params: &[Param<'_>],
) -> Result<Vec<i64>, SqlError> {
    let mut ids = Vec::new();
    connection.query_each(statement, params, &mut |mut row| {
        row.int_or_none().map_or(Ok(()), |id| Ok(memory::push(&mut ids, id)?))
    })?;
    Ok(ids)
}

/// Returns whether a token that the database found matches the query exactly.
pub(super) fn qualifies(record: &Record, query: &ClientQuery<'_>) -> bool {
    record.user().as_str() == query.user
        && record.local_site().map(Text::as_str) == query.local_site
        && record.client_name().is_some_and(|name| name.as_str() == query.client_name)
        && query.ignored_generators.is_none_or(|ids| !ids.contains(record.generator_id()))
        && record.unreadable().is_none()
}

/// Copies the value of a row, which may be longer than the limit for token values.
fn stored_value(value: &str) -> Result<TokenValue> {
    memory::check_room(2 * value.len())?;
    Ok(TokenValue::stored(value))
}

/// Maximum length of a document that is read. Users can store longer ones through the server, and
/// parsing takes up to 60 times as much memory.
pub(super) const MAX_DOCUMENT: usize = 2 * json::MAX_BYTES;

/// Reads the cells of a row and records the first unreadable one.
struct Cells {
    row: Row,
    /// Name of the first unreadable column.
    unreadable: Option<&'static str>,
}

impl Cells {
    /// Reads the next cell, or returns `None` if it is unreadable.
    fn read<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Row) -> Result<Option<T>, UnreadableCell>,
    ) -> Option<Option<T>> {
        let cell = read(&mut self.row).ok();
        if cell.is_none() {
            self.unreadable.get_or_insert(column);
        }
        cell
    }

    fn optional<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Row) -> Result<Option<T>, UnreadableCell>,
    ) -> Option<T> {
        self.read(column, read).flatten()
    }

    /// Reads a cell that must not be NULL.
    fn required<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Row) -> Result<Option<T>, UnreadableCell>,
    ) -> Option<T> {
        self.optional(column, |row| read(row)?.map(Some).ok_or(UnreadableCell))
    }

    fn text(&mut self, column: &'static str) -> Result<Text> {
        Text::try_new(&self.required(column, Row::text).unwrap_or_default())
    }

    /// Reads a document. It is treated as unreadable if it is longer than [`MAX_DOCUMENT`], or if
    /// it is longer than a host may store and there is no memory for it. Its author must not be
    /// able to make other rows unreadable.
    fn document<T>(
        &mut self,
        column: &'static str,
        text: Option<Zeroizing<String>>,
        read: impl Fn(Option<&str>) -> Result<T>,
    ) -> Result<T> {
        let text = text.as_ref().map(|text| text.as_str());
        if text.is_some_and(|text| text.len() > MAX_DOCUMENT) {
            self.unreadable.get_or_insert(column);
            return read(None);
        }
        read(text).or_else(|error| match text {
            Some(text) if text.len() > json::MAX_BYTES => {
                self.unreadable.get_or_insert(column);
                read(None)
            }
            _ => Err(error),
        })
    }

    fn name(&mut self, column: &'static str) -> Result<Text> {
        Text::try_new(&self.required(column, Row::name).unwrap_or_default())
    }
}

/// Returns the id of a user. If `locked` is set, locks the user until the transaction ends.
pub(super) fn user_id(
    connection: &mut PooledConnection<'_>,
    name: &str,
    locked: bool,
) -> Result<i64, SqlError> {
    let lock_user = connection.lock_user().filter(|_| locked);
    let lock = if locked && lock_user.is_none() { connection.lock_clause() } else { "" };
    let statement = format!("SELECT id, username FROM auth_user WHERE username = ?{lock}");
    let rows = SqlError::or_empty(connection.query(&statement, &[Param::Text(name)]))?;
    let id = id_by_name(rows, name).ok_or_else(|| not_found("no such user", "user"))?;
    if let Some(lock_user) = lock_user {
        connection.query(lock_user, &[Param::Int(id)])?;
    }
    Ok(id)
}

/// Returns the id of a Local Site; `None` for the global site.
pub(super) fn local_site_id(
    connection: &mut PooledConnection<'_>,
    name: Option<&str>,
) -> Result<Option<i64>, SqlError> {
    let Some(name) = name else { return Ok(None) };
    let statement = "SELECT id, name FROM site_localsite WHERE name = ?";
    match id_by_name(SqlError::or_empty(connection.query(statement, &[Param::Text(name)]))?, name) {
        Some(id) => Ok(Some(id)),
        None => Err(not_found("no such Local Site", "local_site").into()),
    }
}

/// Returns the id of the row with exactly this name.
fn id_by_name(rows: Vec<Row>, name: &str) -> Option<i64> {
    rows.into_iter().find_map(|mut row| {
        let id = row.int_or_none()?;
        let has_name = row.text().ok().flatten().is_some_and(|own| own.as_str() == name);
        has_name.then_some(id)
    })
}

pub(super) fn not_found(message: &'static str, argument: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, message).at_argument(argument)
}

/// Inserts a row and returns its id.
pub(super) fn insert(
    connection: &mut PooledConnection<'_>,
    fields: &RecordFields,
    user_id: i64,
    local_site_id: Option<i64>,
) -> Result<i64, SqlError> {
    connection.insert(INSERT, &insert_params(fields, user_id, local_site_id))
}

/// Returns the parameters of [`INSERT`].
pub(super) fn insert_params(
    fields: &RecordFields,
    user_id: i64,
    local_site_id: Option<i64>,
) -> [Param<'_>; 14] {
    let invalidation = fields.invalidation.as_ref();
    [
        Param::Int(user_id),
        Param::int(local_site_id),
        Param::Text(fields.value.expose()),
        Param::Text(&fields.generator_id),
        Param::Time(fields.time_added),
        Param::Time(fields.last_updated),
        Param::time(fields.last_used),
        Param::time(fields.expires),
        Param::Bool(invalidation.is_none()),
        Param::time(invalidation.and_then(|it| it.date)),
        Param::Text(invalidation.map_or("", |it| &it.reason)),
        Param::Text(&fields.note),
        Param::Text(fields.policy.text()),
        Param::Text(fields.extra_data.text()),
    ]
}

/// A number lower than all ids that fits a column of 32 bits.
pub(super) const BEFORE_ALL: i64 = i32::MIN as i64;

/// Number of rows per page where all rows are read.
pub(super) const ROWS_PER_PAGE: usize = 500;

/// Number of tokens that are read at a time for events. Their documents may be long.
pub(super) const EVENTS_AT_ONCE: usize = 16;

/// Maximum number of ids in a statement.
pub(super) const IDS_AT_ONCE: usize = 1000;

/// A condition for tokens.
pub(super) struct Condition {
    pub text: String,
    /// The parameters of the condition.
    pub params: Vec<Param<'static>>,
}

impl Condition {
    /// Returns the condition that all tokens meet.
    pub fn all() -> Self {
        Self { text: "1 = 1".to_owned(), params: Vec::new() }
    }

    /// Returns its parameters followed by others.
    pub fn params_and<'a>(&self, after: &[Param<'a>]) -> Result<Vec<Param<'a>>> {
        memory::collect(self.params.iter().chain(after).copied())
    }

    /// Returns other parameters followed by its own.
    pub fn params_after<'a>(&self, before: &[Param<'a>]) -> Result<Vec<Param<'a>>> {
        memory::collect(before.iter().chain(&self.params).copied())
    }
}

/// Returns conditions that together match these ids. The last id is repeated to get one of a few
/// fixed lengths, since servers and drivers keep the statements prepared.
pub(super) fn conditions(ids: &[i64]) -> impl Iterator<Item = Result<Condition>> + use<'_> {
    /// Numbers of ids in a condition.
    const COUNTS: [usize; 3] = [1, EVENTS_AT_ONCE, IDS_AT_ONCE];
    ids.chunks(IDS_AT_ONCE).map(|ids| {
        /// Estimated bytes per id in the condition and in statements made from it.
        const COPIES: usize = 200;
        let count = COUNTS.into_iter().find(|count| *count >= ids.len()).unwrap_or(ids.len());
        memory::check_room(count * COPIES)?;
        let mut text = TextBuffer::default();
        for index in 0..count {
            text.push_str(if index == 0 { "t.id IN (?" } else { ", ?" });
        }
        text.push(')');
        let last = ids.last().copied().into_iter().cycle();
        let params = ids.iter().copied().chain(last).take(count).map(Param::Int);
        Ok(Condition { text: text.finish()?, params: memory::collect(params)? })
    })
}

fn limit_clause(limit: Option<usize>) -> String {
    limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"))
}

/// Returns the ids of the first tokens that meet a condition, up to a limit.
pub(super) fn find(
    connection: &mut PooledConnection<'_>,
    condition: &str,
    params: &[Param<'_>],
    max: usize,
) -> Result<Vec<i64>, SqlError> {
    let statement = format!(
        "SELECT t.id FROM webapi_webapitoken t WHERE {condition} ORDER BY t.id LIMIT {max}"
    );
    ids(connection, &statement, params)
}

/// Locks tokens that meet a condition and returns their ids.
pub(super) fn lock(
    connection: &mut PooledConnection<'_>,
    condition: &str,
    params: &[Param<'_>],
) -> Result<Vec<i64>, SqlError> {
    let statement = format!(
        "SELECT t.id FROM webapi_webapitoken t WHERE {condition} ORDER BY t.id{}",
        connection.lock_clause()
    );
    ids(connection, &statement, params)
}

/// Locks the selected tokens and returns their ids.
pub(super) fn lock_selected(
    connection: &mut PooledConnection<'_>,
    selection: &Selection,
) -> Result<Vec<i64>, SqlError> {
    match selection {
        Selection::Id(id) => lock(connection, "t.id = ?", &[Param::Int(*id)]),
        Selection::Ids(ids) => {
            let mut found = Vec::new();
            for ids in conditions(ids) {
                let ids = ids?;
                let locked = lock(connection, &ids.text, &ids.params)?;
                locked.into_iter().try_for_each(|id| memory::push(&mut found, id))?;
            }
            Ok(found)
        }
        Selection::Everyone => lock(connection, "1 = 1", &[]),
        Selection::User(user) => {
            let user_id = user_id(connection, user, false)?;
            lock(connection, "t.user_id = ?", &[Param::Int(user_id)])
        }
        Selection::Value(value) => {
            let value = value.expose();
            let statement = format!(
                "SELECT t.id, t.token FROM webapi_webapitoken t WHERE t.token = ?{}",
                connection.lock_clause()
            );
            let rows = SqlError::or_empty(connection.query(&statement, &[Param::Text(value)]))?;
            let found = id_by_name(rows, value);
            Ok(found.into_iter().collect())
        }
    }
}
