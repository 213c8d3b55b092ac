//! JSON documents: parsing, canonical text, and the formats of stored rows.
//!
//! The parser rejects what could not be written back unchanged. The writer produces the text of
//! Python's `json.dumps(document, sort_keys=True)`, which Review Board's own tools write.

mod path;
mod read;
mod stored;
mod write;
mod zeroizing;

pub use serde_json::{Map, Value};

pub(crate) use path::Path;
pub use read::{MAX_BYTES, MAX_LEVELS, parse, parse_object};
pub(crate) use read::{check_room_for, parse_secret, parse_with_documents, read_back};
pub(crate) use stored::{Item, StoredDocument};
pub(crate) use write::write_string;
pub use write::{object_to_text, to_text};
pub(crate) use zeroizing::ZeroizingMembers;

/// Returns the message for a value of the wrong type. `what` is the expected type, such as
/// "an integer".
pub(crate) fn expected(what: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("expected {what}, found {found}")
}
