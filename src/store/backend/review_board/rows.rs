//! Review Board's tables: how a row of tokens is read and written.

use super::pool::Lease;
use super::sql::{Fault, Param, Row, unreadable};
use crate::error::{Error, ErrorKind, Result};
use crate::store::backend::{ClientQuery, Selection};
use crate::store::documents::Documents;
use crate::text::Text;
use crate::token::{Invalidation, Record, RecordFields, SharedRecord, TokenValue};

/// A token's row with the names of what it refers to, and whether its owner is active.
pub(super) const SELECT: &str = "SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, \
     u.username, s.name, t.token, t.time_added, t.last_updated, t.last_used, t.expires, t.valid, \
     t.invalid_date, t.invalid_reason, t.note, t.policy \
     FROM webapi_webapitoken t JOIN auth_user u ON u.id = t.user_id \
     LEFT JOIN site_localsite s ON s.id = t.local_site_id";

const INSERT: &str = "INSERT INTO webapi_webapitoken (user_id, local_site_id, token, \
     token_generator_id, time_added, last_updated, last_used, expires, valid, invalid_date, \
     invalid_reason, note, policy, extra_data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// Reads tokens. Names and values are compared once more when a row is there: some databases find
/// `alice` when they are asked for `ALICE`.
pub(super) struct Reader<'a> {
    pub documents: &'a Documents,
}

impl Reader<'_> {
    /// Reads a row of `SELECT`: the record, and whether its owner is active.
    pub fn read(&self, mut row: Row) -> Result<(SharedRecord, bool)> {
        let id = row.int()?;
        let is_active = row.flag()?;
        let extra_data = self
            .documents
            .stored_extra_data(row.optional_text()?.as_deref().map(|t| t.as_str()))?;
        let generator_id = Text::new(&row.text()?);
        let user = Text::new(&row.text()?);
        let local_site = row.optional_text()?.map(|name| Text::new(&name));
        let value = TokenValue::new(&row.text()?).map_err(|_| unreadable())?;
        let (time_added, last_updated) = (row.time()?, row.time()?);
        let (last_used, expires) = (row.optional_time()?, row.optional_time()?);
        let (valid, date) = (row.flag()?, row.optional_time()?);
        let reason = Text::try_new(&row.text()?)?;
        let note = Text::try_new(&row.text()?)?;
        let policy =
            self.documents.stored_policy(row.optional_text()?.as_deref().map(|t| t.as_str()))?;
        let fields = RecordFields {
            user,
            local_site,
            value,
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
        Ok((Record::alone(id, fields), is_active))
    }

    /// The rows of tokens that meet a condition, in order of their ids.
    pub fn select(
        &self,
        lease: &mut Lease<'_>,
        condition: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<SharedRecord>, Fault> {
        let rows = lease.query(&format!("{SELECT} WHERE {condition} ORDER BY t.id"), params)?;
        let records = rows.into_iter().map(|row| Ok(self.read(row)?.0));
        records.collect()
    }

    /// The token of a value, and whether its owner is active.
    pub fn by_value(
        &self,
        lease: &mut Lease<'_>,
        value: &str,
    ) -> Result<Option<(SharedRecord, bool)>, Fault> {
        // No text of a database holds it, and some refuse to be asked.
        if value.contains('\0') {
            return Ok(None);
        }
        let rows = lease.query(&format!("{SELECT} WHERE t.token = ?"), &[Param::Text(value)])?;
        for row in rows {
            let (record, is_active) = self.read(row)?;
            if record.value().is(value.as_bytes()) {
                return Ok(Some((record, is_active)));
            }
        }
        Ok(None)
    }

    /// The token that serves a client best.
    pub fn best(
        &self,
        lease: &mut Lease<'_>,
        query: &ClientQuery<'_>,
    ) -> Result<Option<SharedRecord>, Fault> {
        let site =
            if query.local_site.is_some() { "s.name = ?" } else { "t.local_site_id IS NULL" };
        let statement = format!(
            "{SELECT} WHERE u.username = ? AND t.valid AND (t.expires IS NULL OR t.expires > ?) \
             AND {site} ORDER BY (t.expires IS NULL) DESC, t.expires DESC, t.id"
        );
        let mut params = vec![Param::Text(query.user), Param::Time(query.valid_until)];
        params.extend(query.local_site.map(Param::Text));
        for row in lease.query(&statement, &params)? {
            let (record, _) = self.read(row)?;
            let serves = record.user().as_str() == query.user
                && record.local_site().map(Text::as_str) == query.local_site
                && record.client_name().is_some_and(|name| name.as_str() == query.client_name)
                && query.ignored_generators.is_none_or(|ids| !ids.contains(record.generator_id()));
            if serves {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

/// The id of a user.
pub(super) fn user_id(lease: &mut Lease<'_>, name: &str, locked: bool) -> Result<i64, Fault> {
    let lock = if locked { lease.lock() } else { "" };
    let statement = format!("SELECT id, username FROM auth_user WHERE username = ?{lock}");
    named(lease.query(&statement, &[Param::Text(name)])?, name)?
        .ok_or_else(|| not_found("there is no such user", "user").into())
}

/// The id of a Local Site; none for the global site.
pub(super) fn local_site_id(
    lease: &mut Lease<'_>,
    name: Option<&str>,
) -> Result<Option<i64>, Fault> {
    let Some(name) = name else { return Ok(None) };
    let statement = "SELECT id, name FROM site_localsite WHERE name = ?";
    match named(lease.query(statement, &[Param::Text(name)])?, name)? {
        Some(id) => Ok(Some(id)),
        None => Err(not_found("there is no such Local Site", "local_site").into()),
    }
}

/// The id of the row that has exactly this name.
fn named(rows: Vec<Row>, name: &str) -> Result<Option<i64>> {
    for mut row in rows {
        let id = row.int()?;
        if row.text()?.as_str() == name {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn not_found(message: &'static str, argument: &'static str) -> Error {
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

/// How many ids a statement names at most.
const IDS_AT_ONCE: usize = 500;

/// Conditions that together hold for the tokens with these ids.
pub(super) fn conditions(ids: &[i64]) -> impl Iterator<Item = String> + use<'_> {
    ids.chunks(IDS_AT_ONCE).map(|ids| {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        format!("t.id IN ({})", ids.join(", "))
    })
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
    let rows = lease.query(&statement, params)?;
    rows.into_iter().map(|mut row| Ok(row.int()?)).collect()
}

/// Locks the tokens of a selection and tells their ids.
pub(super) fn lock_selected(lease: &mut Lease<'_>, which: &Selection) -> Result<Vec<i64>, Fault> {
    match which {
        Selection::Id(id) => lock(lease, &format!("t.id = {id}"), &[]),
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
            let found = named(lease.query(&statement, &[Param::Text(value)])?, value)?;
            Ok(found.into_iter().collect())
        }
    }
}
