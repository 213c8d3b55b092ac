//! How callers and the writer's thread hand things to each other.
//!
//! The standard library's channels would do, but leave an allocation in each thread of the host
//! that ever waited, which memory checkers report. Its mutexes and condition variables do not; and
//! unlike those of parking_lot, which keeps waiting threads in a table of the process, they work in
//! a child of fork whose parent's threads were waiting.

use std::collections::VecDeque;
use std::time::Instant;

use crate::error::Result;
use crate::memory;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Locks a mutex that nothing panics under.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a change of what a mutex guards.
fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// A queue from any number of threads to one. It holds at most so many things at a time.
pub(super) fn queue<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { things: VecDeque::new(), sender: true, receiver: true };
    let queue = Queue { most, state: Mutex::new(state), changed: Condvar::new() };
    let queue = Arc::new(queue);
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

struct Queue<T> {
    most: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    things: VecDeque<T>,
    /// Whether the ends are still there.
    sender: bool,
    receiver: bool,
}

/// The end of a queue that threads share to put things in.
pub(super) struct Sender<T>(Arc<Queue<T>>);

impl<T> Sender<T> {
    /// Puts a thing in, once there is room; it is dropped if nobody will take it.
    ///
    /// # Errors
    /// `NoMemory`; the thing is dropped.
    pub fn send(&self, thing: T) -> Result<()> {
        let mut state = lock(&self.0.state);
        while state.receiver && state.things.len() >= self.0.most {
            state = wait(&self.0.changed, state);
        }
        let room = state.things.try_reserve(1);
        if state.receiver && room.is_ok() {
            state.things.push_back(thing);
            self.0.changed.notify_all();
        } else {
            drop(state);
            drop(thing);
        }
        room.map_err(memory::exhausted)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        lock(&self.0.state).sender = false;
        self.0.changed.notify_all();
    }
}

/// What a receiver got.
pub(super) enum Received<T> {
    Thing(T),
    /// Nothing came in time.
    Late,
    /// Nothing is there, and nothing will come.
    Closed,
}

/// The end of a queue that takes things out.
pub(super) struct Receiver<T>(Arc<Queue<T>>);

impl<T> Receiver<T> {
    /// Waits for a thing, until a time if there is one.
    pub fn receive(&self, until: Option<Instant>) -> Received<T> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(thing) = state.things.pop_front() {
                self.0.changed.notify_all();
                return Received::Thing(thing);
            }
            if !state.sender {
                return Received::Closed;
            }
            match until {
                None => state = wait(&self.0.changed, state),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Received::Late;
                    }
                    let woken = self.0.changed.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Takes all that is there, unless there is no memory for it behind what was taken before.
    pub fn take_all(&self, taken: &mut VecDeque<T>) {
        let mut state = lock(&self.0.state);
        if taken.try_reserve(state.things.len()).is_ok() {
            taken.append(&mut state.things);
            drop(state);
            self.0.changed.notify_all();
        }
    }
}

impl<T> Iterator for Receiver<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match self.receive(None) {
            Received::Thing(thing) => Some(thing),
            Received::Late | Received::Closed => None,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.receiver = false;
        // What they hold may wait for an answer, and learns that none comes.
        let things = std::mem::take(&mut state.things);
        drop(state);
        self.0.changed.notify_all();
        drop(things);
    }
}

/// A place for one answer.
pub(super) fn question<T>() -> (Answerer<T>, Answer<T>) {
    let slot = Arc::new(Slot { state: Mutex::new(Answered::NotYet), changed: Condvar::new() });
    (Answerer(Arc::clone(&slot)), Answer(slot))
}

struct Slot<T> {
    state: Mutex<Answered<T>>,
    changed: Condvar,
}

enum Answered<T> {
    NotYet,
    With(T),
    Never,
}

/// Whoever has this owes the answer; dropped without one, it tells that none comes.
pub(super) struct Answerer<T>(Arc<Slot<T>>);

impl<T> Answerer<T> {
    pub fn answer(self, answer: T) {
        *lock(&self.0.state) = Answered::With(answer);
        // Dropping it wakes who waits.
    }
}

impl<T> Drop for Answerer<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if matches!(*state, Answered::NotYet) {
            *state = Answered::Never;
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

/// Whoever has this waits for the answer.
pub(super) struct Answer<T>(Arc<Slot<T>>);

impl<T> Answer<T> {
    /// The answer; none if nobody is left to give it.
    pub fn wait(self) -> Option<T> {
        let mut state = lock(&self.0.state);
        loop {
            match std::mem::replace(&mut *state, Answered::NotYet) {
                Answered::With(answer) => return Some(answer),
                Answered::Never => return None,
                Answered::NotYet => state = wait(&self.0.changed, state),
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::os::deadline;

    #[test]
    fn queue_keeps_order_and_ends_with_the_sender() {
        deadline::start();
        let (sender, receiver) = queue(usize::MAX);
        (0..3).for_each(|number| sender.send(number).unwrap());
        drop(sender);
        assert_eq!(receiver.collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn full_queue_makes_the_sender_wait() {
        deadline::start();
        let (sender, receiver) = queue(2);
        thread::scope(|scope| {
            scope.spawn(move || (0..1000).for_each(|number| sender.send(number).unwrap()));
            assert_eq!(receiver.collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        });
    }

    #[test]
    fn sender_without_a_receiver_drops_and_does_not_wait() {
        deadline::start();
        let (sender, receiver) = queue(1);
        let (reply_sender, reply) = question::<()>();
        sender.send(Some(reply_sender)).unwrap();
        drop(receiver);
        assert!(reply.wait().is_none(), "what was in the queue is dropped");
        sender.send(None).unwrap();
        sender.send(None).unwrap();
    }

    #[test]
    fn receiver_stops_waiting_at_its_time() {
        deadline::start();
        let (sender, receiver) = queue(1);
        let soon = || Some(Instant::now() + Duration::from_millis(1));
        assert!(matches!(receiver.receive(soon()), Received::Late));
        assert!(matches!(receiver.receive(Some(Instant::now())), Received::Late));
        sender.send(7).unwrap();
        assert!(matches!(receiver.receive(Some(Instant::now())), Received::Thing(7)));
        drop(sender);
        assert!(matches!(receiver.receive(soon()), Received::Closed));
    }

    #[test]
    fn reply_is_received_once_given_or_dropped() {
        deadline::start();
        let (sender, reply) = question();
        thread::scope(|scope| {
            scope.spawn(move || sender.answer(5));
            assert_eq!(reply.wait(), Some(5));
        });
        let (sender, reply) = question::<i32>();
        thread::scope(|scope| {
            scope.spawn(move || drop(sender));
            assert_eq!(reply.wait(), None);
        });
    }
}

/// Every order in which threads can send, wait and end. A wake-up that is lost leaves all threads
/// waiting, which loom reports.
#[cfg(test)]
#[cfg(loom)]
mod models {
    use loom::thread;

    use super::*;

    /// Runs a model with up to three switches from a thread that could go on, or with
    /// `LOOM_MAX_PREEMPTIONS`: all of them would take hours.
    fn model(run: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(run);
    }

    /// Sends things in a thread of its own.
    fn send(sender: &Arc<Sender<u8>>, things: &'static [u8]) -> thread::JoinHandle<()> {
        let sender = Arc::clone(sender);
        thread::spawn(move || things.iter().for_each(|thing| sender.send(*thing).unwrap()))
    }

    #[test]
    fn things_of_two_senders_come_through_a_full_queue() {
        model(|| {
            let (sender, receiver) = queue(1);
            let sender = Arc::new(sender);
            let threads = [send(&sender, &[1, 2]), send(&sender, &[3])];
            drop(sender);
            let mut received: Vec<u8> = receiver.collect();
            received.sort_unstable();
            assert_eq!(received, [1, 2, 3]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
    }

    #[test]
    fn taking_all_makes_room_for_a_waiting_sender() {
        model(|| {
            let (sender, receiver) = queue(1);
            let sender = Arc::new(sender);
            let thread = send(&sender, &[1, 2, 3]);
            drop(sender);
            let mut taken = VecDeque::new();
            while let Received::Thing(thing) = receiver.receive(None) {
                taken.push_back(thing);
                receiver.take_all(&mut taken);
            }
            assert_eq!(taken, [1, 2, 3]);
            thread.join().unwrap();
        });
    }

    #[test]
    fn ending_receiver_wakes_a_waiting_sender() {
        model(|| {
            let (sender, receiver) = queue(1);
            let sender = Arc::new(sender);
            let thread = send(&sender, &[1, 2]);
            drop(receiver);
            thread.join().unwrap();
        });
    }

    #[test]
    fn reply_wakes_the_caller_whether_given_or_dropped() {
        model(|| {
            let (sender, receiver) = queue(usize::MAX);
            let writer = thread::spawn(move || {
                let mut answers = receiver.enumerate();
                while let Some((number, answerer)) = answers.next() {
                    if number == 0 {
                        Answerer::answer(answerer, 5);
                    } else {
                        // With what is still in the queue.
                        drop(answerer);
                        break;
                    }
                }
            });
            let ask = || {
                let (answerer, answer) = question();
                sender.send(answerer).unwrap();
                answer
            };
            let (first, second) = (ask(), ask());
            assert_eq!((first.wait(), second.wait()), (Some(5), None));
            drop(sender);
            writer.join().unwrap();
        });
    }
}
