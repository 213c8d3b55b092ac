//! A time limit for unit tests.

/// Longer than any unit test takes on a busy machine.
const SECONDS: libc::c_uint = 600;

/// Ends the process by SIGALRM after [`SECONDS`]: for tests whose threads could deadlock.
pub(crate) fn start() {
    // Miri does not support timers.
    if cfg!(not(miri)) {
        // SAFETY: sets a timer, and accesses no memory.
        unsafe { libc::alarm(SECONDS) };
    }
}
