//! What a host sees: a gateway's decision on a request, and a mix of operations.

use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::clock::{Stopwatch, mean};
use crate::context::{CLIENTS, Context, HOT, client, user};
use crate::format::{grouped, ratio_text, short, time, times};
use crate::handles::Store;
use crate::keys::Keys;
use crate::policy;
use crate::reference::Logins;
use crate::reference::map::{self, Locked};
use crate::reference::policy::Walk;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave, percentile};
use crate::threads::pin;

const THREADS: usize = 2;
const REQUEST: (&str, &str) = ("review_request", "GET");

/// A store whose tokens have a policy, and their values.
struct World {
    store: Store,
    keys: Keys,
}

impl World {
    fn new(size: usize) -> Result<Self> {
        let (store, mut keys) = (Store::in_memory()?, Keys::default());
        let policy = policy::small().to_string();
        for number in 0..size {
            let (token, created) =
                store.client_token(&user(number), &client(number), Some(&policy))?;
            ensure!(created);
            keys.push(token.value());
        }
        Ok(Self { store, keys })
    }
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let world = World::new(context.sizes()[2])?;
    decisions(context, report, &world)?;
    mixed(context, report, &world)
}

/// Returns the values of `Authorization` headers.
fn headers(keys: &Keys) -> Vec<Vec<u8>> {
    keys.iter().map(|value| [b"token ", value].concat()).collect()
}

fn decisions(context: &Context, report: &mut Report, world: &World) -> Result<()> {
    let calls = context.calls(20_000);
    let locked = Locked::new(map::filled(&world.keys));
    let walk = Walk::parse(&policy::small().to_string())?;
    let (id, method) = REQUEST;
    let mut rows = Vec::new();
    for (name, different) in [("4,096 hot", HOT), ("any", world.keys.len())] {
        let (mut ours_random, mut random) = (context.random(), context.random());
        let mut contestants: [Contestant<'_>; 2] = [
            Box::new(|| {
                let headers = headers(&world.keys.sample(&mut ours_random, different, calls));
                mean(calls, |call| {
                    assert!(world.store.decide(&headers[call], id, method).is_some());
                })
            }),
            Box::new(|| {
                let headers = headers(&world.keys.sample(&mut random, different, calls));
                mean(calls, |call| {
                    let value = &headers[call][b"token ".len()..];
                    assert!(locked.log_in(value) && walk.allows(id, method, None));
                })
            }),
        ];
        let series = interleave(context.rounds, &mut contestants);
        let ratio = ratio_text(&Ratio::of(&series[0], &series[1]));
        rows.push(vec![name.to_owned(), times(&series[0]), times(&series[1]), ratio]);
    }
    report.table(
        "A gateway's decision on a request",
        &format!(
            "{} tokens. Ours: `rbtoken_store_authenticate_header`, `rbtoken_token_allows`, \
             `rbtoken_token_user` and the release of the token; each token has a policy. Reference: a \
             login to a hash map behind a lock, and a walk of one serde_json::Value. Mean of a round.",
            grouped(world.keys.len() as f64)
        ),
        &["values", "ours", "reference", "ours / reference"],
        &rows,
    );
    Ok(())
}

#[derive(Clone, Copy)]
enum Kind {
    LogIn,
    Decide,
    Existing,
    New,
    Update,
    List,
    Invalidate,
}

/// The operations, and how many of a thousand they are.
const MIX: [(Kind, &str, usize); 7] = [
    (Kind::LogIn, "login", 700),
    (Kind::Decide, "decision on a request", 200),
    (Kind::Existing, "get-or-create, existing", 70),
    (Kind::New, "get-or-create, new", 15),
    (Kind::Update, "update of the note", 8),
    (Kind::List, "list of one user's tokens", 5),
    (Kind::Invalidate, "invalidation by id", 2),
];

/// The costs of operations by kind.
type Costs = [Vec<f64>; MIX.len()];

fn mixed(context: &Context, report: &mut Report, world: &World) -> Result<()> {
    let operations = context.calls(1_000_000);
    let mut totals = Series(Vec::new());
    let mut all: Costs = Default::default();
    for round in 0..=context.rounds {
        let barrier = Barrier::new(THREADS);
        let start = Instant::now();
        let threads: Vec<Costs> = std::thread::scope(|scope| {
            let threads = (0..THREADS).map(|thread| {
                let barrier = &barrier;
                scope.spawn(move || {
                    pin(thread);
                    let seed = (round * THREADS + thread) as u64;
                    barrier.wait();
                    work(world, context.stopwatch, seed, operations / THREADS)
                })
            });
            let threads: Vec<_> = threads.collect();
            threads.into_iter().map(|thread| thread.join().expect("nothing panics")).collect()
        });
        if round > 0 {
            totals.0.push(start.elapsed().as_nanos() as f64);
            for costs in threads {
                all.iter_mut().zip(costs).for_each(|(all, costs)| all.extend(costs));
            }
        }
    }
    let rows: Vec<_> = MIX
        .iter()
        .zip(&mut all)
        .map(|((_, name, share), costs)| {
            let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|part| time(percentile(costs, part)));
            let share = format!("{}%", short(*share as f64 / 10.0));
            let worst = time(costs.iter().copied().fold(0.0, f64::max));
            vec![(*name).to_owned(), share, p50, p99, p999, worst]
        })
        .collect();
    report.table(
        &format!("{} mixed operations", grouped(operations as f64)),
        &format!(
            "{THREADS} threads on a store of {} tokens, each operation timed by itself: all of them \
             take {}. Half of the values are among 4,096 hot ones. *Worst* is the longest of all \
             rounds, and includes what the system did to the thread.",
            grouped(world.keys.len() as f64),
            times(&totals)
        ),
        &["operation", "share", "p50", "p99", "p99.9", "worst"],
        &rows,
    );
    Ok(())
}

fn work(world: &World, watch: Stopwatch, seed: u64, operations: usize) -> Costs {
    let World { store, keys } = world;
    let mut random = Rng::with_seed(seed);
    let (mut costs, mut made): (Costs, Vec<i64>) = Default::default();
    let apart = (keys.len() / HOT).max(1);
    for operation in 0..operations {
        let mut drawn = random.usize(..1000);
        let chosen = MIX.iter().position(|(_, _, share)| {
            let is_chosen = drawn < *share;
            drawn = drawn.saturating_sub(*share);
            is_chosen
        });
        let chosen = chosen.expect("the shares add up to a thousand");
        let number = if random.bool() {
            random.usize(..HOT.min(keys.len())) * apart % keys.len()
        } else {
            random.usize(..keys.len())
        };
        let (owner, its_client) = (user(number), client(number));
        // Of tokens that this thread made, so that all logins succeed.
        let own = made.last().copied();
        let cost = match MIX[chosen].0 {
            Kind::LogIn => watch.time(|| assert!(store.log_in(keys.get(number)))),
            Kind::Decide => {
                let header = [b"token ", keys.get(number)].concat();
                let (id, method) = REQUEST;
                watch.time(|| assert!(store.decide(&header, id, method).is_some()))
            }
            Kind::Existing => watch.time(|| {
                let token = store.client_token(&owner, &its_client, None);
                assert!(token.is_ok_and(|(_, created)| !created));
            }),
            Kind::New => {
                let new = format!("new-{seed}-{operation}");
                watch.time(|| {
                    let (token, _) = store.client_token(&new, &its_client, None).expect(MADE);
                    made.push(token.id());
                })
            }
            Kind::List => watch.time(|| {
                assert!(store.list(Some(&owner)).is_ok_and(|count| count == CLIENTS));
            }),
            Kind::Update | Kind::Invalidate if own.is_none() => continue,
            Kind::Update => {
                watch.time(|| store.set_note(own.unwrap_or_default(), "a note").expect(MADE))
            }
            Kind::Invalidate => {
                made.pop();
                watch.time(|| store.invalidate(own.unwrap_or_default()).expect(MADE))
            }
        };
        costs[chosen].push(cost);
    }
    costs
}

const MADE: &str = "the token is stored";
