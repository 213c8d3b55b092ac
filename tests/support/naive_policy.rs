//! A naive interpreter for policies.

use serde_json::Value;

/// Returns whether a document allows a method: the first level with a rule decides.
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

/// Returns the rule for a method at one level.
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
