//! The SQLite database: transactions, checkpoints and recovery from errors.

use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::TransactionBehavior::Immediate;
use rusqlite::{Connection, ErrorCode, Transaction};

use super::errors::{io_error, sqlite_error};
use super::file::{OwnedFile, checked_status};
use super::rows::{self, AssignedIds, LoadError, LoadedPart};
use super::schema;
use super::side_files::LOG;
use crate::backend::memory::Effect;
use crate::backend::memory::shared_fields::SharedFieldsInterner;
use crate::backend::{Contents, FileStatistics};
use crate::error::{Error, ErrorKind, Result};
use crate::model::documents::Documents;
use crate::os::descriptors;
use crate::os::files::{self, Identity};
use crate::os::sqlite::OpenedFile;
use crate::token::SharedRecord;

/// Number of rows after which the log is checkpointed.
const ROWS_TO_CHECKPOINT: usize = 1000;

/// The database in a file that this process owns.
pub(super) struct Database {
    /// `None` only during `drop`, which closes it before it releases the file.
    connection: Option<Connection>,
    file: OwnedFile,
    /// SQLite's descriptor of the file.
    main: Descriptor,
    /// SQLite's descriptor of the write-ahead log, once it is open.
    log: Option<Descriptor>,
    /// A commit failed, and its effects may be in the log although the callers got an error.
    is_commit_uncertain: bool,
    rows_since_checkpoint: usize,
    /// As of the last commit.
    ids: AssignedIds,
    /// Number of commits since the file was opened.
    commits: u64,
    /// All contents were read without an error, so the log may be checkpointed on close.
    checkpoint_on_close: bool,
}

/// A descriptor that SQLite writes to.
#[derive(Clone, Copy)]
struct Descriptor {
    fd: RawFd,
    identity: Identity,
    /// File size after SQLite's last write.
    len: u64,
}

impl Descriptor {
    fn new(path: &Path, fd: RawFd) -> Result<Self> {
        let status =
            files::status_of(fd).map_err(|error| io_error(path, "cannot be read", &error))?;
        Ok(Self { fd, identity: status.identity, len: status.len })
    }

    /// Checks that the descriptor still refers to the file and that no other program has resized
    /// it.
    fn check(&self, file: &OwnedFile) -> Result<()> {
        let path = file.path();
        if checked_status(path, self.fd, self.identity)?.len == self.len {
            return Ok(());
        }
        let message =
            format!("{}: another program changed the size of the file or its log", path.display());
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Records the file size after SQLite has written.
    fn record_len(&mut self) {
        if let Ok(status) = files::status_of(self.fd)
            && status.identity == self.identity
        {
            self.len = status.len;
        }
    }
}

impl Database {
    /// Opens the database in a file and creates its tables if it is new.
    fn connect(file: OwnedFile) -> Result<Self> {
        let had_log = file.side_path(LOG).exists();
        let (opened, files) = file.watch(|| schema::open(&file));
        let found = opened.and_then(|connection| {
            let main = find(&files, file.path()).ok_or_else(|| {
                let message = "internal error: SQLite opened the file under another name";
                Error::new(ErrorKind::Internal, message)
            })?;
            Ok((connection, Descriptor::new(file.path(), main)?))
        });
        match found {
            Ok((connection, main)) => {
                let connection = Some(connection);
                let mut database = Self {
                    connection,
                    file,
                    main,
                    log: None,
                    is_commit_uncertain: false,
                    rows_since_checkpoint: 0,
                    ids: AssignedIds::default(),
                    commits: 0,
                    checkpoint_on_close: false,
                };
                database.record_log(&files)?;
                Ok(database)
            }
            Err(error) => {
                // SQLite may have created an empty log.
                if !had_log {
                    file.remove_empty_log(None);
                }
                if file.is_new() {
                    file.undo_creation();
                }
                Err(error)
            }
        }
    }

    /// Records the descriptor of SQLite's log, once it is open.
    fn record_log(&mut self, opened: &[OpenedFile]) -> Result<()> {
        if self.log.is_none() {
            let path = self.file.side_path(LOG);
            self.log = find(opened, &path).map(|fd| Descriptor::new(&path, fd)).transpose()?;
        }
        Ok(())
    }

    /// Opens the database in a file and passes its contents to `visit`, part by part. If that
    /// fails, the file is unchanged.
    pub fn open(
        file: OwnedFile,
        documents: &Documents,
        interner: &SharedFieldsInterner,
        visit: &mut dyn FnMut(LoadedPart) -> Result<()>,
    ) -> Result<Self> {
        let mut database = Self::connect(file)?;
        let (loaded, opened) = database.file.watch(|| {
            database.load(documents, interner, visit)?;
            schema::use_log(database.file.path(), database.connection()?)
        });
        database.record_log(&opened)?;
        database.record_sizes();
        loaded?;
        database.checkpoint_on_close = true;
        Ok(database.keep_file())
    }

    /// Opens the database in a file, adds what SQLite finds wrong with its structure to `problems`,
    /// and passes its contents to `visit`, part by part. The file is unchanged.
    pub fn check(
        file: OwnedFile,
        documents: &Documents,
        interner: &SharedFieldsInterner,
        problems: &mut Vec<String>,
        visit: &mut dyn FnMut(LoadedPart) -> Result<()>,
    ) -> Result<()> {
        let database = Self::connect(file)?;
        let (checked, _) = database.file.watch(|| {
            problems.extend(database.integrity_problems()?);
            database.load(documents, interner, visit)
        });
        checked
    }

    /// Creates a database with the contents of a store in a new file.
    pub fn copy(file: OwnedFile, contents: &Contents) -> Result<()> {
        let mut database = Self::connect(file)?;
        database.fill(contents)?;
        drop(database.keep_file());
        Ok(())
    }

    fn fill(&mut self, contents: &Contents) -> Result<()> {
        self.transaction(|connection| {
            let sites = contents.local_sites.iter().cloned().map(Effect::AddLocalSite);
            let users = contents.inactive_users.iter().cloned();
            let users = users.map(|user| Effect::SetUserActive(user, false));
            let mut ids = AssignedIds::default();
            for effect in sites.chain(users) {
                rows::write(connection, &mut ids, [&effect])?;
            }
            for record in &contents.records {
                rows::write(connection, &mut ids, [&Effect::Insert(record.clone())])?;
            }
            rows::write_last_id(connection, contents.last_id)
        })?;
        self.checkpoint("TRUNCATE")?;
        self.checkpoint_on_close = true;
        Ok(())
    }

    /// Keeps the file, even if it is new.
    fn keep_file(mut self) -> Self {
        self.file.keep();
        self
    }

    /// Checkpoints the log, closes the connection and removes the log.
    fn close(&mut self) {
        if self.checkpoint_on_close {
            // If this fails, some ids are skipped.
            let _ = self.release_reserved_ids();
            // If this fails, the log is replayed when the file is opened again.
            let _ = self.checkpoint_log();
        }
        let Some(connection) = self.connection.take() else { return };
        if self.has_lost_descriptor() {
            // Leaked, since closing it would close files of the host.
            std::mem::forget(connection);
            return;
        }
        drop(connection);
        if let Some(log) = &self.log {
            self.file.remove_empty_log(Some(log.identity));
        }
    }

    /// Marks only ids that were assigned, so that the next one follows them.
    fn release_reserved_ids(&mut self) -> Result<()> {
        let AssignedIds { last, reserved } = self.ids;
        if reserved == last {
            return Ok(());
        }
        self.transaction(|connection| rows::write_last_id(connection, last))?;
        self.ids.reserved = last;
        Ok(())
    }

    fn checkpoint_log(&mut self) -> Result<()> {
        self.recover_wal()?;
        self.checkpoint("TRUNCATE")
    }

    /// Returns whether the host has reused the number of one of SQLite's descriptors.
    fn has_lost_descriptor(&self) -> bool {
        let path = self.file.path();
        let mut descriptors = [Some(&self.main), self.log.as_ref()].into_iter().flatten();
        descriptors.any(|it| checked_status(path, it.fd, it.identity).is_err())
    }

    fn connection(&self) -> Result<&Connection> {
        let closed = || Error::new(ErrorKind::Internal, "internal error: the database is closed");
        self.connection.as_ref().ok_or_else(closed)
    }

    /// Checks all descriptors that are written to.
    fn check_descriptors(&self) -> Result<()> {
        self.file.check_descriptors(self.main.fd)?;
        self.main.check(&self.file)?;
        match &self.log {
            Some(log) => log.check(&self.file),
            None => Ok(()),
        }
    }

    /// Checks that the paths of the file and its log still refer to the open files.
    fn check_names(&self) -> Result<()> {
        self.file.check_in_place(self.log.map(|log| log.identity))
    }

    fn record_sizes(&mut self) {
        self.main.record_len();
        if let Some(log) = &mut self.log {
            log.record_len();
        }
    }

    fn load(
        &self,
        documents: &Documents,
        interner: &SharedFieldsInterner,
        visit: &mut dyn FnMut(LoadedPart) -> Result<()>,
    ) -> Result<()> {
        let path = self.file.path();
        rows::load(self.connection()?, documents, interner, visit).map_err(|unreadable| {
            match unreadable {
                // A table or column is missing.
                LoadError::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                    let message = format!("{}: the file is damaged: {error}", path.display());
                    Error::new(ErrorKind::Corrupt, message)
                }
                LoadError::Sql(error) => sqlite_error(path, &error),
                LoadError::Row(error) => error.prefixed(path.display()),
            }
        })
    }

    /// Commits effects in one transaction. They are durable when this returns.
    pub fn write<'a>(&mut self, effects: impl IntoIterator<Item = &'a Effect>) -> Result<()> {
        let (mut count, mut ids) = (0, self.ids);
        let effects = effects.into_iter().inspect(|_| count += 1);
        self.transaction(|connection| rows::write(connection, &mut ids, effects))?;
        self.ids = ids;
        self.rows_since_checkpoint += count;
        Ok(())
    }

    /// Commits the times of last use of records.
    pub fn write_last_used(&mut self, records: &[SharedRecord]) -> Result<()> {
        self.transaction(|connection| {
            let mut statement = rows::last_used_statement(connection)?;
            records.iter().try_for_each(|record| rows::write_last_used_of(&mut statement, record))
        })?;
        self.rows_since_checkpoint += records.len();
        Ok(())
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<()> {
        self.recover_wal()?;
        self.check_descriptors()?;
        self.check_names()?;
        let connection = self.connection()?;
        let run = || {
            let transaction = Transaction::new_unchecked(connection, Immediate)?;
            work(&transaction)?;
            transaction.commit()
        };
        // SQLite opens the log before its first commit.
        let (written, opened) = match self.log {
            Some(_) => (run(), Vec::new()),
            None => self.file.watch(run),
        };
        if let Err(error) = self.record_log(&opened) {
            self.is_commit_uncertain = true;
            return Err(error);
        }
        self.record_sizes();
        self.commits += u64::from(written.is_ok());
        written.map_err(|error| {
            let error = sqlite_error(self.file.path(), &error);
            // The failed commit may be in the log. It must not be replayed after a crash, since the
            // callers are told that it failed.
            self.is_commit_uncertain = true;
            let _ = self.recover_wal();
            error
        })
    }

    /// Returns the file sizes after the last commit, and the number of commits.
    pub fn file_statistics(&self) -> FileStatistics {
        FileStatistics {
            bytes: self.main.len,
            log_bytes: self.log.map_or(0, |log| log.len),
            commits: self.commits,
        }
    }

    /// Returns what SQLite's own checks find wrong with the structure of the file.
    fn integrity_problems(&self) -> Result<Vec<String>> {
        let connection = self.connection()?;
        let run = || -> rusqlite::Result<Vec<String>> {
            let mut problems = Vec::new();
            let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                problems.push(row.get::<_, String>(0)?);
            }
            problems.retain(|problem| problem != "ok");
            let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let (table, row_id): (String, Option<i64>) = (row.get(0)?, row.get(1)?);
                let row_id = row_id.unwrap_or_default();
                problems.push(format!("row {row_id} of {table} refers to a row that is missing"));
            }
            Ok(problems)
        };
        run().map_err(|error| sqlite_error(self.file.path(), &error))
    }

    /// Frees SQLite's page cache.
    pub fn release_memory(&mut self) {
        let _ = self.sql("PRAGMA shrink_memory");
    }

    /// Marks the last commit as uncertain: its effects may be in the log.
    pub fn mark_commit_uncertain(&mut self) {
        self.is_commit_uncertain = true;
        self.record_sizes();
    }

    /// Removes the effects of an uncertain commit from the log. Must succeed before anything else
    /// is written.
    fn recover_wal(&mut self) -> Result<()> {
        if !self.is_commit_uncertain {
            return Ok(());
        }
        self.check_descriptors()?;
        if !self.connection()?.is_autocommit() {
            self.sql("ROLLBACK")?;
        }
        self.checkpoint("TRUNCATE")?;
        if let Some(log) = &self.log {
            let failed = |error| io_error(&self.file.side_path(LOG), "cannot be emptied", &error);
            descriptors::sync(log.fd).map_err(failed)?;
        }
        self.is_commit_uncertain = false;
        Ok(())
    }

    /// Checkpoints the log if it is large. Failure is harmless: commits in the log are as durable
    /// as those in the file.
    pub fn maybe_checkpoint(&mut self) {
        if self.rows_since_checkpoint >= ROWS_TO_CHECKPOINT && !self.is_commit_uncertain {
            let _ = self.checkpoint("PASSIVE");
        }
    }

    /// Checkpoints and truncates the log, so that it no longer contains deleted values. Not done
    /// more often than needed, since commits take longer while the log grows again.
    ///
    /// # Errors
    /// Those of the disk. Committed changes are durable nevertheless.
    pub fn truncate_log(&mut self) -> Result<()> {
        self.recover_wal()?;
        // Nothing to do if there is no log or it is empty.
        if self.log.is_some_and(|log| log.len > 0) {
            self.check_names()?;
            self.checkpoint("TRUNCATE")?;
        }
        Ok(())
    }

    fn checkpoint(&mut self, mode: &str) -> Result<()> {
        self.check_descriptors()?;
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let checkpointed = self.connection()?.query_row(&sql, [], |row| row.get(0));
        self.record_sizes();
        let busy: bool = checkpointed.map_err(|error| sqlite_error(self.file.path(), &error))?;
        if busy {
            let message = format!("{}: the log of the file is in use", self.file.path().display());
            return Err(Error::new(ErrorKind::Database, message));
        }
        self.rows_since_checkpoint = 0;
        Ok(())
    }

    fn sql(&self, sql: &str) -> Result<()> {
        let done = self.connection()?.execute_batch(sql);
        done.map_err(|error| sqlite_error(self.file.path(), &error))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns the first descriptor with which SQLite opened a path.
fn find(opened: &[OpenedFile], path: &Path) -> Option<RawFd> {
    let name = path.as_os_str().as_bytes();
    opened.iter().find(|file| file.path.to_bytes() == name).map(|file| file.fd)
}
