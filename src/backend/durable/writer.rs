//! The writer thread of a store's file.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Job};
use super::counters::Counters;
use super::database::Database;
use super::mailbox::{Received, Receiver};
use super::uses::Uses;
use crate::backend::memory::Memory;
use crate::error::{ErrorKind, Result};

/// Maximum time until a login is written.
const WRITE_BEHIND: Duration = Duration::from_millis(900);

/// The state of the thread. It ends when the sender of jobs is dropped.
pub(super) struct Writer {
    memory: Arc<Memory>,
    uses: Arc<Uses>,
    counters: Arc<Counters>,
    database: Database,
    jobs: Receiver<Job>,
    backlog: VecDeque<Job>,
    /// When the times of last use must be written.
    uses_due: Option<Instant>,
    /// The log contains values of removed tokens and must be truncated.
    log_must_be_emptied: bool,
}

impl Writer {
    pub fn new(
        memory: Arc<Memory>,
        uses: Arc<Uses>,
        counters: Arc<Counters>,
        database: Database,
        jobs: Receiver<Job>,
    ) -> Self {
        counters.store(database.use_of_file());
        Self {
            memory,
            uses,
            counters,
            database,
            jobs,
            backlog: VecDeque::new(),
            uses_due: None,
            log_must_be_emptied: false,
        }
    }

    pub fn run(mut self) {
        loop {
            // After a panic, the senders of replies are dropped, so that callers do not wait
            // forever.
            let went_on = catch_unwind(AssertUnwindSafe(|| self.step()));
            match went_on {
                Ok(true) => {}
                Ok(false) => break,
                Err(payload) => {
                    // A committed change may be missing in memory.
                    self.memory.poison();
                    self.database.doubt();
                    std::mem::forget(payload);
                }
            }
        }
    }

    /// Waits for jobs and does them. Returns false when the thread should end.
    fn step(&mut self) -> bool {
        if self.backlog.is_empty() {
            match self.jobs.receive(self.uses_due) {
                Received::Thing(job) => self.backlog.push_back(job),
                Received::Late => {}
                Received::Closed => {
                    let _ = self.write_uses();
                    return false;
                }
            }
        }
        self.jobs.take_all(&mut self.backlog);
        match self.backlog.front() {
            Some(Job::Change(..)) => self.change(),
            // Removed first, so that no job is repeated after a panic.
            Some(Job::Flush(_) | Job::Used) => match self.backlog.pop_front() {
                Some(Job::Flush(caller)) => caller.answer(self.flush()),
                _ => _ = self.uses_due.get_or_insert_with(|| Instant::now() + WRITE_BEHIND),
            },
            None => {}
        }
        if self.uses_due.is_some_and(|due| due <= Instant::now()) {
            // Tried again later if it fails.
            let _ = self.write_uses();
        }
        if self.log_must_be_emptied {
            let _ = self.empty_log();
        }
        self.database.tidy();
        self.counters.store(self.database.use_of_file());
        true
    }

    /// Commits changes from the backlog together, while logins and reads continue, and then applies
    /// them to the memory.
    fn change(&mut self) {
        let mut batch = Batch::plan(&self.memory, &mut self.backlog);
        batch.make_room(&self.memory);
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
                self.counters.store(self.database.use_of_file());
                if batch.empties_log() {
                    // The change has succeeded. If truncating fails, it is tried again later.
                    self.log_must_be_emptied = true;
                    let _ = self.empty_log();
                }
                batch.succeed(&self.memory);
            }
            Err(error) => batch.fail(&error),
        }
    }

    /// Writes the times of last use and truncates the log.
    fn flush(&mut self) -> Result<()> {
        self.write_uses()?;
        self.empty_log()
    }

    fn empty_log(&mut self) -> Result<()> {
        self.database.empty_log()?;
        self.log_must_be_emptied = false;
        Ok(())
    }

    /// Writes the times of last use of recently used records.
    fn write_uses(&mut self) -> Result<()> {
        self.uses_due = None;
        let (mut ids, mut records) = (Vec::new(), Vec::new());
        let taken = self.uses.take(&mut ids, &mut records);
        let mut written = Ok(());
        if !ids.is_empty() {
            self.memory.find_records(&ids, &mut records)?;
            records.iter().for_each(|record| record.forget_use());
            written = self.database.write_uses(&records);
        }
        if written.is_err() {
            self.uses.put_back(&records);
        }
        let written = written.and(taken);
        if written.is_err() {
            self.uses_due = Some(Instant::now() + WRITE_BEHIND);
        }
        written
    }
}
