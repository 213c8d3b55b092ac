//! Rows 4 and 5: throughput of logins on one and two threads, while some calls write.

use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context as _, Result};
use fastrand::Rng;

use crate::context::{Context, HOT, World};
use crate::format::{grouped, rates, ratio_text};
use crate::keys::Keys;
use crate::reference::Shared;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

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

/// What is measured with a load: millions of calls per second, on one and on two threads.
struct Rates {
    ours: [Series; 2],
    locked: [Series; 2],
    cpp: [Series; 2],
}

impl Rates {
    fn measure(context: &Context, world: &World, load: Load) -> Self {
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
        let [ours, two, locked, locked_two, cpp, cpp_two]: [Series; 6] =
            series.try_into().expect("a series for each contestant");
        Self { ours: [ours, two], locked: [locked, locked_two], cpp: [cpp, cpp_two] }
    }

    /// Returns how much faster two threads are than one.
    fn scaling(&self) -> Ratio {
        Ratio::of(&self.ours[1], &self.ours[0])
    }

    fn against_locked(&self) -> Ratio {
        Ratio::of(&self.ours[1], &self.locked[1])
    }

    fn against_cpp(&self) -> Ratio {
        Ratio::of(&self.ours[1], &self.cpp[1])
    }
}

fn measured(
    report: &mut Report,
    key: &'static str,
    ours: &Series,
    reference: &Series,
    ratio: Ratio,
) {
    let [ours, reference] = [ours, reference].map(|rate| format!("{} M/s", rates(rate)));
    report.measured(key, ours, reference, ratio);
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let mut rows = Vec::new();
    // With the lowest ratio against the locked map: at most 1% writes, and 10%.
    let mut worst: [Option<Rates>; 2] = [None, None];
    for (position, world) in context.worlds.iter().enumerate() {
        let (smallest, largest) = (position == 0, position + 1 == context.worlds.len());
        for (name, different) in [("one", 1), ("hot", HOT), ("any", world.size)] {
            let hot = different == HOT;
            if name == "any" && world.size <= HOT {
                continue;
            }
            for (write_every, writes) in [(0, "none"), (100, "1%"), (10, "10%")] {
                // One token is read by all threads, and is not replaced meanwhile.
                if name == "one" && write_every != 0 {
                    continue;
                }
                let calls = context.calls(if name == "any" { 40_000 } else { 80_000 });
                let values = if name == "any" { calls } else { different.min(calls) };
                let load = Load { different, values, calls, write_every };
                let measurement = Rates::measure(context, world, load);
                let [one, two] = &measurement.ours;
                let scaling = measurement.scaling();
                let key = match (name, write_every) {
                    ("hot", 0) if largest => Some("4a"),
                    ("one", _) if largest => Some("4b"),
                    ("hot", 100) if largest => Some("5a"),
                    ("hot", 100) if smallest => Some("5b"),
                    _ => None,
                };
                if let Some(key) = key {
                    measured(report, key, two, one, scaling);
                }
                if hot && largest && write_every == 100 {
                    let (other, ratio) = (&measurement.cpp[1], measurement.against_cpp());
                    measured(report, "5e", two, other, ratio);
                }
                let mut row = vec![grouped(world.size as f64), name.to_owned(), writes.to_owned()];
                let Rates { ours, locked, cpp } = &measurement;
                row.extend([ours, locked, cpp].into_iter().flatten().map(rates));
                row.push(ratio_text(&scaling));
                let against = [measurement.against_locked(), measurement.against_cpp()];
                row.extend(against.iter().map(ratio_text));
                rows.push(row);

                let worst = &mut worst[usize::from(write_every == 10)];
                let so_far = worst.as_ref().map_or(f64::INFINITY, |it| it.against_locked().median);
                if name != "one" && against[0].median < so_far {
                    *worst = Some(measurement);
                }
            }
        }
    }
    for (key, worst) in ["5c", "5d"].into_iter().zip(worst) {
        let worst = worst.context("there is a load with few writes, and one with many")?;
        measured(report, key, &worst.ours[1], &worst.locked[1], worst.against_locked());
    }
    report.table(
        "Logins on one and two threads",
        "Millions of calls per second of all threads together. *Hot*: the same 4,096 values over and \
         over; *one*: a single value. A write adds a token with a known value or removes it, in turn; \
         the maps have nothing to check when they write.",
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
