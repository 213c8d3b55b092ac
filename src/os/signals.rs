//! Blocks signals: in threads that the library starts, so that the host's threads handle them, and
//! while a file is written.

use std::mem::MaybeUninit;
use std::ptr::null_mut;

use libc::sigset_t;

/// The signal mask of this thread, which is restored on drop, also during a panic.
struct Restore(sigset_t);

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: the mask came from the same function, and the previous one is not requested.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, null_mut()) };
    }
}

/// Blocks all signals of this thread. Returns `None` if that fails.
fn block_all() -> Option<Restore> {
    let mut all = MaybeUninit::<sigset_t>::uninit();
    let mut before = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the first call fills `all`; the second reads it and fills `before`.
    let blocked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    // SAFETY: filled by the call that succeeded.
    blocked.then(|| Restore(unsafe { before.assume_init() }))
}

/// Runs `body` with all signals of this thread blocked. Threads that it starts inherit the blocked
/// signals.
pub(crate) fn with_all_blocked<T>(body: impl FnOnce() -> T) -> T {
    let _restore = block_all();
    body()
}

/// Runs `body`, which writes to files, with all signals of this thread blocked. Discards a SIGXFSZ
/// that exceeding a file size limit raises, since the failed write is an error.
#[cfg(feature = "sqlite")]
pub(crate) fn while_writing<T>(body: impl FnOnce() -> T) -> T {
    /// Discards the signal on drop, also during a panic.
    struct Discard;

    impl Drop for Discard {
        fn drop(&mut self) {
            if is_pending(libc::SIGXFSZ) {
                discard(libc::SIGXFSZ);
            }
        }
    }

    // Dropped last, after the signal was discarded.
    let _restore = block_all();
    // One that was pending before belongs to the host.
    let _discard = (!is_pending(libc::SIGXFSZ)).then(|| Discard);
    body()
}

#[cfg(feature = "sqlite")]
fn is_pending(signal: libc::c_int) -> bool {
    let mut pending = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the first call fills the set, unless it fails; the second reads it.
    unsafe {
        libc::sigpending(pending.as_mut_ptr()) == 0
            && libc::sigismember(pending.as_ptr(), signal) == 1
    }
}

/// Discards a pending signal that is blocked.
#[cfg(feature = "sqlite")]
fn discard(signal: libc::c_int) {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the first two calls fill the set, which the last one reads.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        #[cfg(not(target_vendor = "apple"))]
        {
            let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            libc::sigtimedwait(set.as_ptr(), null_mut(), &raw const now);
        }
        // Returns immediately, since the signal is pending for this thread.
        #[cfg(target_vendor = "apple")]
        libc::sigwait(set.as_ptr(), &mut 0);
    }
}
