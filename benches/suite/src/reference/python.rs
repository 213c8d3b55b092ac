//! Review Board and Djblets in a separate process that responds to requests.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail, ensure};

/// Environment variable with the Python interpreter.
pub const VARIABLE: &str = "RBTOKEN_BENCH_PYTHON";

/// A Python process with Review Board.
pub struct ReviewBoard {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Reads the standard error stream to its end: a full pipe would block the process.
    said: Option<JoinHandle<Vec<u8>>>,
}

impl ReviewBoard {
    /// Starts it with a number of tokens; `None` if no Python is given.
    pub fn start(tokens: usize) -> Result<Option<Self>> {
        Self::run(include_str!("review_board.py"), OsStr::new(&tokens.to_string()))
    }

    /// Starts it with the database of a site; `None` if no Python is given.
    pub fn on_site(folder: &Path) -> Result<Option<Self>> {
        Self::run(include_str!("site.py"), folder.as_os_str())
    }

    fn run(program: &str, argument: &OsStr) -> Result<Option<Self>> {
        let Some(python) = std::env::var_os(VARIABLE) else { return Ok(None) };
        let mut child = Command::new(&python)
            .args([OsStr::new("-c"), OsStr::new(program), argument])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{VARIABLE}: {}", python.display()))?;
        let questions = child.stdin.take().context("it has an input")?;
        let answers = BufReader::new(child.stdout.take().context("it has an output")?);
        let mut said = child.stderr.take().context("it has an error output")?;
        let said = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = said.read_to_end(&mut text);
            text
        });
        let mut this = Self { child, questions, answers, said: Some(said) };
        let line = this.line()?;
        ensure!(line == "ready", "{VARIABLE}: {line}");
        Ok(Some(this))
    }

    /// Reads a response. If the process has ended, the error contains its last output.
    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? > 0 {
            return Ok(line.trim().to_owned());
        }
        let said = self.said.take().and_then(|said| said.join().ok()).unwrap_or_default();
        bail!("{VARIABLE}: the process ended\n{}", String::from_utf8_lossy(&said))
    }

    /// Repeats a request, and returns nanoseconds per repetition.
    pub fn ask(&mut self, question: &str, times: usize) -> Result<f64> {
        Ok(self.answer(&format!("{question} {times}"))? / times as f64)
    }

    /// Makes a request whose response is a number.
    pub fn answer(&mut self, question: &str) -> Result<f64> {
        writeln!(self.questions, "{question}")?;
        Ok(self.line()?.parse()?)
    }
}

impl Drop for ReviewBoard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
