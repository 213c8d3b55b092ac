//! Conversion of PostgreSQL's errors.

use std::error::Error as _;

use tokio_postgres::error::{Severity, SqlState};

use super::super::sql_error::SqlError;
use super::{POOLER_HINT, closed};

pub(super) fn sql_error(error: &tokio_postgres::Error) -> SqlError {
    let Some(db_error) = error.as_db_error() else {
        return match error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) {
            Some(system) if is_tls(system) => SqlError::Tls(system.to_string()),
            Some(_) => SqlError::Lost(error.to_string()),
            None if error.is_closed() => closed(),
            // An error of the driver, such as a missing password.
            None => SqlError::Refused(match error.source() {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            }),
        };
    };
    let code = db_error.code();
    let is = |codes: &[SqlState]| codes.contains(code);
    let description = || match code.code() {
        // Messages of this class quote values.
        data if data.starts_with("22") => format!("the server reported error {data}"),
        code => format!("the server reported error {code}: {}", db_error.message()),
    };
    if is(&[SqlState::TOO_MANY_CONNECTIONS]) {
        return SqlError::Full(description());
    }
    // An error that ends the session counts as a lost connection, unless the full server above or a
    // case below applies.
    let ends_session = match db_error.parsed_severity() {
        Some(severity) => matches!(severity, Severity::Fatal | Severity::Panic),
        // PgBouncer sends the severity in only one form.
        None => matches!(db_error.severity(), "FATAL" | "PANIC"),
    };
    // The location causes a fatal protocol error of a pooler only if the error names a startup
    // parameter. Others report that the pooler has lost a server, or reached a limit.
    let is_option_error = !ends_session || db_error.message().contains("startup parameter");
    // A pooler rejects startup options, or does not know a statement of this session.
    if is(&[SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT])
        || (*code == SqlState::PROTOCOL_VIOLATION && is_option_error)
        || (*code == SqlState::FEATURE_NOT_SUPPORTED && ends_session)
    {
        return SqlError::Refused(format!("{}; {POOLER_HINT}", description()));
    }
    let is_denied = ["22", "28", "3D", "42"].iter().any(|class| code.code().starts_with(class));
    if ends_session && !is_denied {
        return SqlError::Lost(description());
    }
    if is(&[SqlState::UNTRANSLATABLE_CHARACTER, SqlState::CHARACTER_NOT_IN_REPERTOIRE]) {
        SqlError::Unstorable(None)
    } else if *code == SqlState::UNIQUE_VIOLATION {
        SqlError::Duplicate
    } else if is(&[SqlState::QUERY_CANCELED, SqlState::LOCK_NOT_AVAILABLE]) {
        SqlError::TimedOut
    } else if is(&[SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED]) {
        SqlError::Conflict
    } else if is(&[SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_COLUMN]) {
        SqlError::Schema
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        SqlError::Denied(description())
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        SqlError::ReadOnly(description())
    } else if *code == SqlState::FEATURE_NOT_SUPPORTED {
        // The prepared statement is outdated, for example after a migration of the server. A
        // connection that prepares it again works.
        SqlError::Lost(description())
    } else {
        SqlError::Refused(description())
    }
}

/// Returns whether an I/O error comes from TLS.
fn is_tls(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}
