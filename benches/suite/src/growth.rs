//! Cost of each operation by size of the store. All sizes are measured in the same rounds.

use anyhow::Result;
use fastrand::Rng;

use crate::chart::{self, Line};
use crate::clock::mean;
use crate::context::{CLIENTS, Context, World, client, user};
use crate::format::{grouped, ratio_text, times};
use crate::keys::Keys;
use crate::reference::Logins;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Makes a number of calls and returns the cost of one.
type Calls = fn(&World, &mut Rng, usize) -> f64;

const LOGIN: &str = "login";
const EXISTING: &str = "get-or-create, existing";
const NEW: &str = "get-or-create, new";
const PLAIN: &str = "reference login (hashbrown)";
const LOCKED: &str = "RwLock of hashbrown, login";
const CPP: &str = "C++ unordered_map + shared_mutex, login";

/// Operations that do not change the store.
const OURS: [(&str, Calls); 7] = [
    (LOGIN, |world, random, calls| log_in(&world.ours, world, random, calls)),
    ("login, unknown value", |world, random, calls| log_in_unknown(&world.ours, random, calls)),
    ("find by value", |world, random, calls| {
        let values = world.keys.sample(random, world.size, calls);
        mean(calls, |call| assert!(world.ours.find(values.get(call))))
    }),
    ("get by id", |world, random, calls| {
        let ids: Vec<_> = (0..calls).map(|_| random.i64(1..=world.size as i64)).collect();
        mean(calls, |call| drop(world.ours.get(ids[call]).expect(THERE)))
    }),
    (EXISTING, |world, random, calls| {
        let numbers = (0..calls).map(|_| random.usize(..world.size));
        let names: Vec<_> = numbers.map(|number| (user(number), client(number))).collect();
        mean(calls, |call| {
            let (user, client) = &names[call];
            let found = world.ours.client_token(user, client, None);
            assert!(found.is_ok_and(|(_, created)| !created));
        })
    }),
    ("list of one user's 10 tokens", |world, random, calls| {
        let users: Vec<_> = (0..calls).map(|_| user(random.usize(..world.size))).collect();
        mean(calls, |call| {
            assert!(world.ours.list(Some(&users[call])).is_ok_and(|count| count == CLIENTS));
        })
    }),
    ("number of tokens", |world, _, calls| {
        mean(calls, |_| assert!(world.ours.count().is_ok_and(|count| count == world.size as u64)))
    }),
];

/// A step in the life of some tokens, whose ids are kept between steps.
type Step = fn(&World, &mut Vec<i64>, usize) -> f64;

/// Steps that create, change and delete tokens, in order.
const LIFE: [(&str, Step); 5] = [
    (NEW, |world, made, calls| {
        let users: Vec<_> = (0..calls).map(new_user).collect();
        let clients: Vec<_> = (0..calls).map(client).collect();
        mean(calls, |call| {
            let token = world.ours.client_token(&users[call], &clients[call], None);
            let (token, created) = token.expect("a token is created");
            assert!(created);
            made.push(token.id());
        })
    }),
    ("update of the note", |world, made, calls| {
        mean(calls, |call| world.ours.set_note(made[call], "a note").expect(THERE))
    }),
    ("invalidation by id", |world, made, calls| {
        mean(calls, |call| world.ours.invalidate(made[call]).expect(THERE))
    }),
    ("invalidation of one user's 10 tokens", |world, _, calls| {
        let users: Vec<_> = (0..calls / CLIENTS).map(|call| new_user(call * CLIENTS)).collect();
        mean(users.len(), |call| {
            let count = world.ours.invalidate_user(&users[call]);
            assert!(count.is_ok_and(|count| count == CLIENTS as u64));
        })
    }),
    ("deletion", |world, made, calls| {
        mean(calls, |call| world.ours.delete(made[call]).expect(THERE))
    }),
];

/// References that exist at every size.
const REFERENCES: [(&str, Calls); 2] = [
    (PLAIN, |world, random, calls| log_in(&world.plain, world, random, calls)),
    ("reference login, unknown value", |world, random, calls| {
        log_in_unknown(&world.plain, random, calls)
    }),
];

/// References that the largest size does not have.
const LOCKED_REFERENCES: [(&str, Calls); 2] = [
    (LOCKED, |world, random, calls| log_in(&world.locked, world, random, calls)),
    (CPP, |world, random, calls| log_in(&world.cpp, world, random, calls)),
];

const THERE: &str = "the token is there";

/// Returns the owner of a token that an operation creates.
fn new_user(call: usize) -> String {
    format!("new-{}", call / CLIENTS)
}

fn log_in(store: &impl Logins, world: &World, random: &mut Rng, calls: usize) -> f64 {
    let values = world.keys.sample(random, world.size, calls);
    mean(calls, |call| assert!(store.log_in(values.get(call))))
}

fn log_in_unknown(store: &impl Logins, random: &mut Rng, calls: usize) -> f64 {
    let values = Keys::made_up(random, calls);
    mean(calls, |call| assert!(!store.log_in(values.get(call))))
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let complete = context.worlds.len();
    if let Some(size) = context.huge() {
        context.worlds.push(World::new(size, false)?);
    }
    let worlds = &context.worlds[..];
    let measure = |(name, calls): &(&'static str, Calls)| (*name, by_size(context, worlds, *calls));
    let mut all: Vec<_> = OURS.iter().map(measure).collect();
    all.extend(lives(context));
    all.extend(REFERENCES.iter().map(measure));
    let worlds = &worlds[..complete];
    let measure = |(name, calls): &(&'static str, Calls)| (*name, by_size(context, worlds, *calls));
    all.extend(LOCKED_REFERENCES.iter().map(measure));

    let rows: Vec<_> = all
        .iter()
        .map(|(name, series)| {
            let mut row = vec![(*name).to_owned()];
            row.extend(series.iter().map(times));
            row.resize(1 + context.worlds.len(), "–".to_owned());
            row.push(ratio_text(&Ratio::of(&series[series.len() - 1], &series[0])));
            row
        })
        .collect();
    let sizes: Vec<_> = context.worlds.iter().map(|world| world.size as f64).collect();
    for (name, label, ours) in [
        (LOGIN, chart::LOGIN, true),
        (EXISTING, EXISTING, true),
        (NEW, NEW, true),
        (PLAIN, "hashbrown, no lock", false),
        (LOCKED, "hashbrown, RwLock", false),
        (CPP, "C++, shared_mutex", false),
    ] {
        let series = all.iter().filter(|(operation, _)| *operation == name);
        let medians = series.flat_map(|(_, series)| series).map(Series::median);
        let points = sizes.iter().copied().zip(medians).collect();
        let line = if ours { Line::ours } else { Line::reference };
        report.lines.push(line(label, points));
    }
    let sizes: Vec<_> = sizes.iter().map(|size| format!("{} tokens", grouped(*size))).collect();
    let mut header = vec!["operation"];
    header.extend(sizes.iter().map(String::as_str));
    header.push("largest / smallest");
    report.table(
        "Growth",
        "Mean of a round, of calls that the processor may overlap, with random values, users and ids. \
         What grows is the share of memory that no cache holds: the references show the machine's part. \
         The largest size is left out on a machine without 16 GB of free memory; the maps with locks do \
         not have it.",
        &header,
        &rows,
    );
    Ok(())
}

/// Returns the cost of calls in each world.
fn by_size(context: &Context, worlds: &[World], measure: Calls) -> Vec<Series> {
    let calls = context.calls(10_000);
    let mut contestants: Vec<Contestant<'_>> = Vec::new();
    for world in worlds {
        let mut random = context.random();
        contestants.push(Box::new(move || measure(world, &mut random, calls)));
    }
    interleave(context.rounds, &mut contestants)
}

/// Returns the cost of the steps of tokens' lives at each size.
fn lives(context: &Context) -> Vec<(&'static str, Vec<Series>)> {
    let calls = context.calls(4000);
    let empty = || vec![Series(Vec::new()); context.worlds.len()];
    let mut all: Vec<_> = LIFE.iter().map(|(name, _)| (*name, empty())).collect();
    for round in 0..=context.rounds {
        for (size, world) in context.worlds.iter().enumerate() {
            let mut made = Vec::with_capacity(calls);
            for ((_, step), (_, series)) in LIFE.iter().zip(&mut all) {
                let cost = step(world, &mut made, calls);
                if round > 0 {
                    series[size].0.push(cost);
                }
            }
        }
    }
    all
}
