//! Detection of forks.

use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use once_cell::sync::OnceCell;

static FORKS: AtomicU64 = AtomicU64::new(0);
static REGISTERED: OnceCell<bool> = OnceCell::new();

/// Handlers that a module runs around a fork, on the thread that forks. They must not panic.
/// `in_child` must neither block nor allocate.
pub(super) struct Handlers {
    pub before: fn(),
    pub in_parent: fn(),
    pub in_child: fn(),
}

/// Handlers of other modules, in their lock order.
static HANDLERS: [AtomicPtr<Handlers>; 2] = [const { AtomicPtr::new(null_mut()) }; 2];

thread_local! {
    /// The handlers whose `before` has run on this thread.
    static RAN_BEFORE: Cell<[Option<&'static Handlers>; 2]> = const { Cell::new([None; 2]) };
}

/// Adds handlers at an index of [`HANDLERS`]. Before a fork, those with a lower index run first.
pub(super) fn add_handlers(index: usize, handlers: &'static Handlers) {
    generation();
    HANDLERS[index].store(std::ptr::from_ref(handlers).cast_mut(), Ordering::Release);
}

extern "C" fn before() {
    let handlers = HANDLERS.each_ref().map(|handlers| {
        // SAFETY: the pointer is null or comes from a `'static` reference.
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
    // This fork is counted, so `generation` must not count it again.
    wipe_on_fork::mark();
    RAN_BEFORE.take().into_iter().rev().flatten().for_each(|it| (it.in_child)());
}

/// Registers this module's functions with the operating system, once. Returns whether that
/// succeeded.
fn register_with_system() -> bool {
    *REGISTERED.get_or_init(|| {
        // SAFETY: the functions stay mapped until the process ends (the library is linked so that
        // it cannot be unloaded) and do not panic. `in_child` takes no lock and allocates nothing,
        // so it may run in the child of a multithreaded process.
        unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) == 0 }
    })
}

/// Registers the handlers when the library is loaded, usually before a second thread exists. If
/// another thread forked during the registration, the child would wait forever for a thread that it
/// does not have.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[used]
// SAFETY: functions in this section are called once, with the startup arguments of C, which may be
// ignored.
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = {
    extern "C" fn at_load() {
        generation();
        super::thread_counters::key();
    }
    at_load
};

/// Returns a number that changes in the child of a fork, or `None` if the operating system cannot
/// report forks.
///
/// Reading this counter takes 0.5 ns; `getpid()` takes 190 ns.
pub(crate) fn generation() -> Option<u64> {
    let registered = register_with_system();
    if !registered {
        return None;
    }
    if wipe_on_fork::mark() {
        FORKS.fetch_add(1, Ordering::Release);
    }
    Some(FORKS.load(Ordering::Acquire))
}

/// Detects forks by a page that the kernel zeroes in every child. Fork handlers are not enough:
/// `_Fork()` and direct system calls do not run them. Miri supports neither such pages nor forks.
#[cfg(all(target_os = "linux", not(miri)))]
mod wipe_on_fork {
    use std::sync::atomic::{AtomicU64, Ordering};

    use once_cell::sync::OnceCell;

    static PAGE: OnceCell<Option<&'static AtomicU64>> = OnceCell::new();

    /// Any value but 0, which is what a zeroed page contains.
    const MARK: u64 = 1;

    fn page() -> Option<&'static AtomicU64> {
        *PAGE.get_or_init(|| {
            let len = size_of::<AtomicU64>();
            // SAFETY: a new private mapping, which is never unmapped.
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
                    // Before Linux 4.14. Only the handlers detect forks then.
                    libc::munmap(page, len);
                    return None;
                }
                &*page.cast::<AtomicU64>()
            };
            page.store(MARK, Ordering::Release);
            Some(page)
        })
    }

    /// Marks the page. Returns true to one caller if the page was zeroed.
    pub(super) fn mark() -> bool {
        page().is_some_and(|page| {
            page.load(Ordering::Acquire) != MARK
                && page.compare_exchange(0, MARK, Ordering::AcqRel, Ordering::Acquire).is_ok()
        })
    }
}

#[cfg(any(not(target_os = "linux"), miri))]
mod wipe_on_fork {
    pub(super) fn mark() -> bool {
        false
    }
}
