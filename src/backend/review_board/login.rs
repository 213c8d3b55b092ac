//! Logins: by a token's row or the login cache, with the update of `last_used`.

use std::sync::LazyLock;
use std::time::Duration;

use super::login_cache::{AffectedEntries, CacheLookup, ChangeGuard, LoginCache};
use super::pool::{PooledConnection, TextMode};
use super::retry::ATTEMPTS;
use super::sql::Param;
use super::sql_error::SqlError;
use super::{ReviewBoard, login_cache, rows};
use crate::backend::{Judge, Judgment};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::token::{SharedRecord, TokenValue};

/// The record of a value and the judgment on its login. `None` if no token has the value.
type LoginOutcome = Option<(SharedRecord, Judgment)>;

/// Reads the row of a value and updates its `last_used` in one round trip (PostgreSQL).
///
/// The verdict is based on `found`. `written` repeats, on the row itself, the checks whose results
/// may be outdated: a login that waited for a revocation of its token must not be accepted. Values
/// are compared byte by byte, whatever the collation. A row is not updated if a time or document in
/// it may be unreadable for this library.
static LOG_IN: LazyLock<String> = LazyLock::new(|| {
    // Bytes in the database's encoding. The same text may have four times as many in UTF-8.
    let max_document = rows::MAX_DOCUMENT / 4;
    let time = |column: &str| {
        format!(
            "found.{column} BETWEEN timestamptz '0001-01-01 00:00:00+00' \
             AND timestamptz '9999-12-31 23:59:59.999999+00'"
        )
    };
    let document = |column| format!("octet_length(found.{column}) <= {max_document}");
    let or_null = |condition| format!("COALESCE({condition}, true)");
    let is_readable = [
        time("time_added"),
        time("last_updated"),
        or_null(time("last_used")),
        or_null(time("expires")),
        or_null(time("invalid_date")),
        or_null(document("policy")),
        or_null(document("extra_data")),
    ];
    format!(
        "WITH found AS ({} WHERE t.token = ? AND t.token COLLATE \"C\" = ?), \
         written AS (UPDATE webapi_webapitoken t SET last_used = ? FROM found \
         WHERE t.id = found.id AND t.token COLLATE \"C\" = ? AND found.is_active \
         AND found.valid AND (found.expires IS NULL OR found.expires > ?) \
         AND t.valid AND (t.expires IS NULL OR t.expires > ?) AND {} RETURNING t.id) \
         SELECT EXISTS (SELECT 1 FROM written WHERE written.id = found.id), found.* FROM found",
        rows::SELECT,
        is_readable.join(" AND ")
    )
});

impl ReviewBoard {
    /// Handles a login by the cache if possible, otherwise by the server. The server also handles
    /// cached logins that are no longer accepted or whose time must be written.
    pub(super) fn log_in_cached(
        &self,
        cache: &LoginCache,
        value: &str,
        judge: Judge<'_>,
    ) -> Result<LoginOutcome> {
        if let Some(record) = self.find_fresh(cache, value) {
            let judgment = judge.judge(&record, true)?;
            if let Judgment::Accepted(now) = judgment
                && !is_due(self.settings.last_used_interval, record.last_used(), now)
            {
                cache.count_hit();
                return Ok(Some((record, Judgment::AcceptedUnwritten)));
            }
        }
        let query_start = cache.start_query();
        let judged = self.read_retrying(|connection| self.log_in_on(connection, value, judge))?;
        match &judged {
            Some((record, Judgment::Accepted(_) | Judgment::AcceptedUnwritten)) => {
                cache.insert(query_start, record);
            }
            _ => cache.refuse(value),
        }
        Ok(judged)
    }

    /// Returns a cached login. A stale entry is refreshed together with other stale ones. Returns
    /// `None` if the server must handle this login.
    fn find_fresh(&self, cache: &LoginCache, value: &str) -> Option<SharedRecord> {
        match cache.find(value) {
            CacheLookup::Fresh(record) => return Some(record),
            CacheLookup::Missing => return None,
            CacheLookup::Stale => {}
        }
        let refresh = cache.begin_refresh(value)?;
        let refreshed = self.read_within(self.limits(), |connection| {
            for ids in rows::conditions(&refresh.ids) {
                let ids = ids?;
                let condition = format!("{} AND {}", ids.text, has_short_texts());
                let read = self.reader().each_with_owner(
                    connection,
                    &condition,
                    &ids.params,
                    &mut |record, is_active| refresh.verify(&record, is_active),
                );
                match read {
                    // Each of these logins is then handled by the server.
                    Err(SqlError::FastPathFailed) => {}
                    read => read?,
                }
            }
            Ok(())
        });
        // If the server does not respond, the caller sends its own query.
        if refreshed.is_ok() {
            refresh.finish();
        }
        match cache.find(value) {
            CacheLookup::Fresh(record) => Some(record),
            CacheLookup::Stale | CacheLookup::Missing => None,
        }
    }

    /// Begins a change that may affect cached logins.
    pub(super) fn begin_change(
        &self,
        affected: impl FnOnce() -> Option<AffectedEntries>,
    ) -> Option<ChangeGuard<'_>> {
        let cache = self.login_cache.as_ref()?;
        affected().map(|affected| cache.begin_change(affected))
    }

    /// Judges a login by the token's row, and updates `last_used` if due.
    pub(super) fn log_in_on(
        &self,
        connection: &mut PooledConnection<'_>,
        value: &str,
        judge: Judge<'_>,
    ) -> Result<LoginOutcome, SqlError> {
        let interval = self.settings.last_used_interval;
        let is_one_statement = connection.dialect().is_some_and(|dialect| dialect.returns_updates);
        if is_one_statement
            && interval == Some(Duration::ZERO)
            && connection.text_mode == TextMode::All
        {
            match self.log_in_at_once(connection, value, judge) {
                Ok(Some(outcome)) => return Ok(outcome),
                // Accepted but not updated: the token was revoked meanwhile, or its row cannot be
                // updated this way.
                Ok(None) => {}
                // The row can be read without being updated. All verdicts except "accepted" need no
                // update.
                Err(SqlError::ReadOnly(_) | SqlError::Denied(_)) => self.count_retry(),
                Err(error) => return Err(error),
            }
        }
        for _ in 0..ATTEMPTS {
            let Some((record, is_active)) = self.reader().by_value(connection, value)? else {
                return Ok(None);
            };
            record.check_readable()?;
            let judgment = judge.judge(&record, is_active)?;
            let Judgment::Accepted(time) = judgment else {
                return Ok(Some((record, judgment)));
            };
            if !is_due(interval, record.last_used(), time) {
                return Ok(Some((record, Judgment::AcceptedUnwritten)));
            }
            let time_of = connection.time();
            let update = format!(
                "UPDATE webapi_webapitoken SET last_used = ? WHERE id = ? AND token = ? AND valid \
                 AND (expires IS NULL OR {time_of}(expires) > {time_of}(?))"
            );
            let params =
                [Param::Time(time), Param::Int(record.id()), Param::Text(value), Param::Time(time)];
            if connection.execute(&update, &params)? > 0 {
                record.set_last_used(Some(time));
                return Ok(Some((record, judgment)));
            }
            // Revoked meanwhile: the update may have waited for the revocation.
        }
        Err(SqlError::Conflict)
    }

    /// Reads, judges and updates with one statement. Returns `None` if the login would be accepted
    /// but the row was not updated.
    fn log_in_at_once(
        &self,
        connection: &mut PooledConnection<'_>,
        value: &str,
        judge: Judge<'_>,
    ) -> Result<Option<LoginOutcome>, SqlError> {
        if TokenValue::check(value).is_err() {
            return Ok(Some(None));
        }
        let now = (judge.now)()?;
        let (text, time) = (Param::Text(value), Param::Time(now));
        let mut found = None;
        let read = connection.query_each(
            &LOG_IN,
            &[text, text, time, text, time, time],
            &mut |mut row| {
                let is_written = row.int().ok().flatten().is_some_and(|flag| flag != 0);
                let read = self.reader().read(row)?;
                found = read
                    .filter(|(record, _)| record.value().equals(value.as_bytes()))
                    .map(|read| (read, is_written));
                Ok(())
            },
        );
        SqlError::or_empty(read)?;
        let Some(((record, is_active), is_written)) = found else { return Ok(Some(None)) };
        record.check_readable()?;
        let judgment = (judge.rule)(&record, is_active, now);
        if let Judgment::Accepted(time) = judgment {
            if !is_written {
                return Ok(None);
            }
            record.set_last_used(Some(time));
        }
        Ok(Some(Some((record, judgment))))
    }
}

/// Returns a condition for rows that can be cached, to avoid reading others.
fn has_short_texts() -> String {
    let bytes = ["t.policy", "t.extra_data", "t.note"]
        .map(|column| format!("COALESCE(OCTET_LENGTH({column}), 0)"));
    format!("{} <= {}", bytes.join(" + "), login_cache::MAX_TEXT_BYTES)
}

/// Returns whether a login must update `last_used`. A time of last use that is further in the
/// future than the interval comes from a wrong clock and is overwritten.
fn is_due(interval: Option<Duration>, last_used: Option<Timestamp>, now: Timestamp) -> bool {
    let Some(interval) = interval else { return false };
    let age = last_used.map(|last| now.as_micros().abs_diff(last.as_micros()));
    age.is_none_or(|age| u128::from(age) >= interval.as_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_is_due_after_the_interval() {
        let at = |secs: i64| Timestamp::from_micros(secs * 1_000_000).unwrap();
        let due =
            |interval: u64, last| is_due(Some(Duration::from_secs(interval)), last, at(1_000));
        assert!(due(60, None));
        assert!(due(60, Some(at(940))));
        assert!(!due(60, Some(at(941))));
        assert!(due(0, Some(at(1_000))));
        assert!(!due(60, Some(at(1_059))));
        assert!(due(60, Some(at(1_060))));
        assert!(!is_due(None, None, at(1_000)));
    }
}
