//! Group commit: changes that share one commit.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashSet};

use super::channel::ReplySender;
use crate::backend::memory::{Effect, Memory, Plan};
use crate::backend::{Backend, Operation, Outcome, Selection};
use crate::error::{Error, Result};
use crate::memory;

/// A job for the writer thread, with the sender of the reply. If the thread has died, the sender is
/// dropped, and the caller gets an error.
pub(super) enum Job {
    Change(Operation, ReplySender<Result<Outcome>>),
    /// Makes all times of last use durable.
    Flush(ReplySender<Result<()>>),
    /// A record was used. The writer need not wake up immediately.
    Used,
}

/// A planned change, and the sender of its reply.
type PlannedChange = (Result<Plan>, ReplySender<Result<Outcome>>);

/// Changes that were planned independently against the same state. In some order, applying them one
/// by one gives the planned results.
pub(super) struct Batch {
    waiting: Vec<PlannedChange>,
    /// Whether one of the changes is a purge.
    purges: bool,
}

/// Number of removed tokens from which a batch truncates the log.
const REMOVALS_TO_TRUNCATE: usize = 1000;

/// Maximum number of changes in a batch.
const MAX_CHANGES: usize = 1024;

/// Minimum number of changes in a batch if more are waiting, also when memory is exhausted.
const MIN_CHANGES: usize = 4;

impl Batch {
    /// Takes changes that can share a commit from the backlog, up to the first that conflicts with
    /// an earlier one.
    ///
    /// All callers are waiting, so the changes may be applied in any order. A change that reads
    /// what another writes can be ordered before it. Two changes that both read and write the same
    /// item conflict.
    pub fn plan(memory: &Memory, backlog: &mut VecDeque<Job>) -> Self {
        let mut batch = Self { waiting: Vec::with_capacity(MIN_CHANGES), purges: false };
        let mut claims = Claims::default();
        let indexes = memory.read();
        let mut next_id = indexes.as_ref().map_or(0, |indexes| indexes.next_id());
        // If there is no memory for more, the next commit takes them. The first MIN_CHANGES are
        // planned in any case, since they need little memory.
        while batch.waiting.len() < MAX_CHANGES
            && (batch.waiting.len() < MIN_CHANGES || batch.waiting.try_reserve(1).is_ok())
        {
            // Removed first: if planning panics, the job is dropped, which notifies its caller, and
            // is not repeated.
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
            let plan = match &indexes {
                Ok(indexes) => memory.plan(indexes, operation, &mut next_id),
                Err(error) => Err(error.clone()),
            };
            batch.waiting.push((plan, caller));
        }
        batch
    }

    /// Returns the number of changes.
    pub fn changes(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the effects of all changes.
    pub fn effects(&self) -> impl Iterator<Item = &Effect> + Clone {
        self.waiting
            .iter()
            .filter_map(|(plan, _)| plan.as_ref().ok())
            .flat_map(|plan| &plan.effects)
    }

    /// Returns whether to truncate the log, which contains the values of removed tokens: after a
    /// purge, or if many tokens were removed.
    pub fn must_truncate_log(&self) -> bool {
        let removed = self.effects().filter(|effect| matches!(effect, Effect::Remove(_))).count();
        removed >= REMOVALS_TO_TRUNCATE || self.purges && removed > 0
    }

    /// Reserves memory for all effects, since nothing may fail after they were written. If there is
    /// too little even after `release`, the changes that need memory fail, and the others continue.
    pub fn reserve_for(&mut self, memory: &Memory, release: impl FnOnce()) {
        let Ok(mut indexes) = memory.write() else { return };
        let new = self.effects().filter(|effect| matches!(effect, Effect::Insert(_))).count();
        let mut reserve = || {
            // Checked here again, since the writer thread may use another malloc arena than the
            // caller.
            let checked = if new > 0 { memory.check_headroom(new) } else { Ok(()) };
            checked.and_then(|()| memory.reserve_for(&mut indexes, self.effects()))
        };
        if reserve().is_ok() {
            return;
        }
        release();
        if reserve().is_ok() {
            return;
        }
        for (plan, _) in &mut self.waiting {
            if plan.as_ref().is_ok_and(|plan| plan.effects.iter().any(Effect::needs_room)) {
                *plan = Err(memory::exhausted(()));
            }
        }
    }

    /// Applies the written changes to the memory and replies to the callers.
    pub fn succeed(mut self, memory: &Memory) {
        let mut indexes = memory.write();
        for (plan, _) in &mut self.waiting {
            let Ok(Plan { effects, .. }) = plan else { continue };
            if effects.is_empty() {
                continue;
            }
            let applied = match &mut indexes {
                Ok(indexes) => memory.apply(indexes, std::mem::take(effects)),
                Err(error) => Err(error.clone()),
            };
            match applied {
                // Dropped later without a lock, since there may be many records.
                Ok(applied) => *effects = applied,
                Err(error) => *plan = Err(error),
            }
        }
        drop(indexes);
        for (plan, caller) in self.waiting {
            let (outcome, applied) = match plan {
                Ok(Plan { effects, outcome }) => (Ok(outcome), effects),
                Err(error) => (Err(error), Vec::new()),
            };
            // The caller is blocked until it gets the reply.
            caller.send(outcome);
            drop(applied);
        }
    }

    /// Fails every change in the batch. Changes that were no-ops still succeed.
    pub fn fail(self, error: &Error) {
        for (plan, caller) in self.waiting {
            let outcome =
                plan.and_then(
                    |Plan { effects, outcome }| {
                        if effects.is_empty() { Ok(outcome) } else { Err(error.clone()) }
                    },
                );
            caller.send(outcome);
        }
    }
}

/// The items that the changes of a batch both read and write. Two changes must not claim the same
/// item. Items are stored as hashes: a collision only ends a batch early.
#[derive(Default)]
struct Claims {
    /// Seeded without entropy from the operating system. The standard library's hasher panics if
    /// there is none.
    hasher: DefaultHashBuilder,
    taken: HashSet<u64>,
    operations: usize,
    /// Whether the batch must have only one change.
    is_exclusive: bool,
}

/// An item that a change both reads and writes.
#[derive(Hash)]
enum Claim<'a> {
    Client(&'a str, Option<&'a str>, &'a str),
    Value(&'a str),
    Id(i64),
    LocalSite(&'a str),
}

impl Claims {
    /// Claims what a change reads and writes. Returns false if an earlier change has claimed it.
    fn take(&mut self, operation: &Operation, memory: &Memory) -> bool {
        #[cfg(rbtoken_panic_injection)]
        crate::panic_injection::point(crate::panic_injection::IN_PLAN);
        if self.is_exclusive {
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
            // The last of several calls wins, as without batching.
            Operation::SetUserActive(..) => [None, None],
            Operation::RemoveLocalSite(_)
            | Operation::Invalidate(
                Selection::Ids(_) | Selection::User(_) | Selection::Everyone,
                _,
            )
            | Operation::Purge(_)
            | Operation::Import(_) => {
                self.is_exclusive = self.operations == 0;
                return self.is_exclusive;
            }
        };
        let wanted = wanted.map(|claim| claim.map(|claim| self.hasher.hash_one(claim)));
        if wanted.iter().flatten().any(|claim| self.taken.contains(claim)) {
            return false;
        }
        if self.taken.try_reserve(wanted.len()).is_err() {
            // Without memory to record its claims, the change gets a commit of its own.
            self.is_exclusive = self.operations == 0;
            return self.is_exclusive;
        }
        self.taken.extend(wanted.into_iter().flatten());
        self.operations += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::channel::{ReplyReceiver, oneshot};
    use super::*;
    use crate::backend::tests::fields;
    use crate::backend::{ImportData, OwnedClientQuery, TokenChange};
    use crate::clock::Timestamp;
    use crate::error::ErrorKind;
    use crate::os::deadline;
    use crate::token::Invalidation;

    type Reply = ReplyReceiver<Result<Outcome>>;

    /// Changes waiting for the writer, and the receivers of their replies.
    #[derive(Default)]
    struct Waiting {
        backlog: VecDeque<Job>,
        replies: Vec<Reply>,
    }

    impl Waiting {
        fn of(operations: impl IntoIterator<Item = Operation>) -> Self {
            deadline::start();
            let mut waiting = Self::default();
            operations.into_iter().for_each(|operation| waiting.add(operation));
            waiting
        }

        fn add(&mut self, operation: Operation) {
            let (sender, reply) = oneshot();
            self.backlog.push_back(Job::Change(operation, sender));
            self.replies.push(reply);
        }

        /// Plans a batch and returns the number of its changes.
        fn plan(&mut self, memory: &Memory) -> (Batch, usize) {
            let before = self.backlog.len();
            let batch = Batch::plan(memory, &mut self.backlog);
            (batch, before - self.backlog.len())
        }

        /// Plans and applies batches until none is left, and returns the number of changes in each.
        fn batches(mut self, memory: &Memory) -> Vec<usize> {
            let mut sizes = Vec::new();
            while !self.backlog.is_empty() {
                let (mut batch, size) = self.plan(memory);
                batch.reserve_for(memory, || ());
                batch.succeed(memory);
                sizes.push(size);
            }
            self.replies.into_iter().for_each(|reply| drop(outcome(reply)));
            sizes
        }
    }

    fn outcome(reply: Reply) -> Result<Outcome> {
        reply.wait().unwrap()
    }

    fn is_done<const RECORDS: usize>(reply: Reply) -> bool {
        matches!(outcome(reply), Ok(Outcome::Done(records)) if records.len() == RECORDS)
    }

    /// Creates a memory with tokens 1 to `tokens`.
    fn memory(tokens: i64) -> Memory {
        let memory = Memory::new().unwrap();
        (1..=tokens).for_each(|number| drop(memory.change(insert(number)).unwrap()));
        memory
    }

    /// Creates a token with a value made from `number`.
    fn insert(number: i64) -> Operation {
        Operation::Insert(Box::new(fields(number, "alice", None, None)), None)
    }

    fn insert_unless(number: i64, client_name: &str) -> Operation {
        let fields = fields(number, "alice", Some(client_name), None);
        let unless = OwnedClientQuery {
            failed_search: None,
            expires_from: None,
            user: "alice".into(),
            local_site: None,
            client_name: client_name.into(),
            valid_until: Timestamp::MIN,
            ignored_generators: None,
        };
        Operation::Insert(Box::new(fields), Some(unless))
    }

    fn update(id: i64) -> Operation {
        let last_updated = Timestamp::MAX;
        let note = Some("new".into());
        let change =
            TokenChange { expires: None, note, policy: None, extra_data: None, last_updated };
        Operation::Update(id, change)
    }

    fn invalidate(selection: Selection) -> Operation {
        Operation::Invalidate(selection, Invalidation { date: None, reason: "".into() })
    }

    fn with_value(number: i64) -> Selection {
        Selection::Value(fields(number, "alice", None, None).value)
    }

    #[test]
    fn disjoint_changes_share_a_batch() {
        let memory = memory(4);
        let waiting = Waiting::of([
            insert(10),
            insert_unless(11, "one"),
            insert_unless(12, "other"),
            update(1),
            Operation::Delete(2),
            invalidate(Selection::Id(3)),
            invalidate(with_value(4)),
            Operation::AddLocalSite("site".into()),
            Operation::SetUserActive("bob".into(), false),
            Operation::SetUserActive("bob".into(), true),
        ]);
        assert_eq!(waiting.batches(&memory), [10]);
        assert_eq!(memory.count().unwrap(), 6);
    }

    #[test]
    fn conflicting_change_waits_for_the_next_batch() {
        let of = |operations: [Operation; 3]| Waiting::of(operations).batches(&memory(3));
        assert_eq!(of([insert(10), insert(10), insert(11)]), [1, 2]);
        assert_eq!(of([insert_unless(10, "one"), insert(11), insert_unless(12, "one")]), [2, 1]);
        assert_eq!(of([update(1), update(2), Operation::Delete(1)]), [2, 1]);
        assert_eq!(of([invalidate(with_value(1)), update(2), update(1)]), [2, 1]);
        assert_eq!(of([update(1), invalidate(Selection::Id(1)), update(3)]), [1, 2]);
        let add_site = || Operation::AddLocalSite("site".into());
        assert_eq!(of([add_site(), insert(10), add_site()]), [2, 1]);
    }

    #[test]
    fn unbounded_change_gets_its_own_batch() {
        let changes: [fn() -> Operation; 5] = [
            || Operation::RemoveLocalSite("site".into()),
            || Operation::Purge(Timestamp::MAX),
            || Operation::Import(Box::new(ImportData::new("line"))),
            || invalidate(Selection::User("alice".into())),
            || invalidate(Selection::Everyone),
        ];
        for change in changes {
            let waiting = Waiting::of([insert(10), change(), insert(11), insert(12)]);
            assert_eq!(waiting.batches(&memory(1)), [1, 1, 2]);
        }
    }

    #[test]
    fn batch_ends_before_a_flush_and_at_its_limit() {
        let memory = memory(0);
        let mut waiting = Waiting::of([insert(1)]);
        let (sender, _reply) = oneshot();
        waiting.backlog.push_back(Job::Flush(sender));
        waiting.add(insert(2));
        assert_eq!(waiting.plan(&memory).1, 1);
        assert!(matches!(waiting.backlog.front(), Some(Job::Flush(_))));
        assert_eq!(waiting.plan(&memory).1, 0);

        let numbers = 1..=MAX_CHANGES as i64 + 2;
        assert_eq!(Waiting::of(numbers.map(insert)).batches(&memory), [MAX_CHANGES, 2]);
    }

    #[test]
    fn written_batch_is_applied_and_its_callers_get_replies() {
        let memory = memory(2);
        let mut waiting = Waiting::of([insert(10), insert(1), update(1), Operation::Delete(7)]);
        let (mut batch, _) = waiting.plan(&memory);
        assert_eq!((batch.effects().count(), memory.count().unwrap()), (2, 2));
        batch.reserve_for(&memory, || ());
        batch.succeed(&memory);
        let [inserted, taken, updated, missing] = waiting.replies.try_into().ok().unwrap();
        let Ok(Outcome::Inserted(record)) = outcome(inserted) else { panic!("not inserted") };
        assert!(memory.by_id(record.id()).unwrap().is_some_and(|it| it.ptr_eq(&record)));
        assert!(matches!(outcome(taken), Ok(Outcome::ValueTaken(_))));
        assert!(is_done::<1>(updated) && is_done::<0>(missing));
        assert_eq!(memory.by_id(1).unwrap().unwrap().note().as_str(), "new");
    }

    #[test]
    fn failed_batch_fails_its_changes_but_not_its_no_ops() {
        let memory = memory(1);
        let refused = Operation::RemoveLocalSite("site".into());
        let mut waiting = Waiting::of([insert(10), Operation::Delete(7), refused]);
        let failure = Error::new(ErrorKind::Io, "the disk is full");
        waiting.plan(&memory).0.fail(&failure);
        waiting.plan(&memory).0.fail(&failure);
        let [inserted, missing, refused] = waiting.replies.try_into().ok().unwrap();
        assert_eq!(outcome(inserted).err(), Some(failure));
        assert!(is_done::<0>(missing));
        assert_eq!(outcome(refused).err().unwrap().kind(), ErrorKind::NotFound);
        assert_eq!(memory.count().unwrap(), 1);
    }

    #[test]
    fn dropped_batch_fails_its_callers() {
        let mut waiting = Waiting::of([insert(1), insert(2)]);
        drop(waiting.plan(&memory(0)));
        assert!(waiting.replies.into_iter().all(|reply| reply.wait().is_none()));
    }

    #[test]
    fn log_is_truncated_after_a_purge_or_many_removals() {
        let truncates = |memory: &Memory, operations: Vec<Operation>| {
            Waiting::of(operations).plan(memory).0.must_truncate_log()
        };
        let many = memory(REMOVALS_TO_TRUNCATE as i64);
        let delete = |ids: std::ops::RangeInclusive<usize>| {
            ids.map(|id| Operation::Delete(id as i64)).collect()
        };
        assert!(truncates(&many, delete(1..=REMOVALS_TO_TRUNCATE)));
        assert!(!truncates(&many, delete(1..=REMOVALS_TO_TRUNCATE - 1)));

        let purge = || vec![Operation::Purge(Timestamp::MAX)];
        let one = memory(1);
        assert!(!truncates(&one, purge()), "no token is unusable");
        drop(one.change(invalidate(Selection::Id(1))).unwrap());
        assert!(truncates(&one, purge()));
    }
}
