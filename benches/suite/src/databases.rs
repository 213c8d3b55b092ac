//! Row 14: stores in Review Board databases, compared with a bare driver and Review Board.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::context::{CLIENTS, Context, client};
use crate::format::{grouped, ratio_text, times};
use crate::handles::Store;
use crate::reference::bare::{Connection, Operations, Server, Values};
use crate::reference::python::ReviewBoard;
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Environment variable with the folder of the sites.
const SITES: &str = "RBTOKEN_BENCH_SITES";

/// Settings that answer repeated logins from the cache. Without an interval each login is written,
/// and nothing is cached. The row is skipped if the library refuses them.
const CACHE: &str = r#"{"login_cache_secs": 60, "last_used_interval_secs": null}"#;

/// User names by their number of tokens.
const FEW: &str = "rbtoken-bench-few-";
const MANY: &str = "rbtoken-bench-many-";
const USERS_WITH_FEW: usize = 64;
/// The maximum number of threads: a user is locked while a token is created.
const USERS_WITH_MANY: usize = 8;

const KEYS: [&str; 5] = ["14a", "14b", "14c", "14d", "14e"];

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let Some(sites) = std::env::var_os(SITES).map(PathBuf::from) else {
        return skip(report, &KEYS, &format!("NOT RUN: {SITES} names no sites of Review Board"));
    };
    let mut worst = Worst::default();
    for server in Server::ALL {
        let folder = sites.join(server.folder());
        let location = folder.join("location");
        let location =
            std::fs::read_to_string(&location).context(location.display().to_string())?;
        let location = location.trim();
        let Some(ours) = Store::at(location)? else {
            let why =
                "NOT RUN: this library has no drivers: `cargo bench --features postgres,mysql`";
            return skip(report, &KEYS, why);
        };
        let many = if context.quick { 1000 } else { 20_000 };
        let mut world = World::fill(server, location, &folder, ours, many)?;
        let measured = world.measure(context, report, &mut worst);
        world.remove_tokens(0)?;
        measured?;
    }
    worst.report(report)
}

fn skip(report: &mut Report, keys: &[&'static str], why: &str) -> Result<()> {
    keys.iter().for_each(|key| report.skipped(key, why));
    println!("\nStores on databases: {why}");
    Ok(())
}

/// The users and tokens in a server's database, and the connections to it.
struct World {
    server: Server,
    ours: Store,
    /// The same with a login cache, if the library supports it.
    cached: Option<Store>,
    /// One per thread.
    bare: Vec<Mutex<Connection>>,
    review_board: Option<Mutex<ReviewBoard>>,
    operations: Operations,
    /// Values of usable tokens by prefix of the user names.
    values: [(&'static str, Vec<String>); 2],
    /// Number of tokens of a user with many.
    many: usize,
    /// The highest id of the initial tokens.
    last_id: i64,
    made: AtomicUsize,
}

const THREADS: [usize; 2] = [1, 8];
const MAX_ID: [&str; 2] =
    ["SELECT max(id)::bigint FROM webapi_webapitoken", "SELECT MAX(id) FROM webapi_webapitoken"];

impl World {
    fn fill(
        server: Server,
        location: &str,
        folder: &Path,
        ours: Store,
        many: usize,
    ) -> Result<Self> {
        let mut bare = Vec::new();
        for _ in 0..THREADS[1] {
            bare.push(Mutex::new(Connection::open(server, location)?));
        }
        let mut world = Self {
            server,
            ours,
            cached: Store::with_settings(location, CACHE).ok().flatten(),
            bare,
            review_board: None,
            operations: server.operations()?,
            values: [(FEW, Vec::new()), (MANY, Vec::new())],
            many,
            last_id: 0,
            made: AtomicUsize::new(0),
        };
        let names = |prefix, count| (0..count).map(move |number| format!("{prefix}{number}"));
        let names: Vec<_> =
            names(FEW, USERS_WITH_FEW).chain(names(MANY, USERS_WITH_MANY)).collect();
        let users = names.iter().map(|name| {
            format!(
                "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, \
                 is_staff, is_active, date_joined) \
                 SELECT '!', false, '{name}', '', '', '', false, true, CURRENT_TIMESTAMP \
                 FROM (SELECT 1 AS one) AS rows_to_add \
                 WHERE NOT EXISTS (SELECT 1 FROM auth_user WHERE username = '{name}')"
            )
        });
        world.connection().batch(&users.collect::<Vec<_>>())?;
        world.remove_tokens(0)?;
        // The clients that are looked up have tokens among the first that expire last.
        let rest = many - CLIENTS;
        let (series, analyze) = match server {
            Server::Postgres => (
                format!("generate_series(1, {rest}) AS series (seq)"),
                "VACUUM ANALYZE webapi_webapitoken",
            ),
            Server::Mysql => (format!("seq_1_to_{rest}"), "ANALYZE TABLE webapi_webapitoken"),
        };
        world.connection().batch(&[format!(
            "INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, time_added, \
             last_updated, expires, valid, invalid_reason, note, policy, extra_data) \
             SELECT u.id, RPAD(CONCAT('rbf_', u.id, '_', seq, '_'), 255, MD5(CONCAT(u.id, '-', seq))), \
             'filler', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP + INTERVAL '300' DAY, \
             true, '', '', '{{}}', CONCAT('{{\"client_name\": \"filler-', seq, '\"}}') \
             FROM auth_user u, {series} WHERE u.username LIKE '{MANY}%'"
        )])?;
        for name in &names {
            for number in 0..CLIENTS {
                let (token, created) = world.ours.client_token(name, &client(number), None)?;
                ensure!(created, "{name} has a token for {}", client(number));
                let value = std::str::from_utf8(token.value())?.to_owned();
                world.values[usize::from(name.starts_with(MANY))].1.push(value);
            }
        }
        let max_id = MAX_ID[usize::from(server == Server::Mysql)];
        let last_id = world.connection().number(max_id)?;
        world.last_id = last_id;
        world.connection().batch(&[analyze.to_owned()])?;
        world.review_board = ReviewBoard::on_site(folder)?.map(Mutex::new);
        Ok(world)
    }

    fn connection(&self) -> std::sync::MutexGuard<'_, Connection> {
        self.bare[0].lock().expect("nothing panics")
    }

    /// Deletes tokens of the benchmark's users with higher ids.
    fn remove_tokens(&self, last_id: i64) -> Result<()> {
        self.connection().batch(&[format!(
            "DELETE FROM webapi_webapitoken WHERE id > {last_id} AND user_id IN \
             (SELECT id FROM auth_user WHERE username LIKE 'rbtoken-bench-%')"
        )])
    }

    fn measure(&mut self, context: &Context, report: &mut Report, worst: &mut Worst) -> Result<()> {
        let budget = Duration::from_millis(if context.quick { 20 } else { 150 });
        let mut rows = Vec::new();
        for (index, tokens) in [CLIENTS, self.many].into_iter().enumerate() {
            for threads in THREADS {
                for operation in ["login", "existing", "new"] {
                    let asked = Asked { operation, threads, budget, index };
                    // Its ratio has a gate near 1.
                    let is_single_login = operation == "login" && threads == 1;
                    let rounds = context.rounds * if is_single_login { 3 } else { 1 };
                    let series = self.rounds(rounds, asked);
                    let bare = Ratio::of(&series.bare, &series.ours);
                    let python = series.review_board.map(|it| (Ratio::of(&it, &series.ours), it));
                    let cached = series.cached.map(|it| (Ratio::of(&series.ours, &it), it));
                    let row = format!(
                        "{}, {} tokens, {threads} threads, {operation}",
                        self.server.name(),
                        grouped(tokens as f64)
                    );
                    if is_single_login {
                        worst.lowest(0, &row, &series.ours, &series.bare, bare);
                    }
                    if let Some((ratio, series_of_it)) = &python {
                        let goal = if operation == "login" { 1 } else { 4 };
                        worst.lowest(goal, &row, &series.ours, series_of_it, *ratio);
                    }
                    if let Some((ratio, series_of_it)) = &cached {
                        worst.lowest(2, &row, series_of_it, &series.ours, *ratio);
                    }
                    if operation == "existing" && threads == 1 && index == 1 {
                        let ratio = Ratio::of(&series.ours, &series.bare);
                        worst.highest(3, &row, &series.ours, &series.bare, ratio);
                    }
                    let with_ratio = |it: Option<(Ratio, Series)>| match it {
                        Some((ratio, series)) => [times(&series), ratio_text(&ratio)],
                        None => ["–".to_owned(), "–".to_owned()],
                    };
                    let mut cells = vec![
                        grouped(tokens as f64),
                        threads.to_string(),
                        operation.to_owned(),
                        times(&series.ours),
                        times(&series.bare),
                        ratio_text(&bare),
                    ];
                    cells.extend(with_ratio(python));
                    cells.extend(with_ratio(cached));
                    rows.push(cells);
                }
            }
        }
        report.table(
            &format!("Stores on a server's database: {}", self.server.name()),
            "Time for each operation, of all threads together, by the number of tokens that the user has. \
             Bare: a driver that sends the statements in benches/suite/src/reference/statements, one \
             connection for each thread. Review Board: a process for each thread. Either shares the \
             machine with the server.",
            &[
                "tokens", "threads", "operation", "ours", "bare", "bare / ours", "Review Board",
                "Review Board / ours", "ours, cached", "uncached / cached",
            ],
            &rows,
        );
        Ok(())
    }

    /// Measures a row.
    fn rounds(&self, rounds: usize, asked: Asked) -> Measured {
        let mut contestants: Vec<Contestant<'_>> =
            vec![Box::new(|| self.store(&self.ours, asked)), Box::new(|| self.driver(asked))];
        if let Some(review_board) = &self.review_board {
            contestants.push(Box::new(move || {
                let mut review_board = review_board.lock().expect("nothing panics");
                let Asked { operation, threads, budget, .. } = asked;
                let prefix = self.values[asked.index].0;
                let question = format!("{operation} {threads} {} {prefix}", budget.as_millis());
                let cost = review_board.answer(&question).expect("Review Board answers");
                self.forget_new(asked);
                cost
            }));
        }
        if let Some(cached) = &self.cached
            && asked.operation == "login"
        {
            contestants.push(Box::new(|| self.store(cached, asked)));
        }
        let mut series = interleave(rounds, &mut contestants).into_iter();
        let mut next = |is_there: bool| if is_there { series.next() } else { None };
        Measured {
            ours: next(true).expect("it was measured"),
            bare: next(true).expect("it was measured"),
            review_board: next(self.review_board.is_some()),
            cached: next(self.cached.is_some() && asked.operation == "login"),
        }
    }

    /// Returns the cost of an operation of the library's store.
    fn store(&self, store: &Store, asked: Asked) -> f64 {
        let cost = asked.run(|call| match asked.operation {
            "login" => assert!(store.log_in(self.value(asked, call).as_bytes())),
            "existing" => {
                let found = store.client_token(&self.user(asked, call), &client(call), None);
                assert!(found.is_ok_and(|(_, created)| !created));
            }
            _ => {
                let created = store.client_token(&self.user(asked, call), &self.new_client(), None);
                assert!(created.is_ok_and(|(_, created)| created));
            }
        });
        self.forget_new(asked);
        cost
    }

    /// Returns the cost of an operation of the bare driver.
    fn driver(&self, asked: Asked) -> f64 {
        let cost = asked.run(|call| {
            let mut connection = self.bare[call % asked.threads].lock().expect("nothing panics");
            let values = match asked.operation {
                "login" => Values::default().with("value", self.value(asked, call)),
                "existing" => Values::default().with("user", self.user(asked, call)),
                _ => {
                    let client = self.new_client();
                    Values::default()
                        .with("user", self.user(asked, call))
                        .with("extra_data", format!("{{\"client_name\": \"{client}\"}}"))
                        .with("new_value", format!("{client:_<255}"))
                        .with("client", client)
                }
            };
            let operations: &[&str] = match (asked.operation, asked.index) {
                ("login", _) => &["login"],
                ("existing", _) => &["page"],
                (_, 0) => &["page", "create"],
                _ => &["page", "scan", "create"],
            };
            let rows = connection.run(&self.operations, operations, values);
            assert!(rows.expect("the statements are right") > 0);
        });
        self.forget_new(asked);
        cost
    }

    /// Returns the value of a token whose user no other thread uses.
    fn value(&self, asked: Asked, call: usize) -> &str {
        let values = &self.values[asked.index].1;
        &values[asked.user(call) * CLIENTS + call / asked.threads % CLIENTS]
    }

    fn user(&self, asked: Asked, call: usize) -> String {
        format!("{}{}", self.values[asked.index].0, asked.user(call))
    }

    fn new_client(&self) -> String {
        format!("new-{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    fn forget_new(&self, asked: Asked) {
        if asked.operation == "new" {
            self.remove_tokens(self.last_id).expect("tokens can be deleted");
        }
    }
}

/// What a row measures.
#[derive(Clone, Copy)]
struct Asked {
    operation: &'static str,
    threads: usize,
    budget: Duration,
    /// Index of the users: with few or with many tokens.
    index: usize,
}

impl Asked {
    /// Returns the time per call in nanoseconds, for all threads together. Calls are numbered;
    /// those of a thread have the same remainder modulo the number of threads.
    fn run(self, work: impl Fn(usize) + Sync) -> f64 {
        let count = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..self.threads {
                let (work, count) = (&work, &count);
                scope.spawn(move || {
                    let mut calls = 0;
                    while calls == 0 || start.elapsed() < self.budget {
                        work(thread + calls * self.threads);
                        calls += 1;
                    }
                    count.fetch_add(calls, Ordering::Relaxed);
                });
            }
        });
        start.elapsed().as_nanos() as f64 / count.into_inner() as f64
    }

    /// Returns the number of the user for a call.
    fn user(self, call: usize) -> usize {
        call % [USERS_WITH_FEW, USERS_WITH_MANY][self.index]
    }
}

struct Measured {
    ours: Series,
    bare: Series,
    review_board: Option<Series>,
    cached: Option<Series>,
}

/// The row with the worst ratio for each goal: costs of the library and of the reference, and their
/// ratio.
#[derive(Default)]
struct Worst([Option<(String, String, Ratio)>; KEYS.len()]);

impl Worst {
    fn lowest(&mut self, goal: usize, row: &str, ours: &Series, reference: &Series, ratio: Ratio) {
        self.note(goal, row, ours, reference, ratio, |old, new| new < old);
    }

    fn highest(&mut self, goal: usize, row: &str, ours: &Series, reference: &Series, ratio: Ratio) {
        self.note(goal, row, ours, reference, ratio, |old, new| new > old);
    }

    fn note(
        &mut self,
        goal: usize,
        row: &str,
        ours: &Series,
        reference: &Series,
        ratio: Ratio,
        is_worse: impl Fn(f64, f64) -> bool,
    ) {
        let old = &mut self.0[goal];
        if old.as_ref().is_none_or(|(_, _, old)| is_worse(old.median, ratio.median)) {
            *old = Some((format!("{} ({row})", times(ours)), times(reference), ratio));
        }
    }

    fn report(self, report: &mut Report) -> Result<()> {
        for (key, worst) in KEYS.into_iter().zip(self.0) {
            match (key, worst) {
                (_, Some((ours, reference, ratio))) => report.measured(key, ours, reference, ratio),
                ("14c", None) => {
                    skip(report, &[key], "NOT RUN: this library refuses `login_cache_secs`")?
                }
                (_, None) => skip(report, &[key], "NOT RUN: RBTOKEN_BENCH_PYTHON names no Python")?,
            }
        }
        Ok(())
    }
}
