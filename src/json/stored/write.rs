//! A stored document as JSON that every reader takes.

use super::super::write::{write_float, write_string};
use super::{Item, Node};
use crate::error::Result;
use crate::memory::TextBuffer;

/// What is yet to be written, from the last to the first.
enum Todo<'a> {
    /// A value; whether it is the document, or an object in objects alone.
    Value(Item<'a>, bool),
    Text(&'static str),
    /// A member's name and what separates it from the value.
    Name(String),
}

/// Writes a value, leaving out the members whose names start with `hidden`.
///
/// # Errors
/// `NoMemory`.
pub(super) fn write(root: Item<'_>, hidden: Option<&str>) -> Result<String> {
    let mut out = TextBuffer::default();
    let mut todo = vec![Todo::Value(root, true)];
    while let Some(next) = todo.pop() {
        let (item, is_outer) = match next {
            Todo::Text(text) => {
                out.push_str(text);
                continue;
            }
            Todo::Name(name) => {
                // The buffer notes a failure itself.
                let _ = write_string(&name, &mut out);
                out.push_str(": ");
                continue;
            }
            Todo::Value(item, is_outer) => (item, is_outer),
        };
        match item.node() {
            Node::Null | Node::Group | Node::Opaque { .. } => out.push_str("null"),
            Node::Bool(true) => out.push_str("true"),
            Node::Bool(false) => out.push_str("false"),
            Node::Int(digits) => out.push_str(digits),
            Node::Float(value) if value.is_finite() => write_float(*value, &mut out),
            Node::Float(_) => out.push_str("null"),
            Node::Text(text) => _ = write_string(&text.text, &mut out),
            Node::List { end } => {
                out.push('[');
                let first = todo.len();
                for item in item.parts(*end) {
                    if todo.len() > first {
                        todo.push(Todo::Text(", "));
                    }
                    todo.push(Todo::Value(item, false));
                }
                todo[first..].reverse();
                todo.insert(first, Todo::Text("]"));
            }
            Node::Dict { .. } => {
                out.push('{');
                let mut members: Vec<_> = item
                    .members()
                    .into_iter()
                    .flatten()
                    .filter_map(|(key, value)| Some((name(key)?, value)))
                    .collect();
                if let Some(prefix) = hidden.filter(|_| is_outer) {
                    members.retain(|(name, _)| !name.starts_with(prefix));
                }
                // Stable, so that of equal names the last one stays the last.
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                members.reverse();
                members.dedup_by(|(one, _), (other, _)| one == other);
                todo.push(Todo::Text("}"));
                let last = members.len().saturating_sub(1);
                // The first to be written is the last of the stack.
                for (index, (name, value)) in members.into_iter().enumerate() {
                    todo.push(Todo::Value(value, is_outer));
                    todo.push(Todo::Name(name));
                    if index < last {
                        todo.push(Todo::Text(", "));
                    }
                }
            }
        }
    }
    out.finish()
}

/// The name that a key has in JSON, as Python's `json.dumps` writes it.
fn name(key: Item<'_>) -> Option<String> {
    Some(match key.node() {
        Node::Text(text) => text.text.clone(),
        Node::Int(digits) => digits.to_string(),
        Node::Bool(true) => "true".to_owned(),
        Node::Bool(false) => "false".to_owned(),
        Node::Null => "null".to_owned(),
        Node::Float(value) if value.is_finite() => {
            let mut name = TextBuffer::default();
            write_float(*value, &mut name);
            name.finish().ok()?
        }
        Node::Float(value) if value.is_nan() => "NaN".to_owned(),
        Node::Float(value) => if *value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
        Node::Group | Node::Opaque { .. } | Node::List { .. } | Node::Dict { .. } => return None,
    })
}
