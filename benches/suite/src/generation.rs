//! Row 7: cost of generating a value.
//!
//! The ABI has no call that only generates a value. So the same token is stored in two ways:
//! generated, and imported with a prepared value. The difference is the cost of generation.

use anyhow::Result;

use crate::clock::{mean, usual_mean};
use crate::context::Context;
use crate::format::times;
use crate::handles::{Store, Token};
use crate::keys::{self, Keys};
use crate::reference::python::{ReviewBoard, VARIABLE};
use crate::reference::random::{Fill, Naive};
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Number of tokens in the store, which stays constant.
const TOKENS: usize = 1000;

/// Few enough to stay in the L1 cache, like a newly generated value.
const READY: usize = 32;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let store = Store::in_memory()?;
    for _ in 0..TOKENS {
        store.generate("user")?;
    }
    let mut python = ReviewBoard::start(0)?;

    let calls = context.calls(10_000);
    let watch = context.stopwatch;
    let stored = |call: &dyn Fn() -> Result<Token>| {
        let mut made = None;
        let cost = watch.time(|| made = Some(call()));
        let token = made.expect("it was called").expect("a token is stored");
        store.delete(token.id()).expect("the token is there");
        cost
    };
    let (mut fill, naive) = (Fill::new(), Naive::new());
    let ready = Keys::made_up(&mut context.random(), READY);
    let mut both = [const { Series(Vec::new()) }; 2];
    let mut contestants: Vec<Contestant<'_>> = vec![
        // Alternating, so that disturbances affect both.
        Box::new(|| {
            let pair = |call| {
                let value = ready.get(call % READY);
                let generated = stored(&|| store.generate("user"));
                (generated, stored(&|| store.import("user", value, None)))
            };
            let (mut generated, mut imported): (Vec<_>, Vec<_>) = (0..calls).map(pair).unzip();
            // Not the median, since random bytes are generated for several values at a time.
            let means = [usual_mean(&mut generated), usual_mean(&mut imported)];
            both.iter_mut().zip(means).for_each(|(series, mean)| series.0.push(mean));
            means[0] - means[1]
        }),
        Box::new(|| {
            let mut costs: Vec<_> = (0..calls).map(|_| watch.time(|| fill.fill())).collect();
            watch.median(&mut costs)
        }),
        Box::new(|| mean(calls, |_| assert_eq!(naive.make(), keys::LEN))),
    ];
    if let Some(python) = &mut python {
        let calls = context.calls(1000);
        contestants
            .push(Box::new(move || python.ask("generate", calls).expect("Djblets generates")));
    }
    let series = interleave(context.rounds, &mut contestants);
    drop(contestants);

    // Without the warm-up round.
    for series in &mut both {
        series.0.remove(0);
    }
    let (ours, fill, naive, djblets) = (&series[0], &series[1], &series[2], series.get(3));
    let mut rows = vec![
        vec!["`rbtoken_store_generate_token`".into(), times(&both[0])],
        vec!["`rbtoken_store_import_token` of a value that is ready".into(), times(&both[1])],
        vec!["the difference: a value".into(), times(ours)],
        vec!["256-byte ChaCha12 fill".into(), times(fill)],
        vec!["naive `rand::rng()` loop with checksum".into(), times(naive)],
    ];
    report.measured("7a", times(ours), times(fill), Ratio::of(ours, fill));
    report.measured("7b", times(ours), times(naive), Ratio::of(naive, ours));
    match djblets {
        Some(djblets) => {
            report.measured("7c", times(ours), times(djblets), Ratio::of(djblets, ours));
            rows.push(vec!["Djblets' VendorChecksumTokenGenerator".into(), times(djblets)]);
        }
        None => report.skipped("7c", format!("skipped: {VARIABLE} names no Python")),
    }
    report.table(
        "Value generation",
        "Isolated calls, p50 of a round (the naive loop and Djblets: mean). The ABI has no call that \
         only makes a value: so tokens are generated, and imported with ready values, in turn, and the \
         difference of the medians is taken. An import checks that its value is UTF-8 without a NUL and \
         copies it, and a generation finds its generator and the hooks: some tens of nanoseconds each.",
        &["what", "time"],
        &rows,
    );
    Ok(())
}
