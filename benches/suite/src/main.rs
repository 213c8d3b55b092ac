//! Measures the shared library through its C ABI, together with references. Run by `cargo bench`.

mod abi;
mod chart;
mod client_tokens;
mod clock;
mod context;
mod databases;
mod durable;
mod format;
mod gateway;
mod generation;
mod goals;
mod growth;
mod handles;
mod host;
mod isolated;
mod keys;
mod library;
mod machine;
mod memory;
mod pauses;
mod policy;
mod reference;
mod report;
mod rounds;
mod services;
mod threads;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use context::Context;
use report::Report;

/// Explanations of goals by row.
const NOTES: &str = include_str!("../../notes.md");
const HELP: &str = "\
cargo bench -- [--quick] [--report] [GROUP...]

--quick    small stores and few rounds: whether all of it works, in under a minute
--report   writes docs/benchmarks.md and docs/benchmarks.svg
GROUP      one of those that are to be measured; none: all

Groups: memory isolated threads client_tokens generation policy services growth pauses host
        durable databases gateway

Environment:
RBTOKEN_BENCH_PYTHON        a Python with Review Board 8.1, for Djblets and Review Board themselves
RBTOKEN_BENCH_SITES         a folder that has Review Board's sites on servers, as .ci/sites makes it; needs
                            `cargo bench --features postgres,mysql`
RBTOKEN_BENCH_POSTGRES      where PostgreSQL is (host=/var/run/postgresql user=$USER dbname=postgres)
RBTOKEN_BENCH_REDIS_SERVER  the program of a Redis server (redis-server), started for the time of the run
RBTOKEN_BENCH_GATEWAY       the program that `make gateway` builds
RBTOKEN_BENCH_FOLDER        a folder for databases, on a disk (target/bench)
RBTOKEN_BENCH_LIBRARY       another shared object to measure
";

type Group = (&'static str, fn(&mut Context, &mut Report) -> Result<()>);

/// The groups in the order in which they run: those with separate stores after those that share
/// stores.
const GROUPS: [Group; 13] = [
    ("memory", memory::run),
    ("isolated", isolated::run),
    ("threads", threads::run),
    ("services", services::run),
    ("growth", growth::run),
    ("client_tokens", client_tokens::run),
    ("generation", generation::run),
    ("policy", policy::run),
    ("pauses", pauses::run),
    ("host", host::run),
    ("durable", durable::run),
    ("databases", databases::run),
    ("gateway", gateway::run),
];

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let library = std::env::var_os("RBTOKEN_BENCH_LIBRARY").map(PathBuf::from);
    let library = library.context("RBTOKEN_BENCH_LIBRARY is not set: run `cargo bench`")?;
    library::load(&library)?;
    if let [flag, kind, size] = &arguments[..]
        && flag == memory::CHILD
    {
        return memory::be_child(kind, size.parse()?);
    }

    let (mut quick, mut write, mut chosen) = (false, false, Vec::new());
    for argument in &arguments {
        match argument.as_str() {
            "--quick" => quick = true,
            "--report" => write = true,
            "--help" => {
                print!("{HELP}");
                return Ok(());
            }
            name if GROUPS.iter().any(|(group, _)| *group == name) => chosen.push(name),
            other => bail!("{other} is not known\n\n{HELP}"),
        }
    }

    let start = Instant::now();
    let machine = machine::describe(&library);
    let mut context = Context::new(quick);
    let mut report = Report::default();
    for (name, run) in GROUPS {
        if !chosen.is_empty() && !chosen.contains(&name) {
            continue;
        }
        let start = Instant::now();
        run(&mut context, &mut report).with_context(|| format!("group {name}"))?;
        println!("({name}: {:.1} s)", start.elapsed().as_secs_f64());
        if name == "growth" {
            context.worlds.clear();
        }
    }
    let goals = report.goals(NOTES);
    println!("\n### Goals\n\n{goals}");
    let took = start.elapsed().as_secs();
    println!("{took} s in all");
    if write {
        let python = std::env::var_os(reference::python::VARIABLE);
        let python =
            python.map_or(String::new(), |_| format!("{}=… ", reference::python::VARIABLE));
        let command = format!("{python}cargo bench -- {}", arguments.join(" "));
        let text = document(&command, &machine, took, &goals, &report);
        std::fs::write("docs/benchmarks.md", text)?;
        if let Some(svg) = chart::draw(&report.lines) {
            std::fs::write("docs/benchmarks.svg", svg)?;
        }
    }
    Ok(())
}

/// Returns the text of the report.
fn document(
    command: &str,
    machine: &[(&str, String)],
    took: u64,
    goals: &str,
    report: &Report,
) -> String {
    let mut text = format!(
        "# Benchmarks\n\n<!-- Written by `{command}`. Do not edit: explanations are in benches/notes.md. -->\n\n\
         Written by `{command}`, which took {took} s. Everything of ours is called through the C ABI of \
         the shared object as it ships; the references sit behind the same kind of boundary. All of one \
         table's columns were measured in interleaved rounds of one run: figures are medians of the \
         rounds, with the smallest and the largest, and ratios are medians of the rounds' ratios, with \
         the smallest and the largest.\n\n"
    );
    for (name, value) in machine {
        let _ = writeln!(text, "- {name}: {value}");
    }
    if command.contains("--quick") {
        text += "\n**Small stores and few rounds: these figures only say that all of it runs.**\n";
    }
    let _ = write!(text, "\n## In short\n\n{}\n", report.summary());
    if !report.lines.is_empty() {
        text += "![Cost per operation against the size of the store](benchmarks.svg)\n\n";
    }
    let _ = write!(text, "## Goals\n\n{goals}\n");
    let _ = write!(text, "## All measurements\n\n{}", report.sections());
    text.trim_end().to_owned() + "\n"
}
