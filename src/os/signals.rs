//! Threads of the library's own leave the host's signals to the host.

use std::mem::MaybeUninit;

/// Runs something, such as the start of a thread, with all signals of this thread blocked: a
/// thread that is started meanwhile has them blocked for good.
pub(crate) fn with_all_blocked<T>(body: impl FnOnce() -> T) -> T {
    /// Puts the signals back, also when the body panics.
    struct Restore(libc::sigset_t);

    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set is one that the same function gave; the old one is not asked for.
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
