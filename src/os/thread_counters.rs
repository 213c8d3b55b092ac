//! Counters that threads increment without a locked instruction.
//!
//! Each thread that counts owns one set of counters and is the only one that writes them; a reader
//! sums all sets. Threads beyond [`SETS`] share one set, and pay for an atomic addition.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use once_cell::sync::OnceCell;

/// Number of counters in a set, which fill a cache line.
pub(crate) const COUNTERS: usize = 8;

/// Number of sets that threads can own at a time.
const SETS: usize = 128;

/// The counters of one thread. A later thread takes over the set, with its values, of one that
/// ended.
#[repr(align(64))]
struct Set([AtomicI64; COUNTERS]);

impl Set {
    const fn new() -> Self {
        Self([const { AtomicI64::new(0) }; COUNTERS])
    }
}

static OWNED: [Set; SETS] = [const { Set::new() }; SETS];
static IS_OWNED: [AtomicBool; SETS] = [const { AtomicBool::new(false) }; SETS];
static SHARED: Set = Set::new();

/// Runs [`disown`] when a thread ends that owns a set. `None` if the system has no key left.
static KEY: OnceCell<Option<libc::pthread_key_t>> = OnceCell::new();

thread_local! {
    /// The set of this thread. It has no destructor, so it can be used until the very end.
    static SET: Cell<Option<&'static Set>> = const { Cell::new(None) };
}

/// Adds to a counter of this thread.
#[inline]
pub(crate) fn add(counter: usize, number: i64) {
    let set = SET.get().unwrap_or_else(own);
    let counter = &set.0[counter];
    if std::ptr::eq(set, &raw const SHARED) {
        counter.fetch_add(number, Ordering::Relaxed);
    } else {
        // No other thread writes it.
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
    }
}

/// Returns the sums of all threads' counters. Additions that are under way may be missing.
pub(crate) fn sums() -> [i64; COUNTERS] {
    let mut sums = [0; COUNTERS];
    for set in OWNED.iter().chain([&SHARED]) {
        for (sum, counter) in sums.iter_mut().zip(&set.0) {
            *sum += counter.load(Ordering::Relaxed);
        }
    }
    sums
}

/// Makes this thread the owner of a set, or a user of the shared one.
#[cold]
fn own() -> &'static Set {
    let set = free_set().unwrap_or(&SHARED);
    SET.set(Some(set));
    set
}

fn free_set() -> Option<&'static Set> {
    let key = key()?;
    let take = |is_owned: &AtomicBool| {
        // The owner before has written for the last time.
        is_owned.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    };
    let index = IS_OWNED.iter().position(take)?;
    // SAFETY: the key was created, and its destructor expects an index in a pointer that is not
    // null.
    if unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(index + 1)) } == 0 {
        return Some(&OWNED[index]);
    }
    IS_OWNED[index].store(false, Ordering::Release);
    None
}

/// Returns the key, and creates it the first time. That is when the library is loaded: a fork in
/// the middle of it would leave the child waiting for a thread that it does not have.
pub(super) fn key() -> Option<libc::pthread_key_t> {
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: an output of this function's own; the destructor stays mapped, since a library
        // with Rust's thread-local values must not be unloaded.
        let created = unsafe { libc::pthread_key_create(&raw mut key, Some(disown)) };
        (created == 0).then_some(key)
    })
}

/// Gives up the set of a thread that ends. What runs on it after this uses the shared set.
unsafe extern "C" fn disown(index: *mut c_void) {
    SET.set(Some(&SHARED));
    if let Some(is_owned) = IS_OWNED.get(index.addr().wrapping_sub(1)) {
        is_owned.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// A counter that no other unit test uses.
    const UNUSED: usize = COUNTERS - 1;

    #[test]
    fn counts_of_ended_threads_and_of_many_at_once_are_kept() {
        let before = sums()[UNUSED];
        for _ in 0..3 {
            let threads = (0..SETS + 20).map(|_| {
                thread::spawn(|| {
                    for _ in 0..1000 {
                        add(UNUSED, 2);
                        add(UNUSED, -1);
                    }
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert_eq!(sums()[UNUSED] - before, 3 * 1000 * (SETS as i64 + 20));
    }
}
