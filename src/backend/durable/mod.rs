//! Tokens in a file: the memory of the process in front, SQLite behind.
//!
//! Whatever is asked is answered from the memory. A change is first written to the file and synced
//! to the disk, by one thread for all callers that wait, and only then made in the memory; so the
//! two never disagree, but for the times of the last logins, which are written up to a second late.

mod access;
mod batch;
mod counters;
mod database;
mod errors;
mod file;
mod format;
mod mailbox;
mod new_file;
mod rows;
mod schema;
mod side_files;
mod uses;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use self::batch::Job;
use self::counters::Counters;
use self::database::Database;
use self::file::OwnedFile;
use self::mailbox::{Answerer, Receiver, Sender};
use self::rows::Loaded;
use self::uses::Uses;
use self::writer::Writer;
use super::{
    Backend, ClientQuery, Contents, Judge, Judgment, Memory, Operation, Outcome, Searched,
    Statistics,
};
use crate::clock::Timestamp;
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::model::connection::TrustedOwners;
use crate::model::documents::Documents;
use crate::model::requests::TokenFilter;
use crate::os::{fork, signals};
use crate::text::Text;
use crate::token::SharedRecord;

/// A store in a file.
pub(crate) struct Durable {
    memory: Arc<Memory>,
    uses: Arc<Uses>,
    counters: Arc<Counters>,
    /// Both are none only while this is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// The process that owns the file, as against one that was forked from it.
    generation: u64,
}

/// So many parts of a file are read ahead of what is in the memory.
const PARTS_AHEAD: usize = 8;

/// For so many records memory is had ready meanwhile: for more than are read ahead.
const RECORDS_AHEAD: usize = 2 * PARTS_AHEAD * rows::CHUNK;

/// What a caller is told whom nobody answers.
fn defect() -> Error {
    Error::new(ErrorKind::Internal, "internal error: a bug in the library")
}

impl Durable {
    /// Opens the store in a file, and makes it if there is none.
    ///
    /// # Errors
    /// `InvalidArgument` for a path that is not to be used, `Locked`, `Version`, `Corrupt`, `Io`,
    /// `Database`. What was there is left as it is then.
    pub fn open(
        location: &str,
        documents: &Arc<Documents>,
        trusted: &TrustedOwners,
    ) -> Result<Self> {
        let generation = fork::generation().ok_or_else(|| {
            let message = "fork() cannot be detected on this operating system";
            Error::new(ErrorKind::Unsupported, message).at_argument(Argument::Location)
        })?;
        let file = OwnedFile::open(location, trusted)
            .map_err(|error| error.at_argument(Argument::Location))?;
        let (memory, uses) = (Arc::new(Memory::new()?), Arc::new(Uses::default()));
        let counters = Arc::new(Counters::default());
        let (jobs, receiver) = mailbox::queue(usize::MAX);
        // What the file has is read on the one thread while the other puts it into the memory.
        let (loaded, parts) = mailbox::queue(PARTS_AHEAD);
        let (opened, answer) = mailbox::question();
        let thread = {
            let (memory, uses) = (Arc::clone(&memory), Arc::clone(&uses));
            let counters = Arc::clone(&counters);
            let documents = Arc::clone(documents);
            move || {
                // Nobody waits for the parts any more only if putting them into the memory failed.
                let database = Database::open(file, &documents, memory.commons(), &mut |part| {
                    loaded.send(part)
                });
                drop(loaded);
                let (database, outcome) = match database {
                    Ok(database) => (Some(database), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                opened.answer(outcome);
                if let Some(database) = database {
                    Writer::new(memory, uses, counters, database, receiver).run();
                }
            }
        };
        let spawn = || thread::Builder::new().name("rbtoken-writer".into()).spawn(thread);
        let thread = signals::with_all_blocked(spawn).map_err(|error| {
            Error::new(ErrorKind::Io, format!("the writer thread cannot be started: {error}"))
        })?;
        // Dropped in case of an error, it waits for the thread to give the file up.
        let store =
            Self { memory, uses, counters, jobs: Some(jobs), thread: Some(thread), generation };
        store.load(parts)?;
        answer
            .wait()
            .unwrap_or_else(|| Err(defect()))
            .map_err(|error| error.at_argument(Argument::Location))?;
        Ok(store)
    }

    /// Puts what the file has into the memory.
    fn load(&self, parts: Receiver<Loaded>) -> Result<()> {
        let mut book = self.memory.write()?;
        let mut expected = 0_usize;
        for part in parts {
            match part {
                Loaded::Tokens(count) => {
                    self.memory.reserve(&mut book, count)?;
                    expected = count;
                }
                Loaded::Effects(effects) => {
                    expected = expected.saturating_sub(effects.len());
                    drop(self.memory.apply(&mut book, effects)?);
                }
                Loaded::LastId(last_id) => book.raise_last_id(last_id),
            }
            // The thread that reads has more to do than this one.
            self.memory.commons().prepare(expected.min(RECORDS_AHEAD));
        }
        Ok(())
    }

    /// The memory, unless this is a child of the process that owns the file.
    fn memory(&self) -> Result<&Memory> {
        if self.is_forked() {
            return Err(super::forked());
        }
        Ok(&self.memory)
    }

    fn is_forked(&self) -> bool {
        fork::generation() != Some(self.generation)
    }

    /// Has the writer do something, and waits for its answer.
    fn ask<T>(&self, job: impl FnOnce(Answerer<Result<T>>) -> Job) -> Result<T> {
        let (answerer, answer) = mailbox::question();
        match &self.jobs {
            Some(jobs) => jobs.send(job(answerer))?,
            None => drop(answerer),
        }
        answer.wait().unwrap_or_else(|| Err(defect()))
    }
}

/// Whether a store of this process has the file at a path open: closing it after another look would
/// take the locks on it away.
pub(crate) fn is_open(path: &str) -> bool {
    file::is_owned_path(Path::new(path))
}

/// Makes a file of a store at a path, with all that another store has.
///
/// # Errors
/// `Exists` if there is a file; as [`Durable::open`]. No file is left behind then.
pub(crate) fn copy(location: &str, contents: &Contents, trusted: &TrustedOwners) -> Result<()> {
    Database::copy(OwnedFile::create(location, trusted)?, contents)
}

impl Drop for Durable {
    fn drop(&mut self) {
        let (jobs, thread) = (self.jobs.take(), self.thread.take());
        if self.is_forked() {
            // The thread is the parent's, and so is the file.
            std::mem::forget((jobs, thread, Arc::clone(&self.memory), Arc::clone(&self.uses)));
            return;
        }
        // Without a sender the writer ends, and closes the file.
        drop(jobs);
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Backend for Durable {
    fn local_sites(&self) -> Result<Vec<Text>> {
        self.memory()?.local_sites()
    }

    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        searched: &mut Option<Searched>,
    ) -> Result<Option<SharedRecord>> {
        self.memory()?.best_client_token(query, searched)
    }

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>> {
        self.memory()?.by_value(value)
    }

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>> {
        self.memory()?.by_id(id)
    }

    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>> {
        self.memory()?.list(filter, now)
    }

    fn count(&self) -> Result<u64> {
        self.memory()?.count()
    }

    fn contents(&self) -> Result<Contents> {
        self.memory()?.contents()
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        let mut is_first = false;
        let judged = self.memory()?.log_in_noting(value, judge, |record, time| {
            is_first = self.uses.note(record, time);
        })?;
        if is_first && let Some(jobs) = &self.jobs {
            // If the writer is gone, changes will tell.
            let _ = jobs.send(Job::Used);
        }
        Ok(judged)
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        self.memory()?;
        self.ask(|caller| Job::Change(operation, caller))
    }

    fn check_room(&self) -> Result<()> {
        self.memory()?.check_room()
    }

    fn statistics(&self) -> Result<Statistics> {
        let statistics = self.memory()?.statistics()?;
        Ok(Statistics { kind: "file", file: Some(self.counters.read()), ..statistics })
    }

    fn flush(&self) -> Result<()> {
        self.memory()?;
        self.ask(Job::Flush)
    }

    fn check(&self) -> Result<()> {
        self.memory().map(|_| ())
    }
}
