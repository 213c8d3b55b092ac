//! How callers and the writer's thread hand things to each other.
//!
//! The standard library's channels would do, but leave an allocation in each thread of the host that
//! ever waited, which memory checkers report.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::error::Result;
use crate::memory;

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
        let mut state = self.0.state.lock();
        while state.receiver && state.things.len() >= self.0.most {
            self.0.changed.wait(&mut state);
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
        self.0.state.lock().sender = false;
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
        let mut state = self.0.state.lock();
        loop {
            if let Some(thing) = state.things.pop_front() {
                self.0.changed.notify_all();
                return Received::Thing(thing);
            }
            if !state.sender {
                return Received::Closed;
            }
            match until {
                None => self.0.changed.wait(&mut state),
                Some(until) => {
                    if self.0.changed.wait_until(&mut state, until).timed_out()
                        && state.things.is_empty()
                    {
                        return Received::Late;
                    }
                }
            }
        }
    }

    /// Takes all that is there, unless there is no memory for it behind what was taken before.
    pub fn take_all(&self, taken: &mut VecDeque<T>) {
        let mut state = self.0.state.lock();
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
        let mut state = self.0.state.lock();
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
        *self.0.state.lock() = Answered::With(answer);
        // Dropping it wakes who waits.
    }
}

impl<T> Drop for Answerer<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
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
        let mut state = self.0.state.lock();
        loop {
            match std::mem::replace(&mut *state, Answered::NotYet) {
                Answered::With(answer) => return Some(answer),
                Answered::Never => return None,
                Answered::NotYet => self.0.changed.wait(&mut state),
            }
        }
    }
}
