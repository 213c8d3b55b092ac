//! Logging in, with the cache of accepted logins in front of the server.

use super::login_cache::{Cached, ChangeGuard, Concerned, LoginCache};
use super::{ReviewBoard, last_used, rows};
use crate::backend::{Judge, Judgment};
use crate::error::Result;
use crate::token::SharedRecord;

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
            let judgment = judge.judge(&record, true)?;
            if let Judgment::Accepted(now) = judgment
                && !last_used::is_due(self.settings.last_used_interval, record.last_used(), now)
            {
                cache.count_hit();
                return Ok(Some((record, Judgment::AcceptedUnwritten)));
            }
        }
        let asked = cache.ask();
        let judged = self.ask(|lease| self.log_in_on(lease, value, judge))?;
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

    /// Begins a change of what the cache may hold.
    pub(super) fn begin_change(
        &self,
        concerned: impl FnOnce() -> Concerned,
    ) -> Option<ChangeGuard<'_>> {
        self.login_cache.as_ref().map(|cache| cache.begin_change(concerned()))
    }
}
