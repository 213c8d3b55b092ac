//! Validation of policy documents.

use crate::error::{Error, ErrorKind, Result};
use crate::json::{Map, Path, Value};

use super::PolicyIds;

/// Validates a document. The empty one is valid and means full access.
pub(super) fn check(document: &Map<String, Value>, ids: &PolicyIds) -> Result<()> {
    if document.is_empty() {
        return Ok(());
    }
    let root = Path::Root;
    let Some(resources) = document.get("resources") else {
        return Err(broken(&root, "a policy that is not empty has a \"resources\" object"));
    };
    let path = root.member("resources");
    let resources = object(resources, &path, "\"resources\" must be a JSON object")?;
    if resources.is_empty() {
        return Err(broken(&path, "\"resources\" must not be empty"));
    }
    for (policy_id, section) in resources {
        let path = path.member(policy_id);
        if policy_id == "*" {
            rules(section, &path)?;
            continue;
        }
        if policy_id.is_empty() || !ids.knows(policy_id) {
            return Err(broken(&path, "this is not a known policy id"));
        }
        let section = object(section, &path, "a policy id's section must be a JSON object")?;
        for (resource_id, section) in section {
            rules(section, &path.member(resource_id))?;
        }
    }
    Ok(())
}

fn rules(section: &Value, path: &Path<'_>) -> Result<()> {
    let section = object(section, path, "rules must be a JSON object")?;
    if !section.contains_key("allow") && !section.contains_key("block") {
        return Err(broken(path, "rules have an \"allow\" list, a \"block\" list or both"));
    }
    for key in ["allow", "block"] {
        let path = path.member(key);
        match section.get(key) {
            None => {}
            Some(Value::Array(methods)) => {
                if let Some(index) = methods.iter().position(|method| !method.is_string()) {
                    return Err(broken(&path.item(index), "a method must be a string"));
                }
            }
            Some(_) => return Err(broken(&path, "\"allow\" and \"block\" must be lists")),
        }
    }
    Ok(())
}

fn object<'a>(
    value: &'a Value,
    path: &Path<'_>,
    message: &'static str,
) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| broken(path, message))
}

fn broken(path: &Path<'_>, message: &'static str) -> Error {
    Error::new(ErrorKind::Policy, message).at_path(path)
}
