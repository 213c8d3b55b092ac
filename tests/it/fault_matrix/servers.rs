//! Runs the matrix on temporary servers.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{Answer, CALLS, Fault, MATRIX};
use crate::review_board::generate;
use crate::support::installation::Installation;
use crate::support::network::{Network, Proxy};
use crate::support::server::{Client, Server};
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::json;

#[cfg(feature = "postgres")]
mod on_postgresql {
    #[test]
    #[ignore = "needs Review Board, root"]
    fn each_call_ends_in_time_with_the_documented_status() {
        super::run("postgresql");
    }
}

#[cfg(feature = "mysql")]
mod on_mysql {
    #[test]
    #[ignore = "needs Review Board, root"]
    fn each_call_ends_in_time_with_the_documented_status() {
        super::run("mysql");
    }
}

/// Maximum delay of the end of a call after its deadline.
const LATE: Duration = Duration::from_secs(1);

/// Returns the limits of a call and of a statement in seconds.
fn limits(fault: Fault) -> (u64, u64) {
    match fault {
        // The first callers wait for the lock until shortly before the deadline. Another one then
        // has little time left, which the server must respect.
        Fault::Locked => (10, 10),
        _ => (4, 1),
    }
}

/// Maximum number of connections of a store.
const POOL_SIZE: usize = 2;

/// Number of threads that use a store concurrently: more than it has connections.
const CALLERS: usize = 3;

/// Another user, whose connections fill the server.
const OTHERS: &str = "others";

fn run(name: &str) {
    let site = Installation::open(name);
    let mut bench = Bench::new(Server::like(&site.location));
    drop(site);
    for (fault, description, answers) in MATRIX {
        if fault == Fault::DiskFull && !bench.server.is_postgres {
            continue;
        }
        let start = Instant::now();
        bench.run(fault, answers);
        println!("{:4.1} s: {description}", start.elapsed().as_secs_f64());
    }
}

struct Bench {
    server: Server,
    proxy: Proxy,
    /// Connections held by others.
    held: Vec<Client>,
}

/// A store and what its callers need. Each kind of call has its own database user, so that its
/// connections can be identified.
struct Subject {
    call: &'static str,
    store: Store,
    /// A token for each caller, and one for after the fault.
    values: Vec<String>,
    expected: Answer,
    /// The events of the store.
    events: Arc<Events>,
}

impl Bench {
    fn new(mut server: Server) -> Self {
        for user in CALLS.into_iter().chain([OTHERS]) {
            if server.is_postgres {
                server.ask(&format!("CREATE ROLE \"{user}\" LOGIN"));
                server.ask(&format!(
                    "GRANT SELECT ON auth_user, site_localsite, siteconfig_siteconfiguration TO \
                     \"{user}\""
                ));
                server.ask(&format!("GRANT ALL ON webapi_webapitoken TO \"{user}\""));
                server.ask(&format!(
                    "GRANT USAGE ON SEQUENCE webapi_webapitoken_id_seq TO \"{user}\""
                ));
            } else {
                server.ask(&format!("CREATE USER '{user}'@'%'"));
                server.ask(&format!("CREATE USER '{user}'@'localhost'"));
                server.ask(&format!("GRANT ALL ON reviewboard.* TO '{user}'@'%'"));
                server.ask(&format!("GRANT ALL ON reviewboard.* TO '{user}'@'localhost'"));
            }
            // Each caller has its own user, so that they do not wait for each other's locks.
            for caller in 0..=CALLERS {
                server.ask(&format!(
                    "INSERT INTO auth_user (password, is_superuser, username, first_name, \
                     last_name, email, is_staff, is_active, date_joined) VALUES ('', false, \
                     '{user} {caller}', '', '', '', false, true, '2026-01-01')"
                ));
            }
        }
        let proxy = Proxy::to(server.port);
        Self { server, proxy, held: Vec::new() }
    }

    fn run(&mut self, fault: Fault, answers: [Answer; 4]) {
        self.preset(fault);
        let subjects: Vec<_> = CALLS
            .into_iter()
            .zip(answers)
            .map(|(call, expected)| self.subject(fault, call, expected))
            .collect();
        self.begin(fault);
        let deadline = Duration::from_secs(limits(fault).0);
        let before = (fault == Fault::Locked).then(|| self.all_connections());
        let (outcomes, most) = self.call_all(fault, &subjects, 0..CALLERS);
        if let Some(before) = before {
            assert_eq!(self.all_connections(), before, "the server gave up last");
        }
        self.end(fault);

        let (recovered, most_after) = self.call_all(fault, &subjects, CALLERS..CALLERS + 1);
        for (subject, outcomes) in subjects.iter().zip(recovered) {
            let (answer, time) = &outcomes[0];
            let what = format!("{fault:?} {} afterwards: {answer:?} in {time:?}", subject.call);
            assert!(answer.is_ok() && *time < deadline + LATE, "{what}");
        }
        for (subject, outcomes) in subjects.iter().zip(outcomes) {
            let events = subject.events.take();
            let mut exact = 0;
            for (caller, (answer, time)) in outcomes.into_iter().enumerate() {
                let what = format!("{fault:?} {}: {answer:?} in {time:?}", subject.call);
                assert!(time < deadline + LATE, "{what}");
                exact +=
                    usize::from(subject.is_expected(&answer).unwrap_or_else(|| panic!("{what}")));
                self.check_effect(fault, subject, caller, &answer);
                // Events are fired for acknowledged changes only.
                let count = events.iter().filter(|seen| subject.is_of(fault, caller, seen)).count();
                let is_change = subject.call != "existing";
                assert_eq!(count, usize::from(is_change && answer.is_ok()), "{what}");
            }
            assert!(exact > 0, "{fault:?} {}", subject.call);
            let most = most[subject.call].max(most_after[subject.call]);
            assert!(most <= POOL_SIZE, "{fault:?} {}: {most} connections", subject.call);
        }
        drop(subjects);
        wait_until("closed stores have no connections", || {
            CALLS.iter().all(|call| self.server.connections(call).is_empty())
        });
    }

    fn subject(&mut self, fault: Fault, call: &'static str, expected: Answer) -> Subject {
        use Fault::{
            Closed, CommitCut, CommitLost, CommitUnanswered, Forgotten, Full, Slow, Stalled,
            WriteUnanswered,
        };
        let is_through_proxy = matches!(
            fault,
            Stalled
                | Slow
                | Forgotten
                | Closed
                | WriteUnanswered
                | CommitUnanswered
                | CommitLost
                | CommitCut
        );
        let port = if is_through_proxy { self.proxy.port } else { self.server.port };
        let store = self.open(fault, call, port);
        let values = (0..=CALLERS)
            .map(|caller| {
                let user = format!("{call} {caller}");
                store.client_token(&user, "existing", &init()).unwrap();
                generate(&store, &user, None).value()
            })
            .collect();
        // Prepared statements are sent without their text.
        let store = match fault {
            WriteUnanswered => self.open(fault, call, port),
            _ => store,
        };
        let events = store.watch();
        let subject = Subject { call, store, values, expected, events };
        // Unless callers are supposed to wait for a single connection.
        while fault != Full && self.server.connections(call).len() < POOL_SIZE {
            thread::scope(|scope| {
                for caller in 0..POOL_SIZE {
                    let subject = &subject;
                    scope.spawn(move || {
                        subject.store.find(&subject.values[caller]).unwrap();
                    });
                }
            });
        }
        subject
    }
}

impl Bench {
    fn open(&self, fault: Fault, user: &str, port: u16) -> Store {
        let (call_limit, statement_limit) = limits(fault);
        let settings = json!({
            "pool_size": POOL_SIZE, "connect_timeout_secs": 1,
            "call_timeout_secs": call_limit, "statement_timeout_secs": statement_limit,
        });
        let (location, settings) = (self.server.location(user, port), settings.to_string());
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(&location);
        (options.settings, options.settings_len) = text(&settings);
        Store::open(&Host::new(), &options).unwrap()
    }

    /// Sets up what must exist before the sessions that the fault affects.
    fn preset(&mut self, fault: Fault) {
        let setting = match (fault, self.server.is_postgres) {
            (Fault::IdleClosed, true) => "idle_session_timeout = 300",
            (Fault::IdleClosed, false) => "wait_timeout = 1",
            (Fault::ReadOnlyDefault, true) => "default_transaction_read_only = on",
            (Fault::ReadOnlyDefault, false) => "tx_read_only = 1",
            _ => return,
        };
        if self.server.is_postgres {
            for call in CALLS {
                self.server.ask(&format!("ALTER ROLE \"{call}\" SET {setting}"));
            }
        } else {
            self.server.ask(&format!("SET GLOBAL {setting}"));
        }
    }

    fn begin(&mut self, fault: Fault) {
        let is_postgres = self.server.is_postgres;
        match fault {
            Fault::Stopped => self.server.signal(libc::SIGSTOP),
            Fault::Stalled => self.proxy.set(Network::Stalled),
            Fault::Slow => self.proxy.set(Network::Slow),
            Fault::Forgotten => self.proxy.forget(),
            Fault::Closed => self.proxy.set(Network::Closed),
            // PostgreSQL's processes end immediately at this signal.
            Fault::Down => self.server.end(if is_postgres { libc::SIGQUIT } else { libc::SIGKILL }),
            Fault::Killed => self.kill_all(),
            Fault::IdleClosed => wait_until("the server closes idle connections", || {
                CALLS.iter().all(|call| self.server.connections(call).is_empty())
            }),
            Fault::Locked => {
                let mut other = self.server.client("root").unwrap();
                other.try_ask(match is_postgres {
                    true => "BEGIN; LOCK TABLE webapi_webapitoken IN ACCESS EXCLUSIVE MODE",
                    false => "LOCK TABLES webapi_webapitoken WRITE",
                });
                self.held.push(other);
            }
            Fault::Full => self.fill(),
            Fault::FullForAll => {
                self.fill();
                self.kill_all();
                self.fill();
            }
            Fault::DiskFull => self.server.fill_disk(),
            Fault::ReadOnlyDefault => {}
            Fault::ReadOnly if is_postgres => self.server.make_standby(),
            Fault::ReadOnly => drop(self.server.ask("SET GLOBAL read_only = 1")),
            Fault::WriteUnanswered => self.proxy.set(Network::WriteUnanswered),
            Fault::CommitUnanswered => self.proxy.set(Network::CommitUnanswered),
            Fault::CommitLost => self.proxy.set(Network::CommitLost),
            Fault::CommitCut => self.proxy.set(Network::CommitCut),
        }
    }

    fn end(&mut self, fault: Fault) {
        let is_postgres = self.server.is_postgres;
        self.proxy.set(Network::Good);
        self.held.clear();
        match fault {
            Fault::Stopped => {
                self.server.signal(libc::SIGCONT);
                // PostgreSQL's processes need a moment to notice closed sockets.
                thread::sleep(Duration::from_millis(300));
            }
            Fault::Down => self.server.start(),
            Fault::Full | Fault::FullForAll => {
                wait_until("the server has room", || self.server.connections(OTHERS).is_empty())
            }
            Fault::DiskFull => self.server.empty_disk(),
            Fault::ReadOnly if is_postgres => drop(self.server.ask("SELECT pg_promote()")),
            Fault::ReadOnly => drop(self.server.ask("SET GLOBAL read_only = 0")),
            Fault::IdleClosed | Fault::ReadOnlyDefault if is_postgres => {
                for call in CALLS {
                    self.server.ask(&format!("ALTER ROLE \"{call}\" RESET ALL"));
                }
            }
            Fault::IdleClosed => drop(self.server.ask("SET GLOBAL wait_timeout = DEFAULT")),
            Fault::ReadOnlyDefault => drop(self.server.ask("SET GLOBAL tx_read_only = 0")),
            _ => {}
        }
    }

    /// Uses up all connections that the server leaves for ordinary users.
    fn fill(&mut self) {
        while let Some(other) = self.server.client(OTHERS) {
            self.held.push(other);
        }
    }

    fn all_connections(&mut self) -> Vec<Vec<String>> {
        CALLS.iter().map(|call| self.server.connections(call)).collect()
    }

    fn kill_all(&mut self) {
        for call in CALLS {
            self.server.kill_connections(call);
        }
    }

    /// Runs all kinds of calls by several callers concurrently. Returns how each ended and its
    /// time, and the maximum number of connections per user.
    fn call_all(
        &mut self,
        fault: Fault,
        subjects: &[Subject],
        callers: Range<usize>,
    ) -> (Vec<Vec<Outcome>>, BTreeMap<&'static str, usize>) {
        thread::scope(|scope| {
            let calls: Vec<Vec<_>> = subjects
                .iter()
                .map(|subject| {
                    let call = |caller| scope.spawn(move || timed(|| subject.call(fault, caller)));
                    callers.clone().map(call).collect()
                })
                .collect();
            let is_running = || calls.iter().flatten().any(|call| !call.is_finished());
            // A server that is suspended or down is asked afterwards.
            let is_away = matches!(fault, Fault::Stopped | Fault::Down) && callers.start == 0;
            let most = self.most_connections_while(is_running, !is_away);
            let join = |calls: Vec<thread::ScopedJoinHandle<'_, Outcome>>| {
                calls.into_iter().map(|call| call.join().unwrap()).collect()
            };
            (calls.into_iter().map(join).collect(), most)
        })
    }

    /// Returns the maximum number of connections per user. The server ends the process of a closed
    /// connection with a delay, so only connections in two consecutive samples count.
    fn most_connections_while(
        &mut self,
        is_running: impl Fn() -> bool,
        is_counted: bool,
    ) -> BTreeMap<&'static str, usize> {
        let (mut most, mut last) = (BTreeMap::new(), [0; CALLS.len()]);
        for sample in 0.. {
            if sample > 2 && !is_running() {
                break;
            }
            let count = |call| if is_counted { self.server.connections(call).len() } else { 0 };
            let now = CALLS.map(count);
            for (index, call) in CALLS.into_iter().enumerate() {
                let most = most.entry(call).or_default();
                *most = now[index].min(last[index]).max(*most);
            }
            last = now;
            thread::sleep(Duration::from_millis(50));
        }
        most
    }

    /// Checks that a change was made if and only if its result says so.
    fn check_effect(&mut self, fault: Fault, subject: &Subject, caller: usize, answer: &Answered) {
        let query = match subject.call {
            "new" => format!("extra_data LIKE '%\"{}\"%'", new_client(fault, caller)),
            "invalidate" => format!("token = '{}' AND NOT valid", subject.values[caller]),
            _ => return,
        };
        let rows =
            self.server.number(&format!("SELECT COUNT(*) FROM webapi_webapitoken WHERE {query}"));
        let is_unknown = |failure: &Failure| failure.message.contains("is unknown");
        let expected = match answer {
            Ok(()) => 1,
            Err(failure) if is_unknown(failure) => usize::from(fault == Fault::CommitUnanswered),
            Err(_) => 0,
        };
        assert_eq!(rows, expected, "{fault:?} {} {caller}: {answer:?}", subject.call);
    }
}

type Answered = Result<(), Failure>;
type Outcome = (Answered, Duration);

fn timed(call: impl FnOnce() -> Answered) -> Outcome {
    let start = Instant::now();
    let answer = call();
    (answer, start.elapsed())
}

fn new_client(fault: Fault, caller: usize) -> String {
    format!("{fault:?} {caller}")
}

impl Subject {
    fn call(&self, fault: Fault, caller: usize) -> Answered {
        let (store, user) = (&self.store, format!("{} {caller}", self.call));
        match self.call {
            "login" => {
                let login = store.authenticate(&self.values[caller], Site::Any)?;
                assert_eq!(login.verdict, ACCEPTED);
            }
            "existing" => {
                let (_, is_new) = store.client_token(&user, "existing", &init())?;
                assert!(!is_new);
            }
            "new" => {
                let (_, is_new) = store.client_token(&user, &new_client(fault, caller), &init())?;
                assert!(is_new);
            }
            _ => store.invalidate(&self.values[caller], Some("lost"))?,
        }
        Ok(())
    }

    /// Returns whether an event belongs to a caller's call.
    fn is_of(&self, fault: Fault, caller: usize, seen: &Seen) -> bool {
        match (self.call, seen.event) {
            ("login", "used") | ("invalidate", "invalidated") => {
                seen.token.value == self.values[caller]
            }
            ("new", "created") => seen.token.client_name == Some(new_client(fault, caller)),
            _ => false,
        }
    }

    /// Returns whether a call ended as documented. A caller that waits for another's connection may
    /// time out instead. `None`: neither.
    fn is_expected(&self, answer: &Answered) -> Option<bool> {
        let is = |expected: Answer| match answer {
            Ok(()) => expected == Answer::Works,
            Err(failure) => {
                let (status, message) = expected.status();
                let status = match status {
                    "TIMEOUT" => rbtoken_status_code::RBTOKEN_E_TIMEOUT,
                    "IO" => rbtoken_status_code::RBTOKEN_E_IO,
                    _ => rbtoken_status_code::RBTOKEN_E_DATABASE,
                };
                let is_unknown = failure.message.contains("is unknown");
                expected != Answer::Works
                    && failure.status == status as i32
                    && failure.message.contains(message)
                    && is_unknown == message.contains("is unknown")
            }
        };
        let may_wait = self.expected != Answer::Works && is(Answer::TimesOut);
        is(self.expected).then_some(true).or(may_wait.then_some(false))
    }
}
