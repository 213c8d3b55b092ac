//! Rows 11 and 12: stores in files.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use hashbrown::HashMap;

use crate::context::{Context, client, user};
use crate::format::{grouped, ratio_text, times};
use crate::handles::Store;
use crate::keys::Keys;
use crate::reference::databases::Folder;
use crate::reference::map::{Map, Record};
use crate::report::Report;
use crate::rounds::{Contestant, Ratio, Series, interleave};

/// Number of threads that fill the store to be opened: they share commits.
const FILLERS: usize = 64;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let location = folder.0.join("creates.rbtoken");
    let Some(store) = Store::at(location.to_str().context("the folder's name is text")?)? else {
        for key in ["11a", "11b", "11c", "11d", "12"] {
            report.skipped(key, "not built: this library keeps tokens in memory only");
        }
        println!("\nDurable stores: not built");
        return Ok(());
    };
    creates(context, report, &folder.0, store)?;
    opening(context, report, &folder.0)
}

/// Creates client tokens on several threads, and returns tokens per second.
fn create(store: &Store, made: &AtomicUsize, threads: usize, each: usize) -> f64 {
    on_threads(threads, each, |_| {
        let number = made.fetch_add(1, Ordering::Relaxed);
        let created = store.client_token(&user(number), &client(number), None);
        assert!(created.is_ok_and(|(_, created)| created));
    })
}

/// Runs work on several threads, and returns repetitions per second in total.
fn on_threads(threads: usize, each: usize, work: impl Fn(usize) + Sync) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || (0..each).for_each(|_| work(thread)));
        }
    });
    (threads * each) as f64 / start.elapsed().as_secs_f64()
}

/// Minimum number of rounds for commits, whose times vary more than others.
const COMMIT_ROUNDS: usize = 21;

fn creates(context: &Context, report: &mut Report, folder: &Path, store: Store) -> Result<()> {
    let made = AtomicUsize::new(0);
    let path = folder.join("creates.sqlite");
    let writers: Vec<_> = (0..8).map(|_| writer(&path)).collect::<Result<_>>()?;
    let writers: Vec<_> = writers.into_iter().map(std::sync::Mutex::new).collect();
    let written = AtomicUsize::new(0);
    let insert = |thread: usize| {
        let number = written.fetch_add(1, Ordering::Relaxed);
        let writer = writers[thread].lock().expect("nothing panics");
        let mut insert = writer.prepare_cached(INSERT).expect("the table is there");
        let value = made_up(number);
        insert.execute((number as i64 + 1, value, user(number))).expect("the row is new");
    };
    let bare = OurRows::new(&folder.join("bare.sqlite"))?;
    let (one, eight) = (context.calls(400), context.calls(200));
    let mut contestants: [Contestant<'_>; 6] = [
        Box::new(|| create(&store, &made, 1, one)),
        Box::new(|| create(&store, &made, 8, eight)),
        Box::new(|| on_threads(1, one, insert)),
        Box::new(|| on_threads(8, eight, insert)),
        Box::new(|| bare.insert(one, 1)),
        Box::new(|| bare.insert(eight, 8)),
    ];
    let rounds = if context.quick { context.rounds } else { COMMIT_ROUNDS };
    let series = interleave(rounds, &mut contestants);
    drop(contestants);
    let rate = |series: &Series| {
        let [median, min, max] = [series.median(), series.min(), series.max()].map(grouped);
        format!("{median}/s ({min}–{max})")
    };
    let mut rows = Vec::new();
    for (ours, threads, keys) in [(0, "1", ["11a", "11b"]), (1, "8", ["11c", "11d"])] {
        let others = [ours + 2, ours + 4];
        let mut row = vec![threads.to_owned(), rate(&series[ours])];
        row.extend(others.iter().map(|&other| rate(&series[other])));
        for (key, other) in keys.into_iter().zip(others) {
            let ratio = Ratio::of(&series[ours], &series[other]);
            report.measured(key, rate(&series[ours]), rate(&series[other]), ratio);
            row.push(ratio_text(&ratio));
        }
        rows.push(row);
    }
    report.table(
        "Durable creates",
        "Tokens per second, each on the disk when the call returns. SQLite: WAL, \
         synchronous=FULL, one row per transaction, a connection per thread, an index by value. With \
         our row: our file's table, with ids reserved ahead, one thread, and as many rows in a \
         transaction as ours has threads.",
        &[
            "threads",
            "ours",
            "SQLite",
            "SQLite with our row",
            "ours / SQLite",
            "ours / SQLite with our row",
        ],
        &rows,
    );
    Ok(())
}

fn made_up(number: usize) -> String {
    let value = Keys::made_up(&mut fastrand::Rng::with_seed(number as u64), 1);
    String::from_utf8(value.get(0).to_vec()).expect("values are ASCII")
}

/// A table like that of our file, whose ids are reserved ahead.
struct OurRows {
    connection: rusqlite::Connection,
    written: AtomicUsize,
}

impl OurRows {
    fn new(path: &Path) -> Result<Self> {
        let connection = rusqlite::Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE token (
                 id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL,
                 token VARCHAR(255) NOT NULL UNIQUE, token_generator_id VARCHAR(255) NOT NULL,
                 time_added DATETIME NOT NULL, last_updated DATETIME NOT NULL,
                 last_used DATETIME, expires DATETIME, valid BOOL NOT NULL, invalid_date DATETIME,
                 invalid_reason TEXT NOT NULL, note TEXT NOT NULL, policy TEXT, extra_data TEXT,
                 local_site_id INTEGER
             );
             INSERT INTO sqlite_sequence VALUES ('token', 1000000000);",
        )?;
        Ok(Self { connection, written: AtomicUsize::new(0) })
    }

    /// Inserts rows in transactions of a number of rows, and returns rows per second.
    fn insert(&self, transactions: usize, rows: usize) -> f64 {
        const TIME: &str = "2026-06-28 05:51:25.999999";
        let start = Instant::now();
        for _ in 0..transactions {
            let transaction = self.connection.unchecked_transaction().expect("it is idle");
            for _ in 0..rows {
                let number = self.written.fetch_add(1, Ordering::Relaxed);
                let mut insert = self
                    .connection
                    .prepare_cached(
                        "INSERT INTO token VALUES (?1, ?2, ?3, 'vendor_checksum', ?4, ?4, NULL, \
                             ?4, 1, NULL, '', ?5, '{}', ?6, NULL)",
                    )
                    .expect("the table is there");
                let extra_data = format!("{{\"client_name\": \"{}\"}}", client(number));
                let note = format!("API token automatically created for {}.", client(number));
                let (id, user) = (number as i64 + 1, (number / 10) as i64);
                let row = (id, user, made_up(number), TIME, note, extra_data);
                insert.execute(row).expect("the row is new");
            }
            transaction.commit().expect("nothing else writes");
        }
        (transactions * rows) as f64 / start.elapsed().as_secs_f64()
    }
}

const INSERT: &str = "INSERT INTO token VALUES (?1, ?2, ?3, NULL, 1, 4102444800, NULL)";

/// Opens a connection to a file with a table of tokens.
fn writer(path: &Path) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(60))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS token (
             id INTEGER PRIMARY KEY, value TEXT NOT NULL UNIQUE, user TEXT NOT NULL,
             local_site TEXT, valid INTEGER NOT NULL, expires INTEGER, last_used INTEGER
         );",
    )?;
    Ok(connection)
}

fn opening(context: &Context, report: &mut Report, folder: &Path) -> Result<()> {
    // Each creation is synced to disk, so quick mode has fewer.
    let size = context.sizes()[if context.quick { 1 } else { 2 }];
    let location = folder.join("opening.rbtoken");
    let location = location.to_str().context("the folder's name is text")?;
    let open = || Store::at(location).map(|store| store.expect("it opened before"));
    let store = open()?;
    create(&store, &AtomicUsize::new(0), FILLERS, size / FILLERS);
    let size = size / FILLERS * FILLERS;
    let value = store.get(1)?.value().to_vec();
    drop(store);

    let path = folder.join("opening.sqlite");
    let connection = writer(&path)?;
    connection.execute_batch("BEGIN")?;
    let keys = Keys::made_up(&mut context.random(), size);
    for (number, key) in keys.iter().enumerate() {
        let key = std::str::from_utf8(key)?;
        connection.prepare_cached(INSERT)?.execute((number as i64 + 1, key, user(number)))?;
    }
    connection.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)")?;
    drop(connection);

    let mut contestants: [Contestant<'_>; 2] = [
        Box::new(|| {
            give_memory_back();
            let start = Instant::now();
            let store = open().expect("it opens");
            assert!(store.log_in(&value));
            let elapsed = start.elapsed();
            assert_eq!(store.count().expect("it counts"), size as u64);
            elapsed.as_nanos() as f64
        }),
        Box::new(|| {
            give_memory_back();
            let start = Instant::now();
            let map = scan(&path).expect("it is read");
            let elapsed = start.elapsed();
            assert_eq!(map.len(), size);
            elapsed.as_nanos() as f64
        }),
    ];
    let series = interleave(context.rounds, &mut contestants);
    drop(contestants);
    ensure!(series.len() == 2);
    let ratio = Ratio::of(&series[0], &series[1]);
    report.measured("12", times(&series[0]), times(&series[1]), ratio);
    report.table(
        "Opening a durable store",
        &format!(
            "{} tokens, up to the first login. SQLite: all rows of one table into one hashbrown map of \
             values to records. Either begins without memory that an earlier round left to the process, \
             as a host that starts does.",
            grouped(size as f64)
        ),
        &["ours", "SQLite scan", "ratio"],
        &[vec![times(&series[0]), times(&series[1]), ratio_text(&ratio)]],
    );
    Ok(())
}

/// Returns freed memory to the system.
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: does not change any allocated memory.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn scan(path: &Path) -> Result<Map> {
    let connection = rusqlite::Connection::open(path)?;
    let mut map: Map = HashMap::default();
    let mut select = connection.prepare("SELECT id, value, user, valid, expires FROM token")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let record = Record {
            id: row.get(0)?,
            user: row.get(2)?,
            valid: row.get(3)?,
            expires_us: row.get(4)?,
            last_used_us: 0.into(),
        };
        map.insert(row.get(1)?, Arc::new(record));
    }
    Ok(map)
}
