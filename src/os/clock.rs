//! The system's clock.

/// Microseconds since the Unix epoch. The standard library answers with what else it has checked and
/// divided, which costs as much again, and every login asks.
pub(crate) fn micros() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is this call's own. Every Unix has this clock, so that it cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    // (On some machines seconds have 32 bits.)
    #[allow(clippy::useless_conversion, reason = "on others they have 64")]
    let (secs, nanos) = (i64::from(time.tv_sec), i64::from(time.tv_nsec));
    secs.saturating_mul(1_000_000).saturating_add(nanos / 1000)
}
