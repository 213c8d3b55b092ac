//! The locked files of this process, and what happens to them in a fork.

use std::cell::UnsafeCell;
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::os::files::{self, Identity};
use crate::os::fork::{self, Handlers};

/// A file that this process has locked.
struct LockedFile {
    identity: Identity,
    /// The fork generation that locked it.
    generation: Option<u64>,
    fd: RawFd,
}

/// A mutex of the standard library: parking_lot keeps its waiting threads in a table of the
/// process, which a child of fork inherits with the parent's threads in it.
static FILES: Mutex<Vec<LockedFile>> = Mutex::new(Vec::new());

/// Exclusive access to the registry. Held while a file is opened and locked: without locks of the
/// open file description, closing a file that a store has open takes SQLite's locks away.
pub(crate) struct Registry(MutexGuard<'static, Vec<LockedFile>>);

/// Returns the registry; waits for others that open files, and for a fork.
pub(crate) fn registry() -> Registry {
    // Before the mutex is locked: a fork waits for it from then on.
    fork::handle(0, &HANDLERS);
    Registry(FILES.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Registry {
    /// Whether a store of this process has the file open.
    pub fn contains(&self, identity: Identity) -> bool {
        let generation = fork::generation();
        self.0.iter().any(|file| file.identity == identity && file.generation == generation)
    }

    /// Registers a file that was locked through a descriptor.
    pub fn add(mut self, identity: Identity, fd: RawFd) -> Registered {
        self.0.push(LockedFile { identity, generation: fork::generation(), fd });
        Registered { identity, fd }
    }
}

/// A registered file, until this is dropped.
pub(crate) struct Registered {
    identity: Identity,
    fd: RawFd,
}

impl Drop for Registered {
    fn drop(&mut self) {
        registry().0.retain(|file| file.identity != self.identity || file.fd != self.fd);
    }
}

static HANDLERS: Handlers = Handlers {
    before: before_fork,
    in_parent: after_fork_in_parent,
    in_child: after_fork_in_child,
};

/// The registry during a fork.
struct Held(UnsafeCell<Option<Registry>>);

// SAFETY: it is reached only by the thread that forks, between locking the mutex and releasing it.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// Locks the registry, so that no other thread is in it when the process forks.
fn before_fork() {
    let registry = Registry(FILES.lock().unwrap_or_else(PoisonError::into_inner));
    // SAFETY: the mutex is locked.
    unsafe { *HELD.0.get() = Some(registry) };
}

fn after_fork_in_parent() {
    // SAFETY: this thread locked the mutex in `before_fork`.
    drop(unsafe { (*HELD.0.get()).take() });
}

/// Closes the descriptors that the child inherited: they would keep the locks when the parent has
/// ended. Does not unlock: that would free the parent's. Allocates nothing.
fn after_fork_in_child() {
    // SAFETY: as in the parent; the child's one thread is the copy of the one that locked it.
    let Some(mut registry) = (unsafe { (*HELD.0.get()).take() }) else { return };
    for file in registry.0.drain(..) {
        // The host may have closed the descriptor and used its number for a file of its own.
        if files::status_of(file.fd).is_ok_and(|status| status.identity == file.identity) {
            // SAFETY: the child's copy of the descriptor, which nothing in the child uses.
            unsafe { libc::close(file.fd) };
        }
    }
}
