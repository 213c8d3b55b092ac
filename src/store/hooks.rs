//! Events: what a host can be told of as it happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::token::{SharedRecord, SharedToken};

/// What happened to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was made.
    Created {
        /// Whether the caller said that no person asked for it.
        auto_generated: bool,
    },
    /// Its fields were changed.
    Updated,
    /// It was made invalid.
    Invalidated,
    /// Somebody tried to log in with it after it expired.
    ExpiredUse,
    /// Somebody logged in with it.
    Used,
    /// It was deleted, purged, or went with its Local Site.
    Deleted,
}

/// Whom to tell of events.
///
/// Called after the event, on the thread that caused it, with no lock held: it may use the store.
pub trait Hooks: Send + Sync {
    /// An event happened to a token.
    fn call(&self, store: &Arc<Store>, event: Event, token: &SharedToken);
}

/// The hooks of a store, in the order in which they were added.
#[derive(Default)]
pub(super) struct HookList {
    last_id: AtomicUsize,
    /// As many as `entries` has. Every event asks, and mostly there are none.
    count: AtomicUsize,
    entries: RwLock<Vec<Arc<Entry>>>,
}

struct Entry {
    id: u64,
    removed: AtomicBool,
    hooks: Box<dyn Hooks>,
}

impl HookList {
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The first hooks behind those of an id, which need not be there any more. Looked up one by
    /// one, since an event that has happened must not fail for want of memory for a list of them.
    fn next_after(&self, id: u64) -> Option<Arc<Entry>> {
        let entries = self.entries.read();
        entries.get(entries.partition_point(|entry| entry.id <= id)).cloned()
    }
}

impl Store {
    /// Adds hooks, behind those that are there, and gives the id to remove them by.
    ///
    /// # Errors
    /// `State` once the store was closed; `NoMemory`.
    pub fn add_hooks(&self, hooks: Box<dyn Hooks>) -> Result<u64> {
        let list = &self.hooks;
        let mut entries = list.entries.write();
        // Asked under the lock, or hooks could slip in behind those that closing removes.
        if let Err(error) = self.check_open() {
            // Dropping the hooks calls the host.
            drop(entries);
            return Err(error);
        }
        if let Err(error) = entries.try_reserve(1) {
            drop(entries);
            return Err(memory::exhausted(error));
        }
        let id = list.last_id.fetch_add(1, Ordering::Relaxed) as u64 + 1;
        entries.push(Arc::new(Entry { id, removed: AtomicBool::new(false), hooks }));
        list.count.store(entries.len(), Ordering::Release);
        Ok(id)
    }

    /// Removes hooks. No new call of them starts after this; they are dropped at once, or else
    /// when the last call in flight ends.
    ///
    /// # Errors
    /// `NotFound` if there are none of that id.
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

    /// Whether anybody is told of events.
    pub(super) fn has_hooks(&self) -> bool {
        self.hooks.count.load(Ordering::Acquire) > 0
    }

    /// Tells all hooks of an event.
    ///
    /// A hook may release the last reference that the caller had: nothing else of the store is used
    /// behind this.
    #[inline]
    pub(super) fn fire(self: &Arc<Self>, event: Event, token: &SharedToken) {
        if self.hooks.count.load(Ordering::Acquire) > 0 {
            self.tell(event, token);
        }
    }

    fn tell(self: &Arc<Self>, event: Event, token: &SharedToken) {
        let store = Arc::clone(self);
        // Hooks that are added meanwhile are not told of this event.
        let last = store.hooks.last_id.load(Ordering::Relaxed) as u64;
        let mut id = 0;
        while let Some(entry) = store.hooks.next_after(id).filter(|entry| entry.id <= last) {
            id = entry.id;
            if !entry.removed.load(Ordering::Acquire) {
                entry.hooks.call(&store, event, token);
            }
        }
    }

    /// Tells all hooks that the same happened to several tokens.
    pub(super) fn fire_each(self: &Arc<Self>, event: Event, records: &[SharedRecord]) {
        if self.hooks.count.load(Ordering::Acquire) > 0 {
            let store = Arc::clone(self);
            for record in records {
                store.fire(event, &store.snapshot(record.clone()));
            }
        }
    }
}
