//! Policies, decided by a naive walk over the document.

use serde_json::Value;

/// Tells whether a document allows a method: the first rules that have an opinion decide.
pub fn allows(document: &Value, policy_id: &str, method: &str, resource: Option<&str>) -> bool {
    let resources = document.get("resources");
    let section = resources.and_then(|it| it.get(policy_id)).filter(|_| policy_id != "*");
    let of = |name: &str| section.and_then(|section| section.get(name));
    resource
        .and_then(|resource| opinion(of(resource), method))
        .or_else(|| opinion(of("*"), method))
        .or_else(|| opinion(resources.and_then(|it| it.get("*")), method))
        .unwrap_or(true)
}

/// The opinion of the rules at one place of a document.
fn opinion(rules: Option<&Value>, method: &str) -> Option<bool> {
    let rules = rules?;
    let has = |list: &str, item: &str| {
        rules
            .get(list)
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|it| it == item))
    };
    if has("block", method) {
        Some(false)
    } else if has("allow", method) {
        Some(true)
    } else if has("block", "*") {
        Some(false)
    } else if has("allow", "*") {
        Some(true)
    } else {
        None
    }
}
