//! Interned policies and extra data: tokens with the same document share it.

use std::borrow::Cow;
use std::sync::Arc;

use super::interner::{Interner, Keyed};
use super::parse_cache::ParseCache;
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::json::{self, Map, Value};
use crate::memory::TextBuffer;
use crate::policy::{Policy, PolicyDocument, PolicyIds};
use crate::text::Text;
use crate::token::ExtraData;

impl Keyed for Policy {
    type Key = str;

    fn key(&self) -> &str {
        self.text()
    }
}

impl Keyed for ExtraData {
    type Key = str;

    fn key(&self) -> &str {
        self.text()
    }
}

/// The documents of all tokens in a store.
pub(crate) struct Documents {
    policies: Interner<Policy>,
    extra_data: Interner<ExtraData>,
    policy_cache: ParseCache<Policy>,
    extra_data_cache: ParseCache<ExtraData>,
    policy_ids: Arc<PolicyIds>,
    full_access: Arc<Policy>,
    no_extra_data: Arc<ExtraData>,
}

impl Documents {
    pub fn new(policy_ids: Arc<PolicyIds>) -> Self {
        Self {
            policies: Interner::default(),
            extra_data: Interner::default(),
            policy_cache: ParseCache::default(),
            extra_data_cache: ParseCache::default(),
            full_access: Arc::new(Policy::full_access(&policy_ids)),
            no_extra_data: Arc::new(ExtraData::new(Text::new("{}"), None)),
            policy_ids,
        }
    }

    /// Returns the policy that is an empty object.
    pub fn full_access(&self) -> Arc<Policy> {
        Arc::clone(&self.full_access)
    }

    /// Returns the extra data that is an empty object.
    pub fn no_extra_data(&self) -> Arc<ExtraData> {
        Arc::clone(&self.no_extra_data)
    }

    /// Parses a policy; `None` is full access.
    pub fn parse_policy(
        &self,
        text: Option<&str>,
        argument: impl Into<Argument>,
    ) -> Result<Arc<Policy>> {
        let Some(text) = text else {
            return Ok(self.full_access());
        };
        // Reads the version before the list of ids. If the list changes in between, the text is
        // cached with the old version and validated again.
        let version = self.policy_ids.version();
        self.policy_cache.get(text, version, || {
            let document = PolicyDocument::parse(text, &self.policy_ids);
            self.share_policy(document, argument)
        })
    }

    /// Validates a policy from a JSON object, which may be larger than the limit for texts.
    pub fn policy_from_object(
        &self,
        members: Map<String, Value>,
        argument: impl Into<Argument>,
    ) -> Result<Arc<Policy>> {
        self.share_policy(PolicyDocument::new(members, &self.policy_ids), argument)
    }

    fn share_policy(
        &self,
        document: Result<PolicyDocument>,
        argument: impl Into<Argument>,
    ) -> Result<Arc<Policy>> {
        let document = document.map_err(|error| error.at_argument(argument))?;
        let text = document.text().clone();
        self.policies.intern(&text, || document.compile(&self.policy_ids))
    }

    /// Parses extra data, which must be an object; `None` is the empty one.
    pub fn parse_extra_data(
        &self,
        text: Option<&str>,
        argument: &'static str,
    ) -> Result<Arc<ExtraData>> {
        // Rules for extra data never change, so their version is 0.
        self.extra_data_cache.get(text.unwrap_or("{}"), 0, || {
            self.extra_data_from_object(read_object(text, argument)?, argument)
        })
    }

    /// Creates extra data from a JSON object.
    pub fn extra_data_from_object(
        &self,
        document: Map<String, Value>,
        argument: &'static str,
    ) -> Result<Arc<ExtraData>> {
        let client_name = document.get("client_name").and_then(Value::as_str);
        if client_name.is_some_and(|name| name.contains('\0')) {
            return Err(Error::new(ErrorKind::EmbeddedNul, "must not contain a NUL character")
                .at_argument(argument)
                .at_path("$.client_name"));
        }
        let client_name = client_name.map(Text::try_new).transpose()?;
        let text = Text::try_new(&json::object_to_text(&document)?)?;
        self.extra_data.intern(&text, || Ok(ExtraData::new(text.clone(), client_name)))
    }
}

impl Documents {
    /// Reads the policy of a stored row, keeping its text unchanged; `None` is full access.
    ///
    /// # Errors
    /// `Corrupt` if it is neither a JSON object nor written by [`to_storage`].
    pub fn stored_policy(&self, text: Option<&str>) -> Result<Arc<Policy>> {
        let Some(text) = stored_text(text).filter(|text| *text != "{}") else {
            return Ok(self.full_access());
        };
        if let Some(foreign) = foreign_text(text)? {
            return self.foreign_policy(Some(&foreign));
        }
        self.policies.intern(text, || {
            PolicyDocument::stored(text, stored_object(text)?)?.compile(&self.policy_ids)
        })
    }

    /// Reads the extra data of a stored row, keeping its text unchanged; `None` is the empty
    /// object.
    ///
    /// # Errors
    /// `Corrupt` if it is neither a JSON object nor written by [`to_storage`].
    pub fn stored_extra_data(&self, text: Option<&str>) -> Result<Arc<ExtraData>> {
        let text = stored_text(text).unwrap_or("{}");
        if let Some(foreign) = foreign_text(text)? {
            return self.foreign_extra_data(Some(&foreign));
        }
        self.extra_data.intern(text, || {
            let members = stored_object(text)?;
            let client_name = members.get("client_name").and_then(Value::as_str);
            let client_name = client_name.map(Text::try_new).transpose()?;
            Ok(ExtraData::new(Text::try_new(text)?, client_name))
        })
    }
}

impl Documents {
    /// Reads a policy that another program wrote, with Review Board's rules; `None` is full access.
    /// A malformed policy denies everything.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn foreign_policy(&self, text: Option<&str>) -> Result<Arc<Policy>> {
        match text {
            None | Some("{}") => Ok(self.full_access()),
            Some(text) => self.policies.intern(text, || Policy::stored(text, &self.policy_ids)),
        }
    }

    /// Reads extra data that another program wrote, with Review Board's rules; `None` is the empty
    /// object.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn foreign_extra_data(&self, text: Option<&str>) -> Result<Arc<ExtraData>> {
        match text {
            None | Some("{}") => Ok(self.no_extra_data()),
            Some(text) => self.extra_data.intern(text, || ExtraData::stored(text)),
        }
    }
}

/// Returns the stored text of a document, or `None` if the column is empty or `null`.
fn stored_text(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && *text != "null")
}

/// Returns the stored form of a document: its text, or a JSON string with the text of another
/// program. Any other stored text is corrupt.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn to_storage<'a>(text: &'a Text, foreign: Option<&Text>) -> Result<Cow<'a, str>> {
    let Some(foreign) = foreign else { return Ok(Cow::Borrowed(text)) };
    let mut quoted = TextBuffer::default();
    // The buffer records failures, and `finish` returns them.
    let _ = json::write_string(foreign, &mut quoted);
    quoted.finish().map(Cow::Owned)
}

/// Returns the text of another program, if the stored form is a JSON string.
fn foreign_text(stored: &str) -> Result<Option<String>> {
    if !stored.starts_with('"') {
        return Ok(None);
    }
    json::check_room_for(stored)?;
    serde_json::from_str(stored).map(Some).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::new(ErrorKind::Corrupt, "a stored document must be a JSON object or a string")
}

/// Parses a stored JSON object, which may exceed this library's limits.
fn stored_object(text: &str) -> Result<Map<String, Value>> {
    json::check_room_for(text)?;
    // serde_json accepts one nesting level less than this library.
    serde_json::from_str(text).or_else(|_| json::parse_with_documents(text)).map_err(|error| {
        match error.kind() {
            ErrorKind::NoMemory => error,
            _ => damaged(),
        }
    })
}

/// Parses a JSON object; `None` is the empty one.
pub(crate) fn read_object(
    text: Option<&str>,
    argument: &'static str,
) -> Result<Map<String, Value>> {
    text.map_or_else(|| Ok(Map::new()), json::parse_object)
        .map_err(|error| error.at_argument(argument))
}
