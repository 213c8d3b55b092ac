//! The policy ids that a host's resources have.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::HashSet;
use parking_lot::RwLock;

use crate::error::{Error, Result};
use crate::memory;

/// The list of policy ids that a host registered; until it has, any id is known.
#[derive(Debug, Default)]
pub struct PolicyIds {
    /// Whether there is a list. Every question asks, and mostly there is none.
    registered: AtomicBool,
    /// Counts the changes of the list.
    version: AtomicU64,
    known: RwLock<Option<HashSet<Box<str>>>>,
}

impl PolicyIds {
    /// Replaces the list; none makes every id known.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if an id is empty or `*`, `NoMemory`; the list stays
    /// as it was.
    pub fn set(&self, ids: Option<Vec<String>>) -> Result<()> {
        ids.iter().flatten().try_for_each(|id| Self::check(id))?;
        let ids = ids.map(|ids| -> Result<_> {
            let mut set = HashSet::new();
            set.try_reserve(ids.len()).map_err(memory::exhausted)?;
            set.extend(ids.into_iter().map(String::into_boxed_str));
            Ok(set)
        });
        let ids = ids.transpose()?;
        let mut known = self.known.write();
        *known = ids;
        self.registered.store(known.is_some(), Ordering::Release);
        // Last, and under the lock: who reads the new version is answered by the new list.
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Checks an id that is to be registered or asked about: in a document `*` stands for every id,
    /// so no id can have that name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if it is empty or `*`.
    #[inline]
    pub fn check(id: &str) -> Result<()> {
        if matches!(id, "" | "*") {
            return Err(no_id());
        }
        Ok(())
    }

    /// The list, sorted.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn get(&self) -> Result<Option<Vec<String>>> {
        let known = self.known.read();
        let Some(known) = &*known else { return Ok(None) };
        let mut ids = memory::try_collect(known.iter().map(|id| memory::string(id)))?;
        ids.sort_unstable();
        Ok(Some(ids))
    }

    /// The version of the list. What was found by the list after the version was read stands while
    /// the version is the same.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether this id may be used.
    #[inline]
    pub fn knows(&self, id: &str) -> bool {
        !self.registered.load(Ordering::Acquire) || self.lists(id)
    }

    #[cold]
    fn lists(&self, id: &str) -> bool {
        self.known.read().as_ref().is_none_or(|known| known.contains(id))
    }
}

#[cold]
fn no_id() -> Error {
    Error::invalid("policy_id", "must not be empty or \"*\"")
}
