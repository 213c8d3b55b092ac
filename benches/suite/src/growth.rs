//! What each operation costs as stores grow. All sizes are measured in the same rounds.

use anyhow::Result;

use crate::chart::{self, Line};
use crate::clock::mean;
use crate::context::{Context, World, client, user};
use crate::keys::Keys;
use crate::reference::Logins;
use crate::report::{Report, grouped, ratio_text, times};
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// The operations, in the order of the table.
const OPERATIONS: [&str; 14] = [
    "login",
    "login, unknown value",
    "find by value",
    "get by id",
    "get-or-create, existing",
    "get-or-create, new",
    "update of the note",
    "invalidation by id",
    "deletion",
    "list of one user's 10 tokens",
    "reference login (hashbrown)",
    "RwLock of hashbrown, login",
    "C++ unordered_map + shared_mutex, login",
    "reference login, unknown value",
];

/// Those that make tokens, change and remove them: measured one after the other.
const LIFE: std::ops::Range<usize> = 5..9;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    context.fill()?;
    let mut series: Vec<Vec<Series>> = Vec::new();
    for operation in 0..OPERATIONS.len() {
        if LIFE.contains(&operation) {
            continue;
        }
        let mut contestants: Vec<Contestant<'_>> =
            context.worlds.iter().map(|world| contestant(context, world, operation)).collect();
        series.push(interleave(context.rounds, &mut contestants));
    }
    series.splice(LIFE.start..LIFE.start, lives(context));

    let sizes: Vec<_> = context.worlds.iter().map(|world| world.size).collect();
    let rows: Vec<_> = OPERATIONS
        .into_iter()
        .zip(&series)
        .map(|(name, series)| {
            let mut row = vec![name.to_owned()];
            row.extend(series.iter().map(times));
            row.push(ratio_text(&Ratio::of(&series[series.len() - 1], &series[0])));
            row
        })
        .collect();
    for (operation, name, ours) in [
        (0, chart::LOGIN, true),
        (4, "get-or-create, existing", true),
        (5, "get-or-create, new", true),
        (10, "hashbrown, no lock", false),
        (11, "hashbrown, RwLock", false),
        (12, "C++, shared_mutex", false),
    ] {
        let medians = series[operation].iter().map(Series::median);
        let points = sizes.iter().map(|size| *size as f64).zip(medians).collect();
        report.lines.push(if ours {
            Line::ours(name, points)
        } else {
            Line::reference(name, points)
        });
    }
    let sizes: Vec<_> =
        sizes.iter().map(|size| format!("{} tokens", grouped(*size as f64))).collect();
    let mut header = vec!["operation"];
    header.extend(sizes.iter().map(String::as_str));
    header.push("largest / smallest");
    report.table(
        "Growth",
        "Mean of a round, of calls that the processor may overlap, with random values, users and ids. \
         What grows is the share of memory that no cache holds: the references show the machine's part.",
        &header,
        &rows,
    );
    Ok(())
}

fn contestant<'a>(context: &Context, world: &'a World, operation: usize) -> Contestant<'a> {
    let mut random = context.random();
    let calls = context.calls(10_000);
    Box::new(move || {
        let numbers: Vec<_> = (0..calls).map(|_| random.usize(..world.size)).collect();
        match operation {
            0 => log_in(&world.ours, world, &numbers),
            10 => log_in(&world.plain, world, &numbers),
            11 => log_in(&world.locked, world, &numbers),
            12 => log_in(&world.cpp, world, &numbers),
            1 => log_in_unknown(&world.ours, &Keys::made_up(&mut random, calls)),
            13 => log_in_unknown(&world.plain, &Keys::made_up(&mut random, calls)),
            2 => {
                let values = in_turn(world, &numbers);
                mean(calls, |call| assert!(world.ours.find(values.get(call))))
            }
            3 => mean(calls, |call| {
                drop(world.ours.get(numbers[call] as i64 + 1).expect("the token is there"));
            }),
            4 => {
                let names: Vec<_> =
                    numbers.iter().map(|number| (user(*number), client(*number))).collect();
                mean(calls, |call| {
                    let (user, client) = &names[call];
                    let found = world.ours.client_token(user, client, None);
                    assert!(found.is_ok_and(|(_, created)| !created));
                })
            }
            _ => {
                let calls = calls / 10;
                let users: Vec<_> = numbers.iter().map(|number| user(*number)).collect();
                mean(calls, |call| {
                    let listed = world.ours.list(Some(&users[call]));
                    assert!(listed.is_ok_and(|count| count == crate::context::CLIENTS));
                })
            }
        }
    })
}

fn in_turn(world: &World, numbers: &[usize]) -> Keys {
    let mut values = Keys::default();
    numbers.iter().for_each(|number| values.push(world.keys.get(*number)));
    values
}

fn log_in(store: &impl Logins, world: &World, numbers: &[usize]) -> f64 {
    let values = in_turn(world, numbers);
    mean(numbers.len(), |call| assert!(store.log_in(values.get(call))))
}

fn log_in_unknown(store: &impl Logins, values: &Keys) -> f64 {
    mean(values.len(), |call| assert!(!store.log_in(values.get(call))))
}

/// Creates tokens, changes their notes, invalidates and deletes them: the four series, by size.
fn lives(context: &Context) -> [Vec<Series>; 4] {
    let calls = context.calls(4000);
    let mut series = [(); 4].map(|()| vec![Series(Vec::new()); context.worlds.len()]);
    for round in 0..=context.rounds {
        for (index, world) in context.worlds.iter().enumerate() {
            let mut made = Vec::with_capacity(calls);
            for (step, series) in series.iter_mut().enumerate() {
                let cost = live(world, step, &mut made, calls);
                if round > 0 {
                    series[index].0.push(cost);
                }
            }
        }
    }
    series
}

/// One step of the tokens' lives, and what it costs.
fn live(world: &World, step: usize, made: &mut Vec<i64>, calls: usize) -> f64 {
    let store = &world.ours;
    let there = "the token is there";
    match step {
        0 => {
            let users: Vec<_> = (0..calls).map(|number| format!("new-{}", number / 10)).collect();
            let clients: Vec<_> = (0..calls).map(client).collect();
            mean(calls, |call| {
                let token = store.client_token(&users[call], &clients[call], None);
                let (token, created) = token.expect("a token is created");
                assert!(created);
                made.push(token.id());
            })
        }
        1 => mean(calls, |call| store.set_note(made[call], "a note").expect(there)),
        2 => mean(calls, |call| store.invalidate(made[call]).expect(there)),
        _ => mean(calls, |call| store.delete(made[call]).expect(there)),
    }
}
