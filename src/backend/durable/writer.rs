//! Writes the changes of a store to its file: the writer thread, and callers that find it idle.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, Job};
use super::channel::{self, Received, Receiver};
use super::counters::Counters;
use super::database::Database;
use super::pending_last_used::PendingLastUsed;
use crate::backend::memory::Memory;
use crate::backend::{Operation, Outcome};
use crate::error::{ErrorKind, Result};
use crate::os::signals;

/// Maximum time until a login is written.
const WRITE_BEHIND: Duration = Duration::from_millis(900);

/// Number of commits in a row with a single change after which callers write their own changes
/// again.
const SINGLE_COMMITS: u32 = 8;

/// A writer that the thread and the callers take turns to use.
pub(super) struct SharedWriter {
    writer: Mutex<Writer>,
    /// Number of commits in a row with a single change.
    single_commits: AtomicU32,
}

impl SharedWriter {
    pub fn new(
        memory: Arc<Memory>,
        pending: Arc<PendingLastUsed>,
        counters: Arc<Counters>,
        database: Database,
    ) -> Self {
        counters.store(database.file_statistics());
        let writer = Writer {
            memory,
            pending,
            counters,
            database,
            backlog: VecDeque::new(),
            last_used_due: None,
            must_truncate_log: false,
        };
        Self { writer: Mutex::new(writer), single_commits: AtomicU32::new(SINGLE_COMMITS) }
    }

    /// Runs the thread, which ends when the sender of jobs is dropped.
    pub fn run(&self, jobs: &Receiver<Job>) {
        let mut due = None;
        loop {
            let received = jobs.receive(due);
            let mut writer = self.writer.try_lock().unwrap_or_else(|_| {
                // The thread must not wait for one caller after the other.
                self.single_commits.store(0, Ordering::Relaxed);
                self.writer.lock().unwrap_or_else(PoisonError::into_inner)
            });
            match received {
                Received::Item(job) => writer.backlog.push_back(job),
                Received::TimedOut => {}
                Received::Closed => {
                    writer.catch_panic(|writer| _ = writer.write_last_used());
                    return;
                }
            }
            while {
                jobs.take_all(&mut writer.backlog);
                self.step(&mut writer);
                !writer.backlog.is_empty()
            } {}
            due = writer.last_used_due;
        }
    }

    /// Returns the turn of the calling thread to write its own change. Returns `None` if another
    /// change is under way or there was one recently: then the thread commits several together.
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        if self.single_commits.load(Ordering::Relaxed) < SINGLE_COMMITS {
            return None;
        }
        let writer = self.writer.try_lock().ok();
        if writer.is_none() {
            self.single_commits.store(0, Ordering::Relaxed);
        }
        Some(Turn { shared: self, writer: writer? })
    }

    /// Frees SQLite's page cache.
    pub fn release_memory(&self) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.catch_panic(|writer| writer.database.release_memory());
    }

    /// Does the next jobs of the backlog.
    fn step(&self, writer: &mut MutexGuard<'_, Writer>) {
        writer.catch_panic(|writer| {
            let changes = writer.step();
            match changes {
                0 => {}
                1 => _ = self.single_commits.fetch_add(1, Ordering::Relaxed),
                _ => self.single_commits.store(0, Ordering::Relaxed),
            }
        });
    }
}

/// The turn of a caller to use the writer.
pub(super) struct Turn<'a> {
    shared: &'a SharedWriter,
    writer: MutexGuard<'a, Writer>,
}

impl Turn<'_> {
    /// Commits a change on the calling thread, and writes what is due. An exceeded file size limit
    /// is an error, as it is on the thread, whose signals are blocked.
    pub fn change(mut self, operation: Operation) -> Result<Outcome> {
        let (sender, reply) = channel::oneshot();
        self.writer.backlog.push_back(Job::Change(operation, sender));
        signals::while_writing(|| self.shared.step(&mut self.writer));
        // A panic may have left the job, whose caller must not wait.
        self.writer.backlog.clear();
        drop(self);
        reply.wait().unwrap_or_else(|| Err(super::writer_died()))
    }
}

/// The database, and what has to be written to it.
struct Writer {
    memory: Arc<Memory>,
    pending: Arc<PendingLastUsed>,
    counters: Arc<Counters>,
    database: Database,
    backlog: VecDeque<Job>,
    /// When the times of last use must be written.
    last_used_due: Option<Instant>,
    /// The log contains values of removed tokens and must be truncated.
    must_truncate_log: bool,
}

impl Writer {
    /// Runs `work`. If it panics, the senders of its replies are dropped, so that callers do not
    /// wait forever.
    fn catch_panic(&mut self, work: impl FnOnce(&mut Self)) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            // A committed change may be missing in memory.
            self.memory.poison();
            self.database.mark_commit_uncertain();
            std::mem::forget(payload);
        }
    }

    /// Does the next jobs of the backlog, and what is due. Returns the number of changes that it
    /// committed together.
    fn step(&mut self) -> usize {
        let mut changes = 0;
        match self.backlog.front() {
            Some(Job::Change(..)) => changes = self.change(),
            // Removed first, so that no job is repeated after a panic.
            Some(Job::Flush(_) | Job::Used) => match self.backlog.pop_front() {
                Some(Job::Flush(caller)) => caller.send(self.flush()),
                _ => _ = self.last_used_due.get_or_insert_with(|| Instant::now() + WRITE_BEHIND),
            },
            None => {}
        }
        if self.last_used_due.is_some_and(|due| due <= Instant::now()) {
            // Tried again later if it fails.
            let _ = self.write_last_used();
        }
        if self.must_truncate_log {
            let _ = self.truncate_log();
        }
        self.database.maybe_checkpoint();
        self.counters.store(self.database.file_statistics());
        changes
    }

    /// Commits changes from the backlog together, while logins and reads continue, and then applies
    /// them to the memory. Returns their number.
    fn change(&mut self) -> usize {
        if self.memory.check_room_to_replace().is_err() {
            self.database.release_memory();
        }
        let mut batch = Batch::plan(&self.memory, &mut self.backlog);
        let changes = batch.changes();
        batch.reserve_for(&self.memory, || self.database.release_memory());
        let written = match batch.effects().next() {
            Some(_) => match self.database.write(batch.effects()) {
                Err(error) if error.kind() == ErrorKind::NoMemory => {
                    self.database.release_memory();
                    self.database.write(batch.effects())
                }
                written => written,
            },
            None => Ok(()),
        };
        match written {
            Ok(()) => {
                // Before the replies, so that each caller finds its commit counted.
                self.counters.store(self.database.file_statistics());
                if batch.must_truncate_log() {
                    // The change has succeeded. If truncating fails, it is tried again later.
                    self.must_truncate_log = true;
                    let _ = self.truncate_log();
                }
                batch.succeed(&self.memory);
            }
            Err(error) => batch.fail(&error),
        }
        changes
    }

    /// Writes the times of last use and truncates the log.
    fn flush(&mut self) -> Result<()> {
        self.write_last_used()?;
        self.truncate_log()
    }

    fn truncate_log(&mut self) -> Result<()> {
        self.database.truncate_log()?;
        self.must_truncate_log = false;
        Ok(())
    }

    /// Writes the times of last use of recently used records.
    fn write_last_used(&mut self) -> Result<()> {
        self.last_used_due = None;
        let (mut ids, mut records) = (Vec::new(), Vec::new());
        let taken = self.pending.take(&mut ids, &mut records);
        let mut written = Ok(());
        if !ids.is_empty() {
            self.memory.find_records(&ids, &mut records)?;
            records.iter().for_each(|record| record.clear_unwritten());
            written = self.database.write_last_used(&records);
        }
        if written.is_err() {
            self.pending.put_back(&records);
        }
        let written = written.and(taken);
        if written.is_err() {
            self.last_used_due = Some(Instant::now() + WRITE_BEHIND);
        }
        written
    }
}
