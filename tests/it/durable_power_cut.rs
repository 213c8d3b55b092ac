//! Acknowledged changes survive a power failure. Only synced writes are assumed to remain; see
//! `tests/it/durable/journal.rs`.
//!
//! `RBTOKEN_POWER_CUT_STEPS` is the number of steps per thread of the host. `RBTOKEN_TEST_SEED`
//! determines the workload.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::durable::disk;
use crate::durable::folder::Folder;
use crate::durable::journal::{self, Disk, Event, Left};
use crate::durable::ledger::{self, Ledger};
use crate::durable::random::{self, Random};
use crate::support::c;

const FILE: &str = "tokens.db";
/// How often the host opens the file.
const ROUNDS: u64 = 3;
/// Number of losses that proves that a disk loses data.
const ENOUGH: usize = 10;

static SEED: LazyLock<u64> = LazyLock::new(random::seed);

/// The workload of a host and the responses it got. It opens and closes its store several times,
/// with threads using it meanwhile.
static WORKLOAD: LazyLock<Vec<Event>> = LazyLock::new(|| {
    let steps = random::number_in("RBTOKEN_POWER_CUT_STEPS").unwrap_or(10);
    let folder = Folder::new("power-cut");
    let journal = c::BUILD.join("power_cut_journal");
    c::successful_output(
        disk::watch(&mut Command::new(&*disk::WRITER), &disk::LIBRARY, folder.path())
            .env("RBTOKEN_DISK_JOURNAL", &journal)
            .arg(folder.path().join(FILE))
            .args([*SEED, steps, ROUNDS, 60_000, 1_000].map(|number| number.to_string())),
    );
    let mut events = journal::read(&journal);
    assert!(contents(&replayed(&events)) == contents(&folder), "the journal lacks something");
    // Even a host that never syncs gets a power failure: at the end.
    events.push(Event::SyncFolder);
    let seen = |what: fn(&Event) -> bool| events.iter().any(what);
    assert!(seen(|event| matches!(event, Event::Create { name, .. } if name == FILE)));
    assert!(seen(|event| matches!(event, Event::Write { .. })));
    assert!(seen(|event| matches!(event, Event::Mark(_))));
    // The log is also restarted while the host writes, not only when a store is opened.
    let logs = events.iter().filter_map(|event| match event {
        Event::Create { file, name } if name.ends_with("-wal") => Some(*file),
        _ => None,
    });
    let logs: HashSet<u64> = logs.collect();
    let starts = events.iter().filter(
        |event| matches!(event, Event::Write { file, offset: 0, .. } if logs.contains(file)),
    );
    assert!(starts.count() as u64 > ROUNDS, "the log is never moved into the file");
    events
});

/// Returns the files that remain if nothing is lost.
fn replayed(events: &[Event]) -> Folder {
    let folder = Folder::new("replayed");
    let mut disk = Disk::default();
    events.iter().for_each(|event| disk.apply(event));
    disk.rebuild(Left::Everything, &mut Random::new(*SEED), folder.path());
    folder
}

fn contents(folder: &Folder) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    files.map(|file| (file.file_name().unwrap().into(), fs::read(file).unwrap())).collect()
}

/// Results of cutting the power at every sync.
#[derive(Default)]
struct Outcome {
    cuts: usize,
    /// Total number of tokens that had to be found.
    tokens: usize,
    acknowledged: u64,
    losses: Vec<String>,
}

/// Simulates a power failure before every sync and checks what remains, until enough losses were
/// found. A disk that ignores the syncs of a file must lose data. If everything remains, syncs make
/// no difference: this is the case of a killed process, which therefore proves little.
///
/// `left` has a row for each check, with kinds that alternate.
fn cut_at_every_sync(
    obeys: impl Fn(&str) -> bool,
    left: &[&[Left]],
    enough: usize,
    name: &str,
) -> Outcome {
    let folder = Folder::new(name);
    let mut random = Random::new(*SEED);
    let (mut disk, mut ledger, mut outcome) =
        (Disk::default(), Ledger::default(), Outcome::default());
    for event in WORKLOAD.iter() {
        if outcome.losses.len() >= enough {
            break;
        }
        let obeyed = match event {
            Event::Mark(lines) => {
                lines.lines().for_each(|line| ledger.read(line));
                continue;
            }
            Event::Sync { file } => obeys(disk.name_of(*file)),
            Event::SyncFolder => obeys(""),
            _ => {
                disk.apply(event);
                continue;
            }
        };
        for &in_turn in left {
            let left = in_turn[outcome.cuts / left.len() % in_turn.len()];
            outcome.cuts += 1;
            outcome.tokens += ledger.len();
            disk.rebuild(left, &mut random, folder.path());
            if let Err(why) = judge(folder.path(), &ledger) {
                let cut = outcome.cuts;
                outcome.losses.push(format!("cut {cut}, {left:?} left: {why}"));
            }
        }
        if obeyed {
            disk.apply(event);
        }
    }
    outcome.acknowledged = ledger.acknowledged;
    outcome
}

fn judge(folder: &Path, ledger: &Ledger) -> Result<(), String> {
    let file = folder.join(FILE);
    ledger.check(&ledger::read_store(&file)?)?;
    ledger::check_integrity(&file)
}

#[test]
fn power_cut_loses_no_acknowledged_change() {
    let left: [&[Left]; 2] =
        [&[Left::Nothing], &[Left::Everything, Left::SomeChanges, Left::SomeSectors]];
    let outcome = cut_at_every_sync(|_| true, &left, ENOUGH, "all_syncs");
    assert!(outcome.losses.is_empty(), "{:#?}", outcome.losses);
    assert!(outcome.acknowledged > 0 && outcome.tokens > outcome.cuts);
    println!(
        "ok {} power cuts amid {} acknowledged changes, and all of {} tokens were found",
        outcome.cuts, outcome.acknowledged, outcome.tokens
    );
}

/// Like SQLite's `synchronous=OFF`.
#[test]
fn power_cut_without_syncs_loses_acknowledged_changes() {
    for left in [Left::Nothing, Left::SomeChanges, Left::SomeSectors] {
        let outcome = cut_at_every_sync(|_| false, &[&[left]], ENOUGH, "no_syncs");
        assert_eq!(outcome.losses.len(), ENOUGH, "{left:?}");
        println!("ok without syncs something is lost, {left:?} being left");
    }
}

/// Like SQLite's `synchronous=NORMAL`.
#[test]
fn power_cut_without_log_syncs_loses_acknowledged_changes() {
    let no_log = |name: &str| !name.ends_with("-wal");
    let outcome = cut_at_every_sync(no_log, &[&[Left::Nothing]], ENOUGH, "no_log_syncs");
    assert_eq!(outcome.losses.len(), ENOUGH);
    println!("ok without syncs of the log something is lost");
}
