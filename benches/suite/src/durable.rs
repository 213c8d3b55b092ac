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
use crate::rounds::{Contestant, Ratio, interleave};

/// Number of threads that fill the store to be opened: they share commits.
const FILLERS: usize = 64;

pub fn run(context: &mut Context, report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let location = folder.0.join("creates.rbtoken");
    let Some(store) = Store::at(location.to_str().context("the folder's name is text")?)? else {
        for key in ["11a", "11b", "12"] {
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
        let value = Keys::made_up(&mut fastrand::Rng::with_seed(number as u64), 1);
        let value = std::str::from_utf8(value.get(0)).expect("values are ASCII");
        insert.execute((number as i64 + 1, value, user(number))).expect("the row is new");
    };
    let (one, eight) = (context.calls(400), context.calls(200));
    let mut contestants: [Contestant<'_>; 4] = [
        Box::new(|| create(&store, &made, 1, one)),
        Box::new(|| create(&store, &made, 8, eight)),
        Box::new(|| on_threads(1, one, insert)),
        Box::new(|| on_threads(8, eight, insert)),
    ];
    let series = interleave(context.rounds, &mut contestants);
    drop(contestants);
    let mut rows = Vec::new();
    for (index, key, threads) in [(0, "11a", "1"), (1, "11b", "8")] {
        let (ours, other) = (&series[index], &series[index + 2]);
        let ratio = Ratio::of(ours, other);
        let [ours, other] = [ours, other].map(|series| {
            let [median, min, max] = [series.median(), series.min(), series.max()].map(grouped);
            format!("{median}/s ({min}–{max})")
        });
        report.measured(key, &*ours, &*other, ratio);
        rows.push(vec![threads.to_owned(), ours, other, ratio_text(&ratio)]);
    }
    report.table(
        "Durable creates",
        "Tokens per second, each on the disk when the call returns. SQLite: WAL, \
         synchronous=FULL, one row per transaction, a connection per thread, an index by value.",
        &["threads", "ours", "SQLite", "ours / SQLite"],
        &rows,
    );
    Ok(())
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
