//! Noticing that the process was forked.

use std::sync::atomic::{AtomicU64, Ordering};

use once_cell::sync::OnceCell;

static FORKS: AtomicU64 = AtomicU64::new(0);
static REGISTERED: OnceCell<bool> = OnceCell::new();

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// A number that is different in a child of `fork` from what it was in its parent before, or
/// `None` if the operating system refuses to tell the child.
///
/// A counter costs half a nanosecond a question, where asking for the process id costs 190.
pub(crate) fn generation() -> Option<u64> {
    let registered = *REGISTERED.get_or_init(|| {
        // SAFETY: `in_child` is a function without captures that stays mapped for the life of the
        // process (the library is linked so that it cannot be unloaded), takes no lock, allocates
        // nothing and does not panic, so it may run in the child of a process with many threads.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) == 0 }
    });
    if !registered {
        return None;
    }
    if wiped::was_wiped() {
        FORKS.fetch_add(1, Ordering::Release);
        wiped::mark();
    }
    Some(FORKS.load(Ordering::Acquire))
}

/// A page that the kernel wipes in a child, however it was forked: `_Fork()` and the bare system
/// calls run no handlers.
#[cfg(target_os = "linux")]
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

    pub(super) fn was_wiped() -> bool {
        page().is_some_and(|page| page.load(Ordering::Acquire) != MARK)
    }

    pub(super) fn mark() {
        if let Some(page) = page() {
            page.store(MARK, Ordering::Release);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod wiped {
    pub(super) fn was_wiped() -> bool {
        false
    }

    pub(super) fn mark() {}
}
