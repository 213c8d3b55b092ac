//! Finding, listing and counting tokens.

use super::{SiteFilter, Store, TokenFilter};
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::model::names;
use crate::token::{SharedToken, Token, TokenValue};

impl Store {
    /// The token that has a value, usable or not. This is no login: it checks nothing.
    ///
    /// # Errors
    /// `NotFound` if there is none; those of what cannot be a value.
    pub fn find_token(&self, value: &str) -> Result<SharedToken> {
        TokenValue::check(value).map_err(|error| error.at_argument("value"))?;
        let record = self.backend.by_value(value)?;
        record.map(|record| self.snapshot(record)).ok_or_else(|| no_such_token("value"))
    }

    /// The token that has an id.
    ///
    /// # Errors
    /// `NotFound` if there is none.
    pub fn get_token(&self, id: i64) -> Result<SharedToken> {
        let record = self.backend.by_id(id)?;
        record.map(|record| self.snapshot(record)).ok_or_else(|| no_such_token("id"))
    }

    /// The tokens that match a filter, in order of their ids.
    ///
    /// # Errors
    /// `NotFound` for an unknown Local Site; those of bad names; `NoMemory`.
    pub fn list_tokens(&self, filter: &TokenFilter<'_>) -> Result<Vec<SharedToken>> {
        filter.user.map_or(Ok(()), names::check_user)?;
        filter.client_name.map_or(Ok(()), names::check_client_name)?;
        if let SiteFilter::Named(name) = filter.local_site {
            names::check_local_site(name)?;
        }
        let records = self.backend.list(filter, self.now()?)?;
        // Each of them is a small allocation.
        memory::check_room(records.len() * (Token::SIZE + memory::OVERHEAD))?;
        memory::collect(records.into_iter().map(|record| self.snapshot(record)))
    }

    /// How many tokens there are, usable or not.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn token_count(&self) -> Result<u64> {
        self.backend.count()
    }

    /// Whether a value has a generator's format for a token type. Says nothing of whether there
    /// is such a token.
    ///
    /// # Errors
    /// `Generation` for an unknown generator; the generator's own.
    pub fn value_is_valid(
        &self,
        generator_id: &str,
        token_type: &str,
        value: &str,
    ) -> Result<bool> {
        self.generator(generator_id)?.1.validate(token_type, value)
    }
}

pub(super) fn no_such_token(argument: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, "no such token").at_argument(argument)
}
