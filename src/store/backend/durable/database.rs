//! The database in a store's file: what is written, when it counts, and what is done when it fails.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::file::{Identity, OwnedFile, io_error};
use super::rows::{self, Loaded, Unreadable};
use super::schema;
use crate::error::{Error, ErrorKind, Result};
use crate::os::descriptors;
use crate::store::backend::Contents;
use crate::store::backend::commons::Commons;
use crate::store::backend::memory::Effect;
use crate::store::documents::Documents;
use crate::token::SharedRecord;

/// After so many rows what the journal has is moved into the file.
const ROWS_TO_CHECKPOINT: usize = 1000;

/// The database in a file that this process owns.
pub(super) struct Database {
    /// Stands before the file, so that it is closed before the file is given up.
    connection: Connection,
    file: OwnedFile,
    /// SQLite's journal, where changes are first.
    journal: PathBuf,
    /// None until there is one, which SQLite makes for the first change.
    journal_identity: Option<Identity>,
    /// A change failed, and it may be in the journal though nobody was told that it happened.
    in_doubt: bool,
    rows_since_checkpoint: usize,
}

impl Database {
    /// Opens the database in a file, and makes its tables if it is new.
    fn connect(file: OwnedFile) -> Result<Self> {
        match schema::open(&file) {
            Ok(connection) => {
                let journal = file.log();
                Ok(Self {
                    connection,
                    journal_identity: Identity::at(&journal).ok(),
                    journal,
                    file,
                    in_doubt: false,
                    rows_since_checkpoint: 0,
                })
            }
            Err(error) => {
                if file.is_new() {
                    file.remove();
                }
                Err(error)
            }
        }
    }

    /// Opens the database in a file, and gives all that it has, part by part. If something is wrong
    /// with it, it is left as it is.
    pub fn open(
        file: OwnedFile,
        documents: &Documents,
        commons: &Commons,
        give: &mut dyn FnMut(Loaded),
    ) -> Result<Self> {
        let journal = file.log();
        let had_journal = journal.exists();
        let opened = Self::connect(file).and_then(|database| {
            database.load(documents, commons, give)?;
            Ok(database)
        });
        // SQLite may have made one only to see that there is nothing in it.
        if opened.is_err()
            && !had_journal
            && fs::metadata(&journal).is_ok_and(|journal| journal.len() == 0)
        {
            let _ = fs::remove_file(&journal);
        }
        opened
    }

    /// Makes a new database at a path with all that a store has.
    pub fn copy(location: &str, contents: &Contents) -> Result<()> {
        let mut database = Self::connect(OwnedFile::create(location)?)?;
        let filled = database.fill(contents);
        if filled.is_err() {
            database.remove();
        }
        filled
    }

    fn fill(&mut self, contents: &Contents) -> Result<()> {
        self.transaction(|connection| {
            let sites = contents.local_sites.iter().cloned().map(Effect::AddLocalSite);
            let users = contents.inactive_users.iter().cloned();
            let users = users.map(|user| Effect::SetUserActive(user, false));
            for effect in sites.chain(users) {
                rows::write(connection, [&effect])?;
            }
            for record in &contents.records {
                rows::write(connection, [&Effect::Insert(record.clone())])?;
            }
            rows::write_last_id(connection, contents.last_id)
        })?;
        self.checkpoint("TRUNCATE")?;
        self.tidy_on_close()
    }

    /// Closes the database, and removes it with what belongs to it.
    fn remove(self) {
        let Self { connection, file, .. } = self;
        drop(connection);
        file.remove();
    }

    fn load(
        &self,
        documents: &Documents,
        commons: &Commons,
        give: &mut dyn FnMut(Loaded),
    ) -> Result<()> {
        let path = self.file.path();
        rows::load(&self.connection, documents, commons, give).map_err(|unreadable| {
            match unreadable {
                // A table or a column is missing.
                Unreadable::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                    let message = format!("{}: the file is damaged: {error}", path.display());
                    Error::new(ErrorKind::Corrupt, message)
                }
                Unreadable::Sql(error) => sql_error(path, &error),
                Unreadable::Row(error) => error.prefixed(path.display()),
            }
        })?;
        self.tidy_on_close()
    }

    /// Nothing is wrong with the database, so SQLite may put its files in order when it closes them.
    fn tidy_on_close(&self) -> Result<()> {
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)
            .map(drop)
            .map_err(|error| sql_error(self.file.path(), &error))
    }

    /// Writes effects, all of them or none. They are on the disk when this returns.
    pub fn write<'a>(&mut self, effects: impl IntoIterator<Item = &'a Effect>) -> Result<()> {
        let mut count = 0;
        let effects = effects.into_iter().inspect(|_| count += 1);
        self.transaction(|connection| rows::write(connection, effects))?;
        self.rows_since_checkpoint += count;
        Ok(())
    }

    /// Writes when records were used last.
    pub fn write_uses(&mut self, records: &[SharedRecord]) -> Result<()> {
        self.transaction(|connection| {
            let mut statement = rows::use_statement(connection)?;
            records.iter().try_for_each(|record| rows::write_use(&mut statement, record))
        })?;
        self.rows_since_checkpoint += records.len();
        Ok(())
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<()> {
        self.settle()?;
        self.file.check_in_place()?;
        if let Some(identity) = self.journal_identity {
            identity.check(&self.journal)?;
        }
        let written = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                work(&transaction)?;
                transaction.commit()
            });
        if self.journal_identity.is_none() {
            self.journal_identity = Identity::at(&self.journal).ok();
        }
        written.map_err(|error| {
            let error = sql_error(self.file.path(), &error);
            // A commit that failed may have reached the journal: it must not come back after a
            // crash, since the callers are told that it did not happen.
            self.in_doubt = true;
            let _ = self.settle();
            error
        })
    }

    /// Drops SQLite's page cache.
    pub fn release_memory(&mut self) {
        let _ = self.connection.execute_batch("PRAGMA shrink_memory");
    }

    /// Says that a change may have been left half-way.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Takes what a failed change may have left in the journal out of it. Nothing else is written
    /// before that.
    fn settle(&mut self) -> Result<()> {
        if !self.in_doubt {
            return Ok(());
        }
        if !self.connection.is_autocommit() {
            self.sql("ROLLBACK")?;
        }
        self.checkpoint("TRUNCATE")?;
        let journal = &self.journal;
        let emptied = descriptors::open_for_reading(journal).and_then(|journal| journal.sync_all());
        emptied.map_err(|error| io_error(journal, "cannot be emptied", &error))?;
        self.in_doubt = false;
        Ok(())
    }

    /// Moves what the journal has into the file, if there is much of it. Nothing depends on it: what
    /// is in the journal is as safe as what is in the file.
    pub fn tidy(&mut self) {
        if self.rows_since_checkpoint >= ROWS_TO_CHECKPOINT && !self.in_doubt {
            let _ = self.checkpoint("PASSIVE");
        }
    }

    fn checkpoint(&mut self, mode: &str) -> Result<()> {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let busy: bool = self
            .connection
            .query_row(&sql, [], |row| row.get(0))
            .map_err(|error| sql_error(self.file.path(), &error))?;
        if busy {
            let message = format!("{}: the file's journal is in use", self.file.path().display());
            return Err(Error::new(ErrorKind::Database, message));
        }
        self.rows_since_checkpoint = 0;
        Ok(())
    }

    fn sql(&self, sql: &str) -> Result<()> {
        let done = self.connection.execute_batch(sql);
        done.map_err(|error| sql_error(self.file.path(), &error))
    }
}

/// An error of SQLite's about a file.
pub(super) fn sql_error(path: &Path, error: &rusqlite::Error) -> Error {
    let (kind, what) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (ErrorKind::Io, "the disk is full"),
        Some(ErrorCode::SystemIoFailure) => (ErrorKind::Io, "an input or output operation failed"),
        Some(ErrorCode::CannotOpen) => (ErrorKind::Io, "the file or its journal cannot be opened"),
        Some(ErrorCode::ReadOnly) => (ErrorKind::Io, "the file is read-only"),
        Some(ErrorCode::PermissionDenied) => (ErrorKind::Io, "the file may not be accessed"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Locked, "another program has the file open")
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            (ErrorKind::Corrupt, "the file is damaged")
        }
        Some(ErrorCode::OutOfMemory) => (ErrorKind::NoMemory, "the memory is exhausted"),
        Some(_) => (ErrorKind::Database, "the database refused"),
        // What is not SQLite's own is about a value that a row has.
        None => (ErrorKind::Corrupt, "the file is damaged"),
    };
    let code = match error.sqlite_error() {
        Some(error) => format!(" (SQLite's code {})", error.extended_code),
        None => String::new(),
    };
    Error::new(kind, format!("{}: {what}{code}", path.display()))
}
