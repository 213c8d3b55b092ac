//! The JSON representation of a token in Review Board's web API.

use std::fmt::{self, Write};

use zeroize::Zeroizing;

use super::Token;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;
use crate::memory::TextBuffer;

/// Prefix of the members of extra data that are private to the server.
const PRIVATE: &str = "__";

impl Token {
    /// Returns the fields of Review Board's API token payload as a JSON object, sorted by name.
    /// `token` is included only if `with_value` is set, and `expired` is computed for the time
    /// `at`. As in Review Board, members of `extra_data` whose names start with `__` are omitted,
    /// also in objects nested in objects. Objects inside a list are written in full.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn to_json(&self, at: Timestamp, with_value: bool) -> Result<Zeroizing<String>> {
        let mut json = TextBuffer::default();
        let extra_data = self.record().extra_data().to_json_without(PRIVATE)?;
        let policy = self.record().policy().to_json()?;
        // The buffer records failures, and `finish` returns them.
        let _ = self.write_json(at, with_value, &extra_data, &policy, &mut json);
        json.finish().map(Zeroizing::new)
    }

    fn write_json(
        &self,
        at: Timestamp,
        with_value: bool,
        extra_data: &str,
        policy: &str,
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
        write!(json, r#", "policy": {policy}"#)?;
        time(json, "time_added", Some(record.time_added()))?;
        let (value, generator_id) = (record.value().expose(), record.generator_id());
        if with_value {
            // Reserved, since growing would leave a copy of the value behind that is not zeroized.
            // Each byte has at most six characters when escaped.
            json.reserve(6 * (value.len() + generator_id.len()) + 80);
            text(json, "token", value)?;
        }
        text(json, "token_generator_id", generator_id)?;
        write!(json, r#", "valid": {}}}"#, invalidation.is_none())
    }
}
