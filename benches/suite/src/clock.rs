//! Timers for many calls, and for single calls that the processor cannot overlap with others.

use std::hint::black_box;
use std::time::Instant;

use crate::rounds::percentile;

/// Returns the mean time of calls that the processor may overlap, in nanoseconds.
pub fn mean(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    for index in 0..calls {
        call(index);
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// Reads the time-stamp counter after all earlier instructions and before all later ones.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fenced() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: every x86-64 processor supports both instructions.
    unsafe {
        _mm_lfence();
        let ticks = _rdtsc();
        _mm_lfence();
        ticks
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn fenced() -> u64 {
    use std::sync::OnceLock;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Times single calls.
#[derive(Clone, Copy)]
pub struct Stopwatch {
    ticks_per_ns: f64,
    /// Resolution of the counter in nanoseconds: 10 on some machines.
    step: f64,
    /// The time measured for nothing.
    empty: f64,
}

impl Stopwatch {
    pub fn new() -> Self {
        let (start, ticks) = (Instant::now(), fenced());
        while start.elapsed().as_millis() < 50 {}
        let ticks_per_ns = (fenced() - ticks) as f64 / start.elapsed().as_nanos() as f64;
        let mut last = fenced();
        let step = (0..10_000).fold(0, |step, _| {
            let before = std::mem::replace(&mut last, fenced());
            greatest_common_divisor(step, last - before)
        });
        let this = Self { ticks_per_ns, step: step as f64 / ticks_per_ns, empty: 0.0 };
        let mut nothing: Vec<_> = (0..10_000).map(|_| this.time(|| ())).collect();
        Self { empty: this.median(&mut nothing), ..this }
    }

    /// Returns the time of a call in nanoseconds, without the overhead of measuring.
    #[inline(always)]
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> f64 {
        let start = fenced();
        black_box(call());
        let end = fenced();
        (end - start) as f64 / self.ticks_per_ns - self.empty
    }

    /// Returns the median of times. With a coarse counter, many times are equal. The median is then
    /// interpolated between them.
    pub fn median(&self, times: &mut [f64]) -> f64 {
        let middle = percentile(times, 0.5);
        let lowest = middle - self.step / 2.0;
        let below = times.iter().filter(|time| **time < lowest).count();
        let equal = times.iter().filter(|time| (**time - middle).abs() < self.step / 2.0).count();
        lowest + self.step * (times.len() as f64 / 2.0 - below as f64) / equal.max(1) as f64
    }
}

/// Returns the mean of times without the slowest 1%, which were interrupted.
pub fn usual_mean(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    let usual = &times[..times.len() - times.len() / 100];
    usual.iter().sum::<f64>() / usual.len() as f64
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
