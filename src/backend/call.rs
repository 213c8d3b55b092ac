//! How long a call of the host may take, where it asks a backend more than once.

use std::cell::Cell;
use std::time::Instant;

thread_local! {
    /// The backend that the call of this thread is about, and when the call ends.
    static CURRENT: Cell<Option<(usize, Instant)>> = const { Cell::new(None) };
}

/// While it lives, what this thread asks of a backend ends by one deadline.
#[must_use]
pub(crate) struct CallScope {
    outer: Option<(usize, Instant)>,
}

impl CallScope {
    /// Of a backend that does not wait for others.
    pub fn unlimited() -> Self {
        Self { outer: CURRENT.get() }
    }

    /// Ends what is asked of the backend at this address by a deadline, or an earlier one of the
    /// call that this one is a part of.
    pub fn until(backend: usize, deadline: Instant) -> Self {
        let scope = Self::unlimited();
        if Self::deadline(backend).is_none() {
            CURRENT.set(Some((backend, deadline)));
        }
        scope
    }

    /// The deadline of the call that this thread is in, if it is about this backend.
    pub fn deadline(backend: usize) -> Option<Instant> {
        CURRENT.get().filter(|(of, _)| *of == backend).map(|(_, deadline)| deadline)
    }
}

impl Drop for CallScope {
    fn drop(&mut self) {
        CURRENT.set(self.outer);
    }
}
