//! A token as Review Board's web API shows it.

use zeroize::Zeroizing;

use super::Token;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::json::write_string;

/// Members of extra data whose names start so are the server's own.
const PRIVATE: &str = "__";

impl Token {
    /// The fields of Review Board's API token payload as a JSON object, in the order of their
    /// names; `token` only if the value is asked for. `expired` is told for the time `at`. As there,
    /// members of `extra_data` whose names start with `__` are left out, in objects inside it too.
    ///
    /// # Errors
    /// None for what a store made.
    pub fn to_json(&self, at: Timestamp, with_value: bool) -> Result<Zeroizing<String>> {
        let record = self.record();
        let invalidation = record.invalidation();
        let yes_or_no = |answer: bool| if answer { "true" } else { "false" }.to_owned();
        let time = |time: Option<Timestamp>| {
            time.map_or_else(|| "null".to_owned(), |time| format!("\"{}\"", time.to_iso8601()))
        };
        let text = |text: &str| {
            let mut quoted = String::new();
            write_string(text, &mut quoted);
            quoted
        };
        let before_value = [
            ("deprecated", yes_or_no(self.is_deprecated())),
            ("expired", yes_or_no(record.is_expired(at))),
            ("expires", time(record.expires())),
            ("extra_data", record.extra_data().to_json_without(PRIVATE)?.into_owned()),
            ("id", record.id().to_string()),
            ("invalid_date", time(invalidation.and_then(|it| it.date))),
            ("invalid_reason", text(invalidation.map_or("", |it| &it.reason))),
            ("last_updated", time(Some(record.last_updated()))),
            ("last_used", time(self.last_used())),
            ("note", text(record.note())),
            ("policy", record.policy().to_json().into_owned()),
            ("time_added", time(Some(record.time_added()))),
        ];
        let behind_value = [
            ("token_generator_id", text(record.generator_id())),
            ("valid", yes_or_no(invalidation.is_none())),
        ];
        let member = |(name, value): &(&str, String)| format!("\"{name}\": {value}");
        let before_value: Vec<String> = before_value.iter().map(member).collect();
        let behind_value: Vec<String> = behind_value.iter().map(member).collect();
        let (before_value, behind_value) = (before_value.join(", "), behind_value.join(", "));

        // Long enough from the start: growing would leave a copy of the value behind that nobody
        // wipes. An escaped character has at most six for each of its bytes.
        let value = record.value().expose();
        let capacity = before_value.len() + behind_value.len() + 6 * value.len() + 32;
        let mut json = Zeroizing::new(String::with_capacity(capacity));
        json.push('{');
        json.push_str(&before_value);
        if with_value {
            json.push_str(", \"token\": ");
            write_string(value, &mut json);
        }
        json.push_str(", ");
        json.push_str(&behind_value);
        json.push('}');
        Ok(json)
    }
}
