//! Explains which rule of a policy decides.

use super::{Method, Origin, Policy, stored};
use crate::error::Result;
use crate::json::{self, Map, Path, StoredDocument, Value};

/// Why a policy allows or denies a method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Whether the method is allowed.
    pub is_allowed: bool,
    /// The JSON path of the rule that decides, such as `$.resources["*"].block[0]`. `None` if no
    /// rule is about the method, which is allowed then.
    pub rule: Option<String>,
}

impl Policy {
    /// Returns whether the policy allows an HTTP method on a resource, and the rule that decides.
    ///
    /// # Errors
    /// Those of [`Policy::allows`]; `NoMemory`.
    pub fn explain(
        &self,
        policy_id: &str,
        method: &str,
        resource_id: Option<&str>,
    ) -> Result<Explanation> {
        let is_allowed = self.allows(policy_id, Method::new(method), resource_id)?;
        let resources = self.resources_document()?;
        let rule = resources.and_then(|it| rule(&it, policy_id, method, resource_id));
        Ok(Explanation { is_allowed, rule })
    }

    /// Returns the `resources` of the document, if it restricts anything.
    fn resources_document(&self) -> Result<Option<Map<String, Value>>> {
        if self.resources.is_none() {
            return Ok(None);
        }
        if self.origin == Origin::Validated {
            let mut document = json::read_back(&self.text)?;
            return Ok(match document.get_mut("resources").map(Value::take) {
                Some(Value::Object(resources)) => Some(resources),
                _ => None,
            });
        }
        match stored::access(&StoredDocument::read(&self.text)?) {
            stored::Access::Rules(resources) => Ok(Some(resources)),
            stored::Access::Full | stored::Access::None => Ok(None),
        }
    }
}

/// Returns the path of the first rule about a method, from the most to the least specific level.
fn rule(
    resources: &Map<String, Value>,
    policy_id: &str,
    method: &str,
    resource_id: Option<&str>,
) -> Option<String> {
    let root = Path::Root;
    let path = root.member("resources");
    let section_path = path.member(policy_id);
    let section = resources.get(policy_id);
    // `*` is not a resource id.
    if let Some(id) = resource_id.filter(|id| *id != "*")
        && let Some(level) = section.and_then(|it| it.get(id))
        && let Some(found) = rule_of_level(level, &section_path.member(id), method)
    {
        return Some(found);
    }
    if let Some(level) = section.and_then(|it| it.get("*"))
        && let Some(found) = rule_of_level(level, &section_path.member("*"), method)
    {
        return Some(found);
    }
    rule_of_level(resources.get("*")?, &path.member("*"), method)
}

/// Returns the path of a level's rule about a method. The method's name is more specific than `*`,
/// and `block` overrides `allow`.
fn rule_of_level(level: &Value, path: &Path<'_>, method: &str) -> Option<String> {
    for name in [method, "*"] {
        for key in ["block", "allow"] {
            let methods = level.get(key).and_then(Value::as_array);
            let index = methods.and_then(|it| it.iter().position(|it| it.as_str() == Some(name)));
            if let Some(index) = index {
                return Some(path.member(key).item(index).to_string());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::policy::PolicyIds;

    const POLICY: &str = r#"{"resources": {
        "*": {"block": ["*"], "allow": ["GET", "HEAD"]},
        "review_request": {"*": {"allow": ["POST", "PUT"]}, "42": {"block": ["PUT", "GET"],
                                                                  "allow": ["PUT"]}},
        "comment": {"*": {"allow": ["*"], "block": ["DELETE", "*"]}}
    }}"#;

    #[test]
    fn most_specific_rule_is_named_with_its_path() {
        let policy = Policy::parse(POLICY, &Arc::new(PolicyIds::default())).unwrap();
        let ids = [
            ("review_request", "GET", Some("42"), "$.resources.review_request[\"42\"].block[1]"),
            ("review_request", "PUT", Some("42"), "$.resources.review_request[\"42\"].block[0]"),
            ("review_request", "POST", Some("42"), "$.resources.review_request[\"*\"].allow[0]"),
            ("review_request", "GET", Some("7"), "$.resources[\"*\"].allow[0]"),
            ("review_request", "GET", Some("*"), "$.resources[\"*\"].allow[0]"),
            ("review_request", "PATCH", None, "$.resources[\"*\"].block[0]"),
            ("comment", "DELETE", None, "$.resources.comment[\"*\"].block[0]"),
            ("comment", "GET", None, "$.resources.comment[\"*\"].block[1]"),
            ("other", "PURGE", None, "$.resources[\"*\"].block[0]"),
        ];
        for (policy_id, method, resource_id, rule) in ids {
            let found = policy.explain(policy_id, method, resource_id).unwrap();
            assert_eq!(found.rule.as_deref(), Some(rule), "{policy_id} {method} {resource_id:?}");
            // The rule agrees with the compiled policy.
            assert_eq!(found.is_allowed, rule.contains(".allow"), "{rule}");
        }
    }

    #[test]
    fn policy_without_a_rule_for_the_method_allows_it() {
        let ids = Arc::new(PolicyIds::default());
        let explain = |text: &str| Policy::parse(text, &ids).unwrap().explain("a", "GET", None);
        let allowed = Explanation { is_allowed: true, rule: None };
        assert_eq!(explain("{}").unwrap(), allowed);
        assert_eq!(explain(r#"{"resources": {"*": {"block": ["PUT"]}}}"#).unwrap(), allowed);
        let stored = r#"{u'resources': {u'*': {u'block': (u'GET',)}}}"#;
        let stored = Policy::stored(stored, &ids).unwrap().explain("a", "GET", None).unwrap();
        assert_eq!(stored.rule.as_deref(), Some("$.resources[\"*\"].block[0]"));
        assert!(!stored.is_allowed);
    }
}
