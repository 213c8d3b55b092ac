//! Review Board's tables: how a row of tokens is read and written.

use std::borrow::Cow;

use zeroize::Zeroizing;

use super::fault::Fault;
use super::pool::{Lease, Texts};
use super::sql::{ForRows, Param, Row, Unreadable};
use crate::backend::{ClientQuery, Selection};
use crate::clock::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::json;
use crate::memory::{self, TextBuffer};
use crate::model::documents::Documents;
use crate::text::Text;
use crate::token::{Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// A token's row with the names of what it refers to, and whether its owner is active. A row whose
/// user is missing is one with cells that cannot be read.
pub(super) const SELECT: &str = "SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, \
     u.username, s.name, t.token, t.time_added, t.last_updated, t.last_used, t.expires, t.valid, \
     t.invalid_date, t.invalid_reason, t.note, t.policy \
     FROM webapi_webapitoken t LEFT JOIN auth_user u ON u.id = t.user_id \
     LEFT JOIN site_localsite s ON s.id = t.local_site_id";

/// The columns that [`INSERT`] has a value for.
pub(super) const INSERTED: &str = "user_id local_site_id token token_generator_id time_added \
     last_updated last_used expires valid invalid_date invalid_reason note policy extra_data";

const INSERT: &str = "INSERT INTO webapi_webapitoken (user_id, local_site_id, token, \
     token_generator_id, time_added, last_updated, last_used, expires, valid, invalid_date, \
     invalid_reason, note, policy, extra_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Reads tokens. Names and values are compared once more when a row is there: some databases find
/// `alice` when they are asked for `ALICE`.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub documents: &'a Documents,
}

impl Reader<'_> {
    /// Reads a row of `SELECT`: the record, and whether its owner is active. A cell that cannot be
    /// read is noted in the record, and has a stand-in that is of no use to anybody.
    ///
    /// # Errors
    /// `NoMemory`: what there is no memory for can be read later.
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
        // Expired since the first day, rather than never.
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

    /// Gives the tokens that meet a condition to `each`, in the order of their ids, at most so
    /// many.
    pub fn each(
        &self,
        lease: &mut Lease<'_>,
        condition: &str,
        params: &[Param<'_>],
        limit: Option<usize>,
        each: &mut dyn FnMut(SharedRecord) -> Result<()>,
    ) -> Result<(), Fault> {
        let limit = limit_clause(limit);
        let rest = format!("WHERE {condition} ORDER BY t.id{limit}");
        rows(lease, &rest, params, &mut |row| {
            if let Some((record, _)) = self.read(row)? {
                each(record)?;
            }
            Ok(())
        })
    }

    /// Adds the tokens that meet a condition to `records`, in the order of their ids.
    pub fn select(
        &self,
        lease: &mut Lease<'_>,
        condition: &str,
        params: &[Param<'_>],
        records: &mut Vec<SharedRecord>,
    ) -> Result<(), Fault> {
        self.each(lease, condition, params, None, &mut |record| memory::push(records, record))
    }

    /// Gives the tokens that meet a condition to `each`, and whether their owners are active.
    pub fn each_with_owner(
        &self,
        lease: &mut Lease<'_>,
        condition: &str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(SharedRecord, bool),
    ) -> Result<(), Fault> {
        rows(lease, &format!("WHERE {condition}"), params, &mut |row| {
            if let Some((record, is_active)) = self.read(row)? {
                each(record, is_active);
            }
            Ok(())
        })
    }

    /// Returns the first [`PAGE`] tokens with higher ids, in the order of their ids.
    pub fn page_after(&self, lease: &mut Lease<'_>, id: i64) -> Result<Vec<SharedRecord>, Fault> {
        let (condition, mut page) = ("t.id > ?", Vec::new());
        self.each(lease, condition, &[Param::Int(id)], Some(PAGE), &mut |record| {
            memory::push(&mut page, record)
        })?;
        Ok(page)
    }

    /// The token of a value, and whether its owner is active.
    pub fn by_value(
        &self,
        lease: &mut Lease<'_>,
        value: &str,
    ) -> Result<Option<(SharedRecord, bool)>, Fault> {
        // What is no value is no token's, and databases refuse to be asked for some of it.
        if TokenValue::check(value).is_err() {
            return Ok(None);
        }
        let mut found = None;
        let read = rows(lease, "WHERE t.token = ?", &[Param::Text(value)], &mut |row| {
            if found.is_none() {
                let read = self.read(row)?;
                found = read.filter(|(record, _)| record.value().is(value.as_bytes()));
            }
            Ok(())
        });
        Fault::or_no_rows(read)?;
        Ok(found)
    }

    /// The token that serves a client best, of all rows of the user. For servers that cannot
    /// convert some text: a search reads no row one by one.
    pub fn best(
        &self,
        lease: &mut Lease<'_>,
        query: &ClientQuery<'_>,
    ) -> Result<Option<SharedRecord>, Fault> {
        let time = lease.time();
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
        let read = rows(lease, &rest, &params, &mut |row| {
            if best.is_none() {
                let read = self.read(row)?.map(|(record, _)| record);
                best = read.filter(|record| serves(record, query));
            }
            Ok(())
        });
        Fault::or_no_rows(read)?;
        Ok(best)
    }
}

/// Gives the rows that `rest` selects to `each`.
fn rows(
    lease: &mut Lease<'_>,
    rest: &str,
    params: &[Param<'_>],
    each: ForRows<'_>,
) -> Result<(), Fault> {
    match lease.texts {
        Texts::All => lease.query_each(&format!("{SELECT} {rest}"), params, each),
        Texts::Ascii => lease.query_each(&format!("{} {rest}", select_ascii()), params, each),
        Texts::RowByRow => {
            let (_, from) = SELECT.split_once(" FROM ").unwrap_or_default();
            for id in ids(lease, &format!("SELECT t.id FROM {from} {rest}"), params)? {
                let params = [Param::Int(id)];
                let mut read = lease.query(&format!("{SELECT} WHERE t.id = ?"), &params);
                if matches!(read, Err(Fault::Unconvertible)) {
                    read = lease.query(&format!("{} WHERE t.id = ?", select_ascii()), &params);
                }
                read?.into_iter().try_for_each(&mut *each)?;
            }
            Ok(())
        }
    }
}

/// The query of a row that reads its texts in one of the ways.
pub(super) fn select(texts: Texts) -> Cow<'static, str> {
    match texts {
        Texts::All | Texts::RowByRow => Cow::Borrowed(SELECT),
        Texts::Ascii => Cow::Owned(select_ascii()),
    }
}

/// [`SELECT`] for PostgreSQL, with texts as the bytes that they have in the database.
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

/// The ids that a query gives.
fn ids(lease: &mut Lease<'_>, statement: &str, params: &[Param<'_>]) -> Result<Vec<i64>, Fault> {
    let mut ids = Vec::new();
    lease.query_each(statement, params, &mut |mut row| {
        row.id().map_or(Ok(()), |id| Ok(memory::push(&mut ids, id)?))
    })?;
    Ok(ids)
}

/// Whether a token that a database found for a client serves it.
pub(super) fn serves(record: &Record, query: &ClientQuery<'_>) -> bool {
    record.user().as_str() == query.user
        && record.local_site().map(Text::as_str) == query.local_site
        && record.client_name().is_some_and(|name| name.as_str() == query.client_name)
        && query.ignored_generators.is_none_or(|ids| !ids.contains(record.generator_id()))
        && record.unreadable().is_none()
}

/// A value of a row, which may be longer than those that are a token's.
fn stored_value(value: &str) -> Result<TokenValue> {
    memory::check_room(2 * value.len())?;
    Ok(TokenValue::stored(value))
}

/// Bytes of the longest document that is read. A user can store longer ones through the server, and
/// reading takes up to 60 times as much memory.
pub(super) const MAX_DOCUMENT: usize = 2 * json::MAX_BYTES;

/// The cells of a row, by the names of their columns.
struct Cells {
    row: Row,
    /// The first column that cannot be read.
    unreadable: Option<&'static str>,
}

impl Cells {
    /// The next cell; none if it cannot be read.
    fn read<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Row) -> Result<Option<T>, Unreadable>,
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
        read: impl FnOnce(&mut Row) -> Result<Option<T>, Unreadable>,
    ) -> Option<T> {
        self.read(column, read).flatten()
    }

    /// A cell that must not be NULL.
    fn required<T>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(&mut Row) -> Result<Option<T>, Unreadable>,
    ) -> Option<T> {
        self.optional(column, |row| read(row)?.map(Some).ok_or(Unreadable))
    }

    fn text(&mut self, column: &'static str) -> Result<Text> {
        Text::try_new(&self.required(column, Row::text).unwrap_or_default())
    }

    /// Reads a document. One that is longer than [`MAX_DOCUMENT`], or longer than a host may store
    /// and than there is memory for, cannot be read: whoever wrote it must not be in the way of
    /// other rows.
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

/// The id of a user.
pub(super) fn user_id(lease: &mut Lease<'_>, name: &str, locked: bool) -> Result<i64, Fault> {
    let lock_user = lease.lock_user().filter(|_| locked);
    let lock = if locked && lock_user.is_none() { lease.lock() } else { "" };
    let statement = format!("SELECT id, username FROM auth_user WHERE username = ?{lock}");
    let rows = Fault::or_no_rows(lease.query(&statement, &[Param::Text(name)]))?;
    let id = named(rows, name).ok_or_else(|| not_found("no such user", "user"))?;
    if let Some(lock_user) = lock_user {
        lease.query(lock_user, &[Param::Int(id)])?;
    }
    Ok(id)
}

/// The id of a Local Site; none for the global site.
pub(super) fn local_site_id(
    lease: &mut Lease<'_>,
    name: Option<&str>,
) -> Result<Option<i64>, Fault> {
    let Some(name) = name else { return Ok(None) };
    let statement = "SELECT id, name FROM site_localsite WHERE name = ?";
    match named(Fault::or_no_rows(lease.query(statement, &[Param::Text(name)]))?, name) {
        Some(id) => Ok(Some(id)),
        None => Err(not_found("no such Local Site", "local_site").into()),
    }
}

/// The id of the row that has exactly this name.
fn named(rows: Vec<Row>, name: &str) -> Option<i64> {
    rows.into_iter().find_map(|mut row| {
        let id = row.id()?;
        let is_it = row.text().ok().flatten().is_some_and(|own| own.as_str() == name);
        is_it.then_some(id)
    })
}

pub(super) fn not_found(message: &'static str, argument: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, message).at_argument(argument)
}

/// Inserts a row and tells its id.
pub(super) fn insert(
    lease: &mut Lease<'_>,
    fields: &RecordFields,
    user_id: i64,
    local_site_id: Option<i64>,
) -> Result<i64, Fault> {
    let invalidation = fields.invalidation.as_ref();
    lease.insert(
        INSERT,
        &[
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
        ],
    )
}

/// Lower than the ids of all rows, in a column of 32 bits too.
pub(super) const BEFORE_ALL: i64 = i32::MIN as i64;

/// Rows that are read at a time where all are read.
pub(super) const PAGE: usize = 500;

/// Tokens that are read at a time for their events. Their documents may be long.
pub(super) const EVENTS_AT_ONCE: usize = 16;

/// How many ids a statement names at most.
pub(super) const IDS_AT_ONCE: usize = 1000;

/// A condition that holds for the tokens with some ids.
pub(super) struct IdCondition {
    pub text: String,
    /// Its parameters.
    pub params: Vec<Param<'static>>,
}

impl IdCondition {
    /// Its parameters, in front of those of what follows in the statement.
    pub fn params_and<'a>(&self, after: &[Param<'a>]) -> Result<Vec<Param<'a>>> {
        memory::collect(self.params.iter().chain(after).copied())
    }

    /// Its parameters, behind those of what stands before in the statement.
    pub fn params_after<'a>(&self, before: &[Param<'a>]) -> Result<Vec<Param<'a>>> {
        memory::collect(before.iter().chain(&self.params).copied())
    }
}

/// Conditions that together hold for the tokens with these ids. The last id is repeated, so that
/// there are few different texts, which servers and drivers keep prepared.
pub(super) fn conditions(ids: &[i64]) -> impl Iterator<Item = Result<IdCondition>> + use<'_> {
    /// How many ids a condition has.
    const COUNTS: [usize; 3] = [1, EVENTS_AT_ONCE, IDS_AT_ONCE];
    ids.chunks(IDS_AT_ONCE).map(|ids| {
        /// Bytes of an id in the condition, and in the statements that are made of it.
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
        Ok(IdCondition { text: text.finish()?, params: memory::collect(params)? })
    })
}

fn limit_clause(limit: Option<usize>) -> String {
    limit.map_or_else(String::new, |limit| format!(" LIMIT {limit}"))
}

/// Tells the ids of the first tokens that meet a condition, at most so many.
pub(super) fn find(
    lease: &mut Lease<'_>,
    condition: &str,
    params: &[Param<'_>],
    most: usize,
) -> Result<Vec<i64>, Fault> {
    let statement = format!(
        "SELECT t.id FROM webapi_webapitoken t WHERE {condition} ORDER BY t.id LIMIT {most}"
    );
    ids(lease, &statement, params)
}

/// Locks the tokens that meet a condition and tells their ids.
pub(super) fn lock(
    lease: &mut Lease<'_>,
    condition: &str,
    params: &[Param<'_>],
) -> Result<Vec<i64>, Fault> {
    let statement = format!(
        "SELECT t.id FROM webapi_webapitoken t WHERE {condition} ORDER BY t.id{}",
        lease.lock()
    );
    ids(lease, &statement, params)
}

/// Locks the tokens of a selection and tells their ids.
pub(super) fn lock_selected(lease: &mut Lease<'_>, which: &Selection) -> Result<Vec<i64>, Fault> {
    match which {
        Selection::Id(id) => lock(lease, "t.id = ?", &[Param::Int(*id)]),
        Selection::Everyone => lock(lease, "1 = 1", &[]),
        Selection::User(user) => {
            let user_id = user_id(lease, user, false)?;
            lock(lease, "t.user_id = ?", &[Param::Int(user_id)])
        }
        Selection::Value(value) => {
            let value = value.expose();
            let statement = format!(
                "SELECT t.id, t.token FROM webapi_webapitoken t WHERE t.token = ?{}",
                lease.lock()
            );
            let rows = Fault::or_no_rows(lease.query(&statement, &[Param::Text(value)]))?;
            let found = named(rows, value);
            Ok(found.into_iter().collect())
        }
    }
}
