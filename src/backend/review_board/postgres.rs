//! The driver for PostgreSQL.

mod errors;
mod values;

use std::cell::{Cell as StdCell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_core::Stream;
use hashbrown::HashMap;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Server;
use super::limits::Limits;
use super::pool::Attempt;
use super::sql::{
    Connection, Dialect, IndexedRowVisitor, KEEP_ALIVE, MAX_PREPARED, Param, Query, RowVisitor,
    query_all, unreadable,
};
use super::sql_error::SqlError;
use super::{driver, tls};
use errors::sql_error;
use values::{borrowed, cells, typed};

static DIALECT: Dialect = Dialect {
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    lock_clause: " FOR UPDATE",
    // Locking the row would need the privilege to update users.
    lock_user: Some("SELECT pg_advisory_xact_lock(1919054443, (?::bigint % 2147483647)::int)"),
    time: "",
    is_value: "token COLLATE \"C\" = ?",
    returns_updates: true,
    required_columns: "SELECT column_name::text FROM information_schema.columns \
         WHERE table_name = 'webapi_webapitoken' AND table_schema = ANY (current_schemas(false)) \
         AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' \
         AND is_generated = 'NEVER'",
};

/// Time limit for closing a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);
/// Startup options for the session, independent of the server's defaults. Values other than text
/// are transferred in binary, so settings of text formats do not matter. With keepalives, the
/// server notices the end of this process while the connection is idle.
const SESSION: &str = "-c default_transaction_isolation=read\\ committed \
     -c standard_conforming_strings=on -c tcp_keepalives_idle=15 -c tcp_keepalives_interval=5 \
     -c tcp_keepalives_count=3";
/// A setting with which the server notices the end of this process while it executes a statement.
/// PostgreSQL before 14 and some systems do not support it.
const CHECK_INTERVAL: &str = "client_connection_check_interval";

const POOLER_HINT: &str = "a connection pooler, such as PgBouncer, needs `pooler=transaction` in \
     the location";

/// A connection. Its runtime runs on the thread of the caller.
struct Postgres {
    runtime: Runtime,
    /// `None` after it is closed.
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    prepared: HashMap<String, Statement>,
    limits: Limits,
    /// The session's limit for statements. `None` if a pooler may give each transaction another
    /// session.
    session_limit: Option<Duration>,
    /// The limit in the open transaction, if there is one.
    transaction_limit: Option<Duration>,
    /// The database has the encoding SQL_ASCII: its texts are bytes.
    is_sql_ascii: bool,
    needs_writes: bool,
    busy_until: Option<Instant>,
}

/// A statement in the form to be sent.
enum StatementText {
    Prepared(Statement),
    /// Not prepared; with numbered parameters.
    Numbered(String),
}

pub(super) fn connect(
    server: &Server,
    attempt: &Attempt<'_>,
    session_limit: Duration,
    connect_timeout: Duration,
) -> Result<Box<dyn Connection>, SqlError> {
    let user = server.user.as_deref().unwrap_or("postgres");
    let mut config = Config::new();
    config.dbname(&server.database).application_name("rbtoken").user(user);
    // Detects connections that the network has dropped, before a call waits for one.
    config.keepalives_idle(KEEP_ALIVE).keepalives_interval(KEEP_ALIVE / 3).keepalives_retries(3);
    config.tcp_user_timeout(KEEP_ALIVE * 2);
    let tls = server.tls.as_ref().map(tls::postgres::client_config).transpose()?;
    let tls = tls.map(MakeRustlsConnect::new);
    config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
    let connect = |config: &Config, limits: &Limits| -> Result<Postgres, SqlError> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| SqlError::Lost(error.to_string()))?;
        let (limit, timeout_error) = (limits.remaining()?, SqlError::Silent { is_overdue: false });
        let (client, driver, is_sql_ascii) = within(&runtime, limit, timeout_error, async {
            Ok(match tls.clone() {
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    let is_sql_ascii = connection.parameter("server_encoding") == Some("SQL_ASCII");
                    (client, tokio::spawn(async { drop(connection.await) }), is_sql_ascii)
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    let is_sql_ascii = connection.parameter("server_encoding") == Some("SQL_ASCII");
                    (client, tokio::spawn(async { drop(connection.await) }), is_sql_ascii)
                }
            })
        })?;
        let mut connection = Postgres {
            runtime,
            client: Some(client),
            driver: Some(driver),
            prepared: HashMap::new(),
            limits: *limits,
            session_limit: (!server.pools_transactions).then_some(session_limit),
            transaction_limit: None,
            is_sql_ascii,
            needs_writes: server.needs_writes,
            busy_until: None,
        };
        connection.check_session()?;
        Ok(connection)
    };
    let connect = |config: &mut Config, limits: &Limits| -> Result<Box<dyn Connection>, SqlError> {
        if server.pools_transactions {
            return Ok(Box::new(connect(config, limits)?));
        }
        let options = startup_options(session_limit, server.needs_writes);
        match connect(config.options(format!("{options} -c {CHECK_INTERVAL}=1000")), limits) {
            // An unknown setting, or one that the server's system does not support. Messages of the
            // second kind omit its name.
            Err(SqlError::Refused(why))
                if why.contains(CHECK_INTERVAL) || why.ends_with("22023") =>
            {
                Ok(Box::new(connect(config.options(options), limits)?))
            }
            connected => Ok(Box::new(connected?)),
        }
    };
    server.connect_first_host(attempt, connect_timeout, |host, ip, limits| {
        let mut config = config.clone();
        config.port(host.port);
        if let Some(password) = server.password(host, user)? {
            config.password(password.as_str());
        }
        match (&host.socket, ip) {
            (Some(folder), _) => config.host_path(folder),
            (None, Some(ip)) => config.host(&host.name).hostaddr(ip),
            (None, None) => config.host(&host.name),
        };
        connect(&mut config, limits)
    })
}

/// Returns the startup options of a session, so that no setting must be changed later.
fn startup_options(limit: Duration, needs_writes: bool) -> String {
    let mut options = SESSION.to_owned();
    // If the host must be writable, its own default stays: it shows whether the host is read-only.
    if !needs_writes {
        options += " -c default_transaction_read_only=off";
    }
    for (name, limit) in limit_settings(limit, limit) {
        options += &format!(" -c {name}={limit}");
    }
    options
}

/// Returns settings in milliseconds: for statements, for waiting for locks, and for pauses in a
/// transaction, so that locks are released if this process is suspended.
fn limit_settings(statement: Duration, pause: Duration) -> [(&'static str, u128); 3] {
    [
        ("statement_timeout", statement.as_millis()),
        ("lock_timeout", statement.as_millis()),
        ("idle_in_transaction_session_timeout", pause.as_millis()),
    ]
}

fn within<T>(
    runtime: &Runtime,
    limit: Duration,
    timeout_error: SqlError,
    future: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, SqlError> {
    driver::within(runtime, limit, timeout_error, future)?.map_err(|error| sql_error(&error))
}

impl Postgres {
    /// Waits for a response, as long as the call's limits allow.
    fn await_response<T>(
        &mut self,
        request: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, SqlError> {
        let client = self.client.as_ref().ok_or_else(closed)?;
        let current =
            self.transaction_limit.or(self.session_limit).unwrap_or(self.limits.statement);
        let wait = self.limits.wait(current)?;
        let result = within(&self.runtime, wait.limit, wait.timeout_error, request(client));
        if matches!(result, Err(SqlError::Silent { .. })) {
            self.busy_until = Some(wait.busy_until);
        }
        match result {
            // For example after a failover. Another host may be writable.
            Err(SqlError::ReadOnly(_)) if self.needs_writes => Err(read_only()),
            result => result,
        }
    }

    /// Checks that the session has the startup limits, and is writable if that is required.
    fn check_session(&mut self) -> Result<(), SqlError> {
        if self.session_limit.is_none() && !self.needs_writes {
            return Ok(());
        }
        let limit = self.session_limit.map_or("true".to_owned(), |limit| {
            let limit = limit.as_millis();
            format!("current_setting('statement_timeout')::interval = '{limit} milliseconds'")
        });
        let query = format!("SELECT {limit}, current_setting('transaction_read_only') = 'off'");
        let messages = self.await_response(async |client| client.simple_query(&query).await)?;
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let is_true = |column| row.is_some_and(|row| row.get(column) == Some("t"));
        if !is_true(0) {
            return Err(SqlError::Refused(format!(
                "the startup options are ignored: {POOLER_HINT}"
            )));
        }
        if self.needs_writes && !is_true(1) {
            return Err(read_only());
        }
        Ok(())
    }

    /// Returns the limit that a transaction must set, if that of the session does not fit.
    ///
    /// # Errors
    /// `TimedOut` after the deadline.
    fn new_limit(&self) -> Result<Option<Duration>, SqlError> {
        self.limits.new_session_limit(self.session_limit.unwrap_or_default())
    }

    /// Returns statements that set limits until the end of the transaction.
    fn local_limits(&self, limit: Duration) -> String {
        let limits = limit_settings(limit, self.limits.statement);
        limits.map(|(name, limit)| format!("; SET LOCAL {name} = {limit}")).concat()
    }

    /// Returns the statements that begin a transaction, and its limit for statements.
    fn begin_statement(&self) -> Result<(String, Option<Duration>), SqlError> {
        let mut statement = DIALECT.begin.to_owned();
        let new_limit = self.new_limit()?;
        if let Some(new_limit) = new_limit {
            statement += &self.local_limits(new_limit);
        }
        // With UTF-8, the server would fail a query because of one row.
        if self.is_sql_ascii {
            statement += "; SET LOCAL client_encoding = 'SQL_ASCII'";
        }
        Ok((statement, new_limit.or(self.session_limit)))
    }

    /// Sends BEGIN and queries together. Each is a separate request to the server, so that a query
    /// sees what was committed while the previous one waited for a lock. All share the limit of one
    /// statement, since only the lock takes long.
    fn begin_together(
        &mut self,
        prepared: &[Statement],
        queries: &[Query<'_>],
        each: IndexedRowVisitor<'_>,
    ) -> Result<(), SqlError> {
        let (begin, limit) = self.begin_statement()?;
        self.transaction_limit = limit;
        let each_result = RefCell::new((each, Ok(())));
        let (is_row_refused, has_begun) = (StdCell::new(false), StdCell::new(false));
        let result = self.await_response(async |client| {
            let (each_result, is_row_refused, has_begun) =
                (&each_result, &is_row_refused, &has_begun);
            let begin: Request<'_> = Box::pin(async move {
                client.batch_execute(&begin).await?;
                has_begun.set(true);
                Ok(())
            });
            let requests = prepared.iter().zip(queries).enumerate();
            let requests = requests.map(|(index, (statement, query))| -> Request<'_> {
                Box::pin(async move {
                    let mut rows = pin!(client.query_raw(statement, query.params).await?);
                    while let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await
                    {
                        let row = row.inspect_err(|_| is_row_refused.set(true))?;
                        let (each, each_result) = &mut *each_result.borrow_mut();
                        if each_result.is_ok() {
                            *each_result = cells(&row)
                                .map_err(SqlError::from)
                                .and_then(|row| each(index, row));
                        }
                    }
                    Ok(())
                })
            });
            join_all(std::iter::once(begin).chain(requests).collect()).await
        });
        match result {
            // The parameters were accepted, so a row cannot be converted.
            Err(SqlError::Unstorable(_)) if is_row_refused.get() => Err(SqlError::FastPathFailed),
            // The server is up. It may use its limit for each of the queries.
            Err(SqlError::Silent { .. }) if has_begun.get() => {
                let others = limit.unwrap_or(self.limits.statement) * prepared.len() as u32;
                self.busy_until = self.busy_until.map(|until| until + others);
                Err(SqlError::Silent { is_overdue: false })
            }
            result => result.and(each_result.into_inner().1),
        }
    }

    /// Runs a query with the settings that the call needs. If the session has others, it runs in a
    /// transaction.
    fn with_call_limits<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        if self.transaction_limit.is_some() {
            self.refresh_session_limit()?;
            return work(self);
        }
        if self.new_limit()?.is_none() && !self.is_sql_ascii {
            return work(self);
        }
        let result = self.run(DIALECT.begin).and_then(|()| work(self));
        if result.as_ref().is_err_and(SqlError::makes_connection_unusable) {
            return result;
        }
        let ended = self.run(if result.is_ok() { "COMMIT" } else { "ROLLBACK" });
        if let Err(error) = ended {
            // The transaction may be open.
            self.client = None;
            return Err(match error {
                SqlError::TimedOut => SqlError::Silent { is_overdue: false },
                error => error,
            });
        }
        result
    }

    /// Prepares a statement, unless the next one may run in another session.
    fn prepare(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
    ) -> Result<StatementText, SqlError> {
        if self.session_limit.is_none() {
            return Ok(StatementText::Numbered(with_numbered_params(statement)));
        }
        if let Some(prepared) = self.prepared.get(statement) {
            return Ok(StatementText::Prepared(prepared.clone()));
        }
        let numbered = with_numbered_params(statement);
        // An integer may exceed the range of the column that it is compared with.
        let types: Vec<_> = params
            .iter()
            .map(|param| if let Param::Int(_) = param { Type::INT8 } else { Type::UNKNOWN })
            .collect();
        let prepared =
            self.await_response(async |client| client.prepare_typed(&numbered, &types).await)?;
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(statement.to_owned(), prepared.clone());
        Ok(StatementText::Prepared(prepared))
    }
}

impl Connection for Postgres {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn busy_until(&self) -> Option<Instant> {
        self.busy_until
    }

    /// Does nothing outside a transaction: there, a query that needs another limit begins one.
    fn refresh_session_limit(&mut self) -> Result<(), SqlError> {
        let Some(current) = self.transaction_limit else { return Ok(()) };
        if let Some(limit) = self.limits.new_session_limit(current)? {
            let settings = self.local_limits(limit);
            self.await_response(async |client| client.batch_execute(&settings).await)?;
            self.transaction_limit = Some(limit);
        }
        Ok(())
    }

    fn run(&mut self, statement: &str) -> Result<(), SqlError> {
        let (statement, limit) = match statement == DIALECT.begin {
            true => self.begin_statement()?,
            false => (statement.to_owned(), None),
        };
        self.await_response(async |client| client.batch_execute(&statement).await)?;
        self.transaction_limit = limit;
        Ok(())
    }

    fn begin(
        &mut self,
        queries: &[Query<'_>],
        each: IndexedRowVisitor<'_>,
    ) -> Result<(), SqlError> {
        let prepared = queries.iter().map(|query| self.prepare(query.statement, query.params));
        let prepared = prepared.collect::<Result<Vec<_>, _>>()?;
        let prepared = prepared.into_iter().map(|prepared| match prepared {
            StatementText::Prepared(statement) => Some(statement),
            StatementText::Numbered(_) => None,
        });
        match prepared.collect::<Option<Vec<_>>>() {
            Some(prepared) => self.begin_together(&prepared, queries, each),
            None => {
                self.run(DIALECT.begin)?;
                query_all(self, queries, 0, each)
            }
        }
    }

    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        self.with_call_limits(|it| {
            let prepared = it.prepare(statement, params)?;
            let (mut was_accepted, mut each_result) = (false, Ok(()));
            let result = it.await_response(async |client| {
                // A driver that waits until a row is consumed does not read ahead.
                let mut rows = pin!(match &prepared {
                    StatementText::Prepared(prepared) => client.query_raw(prepared, params).await?,
                    StatementText::Numbered(text) =>
                        client.query_typed_raw(text, typed(params)).await?,
                });
                was_accepted = true;
                while each_result.is_ok()
                    && let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await
                {
                    each_result = cells(&row?).map_err(SqlError::from).and_then(&mut *each);
                }
                Ok(())
            });
            match result {
                // The parameters were accepted, so a row cannot be converted.
                Err(SqlError::Unstorable(_)) if was_accepted => Err(SqlError::FastPathFailed),
                result => result.and(each_result),
            }
        })
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, SqlError> {
        self.with_call_limits(|it| {
            let prepared = it.prepare(statement, params)?;
            it.await_response(async |client| match &prepared {
                StatementText::Prepared(prepared) => {
                    client.execute(prepared, &borrowed(params)).await
                }
                StatementText::Numbered(text) => client.execute_typed(text, &typed(params)).await,
            })
        })
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, SqlError> {
        let mut id = None;
        self.query(&format!("{statement} RETURNING id"), params, &mut |mut row| {
            id = row.int_or_none();
            Ok(())
        })?;
        id.ok_or_else(|| unreadable().into())
    }
}

/// A request to the server, sent when it is first polled.
type Request<'a> = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + 'a>>;

/// Sends requests together, waits for all of them, and returns the first error.
async fn join_all(mut requests: Vec<Request<'_>>) -> Result<(), tokio_postgres::Error> {
    let mut results: Vec<_> = requests.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (request, result) in requests.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(response) = request.as_mut().poll(context)
            {
                *result = Some(response);
            }
        }
        if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

impl Drop for Postgres {
    /// Closes the session, unless the server is busy. Does not wait long.
    fn drop(&mut self) {
        drop(self.client.take());
        if let Some(task) = self.driver.take()
            && self.busy_until.is_none()
        {
            let _ = driver::within(&self.runtime, CLOSE_TIMEOUT, closed(), task);
        }
    }
}

/// Numbers the parameters of a statement: each `?` becomes `$1`, `$2` and so on.
fn with_numbered_params(statement: &str) -> String {
    let mut parts = statement.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        numbered += &format!("${}{part}", index + 1);
    }
    numbered
}

fn read_only() -> SqlError {
    SqlError::Lost("the server is read-only, but `target_session_attrs` is read-write".to_owned())
}

fn closed() -> SqlError {
    SqlError::Lost("the connection was closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered() {
        assert_eq!(with_numbered_params("a = ? AND b = ? "), "a = $1 AND b = $2 ");
        assert_eq!(with_numbered_params("1 = 1"), "1 = 1");
    }
}
