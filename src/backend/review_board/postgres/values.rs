//! Conversion of parameters and cells.

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::super::sql::{Cell, Param, Row};
use crate::clock::Timestamp;
use crate::memory;

/// Microseconds from the Unix epoch to the year 2000, which is PostgreSQL's epoch.
const YEAR_2000: i64 = 946_684_800_000_000;

/// Copies the cells of a row.
///
/// # Errors
/// `NoMemory`.
pub(super) fn cells(row: &tokio_postgres::Row) -> crate::error::Result<Row> {
    let cell = |index| row.try_get(index).map_or(Ok(Cell::Unreadable), |CellCopy(cell)| cell);
    memory::try_collect((0..row.len()).map(cell)).map(Row::new)
}

pub(super) fn borrowed<'a>(params: &'a [Param<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    params.iter().map(|param| param as _).collect()
}

/// Returns parameters with types, for a statement that is not prepared.
pub(super) fn typed<'a>(params: &'a [Param<'_>]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    let type_of = |param: &Param<'_>| match param {
        Param::Null => Type::UNKNOWN,
        Param::Bool(_) => Type::BOOL,
        Param::Int(_) => Type::INT8,
        Param::Text(_) => Type::TEXT,
        Param::Time(_) => Type::TIMESTAMPTZ,
    };
    params.iter().map(|param| (param as _, type_of(param))).collect()
}

type ConversionError = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, ConversionError> {
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

/// A cell, or the error if there is no memory for its text.
struct CellCopy(crate::error::Result<Cell>);

impl<'a> FromSql<'a> for CellCopy {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, ConversionError> {
        Ok(Self(Ok(match *ty {
            Type::BOOL => Cell::Int(bool::from_sql(ty, raw)?.into()),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_sql(&Type::INT8, raw)?.checked_add(YEAR_2000);
                // `infinity`, or a year that Python does not support.
                let time = Timestamp::from_micros(micros.unwrap_or(i64::MAX));
                time.map_or(Cell::Unreadable, Cell::Time)
            }
            _ if <&str as FromSql>::accepts(ty) => {
                return Ok(Self(Cell::text(<&str>::from_sql(ty, raw)?)));
            }
            // A text in the database's encoding, which is a superset of ASCII.
            Type::BYTEA if raw.is_ascii() => {
                return Ok(Self(Cell::text(std::str::from_utf8(raw)?)));
            }
            _ => Cell::Unreadable,
        })))
    }

    fn from_sql_null(_: &Type) -> Result<Self, ConversionError> {
        Ok(Self(Ok(Cell::Null)))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
