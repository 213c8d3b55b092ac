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
    pub fn usual(name: &[u8]) -> Option<Self> {
        match usual_bit(name) {
            0 => None,
            bit => Some(Self { bit, name: "" }),
        }
    }
}

fn usual_bit(name: &[u8]) -> u16 {
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
        Method::usual(name.as_bytes()).unwrap_or(Method { bit: 0, name })
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
    usual: u16,
    /// Rules for other methods: true means allow.
    named: HashMap<Box<str>, bool>,
    /// The rule `*` for all other methods.
    others: Option<bool>,
}

impl Rules {
    /// Compiles a level; `usual` are the common methods that the less specific levels allow.
    fn compile(section: &Value, usual: u16) -> Result<Self> {
        let mut rules = Self::default();
        let mut mentioned = [0; 2];
        // If a method is both allowed and blocked, block wins, so it is written last.
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
        let others = rules.others.map_or(usual, |allowed| if allowed { u16::MAX } else { 0 });
        let [blocked, allowed] = mentioned;
        rules.usual = (others | allowed) & !blocked;
        Ok(rules)
    }

    /// Returns this level's rule for a method that is not common.
    fn opinion(&self, method: &str) -> Option<bool> {
        self.named.get(method).copied().or(self.others)
    }
}

/// A hash map from names to values.
struct Table<T> {
    entries: HashTable<(Box<str>, T)>,
    /// Filter bits ([`mark`]) of all names. Most lookups are for names without rules and end here.
    marks: u64,
}

impl<T> Table<T> {
    fn compile<'a>(
        hasher: &DefaultHashBuilder,
        section: impl Iterator<Item = (&'a String, &'a Value)>,
        compile: impl Fn(&'a Value) -> Result<T>,
    ) -> Result<Self> {
        let (mut entries, mut marks) = (HashTable::new(), 0);
        let hash_of = |(name, _): &(Box<str>, T)| hash(hasher, name);
        for (name, value) in section {
            let entry = (memory::string(name)?.into_boxed_str(), compile(value)?);
            marks |= mark(name);
            entries.try_reserve(1, hash_of).map_err(memory::exhausted)?;
            entries.insert_unique(hash(hasher, name), entry, hash_of);
        }
        Ok(Self { entries, marks })
    }

    #[inline(always)]
    fn get(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<&T> {
        if self.marks & mark(name) == 0 { None } else { self.find(hasher, name) }
    }

    #[inline(never)]
    fn find(&self, hasher: &DefaultHashBuilder, name: &str) -> Option<&T> {
        let entry = self.entries.find(hash(hasher, name), |(key, _)| &**key == name);
        entry.map(|(_, value)| value)
    }
}

/// Returns one of 64 filter bits by the length and the last byte, in which numbers differ most.
#[inline]
fn mark(name: &str) -> u64 {
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
    resources: Table<Rules>,
    any_resource: Option<Rules>,
    /// The common methods that are allowed on resources without rules.
    usual: u16,
}

impl Section {
    fn compile(hasher: &DefaultHashBuilder, section: &Value, usual: u16) -> Result<Self> {
        let section = section.as_object();
        let any_resource = section.and_then(|section| section.get("*"));
        let any_resource = any_resource.map(|rules| Rules::compile(rules, usual)).transpose()?;
        let usual = any_resource.as_ref().map_or(usual, |rules| rules.usual);
        // A lookup of the resource id `*` means any resource.
        let named = section.into_iter().flatten().filter(|(resource_id, _)| *resource_id != "*");
        let resources = Table::compile(hasher, named, |rules| Rules::compile(rules, usual))?;
        Ok(Self { resources, any_resource, usual })
    }
}

/// The compiled `resources` of a document.
pub(super) struct Resources {
    /// Shared by all maps, so that a check hashes each name once.
    hasher: DefaultHashBuilder,
    /// Sections by policy id.
    sections: Table<Section>,
    everything: Option<Rules>,
    /// The common methods that are allowed without a section.
    usual: u16,
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
        let usual = everything.as_ref().map_or(u16::MAX, |rules| rules.usual);
        let named = resources.iter().filter(|(policy_id, _)| *policy_id != "*");
        let sections =
            Table::compile(&hasher, named, |section| Section::compile(&hasher, section, usual))?;
        Ok(Self { hasher, sections, everything, usual })
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
            return self.allow_unusual(section, rules, method.name);
        }
        let usual = match (rules, section) {
            (Some(rules), _) => rules.usual,
            (None, Some(section)) => section.usual,
            (None, None) => self.usual,
        };
        usual & method.bit != 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_all_of_its_bytes_whatever_its_length() {
        for len in 0..40 {
            let name = "a".repeat(len);
            let hasher = DefaultHashBuilder::default();
            let value = Value::Null;
            let table = Table::compile(&hasher, [(&name, &value)].into_iter(), |_| Ok(())).unwrap();
            assert!(table.get(&hasher, &name).is_some());
            assert!(table.get(&hasher, &"a".repeat(len + 1)).is_none());
            for place in 0..len {
                let mut other = name.clone();
                other.replace_range(place..=place, "b");
                assert!(table.get(&hasher, &other).is_none(), "{place} of {len}");
            }
        }
    }
}
