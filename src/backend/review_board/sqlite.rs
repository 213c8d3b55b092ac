//! The driver for SQLite databases of Review Board.

use std::path::Path;
use std::time::Instant;

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::limits::Limits;
use super::sql::{Cell, Connection, Dialect, Param, Row, RowVisitor};
use super::sql_error::SqlError;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::memory;
use crate::os::{lock, sqlite};

/// SQLite has no row locks. A transaction that will write locks the database from its start.
static DIALECT: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    lock_clause: "",
    lock_user: None,
    time: "rbtoken_time",
    is_value: "CAST(token AS BLOB) = CAST(? AS BLOB)",
    returns_updates: false,
    required_columns: "SELECT name FROM pragma_table_info('webapi_webapitoken') \
         WHERE \"notnull\" AND dflt_value IS NULL AND NOT pk",
};

pub(super) fn connect(path: &Path, limits: &Limits) -> Result<Box<dyn Connection>, SqlError> {
    sqlite::initialize(&lock::registry())?;
    // Not created: a missing database means that the path is wrong.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags).map_err(sql_error)?;
    connection.busy_timeout(limits.remaining()?.min(limits.statement)).map_err(sql_error)?;
    // As in Django. A token must refer to an existing user.
    connection.pragma_update(None, "foreign_keys", true).map_err(sql_error)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let micros = |call: &mut rusqlite::functions::Context<'_>| {
        let text = call.get_raw(0).as_str().ok();
        Ok(text.and_then(time_from_text).map(Timestamp::as_micros))
    };
    connection.create_scalar_function(DIALECT.time, 1, flags, micros).map_err(sql_error)?;
    Ok(Box::new(Sqlite { connection, limits: *limits }))
}

struct Sqlite {
    connection: rusqlite::Connection,
    limits: Limits,
}

impl Sqlite {
    /// Returns the connection, with time limits for the next statement and its locks.
    fn limited_connection(&mut self) -> Result<&rusqlite::Connection, SqlError> {
        /// SQLite instructions between two checks of the clock: well under a millisecond.
        const STEPS: std::ffi::c_int = 10_000;
        let limit = self.limits.remaining()?.min(self.limits.statement);
        let end = Instant::now() + limit;
        self.connection.busy_timeout(limit).map_err(sql_error)?;
        let is_over = move || Instant::now() >= end;
        self.connection.progress_handler(STEPS, Some(is_over)).map_err(sql_error)?;
        Ok(&self.connection)
    }

    fn read(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        let mut statement =
            self.limited_connection()?.prepare_cached(statement).map_err(sql_error)?;
        let is_time: Vec<bool> = statement
            .columns()
            .map(|column| {
                column.decl_type().is_some_and(|kind| kind.eq_ignore_ascii_case("datetime"))
            })
            .collect();
        let mut found = statement.query(params_from_iter(params)).map_err(sql_error)?;
        while let Some(row) = found.next().map_err(sql_error)? {
            let mut cells = Vec::with_capacity(is_time.len());
            for (index, is_time) in is_time.iter().enumerate() {
                cells.push(cell(row.get_ref(index).map_err(sql_error)?, *is_time)?);
            }
            each(Row::new(cells))?;
        }
        Ok(())
    }

    /// Frees SQLite's cache if memory is exhausted. Otherwise the next call would fail too.
    fn shrink_if_exhausted<T>(&self, result: Result<T, SqlError>) -> Result<T, SqlError> {
        if let Err(SqlError::Library(_)) = &result {
            let _ = self.connection.execute_batch("PRAGMA shrink_memory");
        }
        result
    }
}

impl Connection for Sqlite {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn run(&mut self, statement: &str) -> Result<(), SqlError> {
        let connection = self.limited_connection()?;
        // SQLite rolls back automatically after some errors.
        if statement == "ROLLBACK" && connection.is_autocommit() {
            return Ok(());
        }
        connection.execute_batch(statement).map_err(sql_error)
    }

    fn query(
        &mut self,
        statement: &str,
        params: &[Param<'_>],
        each: RowVisitor<'_>,
    ) -> Result<(), SqlError> {
        let result = self.read(statement, params, each);
        self.shrink_if_exhausted(result)
    }

    fn execute(&mut self, statement: &str, params: &[Param<'_>]) -> Result<u64, SqlError> {
        let result = self.limited_connection().and_then(|connection| {
            let mut statement = connection.prepare_cached(statement).map_err(sql_error)?;
            let rows = statement.execute(params_from_iter(params)).map_err(sql_error)?;
            Ok(rows as u64)
        });
        self.shrink_if_exhausted(result)
    }

    fn insert(&mut self, statement: &str, params: &[Param<'_>]) -> Result<i64, SqlError> {
        self.execute(statement, params)?;
        Ok(self.connection.last_insert_rowid())
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let owned = ToSqlOutput::Owned;
        Ok(match self {
            Self::Null => owned(Value::Null),
            Self::Bool(flag) => owned(Value::Integer((*flag).into())),
            Self::Int(number) => owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Time(time) => owned(Value::Text(time.to_sql())),
        })
    }
}

fn cell(value: ValueRef<'_>, is_time: bool) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) if is_time => time_from_text(text).map_or(Cell::Unreadable, Cell::Time),
            Ok(text) => Cell::text(text)?,
            Err(_) => Cell::Unreadable,
        },
        ValueRef::Real(_) | ValueRef::Blob(_) => Cell::Unreadable,
    })
}

/// Parses a time in Django's format, or in another one that Django accepts. UTC unless the text has
/// an offset.
fn time_from_text(text: &str) -> Option<Timestamp> {
    const FORMS: [&str; 4] =
        ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    let naive = |form| NaiveDateTime::parse_from_str(text, form).ok();
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let time = FORMS.iter().copied().find_map(naive).or_else(date).map(|time| time.and_utc());
    let time = time.or_else(|| {
        // The offset follows the last `+` or `-`, or is `Z`.
        let (time, offset) = match text.strip_suffix(['Z', 'z']) {
            Some(time) => (time, "+00"),
            None => text.split_at_checked(text.rfind(['+', '-'])?)?,
        };
        let time = FORMS.iter().find_map(|form| NaiveDateTime::parse_from_str(time, form).ok())?;
        time.checked_sub_signed(offset_from_text(offset)?).map(|time| time.and_utc())
    })?;
    Timestamp::from_micros(time.timestamp_micros()).ok()
}

/// Parses an offset: `+02`, `+0230` or `+02:30`.
fn offset_from_text(text: &str) -> Option<TimeDelta> {
    let (sign, digits) = text.split_at_checked(1)?;
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = minutes.strip_prefix(':').unwrap_or(minutes);
    let number = |digits: &str, end: i64| match digits.len() {
        2 if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|number| *number < end)
        }
        _ => None,
    };
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 60)? };
    let minutes = number(hours, 24)? * 60 + minutes;
    Some(TimeDelta::minutes(if sign == "-" { -minutes } else { minutes }))
}

fn sql_error(error: rusqlite::Error) -> SqlError {
    let (failure, message) = match &error {
        rusqlite::Error::SqliteFailure(failure, message) => (failure, message.as_deref()),
        rusqlite::Error::SqlInputError { error, msg, .. } => (error, Some(msg.as_str())),
        // The driver's own messages may quote values.
        _ => return SqlError::Refused("the driver could not bind a value".to_owned()),
    };
    let missing = |message: &str| {
        message.starts_with("no such table") || message.starts_with("no such column")
    };
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => {
            SqlError::TimedOut
        }
        ErrorCode::ConstraintViolation
            if [
                rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE,
                rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY,
            ]
            .contains(&failure.extended_code) =>
        {
            SqlError::Duplicate
        }
        ErrorCode::OutOfMemory => SqlError::Library(memory::exhausted(())),
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure => {
            SqlError::Lost(format!("SQLite reported error {}", failure.extended_code))
        }
        _ if message.is_some_and(missing) => SqlError::Schema,
        _ => SqlError::Refused(format!(
            "SQLite reported error {}: {:?}",
            failure.extended_code, failure.code
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::pool::Pool;
    use super::*;

    #[test]
    fn time_is_parsed_with_and_without_offset() {
        for time in [Timestamp::MIN, Timestamp::from_micros(1).unwrap(), Timestamp::MAX] {
            assert_eq!(time_from_text(&time.to_sql()), Some(time));
        }
    }

    #[test]
    fn time_is_parsed_in_every_format_of_django() {
        for text in [
            "2026-06-01 02:00:00+02:00",
            "2026-05-31 21:30:00.000-0230",
            "2026-06-01 00:00:00+00:00",
            "2026-06-01T00:00:00.000000",
            "2026-06-01T00:00:00Z",
            "2026-06-01T01:00+01",
            "2026-06-01 00:00",
            "2026-06-01",
        ] {
            let time = time_from_text(text).map(Timestamp::as_micros);
            assert_eq!(time, Some(1_780_272_000_000_000), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-06-01 00:00:00 UTC",
            "2026-06-01 00:00:00+2",
            "2026-06-01 00:00:00+24:00",
            "2026-06-01 00:00:00+01:60",
            "2026-06-01 00:00:00+é",
            "2026-06-01+01:00",
            "1780272000",
            "0001-01-01 00:00:00+01:00",
        ] {
            assert_eq!(time_from_text(text), None, "{text}");
        }
    }

    #[test]
    fn commit_blocked_by_readers_times_out_unchanged() {
        let path = std::env::temp_dir().join(format!("rbtoken-commit-{}", std::process::id()));
        let reader = rusqlite::Connection::open(&path).unwrap();
        reader.execute_batch("CREATE TABLE t (id integer); BEGIN; SELECT * FROM t").unwrap();
        let to = path.clone();
        let pool = Pool::new(
            Box::new(move |attempt| connect(&to, &attempt.limits)),
            Duration::from_secs(1),
            1,
        );
        let insert = || {
            let limits = Limits::of_call(Duration::from_secs(1), Duration::from_millis(1));
            let mut connection = pool.acquire(limits).unwrap();
            connection.transaction(|connection| {
                connection.execute("INSERT INTO t VALUES (1)", &[]).map(drop)
            })
        };
        assert!(matches!(insert(), Err(SqlError::TimedOut)));
        reader.execute_batch("COMMIT").unwrap();
        let count = || reader.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
        assert_eq!(count(), Ok(0));
        assert!(insert().is_ok());
        assert_eq!(count(), Ok(1));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn endless_statement_times_out_and_the_next_one_works() {
        let path = std::env::temp_dir().join(format!("rbtoken-endless-{}", std::process::id()));
        rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (id)").unwrap();
        let limits = || Limits::of_call(Duration::from_secs(60), Duration::from_millis(20));
        let mut connection = connect(&path, &limits()).unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        assert!(matches!(connection.query(endless, &[], &mut |_| Ok(())), Err(SqlError::TimedOut)));
        assert!(connection.execute("INSERT INTO t VALUES (1)", &[]).is_ok());
        std::fs::remove_file(&path).unwrap();
    }
}
