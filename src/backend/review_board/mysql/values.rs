//! Conversion of parameters and rows.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use mysql_async::consts::ColumnType;
use mysql_async::{Column, Params, Value};
use zeroize::Zeroizing;

use super::super::sql::{Cell, Param, Query};
use super::super::sql_error::SqlError;
use crate::clock::Timestamp;
use crate::memory;

pub(super) fn values(params: &[Param<'_>]) -> Result<Params, SqlError> {
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
pub(super) fn with_numbers(query: &Query<'_>) -> Option<String> {
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
pub(super) fn text_cells(row: mysql_async::Row) -> Vec<Cell> {
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

pub(super) fn cell(value: Value) -> Cell {
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
