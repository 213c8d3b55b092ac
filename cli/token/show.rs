//! What is shown of a token.

use rbtoken::clock::Timestamp;
use rbtoken::json::{self, Value};
use rbtoken::token::Token;
use zeroize::Zeroizing;

use crate::output::Output;
use crate::times::Zone;

/// Returns whether a token can be used, and why not.
pub fn state(token: &Token, now: Timestamp) -> &'static str {
    let record = token.record();
    if record.unreadable().is_some() {
        "unreadable"
    } else if record.invalidation().is_some() {
        "revoked"
    } else if record.is_expired(now) {
        "expired"
    } else {
        "valid"
    }
}

/// Returns the cells of a token's row.
pub fn cells(token: &Token, show_values: bool, zone: Zone, now: Timestamp) -> Vec<String> {
    let record = token.record();
    let text = |text: Option<&rbtoken::text::Text>| text.map_or("", |it| it.as_str()).to_owned();
    let time = |time: Option<Timestamp>| time.map_or("never".to_owned(), |it| zone.short(it));
    let mut cells = vec![
        record.id().to_string(),
        record.user().as_str().to_owned(),
        text(record.client_name()),
        state(token, now).to_owned(),
        time(record.expires()),
        text(record.local_site()),
        time(token.last_used()),
        record.note().as_str().to_owned(),
    ];
    if show_values {
        cells.push(record.value().expose().to_owned());
    }
    cells
}

/// Returns the fields of a token and their values.
pub fn fields(token: &Token, output: &Output, now: Timestamp) -> Vec<(&'static str, String)> {
    let record = token.record();
    let time = |time: Timestamp| output.zone.long(time);
    let or_never = |it: Option<Timestamp>| it.map_or("never".to_owned(), time);
    let value = match output.show_values {
        true => record.value().expose().to_owned(),
        false => token.redacted().as_str().to_owned(),
    };
    let mut fields = vec![
        ("id", record.id().to_string()),
        ("value", value),
        ("user", record.user().as_str().to_owned()),
        ("client", record.client_name().map_or("", |it| it.as_str()).to_owned()),
        ("site", record.local_site().map_or("", |it| it.as_str()).to_owned()),
        ("state", state(token, now).to_owned()),
        ("created", time(record.time_added())),
        ("updated", time(record.last_updated())),
        ("last used", or_never(token.last_used())),
        ("expires", or_never(record.expires())),
    ];
    if let Some(invalidation) = record.invalidation() {
        fields.push(("revoked", invalidation.date.map_or("unknown".to_owned(), time)));
        fields.push(("reason", invalidation.reason.as_str().to_owned()));
    }
    if let Some(column) = record.unreadable() {
        fields.push(("unreadable", column.to_owned()));
    }
    let is_deprecated = if token.is_deprecated() { " (deprecated)" } else { "" };
    fields.push(("generator", format!("{}{is_deprecated}", record.generator_id().as_str())));
    fields.push(("note", record.note().as_str().to_owned()));
    fields.push(("policy", record.policy().text().as_str().to_owned()));
    fields.push(("extra data", record.extra_data().text().as_str().to_owned()));
    fields
}

/// Returns a token as a JSON object: the fields of Review Board's API, and those that it leaves to
/// the path of the request.
pub fn json(token: &Token, show_value: bool, now: Timestamp) -> rbtoken::Result<Zeroizing<String>> {
    let record = token.record();
    let text = |text: Option<&rbtoken::text::Text>| {
        json::to_text(&text.map_or(Value::Null, |it| Value::from(it.as_str())))
    };
    let own = format!(
        r#"{{"client_name": {}, "local_site": {}, "redacted": {}, "state": "{}", "user": {}, "#,
        text(record.client_name())?,
        text(record.local_site())?,
        text(Some(token.redacted()))?,
        state(token, now),
        text(Some(record.user()))?,
    );
    let members = token.to_json(now, show_value)?;
    // Not grown, since that would leave a copy of the value behind.
    let mut document = Zeroizing::new(String::with_capacity(own.len() + members.len()));
    document.push_str(&own);
    document.push_str(members.strip_prefix('{').unwrap_or(&members));
    Ok(document)
}
