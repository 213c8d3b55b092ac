//! Writes stored documents as strict JSON.
//!
//! The writer of accepted documents (`json::write`) borrows sorted members and is recursive to at
//! most 128 levels. Here, documents can have any depth and keys that are not strings. Both share
//! the code for strings and floats.

use std::borrow::Cow;

use super::super::write::{write_float, write_string};
use super::{Children, Item, Node};
use crate::error::Result;
use crate::memory::{self, TextBuffer};

/// The values of an open container that have not been written.
enum OpenContainer<'a> {
    List(Children<'a>),
    /// In reverse order, so that `pop` returns the next one.
    Dict(Vec<Member<'a>>),
}

type Member<'a> = (Cow<'a, str>, Item<'a>);

/// Writes a value without the members whose names start with `hidden`. Objects inside lists are
/// written in full.
///
/// # Errors
/// `NoMemory`.
pub(super) fn write(root: Item<'_>, hidden: Option<&str>) -> Result<String> {
    let mut out = TextBuffer::default();
    let (mut open, mut open_lists) = (Vec::new(), 0_usize);
    let mut item = root;
    loop {
        let mut is_first = false;
        match item.node() {
            Node::Null | Node::Group | Node::Opaque { .. } => out.push_str("null"),
            Node::Bool(true) => out.push_str("true"),
            Node::Bool(false) => out.push_str("false"),
            Node::Int(digits) => out.push_str(digits),
            Node::Float(value) if value.is_finite() => write_float(*value, &mut out),
            Node::Float(_) => out.push_str("null"),
            // The buffer records failures, and `finish` returns them.
            Node::Text(text) => _ = write_string(&text.text, &mut out),
            Node::List { end } => {
                out.push('[');
                memory::push(&mut open, OpenContainer::List(item.children(*end)))?;
                (is_first, open_lists) = (true, open_lists + 1);
            }
            Node::Dict { .. } => {
                out.push('{');
                let members = members(item, hidden.filter(|_| open_lists == 0))?;
                memory::push(&mut open, OpenContainer::Dict(members))?;
                is_first = true;
            }
        }
        item = loop {
            let separator = if is_first { "" } else { ", " };
            match open.last_mut() {
                None => return out.finish(),
                Some(OpenContainer::List(items)) => {
                    if let Some(item) = items.next() {
                        out.push_str(separator);
                        break item;
                    }
                    out.push(']');
                    open_lists -= 1;
                }
                Some(OpenContainer::Dict(members)) => {
                    if let Some((name, value)) = members.pop() {
                        out.push_str(separator);
                        let _ = write_string(&name, &mut out);
                        out.push_str(": ");
                        break value;
                    }
                    out.push('}');
                }
            }
            open.pop();
            is_first = false;
        };
    }
}

/// Returns the members of an object with their JSON names, in reverse order.
fn members<'a>(item: Item<'a>, hidden: Option<&str>) -> Result<Vec<Member<'a>>> {
    let mut members = Vec::new();
    for (key, value) in item.members().into_iter().flatten() {
        let Some(name) = name(key)? else { continue };
        if hidden.is_none_or(|prefix| !name.starts_with(prefix)) {
            memory::push(&mut members, (name, value))?;
        }
    }
    // The last of duplicate names wins.
    members.sort_unstable_by(|(one, first), (other, second)| {
        other.cmp(one).then(second.at.cmp(&first.at))
    });
    members.dedup_by(|(later, _), (kept, _)| later == kept);
    Ok(members)
}

/// Returns the JSON name of a key, as Python's `json.dumps` writes it.
fn name(key: Item<'_>) -> Result<Option<Cow<'_, str>>> {
    Ok(Some(match key.node() {
        Node::Text(text) => Cow::Borrowed(&*text.text),
        Node::Int(digits) => Cow::Borrowed(&**digits),
        Node::Bool(true) => Cow::Borrowed("true"),
        Node::Bool(false) => Cow::Borrowed("false"),
        Node::Null => Cow::Borrowed("null"),
        Node::Float(value) if value.is_finite() => {
            let mut name = TextBuffer::default();
            write_float(*value, &mut name);
            Cow::Owned(name.finish()?)
        }
        Node::Float(value) if value.is_nan() => Cow::Borrowed("NaN"),
        Node::Float(value) => Cow::Borrowed(if *value > 0.0 { "Infinity" } else { "-Infinity" }),
        Node::Group | Node::Opaque { .. } | Node::List { .. } | Node::Dict { .. } => {
            return Ok(None);
        }
    }))
}
