//! The search for the best token of a client.
//!
//! The server filters and orders. The client name is in a JSON document, so it is compared here.
//! The first page usually contains the result. Otherwise all other candidates are read once,
//! unordered and with few columns, and the best of them are kept.

use std::cmp::Reverse;

use super::pool::PooledConnection;
use super::rows::{self, TokenReader};
use super::sql::{Param, Row, unreadable};
use super::sql_error::SqlError;
use crate::backend::{CandidateSummary, ClientQuery, FailedSearch};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json;
use crate::token::{Record, SharedRecord};

/// Number of candidates per page.
pub(super) const CANDIDATES_PER_PAGE: usize = 16;

/// Orders candidates: those that never expire first, then later expiry first, then lower ids.
type Rank = (Reverse<i64>, i64);

fn rank(expires: Option<Timestamp>, id: i64) -> Rank {
    (Reverse(expires.map_or(i64::MAX, Timestamp::as_micros)), id)
}

/// Returns the condition for candidates of a query, without user and Local Site. Tokens whose
/// expiry is out of range are excluded.
fn candidate_condition(time: &str) -> String {
    format!(
        "t.valid AND (t.expires IS NULL \
         OR ({time}(t.expires) > {time}(?) AND {time}(t.expires) <= {time}(?)))"
    )
}

fn candidate_params(query: &ClientQuery<'_>) -> [Param<'static>; 2] {
    [Param::Time(query.valid_until), Param::Time(Timestamp::MAX)]
}

/// The first page of candidates, with the ids of the user and the Local Site.
struct Page {
    user_id: Option<i64>,
    local_site_id: Option<i64>,
    seen: CandidateSummary,
    best: Option<(Rank, SharedRecord)>,
}

impl Page {
    const EMPTY: Self =
        Self { user_id: None, local_site_id: None, seen: CandidateSummary::NONE, best: None };

    /// Returns the query. For a user without candidates, its only row has no token. Only ids are
    /// sorted by the server: MySQL would sort whole rows, with their documents, on disk.
    fn statement(time: &str, has_local_site: bool) -> String {
        let (columns, _) = rows::SELECT.split_once(" FROM ").unwrap_or_default();
        let columns = columns.trim_start_matches("SELECT ");
        let is_candidate = candidate_condition(time);
        let order = format!(
            "ORDER BY (t.expires IS NULL) DESC, {time}(t.expires) DESC, t.id LIMIT {CANDIDATES_PER_PAGE}"
        );
        let (join, site, its_site) = if has_local_site {
            ("JOIN site_localsite l ON l.id = t.local_site_id", "l.name = ?", "s.name = ?")
        } else {
            ("", "t.local_site_id IS NULL", "s.id = t.local_site_id")
        };
        format!(
            "SELECT u.id, u.username, s.id, s.name, {STATE}, {columns} FROM auth_user u LEFT JOIN \
             (SELECT t.id FROM webapi_webapitoken t JOIN auth_user o ON o.id = t.user_id {join} \
             WHERE o.username = ? AND {site} AND {is_candidate} {order}) page ON 1 = 1 \
             LEFT JOIN webapi_webapitoken t ON t.id = page.id \
             LEFT JOIN site_localsite s ON {its_site} WHERE u.username = ?"
        )
    }

    fn params<'a>(query: &ClientQuery<'a>) -> Vec<Param<'a>> {
        let (user, site) = (Param::Text(query.user), query.local_site.map(Param::Text));
        let [after, until] = candidate_params(query);
        let params = [Some(user), site, Some(after), Some(until), site, Some(user)];
        params.into_iter().flatten().collect()
    }

    /// Reads the next row.
    fn read(
        &mut self,
        reader: TokenReader<'_>,
        query: &ClientQuery<'_>,
        mut row: Row,
    ) -> Result<()> {
        let user_id = row.int_or_none();
        if row.name().ok().flatten().is_none_or(|name| name.as_str() != query.user) {
            return Ok(());
        }
        self.user_id = user_id;
        let (id, name) = (row.int_or_none(), row.name().ok().flatten());
        if name.as_deref().map(String::as_str) == query.local_site {
            self.local_site_id = id;
        }
        let Some(state) = CandidateState::read(&mut row)? else { return Ok(()) };
        self.seen.add(&state);
        // Most candidates belong to other clients, and reading one takes microseconds.
        let extra_data = row.peek_text(rows::BEFORE_EXTRA_DATA);
        if extra_data.is_some_and(|text| !may_contain(text, query.client_name)) {
            return Ok(());
        }
        let Some((record, _)) = reader.read(row)? else { return Ok(()) };
        let rank = rank(record.expires(), record.id());
        if self.best.as_ref().is_none_or(|(best, _)| rank < *best)
            && rows::qualifies(&record, query)
        {
            self.best = Some((rank, record));
        }
        Ok(())
    }

    /// Returns the ids of the user and the Local Site.
    ///
    /// # Errors
    /// `NotFound` if no such user or Local Site.
    fn names(&self, query: &ClientQuery<'_>) -> Result<(i64, Option<i64>)> {
        let user_id = self.user_id.ok_or_else(|| rows::not_found("no such user", "user"))?;
        if query.local_site.is_some() && self.local_site_id.is_none() {
            return Err(rows::not_found("no such Local Site", "local_site"));
        }
        Ok((user_id, self.local_site_id))
    }
}

impl TokenReader<'_> {
    /// Returns the best token for a client or, if there is none, a summary of the search.
    pub fn search(
        self,
        connection: &mut PooledConnection<'_>,
        query: &ClientQuery<'_>,
    ) -> Result<Result<SharedRecord, FailedSearch>, SqlError> {
        let statement = Page::statement(connection.time(), query.local_site.is_some());
        let mut page = Page::EMPTY;
        let read = connection.query_each(&statement, &Page::params(query), &mut |row| {
            Ok(page.read(self, query, row)?)
        });
        SqlError::or_empty(read)?;
        if let Some((_, best)) = page.best {
            return Ok(Ok(best));
        }
        let (user_id, local_site_id) = page.names(query)?;
        let failed_search = FailedSearch { user_id, local_site_id, seen: page.seen };
        if page.seen.count < CANDIDATES_PER_PAGE as i64 {
            return Ok(Err(failed_search));
        }
        self.scan(connection, query, failed_search)
    }

    /// Searches among all candidates, also those of the page, since some may have changed
    /// meanwhile.
    fn scan(
        self,
        connection: &mut PooledConnection<'_>,
        query: &ClientQuery<'_>,
        failed_search: FailedSearch,
    ) -> Result<Result<SharedRecord, FailedSearch>, SqlError> {
        let (condition, params) =
            candidate_condition_by_ids(connection.time(), query, &failed_search);
        let statement =
            format!("SELECT {STATE}, {CANDIDATE} FROM webapi_webapitoken t WHERE {condition}");
        let mut candidates = Candidates::new();
        // Summary of the first pass, which reads all candidates.
        let mut seen = None;
        loop {
            let mut seen_now = CandidateSummary::NONE;
            connection.query_each(&statement, &params, &mut |row| {
                if let Some(state) = candidates.read(self, query, row)? {
                    seen_now.add(&state);
                }
                Ok(())
            })?;
            let seen = *seen.get_or_insert(seen_now);
            if let Some(best) = self.best_that_qualifies(connection, query, &candidates)? {
                return Ok(Ok(best));
            }
            match candidates.last_if_full() {
                Some(last) => candidates = Candidates::after(last),
                None => return Ok(Err(FailedSearch { seen, ..failed_search })),
            }
        }
    }

    /// Reads candidates in full and returns the best one that still matches.
    pub fn best_that_qualifies(
        self,
        connection: &mut PooledConnection<'_>,
        query: &ClientQuery<'_>,
        candidates: &Candidates,
    ) -> Result<Option<SharedRecord>, SqlError> {
        let ids: Vec<_> = candidates.best.iter().map(|(_, id)| *id).collect();
        let mut records = Vec::new();
        for ids in rows::conditions(&ids) {
            let ids = ids?;
            self.select(connection, &ids.text, &ids.params, &mut records)?;
        }
        let still_matches = |record: &Record| {
            record.invalidation().is_none()
                && !record.is_expired(query.valid_until)
                && rows::qualifies(record, query)
        };
        records.retain(|record| still_matches(record));
        Ok(records.into_iter().min_by_key(|record| rank(record.expires(), record.id())))
    }
}

/// The columns of [`CandidateState`].
const STATE: &str = "t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated";

/// The columns of a candidate that a scan reads, after those of [`STATE`].
const CANDIDATE: &str = "t.expires, t.token_generator_id, t.extra_data";

/// The values that show whether a candidate has changed since a search.
struct CandidateState {
    id: i64,
    /// The length of `extra_data`. The server does not always update `last_updated` when it
    /// changes.
    bytes: i64,
    last_updated: Option<Timestamp>,
}

impl CandidateState {
    /// Reads the next cells of a row. Returns `None` if the row has no token.
    fn read(row: &mut Row) -> Result<Option<Self>> {
        let Some(id) = row.int_or_none() else { return Ok(None) };
        let bytes = row.int_or_none().ok_or_else(unreadable)?;
        Ok(Some(Self { id, bytes, last_updated: row.time().ok().flatten() }))
    }
}

/// Returns the condition for all candidates, given the ids of the user and the Local Site.
fn candidate_condition_by_ids(
    time: &str,
    query: &ClientQuery<'_>,
    failed_search: &FailedSearch,
) -> (String, Vec<Param<'static>>) {
    let site = match failed_search.local_site_id {
        Some(_) => "t.local_site_id = ?",
        None => "t.local_site_id IS NULL",
    };
    let condition = format!("t.user_id = ? AND {site} AND {}", candidate_condition(time));
    let mut params = vec![Param::Int(failed_search.user_id)];
    params.extend(failed_search.local_site_id.map(Param::Int));
    params.extend(candidate_params(query));
    (condition, params)
}

/// The best candidates after a rank that have the client's name.
pub(super) struct Candidates {
    after: Option<Rank>,
    best: Vec<Rank>,
}

impl Candidates {
    fn after(rank: Rank) -> Self {
        Self { after: Some(rank), best: Vec::new() }
    }

    pub const fn new() -> Self {
        Self { after: None, best: Vec::new() }
    }

    /// Returns the rank of the last candidate if there may be more.
    pub fn last_if_full(&self) -> Option<Rank> {
        self.best.last().copied().filter(|_| self.best.len() >= CANDIDATES_PER_PAGE)
    }

    /// Reads a row of [`STATE`] and [`CANDIDATE`]. Returns its state, unless the row has no token.
    fn read(
        &mut self,
        reader: TokenReader<'_>,
        query: &ClientQuery<'_>,
        mut row: Row,
    ) -> Result<Option<CandidateState>> {
        let Some(state) = CandidateState::read(&mut row)? else { return Ok(None) };
        let rank = |expires| rank(expires, state.id);
        let (Ok(expires), Ok(Some(generator_id)), Ok(Some(extra_data))) =
            (row.time(), row.text(), row.text())
        else {
            return Ok(Some(state));
        };
        let rank = rank(expires);
        if self.after.is_some_and(|after| rank <= after)
            || query.ignored_generators.is_some_and(|ids| ids.contains(generator_id.as_str()))
            || !has_client_name(reader, &extra_data, query.client_name)?
        {
            return Ok(Some(state));
        }
        let place = self.best.partition_point(|own| *own < rank);
        if place < CANDIDATES_PER_PAGE {
            self.best.insert(place, rank);
            self.best.truncate(CANDIDATES_PER_PAGE);
        }
        Ok(Some(state))
    }
}

/// Changes since a search without a result.
pub(super) struct Changes {
    /// Whether the ids still belong to the user and the Local Site with these names.
    has_names: bool,
    /// The number of candidates that the search saw and that are left, the sum of their ids, and
    /// the sum of the lengths of their `extra_data`.
    known: Option<(i64, i128, i128)>,
    /// The candidates that are new or were updated since.
    pub candidates: Candidates,
}

impl Changes {
    pub const EMPTY: Self = Self { has_names: false, known: None, candidates: Candidates::new() };

    /// Returns the query, whose first cells are those of the names and the known candidates.
    pub fn statement(time: &str, query: &ClientQuery<'_>, failed_search: &FailedSearch) -> String {
        let (condition, _) = candidate_condition_by_ids(time, query, failed_search);
        let site = match failed_search.local_site_id {
            Some(_) => "(SELECT name FROM site_localsite WHERE id = ?)",
            None => "NULL",
        };
        format!(
            "SELECT f.owner, f.site, f.known, f.total, f.bytes, {STATE}, {CANDIDATE} \
             FROM (SELECT (SELECT username FROM auth_user WHERE id = ?) AS owner, {site} AS site, \
             COUNT(*) AS known, CAST(SUM(t.id) AS char(40)) AS total, \
             CAST(SUM(COALESCE(OCTET_LENGTH(t.extra_data), 0)) AS char(40)) AS bytes \
             FROM webapi_webapitoken t WHERE {condition} AND t.id <= ?) f \
             LEFT JOIN webapi_webapitoken t \
             ON {condition} AND (t.id > ? OR {time}(t.last_updated) >= {time}(?))"
        )
    }

    pub fn params(query: &ClientQuery<'_>, failed_search: &FailedSearch) -> Vec<Param<'static>> {
        let (_, condition_params) = candidate_condition_by_ids("", query, failed_search);
        let seen = &failed_search.seen;
        let mut params = vec![Param::Int(failed_search.user_id)];
        params.extend(failed_search.local_site_id.map(Param::Int));
        params.extend_from_slice(&condition_params);
        params.push(Param::Int(seen.last_id));
        params.extend(condition_params);
        params.extend([Param::Int(seen.last_id), Param::Time(seen.last_updated)]);
        params
    }

    /// Reads the next row.
    pub fn read(
        &mut self,
        reader: TokenReader<'_>,
        query: &ClientQuery<'_>,
        mut row: Row,
    ) -> Result<()> {
        let mut name = || row.name().ok().flatten();
        let (owner, site) = (name(), name());
        self.has_names = owner.as_deref().map(String::as_str) == Some(query.user)
            && site.as_deref().map(String::as_str) == query.local_site;
        let count = row.int_or_none().ok_or_else(unreadable)?;
        let mut sum = || {
            let sum = row.text().map_err(|_| unreadable())?;
            sum.map_or(Ok(0), |sum| sum.trim().parse()).map_err(|_| unreadable())
        };
        self.known = Some((count, sum()?, sum()?));
        self.candidates.read(reader, query, row)?;
        Ok(())
    }

    /// Returns whether the names are still those of the user and the Local Site.
    pub fn has_names(&self) -> bool {
        self.has_names
    }

    /// Returns whether the candidates up to the last id seen are exactly those that were seen.
    /// Another transaction may have committed a lower id after a higher one.
    pub fn has_same_candidates(&self, seen: &CandidateSummary) -> bool {
        self.known == Some((seen.count, seen.sum, seen.bytes))
    }
}

impl CandidateSummary {
    const NONE: Self = Self {
        count: 0,
        sum: 0,
        bytes: 0,
        last_id: rows::BEFORE_ALL,
        last_updated: Timestamp::MIN,
    };

    fn add(&mut self, state: &CandidateState) {
        self.count += 1;
        self.sum += i128::from(state.id);
        self.bytes += i128::from(state.bytes);
        self.last_id = self.last_id.max(state.id);
        self.last_updated = state.last_updated.unwrap_or(Timestamp::MIN).max(self.last_updated);
    }
}

/// Returns whether a stored document has a client name. Usually the text suffices to rule it out.
fn has_client_name(reader: TokenReader<'_>, text: &str, name: &str) -> Result<bool> {
    if text.len() > rows::MAX_DOCUMENT || !may_contain(text, name) {
        return Ok(false);
    }
    match reader.documents.foreign_extra_data(Some(text)) {
        Ok(document) => Ok(document.client_name().is_some_and(|own| own.as_str() == name)),
        Err(_) if text.len() > json::MAX_BYTES => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns whether a document, as JSON or as a Python literal, may contain a text. Without escapes
/// and adjacent strings, the text would appear in the document unchanged.
fn may_contain(document: &str, name: &str) -> bool {
    if document.contains(name) || document.contains(['\\', '\'', '#']) {
        return true;
    }
    // Each quote begins or ends a string. Python concatenates strings that are separated only by
    // white space and the letters of a prefix. Triple quotes also leave nothing between
    // some quotes.
    let mut between = document.split('"').skip(2).step_by(2).peekable();
    while let Some(part) = between.next() {
        let is_last = between.peek().is_none();
        if !is_last && !part.contains([',', ':', '[', ']', '{', '}', '(', ')']) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::ExtraData;

    #[test]
    fn prefilter_keeps_documents_with_the_client_name() {
        const PARTS: [&str; 28] = [
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            ",",
            ":",
            " ",
            "\n",
            "#x\n",
            "u",
            "b",
            "r",
            "1",
            "null",
            "\"client_name\"",
            "'client_name'",
            "\"RBTools\"",
            "'RBTools'",
            "\"RB\"",
            "\"Tools\"",
            "'RB'",
            "\"\"\"RB\"\"\"",
            "\"\\u0052BTools\"",
            "\"\"",
            "\\",
            "\"RBTools",
        ];
        let mut state = 17_u64;
        let mut random = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % end
        };
        let mut named = 0;
        for _ in 0..200_000 {
            let key = ["\"client_name\"", "'client_name'", "\"client_\" \"name\""][random(3)];
            let value: String = (0..=random(4)).map(|_| PARTS[random(PARTS.len())]).collect();
            let document = format!("{{{key}: {value}}}");
            let is_named = ExtraData::stored(&document)
                .is_ok_and(|it| it.client_name().is_some_and(|name| name.as_str() == "RBTools"));
            named += usize::from(is_named);
            assert!(!is_named || may_contain(&document, "RBTools"), "{document}");
        }
        assert!(named > 1_000, "{named}");
    }

    #[test]
    fn prefilter_skips_usual_documents_of_other_clients() {
        for document in [
            "{}",
            r#"{"client_name": "RBTools"}"#,
            r#"{"client_name": "RBTools", "empty": "", "list": ["a", "b", {"c": 1}]}"#,
        ] {
            assert!(!may_contain(document, "host"), "{document}");
        }
        assert!(may_contain(r#"{"client_name": "ho" "st"}"#, "host"));
        assert!(may_contain(r#"{"client_name": "\u0068ost"}"#, "host"));
    }
}
