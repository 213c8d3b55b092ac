//! JSON documents (policies and extra data): what is accepted, and how it is written back.
//!
//! Reading refuses what could not be given back unchanged; writing gives the text that Python's
//! `json.dumps(document, sort_keys=True)` gives, since that is what Review Board's own tools write.

mod path;
mod read;
mod stored;
mod wiped;
mod write;

pub use serde_json::{Map, Value};

pub(crate) use path::Path;
pub use read::{MAX_BYTES, MAX_LEVELS, parse, parse_object};
pub(crate) use read::{check_room_for, parse_secret, parse_with_documents, read_back};
pub(crate) use stored::{Item, StoredDocument};
pub(crate) use wiped::WipedMembers;
pub(crate) use write::write_string;
pub use write::{object_to_text, to_text};

/// Returns the message for a value of another type than the one that was expected, such as
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
