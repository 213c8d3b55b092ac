//! Blocks signals in threads that the library starts, so that the host's threads handle them.

use std::mem::MaybeUninit;

/// Runs `body` with all signals of this thread blocked. Threads that it starts inherit the blocked
/// signals.
pub(crate) fn with_all_blocked<T>(body: impl FnOnce() -> T) -> T {
    /// Restores the signal mask, also if `body` panics.
    struct Restore(libc::sigset_t);

    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the mask came from the same function, and the previous one is not requested.
            unsafe {
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, std::ptr::null_mut())
            };
        }
    }

    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first call fills `all`; the second reads it and fills `before`.
    let blocked = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    // SAFETY: filled by the call that succeeded.
    let _restore = blocked.then(|| Restore(unsafe { before.assume_init() }));
    body()
}
