//! Issues tokens: the client-token rule, generation and import.

use std::sync::Arc;

use super::{ClientTokenRequest, Event, Expires, GenerateRequest, ImportRequest, Store};
use crate::backend::{ClientQuery, Operation, Outcome, OwnedClientQuery};
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::json::Value;
use crate::model::documents::read_object;
use crate::model::names;
use crate::model::requests::default_expiration;
use crate::text::Text;
use crate::token::{
    GeneratorInput, Invalidation, RecordFields, SharedRecord, SharedToken, TokenValue,
};

/// Maximum number of values generated for one token. If a value already exists, another one is
/// generated.
const MAX_ATTEMPTS: u32 = 20;

impl Store {
    /// Returns a user's token for a client, or creates one if no existing token qualifies. Also
    /// returns whether it was created.
    ///
    /// If several callers request the same user, Local Site and client concurrently, one token is
    /// created and all of them get it.
    ///
    /// # Errors
    /// Names: `InvalidArgument`, `TooLong`, `EmbeddedNul`. `NotFound` for an unknown Local Site.
    /// Documents: those of [`crate::json::parse_object`], and `Policy`. `InvalidArgument` for an
    /// expiry that is not in the future. `TimeRange` for a time after the year 9999. `Generation`
    /// if 20 generated values in a row already exist. Nothing is changed then.
    pub fn get_or_create_client_token(
        self: &Arc<Self>,
        request: &ClientTokenRequest<'_>,
    ) -> Result<(SharedToken, bool)> {
        let call = self.backend.begin_call();
        names::check_user(request.user)?;
        names::check_client_name(request.client_name)?;
        request.local_site.map_or(Ok(()), names::check_local_site)?;
        let policy = request
            .default_policy
            .map(|policy| self.documents.parse_policy(Some(policy), Argument::DefaultPolicy))
            .transpose()?;
        let mut extra_data = read_object(request.default_extra_data, "default_extra_data")?;

        let now = self.now()?;
        let min_validity_secs =
            request.min_validity_secs.unwrap_or_else(|| self.settings.read().min_validity_secs);
        let valid_until = now
            .plus_secs(min_validity_secs.max(0))
            .map_err(|error| error.at_argument("min_validity_secs"))?;
        let expires = match request.expires {
            Expires::Default => None,
            Expires::Never => Some(None),
            Expires::At(time) => Some(Some(time)),
            Expires::After(secs) => Some(Some(
                now.plus_secs(secs).map_err(|error| error.at_argument(Argument::Expires))?,
            )),
        };
        if expires.flatten().is_some_and(|time| time <= now) {
            return Err(Error::invalid(Argument::Expires, "must be after the current time"));
        }

        let ignored_generators =
            request.ignore_deprecated.then(|| Arc::clone(self.generators.read().deprecated_ids()));
        let query = ClientQuery {
            user: request.user,
            local_site: request.local_site,
            client_name: request.client_name,
            valid_until,
            ignored_generators: ignored_generators.as_deref(),
        };
        let mut failed_search = None;
        if let Some(record) = self.backend.best_client_token(&query, &mut failed_search)? {
            return Ok((self.snapshot(record), false));
        }

        self.backend.check_room()?;
        let (expires, expires_from) = match expires {
            Some(expires) => (expires, None),
            None if self.backend.looks_up_expiration() => (None, Some(now)),
            None => (default_expiration(now, self.client_token_expiration()?)?, None),
        };
        let policy = match policy {
            Some(policy) => policy,
            None => self.documents.parse_policy(None, Argument::DefaultPolicy)?,
        };
        extra_data.insert("client_name".to_owned(), Value::from(request.client_name));
        let extra_data = self.documents.extra_data_from_object(extra_data, "default_extra_data")?;
        let generator_id = self.generators.read().default_id().clone();
        let user = Text::new(request.user);
        let local_site = request.local_site.map(Text::new);
        let note =
            Text::new(&format!("API token automatically created for {}.", request.client_name));
        let unless = OwnedClientQuery {
            user: user.clone(),
            local_site: local_site.clone(),
            client_name: Text::new(request.client_name),
            valid_until,
            ignored_generators,
            failed_search: failed_search.map(Box::new),
            expires_from,
        };
        let (record, created) =
            self.create(&generator_id, None, Some(unless), |generator_id, value| RecordFields {
                user,
                local_site,
                value,
                generator_id,
                time_added: now,
                last_updated: now,
                last_used: None,
                expires,
                invalidation: None,
                note,
                policy,
                extra_data,
            })?;
        // Ends the call before the hooks run, so that its time limit does not include them.
        drop(call);
        let token = self.snapshot(record);
        if created {
            self.fire(Event::Created { auto_generated: false }, &token);
        }
        Ok((token, created))
    }

    /// Generates a new token, even if the user already has one.
    ///
    /// # Errors
    /// Those of [`Store::get_or_create_client_token`], except that an expiry in the past is
    /// allowed; `Generation` for an unknown generator, `Unsupported` for `legacy_sha1`.
    pub fn generate_token(self: &Arc<Self>, request: &GenerateRequest<'_>) -> Result<SharedToken> {
        let call = self.backend.begin_call();
        names::check_user(request.user)?;
        names::check_free_text(request.note, "note")?;
        request.local_site.map_or(Ok(()), names::check_local_site)?;
        self.backend.check_room()?;
        let policy = self.documents.parse_policy(request.policy, "policy")?;
        let extra_data = self.documents.parse_extra_data(request.extra_data, "extra_data")?;
        let now = self.now()?;

        let generator_id = match request.generator_id {
            Some(id) => Text::try_new(id)?,
            None => self.generators.read().default_id().clone(),
        };
        let user = Text::new(request.user);
        let local_site = request.local_site.map(Text::new);
        let note = Text::try_new(request.note)?;
        let invalidation =
            (!request.valid).then(|| Invalidation { date: None, reason: Text::new("") });
        let (record, _) =
            self.create(&generator_id, request.token_type, None, |generator_id, value| {
                RecordFields {
                    user,
                    local_site,
                    value,
                    generator_id,
                    time_added: now,
                    last_updated: now,
                    last_used: None,
                    expires: request.expires,
                    invalidation,
                    note,
                    policy,
                    extra_data,
                }
            })?;
        drop(call);
        let token = self.snapshot(record);
        self.fire(Event::Created { auto_generated: request.auto_generated }, &token);
        Ok(token)
    }

    /// Stores a token from elsewhere with all its fields. It gets a new id. No event is fired,
    /// since the token is not new.
    ///
    /// # Errors
    /// `Exists` if a token has this value; those of invalid names, values and documents.
    pub fn import_token(&self, request: &ImportRequest<'_>) -> Result<SharedToken> {
        names::check_user(request.user)?;
        let value = TokenValue::new(request.value).map_err(|error| error.at_argument("value"))?;
        request.generator_id.map_or(Ok(()), names::check_generator_id)?;
        request.local_site.map_or(Ok(()), names::check_local_site)?;
        names::check_free_text(request.note, "note")?;
        self.backend.check_room()?;
        let policy = self.documents.parse_policy(request.policy, "policy")?;
        let extra_data = self.documents.parse_extra_data(request.extra_data, "extra_data")?;
        let invalidation = match request.invalidation {
            None => None,
            Some((date, reason)) => {
                names::check_free_text(reason, "invalid_reason")?;
                Some(Invalidation { date, reason: Text::try_new(reason)? })
            }
        };
        let time_added = match request.time_added {
            Some(time) => time,
            None => self.now()?,
        };
        let generators = self.generators.read();
        let generator_id = match request.generator_id {
            Some(id) => generators.intern(id),
            None => generators.default_id().clone(),
        };
        drop(generators);
        let fields = RecordFields {
            user: Text::new(request.user),
            local_site: request.local_site.map(Text::new),
            value,
            generator_id,
            time_added,
            last_updated: request.last_updated.unwrap_or(time_added),
            last_used: request.last_used,
            expires: request.expires,
            invalidation,
            note: Text::try_new(request.note)?,
            policy,
            extra_data,
        };
        let inserted = self.change(Operation::Insert(Box::new(fields), None))?;
        let record = inserted.into_iter().next().ok_or_else(|| {
            Error::new(ErrorKind::Exists, "a token with this value already exists")
                .at_argument("value")
        })?;
        Ok(self.snapshot(record))
    }

    /// Generates values until one is new and stores its record, or returns an existing token that
    /// matches `unless`. No lock is held while a generator runs, since it may be the host's.
    fn create(
        &self,
        generator_id: &str,
        token_type: Option<&str>,
        unless: Option<OwnedClientQuery>,
        fields: impl FnOnce(Text, TokenValue) -> RecordFields,
    ) -> Result<(SharedRecord, bool)> {
        let (generator_id, generator) = self.generator(generator_id)?;
        let default_type;
        let token_type = match token_type {
            Some(token_type) => token_type,
            None => {
                default_type = self.settings.read().token_type.clone();
                &default_type
            }
        };
        let value =
            |attempt| generator.create(&GeneratorInput { token_type, attempt }, &*self.entropy);
        let mut fields = Box::new(fields(generator_id, value(0)?));
        for attempt in 1.. {
            match self.backend.change(Operation::Insert(fields, unless.clone()))? {
                Outcome::Inserted(record) => return Ok((record, true)),
                Outcome::Found(record) => return Ok((record, false)),
                Outcome::ValueTaken(refused) if attempt < MAX_ATTEMPTS => fields = refused,
                Outcome::ValueTaken(_) | Outcome::Done(_) => break,
            }
            fields.value = value(attempt)?;
        }
        Err(Error::new(
            ErrorKind::Generation,
            format!("{MAX_ATTEMPTS} generated values in a row already exist"),
        ))
    }
}
