//! The database in a store's file: what is written, when it counts, and what is done when it fails.

use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rusqlite::TransactionBehavior::Immediate;
use rusqlite::{Connection, ErrorCode, Transaction};

use super::errors::{io_error, sql_error};
use super::file::{OwnedFile, checked_status};
use super::rows::{self, Loaded, Unreadable};
use super::schema;
use super::side_files::LOG;
use crate::backend::memory::Effect;
use crate::backend::memory::commons::Commons;
use crate::backend::{Contents, FileUse};
use crate::error::{Error, ErrorKind, Result};
use crate::model::documents::Documents;
use crate::os::descriptors;
use crate::os::files::{self, Identity};
use crate::os::sqlite::Opened;
use crate::token::SharedRecord;

/// After so many rows what the journal has is moved into the file.
const ROWS_TO_CHECKPOINT: usize = 1000;

/// The database in a file that this process owns.
pub(super) struct Database {
    /// `None` only while this is dropped. Closed before the file is given up.
    connection: Option<Connection>,
    file: OwnedFile,
    /// SQLite's descriptor of the file.
    main: Descriptor,
    /// SQLite's descriptor of its write-ahead log, once it has opened one.
    log: Option<Descriptor>,
    /// A change failed, and it may be in the log though nobody was told that it happened.
    in_doubt: bool,
    rows_since_checkpoint: usize,
    /// Commits since the file was opened.
    commits: u64,
    /// All of it was read, so its log may be moved into the file on closing.
    is_whole: bool,
}

/// A descriptor that SQLite writes through.
#[derive(Clone, Copy)]
struct Descriptor {
    fd: RawFd,
    identity: Identity,
    /// The size that SQLite left the file with.
    len: u64,
}

impl Descriptor {
    fn new(path: &Path, fd: RawFd) -> Result<Self> {
        let status =
            files::status_of(fd).map_err(|error| io_error(path, "cannot be read", &error))?;
        Ok(Self { fd, identity: status.identity, len: status.len })
    }

    /// Checks that the descriptor is open on the file still, and that nobody else resized it.
    fn check(&self, file: &OwnedFile) -> Result<()> {
        let path = file.path();
        if checked_status(path, self.fd, self.identity)?.len == self.len {
            return Ok(());
        }
        let message =
            format!("{}: another program changed the size of the file or its log", path.display());
        Err(Error::new(ErrorKind::Io, message))
    }

    /// Notes the size that SQLite left the file with.
    fn note_len(&mut self) {
        if let Ok(status) = files::status_of(self.fd)
            && status.identity == self.identity
        {
            self.len = status.len;
        }
    }
}

impl Database {
    /// Opens the database in a file, and makes its tables if it is new.
    fn connect(file: OwnedFile) -> Result<Self> {
        let had_log = file.beside(LOG).exists();
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
                    in_doubt: false,
                    rows_since_checkpoint: 0,
                    commits: 0,
                    is_whole: false,
                };
                database.learn_log(&files)?;
                Ok(database)
            }
            Err(error) => {
                // SQLite may have made one only to see that there is nothing in it.
                if !had_log {
                    file.remove_empty_log(None);
                }
                if file.is_new() {
                    file.remove();
                }
                Err(error)
            }
        }
    }

    /// Learns under which descriptor SQLite has its log open, once it has.
    fn learn_log(&mut self, opened: &[Opened]) -> Result<()> {
        if self.log.is_none() {
            let path = self.file.beside(LOG);
            self.log = find(opened, &path).map(|fd| Descriptor::new(&path, fd)).transpose()?;
        }
        Ok(())
    }

    /// Opens the database in a file, and gives all that it has, part by part. If something is wrong
    /// with it, it is left as it is.
    pub fn open(
        file: OwnedFile,
        documents: &Documents,
        commons: &Commons,
        give: &mut dyn FnMut(Loaded) -> Result<()>,
    ) -> Result<Self> {
        let mut database = Self::connect(file)?;
        let (loaded, opened) = database.file.watch(|| {
            database.load(documents, commons, give)?;
            schema::use_log(database.file.path(), database.connection()?)
        });
        database.learn_log(&opened)?;
        database.note_sizes();
        loaded?;
        database.is_whole = true;
        Ok(database.keep_file())
    }

    /// Makes a new database in a new file with all that a store has.
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
            for effect in sites.chain(users) {
                rows::write(connection, [&effect])?;
            }
            for record in &contents.records {
                rows::write(connection, [&Effect::Insert(record.clone())])?;
            }
            rows::write_last_id(connection, contents.last_id)
        })?;
        self.checkpoint("TRUNCATE")?;
        self.is_whole = true;
        Ok(())
    }

    /// Leaves the file in place, also if it is new.
    fn keep_file(mut self) -> Self {
        self.file.keep();
        self
    }

    /// Moves the log into the file, closes the connection, and removes the log.
    fn close(&mut self) {
        // What cannot be moved now is in the log when the file is opened again.
        let _ = if self.is_whole { self.empty_log_into_file() } else { Ok(()) };
        let Some(connection) = self.connection.take() else { return };
        if self.is_stolen() {
            // Closing would close files of the host's.
            std::mem::forget(connection);
            return;
        }
        drop(connection);
        if let Some(log) = &self.log {
            self.file.remove_empty_log(Some(log.identity));
        }
    }

    fn empty_log_into_file(&mut self) -> Result<()> {
        self.settle()?;
        self.checkpoint("TRUNCATE")
    }

    /// Whether the host has another file under a descriptor of SQLite's.
    fn is_stolen(&self) -> bool {
        let path = self.file.path();
        let mut descriptors = [Some(&self.main), self.log.as_ref()].into_iter().flatten();
        descriptors.any(|it| checked_status(path, it.fd, it.identity).is_err())
    }

    fn connection(&self) -> Result<&Connection> {
        let closed = || Error::new(ErrorKind::Internal, "internal error: the database is closed");
        self.connection.as_ref().ok_or_else(closed)
    }

    /// Checks every descriptor that is written through.
    fn check_descriptors(&self) -> Result<()> {
        self.file.check_descriptors(self.main.fd)?;
        self.main.check(&self.file)?;
        match &self.log {
            Some(log) => log.check(&self.file),
            None => Ok(()),
        }
    }

    /// Checks that the names of the file and its log still lead to what is written.
    fn check_names(&self) -> Result<()> {
        self.file.check_in_place()?;
        match &self.log {
            Some(log) => self.file.check_log_in_place(log.identity),
            None => Ok(()),
        }
    }

    fn note_sizes(&mut self) {
        self.main.note_len();
        if let Some(log) = &mut self.log {
            log.note_len();
        }
    }

    fn load(
        &self,
        documents: &Documents,
        commons: &Commons,
        give: &mut dyn FnMut(Loaded) -> Result<()>,
    ) -> Result<()> {
        let path = self.file.path();
        rows::load(self.connection()?, documents, commons, give).map_err(|unreadable| {
            match unreadable {
                // A table or a column is missing.
                Unreadable::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
                    let message = format!("{}: the file is damaged: {error}", path.display());
                    Error::new(ErrorKind::Corrupt, message)
                }
                Unreadable::Sql(error) => sql_error(path, &error),
                Unreadable::Row(error) => error.prefixed(path.display()),
            }
        })
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
        self.check_descriptors()?;
        self.check_names()?;
        let connection = self.connection()?;
        let run = || {
            let transaction = Transaction::new_unchecked(connection, Immediate)?;
            work(&transaction)?;
            transaction.commit()
        };
        // SQLite opens the log for the first change at the latest.
        let (written, opened) = match self.log {
            Some(_) => (run(), Vec::new()),
            None => self.file.watch(run),
        };
        if let Err(error) = self.learn_log(&opened) {
            self.in_doubt = true;
            return Err(error);
        }
        self.note_sizes();
        self.commits += u64::from(written.is_ok());
        written.map_err(|error| {
            let error = sql_error(self.file.path(), &error);
            // A commit that failed may have reached the journal: it must not come back after a
            // crash, since the callers are told that it did not happen.
            self.in_doubt = true;
            let _ = self.settle();
            error
        })
    }

    /// Returns the sizes after the last commit, and the number of commits.
    pub fn use_of_file(&self) -> FileUse {
        FileUse {
            bytes: self.main.len,
            log_bytes: self.log.map_or(0, |log| log.len),
            commits: self.commits,
        }
    }

    /// Drops SQLite's page cache.
    pub fn release_memory(&mut self) {
        let _ = self.sql("PRAGMA shrink_memory");
    }

    /// Says that a change may have been left half-way.
    pub fn doubt(&mut self) {
        self.in_doubt = true;
        self.note_sizes();
    }

    /// Takes what a failed change may have left in the journal out of it. Nothing else is written
    /// before that.
    fn settle(&mut self) -> Result<()> {
        if !self.in_doubt {
            return Ok(());
        }
        self.check_descriptors()?;
        if !self.connection()?.is_autocommit() {
            self.sql("ROLLBACK")?;
        }
        self.checkpoint("TRUNCATE")?;
        if let Some(log) = &self.log {
            let failed = |error| io_error(&self.file.beside(LOG), "cannot be emptied", &error);
            descriptors::sync(log.fd).map_err(failed)?;
        }
        self.in_doubt = false;
        Ok(())
    }

    /// Moves what the journal has into the file, if there is much of it. Nothing depends on it:
    /// what is in the journal is as safe as what is in the file.
    pub fn tidy(&mut self) {
        if self.rows_since_checkpoint >= ROWS_TO_CHECKPOINT && !self.in_doubt {
            let _ = self.checkpoint("PASSIVE");
        }
    }

    /// Moves what the log has into the file, and cuts the log to nothing, so that it no longer has
    /// what was deleted. Not done oftener than needed: commits take longer while the log grows
    /// again.
    ///
    /// # Errors
    /// Those of the disk; what was committed is safe all the same.
    pub fn empty_log(&mut self) -> Result<()> {
        self.settle()?;
        // Without a log, or with an empty one, there is nothing to do.
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
        self.note_sizes();
        let busy: bool = checkpointed.map_err(|error| sql_error(self.file.path(), &error))?;
        if busy {
            let message = format!("{}: the log of the file is in use", self.file.path().display());
            return Err(Error::new(ErrorKind::Database, message));
        }
        self.rows_since_checkpoint = 0;
        Ok(())
    }

    fn sql(&self, sql: &str) -> Result<()> {
        let done = self.connection()?.execute_batch(sql);
        done.map_err(|error| sql_error(self.file.path(), &error))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.close();
    }
}

/// Returns the first descriptor under which SQLite opened the file of a path.
fn find(opened: &[Opened], path: &Path) -> Option<RawFd> {
    let name = path.as_os_str().as_bytes();
    opened.iter().find(|file| file.path.to_bytes() == name).map(|file| file.fd)
}
