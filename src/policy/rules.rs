//! The compiled form of a document.

use hashbrown::HashMap;

use crate::json::{Map, Value};

/// An HTTP method that is asked about.
#[derive(Clone, Copy)]
pub(super) struct Method<'a> {
    name: &'a str,
    /// The method's own bit; 0 for one that is not usual.
    bit: u16,
}

impl<'a> Method<'a> {
    /// A method by its name; none if that is not upper-case letters.
    pub fn new(name: &'a str) -> Option<Self> {
        let bit = match name {
            "GET" => 1,
            "HEAD" => 1 << 1,
            "POST" => 1 << 2,
            "PUT" => 1 << 3,
            "PATCH" => 1 << 4,
            "DELETE" => 1 << 5,
            "OPTIONS" => 1 << 6,
            "TRACE" => 1 << 7,
            "CONNECT" => 1 << 8,
            _ if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()) => 0,
            _ => return None,
        };
        Some(Self { name, bit })
    }
}

/// What one place of a document says about methods.
#[derive(Default)]
struct Rules {
    allowed: u16,
    blocked: u16,
    /// The methods that are not usual: true is allow.
    named: HashMap<Box<str>, bool>,
    /// What `*` says about the others.
    others: Option<bool>,
}

impl Rules {
    fn compile(section: &Value) -> Self {
        let mut rules = Self::default();
        // A block wins over an allow of the same method, so it is written over it.
        for (key, allowed) in [("allow", true), ("block", false)] {
            let methods = section.get(key).and_then(Value::as_array);
            for name in methods.into_iter().flatten().filter_map(Value::as_str) {
                match Method::new(name) {
                    _ if name == "*" => rules.others = Some(allowed),
                    Some(Method { bit: 0, .. }) => {
                        rules.named.insert(name.into(), allowed);
                    }
                    Some(Method { bit, .. }) if allowed => rules.allowed |= bit,
                    Some(Method { bit, .. }) => rules.blocked |= bit,
                    // Nobody can ask about it.
                    None => {}
                }
            }
        }
        rules
    }

    fn opinion(&self, method: Method<'_>) -> Option<bool> {
        if self.blocked & method.bit != 0 {
            Some(false)
        } else if self.allowed & method.bit != 0 {
            Some(true)
        } else if method.bit == 0 {
            self.named.get(method.name).copied().or(self.others)
        } else {
            self.others
        }
    }
}

/// What a document says about one policy id.
#[derive(Default)]
struct Section {
    resources: HashMap<Box<str>, Rules>,
    any_resource: Option<Rules>,
}

impl Section {
    fn compile(section: &Value) -> Self {
        let mut compiled = Self::default();
        for (resource_id, rules) in section.as_object().into_iter().flatten() {
            let rules = Rules::compile(rules);
            // Who asks about a resource of this name asks about any.
            if resource_id == "*" {
                compiled.any_resource = Some(rules);
            } else {
                compiled.resources.insert(resource_id.as_str().into(), rules);
            }
        }
        compiled
    }

    fn opinion(&self, method: Method<'_>, resource_id: Option<&str>) -> Option<bool> {
        let of_resource = resource_id.and_then(|id| self.resources.get(id)?.opinion(method));
        of_resource.or_else(|| self.any_resource.as_ref()?.opinion(method))
    }
}

/// The compiled `resources` of a document.
pub(super) struct Resources {
    /// By policy id.
    sections: HashMap<Box<str>, Section>,
    everything: Option<Rules>,
}

impl Resources {
    /// Compiles the `resources` of a valid document.
    pub fn compile(resources: &Map<String, Value>) -> Self {
        let everything = resources.get("*").map(Rules::compile);
        let sections = resources.iter().filter(|(policy_id, _)| *policy_id != "*");
        let sections = sections
            .map(|(policy_id, section)| (policy_id.as_str().into(), Section::compile(section)))
            .collect();
        Self { sections, everything }
    }

    pub fn opinion(
        &self,
        policy_id: &str,
        method: Method<'_>,
        resource_id: Option<&str>,
    ) -> Option<bool> {
        let section = self.sections.get(policy_id);
        let of_section = section.and_then(|section| section.opinion(method, resource_id));
        of_section.or_else(|| self.everything.as_ref()?.opinion(method))
    }
}
