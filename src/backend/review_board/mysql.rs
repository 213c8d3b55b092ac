//! The driver for MySQL and MariaDB.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable;
use mysql_async::{Column, Conn, DriverError, IoError, OptsBuilder, Params, Value};
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use super::address::{Server, Verification};
use super::limits::Limits;
use super::pool::Attempt;
use super::sql::{
    Cell, Connection, Dialect, IndexedRowVisitor, KEEP_ALIVE, Param, Query, Row, RowVisitor,
    query_all, unreadable,
};
use super::sql_error::SqlError;
use super::{driver, tls};
use crate::clock::Timestamp;
use crate::memory;

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
        .client_found_rows(true);
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
        let params = values(params)?;
        let mut each_result = Ok(());
        self.await_response(async |connection| {
            let mut rows = connection.exec_iter(statement, params).await?;
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
        let params = values(params)?;
        self.await_response(async |connection| {
            connection.exec_drop(statement, params).await?;
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

fn values(params: &[Param<'_>]) -> Result<Params, SqlError> {
    if params.is_empty() {
        return Ok(Params::Empty);
    }
    let value = |param: &Param<'_>| {
        Ok(match param {
            Param::Null => Value::NULL,
            Param::Bool(flag) => Value::Int((*flag).into()),
            Param::Int(number) => Value::Int(*number),
            Param::Text(text) => Value::Bytes(memory::string(text)?.into_bytes()),
            Param::Time(time) => date(*time),
        })
    };
    Ok(Params::Positional(memory::try_collect(params.iter().map(value))?))
}

/// Converts a time to UTC without a time zone, as Django stores it.
fn date(time: Timestamp) -> Value {
    let time = DateTime::<Utc>::from_timestamp_micros(time.as_micros()).unwrap_or_default();
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    Value::Date(
        u16::try_from(time.year()).unwrap_or_default(),
        small(time.month()),
        small(time.day()),
        small(time.hour()),
        small(time.minute()),
        small(time.second()),
        time.timestamp_subsec_micros(),
    )
}

/// Returns a query as a text with its parameters, or `None` if one of them is neither an integer
/// nor a time.
fn with_numbers(query: &Query<'_>) -> Option<String> {
    let mut parts = query.statement.split('?');
    let mut text = parts.next()?.to_owned();
    let mut params = query.params.iter();
    for part in parts {
        match params.next()? {
            Param::Int(number) => text += &number.to_string(),
            Param::Time(time) => text += &time_literal(*time),
            _ => return None,
        }
        text += part;
    }
    params.next().is_none().then_some(text)
}

/// Returns a time as a literal, in UTC.
fn time_literal(time: Timestamp) -> String {
    let time = DateTime::<Utc>::from_timestamp_micros(time.as_micros()).unwrap_or_default();
    time.format("TIMESTAMP'%Y-%m-%d %H:%M:%S%.6f'").to_string()
}

/// Converts the cells of a row that was sent as text.
fn text_cells(row: mysql_async::Row) -> Vec<Cell> {
    let columns = row.columns();
    let read = |(value, column): (Value, &Column)| match value {
        Value::Bytes(bytes) if column.column_type().is_numeric_type() => {
            let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
            number.map_or(Cell::Unreadable, Cell::Int)
        }
        Value::Bytes(bytes) if column.column_type() == ColumnType::MYSQL_TYPE_DATETIME => {
            let time = std::str::from_utf8(&bytes).ok().and_then(time_from_text);
            time.map_or(Cell::Unreadable, Cell::Time)
        }
        value => cell(value),
    };
    row.unwrap().into_iter().zip(columns.iter()).map(read).collect()
}

/// Parses a time such as `2026-06-01 12:00:00.000001`.
fn time_from_text(text: &str) -> Option<Timestamp> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Timestamp::from_micros(time.and_utc().timestamp_micros()).ok()
}

fn cell(value: Value) -> Cell {
    match value {
        Value::NULL => Cell::Null,
        Value::Int(number) => Cell::Int(number),
        Value::UInt(number) => i64::try_from(number).map_or(Cell::Unreadable, Cell::Int),
        Value::Bytes(bytes) => String::from_utf8(bytes)
            .map_or(Cell::Unreadable, |text| Cell::Text(Zeroizing::new(text))),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let time = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())
                .and_then(|day| {
                    day.and_hms_micro_opt(hour.into(), minute.into(), second.into(), micros)
                })
                .map(|time| Timestamp::from_micros(time.and_utc().timestamp_micros()));
            // Invalid, such as the zero date.
            time.and_then(Result::ok).map_or(Cell::Unreadable, Cell::Time)
        }
        Value::Float(_) | Value::Double(_) | Value::Time(..) => Cell::Unreadable,
    }
}

#[allow(clippy::needless_pass_by_value)]
fn sql_error(error: mysql_async::Error) -> SqlError {
    match error {
        mysql_async::Error::Server(error) => match error.code {
            1062 => SqlError::Duplicate,
            1205 | 1317 | 1969 | 3024 => SqlError::TimedOut,
            1213 | 1020 => SqlError::Conflict,
            1054 | 1146 => SqlError::Schema,
            // An invalid mix of collations, or a text that cannot be converted.
            1267 | 1366 | 1977 | 3854 | 3988 => SqlError::Unstorable(argument(&error.message)),
            1040 | 1203 | 1226 => SqlError::Full(redacted_message(error.code, &error.message)),
            // The session has ended: shutdown, killed, idle for too long, or a packet out of order.
            // Or this server accepts no statements, but another host may.
            1047 | 3032 | 1053 | 1080 | 1152..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => {
                SqlError::Lost(redacted_message(error.code, &error.message))
            }
            1290 | 1792 | 1836 => SqlError::ReadOnly(redacted_message(error.code, &error.message)),
            code => SqlError::Refused(redacted_message(code, &error.message)),
        },
        mysql_async::Error::Io(IoError::Tls(error)) => SqlError::Tls(error.to_string()),
        mysql_async::Error::Io(IoError::Io(error)) => match is_tls(&error) {
            true => SqlError::Tls(error.to_string()),
            false => SqlError::Lost(error.to_string()),
        },
        mysql_async::Error::Driver(DriverError::ConnectionClosed) => closed(),
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            SqlError::Refused("the server does not support TLS".to_owned())
        }
        mysql_async::Error::Driver(DriverError::UnknownAuthPlugin { name }) => {
            SqlError::Refused(format!("the server requires the authentication plugin {name}"))
        }
        // The driver's messages for these may quote values.
        mysql_async::Error::Driver(_) | mysql_async::Error::Other(_) => {
            SqlError::Lost("the server sent an invalid response".to_owned())
        }
        mysql_async::Error::Url(_) => {
            SqlError::Refused("the driver does not accept the URL".to_owned())
        }
    }
}

/// Returns the argument for the column that a message names last. The message may quote a value
/// before it.
fn argument(message: &str) -> Option<&'static str> {
    const ARGUMENTS: [(&str, &str); 6] = [
        ("note", "note"),
        ("policy", "policy"),
        ("extra_data", "extra_data"),
        ("invalid_reason", "reason"),
        ("token_generator_id", "generator_id"),
        ("token", "value"),
    ];
    let (_, place) = message.rsplit_once(" column ")?;
    let place = place.split_once(" at row ").map_or(place, |(place, _)| place);
    let column = place.trim_matches(['`', '\'']).rsplit(['`', '.', '\'']).next()?;
    ARGUMENTS.iter().find(|(own, _)| *own == column).map(|(_, argument)| *argument)
}

/// Returns whether an I/O error comes from TLS.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Returns the server's message without quoted values. Everything between the first and the last
/// quote is removed, since a value may contain quotes.
fn redacted_message(code: u16, message: &str) -> String {
    /// The server truncates longer messages, possibly inside a value.
    const MAX_LEN: usize = 500;
    // The apostrophe in "doesn't" is not a quote.
    let mut quotes = message.match_indices('\'').map(|(at, _)| at).filter(|at| {
        let (before, after) = (&message[..*at], &message[at + 1..]);
        !(before.ends_with('n') && after.starts_with("t "))
    });
    let (first, last) = (quotes.next(), quotes.next_back());
    let cut = |at: usize| message.get(..at).unwrap_or_default();
    match (first, last) {
        (None, _) if message.len() < MAX_LEN => {
            format!("the server reported error {code}: {message}")
        }
        (Some(first), Some(last)) if message.len() < MAX_LEN => {
            let rest = message.get(last..).unwrap_or_default();
            format!("the server reported error {code}: {}'…{rest}", cut(first))
        }
        (Some(first), _) => format!("the server reported error {code}: {}'…'", cut(first)),
        (None, _) => format!("the server reported error {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_message_is_stripped_of_quoted_values() {
        let message = redacted_message(1062, "Duplicate entry 'rbp_secret' for key 'token'");
        assert_eq!(message, "the server reported error 1062: Duplicate entry '…'");
        for message in [
            "near 'rbp_secret",
            "Duplicate entry 'it's rbp_secret' for key 'token'",
            "Duplicate entry ''rbp_secret' for key 'token'",
            "Duplicate entry 'I can't 'rbp_secret'' for key 'token'",
            &format!("Duplicate entry 'a'rbp_secret{}", "x".repeat(500)),
        ] {
            assert!(!redacted_message(1, message).contains("secret"), "{message}");
        }
        let denied = "Access denied for user 'a'@'b' (using password: NO)";
        assert_eq!(
            redacted_message(1045, denied),
            "the server reported error 1045: Access denied for user '…' (using password: NO)"
        );
        let missing = "Field 'newer' doesn't have a default value";
        assert_eq!(
            redacted_message(1364, missing),
            "the server reported error 1364: Field '…' doesn't have a default value"
        );
        assert_eq!(
            redacted_message(1, "Out of memory"),
            "the server reported error 1: Out of memory"
        );
    }

    #[test]
    fn column_in_a_message_is_mapped_to_its_argument() {
        for (message, expected) in [
            (
                r"Incorrect string value: '\xF0\x9F' for column `reviewboard`.`webapi_webapitoken`.`note` at row 1",
                Some("note"),
            ),
            (
                r"Incorrect string value: '\xF0 column 'note' at row 1' for column 'invalid_reason' at row 1",
                Some("reason"),
            ),
            ("Incorrect string value: '' for column 'tokens' at row 1", None),
            (
                "Conversion from collation utf8mb4_bin into latin1_bin impossible for parameter",
                None,
            ),
        ] {
            assert_eq!(argument(message), expected, "{message}");
        }
    }
}
