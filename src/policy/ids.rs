//! The policy ids that a host has registered.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hashbrown::HashSet;
use parking_lot::RwLock;

use crate::error::{Error, Result};
use crate::memory;

/// The registered policy ids. Without a list, every id is known.
#[derive(Debug, Default)]
pub struct PolicyIds {
    /// Whether a list is registered. If none is, checks read only this flag and take no lock.
    registered: AtomicBool,
    /// Incremented when the list changes.
    version: AtomicU64,
    known: RwLock<Option<HashSet<Box<str>>>>,
}

impl PolicyIds {
    /// Replaces the list; `None` makes every id known.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if an id is empty or `*`; `NoMemory`. The list is
    /// unchanged then.
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
        // Incremented last and under the lock, so that a caller who reads the new version gets the
        // new list.
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// Checks an id. `*` is not one: in a policy it stands for every id.
    ///
    /// # Errors
    /// [`crate::ErrorKind::InvalidArgument`] if it is empty or `*`.
    #[inline]
    pub fn check(id: &str) -> Result<()> {
        if matches!(id, "" | "*") {
            return Err(invalid_id());
        }
        Ok(())
    }

    /// Returns the list, sorted.
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

    /// Returns the version of the list. The result of a check stays valid until the version differs
    /// from the one that was read before the check.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Returns whether an id is known.
    #[inline]
    pub fn knows(&self, id: &str) -> bool {
        !self.registered.load(Ordering::Acquire) || self.contains(id)
    }

    #[cold]
    fn contains(&self, id: &str) -> bool {
        self.known.read().as_ref().is_none_or(|known| known.contains(id))
    }
}

#[cold]
fn invalid_id() -> Error {
    Error::invalid("policy_id", "must not be empty or \"*\"")
}
