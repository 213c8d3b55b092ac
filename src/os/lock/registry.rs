//! Registry of the files that this process has locked, and its fork handlers.

use std::cell::UnsafeCell;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::os::files::{self, Identity};
use crate::os::fork::{self, Handlers};

/// A file that this process has locked.
struct LockedFile {
    identity: Identity,
    /// Fork generation of the process that locked it.
    generation: Option<u64>,
    fd: RawFd,
}

/// The locked files, behind a mutex of the standard library. parking_lot keeps waiting threads in a
/// global table, which the child of a fork inherits although it does not have these threads.
static FILES: Mutex<Vec<LockedFile>> = Mutex::new(Vec::new());

/// Exclusive access to the registry. Held while a file is opened and locked: without open file
/// description locks, closing a file that a store has open would release SQLite's locks.
pub(crate) struct Registry(MutexGuard<'static, Vec<LockedFile>>);

/// Locks the registry, and blocks while other threads open files or fork.
pub(crate) fn registry() -> Registry {
    // Registered before the mutex is locked: from then on, a fork waits for it.
    fork::add_handlers(0, &HANDLERS);
    Registry(FILES.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Registry {
    /// Returns whether a store of this process has the file open.
    pub fn contains(&self, identity: Identity) -> bool {
        let generation = fork::generation();
        self.0.iter().any(|file| file.identity == identity && file.generation == generation)
    }

    /// Registers a locked file.
    pub fn add(mut self, identity: Identity, fd: RawFd) -> Registration {
        self.0.push(LockedFile { identity, generation: fork::generation(), fd });
        Registration { identity, fd }
    }
}

/// Keeps a file registered until it is dropped.
pub(crate) struct Registration {
    identity: Identity,
    fd: RawFd,
}

impl Drop for Registration {
    fn drop(&mut self) {
        registry().0.retain(|file| file.identity != self.identity || file.fd != self.fd);
    }
}

static HANDLERS: Handlers = Handlers {
    before: before_fork,
    in_parent: after_fork_in_parent,
    in_child: after_fork_in_child,
};

/// The locked registry during a fork.
struct ForkGuard(UnsafeCell<Option<Registry>>);

// SAFETY: accessed only by the thread that forks, while it holds the mutex.
unsafe impl Sync for ForkGuard {}

static FORK_GUARD: ForkGuard = ForkGuard(UnsafeCell::new(None));

/// Locks the registry, so that no other thread uses it while the process forks.
fn before_fork() {
    let registry = Registry(FILES.lock().unwrap_or_else(PoisonError::into_inner));
    // SAFETY: the mutex is locked.
    unsafe { *FORK_GUARD.0.get() = Some(registry) };
}

fn after_fork_in_parent() {
    // SAFETY: this thread locked the mutex in `before_fork`.
    drop(unsafe { (*FORK_GUARD.0.get()).take() });
}

/// Closes the inherited descriptors, which would keep the locks after the parent has ended. Does
/// not unlock, since that would release the parent's locks. Allocates nothing.
fn after_fork_in_child() {
    // SAFETY: as in the parent; the only thread of the child is a copy of the one that locked the
    // mutex.
    let Some(mut registry) = (unsafe { (*FORK_GUARD.0.get()).take() }) else { return };
    for file in registry.0.drain(..) {
        // The host may have closed the descriptor and reused its number.
        if files::status_of(file.fd).is_ok_and(|status| status.identity == file.identity) {
            // SAFETY: the child's copy of the descriptor, which nothing in the child uses.
            unsafe { libc::close(file.fd) };
        }
    }
}
