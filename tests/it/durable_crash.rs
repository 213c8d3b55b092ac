//! A host that is killed while it writes loses no acknowledged change.
//!
//! `RBTOKEN_CRASH_KILLS` is the number of kills. `RBTOKEN_TEST_SEED` determines their times and the
//! workload.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::durable::disk;
use crate::durable::ledger::{self, Ledger};
use crate::durable::random::{self, Random};
use crate::support::{Watchdog, c};

/// Runs the writer on a file, kills it at a random time, and reads its reports.
fn run_and_kill(writer: &Path, file: &Path, random: &mut Random, ledger: &mut Ledger) {
    let _watchdog = Watchdog::start();
    let seed = random.below(1 << 32).to_string();
    let mut host = Command::new(writer)
        .arg(file)
        .args([&seed, "0", "1", "20000", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the writer can be run");
    let mut reports = BufReader::new(host.stdout.take().expect("it is a pipe"));
    let mut take_a_line = |ledger: &mut Ledger| {
        let mut line = String::new();
        let length = reports.read_line(&mut line).expect("the reports can be read");
        // A line that was cut off by the kill was not reported.
        if let Some(line) = line.strip_suffix('\n') {
            ledger.read(line);
        }
        length > 0
    };
    // Usually during writes, sometimes while it opens the file.
    let opens = random.below(8) == 0;
    let some_work = opens || take_a_line(ledger);
    assert!(some_work, "the writer ends by itself");
    thread::scope(|scope| {
        let reader = scope.spawn(|| while take_a_line(ledger) {});
        thread::sleep(Duration::from_micros(random.below(if opens { 20_000 } else { 150_000 })));
        host.kill().expect("the writer can be killed");
        reader.join().expect("the reports are right");
    });
    let status = host.wait().expect("the writer ends");
    assert_eq!(status.code(), None, "the writer was killed, and did not end by itself");
}

#[test]
fn killed_host_loses_no_acknowledged_change() {
    let kills = random::number_in("RBTOKEN_CRASH_KILLS").unwrap_or(15);
    let mut random = Random::new(random::seed());
    let folder = c::BUILD.join("crash_files");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder can be made below the target folder");
    let file = folder.join("tokens.db");

    let mut ledger = Ledger::default();
    let mut checked = 0;
    for kill in 1..=kills {
        run_and_kill(&disk::WRITER, &file, &mut random, &mut ledger);
        let found = ledger::read_store(&file).unwrap_or_else(|why| panic!("kill {kill}: {why}"));
        ledger.check(&found).unwrap_or_else(|why| panic!("kill {kill}: {why}"));
        ledger::check_integrity(&file).unwrap_or_else(|why| panic!("kill {kill}: {why}"));
        checked += ledger.len();
        ledger.start_again(found);
    }
    assert!(ledger.acknowledged > kills, "the writer hardly writes");
    println!(
        "ok {kills} kills amid {} acknowledged changes, and all of {checked} tokens were found",
        ledger.acknowledged
    );
}
