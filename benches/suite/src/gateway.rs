//! Requests through the gateway, compared with those that go to its upstream directly.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, ensure};

use crate::clock::mean;
use crate::context::Context;
use crate::format::{ratio_text, times};
use crate::reference::databases::Folder;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, interleave};

const VARIABLE: &str = "RBTOKEN_BENCH_GATEWAY";
const TITLE: &str = "Requests through the gateway";
/// Size of the upstream's responses: about that of a review request.
const BODY: usize = 4096;

const TOKEN: &str = "Authorization: token good";
const SESSION: &str = "Cookie: rbsessionid=ofgood";

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let Some(program) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        report.table(TITLE, &format!("Skipped: {VARIABLE} names no gateway."), &["request"], &[]);
        return Ok(());
    };
    let folder = Folder::new()?;
    let upstream = start_upstream()?;
    let gateway = Gateway::start(&program, &folder, upstream)?;
    // The response to a token opens a session.
    Client::connect(gateway.port)?.ask(TOKEN)?;

    let calls = context.calls(2000);
    let mut contestants: Vec<Contestant<'_>> = Vec::new();
    for (port, credentials) in [(upstream, TOKEN), (gateway.port, TOKEN), (gateway.port, SESSION)] {
        let mut client = Client::connect(port)?;
        contestants.push(Box::new(move || {
            mean(calls, |_| client.ask(credentials).expect("the server responds"))
        }));
    }
    let series = interleave(context.rounds, &mut contestants);
    let names = ["to the upstream alone", "through the gateway, token", "the same, session"];
    let rows: Vec<_> = names
        .iter()
        .zip(&series)
        .map(|(name, own)| {
            vec![
                (*name).to_owned(),
                times(own),
                times(&own.minus(&series[0])),
                ratio_text(&Ratio::of(own, &series[0])),
            ]
        })
        .collect();
    report.table(
        TITLE,
        &format!(
            "One client with one connection, GET of a resource, mean of a round. The upstream does \
             nothing but send {BODY} bytes; Review Board takes milliseconds. The gateway has its \
             tokens in memory, keeps a connection to the upstream, and logs to a file."
        ),
        &["request", "time", "in addition", "ratio"],
        &rows,
    );
    Ok(())
}

/// A gateway with one token, which is stopped when it is dropped.
struct Gateway {
    process: Child,
    port: u16,
}

impl Gateway {
    fn start(program: &PathBuf, folder: &Folder, upstream: u16) -> Result<Self> {
        let tokens = folder.0.join("tokens");
        fs::write(&tokens, "alice\tgood\t-\t-\t-\t-\n")?;
        let mut process = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--routes", "examples/gateway/routes.txt"])
            .args(["--upstream", &format!("http://127.0.0.1:{upstream}")])
            .arg("--tokens")
            .arg(&tokens)
            .arg("--log")
            .arg(folder.0.join("log"))
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{VARIABLE}: {}", program.display()))?;
        let output = process.stdout.take().context("the output is piped")?;
        let mut gateway = Self { process, port: 0 };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().rsplit(':').next().unwrap_or_default();
        gateway.port = port.parse().with_context(|| format!("the gateway printed {line:?}"))?;
        Ok(gateway)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It has ended already if this fails.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a server whose responses all open the same session, and returns its port.
fn start_upstream() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nSet-Cookie: rbsessionid=ofgood\r\nContent-Length: {BODY}\r\n\r\n"
    );
    response.extend(std::iter::repeat_n('x', BODY));
    thread::spawn(move || {
        for peer in listener.incoming().flatten() {
            let response = response.clone();
            thread::spawn(move || respond(peer, response.as_bytes()));
        }
    });
    Ok(port)
}

/// Responds until the client closes the connection.
fn respond(mut peer: TcpStream, response: &[u8]) -> Result<()> {
    peer.set_nodelay(true)?;
    let mut requests = BufReader::new(peer.try_clone()?);
    let mut line = String::new();
    while requests.read_line(&mut line)? > 0 {
        if line == "\r\n" {
            peer.write_all(response)?;
        }
        line.clear();
    }
    Ok(())
}

struct Client {
    peer: BufReader<TcpStream>,
}

impl Client {
    fn connect(port: u16) -> Result<Self> {
        let peer = TcpStream::connect(("127.0.0.1", port))?;
        peer.set_nodelay(true)?;
        Ok(Self { peer: BufReader::new(peer) })
    }

    /// Sends a request, and reads the response.
    fn ask(&mut self, credentials: &str) -> Result<()> {
        let request = format!(
            "GET /api/review-requests/42/ HTTP/1.1\r\nHost: localhost\r\n{credentials}\r\n\r\n"
        );
        self.peer.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.peer.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 200 "), "the server responds {line:?}");
        while line != "\r\n" {
            line.clear();
            ensure!(self.peer.read_line(&mut line)? > 0, "the response has no end");
        }
        self.peer.read_exact(&mut [0; BODY])?;
        Ok(())
    }
}
