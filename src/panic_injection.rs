//! Panic injection: panics on demand, to test that none unwinds into C. Compiled only under
//! `cfg(rbtoken_panic_injection)`. It is not a cargo feature, since `--all-features` would ship it.

use std::sync::atomic::{AtomicI32, Ordering};

/// The point at which to panic: one of the constants below, or 0 for none.
pub(crate) static TARGET: AtomicI32 = AtomicI32::new(0);

/// Number of panics since the point was set.
pub(crate) static PANICS: AtomicI32 = AtomicI32::new(0);

/// In every exported function, where panics are caught.
pub(crate) const IN_GUARD: i32 = 1;
/// While a store in memory is changed.
pub(crate) const IN_CHANGE: i32 = 2;
/// While the writer thread plans a change.
#[cfg(feature = "sqlite")]
pub(crate) const IN_PLAN: i32 = 3;

#[allow(clippy::panic, reason = "this module injects panics")]
pub(crate) fn point(place: i32) {
    if TARGET.load(Ordering::SeqCst) == place {
        PANICS.fetch_add(1, Ordering::SeqCst);
        panic!("a panic on demand");
    }
}
