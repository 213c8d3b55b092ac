//! Policies: what a token may be used for.

mod ids;
mod rules;
mod stored;
mod validate;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Map, StoredDocument, Value};
use crate::text::Text;

pub use ids::PolicyIds;
pub use rules::Method;
use rules::Resources;

/// A policy document that was validated, but not compiled yet.
pub(crate) struct PolicyDocument {
    text: Text,
    members: Map<String, Value>,
}

impl PolicyDocument {
    /// As [`Policy::parse`].
    pub fn parse(text: &str, ids: &PolicyIds) -> Result<Self> {
        Self::new(json::parse_object(text)?, ids)
    }

    /// A document that was read before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Policy`] with the place of what breaks a rule of policies.
    pub fn new(members: Map<String, Value>, ids: &PolicyIds) -> Result<Self> {
        validate::check(&members, ids)?;
        let text = Text::try_new(&json::object_to_text(&members)?)?;
        Ok(Self { text, members })
    }

    /// A document as storage has it: its text is kept as it stands, and it need keep no rule.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn stored(text: &str, members: Map<String, Value>) -> Result<Self> {
        Ok(Self { text: Text::try_new(text)?, members })
    }

    /// The document's text, which tells it from others.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Compiles the document.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn compile(self, ids: &Arc<PolicyIds>) -> Result<Policy> {
        let resources = self.members.get("resources").and_then(Value::as_object);
        let resources = resources.map(Resources::compile).transpose()?;
        let (text, ids) = (self.text, Arc::clone(ids));
        Ok(Policy { text, resources, ids, origin: Origin::Validated })
    }
}

/// A policy document, validated and compiled: how long an answer takes does not depend on the
/// size of the document.
pub struct Policy {
    text: Text,
    /// None: the document is empty.
    resources: Option<Resources>,
    ids: Arc<PolicyIds>,
    origin: Origin,
}

/// Who made a document sure to be a policy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// It was validated here.
    Validated,
    /// Nobody: it is of a row that others wrote.
    Stored,
    /// The same, and it is none: everything is denied.
    Malformed,
}

impl Policy {
    /// Reads a policy from its JSON text. Policy ids are checked against a list if it is set.
    ///
    /// # Errors
    /// Those of [`json::parse_object`], and [`crate::ErrorKind::Policy`] with the place of what
    /// breaks a rule of policies.
    pub fn parse(text: &str, ids: &Arc<PolicyIds>) -> Result<Self> {
        PolicyDocument::parse(text, ids)?.compile(ids)
    }

    /// The policy that allows everything: the empty document.
    pub fn full_access(ids: &Arc<PolicyIds>) -> Self {
        let (text, ids) = (Text::new("{}"), Arc::clone(ids));
        Self { text, resources: None, ids, origin: Origin::Validated }
    }

    /// The policy of a row that others wrote. Its text is kept as it stands. What is no policy
    /// denies everything.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn stored(text: &str, ids: &Arc<PolicyIds>) -> Result<Self> {
        let (resources, origin) = match stored::access(&StoredDocument::read(text)?) {
            stored::Access::Full => (None, Origin::Stored),
            stored::Access::Rules(resources) => {
                (Some(Resources::compile(&resources)?), Origin::Stored)
            }
            stored::Access::None => (None, Origin::Malformed),
        };
        Ok(Self { text: Text::try_new(text)?, resources, ids: Arc::clone(ids), origin })
    }

    /// The document's text.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The text, if others wrote it and this library would not: as JSON, it would be another.
    pub(crate) fn foreign_text(&self) -> Option<&Text> {
        let is_ours = || {
            let document = PolicyDocument::parse(&self.text, &self.ids);
            document.is_ok_and(|document| document.text == self.text)
        };
        (self.origin != Origin::Validated && !is_ours()).then_some(&self.text)
    }

    /// The document as JSON, which its text need not be if others wrote it. Where Review Board
    /// reads the text as nothing, it is null: `{}` would mean full access.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn to_json(&self) -> Result<Cow<'_, str>> {
        if self.origin == Origin::Validated {
            return Ok(Cow::Borrowed(&self.text));
        }
        let document = StoredDocument::read(&self.text)?;
        if document.is_fallback() { Ok("null".into()) } else { document.to_json().map(Cow::Owned) }
    }

    /// Whether the policy allows an HTTP method on a resource.
    ///
    /// The first of these that has an opinion decides: the rules of the resource, those of any
    /// resource of the policy id, those of everything. Without an opinion, it is allowed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if the method is not upper-case letters, or if the
    /// policy id is not one that policies can name; [`crate::ErrorKind::Corrupt`] if others stored
    /// something that is no policy.
    // Inlined: an answer that is passed on in memory, as results are, costs as much as it does.
    #[inline(always)]
    pub fn allows(
        &self,
        policy_id: &str,
        method: Method<'_>,
        resource_id: Option<&str>,
    ) -> Result<bool> {
        if !method.is_valid() {
            return Err(bad_method());
        }
        PolicyIds::check(policy_id)?;
        if !self.ids.knows(policy_id) {
            return Err(unregistered());
        }
        Ok(match &self.resources {
            Some(resources) => resources.allow(policy_id, method, resource_id),
            None if self.origin == Origin::Malformed => return Err(malformed()),
            None => true,
        })
    }
}

#[cold]
fn malformed() -> Error {
    let message = "the stored policy is malformed and denies everything";
    Error::new(ErrorKind::Corrupt, message)
}

#[cold]
fn bad_method() -> Error {
    Error::invalid("method", "must contain only letters A to Z")
}

#[cold]
fn unregistered() -> Error {
    Error::invalid("policy_id", "must be a registered policy id")
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.text).finish()
    }
}
