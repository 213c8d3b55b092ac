//! The driver for MySQL and MariaDB.

mod errors;
mod values;

use std::future::Future;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Statement};
use tokio::runtime::{Builder, Runtime};

use super::address::{Server, Verification};
use super::limits::Limits;
use super::pool::Attempt;
use super::sql::{
    Connection, Dialect, IndexedRowVisitor, KEEP_ALIVE, MAX_PREPARED, Param, Query, Row,
    RowVisitor, query_all, unreadable,
};
use super::sql_error::SqlError;
use super::{driver, tls};
use errors::sql_error;
use values::{cell, text_cells, values, with_numbers};

static DIALECT: Dialect = Dialect {
    begin: "START TRANSACTION",
    lock_clause: " FOR UPDATE",
    lock_user: None,
    time: "",
    is_value: "CAST(CONVERT(token USING utf8mb4) AS BINARY) = CAST(? AS BINARY)",
    returns_updates: false,
    required_columns: "SELECT column_name FROM information_schema.columns \
         WHERE table_name = 'webapi_webapitoken' AND table_schema = DATABASE() \
         AND is_nullable = 'NO' AND column_default IS NULL AND extra NOT LIKE '%auto_increment%' \
         AND extra NOT LIKE '%GENERATED%'",
};

/// Time limit for closing a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

/// The settings of a session, independent of the server's defaults. Read committed is also Django's
/// choice. Strict mode prevents the truncation of values. With `wait_timeout`, the server closes
/// sessions that the network has dropped. It exceeds the pool's idle limit, unless the server's own
/// value is shorter.
const SESSION: [&str; 3] = [
    "SET NAMES utf8mb4",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE",
    "SET SESSION autocommit = 1, sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION', \
     time_zone = '+00:00', sql_select_limit = 18446744073709551615, completion_type = 0, \
     sql_safe_updates = 0, sql_big_selects = 1, wait_timeout = LEAST(@@wait_timeout, 180)",
];

/// Error code for a variable that the server does not have.
const UNKNOWN_VARIABLE: u16 = 1193;

/// A connection. Its runtime runs on the thread of the caller.
struct Mysql {
    runtime: Runtime,
    /// `None` after it is closed.
    connection: Option<Conn>,
    limits: Limits,
    /// The session's limit for statements on the server.
    session_limit: Duration,
    /// Index in [`Mysql::session_limits`] of the settings that the server supports.
    limits_index: usize,
    needs_writes: bool,
    busy_until: Option<Instant>,
    /// By their text. The driver's own cache would parse the text at each call.
    prepared: HashMap<String, Statement>,
}

pub(super) fn connect(
    server: &Server,
    attempt: &Attempt<'_>,
    connect_timeout: Duration,
) -> Result<Box<dyn Connection>, SqlError> {
    let user = server.user.as_deref().unwrap_or_default();
    let mut options = OptsBuilder::default()
        .user(server.user.clone())
        .db_name(Some(server.database.clone()))
        .tcp_keepalive(Some(KEEP_ALIVE))
        // Otherwise the driver would request a local server for its socket and use that.
        .prefer_socket(false)
        // Counts rows that an UPDATE matched but did not change.
        .client_found_rows(true)
        // Replaced by `Mysql::prepared`.
        .stmt_cache_size(0);
    let tls_options = server.tls.as_ref().map(tls::mysql_options).transpose()?;
    if let Some(tls_options) = &tls_options {
        options = options.ssl_opts(tls_options.clone());
    }
    let accepts_any_name =
        server.tls.as_ref().is_some_and(|tls| tls.verification == Verification::Authority);
    let connect =
        |options: OptsBuilder, limits: &Limits| -> Result<Box<dyn Connection>, SqlError> {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build();
            let runtime = runtime.map_err(|error| SqlError::Lost(error.to_string()))?;
            let open = |options: OptsBuilder| {
                let (limit, timeout_error) =
                    (limits.remaining()?, SqlError::Silent { is_overdue: false });
                driver::within(&runtime, limit, timeout_error, Conn::new(options))
            };
            let mut opened = open(options.clone())?;
            if accepts_any_name
                && let Err(error) = &opened
                && let Some(name) = tls::mysql_certificate_name(error)
                && let Some(tls_options) = tls_options.clone()
            {
                let tls_options = tls_options.with_danger_tls_hostname_override(Some(name));
                opened = open(options.ssl_opts(tls_options))?;
            }
            let opened = opened.map_err(sql_error)?;
            let mut connection = Mysql {
                runtime,
                connection: Some(opened),
                limits: *limits,
                session_limit: limits.statement,
                limits_index: 0,
                needs_writes: server.needs_writes,
                busy_until: None,
                prepared: HashMap::new(),
            };
            for statement in SESSION {
                connection.run(statement)?;
            }
            connection.check_writable()?;
            connection.set_session_limit(limits.statement)?;
            Ok(Box::new(connection))
        };
    server.connect_first_host(attempt, connect_timeout, |host, ip, limits| {
        let password = server.password(host, user)?.map(|password| password.to_string());
        let options = options.clone().pass(password).tcp_port(host.port);
        let options = match &host.socket {
            Some(path) => options.socket(Some(path.to_string_lossy().into_owned())),
            // The driver would start a thread to resolve the name. It still checks that the
            // certificate is valid for the name.
            None => options.ip_or_hostname(host.name.clone()).resolved_ips(ip.map(|ip| vec![ip])),
        };
        connect(options, limits)
    })
}

fn within<T>(
    runtime: &Runtime,
    limit: Duration,
    timeout_error: SqlError,
    future: impl Future<Output = mysql_async::Result<T>>,
) -> Result<T, SqlError> {
    driver::within(runtime, limit, timeout_error, future)?.map_err(sql_error)
}

fn read_only() -> SqlError {
    SqlError::Lost("the server is read-only, but `target_session_attrs` is read-write".to_owned())
}

impl Mysql {
    /// Waits for a response, as long as the call's limits allow.
    fn await_response<T>(
        &mut self,
        request: impl AsyncFnOnce(&mut Conn) -> mysql_async::Result<T>,
    ) -> Result<T, SqlError> {
        let connection = self.connection.as_mut().ok_or_else(closed)?;
        // Without MariaDB's limit for statements, waits for locks are limited in whole seconds.
        let has_fractions = self.limits_index < 2;
        let limit = self.session_limit;
        let limit = if has_fractions { limit } else { limit.max(Duration::from_secs(1)) };
        let wait = self.limits.wait(limit)?;
        let result = within(&self.runtime, wait.limit, wait.timeout_error, request(connection));
        if matches!(result, Err(SqlError::Silent { .. })) {
            self.busy_until = Some(wait.busy_until);
        }
        match result {
            // For example after a failover. Another host may be writable.
            Err(SqlError::ReadOnly(_)) if self.needs_writes => Err(read_only()),
            result => result,
        }
    }

    /// Checks that the server is writable, if that is required.
    fn check_writable(&mut self) -> Result<(), SqlError> {
        if !self.needs_writes {
            return Ok(());
        }
        let query = "SELECT CAST(@@global.read_only AS CHAR)";
        let result = self
            .await_response(async |connection| connection.query_first::<String, _>(query).await)?;
        match result.as_deref() {
            Some("0" | "OFF") => Ok(()),
            _ => Err(read_only()),
        }
    }

    /// Returns settings that limit statements (including waits for locks) and pauses in a
    /// transaction. Only MariaDB supports the first of them; all servers support the last. MySQL
    /// limits neither pauses nor statements that write.
    fn session_limits(&self, limit: Duration) -> [String; 4] {
        // Waits for locks, and pauses, are limited in whole seconds.
        let seconds = |limit: Duration| limit.as_secs().max(1);
        let (locks, pause) = (seconds(limit), seconds(self.limits.statement));
        let locks = format!("innodb_lock_wait_timeout = {locks}, lock_wait_timeout = {locks}");
        let (secs, millis) = (limit.as_secs(), limit.subsec_millis());
        let mariadb = format!("{locks}, max_statement_time = {secs}.{millis:03}");
        [
            format!("{mariadb}, idle_transaction_timeout = {pause}"),
            mariadb,
            format!("{locks}, max_execution_time = {}", limit.as_millis()),
            locks,
        ]
    }

    fn set_session_limit(&mut self, limit: Duration) -> Result<(), SqlError> {
        let settings = self.session_limits(limit);
        for settings in &settings[self.limits_index..] {
            let statement = format!("SET SESSION {settings}");
            let is_known = self.await_response(async |connection| {
                match connection.query_drop(statement).await {
                    Err(mysql_async::Error::Server(error)) if error.code == UNKNOWN_VARIABLE => {
                        Ok(false)
                    }
                    result => result.map(|()| true),
                }
            })?;
            if is_known {
                break;
            }
            self.limits_index += 1;
        }
        self.session_limit = limit;
        Ok(())
    }

    /// Returns a prepared statement.
    fn prepare(&mut self, text: &str) -> Result<Statement, SqlError> {
        if let Some(prepared) = self.prepared.get(text) {
            return Ok(prepared.clone());
        }
        if self.prepared.len() >= MAX_PREPARED {
            let old = std::mem::take(&mut self.prepared);
            self.await_response(async |connection| {
                for statement in old.into_values() {
                    connection.close(statement).await?;
                }
                Ok(())
            })?;
        }
        let prepared = self.await_response(async |connection| connection.prep(text).await)?;
        self.prepared.insert(text.to_owned(), prepared.clone());
        Ok(prepared)
    }
}

impl Connection for Mysql {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn busy_until(&self) -> Option<Instant> {
        self.busy_until
    }

    fn refresh_session_limit(&mut self) -> Result<(), SqlError> {
        match self.limits.new_session_limit(self.session_limit)? {
            Some(limit) => self.set_session_limit(limit),
            None => Ok(()),
        }
    }

    fn run(&mut self, statement: &str) -> Result<(), SqlError> {
        self.await_response(async |connection| connection.query_drop(statement).await)
    }

    /// Sends BEGIN together with the first queries, as long as their parameters are integers
    /// and times.
    fn begin(
        &mut self,
        queries: &[Query<'_>],
        each: IndexedRowVisitor<'_>,
    ) -> Result<(), SqlError> {
        self.refresh_session_limit()?;
        let (mut text, mut together) = (DIALECT.begin.to_owned(), 0);
        for query in queries {
            let Some(statement) = with_numbers(query) else { break };
            text += "; ";
            text += &statement;
            together += 1;
        }
        let (now, later) = queries.split_at(together);
        let mut each_result = Ok(());
        self.await_response(async |connection| {
            let mut results = connection.query_iter(text).await?;
            // The first result is that of BEGIN.
            for index in 0..=now.len() {
                while let Some(row) = results.next().await? {
                    if each_result.is_ok() && index > 0 {
                        each_result = each(index - 1, Row::new(text_cells(row)));
                    }
                }
            }
            Ok(())
        })?;
        each_result?;
        query_all(self, later, together, each)
    }

    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        self.refresh_session_limit()?;
        let (statement, params) = (self.prepare(statement)?, values(params)?);
        let mut each_result = Ok(());
        self.await_response(async |connection| {
            let mut rows = connection.exec_iter(&statement, params).await?;
            // Read to the end; otherwise the connection could not be used again.
            while let Some(row) = rows.next().await? {
                if each_result.is_ok() {
                    each_result = each(Row::new(row.unwrap().into_iter().map(cell).collect()));
                }
            }
            Ok(())
        })?;
        each_result
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, SqlError> {
        self.refresh_session_limit()?;
        let (statement, params) = (self.prepare(statement)?, values(params)?);
        self.await_response(async |connection| {
            connection.exec_drop(&statement, params).await?;
            Ok(connection.affected_rows())
        })
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, SqlError> {
        self.execute(statement, params)?;
        let id = self.connection.as_ref().and_then(Conn::last_insert_id);
        id.and_then(|id| i64::try_from(id).ok()).ok_or_else(|| unreadable().into())
    }
}

impl Drop for Mysql {
    /// Closes the session, unless the server is busy. Does not wait long.
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.busy_until.is_none()
        {
            let _ = driver::within(&self.runtime, CLOSE_TIMEOUT, closed(), connection.disconnect());
        }
    }
}

fn closed() -> SqlError {
    SqlError::Lost("the connection was closed".to_owned())
}
