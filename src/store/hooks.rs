//! Event callbacks (hooks).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::token::{SharedRecord, SharedToken};

/// An event in the life of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The token was created.
    Created {
        /// Flag that the caller passed: a program requested the token, not a person.
        auto_generated: bool,
    },
    /// Fields were updated.
    Updated,
    /// The token was invalidated.
    Invalidated,
    /// A login failed because the token has expired.
    ExpiredUse,
    /// A login succeeded.
    Used,
    /// The token was deleted, purged, or removed with its Local Site.
    Deleted,
}

/// Event callbacks.
///
/// Called after the event, on the thread that caused it, without any lock. Callbacks may use the
/// store.
pub trait Hooks: Send + Sync {
    /// Handles an event.
    fn call(&self, store: &Arc<Store>, event: Event, token: &SharedToken);
}

/// The hooks of a store, in the order of registration.
#[derive(Default)]
pub(super) struct HookList {
    last_id: AtomicUsize,
    /// Length of `entries`, read without the lock, so that an event without hooks takes no lock.
    count: AtomicUsize,
    entries: RwLock<Vec<Arc<RegisteredHooks>>>,
}

struct RegisteredHooks {
    id: u64,
    removed: AtomicBool,
    hooks: Box<dyn Hooks>,
}

impl HookList {
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the first hooks with an id greater than `id`, whether or not those with `id` still
    /// exist. Hooks are found one by one: copying the list could fail for lack of memory, and the
    /// event must be delivered.
    fn next_after(&self, id: u64) -> Option<Arc<RegisteredHooks>> {
        let entries = self.entries.read();
        entries.get(entries.partition_point(|entry| entry.id <= id)).cloned()
    }
}

impl Store {
    /// Registers hooks after the existing ones and returns their id.
    ///
    /// # Errors
    /// `State` if the store is closed; `NoMemory`.
    pub fn add_hooks(&self, hooks: Box<dyn Hooks>) -> Result<u64> {
        let list = &self.hooks;
        let mut entries = list.entries.write();
        // Checked under the lock, so that `close` removes hooks that are added concurrently.
        if let Err(error) = self.check_open() {
            // Unlocked first, since dropping the hooks calls the host.
            drop(entries);
            return Err(error);
        }
        if let Err(error) = entries.try_reserve(1) {
            drop(entries);
            return Err(memory::exhausted(error));
        }
        let id = list.last_id.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        entries.push(Arc::new(RegisteredHooks { id, removed: AtomicBool::new(false), hooks }));
        list.count.store(entries.len(), Ordering::Release);
        Ok(id)
    }

    /// Removes hooks. They are not called for events that happen after this returns, but a thread
    /// may still call them for an earlier event. They are dropped when no call of them is running.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn remove_hooks(&self, id: u64) -> Result<()> {
        let list = &self.hooks;
        let mut entries = list.entries.write();
        let Some(index) = entries.iter().position(|entry| entry.id == id) else {
            return Err(Error::new(ErrorKind::NotFound, "no such hooks").at_argument("hooks_id"));
        };
        let entry = entries.remove(index);
        list.count.store(entries.len(), Ordering::Release);
        drop(entries);
        entry.removed.store(true, Ordering::Release);
        Ok(())
    }

    /// Removes all hooks.
    pub(super) fn remove_all_hooks(&self) {
        let list = &self.hooks;
        let mut entries = list.entries.write();
        let removed = std::mem::take(&mut *entries);
        list.count.store(0, Ordering::Release);
        drop(entries);
        for entry in &removed {
            entry.removed.store(true, Ordering::Release);
        }
    }

    /// Returns whether there are hooks.
    pub(super) fn has_hooks(&self) -> bool {
        self.hooks.count.load(Ordering::Acquire) > 0
    }

    /// Calls all hooks for an event.
    ///
    /// A hook may drop the caller's last reference to the store, so the caller must not use the
    /// store after this call.
    #[inline]
    pub(super) fn fire(self: &Arc<Self>, event: Event, token: &SharedToken) {
        if self.hooks.count.load(Ordering::Acquire) > 0 {
            self.call_hooks(event, token);
        }
    }

    fn call_hooks(self: &Arc<Self>, event: Event, token: &SharedToken) {
        let store = Arc::clone(self);
        // Hooks that are registered during the event are not called.
        let last = store.hooks.last_id.load(Ordering::Relaxed) as u64;
        let mut id = 0;
        while let Some(entry) = store.hooks.next_after(id).filter(|entry| entry.id <= last) {
            id = entry.id;
            if !entry.removed.load(Ordering::Acquire) {
                entry.hooks.call(&store, event, token);
            }
        }
    }

    /// Calls all hooks for the same event of several tokens.
    pub(super) fn fire_each(self: &Arc<Self>, event: Event, records: &[SharedRecord]) {
        if self.hooks.count.load(Ordering::Acquire) > 0 {
            let store = Arc::clone(self);
            for record in records {
                store.fire(event, &store.snapshot(record.clone()));
            }
        }
    }
}
