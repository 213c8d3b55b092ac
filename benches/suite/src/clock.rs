//! Time: of many calls, and of single calls that the processor cannot overlap with others.

use std::hint::black_box;
use std::time::Instant;

use crate::rounds::percentile;

/// Nanoseconds per call of a number of calls, which the processor may overlap.
pub fn mean(calls: usize, mut call: impl FnMut(usize)) -> f64 {
    let start = Instant::now();
    for index in 0..calls {
        call(index);
    }
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// A counter's value once all before is done, and before anything after begins.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fenced() -> u64 {
    use std::arch::x86_64::{_mm_lfence, _rdtsc};
    // SAFETY: every x86-64 processor has both.
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
    /// What is read around nothing at all.
    empty: f64,
}

impl Stopwatch {
    pub fn new() -> Self {
        let (start, ticks) = (Instant::now(), fenced());
        while start.elapsed().as_millis() < 50 {}
        let ticks_per_ns = (fenced() - ticks) as f64 / start.elapsed().as_nanos() as f64;
        let mut pairs: Vec<_> = (0..10_000).map(|_| -(fenced() as f64 - fenced() as f64)).collect();
        let empty = percentile(&mut pairs, 0.5) / ticks_per_ns;
        Self { ticks_per_ns, empty }
    }

    /// Nanoseconds of one call, less those of measuring nothing.
    #[inline(always)]
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> f64 {
        let start = fenced();
        black_box(call());
        let end = fenced();
        (end - start) as f64 / self.ticks_per_ns - self.empty
    }
}
