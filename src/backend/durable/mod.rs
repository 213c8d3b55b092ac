//! The backend for files: a copy of all tokens in memory, and an SQLite file.
//!
//! Reads are answered from memory. One writer thread commits changes to the file, for all waiting
//! callers together, and then applies them to the memory. A caller that is alone does so itself,
//! which saves two switches of threads. So both always agree, except for times of last use, which
//! are written up to a second later.

mod access;
mod batch;
mod channel;
mod counters;
mod database;
mod errors;
mod file;
mod format;
mod new_file;
mod pending_last_used;
mod rows;
mod scan;
mod schema;
mod side_files;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use self::batch::Job;
use self::channel::{Receiver, ReplySender, Sender};
use self::counters::Counters;
use self::database::Database;
use self::file::OwnedFile;
use self::pending_last_used::PendingLastUsed;
use self::rows::LoadedPart;
pub(crate) use self::scan::{check, scan};
use self::writer::SharedWriter;
use super::{
    Backend, ClientQuery, Contents, FailedSearch, Judge, Judgment, Memory, Operation, Outcome,
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
    pending: Arc<PendingLastUsed>,
    counters: Arc<Counters>,
    /// `None` only until the file is open, and during `drop`, like `jobs` and `thread`.
    writer: Option<Arc<SharedWriter>>,
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Fork generation of the process that owns the file.
    generation: u64,
}

/// Maximum number of parts that are read ahead while a file is loaded.
const PARTS_AHEAD: usize = 8;

/// Number of records for which memory is allocated ahead of time: more than are read ahead.
const RECORDS_AHEAD: usize = 2 * PARTS_AHEAD * rows::CHUNK;

/// Error returned when the writer thread has died.
fn writer_died() -> Error {
    Error::new(ErrorKind::Internal, "internal error: a bug in the library")
}

impl Durable {
    /// Opens the store in a file, creating the file if it does not exist.
    ///
    /// # Errors
    /// `InvalidArgument` for an unsuitable path; `Locked`, `Version`, `Corrupt`, `Io`, `Database`.
    /// The file is unchanged then.
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
        let (memory, pending) = (Arc::new(Memory::new()?), Arc::new(PendingLastUsed::default()));
        let counters = Arc::new(Counters::default());
        let (jobs, receiver) = channel::channel(usize::MAX);
        // One thread reads the file while the other one fills the memory.
        let (loaded, parts) = channel::channel(PARTS_AHEAD);
        let (opened, reply) = channel::oneshot();
        let thread = {
            let (memory, pending) = (Arc::clone(&memory), Arc::clone(&pending));
            let counters = Arc::clone(&counters);
            let documents = Arc::clone(documents);
            move || {
                // If filling the memory has failed, the parts are dropped.
                let database =
                    Database::open(file, &documents, memory.interner(), &mut |part| match part {
                        LoadedPart::Damaged(error) => Err(error),
                        part => loaded.send(part),
                    });
                drop(loaded);
                let writer = database.map(|database| {
                    Arc::new(SharedWriter::new(memory, pending, counters, database))
                });
                let own = writer.as_ref().ok().map(Arc::clone);
                opened.send(writer);
                if let Some(writer) = own {
                    writer.run(&receiver);
                }
            }
        };
        let spawn = || thread::Builder::new().name("rbtoken-writer".into()).spawn(thread);
        let thread = signals::with_all_blocked(spawn).map_err(|error| {
            Error::new(ErrorKind::Io, format!("the writer thread cannot be started: {error}"))
        })?;
        // If an error follows, dropping the store waits until the thread has closed the file.
        let (jobs, thread) = (Some(jobs), Some(thread));
        let mut store = Self { memory, pending, counters, writer: None, jobs, thread, generation };
        let loaded = store.load(parts);
        // Taken even if the load has failed, so that the thread has the last reference to the
        // writer and closes the file.
        let writer = reply
            .wait()
            .unwrap_or_else(|| Err(writer_died()))
            .map_err(|error| error.at_argument(Argument::Location));
        store.writer = Some(loaded.and(writer)?);
        Ok(store)
    }

    /// Fills the memory with the contents of the file.
    fn load(&self, parts: Receiver<LoadedPart>) -> Result<()> {
        let mut indexes = self.memory.write()?;
        let mut expected = 0_usize;
        for part in parts {
            match part {
                LoadedPart::Tokens(count) => {
                    self.memory.reserve(&mut indexes, count)?;
                    expected = count;
                }
                LoadedPart::Effects(effects) => {
                    expected = expected.saturating_sub(effects.len());
                    drop(self.memory.apply(&mut indexes, effects)?);
                }
                LoadedPart::LastId(last_id) => indexes.raise_last_id(last_id),
                LoadedPart::Damaged(error) => return Err(error),
            }
            // This thread has time for it: the one that reads the file is slower.
            self.memory.interner().reserve(expected.min(RECORDS_AHEAD));
        }
        Ok(())
    }

    /// Returns the memory, or an error in a child process.
    fn memory(&self) -> Result<&Memory> {
        if self.is_forked() {
            return Err(super::forked());
        }
        Ok(&self.memory)
    }

    fn is_forked(&self) -> bool {
        fork::generation() != Some(self.generation)
    }

    /// Sends a job to the writer thread and waits for the reply.
    fn request<T>(&self, job: impl FnOnce(ReplySender<Result<T>>) -> Job) -> Result<T> {
        let (sender, receiver) = channel::oneshot();
        match &self.jobs {
            Some(jobs) => jobs.send(job(sender))?,
            None => drop(sender),
        }
        receiver.wait().unwrap_or_else(|| Err(writer_died()))
    }
}

/// Returns whether a store of this process has the file at a path open. Opening and closing it
/// again would release its locks.
pub(crate) fn is_open(path: &str) -> bool {
    file::is_owned_path(Path::new(path))
}

/// Creates a file with the contents of a store.
///
/// # Errors
/// `Exists`; those of [`Durable::open`]. The file is removed then.
pub(crate) fn copy(location: &str, contents: &Contents, trusted: &TrustedOwners) -> Result<()> {
    Database::copy(OwnedFile::create(location, trusted)?, contents)
}

impl Drop for Durable {
    fn drop(&mut self) {
        let (writer, jobs, thread) = (self.writer.take(), self.jobs.take(), self.thread.take());
        if self.is_forked() {
            // The thread and the file belong to the parent process.
            let shared = (Arc::clone(&self.memory), Arc::clone(&self.pending));
            std::mem::forget((writer, jobs, thread, shared));
            return;
        }
        // Without a sender, the thread ends and closes the file.
        drop((writer, jobs));
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
        failed_search: &mut Option<FailedSearch>,
    ) -> Result<Option<SharedRecord>> {
        self.memory()?.best_client_token(query, failed_search)
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

    fn inactive_users(&self) -> Result<Vec<Text>> {
        self.memory()?.inactive_users()
    }

    fn contents(&self) -> Result<Contents> {
        self.memory()?.contents()
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        let mut is_first = false;
        let judged = self.memory()?.log_in_with(value, judge, |record, time| {
            is_first = self.pending.record_use(record, time);
        })?;
        if is_first && let Some(jobs) = &self.jobs {
            // If the writer thread has died, changes will report it.
            let _ = jobs.send(Job::Used);
        }
        Ok(judged)
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        self.memory()?;
        match self.writer.as_ref().and_then(|writer| writer.try_turn()) {
            Some(turn) => turn.change(operation),
            None => self.request(|caller| Job::Change(operation, caller)),
        }
    }

    fn check_room(&self) -> Result<()> {
        let memory = self.memory()?;
        memory.check_room().or_else(|error| {
            self.writer.as_ref().ok_or(error)?.release_memory();
            memory.check_room()
        })
    }

    fn statistics(&self) -> Result<Statistics> {
        let statistics = self.memory()?.statistics()?;
        Ok(Statistics { kind: "file", file: Some(self.counters.read()), ..statistics })
    }

    fn flush(&self) -> Result<()> {
        self.memory()?;
        self.request(Job::Flush)
    }

    fn check(&self) -> Result<()> {
        self.memory().map(|_| ())
    }
}
