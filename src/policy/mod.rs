//! Access policies: what a token may be used for.

mod explain;
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

pub use explain::Explanation;
pub use ids::PolicyIds;
pub use rules::Method;
use rules::Resources;

/// A policy document that is validated but not compiled.
pub(crate) struct PolicyDocument {
    text: Text,
    members: Map<String, Value>,
}

impl PolicyDocument {
    /// Parses and validates a document, like [`Policy::parse`].
    pub fn parse(text: &str, ids: &PolicyIds) -> Result<Self> {
        Self::new(json::parse_object(text)?, ids)
    }

    /// Validates a parsed document.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Policy`] with the JSON path of the value that breaks a rule.
    pub fn new(members: Map<String, Value>, ids: &PolicyIds) -> Result<Self> {
        validate::check(&members, ids)?;
        let text = Text::try_new(&json::object_to_text(&members)?)?;
        Ok(Self { text, members })
    }

    /// Wraps a stored document without validating it. Its text is kept unchanged.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn stored(text: &str, members: Map<String, Value>) -> Result<Self> {
        Ok(Self { text: Text::try_new(text)?, members })
    }

    /// Returns the text, which identifies the document.
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

/// A validated and compiled policy. The time of a check does not depend on the size of the
/// document.
pub struct Policy {
    text: Text,
    /// `None` if the document is empty, which allows everything.
    resources: Option<Resources>,
    ids: Arc<PolicyIds>,
    origin: Origin,
}

/// The origin of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Validated by this library.
    Validated,
    /// Read from a row that another program wrote.
    Stored,
    /// Read from such a row, and not a policy: everything is denied.
    Malformed,
}

impl Policy {
    /// Parses a policy. Policy ids must be in the list, if one is registered.
    ///
    /// # Errors
    /// Those of [`json::parse_object`], and [`crate::ErrorKind::Policy`] with the JSON path of the
    /// value that breaks a rule.
    pub fn parse(text: &str, ids: &Arc<PolicyIds>) -> Result<Self> {
        PolicyDocument::parse(text, ids)?.compile(ids)
    }

    /// Returns the policy that allows everything: the empty document.
    pub fn full_access(ids: &Arc<PolicyIds>) -> Self {
        let (text, ids) = (Text::new("{}"), Arc::clone(ids));
        Self { text, resources: None, ids, origin: Origin::Validated }
    }

    /// Reads the policy of a row that another program wrote. Its text is kept unchanged. A
    /// malformed document denies everything.
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

    /// Returns the text of the document.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// Returns the text if it differs from what this library would write for the same document.
    pub(crate) fn foreign_text(&self) -> Option<&Text> {
        let is_ours = || {
            let document = PolicyDocument::parse(&self.text, &self.ids);
            document.is_ok_and(|document| document.text == self.text)
        };
        (self.origin != Origin::Validated && !is_ours()).then_some(&self.text)
    }

    /// Returns the document as JSON. The text of another program may be something else. Where
    /// Review Board would ignore the text, this is `null`, since `{}` would mean full access.
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

    /// Returns whether the policy allows an HTTP method on a resource.
    ///
    /// The first of these that has a rule for the method decides: the resource, any resource of the
    /// policy id, everything. Without a rule, the method is allowed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if the method is not in upper-case letters, or if the
    /// policy id is invalid or unknown; [`crate::ErrorKind::Corrupt`] if the stored document is not
    /// a policy.
    // Inlined, since returning the `Result` in memory would double the time.
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
