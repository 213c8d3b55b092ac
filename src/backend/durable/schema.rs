//! Tables of a store's file, with Review Board's names and types.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::errors::sqlite_error;
use super::file::{Locking, OwnedFile};
use super::format::{APPLICATION_ID, VERSION, check_version};
use crate::error::{Error, ErrorKind, Result};
use crate::os::sqlite;

/// SQL that migrates from each version to the next; the first creates the tables. Columns are those
/// of Review Board 8.1 in the same order, so that whole rows can be copied there. Those that this
/// library does not use have Review Board's default values.
const MIGRATIONS: [&str; VERSION as usize] = [r#"
CREATE TABLE "auth_user" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "password" varchar(128) NOT NULL DEFAULT '!',
    "last_login" datetime NULL,
    "is_superuser" bool NOT NULL DEFAULT 0,
    "username" varchar(150) NOT NULL UNIQUE,
    "last_name" varchar(150) NOT NULL DEFAULT '',
    "email" varchar(254) NOT NULL DEFAULT '',
    "is_staff" bool NOT NULL DEFAULT 0,
    "is_active" bool NOT NULL,
    "date_joined" datetime NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "first_name" varchar(150) NOT NULL DEFAULT ''
);
CREATE TABLE "site_localsite" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" varchar(32) NOT NULL UNIQUE,
    "public" bool NOT NULL DEFAULT 0,
    "extra_data" text NULL DEFAULT '{}'
);
CREATE TABLE "webapi_webapitoken" (
    "id" integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED,
    "token" varchar(255) NOT NULL UNIQUE,
    "token_generator_id" varchar(255) NOT NULL,
    "time_added" datetime NOT NULL,
    "last_updated" datetime NOT NULL,
    "last_used" datetime NULL,
    "expires" datetime NULL,
    "valid" bool NOT NULL,
    "invalid_date" datetime NULL,
    "invalid_reason" text NOT NULL,
    "note" text NOT NULL,
    "policy" text NULL,
    "extra_data" text NULL,
    "local_site_id" integer NULL
        REFERENCES "site_localsite" ("id") DEFERRABLE INITIALLY DEFERRED
);
"#];

/// Opens the database in a file that this process owns, and migrates its tables.
pub(super) fn open(file: &OwnedFile) -> Result<Connection> {
    let path = file.path();
    let connect = || -> rusqlite::Result<(Connection, i32)> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let connection = match file.locking() {
            Locking::OpenFile => Connection::open_with_flags_and_vfs(path, flags, c"unix-none"),
            Locking::Sqlite => Connection::open_with_flags(path, flags),
        }?;
        // SQLite would checkpoint the log by its path, which may refer to another file by then.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        sqlite::keep_log_on_close(&connection);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.busy_timeout(std::time::Duration::ZERO)?;
        // Exclusive mode must be set before the file is first read, so that SQLite creates no
        // shared-memory file. SQLite's cache is small, so that it keeps few deleted values.
        connection.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE;
             PRAGMA cell_size_check = ON;
             PRAGMA secure_delete = ON;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16384;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA synchronous = FULL;",
        )?;
        let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        Ok((connection, version))
    };
    let (connection, version) = connect().map_err(|error| sqlite_error(path, &error))?;
    // SQLite silently opens a file read-only if it cannot open it for writing.
    if connection.is_readonly("main").unwrap_or(true) {
        let message = format!("{}: the file cannot be opened for writing", path.display());
        return Err(Error::new(ErrorKind::Io, message));
    }
    check_version(path, version)?;
    migrate(path, &connection, version)?;
    // A new file has no contents that could be corrupt.
    if file.is_new() {
        use_log(path, &connection)?;
    }
    Ok(connection)
}

/// Switches the file to a write-ahead log, which changes its header. An existing file is first read
/// and checked, so that a failed open leaves it unchanged.
pub(super) fn use_log(path: &Path, connection: &Connection) -> Result<()> {
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(|error| sqlite_error(path, &error))?;
    if mode != "wal" {
        let message = format!("{}: the journal mode of the file cannot be changed", path.display());
        return Err(Error::new(ErrorKind::Database, message));
    }
    Ok(())
}

/// Migrates the tables in one transaction.
fn migrate(path: &Path, connection: &Connection, version: i32) -> Result<()> {
    let missing = MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0));
    if missing.len() == 0 {
        return Ok(());
    }
    let sql: String = missing.copied().collect();
    connection
        .execute_batch(&format!(
            "BEGIN IMMEDIATE;
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {VERSION};
             {sql}
             COMMIT;"
        ))
        .map_err(|error| sqlite_error(path, &error))
}
