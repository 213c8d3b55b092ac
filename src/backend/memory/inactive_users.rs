//! The users that may not log in.

use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashSet;
use parking_lot::RwLock;

use crate::error::Result;
use crate::memory;
use crate::text::Text;
use crate::token::Record;

/// The names of the users that may not log in. There are few or none, and every login asks.
#[derive(Default)]
pub(super) struct InactiveUsers {
    count: AtomicUsize,
    names: RwLock<HashSet<Text>>,
}

impl InactiveUsers {
    /// Makes room for so many more names.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn make_room(&self, more: usize) -> Result<()> {
        if more == 0 {
            return Ok(());
        }
        self.names.write().try_reserve(more).map_err(memory::exhausted)
    }

    /// # Errors
    /// `NoMemory`; none where [`InactiveUsers::make_room`] was called for the name.
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

    /// Whether the owner of a record is among them. The name, which lies far from the record, is
    /// not looked at where there are none.
    #[inline]
    pub(super) fn contains_owner(&self, record: &Record) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.contains(record.user())
    }

    /// Returns the names in an order that is the same for every copy of the store.
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
