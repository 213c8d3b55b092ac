//! Deadlines for everything that a test waits for, so that a hang is a failure with a name.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, io, process, thread};

/// Environment variable with another deadline in seconds. C programs read it too.
const VARIABLE: &str = "RBTOKEN_TEST_DEADLINE";

/// Long enough for a nested build on a busy machine. A memory checker takes about 30 times as long.
pub static DEADLINE: LazyLock<Duration> = LazyLock::new(|| {
    let default = if env::var_os("RBTOKEN_TEST_RUNNER").is_some() { 3600 } else { 600 };
    let secs = env::var(VARIABLE)
        .map_or(default, |text| text.parse().expect("RBTOKEN_TEST_DEADLINE must be a number"));
    Duration::from_secs(secs)
});

/// Aborts the test program at the deadline with the name of the test, unless it is dropped before:
/// for waits that cannot be interrupted, such as joining a scoped thread.
pub struct Watchdog(#[allow(dead_code, reason = "dropping it ends the wait")] Sender<()>);

impl Watchdog {
    pub fn start() -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (stop, stopped) = mpsc::channel();
        thread::spawn(move || {
            if stopped.recv_timeout(*DEADLINE) == Err(RecvTimeoutError::Timeout) {
                // Not `eprintln!`, whose output the test runner captures until the test ends.
                let message = format!("{test} exceeded its deadline of {DEADLINE:?}\n");
                let _ = io::stderr().write_all(message.as_bytes());
                process::abort();
            }
        });
        Self(stop)
    }
}

/// Polls a condition until it is true, and fails at the deadline.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + *DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "exceeded the deadline of {DEADLINE:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command and returns its output. At the deadline, kills it and fails with the output so
/// far.
///
/// # Errors
/// If the command cannot be started.
pub fn output(command: &mut Command) -> io::Result<Output> {
    let end = Instant::now() + *DEADLINE;
    let mut child = command
        .env(VARIABLE, DEADLINE.as_secs().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // In a process group with its children, so that all can be killed at the deadline.
        .process_group(0)
        .spawn()?;
    let (closed, all_closed) = mpsc::channel();
    let stdout = collect(child.stdout.take().expect("it is a pipe"), closed.clone());
    let stderr = collect(child.stderr.take().expect("it is a pipe"), closed);
    let left = || end.saturating_duration_since(Instant::now());
    let mut in_time = (0..2).all(|_| all_closed.recv_timeout(left()).is_ok());
    let status = loop {
        match child.try_wait()? {
            Some(status) if in_time => break Some(status),
            None if in_time => {
                thread::sleep(Duration::from_millis(1));
                in_time = !left().is_zero();
            }
            _ => break None,
        }
    };
    let bytes = |part: Arc<Mutex<Vec<u8>>>| {
        std::mem::take(&mut *part.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let (stdout, stderr) = (bytes(stdout), bytes(stderr));
    let Some(status) = status else {
        let group = child.id().try_into().map_or(0, |id: i32| -id);
        // SAFETY: sends a signal to the group that was created above. The child has not been
        // reaped.
        unsafe { libc::kill(group, libc::SIGKILL) };
        let _ = child.wait();
        panic!(
            "killed at the deadline of {DEADLINE:?}: {command:?}; its output so far:\n{}{}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        );
    };
    Ok(Output { status, stdout, stderr })
}

/// Reads everything from a stream, and then notifies `closed`.
fn collect(mut from: impl Read + Send + 'static, closed: Sender<()>) -> Arc<Mutex<Vec<u8>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let part = Arc::clone(&all);
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => part
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        // Nobody waits for a killed command.
        let _ = closed.send(());
    });
    all
}
