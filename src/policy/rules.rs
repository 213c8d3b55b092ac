//! Compiled policies.
//!
//! For common methods, each level (resource, policy id, everything) stores the final result: its
//! own rules, with those of the less specific levels as fallback. Other methods are looked up level
//! by level.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::error::Result;
use crate::json::{Map, Value};
use crate::memory;

/// An HTTP method.
#[derive(Clone, Copy, Debug)]
pub struct Method<'a> {
    /// The bit of a common method; 0 for others.
    bit: u16,
    /// Empty for common methods.
    name: &'a str,
}

impl Method<'static> {
    /// Returns a common method by its name.
    #[inline(always)]
    pub fn common(name: &[u8]) -> Option<Self> {
        match common_bit(name) {
            0 => None,
            bit => Some(Self { bit, name: "" }),
        }
    }
}

fn common_bit(name: &[u8]) -> u16 {
    match name {
        b"GET" => 1,
        b"HEAD" => 1 << 1,
        b"POST" => 1 << 2,
        b"PUT" => 1 << 3,
        b"PATCH" => 1 << 4,
        b"DELETE" => 1 << 5,
        b"OPTIONS" => 1 << 6,
        b"TRACE" => 1 << 7,
        b"CONNECT" => 1 << 8,
        _ => 0,
    }
}

impl<'a> Method<'a> {
    /// Returns a method by its name.
    pub fn new(name: &'a str) -> Self {
        Method::common(name.as_bytes()).unwrap_or(Method { bit: 0, name })
    }

    /// Returns whether the method is in upper-case letters, as it must be.
    #[inline(always)]
    pub(super) fn is_valid(self) -> bool {
        self.bit != 0 || is_upper_case(self.name)
    }
}

#[cold]
fn is_upper_case(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// The compiled rules of one level.
#[derive(Default)]
struct Rules {
    /// The common methods that are allowed, with the fallback applied.
    common: u16,
    /// Rules for other methods: true means allow.
    named: HashMap<Box<str>, bool>,
    /// The rule `*` for all other methods.
    others: Option<bool>,
}

impl Rules {
    /// Compiles a level; `common` are the common methods that the less specific levels allow.
    fn compile(section: &Value, common: u16) -> Result<Self> {
        let mut rules = Self::default();
        let mut mentioned = [0; 2];
        // If a method is both allowed and blocked, block wins, so it is processed last.
        for (key, allowed) in [("allow", true), ("block", false)] {
            let methods = section.get(key).and_then(Value::as_array);
            for name in methods.into_iter().flatten().filter_map(Value::as_str) {
                let method = Method::new(name);
                if name == "*" {
                    rules.others = Some(allowed);
                } else if method.bit != 0 {
                    mentioned[usize::from(allowed)] |= method.bit;
                } else if method.is_valid() {
                    rules.named.try_reserve(1).map_err(memory::exhausted)?;
                    rules.named.insert(memory::string(name)?.into_boxed_str(), allowed);
                }
            }
        }
        let others = rules.others.map_or(common, |allowed| if allowed { u16::MAX } else { 0 });
        let [blocked, allowed] = mentioned;
        rules.common = (others | allowed) & !blocked;
        Ok(rules)
    }

    /// Returns this level's rule for a method that is not common.
    fn rule_for(&self, method: &str) -> Option<bool> {
        self.named.get(method).copied().or(self.others)
    }
}

/// A hash map from names to values.
struct NameMap<T> {
    entries: HashTable<(Box<str>, T)>,
    /// Filter bits ([`filter_bit`]) of all names. Most lookups are for names without rules and end
    /// here.
    filter: u64,
}

impl<T> NameMap<T> {
    fn compile<'a>(
        hasher: &DefaultHashBuilder,
        section: impl Iterator<Item = (&'a String, &'a Value)>,
        compile: impl Fn(&'a Value) -> Result<T>,
    ) -> Result<Self> {
        let (mut entries, mut filter) = (HashTable::new(), 0);
        let hash_of = |(name, _): &(Box<str>, T)| hash(hasher, name);
        for (name, value) in section {
            let entry = (memory::string(name)?.into_boxed_str(), compile(value)?);
            filter |= filter_bit(name);
            entries.try_reserve(1, hash_of).map_err(memory::exhausted)?;
            entries.insert_unique(hash(hasher, name), entry, hash_of);
        }
        Ok(Self { entries, filter })
    }

    #[inline(always)]
    fn get(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<&T> {
        if self.filter & filter_bit(name) == 0 { None } else { self.find(hasher, name) }
    }

    #[inline(never)]
    fn find(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<&T> {
        let entry = self.entries.find(hash(hasher, name), |(key, _)| &**key == name);
        entry.map(|(_, value)| value)
    }
}

/// Returns one of 64 filter bits by the length and the last byte, in which numbers differ most.
#[inline]
fn filter_bit(name: &str) -> u64 {
    let last = name.as_bytes().last().copied().unwrap_or_default();
    1 << ((usize::from(last) + 8 * name.len()) % 64)
}

/// Hashes the bytes alone: `str` also hashes a terminator, which doubles the cost.
#[inline]
fn hash(hasher: &DefaultHashBuilder, name: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(name.as_bytes());
    state.finish()
}

/// The compiled rules of one policy id.
struct Section {
    resources: NameMap<Rules>,
    any_resource: Option<Rules>,
    /// The common methods that are allowed on resources without rules.
    common: u16,
}

impl Section {
    fn compile(hasher: &DefaultHashBuilder, section: &Value, common: u16) -> Result<Self> {
        let section = section.as_object();
        let any_resource = section.and_then(|section| section.get("*"));
        let any_resource = any_resource.map(|rules| Rules::compile(rules, common)).transpose()?;
        let common = any_resource.as_ref().map_or(common, |rules| rules.common);
        // `*` is not a resource id: a lookup of it uses the rules for any resource.
        let named = section.into_iter().flatten().filter(|(resource_id, _)| *resource_id != "*");
        let resources = NameMap::compile(hasher, named, |rules| Rules::compile(rules, common))?;
        Ok(Self { resources, any_resource, common })
    }
}

/// The compiled `resources` of a document.
pub(super) struct Resources {
    /// Shared by all maps, so that a check hashes each name once.
    hasher: DefaultHashBuilder,
    /// Sections by policy id.
    sections: NameMap<Section>,
    everything: Option<Rules>,
    /// The common methods that are allowed without a section.
    common: u16,
}

impl Resources {
    /// Compiles the `resources` of a valid document.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn compile(resources: &Map<String, Value>) -> Result<Self> {
        let hasher = DefaultHashBuilder::default();
        let everything = resources.get("*").map(|rules| Rules::compile(rules, u16::MAX));
        let everything = everything.transpose()?;
        let common = everything.as_ref().map_or(u16::MAX, |rules| rules.common);
        let named = resources.iter().filter(|(policy_id, _)| *policy_id != "*");
        let sections =
            NameMap::compile(&hasher, named, |section| Section::compile(&hasher, section, common))?;
        Ok(Self { hasher, sections, everything, common })
    }

    /// Returns whether a method is allowed, which is the default.
    #[inline(always)]
    pub fn allow(&self, policy_id: &str, method: Method<'_>, resource_id: Option<&str>) -> bool {
        let section = self.sections.get(&self.hasher, policy_id);
        let rules = match (section, resource_id) {
            (Some(section), Some(id)) => section.resources.get(&self.hasher, id),
            _ => None,
        };
        if method.bit == 0 {
            return self.allow_uncommon(section, rules, method.name);
        }
        let common = match (rules, section) {
            (Some(rules), _) => rules.common,
            (None, Some(section)) => section.common,
            (None, None) => self.common,
        };
        common & method.bit != 0
    }

    #[cold]
    fn allow_uncommon(
        &self,
        section: Option<&Section>,
        rules: Option<&Rules>,
        method: &str,
    ) -> bool {
        let any_resource = section.and_then(|section| section.any_resource.as_ref());
        let levels = [rules, any_resource, self.everything.as_ref()];
        let rule = levels.into_iter().flatten().find_map(|rules| rules.rule_for(method));
        rule.unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_any_length_is_found_by_all_of_its_bytes() {
        for len in 0..40 {
            let name = "a".repeat(len);
            let hasher = DefaultHashBuilder::default();
            let value = Value::Null;
            let map = NameMap::compile(&hasher, [(&name, &value)].into_iter(), |_| Ok(())).unwrap();
            assert!(map.get(&hasher, &name).is_some());
            assert!(map.get(&hasher, &"a".repeat(len + 1)).is_none());
            for place in 0..len {
                let mut other = name.clone();
                other.replace_range(place..=place, "b");
                assert!(map.get(&hasher, &other).is_none(), "{place} of {len}");
            }
        }
    }
}
