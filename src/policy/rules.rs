//! The compiled form of a document.

use hashbrown::HashMap;

use crate::json::{Map, Value};

/// What one place of a document says about methods.
struct Rules {
    /// Methods that are named: true is allow.
    named: HashMap<Box<str>, bool>,
    /// What `*` says about the others.
    others: Option<bool>,
}

impl Rules {
    fn compile(section: &Value) -> Self {
        let mut rules = Self { named: HashMap::new(), others: None };
        // A block wins over an allow of the same method, so it is written over it.
        for (key, allowed) in [("allow", true), ("block", false)] {
            let methods = section.get(key).and_then(Value::as_array);
            for method in methods.into_iter().flatten().filter_map(Value::as_str) {
                if method == "*" {
                    rules.others = Some(allowed);
                } else {
                    rules.named.insert(method.into(), allowed);
                }
            }
        }
        rules
    }

    fn opinion(&self, method: &str) -> Option<bool> {
        self.named.get(method).copied().or(self.others)
    }
}

/// The compiled `resources` of a document.
pub(super) struct Resources {
    /// By policy id and resource id, where `*` stands for any resource.
    sections: HashMap<Box<str>, HashMap<Box<str>, Rules>>,
    everything: Option<Rules>,
}

impl Resources {
    /// Compiles the `resources` of a valid document.
    pub fn compile(resources: &Map<String, Value>) -> Self {
        let everything = resources.get("*").map(Rules::compile);
        let sections = resources.iter().filter(|(policy_id, _)| *policy_id != "*");
        let sections = sections
            .map(|(policy_id, section)| {
                let section = section.as_object().into_iter().flatten();
                let rules = section
                    .map(|(resource_id, rules)| {
                        (resource_id.as_str().into(), Rules::compile(rules))
                    })
                    .collect();
                (policy_id.as_str().into(), rules)
            })
            .collect();
        Self { sections, everything }
    }

    pub fn opinion(
        &self,
        policy_id: &str,
        method: &str,
        resource_id: Option<&str>,
    ) -> Option<bool> {
        let section = self.sections.get(policy_id);
        let rules_of = |resource_id: &str| section.and_then(|section| section.get(resource_id));
        resource_id
            .and_then(rules_of)
            .and_then(|rules| rules.opinion(method))
            .or_else(|| rules_of("*").and_then(|rules| rules.opinion(method)))
            .or_else(|| self.everything.as_ref().and_then(|rules| rules.opinion(method)))
    }
}
