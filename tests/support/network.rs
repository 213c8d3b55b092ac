//! A proxy between the library and a server, with injected faults.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
pub enum Network {
    Good,
    /// Nothing is forwarded until the network is good again.
    Stalled,
    /// The server's bytes are forwarded one by one, every half second.
    Slow,
    /// Connections are closed, also new ones.
    Closed,
    /// A statement that writes is forwarded, but nothing after it.
    WriteUnanswered,
    /// A commit is forwarded, but nothing after it.
    CommitUnanswered,
    /// A commit and everything after it is not forwarded.
    CommitLost,
    /// The connection is closed instead of forwarding a commit.
    CommitCut,
    /// Connections are opened. The first statement that sets up or checks the session, and
    /// everything after it, is not forwarded.
    SetupLost,
}

/// The address of a server behind the proxy.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    network: AtomicU8,
    /// Number of accepted connections.
    accepted: AtomicUsize,
    /// The first connections, up to this number, were forgotten.
    forgotten: AtomicUsize,
    /// Number of times that a client sent something first, or after the server.
    round_trips: AtomicUsize,
    /// The connection whose responses are held back, [`ANY`] until one sends something, or
    /// [`NONE`].
    held: AtomicUsize,
}

const NONE: usize = 0;
const ANY: usize = 1;

impl Shared {
    /// Returns the value of [`Shared::held`] for a connection.
    const fn holding(number: usize) -> usize {
        number + 2
    }
}

impl Shared {
    fn is(&self, wanted: Network) -> bool {
        self.network.load(Ordering::Relaxed) == wanted as u8
    }
}

impl Proxy {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::<Shared>::default();
        let proxy = Self { port: listener.local_addr().unwrap().port(), shared };
        let shared = Arc::clone(&proxy.shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let number = shared.accepted.fetch_add(1, Ordering::Relaxed);
                if shared.is(Network::Closed) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let link = Arc::new(Link {
                    shared: Arc::clone(&shared),
                    number,
                    is_dead: AtomicBool::new(false),
                    awaits_answer: AtomicBool::new(false),
                });
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let other = Arc::clone(&link);
                thread::spawn(move || link.pass(from, to, false));
                thread::spawn(move || other.pass(server, client, true));
            }
        });
        proxy
    }

    pub fn set(&self, network: Network) {
        self.shared.network.store(network as u8, Ordering::Relaxed);
        // The forwarding threads check it regularly.
        thread::sleep(Duration::from_millis(100));
    }

    /// Forgets the existing connections like a firewall: nothing is forwarded on them, without
    /// notice. New ones work.
    pub fn forget(&self) {
        self.shared.forgotten.store(self.accepted(), Ordering::Relaxed);
    }

    /// Holds back the responses on the connection that sends something next, until
    /// [`Proxy::release`].
    pub fn hold_next(&self) {
        self.shared.held.store(ANY, Ordering::SeqCst);
    }

    /// Waits until a connection is held.
    pub fn wait_until_held(&self) {
        for _ in 0..10_000 {
            if self.shared.held.load(Ordering::SeqCst) != ANY {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(self.shared.held.load(Ordering::SeqCst), ANY, "nothing was sent");
        // The server has responded by then.
        thread::sleep(Duration::from_millis(200));
    }

    pub fn release(&self) {
        self.shared.held.store(NONE, Ordering::SeqCst);
    }

    /// Returns the number of accepted connections.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Counts the round trips of all connections: changes of direction towards the server.
    pub fn round_trips(&self) -> usize {
        self.shared.round_trips.load(Ordering::SeqCst)
    }
}

/// A connection through the proxy.
struct Link {
    shared: Arc<Shared>,
    number: usize,
    /// Nothing is forwarded any more.
    is_dead: AtomicBool,
    /// The client sent something last.
    awaits_answer: AtomicBool,
}

impl Link {
    fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::Relaxed)
            || self.number < self.shared.forgotten.load(Ordering::Relaxed)
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream, is_answer: bool) {
        from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        to.set_nodelay(true).unwrap();
        let is = |network| self.shared.is(network);
        let mut traffic = Traffic::default();
        while !is(Network::Closed) {
            let mut bytes = [0; 8192];
            let len = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            if !self.awaits_answer.swap(!is_answer, Ordering::SeqCst) && !is_answer {
                self.shared.round_trips.fetch_add(1, Ordering::SeqCst);
            }
            let mut rest = &bytes[..len];
            while is(Network::Stalled) {
                thread::sleep(Duration::from_millis(10));
            }
            let (held, own) = (&self.shared.held, Shared::holding(self.number));
            if is_answer {
                while held.load(Ordering::SeqCst) == own {
                    thread::sleep(Duration::from_millis(1));
                }
            } else {
                let _ = held.compare_exchange(ANY, own, Ordering::SeqCst, Ordering::SeqCst);
            }
            let (mut is_last, mut is_lost) = (false, self.is_dead());
            if !is_answer {
                let message = traffic.read(rest);
                let is_commit = message == Some(Message::Commit);
                if is_commit && is(Network::CommitCut) {
                    break;
                }
                is_last = message == Some(Message::Write) && is(Network::WriteUnanswered)
                    || is_commit && is(Network::CommitUnanswered);
                is_lost |= is_commit && is(Network::CommitLost)
                    || message == Some(Message::Setup) && is(Network::SetupLost);
            }
            if is_last || is_lost {
                self.is_dead.store(true, Ordering::Relaxed);
            }
            while !rest.is_empty() && !is_lost {
                let is_slow = is_answer && is(Network::Slow);
                let (now, later) = rest.split_at(if is_slow { 1 } else { rest.len() });
                rest = later;
                if is_slow {
                    thread::sleep(Duration::from_millis(500));
                }
                if to.write_all(now).is_err() {
                    return;
                }
            }
        }
        // The client is not notified of a dead link. The server is, as by its keep-alive.
        if !is_answer || !self.is_dead() {
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        }
    }
}

#[derive(PartialEq)]
enum Message {
    /// A prepared statement that writes is executed.
    Write,
    Commit,
    /// The session is set up or checked.
    Setup,
}

/// Detects messages of a client in the protocols of PostgreSQL and MySQL.
#[derive(Default)]
struct Traffic {
    /// The last prepared statement writes.
    is_write: bool,
}

impl Traffic {
    fn read(&mut self, bytes: &[u8]) -> Option<Message> {
        // Not "READ COMMITTED".
        let is_commit = bytes.ends_with(b"COMMIT") || bytes.ends_with(b"COMMIT\0");
        let contains = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
        let kind = |postgres, mysql| bytes[0] == postgres || bytes.get(4) == Some(&mysql);
        if kind(b'P', 0x16) {
            let writes: [&[u8]; 2] = [b"INSERT INTO webapi", b"UPDATE webapi"];
            self.is_write = writes.into_iter().any(contains);
            None
        } else if kind(b'Q', 0x03) && is_commit {
            Some(Message::Commit)
        } else if kind(b'Q', 0x03) && (contains(b"SET ") || contains(b"current_setting")) {
            Some(Message::Setup)
        } else if kind(b'B', 0x17) && self.is_write {
            Some(Message::Write)
        } else {
            None
        }
    }
}
