//! Logging in with a token's value.

use std::sync::Arc;

use super::{Event, Store, Verdict};
use crate::backend::{Judge, Judgment};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::Result;
use crate::model::names;
use crate::token::{MAX_VALUE_CHARS, Record, SharedToken, Token, TokenValue};

/// The site that a request is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequestSite<'a> {
    /// The root, outside every Local Site.
    #[default]
    Global,
    /// A Local Site.
    Named(&'a str),
    /// The caller checks the site itself.
    Any,
}

impl RequestSite<'_> {
    fn check(self) -> Result<()> {
        match self {
            Self::Named(name) => names::check_local_site(name),
            Self::Global | Self::Any => Ok(()),
        }
        .map_err(|error| error.moved_to_argument("site"))
    }
}

/// The verdict on a login, and the token that it is about.
#[derive(Debug)]
pub struct Login {
    /// The verdict; anything but [`Verdict::Ok`] is a refusal.
    pub verdict: Verdict,
    /// The token that was accepted, or that explains why it was not: given for `Ok`, `Invalid`,
    /// `Expired` and `WrongSite`.
    pub token: Option<SharedToken>,
}

impl Login {
    fn refused(verdict: Verdict) -> Self {
        Self { verdict, token: None }
    }
}

impl Store {
    /// Judges a token's value that came with a request for a site. Bytes that cannot be a value
    /// are an unknown one.
    ///
    /// With the system's clock, the store is used no more once hooks are called.
    ///
    /// # Errors
    /// Those of bad names, of the clock and of the backend: nobody is logged in then.
    pub fn authenticate(self: &Arc<Self>, value: &[u8], site: RequestSite<'_>) -> Result<Login> {
        site.check()?;
        // The host's clock is not called while a lock is held, and the system's is not asked about
        // values that nobody has.
        let told = self.clock.as_ref().map(|clock| clock.now()).transpose()?;
        // A character has at most four bytes. Bytes that are no text are no token's value.
        if value.len() > 4 * MAX_VALUE_CHARS {
            return Ok(Login::refused(Verdict::Unknown));
        }
        let now = || told.map_or_else(|| SystemClock.now(), Ok);
        let judged = self.backend.log_in(value, Judge { now: &now, rule: judge })?;
        let Some((record, judgment)) = judged else {
            return Ok(Login::refused(Verdict::Unknown));
        };
        let accepted = |token: SharedToken| {
            self.fire(Event::Used, &token);
            let is_good = is_good_for(&token, site);
            (if is_good { Verdict::Ok } else { Verdict::WrongSite }, token)
        };
        let (verdict, token) = match judgment {
            Judgment::Accepted(now) => accepted(self.snapshot_used(record, Some(now))),
            Judgment::AcceptedUnwritten => accepted(self.snapshot(record)),
            Judgment::Expired => {
                let token = self.snapshot(record);
                self.fire(Event::ExpiredUse, &token);
                (Verdict::Expired, token)
            }
            Judgment::Invalid => (Verdict::Invalid, self.snapshot(record)),
            Judgment::InactiveUser => return Ok(Login::refused(Verdict::InactiveUser)),
        };
        Ok(Login { verdict, token: Some(token) })
    }

    /// Removes the cached login with a token's value, or all that are cached, so that the next login
    /// asks the server.
    ///
    /// # Errors
    /// Those of a bad value.
    pub fn forget_logins(&self, value: Option<&str>) -> Result<()> {
        let value = value.map(TokenValue::new).transpose();
        self.backend.forget_logins(value.map_err(|error| error.at_argument("value"))?);
        Ok(())
    }

    /// Judges the value of an `Authorization` header: `token`, in lower case, one space, and the
    /// token's value.
    ///
    /// # Errors
    /// As [`Store::authenticate`].
    pub fn authenticate_header(
        self: &Arc<Self>,
        header: &[u8],
        site: RequestSite<'_>,
    ) -> Result<Login> {
        site.check()?;
        let mut words = header.splitn(2, |byte| *byte == b' ');
        if words.next() != Some(b"token") {
            return Ok(Login::refused(Verdict::NotAToken));
        }
        match words.next() {
            Some(value) if !value.is_empty() && !value.contains(&b' ') => {
                self.authenticate(value, site)
            }
            _ => Ok(Login::refused(Verdict::Unknown)),
        }
    }
}

/// Judges a login whose value is a token's.
fn judge(record: &Record, owner_is_active: bool, now: Timestamp) -> Judgment {
    if record.invalidation().is_some() {
        Judgment::Invalid
    } else if record.is_expired(now) {
        Judgment::Expired
    } else if !owner_is_active {
        Judgment::InactiveUser
    } else {
        Judgment::Accepted(now)
    }
}

/// A global token is good everywhere, a Local Site's only there.
fn is_good_for(token: &Token, site: RequestSite<'_>) -> bool {
    match (token.record().local_site(), site) {
        (None, _) | (_, RequestSite::Any) => true,
        (Some(own), RequestSite::Named(name)) => own.as_str() == name,
        (Some(_), RequestSite::Global) => false,
    }
}
