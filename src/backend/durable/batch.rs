//! Changes that share one commit.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashSet};

use super::mailbox::Answerer;
use crate::backend::memory::{Effect, Memory, Plan};
use crate::backend::{Backend, Operation, Outcome, Selection};
use crate::error::{Error, Result};
use crate::memory;

/// What the writer is asked for, and whom it answers. Where the writer is gone, so is what would
/// have answered, and the caller learns of it.
pub(super) enum Job {
    Change(Operation, Answerer<Result<Outcome>>),
    /// All that was used before this is to be on the disk.
    Flush(Answerer<Result<()>>),
    /// A record was used; the writer need not wake for it at once.
    Used,
}

/// A planned change with the caller who waits for it.
type Waiting = (Result<Plan>, Answerer<Result<Outcome>>);

/// Changes that were planned one by one against the same memory, and that can happen in some order
/// with the results that were planned.
pub(super) struct Batch {
    waiting: Vec<Waiting>,
    /// Whether one of them is a purge.
    purges: bool,
}

/// A batch that removes as many tokens has them leave the log.
const MANY_REMOVED: usize = 1000;

/// More callers than this wait for the next commit.
const MOST: usize = 1024;

/// Minimum number of callers that share a commit, also when memory is exhausted.
const AT_LEAST: usize = 4;

impl Batch {
    /// Takes the changes off the backlog that can share a commit: up to the first that stands
    /// against one before it.
    ///
    /// All callers wait, so any order of the changes is theirs. One that reads what another writes
    /// may come before it; two that both read and write the same may not share a commit.
    pub fn plan(memory: &Memory, backlog: &mut VecDeque<Job>) -> Self {
        let mut batch = Self { waiting: Vec::with_capacity(AT_LEAST), purges: false };
        let mut claims = Claims::default();
        let book = memory.read();
        let mut next_id = book.as_ref().map_or(0, |book| book.next_id());
        // Without memory for more, the next commit takes them. The first ones need little.
        while batch.waiting.len() < MOST
            && (batch.waiting.len() < AT_LEAST || batch.waiting.try_reserve(1).is_ok())
        {
            // Taken off first, so that a panic drops the job, which tells its caller, and no job is
            // taken twice.
            let (operation, caller) = match backlog.pop_front() {
                Some(Job::Change(operation, caller)) => (operation, caller),
                Some(other) => {
                    backlog.push_front(other);
                    break;
                }
                None => break,
            };
            if !claims.take(&operation, memory) {
                backlog.push_front(Job::Change(operation, caller));
                break;
            }
            batch.purges |= matches!(operation, Operation::Purge(_));
            let plan = match &book {
                Ok(book) => memory.plan(book, operation, &mut next_id),
                Err(error) => Err(error.clone()),
            };
            batch.waiting.push((plan, caller));
        }
        batch
    }

    /// What is to be written.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> + Clone {
        self.waiting
            .iter()
            .filter_map(|(plan, _)| plan.as_ref().ok())
            .flat_map(|plan| &plan.effects)
    }

    /// Whether the values of removed tokens are to leave the log: after a purge, or if there are
    /// many.
    pub fn empties_log(&self) -> bool {
        let removed = self.effects().filter(|effect| matches!(effect, Effect::Remove(_))).count();
        removed >= MANY_REMOVED || self.purges && removed > 0
    }

    /// Makes room in the memory for all that is to be written: once it is, nothing may fail. If
    /// there is too little memory, the changes that need some fail, and the others go on.
    pub fn make_room(&mut self, memory: &Memory) {
        let Ok(mut book) = memory.write() else { return };
        let new = self.effects().filter(|effect| matches!(effect, Effect::Insert(_))).count();
        // The writer's thread may have memory of its own.
        let checked = if new > 0 { memory.check_headroom(new) } else { Ok(()) };
        if checked.and_then(|()| memory.make_room(&mut book, self.effects())).is_ok() {
            return;
        }
        for (plan, _) in &mut self.waiting {
            if plan.as_ref().is_ok_and(|plan| plan.effects.iter().any(Effect::needs_room)) {
                *plan = Err(memory::exhausted(()));
            }
        }
    }

    /// Does in the memory what has been written, and tells the callers.
    pub fn succeed(mut self, memory: &Memory) {
        let mut book = memory.write();
        for (plan, _) in &mut self.waiting {
            let Ok(Plan { effects, .. }) = plan else { continue };
            if effects.is_empty() {
                continue;
            }
            let applied = match &mut book {
                Ok(book) => memory.apply(book, std::mem::take(effects)),
                Err(error) => Err(error.clone()),
            };
            match applied {
                // Dropped without a lock: it may be much.
                Ok(spent) => *effects = spent,
                Err(error) => *plan = Err(error),
            }
        }
        drop(book);
        for (plan, caller) in self.waiting {
            let (outcome, spent) = match plan {
                Ok(Plan { effects, outcome }) => (Ok(outcome), effects),
                Err(error) => (Err(error), Vec::new()),
            };
            // The caller waits, so there is somebody to tell.
            caller.answer(outcome);
            drop(spent);
        }
    }

    /// Tells the callers why nothing was written. Who wanted nothing to be gets the answer.
    pub fn fail(self, error: &Error) {
        for (plan, caller) in self.waiting {
            let outcome =
                plan.and_then(
                    |Plan { effects, outcome }| {
                        if effects.is_empty() { Ok(outcome) } else { Err(error.clone()) }
                    },
                );
            caller.answer(outcome);
        }
    }
}

/// What changes of one batch must not have in common: what they both read and write. Kept as
/// hashes; that two are the same by chance only ends a batch early.
#[derive(Default)]
struct Claims {
    /// Needs no entropy of the operating system, as the standard library's does: where there is
    /// none, that one panics.
    hasher: DefaultHashBuilder,
    taken: HashSet<u64>,
    operations: usize,
    /// The one operation may touch anything.
    whole: bool,
}

/// One thing that a change reads and writes.
#[derive(Hash)]
enum Claim<'a> {
    Client(&'a str, Option<&'a str>, &'a str),
    Value(&'a str),
    Id(i64),
    LocalSite(&'a str),
}

impl Claims {
    /// Claims what a change needs for itself, unless one before it has it.
    fn take(&mut self, operation: &Operation, memory: &Memory) -> bool {
        #[cfg(rbtoken_panic_proof)]
        crate::panic_proof::point(crate::panic_proof::IN_PLAN);
        if self.whole {
            return false;
        }
        let wanted = match operation {
            Operation::Insert(fields, unless) => {
                let client = unless.as_ref().map(|query| {
                    Claim::Client(&query.user, query.local_site.as_deref(), &query.client_name)
                });
                [Some(Claim::Value(fields.value.expose())), client]
            }
            Operation::Update(id, _)
            | Operation::Delete(id)
            | Operation::Invalidate(Selection::Id(id), _) => [Some(Claim::Id(*id)), None],
            Operation::Invalidate(Selection::Value(value), _) => {
                let record = memory.by_value(value.expose());
                [record.ok().flatten().map(|record| Claim::Id(record.id())), None]
            }
            Operation::AddLocalSite(name) => [Some(Claim::LocalSite(name)), None],
            // The last one counts, as it would one by one.
            Operation::SetUserActive(..) => [None, None],
            Operation::RemoveLocalSite(_)
            | Operation::Invalidate(Selection::User(_) | Selection::Everyone, _)
            | Operation::Purge(_)
            | Operation::Import(_) => {
                self.whole = self.operations == 0;
                return self.whole;
            }
        };
        let wanted = wanted.map(|claim| claim.map(|claim| self.hasher.hash_one(claim)));
        if wanted.iter().flatten().any(|claim| self.taken.contains(claim)) {
            return false;
        }
        if self.taken.try_reserve(wanted.len()).is_err() {
            // What is not noted shares its commit with nothing else.
            self.whole = self.operations == 0;
            return self.whole;
        }
        self.taken.extend(wanted.into_iter().flatten());
        self.operations += 1;
        true
    }
}
