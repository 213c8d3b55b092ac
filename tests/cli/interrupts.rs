//! Ctrl-C: an import and a copy change nothing, and an export leaves no file.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Child;

use crate::sizes::filled;
use crate::support::{Folder, wait_until};
use crate::tool::{Ran, Tool};

/// Enough that the work cannot be over before a signal arrives.
const TOKENS: u64 = 60_000;

/// Sends Ctrl-C when a process has a file open or, if `is_closed` is set, has closed it again, and
/// returns how the process ended.
pub fn interrupt_after(mut child: Child, path: &str, is_closed: bool) -> Ran {
    let descriptors = format!("/proc/{}/fd", child.id());
    let is_open = || {
        let entries = fs::read_dir(&descriptors).into_iter().flatten();
        entries.flatten().any(|it| fs::read_link(it.path()).is_ok_and(|it| it == Path::new(path)))
    };
    let mut has_ended = || child.try_wait().unwrap().is_some();
    wait_until("the file is open", || is_open() || has_ended());
    if is_closed {
        wait_until("the file is closed", || !is_open());
    }
    if !has_ended() {
        let id = i32::try_from(child.id()).unwrap();
        // Two, of which the second must not end the tool before it has removed its file.
        for signal in [libc::SIGINT, libc::SIGTERM] {
            // SAFETY: the process is a child that was not waited for.
            unsafe { libc::kill(id, signal) };
        }
    }
    child.wait_with_output().unwrap().into()
}

/// Interrupts a subcommand that writes `name`.
fn check_that_no_file_is_left(subcommand: &str, name: &str) {
    let folder = Folder::new();
    let tool = filled(&folder, TOKENS);
    let path = folder.file(name);
    let ran = interrupt_after(tool.start(&[subcommand, &path]), &path, false);
    let message = format!("rbtoken: error: interrupted: {path} was not written\n");
    assert_eq!((ran.status, ran.err), (130, message));
    assert_eq!(folder.names(), [format!("{TOKENS}.db")]);
}

#[test]
fn interrupted_export_leaves_no_file() {
    check_that_no_file_is_left("export", "export.jsonl");
}

#[test]
fn interrupted_backup_leaves_no_file() {
    check_that_no_file_is_left("backup", "backup.db");
}

#[test]
fn interrupted_copy_leaves_no_new_file() {
    let folder = Folder::new();
    filled(&folder, TOKENS);
    let [from, to] = [format!("{TOKENS}.db"), "new.db".to_owned()].map(|name| folder.file(&name));
    let child = Tool::new().start(&["copy", &from, &to, "--create"]);
    let ran = interrupt_after(child, &to, false);
    let message = "rbtoken: error: interrupted: nothing was copied\n";
    assert_eq!((ran.status, ran.err.as_str()), (130, message));
    assert_eq!(folder.names(), [format!("{TOKENS}.db")]);
}

#[test]
fn ignored_signals_stay_ignored() {
    let folder = Folder::new();
    let tool = filled(&folder, TOKENS);
    let path = folder.file("export.jsonl");
    let mut command = tool.command(&["export", &path]);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the call only makes a system call.
        unsafe {
            command.pre_exec(move || match libc::signal(signal, libc::SIG_IGN) {
                libc::SIG_ERR => Err(std::io::Error::last_os_error()),
                _ => Ok(()),
            });
        }
    }
    let ran = interrupt_after(command.spawn().unwrap(), &path, false);
    assert_eq!(ran.ok(), format!("exported {TOKENS} tokens to {path}\n"));
}

#[test]
fn interrupted_import_changes_nothing() {
    let folder = Folder::new();
    let path = folder.file("export.jsonl");
    filled(&folder, TOKENS).run(&["export", &path]).ok();
    let target = Tool::at(&folder.file("other.db"));
    target.run(&["--create", "token", "create", "bob"]).ok();
    let ran = interrupt_after(target.start(&["import", &path]), &path, false);
    let message = "rbtoken: error: interrupted: nothing was imported\n";
    assert_eq!((ran.status, ran.err.as_str()), (130, message));
    assert_eq!(target.run(&["token", "list", "--quiet"]).ok(), "1\n");
    assert_eq!(target.run(&["user", "list", "--quiet"]).ok(), "bob\n");
    // Without a signal it works.
    let imported = target.run(&["import", &path]).ok();
    assert_eq!(imported, format!("imported {TOKENS} tokens\n"));
}
