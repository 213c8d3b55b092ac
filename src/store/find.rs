//! Looks up, lists and counts tokens.

use super::{SiteFilter, Store, TokenFilter};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::names;
use crate::token::{SharedToken, Token, TokenValue};

impl Store {
    /// Returns the token with this value, usable or not. This is not a login: it checks
    /// neither the token nor its user, and sets no `last_used`.
    ///
    /// # Errors
    /// `NotFound`; those of an invalid value.
    pub fn find_token(&self, value: &str) -> Result<SharedToken> {
        TokenValue::check(value).map_err(|error| error.at_argument("value"))?;
        let record = self.backend.by_value(value)?;
        record.map(|record| self.snapshot(record)).ok_or_else(|| no_such_token("value"))
    }

    /// Returns the token with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get_token(&self, id: i64) -> Result<SharedToken> {
        let record = self.backend.by_id(id)?;
        record.map(|record| self.snapshot(record)).ok_or_else(|| no_such_token("id"))
    }

    /// Returns the tokens that match a filter, ordered by id.
    ///
    /// # Errors
    /// `NotFound` for an unknown Local Site; those of invalid names; `NoMemory`.
    pub fn list_tokens(&self, filter: &TokenFilter<'_>) -> Result<Vec<SharedToken>> {
        check_filter(filter)?;
        let records = self.backend.list(filter, self.now()?)?;
        // Checked for all snapshots at once, since a small allocation that fails aborts the
        // process.
        memory::check_room(records.len() * (Token::SIZE + memory::OVERHEAD))?;
        memory::collect(records.into_iter().map(|record| self.snapshot(record)))
    }

    /// Returns the number of tokens, usable or not.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn token_count(&self) -> Result<u64> {
        self.backend.count()
    }

    /// Returns whether a value has a generator's format for a token type. Does not look for a token
    /// with this value.
    ///
    /// # Errors
    /// `Generation` for an unknown generator; those of the generator.
    pub fn value_is_valid(
        &self,
        generator_id: &str,
        token_type: &str,
        value: &str,
    ) -> Result<bool> {
        self.generator(generator_id)?.1.validate(token_type, value)
    }
}

/// Checks the names in a filter.
pub(super) fn check_filter(filter: &TokenFilter<'_>) -> Result<()> {
    filter.user.map_or(Ok(()), names::check_user)?;
    filter.client_name.map_or(Ok(()), names::check_client_name)?;
    match filter.local_site {
        SiteFilter::Named(name) => names::check_local_site(name),
        SiteFilter::All | SiteFilter::Global => Ok(()),
    }
}

pub(super) fn no_such_token(argument: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, "no such token").at_argument(argument)
}
