//! `rbtoken`, the command-line tool for administrators of a store. docs/cli.md describes it.

mod args;
mod directory;
mod failure;
mod interrupt;
mod login;
mod maintenance;
mod output;
mod policy;
mod program;
mod progress;
mod prompt;
mod secret;
mod table;
mod times;
mod token;
mod transfer;
mod usage;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::args::Global;
use crate::failure::{Outcome, Status};
use crate::output::Output;

const AFTER_HELP: &str = "\
Locations:
  PATH                                    a file of rbtoken
  postgresql://USER@HOST/DATABASE         the database of a Review Board server
  mysql://USER@HOST/DATABASE
  reviewboard+sqlite:///PATH
  @FILE                                   the location in the first line of FILE

Exit status: 0 done, 1 refused or not found, 2 wrong usage, 3 store or database, 130 interrupted.";

/// Administers the API tokens in a store: a file, or the database of a Review Board server.
#[derive(Debug, Parser)]
#[command(name = "rbtoken", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List, show, create, change and revoke tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Check a token value as a server does, and print the verdict
    Login(login::LoginArgs),
    /// Check policies, and explain what they allow
    #[command(subcommand)]
    Policy(policy::Command),
    /// List, add and remove Local Sites
    #[command(subcommand)]
    Site(directory::SiteCommand),
    /// List users, and enable or disable their login
    #[command(subcommand)]
    User(directory::UserCommand),
    /// Show settings, and check a document with settings
    #[command(subcommand)]
    Setting(directory::SettingCommand),
    /// Copy a store to a new file, which can be opened as a store
    Backup(transfer::BackupArgs),
    /// Write all tokens with their values to a new file, one JSON object per line
    Export(transfer::ExportArgs),
    /// Add the tokens of an exported file, all or none
    Import(transfer::ImportArgs),
    /// Copy tokens from one store to another, all or none
    Copy(transfer::CopyArgs),
    /// Count tokens, and show the statistics of the store
    Stats,
    /// Check a file's integrity and rows, or a database's tables, grants, clock and character set
    Check,
    /// Print the completions of a shell
    Completions(program::CompletionsArgs),
    /// Print the manual page
    Man(program::ManArgs),
    /// Print the versions of the program and of SQLite, and the databases that it supports
    Version,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return wrong_usage(&error),
    };
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                let message = table::printable(&failure.message);
                let _ = writeln!(stderr(), "rbtoken: error: {message}");
            }
            ExitCode::from(failure.status as u8)
        }
    }
}

/// Prints help, or what is wrong with the arguments in one line.
fn wrong_usage(error: &clap::Error) -> ExitCode {
    match usage::problem(error) {
        Some(problem) => _ = writeln!(stderr(), "rbtoken: error: {problem}; see --help"),
        // If nobody reads the help, there is nothing to report.
        None => _ = error.print(),
    }
    ExitCode::from(if error.use_stderr() { Status::Usage as u8 } else { 0 })
}

fn run(cli: &Cli) -> Outcome {
    let global = &cli.global;
    let mut output = Output::new(global.format(), global.quiet, global.show_values, global.zone());
    let done = match &cli.command {
        Command::Token(command) => token::run(command, global, &mut output),
        Command::Login(args) => login::run(args, global, &mut output),
        Command::Policy(command) => policy::run(command, global, &mut output),
        Command::Site(command) => directory::site(command, global, &mut output),
        Command::User(command) => directory::user(command, global, &mut output),
        Command::Setting(command) => directory::setting(command, global, &mut output),
        Command::Backup(args) => transfer::backup(args, global, &mut output),
        Command::Export(args) => transfer::export(args, global, &mut output),
        Command::Import(args) => transfer::import(args, global, &mut output),
        Command::Copy(args) => transfer::copy(args, global, &mut output),
        Command::Stats => maintenance::stats(global, &mut output),
        Command::Check => maintenance::check(global, &mut output),
        Command::Completions(args) => program::completions(args, &mut output),
        Command::Man(args) => program::man(args, &mut output),
        Command::Version => program::version(&mut output),
    };
    let flushed = output.flush();
    done.and(flushed)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
