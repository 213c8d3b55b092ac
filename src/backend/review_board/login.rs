//! Logging in, with the cache of accepted logins in front of the server.

use super::fault::Fault;
use super::login_cache::{Cached, Concerned, LoginCache};
use super::sql::Param;
use super::{ATTEMPTS, ReviewBoard, rows};
use crate::backend::{Judge, Judgment};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::token::{Record, SharedRecord};

type Judged = Option<(SharedRecord, Judgment)>;

impl ReviewBoard {
    /// Judges a login by the cache if it can, else by the server's answer. A cached login whose
    /// time is to be written, or that is no longer accepted, goes to the server.
    pub(super) fn log_in_cached(
        &self,
        cache: &LoginCache,
        value: &str,
        judge: Judge<'_>,
    ) -> Result<Judged> {
        if let Some(record) = self.find_fresh(cache, value) {
            let judgment = judge(&record, true)?;
            if let Judgment::Accepted(now) = judgment
                && !self.is_use_due(&record, now)
            {
                cache.count_hit();
                return Ok(Some((record, Judgment::AcceptedUnwritten)));
            }
        }
        let asked = cache.ask();
        let judged = self.log_in_at_server(value, judge)?;
        if let Some((record, Judgment::Accepted(_) | Judgment::AcceptedUnwritten)) = &judged {
            cache.insert(asked, record);
        }
        Ok(judged)
    }

    /// Finds a cached login. If its entry is stale, it is read again together with other stale
    /// ones; if that fails, the server is asked about this login alone.
    fn find_fresh(&self, cache: &LoginCache, value: &str) -> Option<SharedRecord> {
        match cache.find(value) {
            Cached::Fresh(record) => return Some(record),
            Cached::Missing => return None,
            Cached::Stale => {}
        }
        let refresh = cache.begin_refresh(value)?;
        let rows = self.ask_within(self.limits(), |lease| {
            let mut rows = Vec::new();
            for condition in rows::conditions(&refresh.ids) {
                self.reader().select_with_owners(lease, &condition?, &mut rows)?;
            }
            Ok(rows)
        });
        cache.end_refresh(refresh, &mut rows.ok()?);
        match cache.find(value) {
            Cached::Fresh(record) => Some(record),
            Cached::Stale | Cached::Missing => None,
        }
    }

    /// Whether a login at a time is to be written as the token's last use.
    fn is_use_due(&self, record: &Record, now: Timestamp) -> bool {
        let Some(interval) = self.settings.last_used_interval else { return false };
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        record.last_used().is_none_or(|last| {
            let age = now.as_micros().saturating_sub(last.as_micros());
            // A last use in the future is that of another clock.
            interval == 0 || !(0..interval).contains(&age)
        })
    }

    pub(super) fn log_in_at_server(&self, value: &str, judge: Judge<'_>) -> Result<Judged> {
        self.ask(|lease| {
            for _ in 0..ATTEMPTS {
                let Some((record, is_active)) = self.reader().by_value(lease, value)? else {
                    return Ok(None);
                };
                record.check_readable()?;
                let judgment = judge(&record, is_active)?;
                let Judgment::Accepted(time) = judgment else {
                    return Ok(Some((record, judgment)));
                };
                if !self.is_use_due(&record, time) {
                    return Ok(Some((record, Judgment::AcceptedUnwritten)));
                }
                let update = "UPDATE webapi_webapitoken SET last_used = ? WHERE id = ? AND valid";
                if lease.execute(update, &[Param::Time(time), Param::Int(record.id())])? > 0 {
                    record.set_last_used(Some(time));
                    return Ok(Some((record, judgment)));
                }
                // It was revoked meanwhile: the update may have waited for that.
            }
            Err(Fault::Conflict)
        })
    }

    /// Begins a change of what the cache may hold.
    pub(super) fn begin_change(
        &self,
        concerned: impl FnOnce() -> Concerned,
    ) -> Option<super::login_cache::ChangeGuard<'_>> {
        self.login_cache.as_ref().map(|cache| cache.begin_change(concerned()))
    }
}
