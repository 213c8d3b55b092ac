//! Logging in, with the cache of accepted logins in front of the server.

use super::fault::Fault;
use super::login_cache::{Cached, ChangeGuard, Concerned, LoginCache};
use super::{ReviewBoard, last_used, login_cache, rows};
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
        match &judged {
            Some((record, Judgment::Accepted(_) | Judgment::AcceptedUnwritten)) => {
                cache.insert(asked, record);
            }
            _ => cache.refuse(value),
        }
        Ok(judged)
    }

    /// Finds a cached login. If its entry is stale, it is read again together with other stale
    /// ones. `None` if the server has to be asked about this login alone.
    fn find_fresh(&self, cache: &LoginCache, value: &str) -> Option<SharedRecord> {
        match cache.find(value) {
            Cached::Fresh(record) => return Some(record),
            Cached::Missing => return None,
            Cached::Stale => {}
        }
        let refresh = cache.begin_refresh(value)?;
        let refreshed = self.ask_within(self.limits(), |lease| {
            for ids in rows::conditions(&refresh.ids) {
                let ids = ids?;
                let condition = format!("{} AND {}", ids.text, has_short_texts());
                let read = self.reader().each_with_owner(
                    lease,
                    &condition,
                    &ids.params,
                    &mut |record, is_active| refresh.verify(&record, is_active),
                );
                match read {
                    // Each login finds out for itself.
                    Err(Fault::Unconvertible) => {}
                    read => read?,
                }
            }
            Ok(())
        });
        // Of a server that does not answer, the login asks by itself.
        if refreshed.is_ok() {
            refresh.finish();
        }
        match cache.find(value) {
            Cached::Fresh(record) => Some(record),
            Cached::Stale | Cached::Missing => None,
        }
    }

    /// Begins a change of what the cache may hold.
    pub(super) fn begin_change(
        &self,
        concerned: impl FnOnce() -> Option<Concerned>,
    ) -> Option<ChangeGuard<'_>> {
        let cache = self.login_cache.as_ref()?;
        concerned().map(|concerned| cache.begin_change(concerned))
    }
}

/// A condition for rows that the cache takes, so that others are not read for it.
fn has_short_texts() -> String {
    let bytes = ["t.policy", "t.extra_data", "t.note"]
        .map(|column| format!("COALESCE(OCTET_LENGTH({column}), 0)"));
    format!("{} <= {}", bytes.join(" + "), login_cache::MAX_TEXT_BYTES)
}
