//! Service accounts: users of programs, which log in only with API tokens.

use std::sync::Arc;

use super::{ClientTokenRequest, Expires, Store};
use crate::error::{Argument, Error, Result};
use crate::memory;
use crate::model::names;
use crate::policy::{Policy, PolicyIds};
use crate::token::SharedToken;

const DEFAULT_EXPIRATION_SECS: i64 = 30 * 86_400;
const DEFAULT_MIN_VALIDITY_SECS: i64 = 7_200;

/// Options of a service account.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAccountOptions<'a> {
    /// Id of the account: letters, digits, `_` and `-`.
    pub id: &'a str,
    /// Owner of the tokens; `None` is the user named like the account.
    pub user: Option<&'a str>,
    /// Version of the token. Increase it to get a new token, for example after changing the policy.
    pub token_version: u32,
    /// JSON policy of a new token; `None` is full access.
    pub policy: Option<&'a str>,
    /// Lifetime of a new token; `None` is unlimited.
    pub expiration_secs: Option<i64>,
}

impl<'a> ServiceAccountOptions<'a> {
    /// Creates options with default values: version 1, full access, 30 days.
    pub fn new(id: &'a str) -> Self {
        Self {
            id,
            user: None,
            token_version: 1,
            policy: None,
            expiration_secs: Some(DEFAULT_EXPIRATION_SECS),
        }
    }
}

/// A service account. It is immutable and can be used with any store.
#[derive(Debug)]
pub struct ServiceAccount {
    user: String,
    client_name: String,
    policy: Option<String>,
    expiration_secs: Option<i64>,
}

impl ServiceAccount {
    /// Creates a service account.
    ///
    /// # Errors
    /// Those of invalid names and of [`crate::json::parse_object`]; `Policy`; `InvalidArgument` for
    /// a malformed id or an expiration that is not positive.
    pub fn new(options: &ServiceAccountOptions<'_>) -> Result<Self> {
        let id = options.id;
        if id.is_empty()
            || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            return Err(Error::invalid("id", "must contain only A-Z, a-z, 0-9, _ and -"));
        }
        let client_name = format!("{id}_v{}", options.token_version);
        names::check_client_name(&client_name).map_err(|error| error.moved_to_argument("id"))?;
        let user = options.user.unwrap_or(id);
        names::check_user(user).map_err(|error| match options.user {
            Some(_) => error,
            None => error.moved_to_argument("id"),
        })?;
        if let Some(policy) = options.policy {
            // Policy ids are checked when a store creates a token.
            Policy::parse(policy, &Arc::new(PolicyIds::default()))
                .map_err(|error| error.at_argument("policy"))?;
        }
        if options.expiration_secs.is_some_and(|secs| secs <= 0) {
            return Err(Error::invalid("expiration_secs", "must be greater than 0"));
        }
        Ok(Self {
            user: user.to_owned(),
            client_name,
            policy: options.policy.map(memory::string).transpose()?,
            expiration_secs: options.expiration_secs,
        })
    }

    /// Returns the token of the account, or creates one. Also returns whether it was created. An
    /// existing token must be valid for at least `min_validity_secs`, by default 2 hours. If new
    /// tokens live for less than that, an existing one must only be valid now. Tokens of deprecated
    /// generators are ignored.
    ///
    /// # Errors
    /// Those of [`Store::get_or_create_client_token`].
    pub fn get_api_token(
        &self,
        store: &Arc<Store>,
        local_site: Option<&str>,
        min_validity_secs: Option<i64>,
    ) -> Result<(SharedToken, bool)> {
        let min_validity_secs = min_validity_secs.unwrap_or(DEFAULT_MIN_VALIDITY_SECS);
        let outlives = self.expiration_secs.is_none_or(|secs| secs >= min_validity_secs);
        let token = store.get_or_create_client_token(&ClientTokenRequest {
            expires: self.expiration_secs.map_or(Expires::Never, Expires::After),
            min_validity_secs: Some(if outlives { min_validity_secs } else { 0 }),
            default_policy: self.policy.as_deref(),
            local_site,
            ignore_deprecated: true,
            ..ClientTokenRequest::new(&self.user, &self.client_name)
        });
        // The account sets these, so the error must not name an argument that the caller did not
        // pass.
        token.map_err(|error| match error.argument() {
            Some(Argument::Expires | Argument::DefaultPolicy) => error.renamed_argument("account"),
            _ => error,
        })
    }
}
