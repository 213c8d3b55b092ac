//! Row 7: what making a value costs.
//!
//! The ABI has no call that makes a value and nothing else. So tokens are generated twice, with the
//! built-in generator and with one of the host's that hands out values that are ready: the
//! difference of the two medians is what making a value costs, less what asking a host costs.

use std::ffi::{CStr, c_char};

use anyhow::Result;

use crate::abi::{Generator, Handle, Status};
use crate::clock::mean;
use crate::context::Context;
use crate::handles::Store;
use crate::keys::{self, Keys};
use crate::reference::python::{ReviewBoard, VARIABLE};
use crate::reference::random::{Fill, Naive};
use crate::report::{Report, times};
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Tokens in the store, which stays as large.
const TOKENS: usize = 1000;
const READY: &CStr = c"ready";

/// Values that are ready.
struct Ready {
    values: Keys,
    next: usize,
}

/// Hands out the next value.
unsafe extern "C" fn next(
    ready: Handle,
    _: *const c_char,
    _: u32,
    value: *mut c_char,
    capacity: usize,
    value_len: *mut usize,
) -> Status {
    // SAFETY: it was added with such data, and only one thread generates.
    unsafe {
        let ready = &mut *ready.cast::<Ready>();
        assert!(capacity >= keys::LEN);
        let next = ready.values.get(ready.next);
        ready.next += 1;
        value.copy_from_nonoverlapping(next.as_ptr().cast(), keys::LEN);
        *value_len = keys::LEN;
    }
    0
}

/// Calls every value valid.
unsafe extern "C" fn valid(
    _: Handle,
    _: *const c_char,
    _: *const c_char,
    _: usize,
    valid: *mut bool,
) -> Status {
    // SAFETY: the library's output.
    unsafe { *valid = true };
    0
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let mut ready = Ready { values: Keys::default(), next: 0 };
    let store = Store::in_memory()?;
    let generator = Generator {
        struct_size: size_of::<Generator>(),
        user_data: (&raw mut ready).cast(),
        create: next,
        validate: valid,
        destroy: None,
    };
    let name = READY.to_str()?;
    store.add_generator(name, &generator)?;
    for _ in 0..TOKENS {
        store.generate("user", None)?;
    }
    let mut python = ReviewBoard::start(0)?;

    let calls = context.calls(10_000);
    let watch = context.stopwatch;
    let generate = |with: Option<&str>| {
        let mut made = None;
        let cost = watch.time(|| made = Some(store.generate("user", with)));
        let token = made.expect("it was called").expect("a token is generated");
        store.delete(token.id()).expect("the token is there");
        cost
    };
    let (mut fill, naive) = (Fill::new(), Naive::new());
    let mut random = context.random();
    let ready = &raw mut ready;
    let mut both = [const { Series(Vec::new()) }; 2];
    let mut contestants: Vec<Contestant<'_>> = vec![
        // In turn, so that what else changes the cost of a call changes both.
        Box::new(|| {
            // SAFETY: nothing generates meanwhile.
            unsafe { *ready = Ready { values: Keys::made_up(&mut random, calls), next: 0 } };
            let pairs = (0..calls).map(|_| (generate(None), generate(Some(name))));
            let (mut built_in, mut with_ready): (Vec<_>, Vec<_>) = pairs.unzip();
            let medians = [watch.median(&mut built_in), watch.median(&mut with_ready)];
            both.iter_mut().zip(medians).for_each(|(series, median)| series.0.push(median));
            medians[0] - medians[1]
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

    // Without those of the round that warms up.
    for series in &mut both {
        series.0.remove(0);
    }
    let (ours, fill, naive, djblets) = (&series[0], &series[1], &series[2], series.get(3));
    let mut rows = vec![
        vec!["`rbtoken_store_generate_token`, built-in generator".into(), times(&both[0])],
        vec!["the same, a generator with values that are ready".into(), times(&both[1])],
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
         only makes a value: so the same token is generated with the built-in generator and with one \
         of the host's that hands out ready values, in turn, and the difference of the medians is taken. The latter costs a \
         callback and a check of what it gave, some tens of nanoseconds, which the difference lacks.",
        &["what", "time"],
        &rows,
    );
    Ok(())
}
