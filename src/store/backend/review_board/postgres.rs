//! A Review Board server's database on PostgreSQL.

use std::error::Error as _;
use std::future::Future;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::address::{Server, Tls};
use super::sql::{Cell, Connection, Dialect, Fault, Param, Row};
use crate::clock::Timestamp;
use crate::store::settings::ConnectionSettings;

static DIALECT: Dialect = Dialect {
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED",
    lock: " FOR UPDATE",
    commits_elsewhere: true,
};

/// The server is told to give a statement up; if it does not answer this much later, it is given
/// up here.
const GRACE: Duration = Duration::from_secs(1);
/// Statements that a connection keeps prepared.
const MAX_PREPARED: usize = 64;
/// Microseconds from the Unix epoch to the year 2000, from which PostgreSQL counts.
const YEAR_2000: i64 = 946_684_800_000_000;

/// The runtime belongs to the connection, and runs on the thread of whoever asks.
struct Postgres {
    runtime: Runtime,
    /// None once it is closed.
    client: Option<Client>,
    driver: Option<JoinHandle<()>>,
    prepared: HashMap<String, Statement>,
    limit: Duration,
}

pub(super) fn connect(
    server: &Server,
    settings: &ConnectionSettings,
) -> Result<Box<dyn Connection>, Fault> {
    let limit = settings.connect_timeout;
    let runtime = Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| Fault::Lost(error.to_string()))?;
    let mut config = Config::new();
    config.port(server.port).dbname(&server.database).application_name("rbtoken");
    config.user(server.user.as_deref().unwrap_or("postgres")).connect_timeout(limit);
    if let Some(password) = &server.password {
        config.password(password.as_str());
    }
    match &server.socket {
        Some(folder) => {
            config.host_path(folder);
        }
        None => {
            // Asked for here: the driver would start a thread for it.
            let addresses = (server.host.as_str(), server.port).to_socket_addrs();
            for address in addresses.map_err(|error| Fault::Lost(error.to_string()))? {
                config.host(&server.host).hostaddr(address.ip());
            }
        }
    }
    let tls = server.tls.as_ref().map(verifier).transpose()?;
    config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
    let connected = within(&runtime, limit, async {
        Ok(match tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls).await?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                (client, tokio::spawn(async { drop(connection.await) }))
            }
        })
    });
    let (client, driver) = connected?;
    let mut connection = Postgres {
        runtime,
        client: Some(client),
        driver: Some(driver),
        prepared: HashMap::new(),
        limit: settings.statement_timeout + GRACE,
    };
    // The second lets go of locks if this process is stopped in the middle of a transaction.
    connection.run(&format!(
        "SET statement_timeout = {0}; SET idle_in_transaction_session_timeout = {0}",
        settings.statement_timeout.as_millis()
    ))?;
    Ok(Box::new(connection))
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
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Fault> {
    match runtime.block_on(async { timeout(limit, answer).await }) {
        Ok(answer) => answer.map_err(|error| fault(&error)),
        Err(_) => Err(Fault::TimedOut),
    }
}

impl Postgres {
    fn prepare(&mut self, statement: &str) -> Result<Statement, Fault> {
        if let Some(prepared) = self.prepared.get(statement) {
            return Ok(prepared.clone());
        }
        let client = self.client.as_ref().ok_or_else(closed)?;
        let numbered = number(statement);
        let prepared = within(&self.runtime, self.limit, client.prepare(&numbered))?;
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

    fn run(&mut self, statement: &str) -> Result<(), Fault> {
        let client = self.client.as_ref().ok_or_else(closed)?;
        within(&self.runtime, self.limit, client.batch_execute(statement))
    }

    fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let prepared = self.prepare(statement)?;
        let client = self.client.as_ref().ok_or_else(closed)?;
        let params = borrowed(params);
        let rows = within(&self.runtime, self.limit, client.query(&prepared, &params))?;
        let read = |row: &tokio_postgres::Row| {
            let cell = |index| row.try_get(index).unwrap_or(Cell::Unreadable);
            Row::new((0..row.len()).map(cell).collect())
        };
        Ok(rows.iter().map(read).collect())
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        let prepared = self.prepare(statement)?;
        let client = self.client.as_ref().ok_or_else(closed)?;
        within(&self.runtime, self.limit, client.execute(&prepared, &borrowed(params)))
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault> {
        let rows = self.query(&format!("{statement} RETURNING id"), params)?;
        let id = rows.into_iter().next().and_then(|mut row| row.id());
        id.ok_or_else(|| super::sql::unreadable().into())
    }
}

fn borrowed<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as _).collect()
}

impl Drop for Postgres {
    /// Says goodbye to the server, without waiting for one that is not there.
    fn drop(&mut self) {
        drop(self.client.take());
        if let Some(driver) = self.driver.take() {
            let _ = self.runtime.block_on(async { timeout(GRACE, driver).await });
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

impl<'a> FromSql<'a> for Cell {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Failure> {
        let text = |raw| <&str>::from_sql(ty, raw).map(str::to_owned);
        Ok(match *ty {
            Type::BOOL => Self::Int(bool::from_sql(ty, raw)?.into()),
            Type::INT4 => Self::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Self::Int(i64::from_sql(ty, raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_sql(&Type::INT8, raw)?.checked_add(YEAR_2000);
                // `infinity`, and what lies outside the years that there are in Python.
                let time = Timestamp::from_micros(micros.unwrap_or(i64::MAX));
                time.map_or(Self::Unreadable, Self::Time)
            }
            _ if <&str as FromSql>::accepts(ty) => {
                text(raw).map_or(Self::Unreadable, |text| Self::Text(Zeroizing::new(text)))
            }
            _ => Self::Unreadable,
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Failure> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

fn fault(error: &tokio_postgres::Error) -> Fault {
    let Some(answer) = error.as_db_error() else {
        let of_system = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
        return match of_system.map(std::io::Error::kind) {
            Some(std::io::ErrorKind::TimedOut) => Fault::TimedOut,
            Some(_) => Fault::Lost(error.to_string()),
            None if error.is_closed() => closed(),
            None => Fault::Refused(error.to_string()),
        };
    };
    let code = answer.code();
    let is = |codes: &[SqlState]| codes.contains(code);
    if *code == SqlState::UNIQUE_VIOLATION {
        Fault::Duplicate
    } else if is(&[SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE]) {
        Fault::TimedOut
    } else if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
        Fault::Conflict
    } else if is(&[SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN]) {
        Fault::Schema
    } else if is(&[
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        // What was prepared is no longer good, as after a migration of the server, or is gone: a
        // connection that prepares anew is.
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INVALID_SQL_STATEMENT_NAME,
    ]) {
        Fault::Lost(format!("PostgreSQL says {}", code.code()))
    } else if code.code().starts_with("28") || code.code().starts_with("3D") {
        // Who may log in, and to what: nothing of a statement is in these.
        Fault::Refused(format!("PostgreSQL says {}: {}", code.code(), answer.message()))
    } else {
        Fault::Refused(format!("PostgreSQL says {}", code.code()))
    }
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
