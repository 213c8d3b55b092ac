//! Arguments of the store's functions.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::token::Record;

/// Progress callback. Its arguments are the number of tokens done and the total. An error aborts
/// the transfer and is returned.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> Result<()>;

/// The result of one check of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, such as `integrity`.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub is_ok: bool,
    /// What was found.
    pub detail: String,
}

/// Expiry of a client token if one must be created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expires {
    /// After the number of days in the store's setting `client_token_expiration`.
    #[default]
    Default,
    /// Never.
    Never,
    /// At this time, which must be in the future.
    At(Timestamp),
    /// This many seconds from now.
    After(i64),
}

/// Returns the default expiry of a client token created at `now`, where `days` is the setting
/// `client_token_expiration`.
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

/// Arguments of [`crate::store::Store::get_or_create_client_token`].
#[derive(Clone, Copy, Debug)]
pub struct ClientTokenRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The client: 1 to 255 characters.
    pub client_name: &'a str,
    /// Expiry of a new token. Ignored in the search for an existing one.
    pub expires: Expires,
    /// Minimum remaining validity of an existing token in seconds; 0 or less means valid now.
    /// `None` is the store's `min_validity_secs`.
    pub min_validity_secs: Option<i64>,
    /// JSON object with the extra data of a new token; `client_name` is added to it.
    pub default_extra_data: Option<&'a str>,
    /// JSON policy of a new token; `None` is full access.
    pub default_policy: Option<&'a str>,
    /// The Local Site; `None` is the global site.
    pub local_site: Option<&'a str>,
    /// Whether to ignore tokens of deprecated generators.
    pub ignore_deprecated: bool,
}

impl<'a> ClientTokenRequest<'a> {
    /// Creates a request with default values.
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

/// Arguments of [`crate::store::Store::generate_token`].
#[derive(Clone, Copy, Debug)]
pub struct GenerateRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The generator; `None` is the store's default.
    pub generator_id: Option<&'a str>,
    /// The token type passed to the generator; `None` is the store's `token_type`.
    pub token_type: Option<&'a str>,
    /// A free-text note.
    pub note: &'a str,
    /// JSON policy; `None` is full access.
    pub policy: Option<&'a str>,
    /// Expiry, which may be in the past; `None` is never.
    pub expires: Option<Timestamp>,
    /// JSON object; `None` is the empty one.
    pub extra_data: Option<&'a str>,
    /// The Local Site; `None` is the global site.
    pub local_site: Option<&'a str>,
    /// Whether the token is valid.
    pub valid: bool,
    /// Passed to the *created* event.
    pub auto_generated: bool,
}

impl<'a> GenerateRequest<'a> {
    /// Creates a request with default values.
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

/// Arguments of [`crate::store::Store::import_token`]: all fields of a token from elsewhere.
#[derive(Clone, Copy)]
pub struct ImportRequest<'a> {
    /// The owner: 1 to 150 characters.
    pub user: &'a str,
    /// The token value: 1 to 255 characters.
    pub value: &'a str,
    /// The generator that made the value, which may be unknown here; `None` is the default.
    pub generator_id: Option<&'a str>,
    /// The Local Site; `None` is the global site.
    pub local_site: Option<&'a str>,
    /// A free-text note.
    pub note: &'a str,
    /// JSON policy; `None` is full access.
    pub policy: Option<&'a str>,
    /// JSON object; `None` is the empty one.
    pub extra_data: Option<&'a str>,
    /// Time of creation; `None` is now.
    pub time_added: Option<Timestamp>,
    /// Time of the last change; `None` is `time_added`.
    pub last_updated: Option<Timestamp>,
    /// Time of last use; `None` is never.
    pub last_used: Option<Timestamp>,
    /// Expiry; `None` is never.
    pub expires: Option<Timestamp>,
    /// `None` if the token is valid, otherwise the date, if known, and the reason.
    pub invalidation: Option<(Option<Timestamp>, &'a str)>,
}

impl<'a> ImportRequest<'a> {
    /// Creates a request with default values.
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

/// Filters tokens by Local Site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SiteFilter<'a> {
    /// Tokens of all sites.
    #[default]
    All,
    /// Tokens of the global site.
    Global,
    /// Tokens of one Local Site.
    Named(&'a str),
}

/// Filters tokens by usability.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValidityFilter {
    /// All tokens.
    #[default]
    Any,
    /// Tokens that are neither invalidated nor expired, and whose rows are readable.
    Valid,
    /// All other tokens.
    Unusable,
}

/// Filters for [`crate::store::Store::list_tokens`]. A token must match all of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenFilter<'a> {
    /// The owner.
    pub user: Option<&'a str>,
    /// The client.
    pub client_name: Option<&'a str>,
    /// The site.
    pub local_site: SiteFilter<'a>,
    /// Whether the token is usable.
    pub validity: ValidityFilter,
    /// Matches tokens that expire before this time. Tokens that never expire do not match.
    pub expires_before: Option<Timestamp>,
}

impl TokenFilter<'_> {
    /// Returns whether a token matches at time `now`.
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
                ValidityFilter::Unusable => !valid,
            }
            && self
                .expires_before
                .is_none_or(|time| record.expires().is_some_and(|expires| expires < time))
    }
}

/// Changes of [`crate::store::Store::update_token`]. `None` leaves a field unchanged; a value
/// replaces the field.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenUpdate<'a> {
    /// Expiry, which may be in the past; `Some(None)` is never.
    pub expires: Option<Option<Timestamp>>,
    /// A free-text note; may be empty.
    pub note: Option<&'a str>,
    /// JSON policy; `Some(None)` is full access.
    pub policy: Option<Option<&'a str>>,
    /// JSON object; `Some(None)` is the empty one.
    pub extra_data: Option<Option<&'a str>>,
}
