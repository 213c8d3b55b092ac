//! Login with a token value.

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
    /// The global site: outside all Local Sites.
    #[default]
    Global,
    /// A Local Site.
    Named(&'a str),
    /// Any site: the caller must check the token's Local Site.
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

/// The result of a login.
#[derive(Debug)]
pub struct Login {
    /// The verdict. Anything but [`Verdict::Ok`] is a refusal.
    pub verdict: Verdict,
    /// The token. Present for `Ok`, `Invalid`, `Expired` and `WrongSite`.
    pub token: Option<SharedToken>,
}

impl Login {
    fn refused(verdict: Verdict) -> Self {
        Self { verdict, token: None }
    }
}

impl Store {
    /// Checks a token value presented in a request for a site. Bytes that cannot be a value are
    /// treated as an unknown value.
    ///
    /// With the system clock, does not use the store after calling the hooks: the C function then
    /// holds no reference to it, and a hook may release the last one.
    ///
    /// # Errors
    /// Those of invalid names, of the clock and of the backend. The login has no verdict then.
    pub fn authenticate(self: &Arc<Self>, value: &[u8], site: RequestSite<'_>) -> Result<Login> {
        site.check()?;
        // Calls a host's clock before the backend takes a lock. The system clock is read later, and
        // only for known values.
        let host_time = self.clock.as_ref().map(|clock| clock.now()).transpose()?;
        // A character has at most four bytes. The backend treats other invalid input as unknown.
        if value.len() > 4 * MAX_VALUE_CHARS {
            return Ok(Login::refused(Verdict::Unknown));
        }
        let now = || host_time.map_or_else(|| SystemClock.now(), Ok);
        let judged = self.backend.log_in(value, Judge { now: &now, rule: judge })?;
        let Some((record, judgment)) = judged else {
            return Ok(Login::refused(Verdict::Unknown));
        };
        let accepted = |token: SharedToken| {
            self.fire(Event::Used, &token);
            let is_accepted = is_accepted_at(&token, site);
            (if is_accepted { Verdict::Ok } else { Verdict::WrongSite }, token)
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

    /// Removes one token's login from the cache, or all logins, so that the next login asks the
    /// server.
    ///
    /// # Errors
    /// Those of an invalid value.
    pub fn forget_logins(&self, value: Option<&str>) -> Result<()> {
        let value = value.map(TokenValue::new).transpose();
        self.backend.forget_logins(value.map_err(|error| error.at_argument("value"))?);
        Ok(())
    }

    /// Checks an `Authorization` header: `token` in lower case, one space, and the token value.
    ///
    /// # Errors
    /// Those of [`Store::authenticate`].
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

/// Returns the judgment on a login with the value of this record.
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

/// Returns whether a token is accepted for a site. A global token is accepted for every site,
/// others only for their own.
fn is_accepted_at(token: &Token, site: RequestSite<'_>) -> bool {
    match (token.record().local_site(), site) {
        (None, _) | (_, RequestSite::Any) => true,
        (Some(own), RequestSite::Named(name)) => own.as_str() == name,
        (Some(_), RequestSite::Global) => false,
    }
}
