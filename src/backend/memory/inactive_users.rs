//! Users with disabled login.

use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashSet;
use parking_lot::RwLock;

use crate::error::Result;
use crate::memory;
use crate::text::Text;
use crate::token::Record;

/// Names of users with disabled login. Usually empty, and read by every login.
#[derive(Default)]
pub(super) struct InactiveUsers {
    count: AtomicUsize,
    names: RwLock<HashSet<Text>>,
}

impl InactiveUsers {
    /// Reserves memory for more names.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn reserve_for(&self, more: usize) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        self.names.write().try_reserve(more).map_err(memory::exhausted)
    }

    /// Enables or disables login for a user.
    ///
    /// # Errors
    /// `NoMemory`. Cannot fail if [`InactiveUsers::reserve_for`] was called for this name.
    pub(super) fn set(&self, user: &Text, active: bool) -> Result<()> {
        let mut names = self.names.write();
        if active {
            names.remove(user);
        } else {
            names.try_reserve(1).map_err(memory::exhausted)?;
            names.insert(user.clone());
        }
        self.count.store(names.len(), Ordering::Release);
        Ok(())
    }

    /// Returns whether login is disabled for the owner of a record. If the set is empty, the name
    /// is not read, which would be a cache miss.
    #[inline]
    pub(super) fn contains_owner(&self, record: &Record) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.contains(record.user())
    }

    /// Returns the names, sorted so that copies of a store are identical.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn sorted(&self) -> Result<Vec<Text>> {
        let mut names = memory::collect(self.names.read().iter().cloned())?;
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        Ok(names)
    }

    #[inline(never)]
    fn contains(&self, user: &Text) -> bool {
        self.names.read().contains(user)
    }
}
