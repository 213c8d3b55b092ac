//! A Review Board server's database on MySQL or MariaDB.

use std::io::ErrorKind as IoKind;
use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};
use mysql::consts::CapabilityFlags;
use mysql::prelude::Queryable;
use mysql::{Conn, DriverError, OptsBuilder, Params, SslOpts, Value};
use zeroize::Zeroizing;

use super::address::Server;
use super::sql::{Cell, Connection, Dialect, Fault, Param, Row, unreadable};
use crate::clock::Timestamp;
use crate::store::settings::ConnectionSettings;

static DIALECT: Dialect =
    Dialect { begin: "START TRANSACTION", lock: " FOR UPDATE", commits_elsewhere: true };

/// The server is told to give up waiting for a lock; if it does not answer this much later, it is
/// given up here.
const GRACE: Duration = Duration::from_secs(1);

struct Mysql(Conn);

pub(super) fn connect(
    server: &Server,
    settings: &ConnectionSettings,
) -> Result<Box<dyn Connection>, Fault> {
    let limit = settings.statement_timeout + GRACE;
    let lock_limit = settings.statement_timeout.as_secs().max(1);
    let tls = server.tls.as_ref().map(|tls| match &tls.authorities {
        Some(path) => SslOpts::default().with_root_cert_path(Some(path.clone())),
        None => SslOpts::default(),
    });
    let socket = server.socket.as_ref().map(|path| path.to_string_lossy().into_owned());
    let options = OptsBuilder::new()
        .ip_or_hostname(Some(server.host.clone()).filter(|_| socket.is_none()))
        .tcp_port(server.port)
        .socket(socket)
        .prefer_socket(server.socket.is_some())
        // An update of a row to what it is counts too.
        .additional_capabilities(CapabilityFlags::CLIENT_FOUND_ROWS)
        .user(server.user.clone())
        .pass(server.password.as_ref().map(|password| password.to_string()))
        .db_name(Some(server.database.clone()))
        .ssl_opts(tls)
        .tcp_connect_timeout(Some(settings.connect_timeout))
        .read_timeout(Some(limit))
        .write_timeout(Some(limit))
        .init(vec![
            // Read committed is what Django asks for too; strict, so that nothing is cut short.
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
            "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES')".to_owned(),
            format!("SET SESSION innodb_lock_wait_timeout = {lock_limit}"),
        ]);
    Ok(Box::new(Mysql(Conn::new(options).map_err(fault)?)))
}

impl Connection for Mysql {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn run(&mut self, statement: &str) -> Result<(), Fault> {
        self.0.query_drop(statement).map_err(fault)
    }

    fn query(&mut self, statement: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Fault> {
        let rows: Vec<mysql::Row> = self.0.exec(statement, values(params)).map_err(fault)?;
        Ok(rows
            .into_iter()
            .map(|row| Row::new(row.unwrap().into_iter().map(cell).collect()))
            .collect())
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, Fault> {
        self.0.exec_drop(statement, values(params)).map_err(fault)?;
        Ok(self.0.affected_rows())
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, Fault> {
        self.execute(statement, params)?;
        i64::try_from(self.0.last_insert_id()).map_err(|_| unreadable().into())
    }
}

fn values(params: &[Param<'_>]) -> Params {
    if params.is_empty() {
        return Params::Empty;
    }
    let value = |param: &Param<'_>| match param {
        Param::Null => Value::NULL,
        Param::Bool(flag) => Value::Int((*flag).into()),
        Param::Int(number) => Value::Int(*number),
        Param::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
        Param::Time(time) => date(*time),
    };
    Params::Positional(params.iter().map(value).collect())
}

/// A time in UTC, which is what Django keeps in columns without a time zone.
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
            // The zero date, for one.
            time.and_then(Result::ok).map_or(Cell::Unreadable, Cell::Time)
        }
        Value::Float(_) | Value::Double(_) | Value::Time(..) => Cell::Unreadable,
    }
}

#[allow(clippy::needless_pass_by_value)]
fn fault(error: mysql::Error) -> Fault {
    match error {
        mysql::Error::MySqlError(answer) => match answer.code {
            1062 => Fault::Duplicate,
            1205 | 1969 | 3024 => Fault::TimedOut,
            1213 | 1020 => Fault::Conflict,
            1054 | 1146 => Fault::Schema,
            1053 | 1927 | 2006 | 2013 => Fault::Lost(format!("MySQL says {}", answer.code)),
            // Who may connect, and to what: nothing of a statement is in these.
            1040 | 1044 | 1045 | 1049 | 1130 => {
                Fault::Refused(format!("MySQL says {}: {}", answer.code, answer.message))
            }
            code => Fault::Refused(format!("MySQL says {code}")),
        },
        mysql::Error::IoError(error) => match error.kind() {
            IoKind::TimedOut | IoKind::WouldBlock => Fault::TimedOut,
            _ => Fault::Lost(error.to_string()),
        },
        mysql::Error::DriverError(DriverError::ConnectTimeout | DriverError::Timeout) => {
            Fault::TimedOut
        }
        mysql::Error::DriverError(DriverError::CouldNotConnect(Some((_, _, IoKind::TimedOut)))) => {
            Fault::TimedOut
        }
        mysql::Error::DriverError(error @ DriverError::CouldNotConnect(_)) => {
            Fault::Lost(error.to_string())
        }
        mysql::Error::DriverError(DriverError::TlsNotSupported) => {
            Fault::Refused("the server has no TLS".to_owned())
        }
        mysql::Error::CodecError(_) | mysql::Error::DriverError(_) => {
            Fault::Lost("what the server sent made no sense".to_owned())
        }
        mysql::Error::TlsError(error) => Fault::Lost(format!("TLS: {error}")),
        mysql::Error::UrlError(_)
        | mysql::Error::FromValueError(_)
        | mysql::Error::FromRowError(_) => {
            Fault::Refused("the driver could not pass a value on".to_owned())
        }
    }
}
