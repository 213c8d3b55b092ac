//! Checks of a database: what the account may do, and what the server and its tables are set to.

use super::sql_error::SqlError;
use super::{ReviewBoard, rows};
use crate::backend::Backend;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::model::requests::{Finding, TokenFilter};

/// Maximum number of unreadable rows that are listed.
const MAX_LISTED: usize = 20;

/// Statements that need a privilege, and change nothing.
const PRIVILEGES: [(&str, &str); 6] = [
    ("SELECT on auth_user", "SELECT id FROM auth_user WHERE 1 = 0"),
    ("SELECT on site_localsite", "SELECT id FROM site_localsite WHERE 1 = 0"),
    (
        "SELECT on siteconfig_siteconfiguration",
        "SELECT id FROM siteconfig_siteconfiguration WHERE 1 = 0",
    ),
    ("SELECT on webapi_webapitoken", "SELECT id FROM webapi_webapitoken WHERE 1 = 0"),
    ("UPDATE on webapi_webapitoken", "UPDATE webapi_webapitoken SET note = '' WHERE 1 = 0"),
    ("DELETE on webapi_webapitoken", "DELETE FROM webapi_webapitoken WHERE 1 = 0"),
];

impl ReviewBoard {
    /// Runs all checks that the tables and the account's privileges allow.
    pub fn findings(&self) -> Result<Vec<Finding>> {
        let schema = self.check_schema();
        let (has_tables, can_read) = match &schema {
            Ok(()) => (true, true),
            Err(SqlError::Denied(_)) => (true, false),
            Err(SqlError::Schema) => (false, false),
            Err(SqlError::Library(error)) if error.kind() == ErrorKind::Version => (true, true),
            Err(error) => return Err(error.clone().into()),
        };
        let is_ok = schema.is_ok();
        let detail = match schema {
            Ok(()) => "the tables are those of Review Board 5.0 or newer".to_owned(),
            Err(error) => Error::from(error).message(),
        };
        let mut findings = vec![Finding { name: "schema", is_ok, detail }];
        if has_tables {
            findings.push(self.check_privileges()?);
        }
        findings.extend(self.check_time_zone()?);
        findings.extend(self.check_collation()?);
        if can_read {
            findings.push(self.check_rows()?);
        }
        Ok(findings)
    }

    fn check_privileges(&self) -> Result<Finding> {
        let mut missing = Vec::new();
        let columns = rows::INSERTED.split_whitespace().collect::<Vec<_>>().join(", ");
        let insert = format!(
            "INSERT INTO webapi_webapitoken ({columns}) \
             SELECT {columns} FROM webapi_webapitoken WHERE 1 = 0"
        );
        let mut statements = PRIVILEGES.to_vec();
        statements.push(("INSERT on webapi_webapitoken", &insert));
        match self.kind {
            "postgresql" => statements.push((
                "USAGE on the sequence of webapi_webapitoken.id",
                // Fails with a division by zero if the privilege is missing.
                "SELECT 1 / CASE WHEN has_sequence_privilege(\
                     pg_get_serial_sequence('webapi_webapitoken', 'id'), 'USAGE') \
                     THEN 1 ELSE 0 END",
            )),
            "mysql" => statements.push((
                "UPDATE (id) on auth_user",
                "SELECT id FROM auth_user WHERE 1 = 0 FOR UPDATE",
            )),
            _ => {}
        }
        for (privilege, statement) in statements {
            let tried = self.transact(self.limits(), |connection| {
                if statement.starts_with("SELECT") {
                    connection.query(statement, &[]).map(drop)
                } else {
                    connection.execute(statement, &[]).map(drop)
                }
            });
            match tried {
                Ok(()) => {}
                Err(SqlError::Denied(_) | SqlError::Refused(_) | SqlError::ReadOnly(_)) => {
                    missing.push(privilege);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let detail = match missing.is_empty() {
            true => "the account has all privileges that the library needs".to_owned(),
            false => format!("missing privileges: {}", missing.join("; ")),
        };
        Ok(Finding { name: "grants", is_ok: missing.is_empty(), detail })
    }

    /// Compares the server's time in UTC with this machine's, since expiry depends on both.
    fn check_time_zone(&self) -> Result<Option<Finding>> {
        const MAX_DIFFERENCE_SECS: i64 = 60;
        let statement = match self.kind {
            "postgresql" => {
                "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS bigint), \
                 current_setting('TimeZone')"
            }
            "mysql" => {
                "SELECT TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP()), \
                 CAST(@@session.time_zone AS char(64))"
            }
            _ => return Ok(None),
        };
        let rows = self.read_retrying(|connection| connection.query(statement, &[]))?;
        let now = SystemClock.now()?.as_micros() / 1_000_000;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let difference = row.int_or_none().map_or(0, |server| server - now);
        let zone = row.text().ok().flatten().unwrap_or_default();
        let is_ok = difference.abs() <= MAX_DIFFERENCE_SECS;
        let detail = match is_ok {
            true => format!("{} (times are stored in UTC)", zone.as_str()),
            false => format!("the server's clock is {difference} s ahead of this machine's"),
        };
        Ok(Some(Finding { name: "time zone", is_ok, detail }))
    }

    fn check_collation(&self) -> Result<Option<Finding>> {
        let (statement, expected) = match self.kind {
            "postgresql" => (
                "SELECT CAST(pg_encoding_to_char(encoding) AS text), CAST(datcollate AS text) \
                 FROM pg_database WHERE datname = current_database()",
                "UTF8",
            ),
            "mysql" => (
                "SELECT CAST(CHARACTER_SET_NAME AS char(64)), CAST(COLLATION_NAME AS char(64)) \
                 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() \
                 AND TABLE_NAME = 'webapi_webapitoken' AND COLUMN_NAME = 'note'",
                "utf8mb4",
            ),
            _ => return Ok(None),
        };
        let rows = self.read_retrying(|connection| connection.query(statement, &[]))?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let mut text = || row.text().ok().flatten().unwrap_or_default();
        let (charset, collation) = (text(), text());
        let is_ok = charset.as_str() == expected;
        let (charset, collation) = (charset.as_str(), collation.as_str());
        let detail = match is_ok {
            true => format!("{charset}, {collation}"),
            false => format!(
                "{charset}, {collation}: only {expected} can store every note, reason and value"
            ),
        };
        Ok(Some(Finding { name: "collation", is_ok, detail }))
    }

    fn check_rows(&self) -> Result<Finding> {
        let (mut total, mut unreadable) = (0_u64, Vec::new());
        self.for_each(&TokenFilter::default(), SystemClock.now()?, &mut |records| {
            total += records.len() as u64;
            unreadable.extend(records.iter().filter_map(|it| Some((it.id(), it.unreadable()?))));
            Ok(())
        })?;
        let is_ok = unreadable.is_empty();
        let listed = unreadable.iter().take(MAX_LISTED);
        let listed: Vec<_> = listed.map(|(id, column)| format!("{id} ({column})")).collect();
        let detail = match is_ok {
            true => format!("{total} tokens can be read"),
            false => format!(
                "{} of {total} tokens cannot be read: {}",
                unreadable.len(),
                listed.join(", ")
            ),
        };
        Ok(Finding { name: "rows", is_ok, detail })
    }
}
