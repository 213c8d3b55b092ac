//! The writer thread of a store's file.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Job};
use super::channel::{Received, Receiver};
use super::counters::Counters;
use super::database::Database;
use super::pending_last_used::PendingLastUsed;
use crate::backend::memory::Memory;
use crate::error::{ErrorKind, Result};

/// Maximum time until a login is written.
const WRITE_BEHIND: Duration = Duration::from_millis(900);

/// The state of the thread. It ends when the sender of jobs is dropped.
pub(super) struct Writer {
    memory: Arc<Memory>,
    pending: Arc<PendingLastUsed>,
    counters: Arc<Counters>,
    database: Database,
    jobs: Receiver<Job>,
    backlog: VecDeque<Job>,
    /// When the times of last use must be written.
    last_used_due: Option<Instant>,
    /// The log contains values of removed tokens and must be truncated.
    must_truncate_log: bool,
}

impl Writer {
    pub fn new(
        memory: Arc<Memory>,
        pending: Arc<PendingLastUsed>,
        counters: Arc<Counters>,
        database: Database,
        jobs: Receiver<Job>,
    ) -> Self {
        counters.store(database.file_statistics());
        Self {
            memory,
            pending,
            counters,
            database,
            jobs,
            backlog: VecDeque::new(),
            last_used_due: None,
            must_truncate_log: false,
        }
    }

    pub fn run(mut self) {
        loop {
            // After a panic, the senders of replies are dropped, so that callers do not wait
            // forever.
            let continues = catch_unwind(AssertUnwindSafe(|| self.step()));
            match continues {
                Ok(true) => {}
                Ok(false) => break,
                Err(payload) => {
                    // A committed change may be missing in memory.
                    self.memory.poison();
                    self.database.mark_commit_uncertain();
                    std::mem::forget(payload);
                }
            }
        }
    }

    /// Waits for jobs and does them. Returns false when the thread should end.
    fn step(&mut self) -> bool {
        if self.backlog.is_empty() {
            match self.jobs.receive(self.last_used_due) {
                Received::Item(job) => self.backlog.push_back(job),
                Received::TimedOut => {}
                Received::Closed => {
                    let _ = self.write_last_used();
                    return false;
                }
            }
        }
        self.jobs.take_all(&mut self.backlog);
        match self.backlog.front() {
            Some(Job::Change(..)) => self.change(),
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
        true
    }

    /// Commits changes from the backlog together, while logins and reads continue, and then applies
    /// them to the memory.
    fn change(&mut self) {
        let mut batch = Batch::plan(&self.memory, &mut self.backlog);
        batch.reserve_for(&self.memory);
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
