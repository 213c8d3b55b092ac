//! A Review Board site, and a Python process that runs Review Board's own code on it.
//!
//! `RBTOKEN_TEST_REVIEWBOARD` is a Python with Review Board 8.1. `RBTOKEN_TEST_SITES` is a folder
//! with a site for each database: `sqlite`, `postgresql` and `mysql`, each with a file `location`.
//! `.ci/sites make FOLDER` creates all of them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::{Failure, Host, Store, Watchdog, init, text};
use rbtoken::ffi::rbtoken_store_options_t;

/// Exclusive use of a site by one test.
pub struct Installation {
    pub name: &'static str,
    pub location: String,
    folder: PathBuf,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    _alone: MutexGuard<'static, ()>,
    _watchdog: Watchdog,
}

static SITES: [(&str, Mutex<()>); 3] =
    [("sqlite", Mutex::new(())), ("postgresql", Mutex::new(())), ("mysql", Mutex::new(()))];

impl Installation {
    /// Opens the site on a database.
    pub fn open(name: &str) -> Self {
        let watchdog = Watchdog::start();
        let variable = |name| match std::env::var(name) {
            Ok(value) if !value.is_empty() => value,
            _ => panic!("{name} is not set: .ci/sites make FOLDER makes the sites"),
        };
        let python = variable("RBTOKEN_TEST_REVIEWBOARD");
        let folder = variable("RBTOKEN_TEST_SITES");
        let (name, alone) = SITES.iter().find(|(site, _)| *site == name).unwrap();
        // The next test repairs what a failed test left behind.
        let alone = alone.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let folder = PathBuf::from(folder).join(name);
        let location = std::fs::read_to_string(folder.join("location")).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reviewboard/site.py");
        let mut child = Command::new(python)
            .args([script.as_ref(), folder.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        let location = location.trim().to_owned();
        let mut site = Self {
            name,
            location,
            folder,
            child,
            requests,
            answers,
            _alone: alone,
            _watchdog: watchdog,
        };
        site.ask(json!({
            "do": "prepare", "users": ["alice", "bob", "carol"], "local_sites": ["north", "south"],
        }));
        site
    }

    /// Sends a request to the site and returns its response.
    pub fn ask(&mut self, request: Value) -> Value {
        writeln!(self.requests, "{request}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("failure").is_none(), "{request}: {answer}");
        answer["answer"].take()
    }

    /// Opens a store in the site's database with the tests' clock.
    pub fn store(&self) -> Store {
        self.store_with("{}").unwrap()
    }

    /// Opens a store with settings.
    pub fn store_with(&self, settings: &str) -> Result<Store, Failure> {
        Self::store_at(&self.location, settings)
    }

    /// Opens a store at another location of the site, with the tests' clock.
    pub fn store_at(location: &str, settings: &str) -> Result<Store, Failure> {
        let host = Host::new();
        let clock = host.clock();
        let mut options = rbtoken_store_options_t { clock: &raw const clock, ..init() };
        (options.location, options.location_len) = text(location);
        (options.settings, options.settings_len) = text(settings);
        Store::open(&host, &options)
    }

    /// Returns a location that uses TLS.
    pub fn tls_location(&self) -> String {
        std::fs::read_to_string(self.folder.join("location-tls")).unwrap().trim().to_owned()
    }

    /// Starts or stops the database server; does nothing for SQLite.
    pub fn server(&self, command: &str) {
        // Without pipes, which the server would keep open.
        let status = Command::new(self.folder.join("server")).arg(command).status().unwrap();
        assert!(status.success(), "{command}");
    }

    /// Returns all columns of all tokens.
    pub fn rows(&mut self) -> Vec<Value> {
        self.ask(json!({"do": "rows"})).as_array().unwrap().clone()
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns status and body of a response of the site's web server.
pub fn http(port: u64, method: &str, path: &str, token: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAuthorization: token {token}\r\n\
         Accept: application/json\r\nContent-Length: 0\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
