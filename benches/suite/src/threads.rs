//! Rows 4 and 5: throughput of logins on one and two threads, while some calls write.

use std::sync::Barrier;
use std::time::Instant;

use anyhow::Result;
use fastrand::Rng;

use crate::context::{Context, HOT, World};
use crate::format::{grouped, rates, ratio_text};
use crate::keys::Keys;
use crate::reference::Shared;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, interleave};

/// What the threads do.
#[derive(Clone, Copy)]
struct Load {
    /// Number of different values that are looked up.
    different: usize,
    /// Number of values per thread, which it repeats in order.
    values: usize,
    /// Number of calls per thread.
    calls: usize,
    /// One of this many calls writes; 0 means none.
    write_every: usize,
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let mut rows = Vec::new();
    for (position, world) in context.worlds.iter().enumerate() {
        let largest = position + 1 == context.worlds.len();
        for hot in [true, false] {
            if !hot && world.size <= HOT {
                continue;
            }
            for (write_every, writes) in [(0, "none"), (100, "1%"), (10, "10%")] {
                let calls = context.calls(if hot { 80_000 } else { 40_000 });
                let load = if hot {
                    Load { different: HOT, values: HOT.min(calls), calls, write_every }
                } else {
                    Load { different: world.size, values: calls, calls, write_every }
                };
                let series = interleave(
                    context.rounds,
                    &mut [
                        contestant(context, world, &world.ours, load, 1),
                        contestant(context, world, &world.ours, load, 2),
                        contestant(context, world, &world.locked, load, 1),
                        contestant(context, world, &world.locked, load, 2),
                        contestant(context, world, &world.cpp, load, 1),
                        contestant(context, world, &world.cpp, load, 2),
                    ],
                );
                let scaling = Ratio::of(&series[1], &series[0]);
                let against = [&series[3], &series[5]].map(|other| Ratio::of(&series[1], other));
                if hot && largest && write_every == 0 {
                    report.measured(
                        "4",
                        format!("{} M/s", rates(&series[1])),
                        format!("{} M/s", rates(&series[0])),
                        scaling,
                    );
                }
                if hot && largest && write_every == 100 {
                    for (key, other, ratio) in
                        [("5a", &series[3], against[0]), ("5b", &series[5], against[1])]
                    {
                        let [ours, other] =
                            [&series[1], other].map(|rate| format!("{} M/s", rates(rate)));
                        report.measured(key, ours, other, ratio);
                    }
                }
                let mut row = vec![
                    grouped(world.size as f64),
                    if hot { "hot" } else { "any" }.to_owned(),
                    writes.to_owned(),
                ];
                row.extend(series.iter().map(rates));
                row.push(ratio_text(&scaling));
                row.extend(against.iter().map(ratio_text));
                rows.push(row);
            }
        }
    }
    report.table(
        "Logins on one and two threads",
        "Millions of calls per second of all threads together. *Hot*: the same 4,096 values over and \
         over. A write adds a token with a known value or removes it, in turn; the maps have nothing \
         to check when they write.",
        &[
            "tokens",
            "values",
            "writes",
            "ours, 1 thread",
            "ours, 2",
            "RwLock of hashbrown, 1",
            "2",
            "C++ shared_mutex, 1",
            "2",
            "ours, 2 / 1",
            "ours / RwLock, 2",
            "ours / C++, 2",
        ],
        &rows,
    );
    Ok(())
}

fn contestant<'a, S: Shared>(
    context: &Context,
    world: &'a World,
    store: &'a S,
    load: Load,
    threads: usize,
) -> Contestant<'a> {
    let mut random = context.random();
    Box::new(move || throughput(world, store, load, threads, &mut random))
}

/// Returns the calls per second of a number of threads.
fn throughput<S: Shared>(
    world: &World,
    store: &S,
    load: Load,
    threads: usize,
    random: &mut Rng,
) -> f64 {
    let parts: Vec<_> = (0..threads)
        .map(|_| {
            let values = world.keys.sample(random, load.different, load.values);
            (values, Keys::made_up(random, 64))
        })
        .collect();
    let barrier = Barrier::new(threads);
    let spans: Vec<_> = std::thread::scope(|scope| {
        let threads = parts.iter().enumerate().map(|(core, (values, new))| {
            let barrier = &barrier;
            scope.spawn(move || {
                pin(core);
                values.iter().take(HOT).for_each(|value| _ = store.log_in(value));
                barrier.wait();
                let start = Instant::now();
                work(store, values, new, load);
                (start, Instant::now())
            })
        });
        let threads: Vec<_> = threads.collect();
        threads.into_iter().map(|thread| thread.join().expect("nothing panics")).collect()
    });
    let first = spans.iter().map(|span| span.0).min().expect("there is a thread");
    let last = spans.iter().map(|span| span.1).max().expect("there is a thread");
    (threads * load.calls) as f64 / (last - first).as_secs_f64()
}

fn work<S: Shared>(store: &S, values: &Keys, new: &Keys, load: Load) {
    let (mut next, mut until_write) = (0, load.write_every);
    let (mut written, mut added) = (0, None);
    for _ in 0..load.calls {
        until_write = until_write.wrapping_sub(1);
        if until_write == 0 {
            until_write = load.write_every;
            let value = new.get(written % new.len());
            match added.take() {
                None => added = Some(store.add(value)),
                Some(id) => {
                    store.remove(value, id);
                    written += 1;
                }
            }
            continue;
        }
        assert!(store.log_in(values.get(next)));
        next += 1;
        if next == values.len() {
            next = 0;
        }
    }
    if let Some(id) = added {
        store.remove(new.get(written % new.len()), id);
    }
}

/// Pins a thread to a core, if there is more than one.
pub fn pin(core: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the set is a local variable. If the call fails, the thread is not pinned.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = core;
}
