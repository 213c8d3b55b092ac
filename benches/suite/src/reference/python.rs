//! Review Board and Djblets themselves, in a process of their own that answers questions.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The variable that names the Python.
pub const VARIABLE: &str = "RBTOKEN_BENCH_PYTHON";

/// A Python with Review Board.
pub struct ReviewBoard {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl ReviewBoard {
    /// Starts it with a number of tokens; `None` if no Python is given.
    pub fn start(tokens: usize) -> Result<Option<Self>> {
        Self::run(include_str!("review_board.py"), OsStr::new(&tokens.to_string()))
    }

    /// Starts it on the database of a site; `None` if no Python is given.
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
        // Read to its end: a full pipe would stop the child. Its last words explain a failure.
        let mut said = BufReader::new(child.stderr.take().context("it has an error output")?);
        let said = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = std::io::Read::read_to_end(&mut said, &mut text);
            text
        });
        let mut this = Self { child, questions, answers };
        match this.line() {
            Ok(line) if line == "ready" => Ok(Some(this)),
            other => {
                drop(this);
                let said = said.join().unwrap_or_default();
                anyhow::bail!("{VARIABLE}: {other:?}\n{}", String::from_utf8_lossy(&said))
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "the process ended");
        Ok(line.trim().to_owned())
    }

    /// Asks something a number of times: nanoseconds for each.
    pub fn ask(&mut self, question: &str, times: usize) -> Result<f64> {
        Ok(self.answer(&format!("{question} {times}"))? / times as f64)
    }

    /// Asks for a number.
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
