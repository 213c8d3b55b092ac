//! The compiled form of a document.
//!
//! For the usual methods, each place has the whole answer: what its rules say, and where they have
//! no opinion what the less specific ones say. Other methods are looked up from place to place.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::json::{Map, Value};

/// The bit of an HTTP method; 0 for one that is not usual, none if it is not upper-case letters.
#[inline]
pub(super) fn method_bit(name: &str) -> Option<u16> {
    Some(match name {
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
    })
}

/// What one place of a document says about methods.
#[derive(Default)]
struct Rules {
    /// The usual methods that are allowed there in the end.
    usual: u16,
    /// The methods that are not usual: true is allow.
    named: HashMap<Box<str>, bool>,
    /// What `*` says about the others.
    others: Option<bool>,
}

impl Rules {
    /// Compiles a place; `usual` are the usual methods that are allowed where it has no opinion.
    fn compile(section: &Value, usual: u16) -> Self {
        let mut rules = Self::default();
        let mut mentioned = [0; 2];
        // A block wins over an allow of the same method, so it is written over it.
        for (key, allowed) in [("allow", true), ("block", false)] {
            let methods = section.get(key).and_then(Value::as_array);
            for name in methods.into_iter().flatten().filter_map(Value::as_str) {
                match method_bit(name) {
                    _ if name == "*" => rules.others = Some(allowed),
                    Some(0) => {
                        rules.named.insert(name.into(), allowed);
                    }
                    Some(bit) => mentioned[usize::from(allowed)] |= bit,
                    // Nobody can ask about it.
                    None => {}
                }
            }
        }
        let others = rules.others.map_or(usual, |allowed| if allowed { u16::MAX } else { 0 });
        let [blocked, allowed] = mentioned;
        rules.usual = (others | allowed) & !blocked;
        rules
    }

    /// The opinion of this place on a method that is not usual.
    fn opinion(&self, method: &str) -> Option<bool> {
        self.named.get(method).copied().or(self.others)
    }
}

/// Values by a name.
struct Table<T>(HashTable<(Box<str>, T)>);

impl<T> Table<T> {
    fn compile<'a>(
        hasher: &DefaultHashBuilder,
        section: impl Iterator<Item = (&'a String, &'a Value)>,
        compile: impl Fn(&'a Value) -> T,
    ) -> Self {
        let mut table = HashTable::new();
        for (name, value) in section {
            let entry = (Box::from(name.as_str()), compile(value));
            table.insert_unique(hash(hasher, name), entry, |(name, _)| hash(hasher, name));
        }
        Self(table)
    }

    #[inline]
    fn get(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<&T> {
        if self.0.is_empty() {
            return None;
        }
        let entry = self.0.find(hash(hasher, name), |(key, _)| **key == *name);
        entry.map(|(_, value)| value)
    }
}

/// Of the bytes alone: what `str` itself adds, to be told from what follows, costs as much again.
#[inline]
fn hash(hasher: &DefaultHashBuilder, name: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(name.as_bytes());
    state.finish()
}

/// What a document says about one policy id.
struct Section {
    resources: Table<Rules>,
    any_resource: Option<Rules>,
    /// The usual methods that are allowed on resources without rules.
    usual: u16,
}

impl Section {
    fn compile(hasher: &DefaultHashBuilder, section: &Value, usual: u16) -> Self {
        let section = section.as_object();
        let any_resource = section.and_then(|section| section.get("*"));
        let any_resource = any_resource.map(|rules| Rules::compile(rules, usual));
        let usual = any_resource.as_ref().map_or(usual, |rules| rules.usual);
        // Who asks about a resource of the name `*` asks about any.
        let named = section.into_iter().flatten().filter(|(resource_id, _)| *resource_id != "*");
        let resources = Table::compile(hasher, named, |rules| Rules::compile(rules, usual));
        Self { resources, any_resource, usual }
    }
}

/// The compiled `resources` of a document.
pub(super) struct Resources {
    /// Of all the names: a question hashes each once.
    hasher: DefaultHashBuilder,
    /// By policy id.
    sections: Table<Section>,
    everything: Option<Rules>,
    /// The usual methods that are allowed where there is no section.
    usual: u16,
}

impl Resources {
    /// Compiles the `resources` of a valid document.
    pub fn compile(resources: &Map<String, Value>) -> Self {
        let hasher = DefaultHashBuilder::default();
        let everything = resources.get("*").map(|rules| Rules::compile(rules, u16::MAX));
        let usual = everything.as_ref().map_or(u16::MAX, |rules| rules.usual);
        let named = resources.iter().filter(|(policy_id, _)| *policy_id != "*");
        let sections =
            Table::compile(&hasher, named, |section| Section::compile(&hasher, section, usual));
        Self { hasher, sections, everything, usual }
    }

    /// Whether a method is allowed, by its bit and, where that is 0, its name. What no rule has an
    /// opinion on is.
    #[inline]
    pub fn allow(&self, policy_id: &str, bit: u16, name: &str, resource_id: Option<&str>) -> bool {
        let section = self.sections.get(&self.hasher, policy_id);
        let rules = match (section, resource_id) {
            (Some(section), Some(id)) => section.resources.get(&self.hasher, id),
            _ => None,
        };
        if bit == 0 {
            return self.allow_unusual(section, rules, name);
        }
        let usual = match (rules, section) {
            (Some(rules), _) => rules.usual,
            (None, Some(section)) => section.usual,
            (None, None) => self.usual,
        };
        usual & bit != 0
    }

    #[cold]
    fn allow_unusual(
        &self,
        section: Option<&Section>,
        rules: Option<&Rules>,
        method: &str,
    ) -> bool {
        let any_resource = section.and_then(|section| section.any_resource.as_ref());
        let places = [rules, any_resource, self.everything.as_ref()];
        let opinion = places.into_iter().flatten().find_map(|rules| rules.opinion(method));
        opinion.unwrap_or(true)
    }
}
