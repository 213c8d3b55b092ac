//! A token as Review Board's web API shows it.

use std::borrow::Cow;
use std::fmt::{self, Write};

use zeroize::Zeroizing;

use super::Token;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::{self, Value, write_string};
use crate::memory::TextBuffer;

/// Members of extra data whose names start so are the server's own.
const PRIVATE: &str = "__";

impl Token {
    /// The fields of Review Board's API token payload as a JSON object, in the order of their
    /// names; `token` only if the value is asked for. `expired` is told for the time `at`. As there,
    /// members of `extra_data` whose names start with `__` are left out, also in objects that are
    /// members of objects; an object inside a list is written whole.
    ///
    /// # Errors
    /// `NoMemory`; no others for what a store made.
    pub fn to_json(&self, at: Timestamp, with_value: bool) -> Result<Zeroizing<String>> {
        let mut json = TextBuffer::default();
        // The buffer notes a failure itself.
        let _ =
            self.write_json(at, with_value, &public(self.record().extra_data().text())?, &mut json);
        json.finish().map(Zeroizing::new)
    }

    fn write_json(
        &self,
        at: Timestamp,
        with_value: bool,
        extra_data: &str,
        json: &mut TextBuffer,
    ) -> fmt::Result {
        let record = self.record();
        let invalidation = record.invalidation();
        let time = |json: &mut TextBuffer, name: &str, time: Option<Timestamp>| {
            write!(json, r#", "{name}": "#)?;
            match time {
                Some(time) => write!(json, r#""{}""#, time.to_iso8601()),
                None => json.write_str("null"),
            }
        };
        let text = |json: &mut TextBuffer, name: &str, text: &str| {
            write!(json, r#", "{name}": "#)?;
            write_string(text, json)
        };
        let (deprecated, expired) = (self.is_deprecated(), record.is_expired(at));
        write!(json, r#"{{"deprecated": {deprecated}, "expired": {expired}"#)?;
        time(json, "expires", record.expires())?;
        write!(json, r#", "extra_data": {extra_data}, "id": {}"#, record.id())?;
        time(json, "invalid_date", invalidation.and_then(|it| it.date))?;
        text(json, "invalid_reason", invalidation.map_or("", |it| &it.reason))?;
        time(json, "last_updated", Some(record.last_updated()))?;
        time(json, "last_used", self.last_used())?;
        text(json, "note", record.note())?;
        write!(json, r#", "policy": {}"#, record.policy().text())?;
        time(json, "time_added", Some(record.time_added()))?;
        let (value, generator_id) = (record.value().expose(), record.generator_id());
        if with_value {
            // Growing would leave a copy of the value behind that nobody wipes. An escaped character
            // has at most six for each of its bytes.
            json.reserve(6 * (value.len() + generator_id.len()) + 80);
            text(json, "token", value)?;
        }
        text(json, "token_generator_id", generator_id)?;
        write!(json, r#", "valid": {}}}"#, invalidation.is_none())
    }
}

/// The text of extra data without what is private in it.
fn public(extra_data: &str) -> Result<Cow<'_, str>> {
    if !extra_data.contains("\"__") {
        return Ok(Cow::Borrowed(extra_data));
    }
    let mut document = json::read_back(extra_data)?;
    remove_private(&mut document);
    json::to_text(&document).map(Cow::Owned)
}

fn remove_private(value: &mut Value) {
    if let Value::Object(members) = value {
        members.retain(|name, _| !name.starts_with(PRIVATE));
        members.values_mut().for_each(remove_private);
    }
}
