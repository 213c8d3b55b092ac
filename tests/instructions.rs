//! How many instructions the calls that hosts make most often take, in the library that ships: a
//! table that is committed, and that no count may outgrow by more than a fifth.
//!
//! `RBTOKEN_UPDATE_INSTRUCTIONS=1 cargo test --test instructions` writes the table anew.
#![allow(clippy::expect_used, clippy::panic, reason = "a test reports its failure by panicking")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

#[path = "support/c.rs"]
mod c;

use c::{BUILD, C11, compiler, root, successful_output};

/// The calls, as the table and as `tests/c/instructions.c` names them.
const CALLS: [(&str, &str); 3] = [
    ("one login, and the release of its token", "login"),
    ("one `get_or_create` of an existing client token, and its release", "existing"),
    ("one token generated and stored, and its release", "generation"),
];
/// Calls in the shorter run; the longer one has twice as many.
const COUNT: u64 = 4000;

/// The library as it ships. A part that another build made stays as it is.
fn library() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    successful_output(
        Command::new(env!("CARGO"))
            .current_dir(root())
            .args(["rustc", "--release", "--lib", "--crate-type", "cdylib", "--target-dir"])
            .arg(&target),
    );
    target.join("release/librbtoken.so")
}

fn program(library: &Path) -> PathBuf {
    let program = BUILD.join("instructions");
    let folder = library.parent().expect("a library is in a folder");
    let link = BUILD.join("librbtoken.so.0");
    let _ = fs::remove_file(&link);
    symlink(library, &link).expect("a link can be made");
    successful_output(
        compiler(C11)
            .arg("-O2")
            .arg(root().join("tests/c/instructions.c"))
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(folder)
            .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", BUILD.display()))
            .arg("-lrbtoken"),
    );
    program
}

/// All instructions of a run.
fn instructions(program: &Path, call: &str, count: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args([call, &count.to_string()])
        .output()
        .expect("valgrind must be installed: it counts the instructions");
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.unwrap_or_else(|| panic!("no count in {report}")).1;
    collected.trim().parse().expect("a count is a number")
}

/// What the counts depend on beside the library's own code.
fn environment() -> Vec<(&'static str, String)> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = successful_output(Command::new(rustc).arg("--version")).trim().to_owned();
    let libc = successful_output(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    vec![("rustc", rustc), ("libc", libc.trim().to_owned()), ("CPU features", cpu_features())]
}

/// Of the features that programs choose their code by, those that the counting tool knows.
#[cfg(target_arch = "x86_64")]
fn cpu_features() -> String {
    let features = [
        ("sse4.2", std::is_x86_feature_detected!("sse4.2")),
        ("avx", std::is_x86_feature_detected!("avx")),
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("bmi2", std::is_x86_feature_detected!("bmi2")),
        ("pclmulqdq", std::is_x86_feature_detected!("pclmulqdq")),
    ];
    let features: Vec<&str> =
        features.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect();
    format!("x86_64 {}", features.join(" "))
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> String {
    env::consts::ARCH.to_owned()
}

fn table(counts: &[(&str, u64)]) -> String {
    let mut table = "# Instructions of the calls that hosts make most often\n\n\
        Counted by valgrind's callgrind in the release build, at 1,000 tokens. \
        `cargo test --test instructions`\ncounts again and fails if one has grown by more than a \
        fifth; elsewhere than below it only reports.\n\
        `RBTOKEN_UPDATE_INSTRUCTIONS=1` writes this file anew.\n\n\
        | what | instructions |\n| --- | ---: |\n"
        .to_owned();
    for (what, count) in counts {
        table.push_str(&format!("| {what} | {count} |\n"));
    }
    table.push_str("\n| counted with | |\n| --- | --- |\n");
    for (what, value) in environment() {
        table.push_str(&format!("| {what} | {value} |\n"));
    }
    table
}

/// The second cell of the table's row that starts with this one.
fn cell<'a>(table: &'a str, what: &str) -> Option<&'a str> {
    let row = table.lines().find_map(|line| line.strip_prefix(&format!("| {what} | ")))?;
    row.strip_suffix(" |")
}

#[test]
fn no_call_takes_a_fifth_more_instructions_than_the_table_says() {
    let program = program(&library());
    let counts = CALLS.map(|(what, call)| {
        let (short, long) =
            (instructions(&program, call, COUNT), instructions(&program, call, 2 * COUNT));
        (what, (long - short) / COUNT)
    });
    let file = root().join("docs/instructions.md");
    if env::var_os("RBTOKEN_UPDATE_INSTRUCTIONS").is_some() {
        fs::write(&file, table(&counts)).expect("the table can be written");
    }
    let committed = fs::read_to_string(&file).expect("the table is committed");
    let differs = environment()
        .into_iter()
        .find(|(what, value)| cell(&committed, what) != Some(value.as_str()));
    for (what, count) in counts {
        let recorded: u64 = cell(&committed, what)
            .and_then(|count| count.parse().ok())
            .unwrap_or_else(|| panic!("the table has no count of {what}"));
        println!("{what}: {count} instructions, recorded are {recorded}");
        assert!(
            differs.is_some() || count * 5 <= recorded * 6,
            "{what} takes {count} instructions, a fifth more than the {recorded} recorded"
        );
    }
    if let Some((what, value)) = differs {
        println!("only reported: the table was counted with another {what} than {value}");
    }
}
