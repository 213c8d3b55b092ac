//! In a build with `--cfg rbtoken_panic_proof` alone: panics on demand, to prove that none crosses
//! the C boundary. A cargo feature would be switched on by `--all-features`, and shipped.

use std::sync::atomic::{AtomicI32, Ordering};

/// Where the next calls panic: one of the places below, or 0 for nowhere.
pub(crate) static ARMED: AtomicI32 = AtomicI32::new(0);

/// How many panics there were since it was armed.
pub(crate) static PANICS: AtomicI32 = AtomicI32::new(0);

/// Inside the guard of every exported function.
pub(crate) const IN_GUARD: i32 = 1;
/// While a store is changed in memory.
pub(crate) const IN_CHANGE: i32 = 2;
/// While the writer of a file plans a change.
#[cfg(feature = "sqlite")]
pub(crate) const IN_PLAN: i32 = 3;

#[allow(clippy::panic, reason = "this is what it is for")]
pub(crate) fn point(place: i32) {
    if ARMED.load(Ordering::SeqCst) == place {
        PANICS.fetch_add(1, Ordering::SeqCst);
        panic!("a panic on demand");
    }
}
