//! Runs the tool.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// Environment variables that the tool or its libraries read.
const VARIABLES: [&str; 9] = [
    "RBTOKEN_LOCATION",
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TZ",
    "PGPASSWORD",
    "PGPASSFILE",
    "RBTOKEN_UPDATE",
];

/// What a run of the tool printed, and its exit status.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Returns the output of a run that was successful.
    pub fn ok(self) -> String {
        assert_eq!((self.status, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }
}

/// Runs of the tool with a location.
#[derive(Clone)]
pub struct Tool {
    location: Option<String>,
    variables: Vec<(&'static str, String)>,
}

impl Tool {
    pub fn new() -> Self {
        Self { location: None, variables: Vec::new() }
    }

    /// Uses a location, which may have a password.
    pub fn at(location: &str) -> Self {
        Self { location: Some(location.to_owned()), ..Self::new() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rbtoken"));
        VARIABLES.iter().for_each(|name| _ = command.env_remove(name));
        command.args(arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        if let Some(location) = &self.location {
            command.env("RBTOKEN_LOCATION", location);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the tool with a text on its standard input.
    pub fn run_with(&self, input: &str, arguments: &[&str]) -> Ran {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A tool that ends before it reads its input closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap().into()
    }
}
