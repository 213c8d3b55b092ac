//! Compares accepted policies with a naive interpreter.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rbtoken::policy::{Method, Policy, PolicyIds};

#[path = "../../tests/support/naive_policy.rs"]
mod naive_policy;

const IDS: [&str; 3] = ["review", "*", "a"];
const METHODS: [&str; 4] = ["GET", "PUT", "DELETE", "PROPFIND"];
const RESOURCES: [Option<&str>; 4] = [None, Some("1"), Some("*"), Some("é")];

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let ids = Arc::new(PolicyIds::default());
    let Ok(policy) = Policy::parse(text, &ids) else { return };
    let Ok(document) = serde_json::from_str(policy.text()) else {
        // Deeper than serde_json parses.
        return;
    };
    for id in IDS {
        for method in METHODS {
            for resource in RESOURCES {
                let Ok(ours) = policy.allows(id, Method::new(method), resource) else { continue };
                assert_eq!(
                    ours,
                    naive_policy::allows(&document, id, method, resource),
                    "{id} {method} {resource:?}"
                );
            }
        }
    }
    let again = Policy::parse(policy.text(), &ids).expect("a policy's own text is accepted");
    assert_eq!(again.text(), policy.text());
});
