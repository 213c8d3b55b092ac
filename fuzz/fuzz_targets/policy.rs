//! A policy that is accepted decides as a naive walk over its document does.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rbtoken::policy::{Method, Policy, PolicyIds};
use serde_json::Value;

const IDS: [&str; 3] = ["review", "*", "a"];
const METHODS: [&str; 4] = ["GET", "PUT", "DELETE", "PROPFIND"];
const RESOURCES: [Option<&str>; 4] = [None, Some("1"), Some("*"), Some("é")];

/// The opinion of the rules at some place of a document.
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

fn allows(document: &Value, id: &str, method: &str, resource: Option<&str>) -> bool {
    let resources = document.get("resources");
    let section = resources.and_then(|it| it.get(id)).filter(|_| id != "*");
    let of = |name: &str| section.and_then(|section| section.get(name));
    resource
        .and_then(|resource| opinion(of(resource), method))
        .or_else(|| opinion(of("*"), method))
        .or_else(|| opinion(resources.and_then(|it| it.get("*")), method))
        .unwrap_or(true)
}

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let ids = Arc::new(PolicyIds::default());
    let Ok(policy) = Policy::parse(text, &ids) else { return };
    let Ok(document) = serde_json::from_str(policy.text()) else {
        // Deeper than that reader goes.
        return;
    };
    for id in IDS {
        for method in METHODS {
            for resource in RESOURCES {
                let Ok(ours) = policy.allows(id, Method::new(method), resource) else { continue };
                assert_eq!(
                    ours,
                    allows(&document, id, method, resource),
                    "{id} {method} {resource:?}"
                );
            }
        }
    }
    let again = Policy::parse(policy.text(), &ids).expect("a policy's own text is accepted");
    assert_eq!(again.text(), policy.text());
});
