//! Noticing that the process was forked.

use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use once_cell::sync::OnceCell;

static FORKS: AtomicU64 = AtomicU64::new(0);
static REGISTERED: OnceCell<bool> = OnceCell::new();

/// What a module does around a fork, on the thread that forks. Nothing may panic; `in_child` must
/// neither wait nor allocate.
pub(super) struct Handlers {
    pub before: fn(),
    pub in_parent: fn(),
    pub in_child: fn(),
}

/// The handlers of other modules, in the order in which they take their locks.
static HANDLERS: [AtomicPtr<Handlers>; 2] = [const { AtomicPtr::new(null_mut()) }; 2];

thread_local! {
    /// The handlers whose `before` ran on this thread.
    static RAN_BEFORE: Cell<[Option<&'static Handlers>; 2]> = const { Cell::new([None; 2]) };
}

/// Runs handlers at each fork from now on; those of a lower place take their locks first.
pub(super) fn handle(place: usize, handlers: &'static Handlers) {
    generation();
    HANDLERS[place].store(std::ptr::from_ref(handlers).cast_mut(), Ordering::Release);
}

extern "C" fn before() {
    let handlers = HANDLERS.each_ref().map(|handlers| {
        // SAFETY: it is null or came from a reference that lives for ever.
        let handlers = unsafe { handlers.load(Ordering::Acquire).as_ref() };
        handlers.inspect(|handlers| (handlers.before)())
    });
    RAN_BEFORE.set(handlers);
}

extern "C" fn in_parent() {
    RAN_BEFORE.take().into_iter().rev().flatten().for_each(|it| (it.in_parent)());
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    // Counted: the next question need not count it again.
    wiped::mark();
    RAN_BEFORE.take().into_iter().rev().flatten().for_each(|it| (it.in_child)());
}

/// Registers the handlers, and returns whether the operating system accepted them.
fn register() -> bool {
    *REGISTERED.get_or_init(|| {
        // SAFETY: the functions stay mapped for the life of the process (the library is linked so
        // that it cannot be unloaded) and do not panic. `in_child` takes no lock and allocates
        // nothing, so it may run in the child of a process with many threads.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) == 0 }
    })
}

/// Registers the handlers when the library is loaded, while there is one thread as a rule. A fork
/// in the middle of it would leave the child waiting for a thread that it does not have.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[used]
// SAFETY: functions in this section are called once, with C's startup arguments, which may be
// ignored.
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        generation();
        super::thread_counters::key();
    }
    at_load
};

/// A number that is different in a child of `fork` from what it was in its parent before, or
/// `None` if the operating system refuses to tell the child.
///
/// A counter costs half a nanosecond a question, where asking for the process id costs 190.
pub(crate) fn generation() -> Option<u64> {
    let registered = register();
    if !registered {
        return None;
    }
    if wiped::mark() {
        FORKS.fetch_add(1, Ordering::Release);
    }
    Some(FORKS.load(Ordering::Acquire))
}

/// A page that the kernel wipes in a child, however it was forked: `_Fork()` and the bare system
/// calls run no handlers. (Miri knows no such page, and no fork.)
#[cfg(all(target_os = "linux", not(miri)))]
mod wiped {
    use std::sync::atomic::{AtomicU64, Ordering};

    use once_cell::sync::OnceCell;

    static PAGE: OnceCell<Option<&'static AtomicU64>> = OnceCell::new();

    /// Not 0, which is what a wiped page holds.
    const MARK: u64 = 1;

    fn page() -> Option<&'static AtomicU64> {
        *PAGE.get_or_init(|| {
            let len = size_of::<AtomicU64>();
            // SAFETY: a new private mapping, which nobody else knows; it is never unmapped.
            let page = unsafe {
                let page = libc::mmap(
                    std::ptr::null_mut(),
                    len,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                );
                if page == libc::MAP_FAILED {
                    return None;
                }
                if libc::madvise(page, len, libc::MADV_WIPEONFORK) != 0 {
                    // A kernel before 4.14: the handlers must do.
                    libc::munmap(page, len);
                    return None;
                }
                &*page.cast::<AtomicU64>()
            };
            page.store(MARK, Ordering::Release);
            Some(page)
        })
    }

    /// Marks the page; returns whether it was wiped, to one caller alone.
    pub(super) fn mark() -> bool {
        page().is_some_and(|page| {
            page.load(Ordering::Acquire) != MARK
                && page.compare_exchange(0, MARK, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod wiped {
    pub(super) fn mark() -> bool {
        false
    }
}
