//! A Review Board server's database on PostgreSQL.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_core::Stream;
use hashbrown::HashMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{Server, Tls};
use super::fault::Fault;
use super::limits::Limits;
use super::sql::{Cell, Connection, Dialect, ForRows, KEEP_ALIVE, Param, Row, unreadable};
use crate::clock::Timestamp;
use crate::memory;

static DIALECT: Dialect = Dialect {
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    lock: " FOR UPDATE",
    // To lock the row would need the right to update users.
    lock_user: Some("SELECT pg_advisory_xact_lock(1919054443, (?::bigint % 2147483647)::int)"),
    time: "",
    required_columns: "SELECT column_name::text FROM information_schema.columns \
         WHERE table_name = 'webapi_webapitoken' AND table_schema = ANY (current_schemas(false)) \
         AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO' \
         AND is_generated = 'NEVER'",
};

/// How long the server is waited for when a connection is closed.
const GOODBYE: Duration = Duration::from_millis(100);
/// Statements that a connection keeps prepared.
const MAX_PREPARED: usize = 64;
/// Microseconds from the Unix epoch to the year 2000, from which PostgreSQL counts.
const YEAR_2000: i64 = 946_684_800_000_000;

/// The session, whatever the server presets. The limits let go of locks if this process is stopped
/// in the middle of a transaction, and have the server notice that it is gone: while it works for
/// it, and while the connection idles. A database without an encoding has bytes of any kind: as
/// UTF-8, the server would refuse all rows because of one.
const SESSION: &str = "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, \
     READ WRITE, NOT DEFERRABLE; SET TimeZone = 'UTC'; \
     SELECT set_config('client_encoding', CASE current_setting('server_encoding') \
     WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END, false); \
     SET standard_conforming_strings = on; SET datestyle = 'ISO'; \
     SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
     SELECT set_config('client_connection_check_interval', '1s', false) \
     WHERE current_setting('server_version_num')::int >= 140000";

/// The runtime belongs to the connection, and runs on the thread of whoever asks.
struct Postgres {
    runtime: Runtime,
    /// None once it is closed.
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    prepared: HashMap<String, Statement>,
    limits: Limits,
    /// The limit of a statement that the server was told.
    session_limit: Duration,
    /// The same when the transaction began.
    limit_at_begin: Duration,
    busy_until: Option<Instant>,
}

pub(super) fn connect(
    server: &Server,
    limits: &Limits,
    connect_timeout: Duration,
) -> Result<Box<dyn Connection>, Fault> {
    let mut config = Config::new();
    config.port(server.port).dbname(&server.database).application_name("rbtoken");
    config.user(server.user.as_deref().unwrap_or("postgres"));
    // What a network has forgotten is noticed before a call has to wait for it.
    config.keepalives_idle(KEEP_ALIVE).keepalives_interval(KEEP_ALIVE / 3).keepalives_retries(3);
    config.tcp_user_timeout(KEEP_ALIVE * 2);
    if let Some(password) = &server.password {
        config.password(password.as_str());
    }
    let tls = server.tls.as_ref().map(verifier).transpose()?;
    config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
    let connect = |config: Config| -> Result<Box<dyn Connection>, Fault> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(|error| Fault::Lost(error.to_string()))?;
        let limit = limits.remaining()?.min(connect_timeout);
        let silence = Fault::Silent { is_overdue: limit == connect_timeout };
        let (client, driver) = within(&runtime, limit, silence, async {
            Ok(match tls.clone() {
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    (client, tokio::spawn(async { drop(connection.await) }))
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(async { drop(connection.await) }))
                }
            })
        })?;
        let mut connection = Postgres {
            runtime,
            client: Some(client),
            driver: Some(driver),
            prepared: HashMap::new(),
            limits: *limits,
            session_limit: limits.statement,
            limit_at_begin: limits.statement,
            busy_until: None,
        };
        let session = format!("{SESSION}; {}", session_limits(limits.statement, limits.statement));
        connection.answer(async |client| client.batch_execute(&session).await)?;
        Ok(Box::new(connection))
    };
    match &server.socket {
        Some(folder) => {
            config.host_path(folder);
            connect(config)
        }
        None => server.at_each_ip(|ip| {
            let mut config = config.clone();
            config.host(&server.host).hostaddr(ip);
            connect(config)
        }),
    }
}

/// Tells the server how long a statement, with its locks, and a pause within a transaction may take.
fn session_limits(statement: Duration, pause: Duration) -> String {
    let (statement, pause) = (statement.as_millis(), pause.as_millis());
    format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {statement}; \
         SET idle_in_transaction_session_timeout = {pause}"
    )
}

/// TLS that trusts a server whose certificate is good for the name that it was called by.
fn verifier(tls: &Tls) -> Result<MakeRustlsConnect, Fault> {
    let unusable = || Fault::Refused("the file of sslrootcert has no usable certificates".into());
    let Some(path) = &tls.authorities else {
        return Ok(MakeRustlsConnect::with_webpki_roots());
    };
    let mut authorities = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unusable())? {
        let certificate = certificate.map_err(|_| unusable())?;
        authorities.add(certificate).map_err(|_| unusable())?;
    }
    if authorities.is_empty() {
        return Err(unusable());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Refused(error.to_string()))?;
    Ok(MakeRustlsConnect::new(config.with_root_certificates(authorities).with_no_client_auth()))
}

/// Waits for an answer of the server, but not longer than a limit.
fn within<T>(
    runtime: &Runtime,
    limit: Duration,
    silence: Fault,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Fault> {
    match runtime.block_on(async { timeout(limit, answer).await }) {
        Ok(answer) => answer.map_err(|error| fault(&error)),
        Err(_) => Err(silence),
    }
}

impl Postgres {
    /// Waits for an answer of the server as long as the call may.
    fn answer<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Fault> {
        let client = self.client.as_ref().ok_or_else(closed)?;
        let wait = self.limits.wait(self.session_limit)?;
        let answer = within(&self.runtime, wait.limit, wait.silence, ask(client));
        if matches!(answer, Err(Fault::Silent { .. })) {
            self.busy_until = Some(wait.busy_until);
        }
        answer
    }

    fn prepare(&mut self, statement: &str) -> Result<Statement, Fault> {
        self.refresh_session_limit()?;
        if let Some(prepared) = self.prepared.get(statement) {
            return Ok(prepared.clone());
        }
        let numbered = number(statement);
        let prepared = self.answer(async |client| client.prepare(&numbered).await)?;
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(statement.to_owned(), prepared.clone());
        Ok(prepared)
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

    fn refresh_session_limit(&mut self) -> Result<(), Fault> {
        let Some(limit) = self.limits.new_session_limit(self.session_limit)? else { return Ok(()) };
        let statements = session_limits(limit, self.limits.statement);
        self.answer(async |client| client.batch_execute(&statements).await)?;
        self.session_limit = limit;
        Ok(())
    }

    fn run(&mut self, statement: &str) -> Result<(), Fault> {
        self.answer(async |client| client.batch_execute(statement).await)?;
        // What a transaction sets is undone with it.
        match statement {
            "ROLLBACK" => self.session_limit = self.limit_at_begin,
            _ => self.limit_at_begin = self.session_limit,
        }
        Ok(())
    }

    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: ForRows<'_>,
    ) -> Result<(), Fault> {
        let prepared = self.prepare(statement)?;
        let (mut was_accepted, mut given) = (false, Ok(()));
        let answer = self.answer(async |client| {
            // A driver that waits until a row is taken reads no further.
            let mut rows = pin!(client.query_raw(&prepared, params).await?);
            was_accepted = true;
            while given.is_ok()
                && let Some(row) = poll_fn(|context| rows.as_mut().poll_next(context)).await
            {
                given = cells(&row?).map_err(Fault::from).and_then(&mut *each);
            }
            Ok(())
        });
        match answer {
            // The parameters were converted, and a row cannot be.
            Err(Fault::Unstorable(_)) if was_accepted => Err(Fault::Unconvertible),
            answer => answer.and(given),
        }
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        let prepared = self.prepare(statement)?;
        let params = borrowed(params);
        self.answer(async |client| client.execute(&prepared, &params).await)
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault> {
        let mut id = None;
        self.query(&format!("{statement} RETURNING id"), params, &mut |mut row| {
            id = row.id();
            Ok(())
        })?;
        id.ok_or_else(|| unreadable().into())
    }
}

/// Copies the cells of a row.
///
/// # Errors
/// `NoMemory`.
fn cells(row: &tokio_postgres::Row) -> crate::error::Result<Row> {
    let cell = |index| row.try_get(index).map_or(Ok(Cell::Unreadable), |CellCopy(cell)| cell);
    memory::try_collect((0..row.len()).map(cell)).map(Row::new)
}

fn borrowed<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as _).collect()
}

impl Drop for Postgres {
    /// Says goodbye to the server, without waiting for one that is not there or is busy.
    fn drop(&mut self) {
        drop(self.client.take());
        if let Some(driver) = self.driver.take()
            && self.busy_until.is_none()
        {
            let _ = self.runtime.block_on(async { timeout(GOODBYE, driver).await });
        }
    }
}

/// Numbers the parameters of a statement: `?` becomes `$1`, `$2` and so on.
fn number(statement: &str) -> String {
    let mut parts = statement.split('?');
    let mut numbered = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        numbered += &format!("${}{part}", index + 1);
    }
    numbered
}

fn closed() -> Fault {
    Fault::Lost("the connection was closed".to_owned())
}

type Failure = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(flag) => flag.to_sql(ty, out),
            Self::Int(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Self::Int(number) => number.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Time(time) => (time.as_micros() - YEAR_2000).to_sql(&Type::INT8, out),
        }
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::BOOL
            || *ty == Type::INT4
            || *ty == Type::INT8
            || *ty == Type::TIMESTAMPTZ
            || <&str as ToSql>::accepts(ty)
    }

    to_sql_checked!();
}

/// A cell, unless there is no memory for its text.
struct CellCopy(crate::error::Result<Cell>);

impl<'a> FromSql<'a> for CellCopy {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(Ok(match *ty {
            Type::BOOL => Cell::Int(bool::from_sql(ty, raw)?.into()),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_sql(&Type::INT8, raw)?.checked_add(YEAR_2000);
                // `infinity`, and what lies outside the years that there are in Python.
                let time = Timestamp::from_micros(micros.unwrap_or(i64::MAX));
                time.map_or(Cell::Unreadable, Cell::Time)
            }
            _ if <&str as FromSql>::accepts(ty) => {
                return Ok(Self(Cell::text(<&str>::from_sql(ty, raw)?)));
            }
            // A text in the encoding of the database, of which ASCII is a part.
            Type::BYTEA if raw.is_ascii() => {
                return Ok(Self(Cell::text(std::str::from_utf8(raw)?)));
            }
            _ => Cell::Unreadable,
        })))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self(Ok(Cell::Null)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn fault(error: &tokio_postgres::Error) -> Fault {
    let Some(answer) = error.as_db_error() else {
        return match error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) {
            Some(system) if is_tls(system) => Fault::Tls(system.to_string()),
            Some(_) => Fault::Lost(error.to_string()),
            None if error.is_closed() => closed(),
            None => Fault::Refused(error.to_string()),
        };
    };
    let code = answer.code();
    let is = |codes: &[SqlState]| codes.contains(code);
    let says = || match code.code() {
        // Messages of this class quote values.
        data if data.starts_with("22") => format!("PostgreSQL says {data}"),
        code => format!("PostgreSQL says {code}: {}", answer.message()),
    };
    if is(&[SqlState::TOO_MANY_CONNECTIONS]) {
        return Fault::Full(says());
    }
    // The session is over whatever the reason, but for those that deny it a start.
    let is_over = matches!(answer.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
    let is_denied = ["28", "3D", "42"].iter().any(|class| code.code().starts_with(class));
    if is_over && !is_denied {
        return Fault::Lost(says());
    }
    if is(&[SqlState::UNTRANSLATABLE_CHARACTER, SqlState::CHARACTER_NOT_IN_REPERTOIRE]) {
        Fault::Unstorable(None)
    } else if *code == SqlState::UNIQUE_VIOLATION {
        Fault::Duplicate
    } else if is(&[SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE]) {
        Fault::TimedOut
    } else if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
        Fault::Conflict
    } else if is(&[SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN]) {
        Fault::Schema
    } else if is(&[
        // What was prepared is no longer good, as after a migration of the server, or is gone: a
        // connection that prepares anew is.
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
    ]) {
        Fault::Lost(says())
    } else {
        Fault::Refused(says())
    }
}

/// Whether an error of a stream is one of TLS.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered() {
        assert_eq!(number("a = ? AND b = ? "), "a = $1 AND b = $2 ");
        assert_eq!(number("1 = 1"), "1 = 1");
    }
}
