//! How long a call, and each statement of it, may take.

use std::time::{Duration, Instant};

use super::fault::Fault;

/// A server is told to give a statement up. If it does not answer this much later, it is given up
/// here.
const GRACE: Duration = Duration::from_secs(1);

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// When the call ends.
    pub deadline: Instant,
    /// How long the server works on one statement, waiting for locks included.
    pub statement: Duration,
}

impl Limits {
    /// The limits of a call that starts now. The server gives up before the call does.
    pub fn of_call(call: Duration, statement: Duration) -> Self {
        let margin = (call / 10).min(Duration::from_secs(5));
        Self { deadline: Instant::now() + call, statement: statement.min(call - margin) }
    }

    /// What is left of the call.
    ///
    /// # Errors
    /// `TimedOut` once the deadline has passed: nothing more may be sent then.
    pub fn remaining(&self) -> Result<Duration, Fault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Fault::TimedOut) } else { Ok(left) }
    }

    /// How long the answer to a statement that is sent now is waited for.
    ///
    /// # Errors
    /// As [`Limits::remaining`].
    pub fn wait(&self) -> Result<Duration, Fault> {
        Ok(self.remaining()?.min(self.statement + GRACE))
    }

    /// Until when the server may be busy with a statement that is sent now, and not answered.
    pub fn busy_until(&self) -> Instant {
        Instant::now() + self.statement + GRACE
    }
}
