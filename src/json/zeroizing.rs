//! JSON values that are zeroized when they are dropped.

use std::ops::Deref;

use serde_json::{Map, Value};
use zeroize::Zeroize;

/// The members of an object.
#[derive(Default)]
pub(crate) struct ZeroizingMembers(pub(super) Map<String, Value>);

impl ZeroizingMembers {
    /// Adds a member, and zeroizes one that it replaces.
    pub(super) fn insert(&mut self, name: String, value: Value) {
        if let Some(mut replaced) = self.0.insert(name, value) {
            zeroize(&mut replaced);
        }
    }

    /// Takes the members, which the caller must zeroize.
    pub(super) fn take(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.0)
    }
}

impl Deref for ZeroizingMembers {
    type Target = Map<String, Value>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for ZeroizingMembers {
    fn drop(&mut self) {
        self.0.values_mut().for_each(zeroize);
    }
}

/// The items of an array.
#[derive(Default)]
pub(super) struct ZeroizingItems(pub Vec<Value>);

impl Drop for ZeroizingItems {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(zeroize);
    }
}

/// Zeroizes the strings in a value.
pub(super) fn zeroize(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(zeroize),
        Value::Object(members) => members.values_mut().for_each(zeroize),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
