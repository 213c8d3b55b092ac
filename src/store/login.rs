//! Logging in with a token's value.

use std::sync::Arc;

use super::{Event, Store, Verdict};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::Result;
use crate::model::names;
use crate::token::{MAX_VALUE_CHARS, SharedToken, Token};

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
        let mut time = told.map_or(Ok(Timestamp::MIN), Ok);
        // A character has at most four bytes. Bytes that are no text are no token's value.
        if value.len() > 4 * MAX_VALUE_CHARS {
            return Ok(Login::refused(Verdict::Unknown));
        }
        let mut verdict = Verdict::Unknown;
        let record = self.backend.log_in(value, &mut |record, owner_is_active| {
            time = told.map_or_else(|| SystemClock.now(), Ok);
            let now = *time.as_ref().ok()?;
            verdict = if record.invalidation().is_some() {
                Verdict::Invalid
            } else if record.is_expired(now) {
                Verdict::Expired
            } else if !owner_is_active {
                Verdict::InactiveUser
            } else {
                Verdict::Ok
            };
            (verdict == Verdict::Ok).then_some(now)
        })?;
        let Some(record) = record else {
            return Ok(Login::refused(Verdict::Unknown));
        };
        let now = time?;
        let token = match verdict {
            Verdict::Ok => {
                let token = self.snapshot_used(record, Some(now));
                self.fire(Event::Used, &token);
                if !is_good_for(&token, site) {
                    verdict = Verdict::WrongSite;
                }
                token
            }
            Verdict::Expired => {
                let token = self.snapshot(record);
                self.fire(Event::ExpiredUse, &token);
                token
            }
            Verdict::Invalid => self.snapshot(record),
            _ => return Ok(Login::refused(verdict)),
        };
        Ok(Login { verdict, token: Some(token) })
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

/// A global token is good everywhere, a Local Site's only there.
fn is_good_for(token: &Token, site: RequestSite<'_>) -> bool {
    match (token.record().local_site(), site) {
        (None, _) | (_, RequestSite::Any) => true,
        (Some(own), RequestSite::Named(name)) => own.as_str() == name,
        (Some(_), RequestSite::Global) => false,
    }
}
