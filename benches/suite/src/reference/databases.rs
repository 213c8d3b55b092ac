//! Databases with a table of tokens by value: a prepared query for all columns that a login needs.
//! Nothing is written, so this is the cost of reading alone.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::keys::Keys;

/// Looks up tokens.
pub trait Lookup {
    /// Looks up a value and reads all columns.
    fn look_up(&mut self, value: &[u8]) -> Result<bool>;
}

fn ascii(value: &[u8]) -> &str {
    std::str::from_utf8(value).expect("values are ASCII")
}

/// An SQLite file that fits in the page cache.
pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub fn filled(folder: &Path, keys: &Keys) -> Result<Self> {
        let mut connection = rusqlite::Connection::open(folder.join("lookup.sqlite"))?;
        // The fastest of the layouts tried (rowid and index, WITHOUT ROWID; pages of 4 and 16 KiB).
        connection.execute_batch(
            "PRAGMA page_size = 4096;
             PRAGMA journal_mode = OFF;
             PRAGMA synchronous = OFF;
             PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cache_size = -2000000;
             CREATE TABLE token (
                 id INTEGER PRIMARY KEY, value TEXT NOT NULL, user TEXT NOT NULL,
                 local_site TEXT, valid INTEGER NOT NULL, expires INTEGER, last_used INTEGER
             );",
        )?;
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction
                .prepare("INSERT INTO token VALUES (?1, ?2, ?3, NULL, 1, 4102444800, NULL)")?;
            for (id, key) in keys.iter().enumerate() {
                insert.execute((id as i64 + 1, ascii(key), format!("user-{}", id / 10)))?;
            }
        }
        transaction.execute_batch("CREATE UNIQUE INDEX token_value ON token (value)")?;
        transaction.commit()?;
        connection.set_prepared_statement_cache_capacity(4);
        Ok(Self(connection))
    }
}

impl Lookup for Sqlite {
    fn look_up(&mut self, value: &[u8]) -> Result<bool> {
        let mut select = self.0.prepare_cached(
            "SELECT id, user, local_site, valid, expires, last_used FROM token WHERE value = ?1",
        )?;
        let mut rows = select.query([ascii(value)])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        let _: i64 = row.get(0)?;
        let user = row.get_ref(1)?.as_str()?;
        let site = row.get_ref(2)?.as_str_or_null()?;
        let (valid, expires): (bool, Option<i64>) = (row.get(3)?, row.get(4)?);
        let _: Option<i64> = row.get(5)?;
        Ok(valid && site.is_none() && expires.is_some() && !user.is_empty())
    }
}

/// A temporary Redis server on a Unix socket.
pub struct Redis {
    server: Child,
    connection: redis::Connection,
}

impl Redis {
    /// Starts and fills a server; `None` without `redis-server`.
    pub fn filled(folder: &Path, keys: &Keys) -> Result<Option<Self>> {
        let program = std::env::var_os("RBTOKEN_BENCH_REDIS_SERVER");
        let program = program.unwrap_or_else(|| "redis-server".into());
        let socket = folder.join("redis.sock");
        let server = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .spawn();
        let server = match server {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            server => server?,
        };
        let connected = Self::connect(&socket);
        let mut this = match connected {
            Ok(connection) => Self { server, connection },
            Err(error) => {
                kill(server);
                return Err(error);
            }
        };
        for (chunk, keys) in (0..keys.len()).collect::<Vec<_>>().chunks(1000).map(|ids| (ids, keys))
        {
            let mut pipe = redis::pipe();
            for id in chunk {
                pipe.cmd("HSET")
                    .arg(keys.get(*id))
                    .arg(&["id", &id.to_string(), "user", &format!("user-{}", id / 10)])
                    .arg(&["valid", "1", "expires", "4102444800", "last_used", ""])
                    .ignore();
            }
            pipe.query::<()>(&mut this.connection)?;
        }
        Ok(Some(this))
    }

    fn connect(socket: &Path) -> Result<redis::Connection> {
        let client = redis::Client::open(format!("unix://{}", socket.display()))?;
        let start = Instant::now();
        loop {
            match client.get_connection() {
                Err(_) if start.elapsed() < Duration::from_secs(10) => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                connection => return connection.context("redis-server"),
            }
        }
    }
}

fn kill(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Lookup for Redis {
    fn look_up(&mut self, value: &[u8]) -> Result<bool> {
        let fields: Vec<(Vec<u8>, Vec<u8>)> =
            redis::cmd("HGETALL").arg(value).query(&mut self.connection)?;
        Ok(!fields.is_empty())
    }
}

/// A temporary table on a PostgreSQL server, which is dropped at the end.
pub struct Postgres {
    client: postgres::Client,
    select: postgres::Statement,
}

/// Environment variable with the location of PostgreSQL.
pub const POSTGRES: &str = "RBTOKEN_BENCH_POSTGRES";

impl Postgres {
    /// Creates and fills the table; `None` without a server.
    pub fn filled(keys: &Keys) -> Result<Option<Self>> {
        let given = std::env::var(POSTGRES).ok();
        let address = given.clone().unwrap_or_else(|| {
            let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
            format!("host=/var/run/postgresql user={user} dbname=postgres")
        });
        let mut client = match postgres::Client::connect(&address, postgres::NoTls) {
            Err(_) if given.is_none() => return Ok(None),
            client => client.context(POSTGRES)?,
        };
        client.batch_execute(
            "DROP TABLE IF EXISTS rbtoken_bench;
             CREATE UNLOGGED TABLE rbtoken_bench (
                 id bigint NOT NULL, value varchar(255) NOT NULL, owner varchar(150) NOT NULL,
                 local_site varchar(32), valid boolean NOT NULL, expires bigint, last_used bigint
             );",
        )?;
        let mut copy = client.copy_in("COPY rbtoken_bench FROM STDIN")?;
        for (id, key) in keys.iter().enumerate() {
            use std::io::Write;
            writeln!(copy, "{id}\t{}\tuser-{}\t\\N\tt\t4102444800\t\\N", ascii(key), id / 10)?;
        }
        copy.finish()?;
        client.batch_execute(
            "CREATE UNIQUE INDEX rbtoken_bench_value ON rbtoken_bench (value);
             ANALYZE rbtoken_bench;",
        )?;
        let select = client.prepare(
            "SELECT id, owner, local_site, valid, expires, last_used FROM rbtoken_bench
             WHERE value = $1",
        )?;
        Ok(Some(Self { client, select }))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.client.batch_execute("DROP TABLE IF EXISTS rbtoken_bench");
    }
}

impl Lookup for Postgres {
    fn look_up(&mut self, value: &[u8]) -> Result<bool> {
        let row = self.client.query_opt(&self.select, &[&ascii(value)])?;
        let Some(row) = row else { return Ok(false) };
        let (owner, valid): (&str, bool) = (row.try_get(1)?, row.try_get(3)?);
        Ok(valid && !owner.is_empty())
    }
}

/// A temporary folder, also where the environment says so.
pub struct Folder(pub std::path::PathBuf);

impl Folder {
    pub fn new() -> Result<Self> {
        let parent = std::env::var_os("RBTOKEN_BENCH_FOLDER")
            .map_or_else(std::env::temp_dir, std::path::PathBuf::from);
        let path = parent.join(format!("rbtoken-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        ensure!(path.is_dir());
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
