//! `rbtoken stats` and `check`.

use std::collections::BTreeSet;

use rbtoken::json::{Map, Value};
use rbtoken::store::{Store, TokenFilter};
use serde_json::json;

use crate::args::Global;
use crate::failure::{Failure, Outcome, Status};
use crate::output::Output;
use crate::table::{Column, text};
use crate::{times, token};

const CHECK_COLUMNS: [Column; 3] = [text("CHECK"), text("RESULT"), text("DETAIL")];

pub fn stats(global: &Global, output: &mut Output) -> Outcome {
    let store = global.open()?;
    let now = times::now()?;
    let states = ["valid", "expired", "revoked", "unreadable"];
    let mut counts = [0_u64; 4];
    let mut users = BTreeSet::new();
    store.for_each_token(&TokenFilter::default(), &mut |it| {
        let state = token::state(it, now);
        for (name, count) in states.iter().zip(&mut counts) {
            *count += u64::from(*name == state);
        }
        let user = it.record().user().as_str();
        if !users.contains(user) {
            users.insert(user.to_owned());
        }
        Ok(())
    })?;
    let mut members = Map::new();
    let by_state: Map<_, _> =
        states.iter().zip(counts).map(|(k, n)| ((*k).to_owned(), n.into())).collect();
    let total: u64 = counts.iter().sum();
    members.insert("tokens".to_owned(), total.into());
    members.insert("states".to_owned(), by_state.into());
    members.insert("users".to_owned(), users.len().into());
    members.insert("disabled_users".to_owned(), store.inactive_users()?.len().into());
    members.insert("local_sites".to_owned(), store.local_sites()?.len().into());
    members.insert("store".to_owned(), store.statistics()?.into());
    let mut fields = vec![("tokens", total.to_string())];
    fields.extend(states.into_iter().zip(counts.map(|count| count.to_string())));
    for name in ["users", "disabled_users", "local_sites"] {
        fields.push((name, members[name].to_string()));
    }
    let details = flattened("store", &members["store"]);
    fields.extend(details.iter().map(|(name, value)| (name.as_str(), value.clone())));
    output.fields(&fields, &total.to_string(), &Value::Object(members).to_string())
}

/// Returns the values in an object, with the names of the objects that they are in.
fn flattened(place: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(members) => {
            let inner = members.iter();
            inner.flat_map(|(name, value)| flattened(&format!("{place}.{name}"), value)).collect()
        }
        Value::String(text) => vec![(place.to_owned(), text.clone())],
        value => vec![(place.to_owned(), value.to_string())],
    }
}

/// Prints the result of each check, and fails if one failed.
pub fn check(global: &Global, output: &mut Output) -> Outcome {
    let place = global.place()?;
    let findings = Store::check(place.options())?;
    let mut rows = output.rows(&CHECK_COLUMNS);
    for finding in &findings {
        let result = if finding.is_ok { "ok" } else { "failed" };
        rows.add(
            || vec![finding.name.to_owned(), result.to_owned(), finding.detail.clone()],
            || {
                let check =
                    json!({"check": finding.name, "detail": finding.detail, "ok": finding.is_ok});
                Ok(check.to_string())
            },
        )?;
    }
    rows.finish()?;
    let failed: Vec<_> = findings.iter().filter(|it| !it.is_ok).map(|it| it.name).collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure {
            status: Status::Store,
            message: format!("failed: {}; docs/cli.md says what to do", failed.join(", ")),
        }),
    }
}
