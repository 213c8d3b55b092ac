//! Time limit of a call that uses the backend more than once.

use std::cell::Cell;
use std::time::Instant;

thread_local! {
    /// Address of the backend that the call on this thread uses, and the deadline of the call.
    static CURRENT: Cell<Option<(usize, Instant)>> = const { Cell::new(None) };
}

/// While it exists, all operations of this thread on a backend share one deadline.
#[must_use]
pub(crate) struct CallScope {
    outer: Option<(usize, Instant)>,
}

impl CallScope {
    /// Creates a scope without a deadline.
    pub fn unlimited() -> Self {
        Self { outer: CURRENT.get() }
    }

    /// Creates a scope for the backend at this address. The deadline of an outer call, if any,
    /// stays.
    pub fn until(backend: usize, deadline: Instant) -> Self {
        let scope = Self::unlimited();
        if Self::deadline(backend).is_none() {
            CURRENT.set(Some((backend, deadline)));
        }
        scope
    }

    /// Returns the deadline of the current call on this thread, if it uses this backend.
    pub fn deadline(backend: usize) -> Option<Instant> {
        CURRENT.get().filter(|(address, _)| *address == backend).map(|(_, deadline)| deadline)
    }
}

impl Drop for CallScope {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}
