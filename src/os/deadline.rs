//! Ends a unit test that hangs.

/// Longer than any unit test takes, also on a busy machine.
const SECONDS: libc::c_uint = 600;

/// Ends the process by SIGALRM after some minutes, for tests whose threads wait for each other.
pub(crate) fn start() {
    // Miri knows no timer.
    if cfg!(not(miri)) {
        // SAFETY: sets a timer, and touches no memory.
        unsafe { libc::alarm(SECONDS) };
    }
}
