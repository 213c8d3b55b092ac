//! The clock of the operating system.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns microseconds since the Unix epoch. `SystemTime` needs 35 more instructions, which is
/// 3.4% of a login.
pub(crate) fn micros() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the output is a local variable.
    if unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) } != 0 {
        // Fails if the seconds overflow 32 bits. The standard library then uses another system
        // call.
        return micros_from_std();
    }
    // `tv_sec` has 32 bits on some platforms.
    #[allow(clippy::useless_conversion, reason = "on others they have 64")]
    let (secs, nanos) = (i64::from(time.tv_sec), i64::from(time.tv_nsec));
    secs.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}

#[cold]
fn micros_from_std() -> i64 {
    let micros = |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => -micros(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_clock_sources_agree() {
        let (before, between, after) = (micros_from_std(), micros(), micros_from_std());
        assert!(before <= between && between <= after);
    }
}
