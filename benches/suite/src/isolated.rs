//! Rows 1 to 3: single calls that do not overlap with other instructions. The presented value is in
//! the caches, like one that has just arrived with a request.

use std::hint::black_box;

use anyhow::Result;

use crate::clock::Stopwatch;
use crate::context::{Context, HOT, World};
use crate::format::{ratio_text, times};
use crate::keys::{self, Keys};
use crate::reference::Logins;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Which values are looked up.
#[derive(Clone, Copy, PartialEq)]
enum Asked {
    Cold,
    Hot,
    Unknown,
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let mut rows = Vec::new();
    for (position, world) in context.worlds.iter().enumerate() {
        let (smallest, largest) = (position == 0, position + 1 == context.worlds.len());
        for (asked, name) in
            [(Asked::Cold, "any"), (Asked::Hot, "4,096 hot"), (Asked::Unknown, "unknown")]
        {
            if asked == Asked::Hot && world.size <= HOT {
                continue;
            }
            let series = measure(context, world, asked);
            let [ours, reference, found, looked_up] = &series[..] else { unreachable!() };
            let ratio = Ratio::of(ours, reference);
            let key = match asked {
                Asked::Cold if largest => Some("1"),
                Asked::Cold if smallest => Some("2"),
                Asked::Unknown if largest => Some("3"),
                _ => None,
            };
            if let Some(key) = key {
                report.measured(key, times(ours), times(reference), ratio);
            }
            rows.push(vec![
                crate::format::grouped(world.size as f64),
                name.to_owned(),
                times(ours),
                times(reference),
                ratio_text(&ratio),
                times(found),
                times(looked_up),
                ratio_text(&Ratio::of(found, looked_up)),
            ]);
        }
    }
    report.table(
        "One isolated call",
        "Nanoseconds of one fenced call, p50 of a round, less those of a fence around nothing. A login \
         gives a handle out and takes it back; the reference login does the same with one unlocked \
         hashbrown map. Lookups (`rbtoken_store_find_token` and a bare `get`) are beside it: a bare \
         `get` gives no handle.",
        &[
            "tokens",
            "values",
            "login",
            "reference login",
            "ratio",
            "lookup with handle",
            "bare lookup",
            "ratio",
        ],
        &rows,
    );
    Ok(())
}

fn measure(context: &Context, world: &World, asked: Asked) -> Vec<Series> {
    let calls = context.calls(20_000);
    let contest = |call| contestant(context, world, asked, calls, call);
    interleave(
        context.rounds,
        &mut [
            contest(Call::Ours),
            contest(Call::Reference),
            contest(Call::OursFind),
            contest(Call::ReferenceFind),
        ],
    )
}

#[derive(Clone, Copy)]
enum Call {
    Ours,
    Reference,
    OursFind,
    ReferenceFind,
}

/// All contestants look up the same values in the same order.
fn contestant<'a>(
    context: &Context,
    world: &'a World,
    asked: Asked,
    calls: usize,
    call: Call,
) -> Contestant<'a> {
    let mut random = context.random();
    let watch = context.stopwatch;
    Box::new(move || {
        let values = match asked {
            Asked::Cold => world.keys.sample(&mut random, world.size, calls),
            Asked::Hot => world.keys.sample(&mut random, HOT, calls),
            Asked::Unknown => Keys::made_up(&mut random, calls),
        };
        match call {
            Call::Ours => p50(watch, &values, asked, |value| world.ours.log_in(value)),
            Call::Reference => p50(watch, &values, asked, |value| world.plain.log_in(value)),
            Call::OursFind => p50(watch, &values, asked, |value| world.ours.find(value)),
            Call::ReferenceFind => p50(watch, &values, asked, |value| world.plain.find(value)),
        }
    })
}

/// Returns the median time of single calls, with values that were just copied to one place.
#[inline(always)]
fn p50(watch: Stopwatch, values: &Keys, asked: Asked, call: impl Fn(&[u8]) -> bool) -> f64 {
    const BATCH: usize = 64;
    if asked == Asked::Hot {
        // Evicts what the other contestants left in the caches.
        values.iter().for_each(|value| _ = black_box(call(value)));
    }
    let mut near = [0; BATCH * keys::LEN];
    let mut costs = Vec::with_capacity(values.len());
    for first in (0..values.len()).step_by(BATCH) {
        let batch = BATCH.min(values.len() - first);
        for index in 0..batch {
            near[index * keys::LEN..][..keys::LEN].copy_from_slice(values.get(first + index));
        }
        for value in black_box(&near).chunks_exact(keys::LEN).take(batch) {
            let mut answer = false;
            costs.push(watch.time(|| answer = call(value)));
            assert_eq!(answer, asked != Asked::Unknown);
        }
    }
    watch.median(&mut costs)
}
