//! Validation of policy documents.

use std::borrow::Cow;

use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Map, Path, Value};

use super::PolicyIds;

/// Validates a document. The empty one is valid and means full access.
pub(super) fn check(document: &Map<String, Value>, ids: &PolicyIds) -> Result<()> {
    if document.is_empty() {
        return Ok(());
    }
    let root = Path::Root;
    let Some(resources) = document.get("resources") else {
        return Err(violation(&root, "must be empty or have a member \"resources\""));
    };
    let path = root.member("resources");
    let resources = object(resources, &path)?;
    if resources.is_empty() {
        return Err(violation(&path, "must not be empty"));
    }
    for (policy_id, section) in resources {
        let path = path.member(policy_id);
        if policy_id == "*" {
            rules(section, &path)?;
            continue;
        }
        if policy_id.is_empty() || !ids.knows(policy_id) {
            return Err(violation(&path, "unknown policy id"));
        }
        let section = object(section, &path)?;
        for (resource_id, section) in section {
            rules(section, &path.member(resource_id))?;
        }
    }
    Ok(())
}

fn rules(section: &Value, path: &Path<'_>) -> Result<()> {
    let section = object(section, path)?;
    if !section.contains_key("allow") && !section.contains_key("block") {
        return Err(violation(path, "must have a member \"allow\", \"block\" or both"));
    }
    for key in ["allow", "block"] {
        let path = path.member(key);
        match section.get(key) {
            None => {}
            Some(Value::Array(methods)) => {
                let wrong = methods.iter().enumerate().find(|(_, method)| !method.is_string());
                if let Some((index, method)) = wrong {
                    return Err(violation(&path.item(index), json::expected("a string", method)));
                }
            }
            Some(other) => return Err(violation(&path, json::expected("a list", other))),
        }
    }
    Ok(())
}

fn object<'a>(value: &'a Value, path: &Path<'_>) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| violation(path, json::expected("an object", value)))
}

fn violation(path: &Path<'_>, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Policy, message).at_path(path)
}
