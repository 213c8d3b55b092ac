//! Filters of tokens.

use std::time::Duration;

use clap::{Args, ValueEnum};
use rbtoken::clock::Timestamp;
use rbtoken::store::{SiteFilter, TokenFilter, ValidityFilter};
use rbtoken::token::Token;

use super::state;
use crate::times;

/// The state of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum State {
    Valid,
    Expired,
    Revoked,
    Unreadable,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns whether a token is in this state. An unreadable one can also be revoked.
    fn is_of(self, token: &Token, now: Timestamp) -> bool {
        let is_revoked = token.record().invalidation().is_some();
        self.name() == state(token, now) || (self == Self::Revoked && is_revoked)
    }
}

/// Options that select tokens. A token must match all of them.
#[derive(Args, Debug)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    /// Tokens of this user
    #[arg(long)]
    user: Option<String>,
    /// Tokens of this client
    #[arg(long)]
    client: Option<String>,
    /// Tokens of this Local Site
    #[arg(long)]
    site: Option<String>,
    /// Tokens of no Local Site
    #[arg(long, conflicts_with = "site")]
    global: bool,
    /// Tokens in this state; can be repeated
    #[arg(long, value_enum)]
    state: Vec<State>,
    /// Tokens that were created longer ago than this, such as 90d
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    older_than: Option<Duration>,
    /// Tokens that were not used, or created, for this time
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    unused_for: Option<Duration>,
    /// Tokens that expire within this time, or have expired
    #[arg(long, value_name = "DURATION", value_parser = times::duration)]
    expires_within: Option<Duration>,
}

impl Filter {
    /// Returns whether no option is set.
    pub fn is_empty(&self) -> bool {
        self.user.is_none()
            && self.client.is_none()
            && self.site.is_none()
            && !self.global
            && self.state.is_empty()
            && self.older_than.is_none()
            && self.unused_for.is_none()
            && self.expires_within.is_none()
    }

    /// Returns the filter as of now.
    pub fn resolve(&self) -> rbtoken::Result<Resolved<'_>> {
        let now = times::now()?;
        Ok(Resolved {
            filter: self,
            now,
            created_before: self.older_than.map(times::ago).transpose()?,
            unused_since: self.unused_for.map(times::ago).transpose()?,
            expires_before: self.expires_within.map(|it| times::after(now, it)).transpose()?,
        })
    }
}

/// A filter with times in place of ages.
pub struct Resolved<'a> {
    filter: &'a Filter,
    pub now: Timestamp,
    created_before: Option<Timestamp>,
    unused_since: Option<Timestamp>,
    expires_before: Option<Timestamp>,
}

impl Resolved<'_> {
    /// Returns the part of the filter that the library applies.
    pub fn tokens(&self) -> TokenFilter<'_> {
        let filter = self.filter;
        TokenFilter {
            user: filter.user.as_deref(),
            client_name: filter.client.as_deref(),
            local_site: match (&filter.site, filter.global) {
                (Some(site), _) => SiteFilter::Named(site),
                (None, true) => SiteFilter::Global,
                (None, false) => SiteFilter::All,
            },
            validity: match filter.state[..] {
                [] => ValidityFilter::Any,
                [State::Valid] => ValidityFilter::Valid,
                _ if filter.state.contains(&State::Valid) => ValidityFilter::Any,
                _ => ValidityFilter::Unusable,
            },
            expires_before: self.expires_before,
        }
    }

    /// Returns whether a token that the library found matches the rest of the filter.
    pub fn matches(&self, token: &Token) -> bool {
        let record = token.record();
        let used = token.last_used().unwrap_or(record.time_added());
        let states = &self.filter.state;
        (states.is_empty() || states.iter().any(|state| state.is_of(token, self.now)))
            && self.created_before.is_none_or(|time| record.time_added() < time)
            && self.unused_since.is_none_or(|time| used < time)
    }
}
