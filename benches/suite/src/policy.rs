//! Rows 8 and 13: policy checks with a small and a large policy, and shared policies.

use anyhow::{Result, ensure};
use serde_json::{Map, Value, json};

use crate::clock::mean;
use crate::context::{Context, client, user};
use crate::format::{grouped, ratio_text, times};
use crate::handles::{Policy, Store};
use crate::reference::policy::Walk;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, interleave};

/// Returns a typical policy of about 300 bytes.
pub fn small() -> Value {
    json!({"resources": {
        "*": {"allow": ["GET", "HEAD", "OPTIONS"], "block": ["*"]},
        "review_request": {"*": {"allow": ["GET", "POST", "PUT"], "block": ["DELETE"]},
                           "42": {"allow": ["*"]}},
        "review": {"*": {"allow": ["*"]}},
        "user": {"*": {"block": ["POST", "PUT", "DELETE"]}, "alice": {"allow": ["PUT"]}},
        "repository": {"*": {"allow": ["GET"]}}
    }})
}

/// Returns a policy with rules for more resources, up to a number of bytes.
pub fn large(bytes: usize) -> String {
    let mut policy = small();
    let mut number = 0;
    loop {
        let resources: Map<_, _> = (0..8)
            .map(|resource| {
                let id = (number * 8 + resource).to_string();
                (id, json!({"allow": ["GET", "POST"], "block": ["DELETE"]}))
            })
            .collect();
        policy["resources"][format!("resource_{number}")] = Value::Object(resources);
        number += 1;
        let text = policy.to_string();
        if text.len() >= bytes {
            return text;
        }
    }
}

/// Checks that cover every kind of result.
const QUESTIONS: [(&str, &str, Option<&str>); 8] = [
    ("review_request", "GET", None),
    ("review_request", "DELETE", Some("42")),
    ("review_request", "DELETE", Some("43")),
    ("review_request", "PATCH", Some("7")),
    ("user", "PUT", Some("alice")),
    ("user", "POST", Some("bob")),
    ("hosting_service", "GET", None),
    ("hosting_service", "PUT", Some("3")),
];

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let documents = [small().to_string(), large(32 << 10)];
    let ours = [Policy::parse(&documents[0])?, Policy::parse(&documents[1])?];
    let walks = [Walk::parse(&documents[0])?, Walk::parse(&documents[1])?];
    for (policy, walk) in ours.iter().zip(&walks) {
        for (id, method, resource) in QUESTIONS {
            let answers = [policy.allows(id, method, resource), walk.allows(id, method, resource)];
            ensure!(answers[0] == answers[1], "{id} {method} {resource:?}: {answers:?}");
        }
    }

    let calls = context.calls(100_000);
    let ask = |policy: &Policy| {
        mean(calls, |call| {
            let (id, method, resource) = QUESTIONS[call % 8];
            std::hint::black_box(policy.allows(id, method, resource));
        })
    };
    let walk = |walk: &Walk| {
        mean(calls, |call| {
            let (id, method, resource) = QUESTIONS[call % 8];
            std::hint::black_box(walk.allows(id, method, resource));
        })
    };
    let mut contestants: [Contestant<'_>; 4] = [
        Box::new(|| ask(&ours[0])),
        Box::new(|| ask(&ours[1])),
        Box::new(|| walk(&walks[0])),
        Box::new(|| walk(&walks[1])),
    ];
    let series = interleave(context.rounds, &mut contestants);

    report.measured("8a", times(&series[0]), times(&series[2]), Ratio::of(&series[2], &series[0]));
    report.measured("8b", times(&series[1]), times(&series[0]), Ratio::of(&series[1], &series[0]));
    let rows = [0, 1].map(|size| {
        vec![
            format!("{} B", grouped(documents[size].len() as f64)),
            times(&series[size]),
            times(&series[size + 2]),
            ratio_text(&Ratio::of(&series[size + 2], &series[size])),
        ]
    });
    report.table(
        "Policy checks",
        "`rbtoken_policy_allows`, eight questions in turn that end at different rules; mean of a round.",
        &["policy", "ours", "walk of serde_json::Value", "walk / ours"],
        &rows,
    );
    naming(context, report)
}

/// Row 13: whether a policy that other tokens have is parsed again for a new token.
fn naming(context: &Context, report: &mut Report) -> Result<()> {
    let document = large(2 << 10);
    let store = Store::in_memory()?;
    let (first, _) = store.client_token("first", "first", Some(&document))?;
    let calls = context.calls(2000);
    let create = |policy: Option<&str>| {
        let mut made = Vec::with_capacity(calls);
        let cost = mean(calls, |call| {
            let token = store.client_token(&user(call), &client(call), policy);
            made.push(token.expect("a token is created").0);
        });
        made.into_iter().for_each(|token| store.delete(token.id()).expect("the token is there"));
        cost
    };
    let mut contestants: [Contestant<'_>; 3] = [
        Box::new(|| create(None)),
        Box::new(|| create(Some(&document))),
        Box::new(|| mean(calls, |_| drop(Policy::parse(&document).expect("it is a policy")))),
    ];
    let series = interleave(context.rounds, &mut contestants);
    drop((contestants, first));
    let named = series[1].minus(&series[0]);
    let ratio = Ratio::of(&named, &series[2]);
    report.measured("13b", times(&named), times(&series[2]), ratio);
    report.table(
        "Naming a policy that other tokens have",
        &format!("A policy of {} bytes; mean of a round.", grouped(document.len() as f64)),
        &["creation without a policy", "with the policy", "difference", "parsing the policy"],
        &[vec![times(&series[0]), times(&series[1]), times(&named), times(&series[2])]],
    );
    Ok(())
}
