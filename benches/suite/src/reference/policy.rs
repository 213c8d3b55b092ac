//! A policy check that traverses the parsed document.

use std::ffi::c_char;

use serde_json::Value;

use super::opaque;

type Allows = unsafe extern "C" fn(
    *const Value,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const c_char,
    usize,
) -> bool;

/// A parsed policy.
pub struct Walk {
    document: Value,
    allows: Allows,
}

/// # Safety
/// The texts must be valid memory. They are checked to be UTF-8, as in every such function.
unsafe extern "C" fn allows(
    document: *const Value,
    id: *const c_char,
    id_len: usize,
    method: *const c_char,
    method_len: usize,
    resource: *const c_char,
    resource_len: usize,
) -> bool {
    // SAFETY: as promised by the caller.
    let text = |text: *const c_char, len| unsafe {
        std::str::from_utf8(std::slice::from_raw_parts(text.cast(), len)).unwrap_or_default()
    };
    let (id, method) = (text(id, id_len), text(method, method_len));
    // SAFETY: as promised by the caller.
    let document = unsafe { &*document };
    let resources = &document["resources"];
    let own = resources.get(id);
    let of_resource = (!resource.is_null())
        .then(|| own.and_then(|own| own.get(text(resource, resource_len))))
        .flatten();
    let rules = [of_resource, own.and_then(|own| own.get("*")), resources.get("*")];
    rules.into_iter().flatten().find_map(|rules| opinion(rules, method)).unwrap_or(true)
}

/// Returns the rule for a method in one object of rules.
fn opinion(rules: &Value, method: &str) -> Option<bool> {
    let (mut block_all, mut allow_all) = (false, false);
    let listed = |list: &str, all: &mut bool| {
        let list = rules.get(list).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut named = false;
        for item in list.iter().filter_map(Value::as_str) {
            named |= item == method;
            *all |= item == "*";
        }
        named
    };
    if listed("block", &mut block_all) {
        return Some(false);
    }
    if listed("allow", &mut allow_all) {
        return Some(true);
    }
    (block_all || allow_all).then_some(!block_all)
}

impl Walk {
    pub fn parse(document: &str) -> serde_json::Result<Self> {
        Ok(Self { document: serde_json::from_str(document)?, allows: opaque(allows as Allows) })
    }

    #[inline]
    pub fn allows(&self, id: &str, method: &str, resource: Option<&str>) -> bool {
        let (resource, resource_len) =
            resource.map_or((std::ptr::null(), 0), |text| (text.as_ptr(), text.len()));
        // SAFETY: the texts are valid during the call.
        unsafe {
            (self.allows)(
                &raw const self.document,
                id.as_ptr().cast(),
                id.len(),
                method.as_ptr().cast(),
                method.len(),
                resource.cast(),
                resource_len,
            )
        }
    }
}
