//! What callers ask of a store.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::token::Record;

/// When a client token that has to be made expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expires {
    /// After the store's `client_token_expiration` days.
    #[default]
    Default,
    /// Never.
    Never,
    /// At a time, which must lie in the future.
    At(Timestamp),
    /// So many seconds from now.
    After(i64),
}

/// When a client token expires that is made at a time without an expiration of its own, by the
/// setting `client_token_expiration`.
pub(crate) fn default_expiration(now: Timestamp, days: i64) -> Result<Option<Timestamp>> {
    const SECS_PER_DAY: i64 = 86_400;
    if days == 0 {
        return Ok(None);
    }
    now.plus_secs(days.saturating_mul(SECS_PER_DAY)).map(Some).map_err(|error| {
        let message = "the setting client_token_expiration leads to a time after the year 9999";
        Error::new(error.kind(), message)
    })
}

/// The arguments of [`crate::store::Store::get_or_create_client_token`].
#[derive(Clone, Copy, Debug)]
pub struct ClientTokenRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The client: 1 to 255 characters.
    pub client_name: &'a str,
    /// When a new token expires. Plays no part in the search for an existing one.
    pub expires: Expires,
    /// For how long an existing token must still be valid, in seconds; 0 and less mean that it
    /// must be valid now. None is the store's `min_validity_secs`.
    pub min_validity_secs: Option<i64>,
    /// A JSON object for a new token's extra data; `client_name` is added to it.
    pub default_extra_data: Option<&'a str>,
    /// A JSON policy for a new token; none is full access.
    pub default_policy: Option<&'a str>,
    /// The Local Site; none is the global site.
    pub local_site: Option<&'a str>,
    /// Whether tokens of deprecated generators are passed over.
    pub ignore_deprecated: bool,
}

impl<'a> ClientTokenRequest<'a> {
    /// A request with the defaults.
    pub fn new(user: &'a str, client_name: &'a str) -> Self {
        Self {
            user,
            client_name,
            expires: Expires::Default,
            min_validity_secs: None,
            default_extra_data: None,
            default_policy: None,
            local_site: None,
            ignore_deprecated: false,
        }
    }
}

/// The arguments of [`crate::store::Store::generate_token`].
#[derive(Clone, Copy, Debug)]
pub struct GenerateRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The generator; none is the store's default one.
    pub generator_id: Option<&'a str>,
    /// The token type that the generator is given; none is the store's `token_type`.
    pub token_type: Option<&'a str>,
    /// For people.
    pub note: &'a str,
    /// A JSON policy; none is full access.
    pub policy: Option<&'a str>,
    /// When the token expires, which may be in the past; none is never.
    pub expires: Option<Timestamp>,
    /// A JSON object; none is the empty one.
    pub extra_data: Option<&'a str>,
    /// The Local Site; none is the global site.
    pub local_site: Option<&'a str>,
    /// Whether the token is valid from the start.
    pub valid: bool,
    /// Passed on to the *created* event.
    pub auto_generated: bool,
}

impl<'a> GenerateRequest<'a> {
    /// A request with the defaults.
    pub fn new(user: &'a str) -> Self {
        Self {
            user,
            generator_id: None,
            token_type: None,
            note: "",
            policy: None,
            expires: None,
            extra_data: None,
            local_site: None,
            valid: true,
            auto_generated: false,
        }
    }
}

/// The arguments of [`crate::store::Store::import_token`]: every field of a token that exists
/// elsewhere.
#[derive(Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The secret: 1 to 255 characters.
    pub value: &'a str,
    /// The generator that made the value, which need not be known here; none is the default one.
    pub generator_id: Option<&'a str>,
    /// The Local Site; none is the global site.
    pub local_site: Option<&'a str>,
    /// For people.
    pub note: &'a str,
    /// A JSON policy; none is full access.
    pub policy: Option<&'a str>,
    /// A JSON object; none is the empty one.
    pub extra_data: Option<&'a str>,
    /// When the token was made; none is now.
    pub time_added: Option<Timestamp>,
    /// When the token was changed last; none is when it was made.
    pub last_updated: Option<Timestamp>,
    /// When the token was used last; none is never.
    pub last_used: Option<Timestamp>,
    /// When the token expires; none is never.
    pub expires: Option<Timestamp>,
    /// Whether the token was invalidated, with the date, if it is known, and the reason.
    pub invalidation: Option<(Option<Timestamp>, &'a str)>,
}

impl<'a> ImportRequest<'a> {
    /// A request with the defaults.
    pub fn new(user: &'a str, value: &'a str) -> Self {
        Self {
            user,
            value,
            generator_id: None,
            local_site: None,
            note: "",
            policy: None,
            extra_data: None,
            time_added: None,
            last_updated: None,
            last_used: None,
            expires: None,
            invalidation: None,
        }
    }
}

/// The Local Sites whose tokens a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SiteFilter<'a> {
    /// The tokens of every site.
    #[default]
    All,
    /// Those of the global site.
    Global,
    /// Those of one Local Site.
    Named(&'a str),
}

/// Whether a list shows the tokens that can still be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidityFilter {
    /// All of them.
    #[default]
    Any,
    /// Those that are neither invalidated nor expired.
    Valid,
    /// The others.
    Dead,
}

/// What [`crate::store::Store::list_tokens`] shows: the tokens that match every part.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenFilter<'a> {
    /// Only this user's.
    pub user: Option<&'a str>,
    /// Only this client's.
    pub client_name: Option<&'a str>,
    /// Only those of a site.
    pub local_site: SiteFilter<'a>,
    /// Only those that can, or cannot, be used.
    pub validity: ValidityFilter,
    /// Only those that expire before this time; tokens that never expire do not.
    pub expires_before: Option<Timestamp>,
}

impl TokenFilter<'_> {
    /// Whether a token matches at a time.
    pub fn matches(&self, record: &Record, now: Timestamp) -> bool {
        let valid = record.invalidation().is_none()
            && !record.is_expired(now)
            && record.unreadable().is_none();
        self.user.is_none_or(|user| record.user().as_str() == user)
            && self
                .client_name
                .is_none_or(|name| record.client_name().is_some_and(|own| own.as_str() == name))
            && match self.local_site {
                SiteFilter::All => true,
                SiteFilter::Global => record.local_site().is_none(),
                SiteFilter::Named(name) => {
                    record.local_site().is_some_and(|own| own.as_str() == name)
                }
            }
            && match self.validity {
                ValidityFilter::Any => true,
                ValidityFilter::Valid => valid,
                ValidityFilter::Dead => !valid,
            }
            && self
                .expires_before
                .is_none_or(|time| record.expires().is_some_and(|expires| expires < time))
    }
}

/// What [`crate::store::Store::update_token`] changes. None leaves a field as it is; a given field
/// replaces the old value whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenUpdate<'a> {
    /// When the token expires, which may be in the past; the inner none is never.
    pub expires: Option<Option<Timestamp>>,
    /// For people; may be empty.
    pub note: Option<&'a str>,
    /// A JSON policy; the inner none is full access.
    pub policy: Option<Option<&'a str>>,
    /// A JSON object; the inner none is the empty one.
    pub extra_data: Option<Option<&'a str>>,
}
