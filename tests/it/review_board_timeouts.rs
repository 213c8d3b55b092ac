//! Every call on Review Board's database ends in its time, whatever becomes of the server.
#![cfg(any(feature = "postgres", feature = "mysql"))]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::review_board::{generate, on};
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

on_each_database! {
    ;
    calls_end_in_their_time_whatever_the_network_does
    locked_table_leaves_no_more_connections_than_the_pool_has
    server_presets_do_not_change_what_calls_do
    connections_that_the_server_closed_are_replaced
    connections_that_the_network_forgot_are_replaced
}

const IO: i32 = rbtoken_status_code::RBTOKEN_E_IO as i32;
const DATABASE: i32 = rbtoken_status_code::RBTOKEN_E_DATABASE as i32;
const TIMEOUT: i32 = rbtoken_status_code::RBTOKEN_E_TIMEOUT as i32;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u8)]
enum Network {
    Good,
    /// Nothing passes until it is good again.
    Stalled,
    /// The server's bytes pass one by one, each after half a second.
    Slow,
    /// What was connected has been forgotten: nothing passes, and nobody is told.
    HalfOpen,
    /// Connections are closed.
    Closed,
}

/// A server's address behind a network of the test's.
struct Proxy {
    port: u16,
    network: Arc<AtomicU8>,
}

impl Proxy {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let network = Arc::new(AtomicU8::new(Network::Good as u8));
        let proxy = Self { port: listener.local_addr().unwrap().port(), network };
        let network = Arc::clone(&proxy.network);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, network) = (client.unwrap(), Arc::clone(&network));
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let other = Arc::clone(&network);
                thread::spawn(move || pass(from, to, &other, false));
                thread::spawn(move || pass(server, client, &network, true));
            }
        });
        proxy
    }

    fn set(&self, network: Network) {
        self.network.store(network as u8, Ordering::Relaxed);
        // Those that pass bytes look at it every so often.
        thread::sleep(Duration::from_millis(100));
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, network: &AtomicU8, is_answer: bool) {
    let is = |wanted: Network| network.load(Ordering::Relaxed) == wanted as u8;
    from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    to.set_nodelay(true).unwrap();
    let mut is_forgotten = false;
    loop {
        is_forgotten |= is(Network::HalfOpen);
        if is(Network::Closed) {
            break;
        }
        let mut bytes = [0; 4096];
        let len = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(len) => len,
            Err(_) => continue,
        };
        is_forgotten |= is(Network::HalfOpen);
        while is(Network::Stalled) {
            thread::sleep(Duration::from_millis(10));
        }
        if is_forgotten {
            continue;
        }
        let mut rest = &bytes[..len];
        while !rest.is_empty() {
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
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

fn open(location: &str, settings: &str) -> Store {
    let mut options = init::<rbtoken_store_options_t>();
    (options.location, options.location_len) = text(location);
    (options.settings, options.settings_len) = text(settings);
    Store::open(&Host::new(), &options).unwrap()
}

/// Puts a proxy between: the location of the site, and the proxy.
fn behind_proxy(site: &Installation) -> (String, Proxy) {
    let (before, after) = site.location.rsplit_once(':').unwrap();
    let (port, database) = after.split_once('/').unwrap();
    let proxy = Proxy::to(port.parse().unwrap());
    (format!("{before}:{}/{database}", proxy.port), proxy)
}

const CALLS: [&str; 4] = ["login", "existing", "new", "invalidate"];

fn call(store: &Store, which: &str, value: &str, client: &str) -> Result<(), Failure> {
    match which {
        "login" => store.authenticate(value, Site::Any).map(drop),
        "existing" => store.client_token("alice", "existing", &init()).map(drop),
        "new" => store.client_token("alice", client, &init()).map(drop),
        _ => store.invalidate(value, Some("lost")),
    }
}

fn calls_end_in_their_time_whatever_the_network_does(site: &mut Installation) {
    const LIMIT: Duration = Duration::from_secs(2);
    let (location, proxy) = behind_proxy(site);
    let settings = json!({
        "pool_size": 3, "call_timeout_secs": LIMIT.as_secs(), "connect_timeout_secs": 1,
        "statement_timeout_secs": 1,
    });
    let mut slowest = Duration::ZERO;
    for network in [Network::Stalled, Network::Slow, Network::HalfOpen, Network::Closed] {
        for which in CALLS {
            let store = open(&location, &settings.to_string());
            let value = generate(&store, "alice", None).value();
            store.client_token("alice", "existing", &init()).unwrap();
            proxy.set(network);
            let start = Instant::now();
            let answer = call(&store, which, &value, &format!("{network:?} {which}"));
            let time = start.elapsed();
            proxy.set(Network::Good);
            slowest = slowest.max(time);
            assert!(time < LIMIT + Duration::from_secs(1), "{network:?} {which}: {time:?}");
            let failure = answer.unwrap_err();
            let expected: &[i32] =
                if network == Network::Closed { &[IO] } else { &[TIMEOUT, IO, DATABASE] };
            assert!(expected.contains(&failure.status), "{network:?} {which}: {failure:?}");
            assert!(failure.status != DATABASE || failure.message.contains("not known"));
            // Places that the server may be busy for are free after its own limit.
            let start = Instant::now();
            let answer = call(&store, which, &value, &format!("{network:?} {which}"));
            let time = start.elapsed();
            assert!(time < LIMIT + Duration::from_secs(1), "{network:?} {which}: {time:?}");
            assert!(answer.is_ok(), "{network:?} {which}: {answer:?}");
        }
    }
    println!("the slowest call took {slowest:?} of {LIMIT:?}");
}

fn locked_table_leaves_no_more_connections_than_the_pool_has(site: &mut Installation) {
    const POOL: i64 = 3;
    const LIMIT: Duration = Duration::from_secs(2);
    let settings = json!({
        "pool_size": POOL, "call_timeout_secs": LIMIT.as_secs(), "statement_timeout_secs": 1,
    });
    let store = site.store_with(&settings.to_string()).unwrap();
    let value = generate(&store, "alice", None).value();
    site.ask(json!({"do": "lock_table"}));
    let end = Instant::now() + Duration::from_secs(10);
    let mut most = 0;
    thread::scope(|scope| {
        for thread in 0..8 {
            let (store, value) = (&store, &value);
            scope.spawn(move || {
                while Instant::now() < end {
                    let start = Instant::now();
                    let failure = call(store, CALLS[thread % 4], value, "new").unwrap_err();
                    let time = start.elapsed();
                    assert!(time < LIMIT + Duration::from_secs(1), "{time:?}");
                    assert_eq!(failure.status, TIMEOUT, "{failure:?}");
                }
            });
        }
        while Instant::now() < end {
            most = most.max(site.ask(json!({"do": "count_connections"})).as_i64().unwrap());
            thread::sleep(Duration::from_millis(100));
        }
    });
    site.ask(json!({"do": "unlock"}));
    println!("{most} connections at most of {POOL}");
    assert!((1..=POOL).contains(&most), "{most}");
    for which in CALLS {
        call(&store, which, &value, "new").unwrap();
    }
}

fn server_presets_do_not_change_what_calls_do(site: &mut Installation) {
    let presets: &[(&str, &str)] = match site.name {
        "mysql" => &[
            ("SET GLOBAL autocommit = 0", "SET GLOBAL autocommit = 1"),
            ("SET GLOBAL sql_select_limit = 2", "SET GLOBAL sql_select_limit = DEFAULT"),
            ("SET GLOBAL completion_type = 'CHAIN'", "SET GLOBAL completion_type = 'NO_CHAIN'"),
            ("SET GLOBAL sql_safe_updates = 1", "SET GLOBAL sql_safe_updates = 0"),
            ("SET GLOBAL time_zone = '+05:00'", "SET GLOBAL time_zone = 'SYSTEM'"),
            ("SET GLOBAL sql_mode = 'ANSI_QUOTES'", "SET GLOBAL sql_mode = DEFAULT"),
            (
                "SET GLOBAL character_set_client = 'latin1'",
                "SET GLOBAL character_set_client = 'utf8mb4'",
            ),
        ],
        _ => &[
            (
                "ALTER ROLE root SET default_transaction_isolation = 'serializable'",
                "ALTER ROLE root RESET default_transaction_isolation",
            ),
            (
                "ALTER ROLE root SET default_transaction_read_only = on",
                "ALTER ROLE root RESET default_transaction_read_only",
            ),
            ("ALTER ROLE root SET timezone = 'Asia/Tokyo'", "ALTER ROLE root RESET timezone"),
            (
                "ALTER ROLE root SET statement_timeout = '1'",
                "ALTER ROLE root RESET statement_timeout",
            ),
        ],
    };
    for (set, reset) in presets {
        site.ask(json!({"do": "execute", "statement": set}));
        let store = site.store();
        let outcome = (|| -> Result<(), Failure> {
            let values: Vec<_> = (0..6).map(|_| generate(&store, "alice", None).value()).collect();
            let note = Update { note: Field::Set("nöte ✓"), ..Update::default() };
            let id = store.find(&values[0])?.id();
            assert_eq!(store.update(id, &note)?.record().note, "nöte ✓");
            for value in &values {
                assert_eq!(store.authenticate(value, Site::Any)?.verdict, ACCEPTED);
            }
            // Nothing is locked behind, so another store goes on at once.
            let other = site.store_with(r#"{"statement_timeout_secs": 1}"#)?;
            assert_eq!(other.invalidate_user("alice", Some("lost"))?, 6);
            assert!(other.invalidate_all(Some("lost"))? >= 6);
            assert_eq!(other.find(&values[0])?.record().last_used, Some(START));
            for value in &values {
                assert_eq!(store.authenticate(value, Site::Any)?.verdict, INVALID);
            }
            for record in store.list(&init())? {
                store.delete(record.id)?;
            }
            Ok(())
        })();
        site.ask(json!({"do": "execute", "statement": reset}));
        assert_eq!(outcome, Ok(()), "{set}");
    }
}

fn connections_that_the_server_closed_are_replaced(site: &mut Installation) {
    let (idle, reset) = match site.name {
        "mysql" => ("SET GLOBAL wait_timeout = 1", "SET GLOBAL wait_timeout = DEFAULT"),
        _ => (
            "ALTER ROLE root SET idle_session_timeout = '500ms'",
            "ALTER ROLE root RESET idle_session_timeout",
        ),
    };
    site.ask(json!({"do": "execute", "statement": idle}));
    let store = site.store_with(r#"{"pool_size": 3}"#).unwrap();
    let value = generate(&store, "alice", None).value();
    let outcome = (|| -> Result<(), Failure> {
        for round in 0..3 {
            // So that several connections idle.
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| store.client_token("bob", "host", &init()).map(drop).unwrap());
                }
            });
            thread::sleep(Duration::from_millis(1500));
            for which in CALLS {
                call(&store, which, &value, &format!("{round}"))?;
            }
            // Several, so that the one that finds out drops its siblings.
            let killed = site.ask(json!({"do": "kill_connections"})).as_u64().unwrap();
            assert!(killed >= 1, "{killed}");
            for which in CALLS {
                call(&store, which, &value, &format!("{round} killed"))?;
            }
        }
        Ok(())
    })();
    site.ask(json!({"do": "execute", "statement": reset}));
    assert_eq!(outcome, Ok(()));
}

fn connections_that_the_network_forgot_are_replaced(site: &mut Installation) {
    let (location, proxy) = behind_proxy(site);
    let settings = r#"{"pool_size": 8, "statement_timeout_secs": 1, "call_timeout_secs": 10}"#;
    let store = open(&location, settings);
    let value = generate(&store, "alice", None).value();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    call(&store, "login", &value, "").unwrap();
                }
            });
        }
    });
    proxy.set(Network::HalfOpen);
    proxy.set(Network::Good);
    let times: Vec<_> = (0..11)
        .map(|_| {
            let start = Instant::now();
            call(&store, "login", &value, "").unwrap();
            start.elapsed()
        })
        .collect();
    // The first call finds out, and tells the others.
    let slow = times.iter().filter(|time| **time > Duration::from_secs(1)).count();
    assert!(slow <= 1, "{times:?}");
}
