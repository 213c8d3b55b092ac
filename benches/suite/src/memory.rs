//! Rows 9 and 13: memory per token, each measured in a separate process.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use fastrand::Rng;

use crate::chart::Line;
use crate::context::{Context, client, user};
use crate::format::{grouped, short, time};
use crate::handles::Store;
use crate::keys::{self, Keys};
use crate::policy;
use crate::reference::{cpp::SharedMap, map};
use crate::report::Report;
use crate::rounds::{Ratio, Series};

/// The argument that makes a process one of these.
pub const CHILD: &str = "--memory-of";
/// Size of the policy that all tokens share, in bytes.
const POLICY: usize = 512;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let size = context.sizes()[2];
    // Memory use varies little, so three rounds suffice.
    let rounds = if context.quick { 1 } else { 3 };
    let measure = |kind: &str, rounds: usize| measure(kind, size, rounds);
    let ours = measure("ours", rounds)?;
    let shared = measure("ours-policy", 1)?;
    let plain = measure("hashbrown", 1)?;
    let cpp = measure("c++", 1)?;

    let length = Series(vec![keys::LEN as f64; rounds]);
    let bytes = |series: &Series| format!("{} B", grouped(series.median()));
    report.measured("9", bytes(&ours[0]), "255 B", Ratio::of(&ours[0], &length));

    let document = policy::large(POLICY);
    let added = shared[1].median() - ours[1].median();
    let length = Series(vec![document.len() as f64]);
    report.measured(
        "13a",
        format!("{} B", short(added)),
        format!("{} B", grouped(document.len() as f64)),
        Ratio::of(&Series(vec![added]), &length),
    );
    let rows: Vec<_> = [
        ("ours", &ours),
        ("ours, one policy in all", &shared),
        ("hashbrown map, by value alone", &plain),
        ("C++ unordered_map, by value alone", &cpp),
    ]
    .map(|(name, [resident, allocated, creation])| {
        let cost = time(creation.median());
        vec![name.to_owned(), bytes(resident), bytes(allocated), cost]
    })
    .into();
    report.table(
        "Memory per token",
        &format!(
            "{} tokens, {} client tokens a user, values of 255 bytes; what a process of its own grew by \
             while they were made. The maps hold a value, a user's name, two times and a flag, and have \
             no other index. Our records and large tables lie in memory of their own, beside the heap. The policy \
             has {} bytes, and each creation names it.",
            grouped(size as f64),
            crate::context::CLIENTS,
            grouped(document.len() as f64),
        ),
        &["what", "resident", "of it in the heap (mallinfo2)", "creation, mean"],
        &rows,
    );
    by_size(context, report)
}

/// Returns the resident and allocated bytes per token, and the nanoseconds of a creation.
fn measure(kind: &str, size: usize, rounds: usize) -> Result<[Series; 3]> {
    let mut series = [const { Series(Vec::new()) }; 3];
    for _ in 0..rounds {
        for (series, value) in series.iter_mut().zip(child(kind, size)?) {
            series.0.push(value);
        }
    }
    Ok(series)
}

fn by_size(context: &Context, report: &mut Report) -> Result<()> {
    let mut sizes = context.sizes().to_vec();
    sizes.extend(context.huge());
    let mut rows = Vec::new();
    for (kind, name, line) in [
        ("ours", "rbtoken", Line::ours as fn(_, _) -> _),
        ("hashbrown", "hashbrown", Line::reference),
    ] {
        let mut points = Vec::new();
        for &size in &sizes {
            points.push((size as f64, measure(kind, size, 1)?[0].median()));
        }
        let mut row = vec![name.to_owned()];
        row.extend(points.iter().map(|(_, bytes)| format!("{} B", grouped(*bytes))));
        rows.push(row);
        report.lines.push(line(name, points).of_bytes());
    }
    let sizes: Vec<_> =
        sizes.iter().map(|size| format!("{} tokens", grouped(*size as f64))).collect();
    let mut header = vec!["what"];
    header.extend(sizes.iter().map(String::as_str));
    report.table(
        "Memory per token by size",
        "Resident bytes, as above. Small stores share the first pages of their tables.",
        &header,
        &rows,
    );
    Ok(())
}

/// Measures in a separate process: resident and allocated bytes per token, and nanoseconds per
/// token.
fn child(kind: &str, size: usize) -> Result<[f64; 3]> {
    let output = Command::new(std::env::current_exe()?)
        .args([CHILD, kind, &size.to_string()])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the process with {kind} failed");
    let text = String::from_utf8(output.stdout)?;
    let values: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    values[..].try_into().context("three values")
}

/// Runs in the separate process.
pub fn be_child(kind: &str, size: usize) -> Result<()> {
    let (before, start);
    let mut random = Rng::with_seed(9);
    let kept: Box<dyn std::any::Any>;
    match kind {
        "ours" | "ours-policy" => {
            let policy = (kind == "ours-policy").then(|| policy::large(POLICY));
            let store = Store::in_memory()?;
            // The setup by the first call does not count.
            drop(store.client_token("first", "first", policy.as_deref())?);
            (before, start) = (used()?, Instant::now());
            for number in 0..size {
                store.client_token(&user(number), &client(number), policy.as_deref())?;
            }
            kept = Box::new(store);
        }
        "hashbrown" => {
            let mut filled = map::filled(&Keys::default());
            (before, start) = (used()?, Instant::now());
            for id in 0..size as i64 {
                let key = Keys::made_up(&mut random, 1);
                let key = String::from_utf8(key.get(0).to_vec())?;
                filled.insert(key, map::Record::new(id).into());
            }
            kept = Box::new(filled);
        }
        "c++" => {
            let filled = SharedMap::filled(&Keys::default());
            (before, start) = (used()?, Instant::now());
            for id in 0..size as i64 {
                filled.insert(Keys::made_up(&mut random, 1).get(0), id);
            }
            kept = Box::new(filled);
        }
        _ => bail!("{kind} is nothing that is measured"),
    }
    let (elapsed, after) = (start.elapsed(), used()?);
    let per_token = |index: usize| (after[index] - before[index]) / size as f64;
    println!("{} {} {}", per_token(0), per_token(1), elapsed.as_nanos() as f64 / size as f64);
    drop(kept);
    Ok(())
}

/// Returns the resident and the allocated bytes.
fn used() -> Result<[f64; 2]> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm.split(' ').nth(1).context("statm has a second field")?.parse()?;
    // SAFETY: neither call has arguments that must be valid.
    let (page, heap) = unsafe { (libc::sysconf(libc::_SC_PAGESIZE), libc::mallinfo2()) };
    Ok([pages * page as f64, (heap.uordblks + heap.hblkhd) as f64])
}
