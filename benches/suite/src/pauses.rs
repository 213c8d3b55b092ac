//! Latency of logins during operations that visit every token.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use fastrand::Rng;

use crate::clock::Stopwatch;
use crate::context::{Context, client, user};
use crate::format::{grouped, ratio_text, time, times};
use crate::handles::Store;
use crate::keys::Keys;
use crate::reference::databases::Folder;
use crate::report::Report;
use crate::rounds::{Ratio, Series, percentile};
use crate::threads::pin;

/// Login times of one thread while another one worked.
struct Felt {
    p50: Series,
    p999: Series,
    worst: f64,
    /// Duration of the work.
    work: Series,
}

impl Felt {
    const fn new() -> Self {
        Self {
            p50: Series(Vec::new()),
            p999: Series(Vec::new()),
            worst: 0.0,
            work: Series(Vec::new()),
        }
    }

    fn add(&mut self, watch: Stopwatch, mut costs: Vec<f64>, work: Duration) {
        self.p50.0.push(watch.median(&mut costs));
        self.p999.0.push(percentile(&mut costs, 0.999));
        self.worst = costs.into_iter().fold(self.worst, f64::max);
        self.work.0.push(work.as_nanos() as f64);
    }
}

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let live = context.sizes()[2];
    // Unusable tokens to purge, some in each round; the first round warms up.
    let dead = live / 20;
    let rounds = context.rounds;
    let mut random = context.random();
    let store = Store::in_memory()?;
    let mut keys = Keys::default();
    for number in 0..live {
        keys.push(store.client_token(&user(number), &client(number), None)?.0.value());
    }
    for round in 0..=rounds {
        for value in Keys::made_up(&mut random, dead).iter() {
            store.import("gone", value, Some(died(round)))?;
        }
    }

    let watch = context.stopwatch;
    let idle_time = Duration::from_millis(if context.quick { 20 } else { 300 });
    let [mut idle, mut list, mut purge, mut idle_refused, mut everyone] =
        [const { Felt::new() }; 5];
    let [mut growth, mut backup, mut export] = [const { Felt::new() }; 3];
    let folder = Folder::new()?;
    let path = |name: &str| folder.0.join(name).to_string_lossy().into_owned();
    for round in 0..=rounds {
        let new = feel(watch, &store, &keys, &mut random, || {
            // Deleted again, so that the next rounds begin with the same store.
            let made = Keys::made_up(&mut Rng::with_seed(round as u64), dead);
            let mut ids = Vec::with_capacity(dead);
            for value in made.iter() {
                ids.push(store.import("grows", value, None)?.id());
            }
            ids.into_iter().try_for_each(|id| store.delete(id))
        })?;
        let copy = feel(watch, &store, &keys, &mut random, || {
            store.backup(&path(&format!("backup-{round}")))
        })?;
        let lines = feel(watch, &store, &keys, &mut random, || {
            store.export(&path(&format!("export-{round}"))).map(drop)
        })?;
        for name in ["backup", "export"] {
            std::fs::remove_file(path(&format!("{name}-{round}")))?;
        }
        let felt = feel(watch, &store, &keys, &mut random, || {
            std::thread::sleep(idle_time);
            Ok(())
        })?;
        let felt_list = feel(watch, &store, &keys, &mut random, || {
            ensure!(store.list(None)? == live + dead * (rounds + 1 - round));
            Ok(())
        })?;
        let felt_purge = feel(watch, &store, &keys, &mut random, || {
            ensure!(store.purge(died(round) + 1)? == dead as u64);
            Ok(())
        })?;
        if round > 0 {
            growth.add(watch, new.0, new.1);
            backup.add(watch, copy.0, copy.1);
            export.add(watch, lines.0, lines.1);
            idle.add(watch, felt.0, felt.1);
            list.add(watch, felt_list.0, felt_list.1);
            purge.add(watch, felt_purge.0, felt_purge.1);
        }
    }
    // From now on all logins are refused, also those on the idle store for comparison.
    for round in 0..=rounds {
        let felt_everyone = feel(watch, &store, &keys, &mut random, || {
            ensure!(store.invalidate_all()? == live as u64);
            Ok(())
        })?;
        let felt_idle = feel(watch, &store, &keys, &mut random, || {
            std::thread::sleep(idle_time);
            Ok(())
        })?;
        if round > 0 {
            everyone.add(watch, felt_everyone.0, felt_everyone.1);
            idle_refused.add(watch, felt_idle.0, felt_idle.1);
        }
    }

    let row = |name: &str, felt: &Felt, idle: Option<&Felt>| {
        vec![
            name.to_owned(),
            idle.map_or("–".to_owned(), |_| times(&felt.work)),
            times(&felt.p50),
            times(&felt.p999),
            idle.map_or("–".to_owned(), |idle| ratio_text(&Ratio::of(&felt.p999, &idle.p999))),
            time(felt.worst),
        ]
    };
    report.table(
        "Logins while a call looks at every token",
        &format!(
            "{live} live tokens. One thread logs in with random values, each login timed by itself, while \
             another one imports {0} more tokens and deletes them, copies everything to a file or \
             exports it, lists everything, purges {0} dead tokens, or invalidates everyone (from then on \
             logins are refused: the last rows are beside each other). *Worst* is the longest login of \
             all rounds, and includes what the system did to the thread.",
            grouped(dead as f64),
            live = grouped(live as f64),
        ),
        &["meanwhile", "which takes", "login p50", "login p99.9", "p99.9 / idle's", "worst"],
        &[
            row("nothing", &idle, None),
            row("creations and deletions", &growth, Some(&idle)),
            row("backup", &backup, Some(&idle)),
            row("export", &export, Some(&idle)),
            row("list of all tokens", &list, Some(&idle)),
            row("purge", &purge, Some(&idle)),
            row("nothing, all tokens invalid", &idle_refused, None),
            row("invalidation of everyone's", &everyone, Some(&idle_refused)),
        ],
    );
    Ok(())
}

/// Returns when the tokens that a round purges became unusable.
fn died(round: usize) -> i64 {
    (round as i64 + 1) * 1_000_000_000
}

/// Measures single logins during some work, and the duration of the work.
fn feel(
    watch: Stopwatch,
    store: &Store,
    keys: &Keys,
    random: &mut Rng,
    work: impl FnOnce() -> Result<()> + Send,
) -> Result<(Vec<f64>, Duration)> {
    let values = keys.sample(random, keys.len(), 100_000.min(keys.len()));
    let (barrier, done) = (Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            pin(1);
            barrier.wait();
            let start = Instant::now();
            let worked = work();
            done.store(true, Ordering::Release);
            worked.map(|()| start.elapsed())
        });
        let logins = scope.spawn(|| {
            pin(0);
            let mut costs = Vec::with_capacity(4_000_000);
            barrier.wait();
            for value in values.iter().cycle() {
                costs.push(watch.time(|| store.log_in(value)));
                if done.load(Ordering::Acquire) || costs.len() == costs.capacity() {
                    break;
                }
            }
            costs
        });
        let worked = worker.join().expect("nothing panics")?;
        Ok((logins.join().expect("nothing panics"), worked))
    })
}
