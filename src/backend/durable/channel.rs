//! A bounded channel and a oneshot channel, between callers and the writer thread.
//!
//! The standard library's channels keep an allocation in each thread that ever waited, which leak
//! checkers report. Its mutexes and condition variables do not. Those of parking_lot would not work
//! in the child of a fork, since they keep waiting threads in a global table.

use std::collections::VecDeque;
use std::time::Instant;

use crate::error::Result;
use crate::memory;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Locks a mutex. No code panics while it holds one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a notification.
fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
}

/// Creates a channel with any number of senders and one receiver, which holds at most `capacity`
/// items.
pub(super) fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), sender: true, receiver: true };
    let channel = Channel { capacity, state: Mutex::new(state), changed: Condvar::new() };
    let channel = Arc::new(channel);
    (Sender(Arc::clone(&channel)), Receiver(channel))
}

struct Channel<T> {
    capacity: usize,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    /// Whether each end exists.
    sender: bool,
    receiver: bool,
}

/// The sending end of a channel, which threads share.
pub(super) struct Sender<T>(Arc<Channel<T>>);

impl<T> Sender<T> {
    /// Sends an item, waiting while the channel is full. The item is dropped if the receiver was
    /// dropped.
    ///
    /// # Errors
    /// `NoMemory`; the item is dropped.
    pub fn send(&self, item: T) -> Result<()> {
        let mut state = lock(&self.0.state);
        while state.receiver && state.items.len() >= self.0.capacity {
            state = wait(&self.0.changed, state);
        }
        let room = state.items.try_reserve(1);
        if state.receiver && room.is_ok() {
            state.items.push_back(item);
            self.0.changed.notify_all();
        } else {
            drop(state);
            drop(item);
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

/// The result of receiving.
pub(super) enum Received<T> {
    Item(T),
    /// Nothing was sent in time.
    TimedOut,
    /// The channel is empty and the sender was dropped.
    Closed,
}

/// The receiving end of a channel.
pub(super) struct Receiver<T>(Arc<Channel<T>>);

impl<T> Receiver<T> {
    /// Waits for an item, until a deadline if there is one.
    pub fn receive(&self, until: Option<Instant>) -> Received<T> {
        let mut state = lock(&self.0.state);
        loop {
            if let Some(item) = state.items.pop_front() {
                self.0.changed.notify_all();
                return Received::Item(item);
            }
            if !state.sender {
                return Received::Closed;
            }
            match until {
                None => state = wait(&self.0.changed, state),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Received::TimedOut;
                    }
                    let woken = self.0.changed.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    /// Appends all items of the channel to a queue, unless there is no memory for that.
    pub fn take_all(&self, taken: &mut VecDeque<T>) {
        let mut state = lock(&self.0.state);
        if taken.try_reserve(state.items.len()).is_ok() {
            taken.append(&mut state.items);
            drop(state);
            self.0.changed.notify_all();
        }
    }
}

impl<T> Iterator for Receiver<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        match self.receive(None) {
            Received::Item(item) => Some(item),
            Received::TimedOut | Received::Closed => None,
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.receiver = false;
        // Dropping the items may notify callers that wait for a reply.
        let items = std::mem::take(&mut state.items);
        drop(state);
        self.0.changed.notify_all();
        drop(items);
    }
}

/// Creates a oneshot channel for a reply.
pub(super) fn oneshot<T>() -> (ReplySender<T>, ReplyReceiver<T>) {
    let slot =
        Arc::new(Oneshot { state: Mutex::new(ReplyState::Pending), changed: Condvar::new() });
    (ReplySender(Arc::clone(&slot)), ReplyReceiver(slot))
}

struct Oneshot<T> {
    state: Mutex<ReplyState<T>>,
    changed: Condvar,
}

enum ReplyState<T> {
    Pending,
    Sent(T),
    Dropped,
}

/// Sends a reply. If it is dropped without sending one, the receiver gets `None`.
pub(super) struct ReplySender<T>(Arc<Oneshot<T>>);

impl<T> ReplySender<T> {
    pub fn send(self, reply: T) {
        *lock(&self.0.state) = ReplyState::Sent(reply);
        // `drop` wakes the receiver.
    }
}

impl<T> Drop for ReplySender<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        if matches!(*state, ReplyState::Pending) {
            *state = ReplyState::Dropped;
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

/// Receives a reply.
pub(super) struct ReplyReceiver<T>(Arc<Oneshot<T>>);

impl<T> ReplyReceiver<T> {
    /// Waits for the reply. Returns `None` if the sender was dropped.
    pub fn wait(self) -> Option<T> {
        let mut state = lock(&self.0.state);
        loop {
            match std::mem::replace(&mut *state, ReplyState::Pending) {
                ReplyState::Sent(reply) => return Some(reply),
                ReplyState::Dropped => return None,
                ReplyState::Pending => state = wait(&self.0.changed, state),
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
    fn channel_keeps_order_and_closes_with_its_sender() {
        deadline::start();
        let (sender, receiver) = channel(usize::MAX);
        (0..3).for_each(|number| sender.send(number).unwrap());
        drop(sender);
        assert_eq!(receiver.collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn full_channel_blocks_the_sender() {
        deadline::start();
        let (sender, receiver) = channel(2);
        thread::scope(|scope| {
            scope.spawn(move || (0..1000).for_each(|number| sender.send(number).unwrap()));
            assert_eq!(receiver.collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
        });
    }

    #[test]
    fn sender_without_receiver_drops_items_without_blocking() {
        deadline::start();
        let (sender, receiver) = channel(1);
        let (reply_sender, reply) = oneshot::<()>();
        sender.send(Some(reply_sender)).unwrap();
        drop(receiver);
        assert!(reply.wait().is_none(), "the items in the channel must be dropped");
        sender.send(None).unwrap();
        sender.send(None).unwrap();
    }

    #[test]
    fn receiver_times_out_at_its_deadline() {
        deadline::start();
        let (sender, receiver) = channel(1);
        let soon = || Some(Instant::now() + Duration::from_millis(1));
        assert!(matches!(receiver.receive(soon()), Received::TimedOut));
        assert!(matches!(receiver.receive(Some(Instant::now())), Received::TimedOut));
        sender.send(7).unwrap();
        assert!(matches!(receiver.receive(Some(Instant::now())), Received::Item(7)));
        drop(sender);
        assert!(matches!(receiver.receive(soon()), Received::Closed));
    }

    #[test]
    fn reply_receiver_wakes_on_reply_or_drop() {
        deadline::start();
        let (sender, reply) = oneshot();
        thread::scope(|scope| {
            scope.spawn(move || sender.send(5));
            assert_eq!(reply.wait(), Some(5));
        });
        let (sender, reply) = oneshot::<i32>();
        thread::scope(|scope| {
            scope.spawn(move || drop(sender));
            assert_eq!(reply.wait(), None);
        });
    }
}

/// Explores orders in which threads send, wait and end. A lost wake-up leaves all threads waiting,
/// which loom reports.
#[cfg(test)]
#[cfg(loom)]
mod models {
    use loom::thread;

    use super::*;

    /// Runs a model with at most three preemptions, or `LOOM_MAX_PREEMPTIONS`. More would take
    /// hours.
    fn model(run: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(run);
    }

    /// Sends items from another thread.
    fn send(sender: &Arc<Sender<u8>>, items: &'static [u8]) -> thread::JoinHandle<()> {
        let sender = Arc::clone(sender);
        thread::spawn(move || items.iter().for_each(|item| sender.send(*item).unwrap()))
    }

    #[test]
    fn items_of_two_senders_pass_a_full_channel() {
        model(|| {
            let (sender, receiver) = channel(1);
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
    fn take_all_unblocks_a_waiting_sender() {
        model(|| {
            let (sender, receiver) = channel(1);
            let sender = Arc::new(sender);
            let thread = send(&sender, &[1, 2, 3]);
            drop(sender);
            let mut taken = VecDeque::new();
            while let Received::Item(item) = receiver.receive(None) {
                taken.push_back(item);
                receiver.take_all(&mut taken);
            }
            assert_eq!(taken, [1, 2, 3]);
            thread.join().unwrap();
        });
    }

    #[test]
    fn dropped_receiver_unblocks_a_waiting_sender() {
        model(|| {
            let (sender, receiver) = channel(1);
            let sender = Arc::new(sender);
            let thread = send(&sender, &[1, 2]);
            drop(receiver);
            thread.join().unwrap();
        });
    }

    #[test]
    fn reply_or_dropped_sender_wakes_the_caller() {
        model(|| {
            let (sender, receiver) = channel(usize::MAX);
            let writer = thread::spawn(move || {
                let mut requests = receiver.enumerate();
                while let Some((number, reply_sender)) = requests.next() {
                    if number == 0 {
                        ReplySender::send(reply_sender, 5);
                    } else {
                        // The receiver is dropped next, with the items in the channel.
                        drop(reply_sender);
                        break;
                    }
                }
            });
            let request = || {
                let (reply_sender, reply) = oneshot();
                sender.send(reply_sender).unwrap();
                reply
            };
            let (first, second) = (request(), request());
            assert_eq!((first.wait(), second.wait()), (Some(5), None));
            drop(sender);
            writer.join().unwrap();
        });
    }
}
