//! `rbtoken completions`, `man` and `version`: about the program itself.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use serde_json::json;

use crate::Cli;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Args, Debug)]
pub struct ManArgs {
    /// Write a page for each subcommand to this folder
    folder: Option<PathBuf>,
}

pub fn completions(args: &CompletionsArgs, output: &mut Output) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rbtoken", &mut text);
    output.line(String::from_utf8_lossy(&text).trim_end())
}

pub fn man(args: &ManArgs, output: &mut Output) -> Outcome {
    if let Some(folder) = &args.folder {
        return clap_mangen::generate_to(Cli::command(), folder)
            .map_err(|error| Failure::of_file(&folder.display().to_string(), &error));
    }
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut text)?;
    output.line(String::from_utf8_lossy(&text).trim_end())
}

/// The kinds of stores that the program supports, in the order of its Cargo features.
const FEATURES: [(&str, bool); 3] = [
    ("sqlite", cfg!(feature = "sqlite")),
    ("postgres", cfg!(feature = "postgres")),
    ("mysql", cfg!(feature = "mysql")),
];

pub fn version(output: &mut Output) -> Outcome {
    let version = env!("CARGO_PKG_VERSION");
    let features = FEATURES.iter().filter(|(_, is_built)| *is_built);
    let features: Vec<_> = features.map(|(name, _)| *name).collect();
    let sqlite = sqlite_version();
    let fields = [
        ("rbtoken", version.to_owned()),
        ("features", features.join(", ")),
        ("SQLite", sqlite.unwrap_or("none").to_owned()),
    ];
    let document = json!({"features": features, "sqlite": sqlite, "version": version});
    output.fields(&fields, version, &document.to_string())
}

#[cfg(feature = "sqlite")]
fn sqlite_version() -> Option<&'static str> {
    Some(rusqlite::version())
}

#[cfg(not(feature = "sqlite"))]
fn sqlite_version() -> Option<&'static str> {
    None
}
