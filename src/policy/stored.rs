//! Interprets policies that another program stored without validation.

use crate::json::{Item, Map, StoredDocument, Value};

/// The access that a stored document grants.
pub(super) enum Access {
    /// Everything: `resources` is missing or falsy.
    Full,
    /// What these `resources` allow. They are valid, except that their policy ids may be unknown.
    Rules(Map<String, Value>),
    /// Nothing: the document is malformed.
    None,
}

/// Interprets a stored document. A text that Review Board cannot read and replaces by `{}` allows
/// nothing.
pub(super) fn access(document: &StoredDocument) -> Access {
    let root = document.root();
    if document.is_fallback() || root.members().is_none() {
        return Access::None;
    }
    match root.get("resources").filter(|resources| resources.is_true()) {
        None => Access::Full,
        Some(resources) => sections(resources).map_or(Access::None, Access::Rules),
    }
}

/// Returns the sections of `resources`, or `None` if any of them is malformed, even if its policy
/// id is unknown.
fn sections(resources: Item<'_>) -> Option<Map<String, Value>> {
    let mut sections = Map::new();
    for (policy_id, section) in resources.members()? {
        let section = if policy_id.as_str() == Some("*") {
            rules(section)?
        } else {
            let mut resources = Map::new();
            for (resource_id, section) in section.members()? {
                let rules = rules(section)?;
                // A key that is not a text never matches a lookup.
                if let Some(resource_id) = resource_id.as_str() {
                    resources.insert(resource_id.to_owned(), rules);
                }
            }
            resources.into()
        };
        if let Some(policy_id) = policy_id.as_str() {
            sections.insert(policy_id.to_owned(), section);
        }
    }
    Some(sections)
}

fn rules(section: Item<'_>) -> Option<Value> {
    drop(section.members()?);
    let mut rules = Map::new();
    for key in ["allow", "block"] {
        let Some(methods) = section.get(key) else { continue };
        let mut names = Vec::new();
        for method in methods.items()? {
            if !method.is_text() {
                return None;
            }
            names.extend(method.as_str().map(Value::from));
        }
        rules.insert(key.to_owned(), names.into());
    }
    Some(rules.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> &'static str {
        match access(&StoredDocument::read(text).unwrap()) {
            Access::Full => "full",
            Access::Rules(_) => "rules",
            Access::None => "none",
        }
    }

    #[test]
    fn malformed_policy_allows_nothing() {
        for (text, expected) in [
            ("", "full"),
            ("{}", "full"),
            (r#"{"x": NaN}"#, "full"),
            (r#"{"resources": {}}"#, "full"),
            (r#"{"resources": null}"#, "full"),
            (r#"{"resources": 0}"#, "full"),
            (r#"{"resources": ""}"#, "full"),
            ("null", "none"),
            ("[]", "none"),
            ("0", "none"),
            (r#""""#, "none"),
            ("not json", "none"),
            ("{'resources': ", "none"),
            (r#"{"resources": "x"}"#, "none"),
            (r#"{"resources": [1]}"#, "none"),
            (r#"{"resources": {"*": {"block": "GET"}}}"#, "none"),
            (r#"{"resources": {"*": {"block": null}}}"#, "none"),
            (r#"{"resources": {"*": {"block": [1]}}}"#, "none"),
            (r#"{"resources": {"*": {"block": {"GET": 1}}}}"#, "none"),
            (r#"{"resources": {"*": null}}"#, "none"),
            (r#"{"resources": {"*": ["GET"]}}"#, "none"),
            (r#"{"resources": {"*": {"block": ["GET"]}, "unknown": 1}}"#, "none"),
            (r#"{"resources": {"unknown": {"1": {"allow": true}}}}"#, "none"),
            (r#"{"resources": {"unknown": {"1": {"more": 1}}}}"#, "rules"),
            (r#"{"resources": {"*": {"block": ["GET"], "x": 1}}, "y": [NaN]}"#, "rules"),
            ("{u'resources': {u'*': {u'block': (u'GET',)}}}", "rules"),
            (r#""{\"resources\": {\"*\": {\"block\": [\"GET\"]}}}""#, "rules"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }
}
