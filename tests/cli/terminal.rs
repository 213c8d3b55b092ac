//! The tool on a terminal: questions, prompts, colors and narrow tables.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::ptr;

use crate::support::{Folder, wait_until};
use crate::tool::Tool;

/// A process on a pseudo-terminal.
struct Terminal {
    controller: File,
    child: Child,
    shown: String,
}

impl Terminal {
    fn start(tool: &Tool, arguments: &[&str], columns: u16) -> Self {
        let size = libc::winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let (mut controller, mut terminal) = (-1, -1);
        // SAFETY: the pointers are to memory of the types that the call expects, or null, and it
        // returns two descriptors that nobody else has.
        let (controller, terminal) = unsafe {
            let opened = libc::openpty(
                &raw mut controller,
                &raw mut terminal,
                ptr::null_mut(),
                ptr::null(),
                &raw const size,
            );
            assert_eq!(opened, 0);
            (OwnedFd::from_raw_fd(controller), OwnedFd::from_raw_fd(terminal))
        };
        let mut command = tool.command(arguments);
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
        command.stderr(terminal);
        // SAFETY: the closure only makes system calls.
        unsafe {
            command.pre_exec(|| {
                let result = libc::setsid().min(libc::ioctl(0, libc::TIOCSCTTY, 0));
                if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
            });
        }
        let child = command.spawn().unwrap();
        Self { controller: controller.into(), child, shown: String::new() }
    }

    /// Reads more of the output. Returns `false` at its end.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        // Linux reports the end as an error.
        let read = self.controller.read(&mut bytes).unwrap_or(0);
        self.shown += std::str::from_utf8(&bytes[..read]).unwrap();
        read > 0
    }

    /// Types an answer after a text was shown.
    fn answer(&mut self, text: &str, answer: &str) {
        while !self.shown.contains(text) {
            assert!(self.read(), "{}", self.shown);
        }
        self.controller.write_all(answer.as_bytes()).unwrap();
    }

    /// Types a value at the prompt, which turns the echo off.
    fn answer_prompt(&mut self, answer: &str) {
        wait_until("the echo is off", || !self.has_echo());
        self.answer("Token value: ", answer);
    }

    fn has_echo(&self) -> bool {
        let mut settings = std::mem::MaybeUninit::<libc::termios>::zeroed();
        // SAFETY: the call writes to memory of the type that it expects.
        let settings = unsafe {
            assert_eq!(libc::tcgetattr(self.controller.as_raw_fd(), settings.as_mut_ptr()), 0);
            settings.assume_init()
        };
        settings.c_lflag & libc::ECHO != 0
    }

    /// Returns the exit status, if no signal ended the process, and what was shown.
    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        (self.child.wait().unwrap().code(), self.shown.replace('\r', ""))
    }
}

/// Returns what a command shows.
fn shown(tool: &Tool, arguments: &[&str], columns: u16) -> String {
    let (status, shown) = Terminal::start(tool, arguments, columns).end();
    assert_eq!(status, Some(0), "{shown}");
    shown
}

/// Creates a store with a token of a user, whose value is returned.
fn store(folder: &Folder, user: &str) -> (Tool, String) {
    let tool = Tool::at(&folder.file("tokens.db"));
    let create = ["--create", "token", "create", user, "--quiet", "--show-values"];
    let value = tool.run(&create).ok().trim().to_owned();
    (tool, value)
}

#[test]
fn question_is_asked_without_control_characters() {
    let folder = Folder::new();
    let (tool, _) = store(&folder, "al\x1b[2Jice");
    for (answer, status, state) in [("n\n", 1, "valid"), ("y\n", 0, "revoked")] {
        let mut terminal = Terminal::start(&tool, &["token", "revoke", "1"], 80);
        terminal.answer("? [y/N] ", answer);
        let (ended, shown) = terminal.end();
        assert_eq!(ended, Some(status), "{shown}");
        assert!(shown.contains("Revoke 1 token of al\\u{1b}[2Jice?"), "{shown:?}");
        assert!(!shown.contains('\x1b'), "{shown:?}");
        assert_eq!(tool.run(&["token", "list", "--quiet", "--state", state]).ok(), "1\n");
    }
}

#[test]
fn value_prompt_does_not_echo() {
    let folder = Folder::new();
    let (tool, value) = store(&folder, "alice");
    let mut terminal = Terminal::start(&tool, &["login", "--quiet"], 80);
    terminal.answer_prompt(&format!("{value}\n"));
    let (status, shown) = terminal.end();
    assert_eq!((status, shown.as_str()), (Some(0), "Token value: \nok\n"));
}

#[test]
fn ctrl_c_at_the_value_prompt_turns_the_echo_on() {
    let folder = Folder::new();
    let (tool, _) = store(&folder, "alice");
    let mut terminal = Terminal::start(&tool, &["login"], 80);
    assert!(terminal.has_echo());
    terminal.answer_prompt("\x03");
    while terminal.read() {}
    assert!(terminal.has_echo(), "{}", terminal.shown);
    let (status, shown) = terminal.end();
    assert_eq!(status, Some(130), "{shown}");
    assert!(shown.ends_with("rbtoken: error: interrupted\n"), "{shown}");
}

#[test]
fn titles_are_bold_unless_colors_are_off() {
    let folder = Folder::new();
    let (tool, _) = store(&folder, "alice");
    let list = ["token", "list"];
    assert!(shown(&tool, &list, 200).starts_with("\x1b[1mID  USER"));
    assert!(shown(&tool, &["token", "show", "1"], 200).starts_with("\x1b[1mid\x1b[0m:"));
    let tool = tool.with("NO_COLOR", "1");
    assert!(shown(&tool, &list, 200).starts_with("ID  USER"));
    assert!(shown(&tool, &["token", "show", "1"], 200).starts_with("id:"));
}

#[test]
fn table_fits_the_terminal() {
    let folder = Folder::new();
    let (tool, _) = store(&folder, "a-user-with-quite-a-long-name");
    let tool = tool.with("NO_COLOR", "1");
    tool.run(&["token", "create", "bob", "--expires", "30d"]).ok();
    let shown = shown(&tool, &["token", "list"], 40);
    let titles: Vec<_> = shown.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(titles, ["ID", "USER", "STATE", "EXPIRES"], "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 40), "{shown}");
}
