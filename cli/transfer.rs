//! `rbtoken backup`, `export`, `import` and `copy`.

use std::fs;
use std::path::Path;

use clap::Args;
use rbtoken::store::{Copied, CopyOptions, Store, StoreOptions};
use rbtoken::{Error, ErrorKind};
use serde_json::json;

use crate::args::{Global, Place};
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::progress::Progress;
use crate::token::count;

#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The new file, which only its owner can read
    file: String,
}

#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The new file, which only its owner can read
    file: String,
}

#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The exported file
    file: String,
    /// Skip tokens whose value exists in the store, which are errors otherwise
    #[arg(long)]
    skip_existing: bool,
    /// Find errors, and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args, Debug)]
pub struct CopyArgs {
    /// The location to copy from; `@FILE` reads it from a file
    from: String,
    /// The location to copy to; a file is created with --create
    to: String,
    /// Copy only the tokens of this user
    #[arg(long)]
    user: Option<String>,
    /// Skip tokens whose value exists in the target, which are errors otherwise
    #[arg(long)]
    skip_existing: bool,
    /// Find errors, and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn backup(args: &BackupArgs, global: &Global, output: &mut Output) -> Outcome {
    let store = global.open()?;
    check_new(&args.file)?;
    let progress = Progress::new(output, "copying")?;
    store.backup(&args.file).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => Failure::from(error).advise("use `rbtoken copy` or `export`"),
        _ => Failure::from(error),
    })?;
    progress.check().map_err(|error| {
        let _ = fs::remove_file(&args.file);
        Failure::from(error).if_interrupted(&format!("{} was not written", args.file))
    })?;
    let tokens = store.token_count()?;
    let document = json!({"file": args.file, "tokens": tokens});
    output.done(&format!("copied {} to {}", count(tokens), args.file), &document)
}

pub fn export(args: &ExportArgs, global: &Global, output: &mut Output) -> Outcome {
    let store = global.open()?;
    check_new(&args.file)?;
    let progress = Progress::new(output, "exporting")?;
    let exported = store.export_file(&args.file, &mut |done, total| progress.update(done, total));
    let tokens = exported.map_err(|error| {
        Failure::from(error).if_interrupted(&format!("{} was not written", args.file))
    })?;
    let document = json!({"file": args.file, "tokens": tokens});
    output.done(&format!("exported {} to {}", count(tokens), args.file), &document)
}

pub fn import(args: &ImportArgs, global: &Global, output: &mut Output) -> Outcome {
    let place = global.place()?;
    let store = place.open()?;
    let progress = Progress::new(output, "importing")?;
    let mut update = |done, total| progress.update(done, total);
    let options =
        CopyOptions { user: None, skip_existing: args.skip_existing, is_trial: args.dry_run };
    let imported = store.import_file_with(&args.file, &options, &mut update);
    let imported = imported.map_err(|error| explain(error, "nothing was imported"))?;
    report(imported, &[], args.dry_run, ["imported", "would import"], output)
}

pub fn copy(args: &CopyArgs, global: &Global, output: &mut Output) -> Outcome {
    let source = global.place_at(&args.from, false)?.open()?;
    let place = global.place_at(&args.to, global.create)?;
    let new_file = place.new_file();
    // Before the file is created, so that a signal cannot leave it behind.
    let progress = Progress::new(output, "copying")?;
    let copied = copy_to(&source, &place, args, &progress);
    if let (Some(path), Err(_)) = (new_file, &copied) {
        let _ = fs::remove_file(path);
    }
    drop(progress);
    let (copied, enabled) = copied?;
    report(copied, &enabled, args.dry_run, ["copied", "would copy"], output)
}

/// Returns what was copied, and the users whose login the source disables and the target does not.
fn copy_to(
    source: &Store,
    place: &Place,
    args: &CopyArgs,
    progress: &Progress,
) -> Result<(Copied, Vec<String>), Failure> {
    let target = match place.new_file() {
        Some(_) if args.dry_run => Store::open(StoreOptions::default())?,
        _ => place.open()?,
    };
    let options = CopyOptions {
        user: args.user.as_deref(),
        skip_existing: args.skip_existing,
        is_trial: args.dry_run,
    };
    let copied =
        target.copy_from(source, &options, &mut |done, total| progress.update(done, total));
    let copied = copied.map_err(|error| explain(error, "nothing was copied"))?;
    if let Some(user) = options.user
        && copied == Copied::default()
    {
        let message = format!("{user}: the source has no token of this user");
        return Err(Failure::refused(message));
    }
    let enabled = match place.is_database() {
        true => enabled_users(source, &target, options.user)?,
        false => Vec::new(),
    };
    Ok((copied, enabled))
}

/// Returns the users whose login the source disables and the target does not.
fn enabled_users(
    source: &Store,
    target: &Store,
    user: Option<&str>,
) -> Result<Vec<String>, Failure> {
    let disabled = target.inactive_users()?;
    let users = source.inactive_users()?.into_iter();
    let users = users.filter(|name| user.is_none_or(|user| user == name.as_str()));
    let users = users.filter(|name| !disabled.contains(name));
    Ok(users.map(|name| name.as_str().to_owned()).collect())
}

/// Checks that a file does not exist. The library checks it again when it creates the file.
fn check_new(path: &str) -> Outcome {
    if path == "-" {
        return Err(Failure::usage("FILE must not be `-`: the standard output is not supported"));
    }
    match Path::new(path).symlink_metadata() {
        Ok(_) => Err(Failure::refused(format!("{path}: the file exists; pass a new name"))),
        Err(_) => Ok(()),
    }
}

fn explain(error: Error, if_interrupted: &str) -> Failure {
    match error.kind() {
        ErrorKind::Exists => Failure::from(error).advise("--skip-existing skips such tokens"),
        _ => Failure::from(error).if_interrupted(if_interrupted),
    }
}

/// Prints what was done, or what would be done.
fn report(
    copied: Copied,
    enabled: &[String],
    is_trial: bool,
    verbs: [&str; 2],
    output: &mut Output,
) -> Outcome {
    let Copied { copied, skipped, unreadable } = copied;
    let mut sentence = format!("{} {}", verbs[usize::from(is_trial)], count(copied));
    if skipped > 0 {
        sentence += &format!("; skipped {skipped} that the target has");
    }
    if unreadable > 0 {
        sentence += &format!("; left out {unreadable} that cannot be read");
    }
    if !enabled.is_empty() {
        let names = enabled.join(", ");
        sentence += &format!("; disable these users on the server too: {names}");
    }
    let document = json!({
        "dry_run": is_trial, "enabled_users": enabled, "skipped": skipped, "tokens": copied,
        "unreadable": unreadable,
    });
    output.done(&sentence, &document)
}
