//! Per-thread counters, which threads increment without an atomic read-modify-write.
//!
//! Each thread owns one set of counters and is the only writer of it. Readers sum all sets. Threads
//! beyond [`SETS`] share one set and use atomic additions.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::Ordering;

use once_cell::sync::OnceCell;

use crate::sync::{AtomicBool, AtomicI64};

/// Number of counters in a set, which is one cache line.
pub(crate) const COUNTERS: usize = 8;

/// Maximum number of sets with an owner. Small under Miri and loom, where each step is slow.
const SETS: usize = if cfg!(any(miri, loom)) { 4 } else { 128 };

/// The counters of one thread. When the thread ends, another thread takes over the set with its
/// values.
#[repr(align(64))]
struct Set([AtomicI64; COUNTERS]);

impl Set {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self([const { AtomicI64::new(0) }; COUNTERS])
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicI64::new(0)))
    }

    /// Adds to a counter of a set that the calling thread owns.
    #[inline]
    fn add_as_owner(&self, counter: usize, number: i64) {
        let counter = &self.0[counter];
        // Only the owner writes, so load and store suffice.
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
    }

    /// Adds to a counter of the shared set.
    #[inline]
    fn add_shared(&self, counter: usize, number: i64) {
        self.0[counter].fetch_add(number, Ordering::Relaxed);
    }
}

/// Sets that threads can own, their owner flags, and the shared set.
struct Sets<const COUNT: usize> {
    owned: [Set; COUNT],
    is_owned: [AtomicBool; COUNT],
    shared: Set,
}

impl<const COUNT: usize> Sets<COUNT> {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self {
            owned: [const { Set::new() }; COUNT],
            is_owned: [const { AtomicBool::new(false) }; COUNT],
            shared: Set::new(),
        }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self {
            owned: std::array::from_fn(|_| Set::new()),
            is_owned: std::array::from_fn(|_| AtomicBool::new(false)),
            shared: Set::new(),
        }
    }

    /// Makes the calling thread the owner of a free set, and returns its index.
    fn acquire(&self) -> Option<usize> {
        let take = |is_owned: &AtomicBool| {
            // Synchronizes with the release by the previous owner, so that this thread reads its
            // counts.
            is_owned.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
        };
        self.is_owned.iter().position(take)
    }

    /// Releases a set that the calling thread owns.
    fn release(&self, index: usize) {
        if let Some(is_owned) = self.is_owned.get(index) {
            is_owned.store(false, Ordering::Release);
        }
    }

    /// Returns the sums of all sets. Concurrent additions may be missing.
    fn sums(&self) -> [i64; COUNTERS] {
        let mut sums = [0_i64; COUNTERS];
        for set in self.owned.iter().chain([&self.shared]) {
            for (sum, counter) in sums.iter_mut().zip(&set.0) {
                *sum = sum.wrapping_add(counter.load(Ordering::Relaxed));
            }
        }
        sums
    }
}

#[cfg(not(loom))]
static ALL: Sets<SETS> = Sets::new();
#[cfg(loom)]
loom::lazy_static! {
    static ref ALL: Sets<SETS> = Sets::new();
}

/// A thread-specific key whose destructor ([`release_at_thread_end`]) runs when a thread that owns
/// a set ends. `None` if the system has no free key.
static KEY: OnceCell<Option<libc::pthread_key_t>> = OnceCell::new();

thread_local! {
    /// The set of this thread. It has no destructor, so it stays usable while other thread-local
    /// values are dropped.
    static SET: Cell<Option<&'static Set>> = const { Cell::new(None) };
}

/// Adds to a counter of this thread.
#[inline]
pub(crate) fn add(counter: usize, number: i64) {
    let set = SET.get().unwrap_or_else(assign_set);
    if std::ptr::eq(set, &raw const ALL.shared) {
        set.add_shared(counter, number);
    } else {
        set.add_as_owner(counter, number);
    }
}

/// Returns the sums of all threads' counters. Concurrent additions may be missing.
pub(crate) fn sums() -> [i64; COUNTERS] {
    ALL.sums()
}

/// Assigns a set to this thread: a free one, otherwise the shared one.
#[cold]
fn assign_set() -> &'static Set {
    let set = free_set().unwrap_or(&ALL.shared);
    SET.set(Some(set));
    set
}

fn free_set() -> Option<&'static Set> {
    let key = key()?;
    let index = ALL.acquire()?;
    // SAFETY: the key exists, and its destructor expects an index plus 1 as a pointer.
    if unsafe { libc::pthread_setspecific(key, std::ptr::without_provenance(index + 1)) } == 0 {
        return Some(&ALL.owned[index]);
    }
    ALL.release(index);
    None
}

/// Returns the key, creating it on the first call. That call happens when the library is loaded: if
/// another thread forked during it, the child would wait forever for a thread that it does not
/// have.
pub(super) fn key() -> Option<libc::pthread_key_t> {
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the output is a local variable. The destructor stays mapped, since a library with
        // Rust's thread-local values must not be unloaded.
        let created =
            unsafe { libc::pthread_key_create(&raw mut key, Some(release_at_thread_end)) };
        (created == 0).then_some(key)
    })
}

/// Releases the set of a thread that ends. Later counts of this thread use the shared set.
unsafe extern "C" fn release_at_thread_end(index: *mut c_void) {
    SET.set(Some(&ALL.shared));
    ALL.release(index.addr().wrapping_sub(1));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;

    /// A counter that other unit tests do not use.
    const UNUSED: usize = COUNTERS - 1;

    #[test]
    fn counts_outlive_their_threads() {
        let (threads, additions) = if cfg!(miri) { (SETS + 2, 10) } else { (SETS + 20, 1000) };
        let before = sums()[UNUSED];
        for _ in 0..3 {
            let threads = (0..threads).map(|_| {
                thread::spawn(move || {
                    for _ in 0..additions {
                        add(UNUSED, 2);
                        add(UNUSED, -1);
                    }
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
        assert_eq!(sums()[UNUSED] - before, 3 * additions * threads as i64);
    }
}

/// loom models (`.ci/loom`).
#[cfg(all(test, loom))]
mod models {
    use loom::thread;

    use super::*;
    use crate::sync::Arc;

    /// Counts like a thread of a host, from its first handle to its end.
    fn count<const COUNT: usize>(sets: &Sets<COUNT>, numbers: &[i64]) {
        match sets.acquire() {
            Some(index) => {
                numbers.iter().for_each(|&it| sets.owned[index].add_as_owner(0, it));
                sets.release(index);
            }
            None => numbers.iter().for_each(|&it| sets.shared.add_shared(0, it)),
        }
    }

    #[test]
    fn counts_survive_a_change_of_owner() {
        loom::model(|| {
            let sets = Arc::new(Sets::<1>::new());
            let threads = [1, 4].map(|number| {
                let sets = Arc::clone(&sets);
                thread::spawn(move || count(&sets, &[number, number]))
            });
            count(&sets, &[16]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(sets.sums()[0], 26);
        });
    }

    #[test]
    fn reader_sees_a_current_or_earlier_count() {
        loom::model(|| {
            let sets = Arc::new(Sets::<1>::new());
            let writer = {
                let sets = Arc::clone(&sets);
                thread::spawn(move || count(&sets, &[1, 1]))
            };
            let early = sets.sums()[0];
            let late = sets.sums()[0];
            assert!(0 <= early && early <= late && late <= 2, "{early}, then {late}");
            writer.join().unwrap();
            assert_eq!(sets.sums()[0], 2);
        });
    }
}
