//! How long a call, and each statement of it, may take.

use std::time::{Duration, Instant};

use super::fault::Fault;

/// A server is told to give a statement up. If it does not answer this much later, it is given up
/// here.
const GRACE: Duration = Duration::from_secs(1);

/// The shortest limit that a server is told: to some, 0 is none.
const MIN_STATEMENT: Duration = Duration::from_millis(1);

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// When the call ends.
    pub deadline: Instant,
    /// How long the server works on one statement, waiting for locks included.
    pub statement: Duration,
    /// How much earlier than the call the server is to give up.
    pub margin: Duration,
}

/// How an answer is waited for.
pub(super) struct Wait {
    pub limit: Duration,
    /// What it means if there is none within the limit.
    pub silence: Fault,
    /// Until when the server may be busy with what it has not answered.
    pub busy_until: Instant,
}

impl Limits {
    /// The limits of a call that starts now. The server gives up before the call does.
    pub fn of_call(call: Duration, statement: Duration) -> Self {
        let margin = (call / 10).min(Duration::from_secs(5));
        Self { deadline: Instant::now() + call, statement: statement.min(call - margin), margin }
    }

    /// What is left of the call.
    ///
    /// # Errors
    /// `TimedOut` once the deadline has passed: nothing more may be sent then.
    pub fn remaining(&self) -> Result<Duration, Fault> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Fault::TimedOut) } else { Ok(left) }
    }

    /// How the answer to a statement that is sent now is waited for, by the limit that the server
    /// was told.
    ///
    /// # Errors
    /// As [`Limits::remaining`].
    pub fn wait(&self, session_limit: Duration) -> Result<Wait, Fault> {
        let limit = self.remaining()?.min(session_limit + GRACE);
        Ok(Wait {
            limit,
            silence: Fault::Silent { is_overdue: limit >= session_limit },
            busy_until: Instant::now() + session_limit + GRACE,
        })
    }

    /// The limit to tell the server before the next statement, if the one that it was told is not
    /// good enough. A call that starts in time and whose statements are quick needs none: telling
    /// costs a round trip.
    ///
    /// # Errors
    /// As [`Limits::remaining`].
    pub fn new_session_limit(&self, told: Duration) -> Result<Option<Duration>, Fault> {
        let left = self.remaining()?;
        let wanted = left.saturating_sub(self.margin / 2).max(left / 2).max(MIN_STATEMENT);
        let wanted = wanted.min(self.statement);
        // Half of the margin is given when a limit is told, and may shrink to a quarter.
        let is_too_long = told + self.margin / 4 > left;
        let is_too_short = told < wanted && (wanted == self.statement || told < wanted / 2);
        Ok((is_too_long || is_too_short).then_some(wanted).filter(|wanted| *wanted != told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The limits of a call of 30 s, of which so much is left.
    fn with_left(left: Duration) -> Limits {
        let limits = Limits::of_call(30 * SECOND, 60 * SECOND);
        Limits { deadline: Instant::now() + left, ..limits }
    }

    #[test]
    fn session_limit_is_told_only_when_it_matters() {
        let told = Limits::of_call(30 * SECOND, 60 * SECOND).statement;
        assert_eq!(told, 27 * SECOND);
        for left in [30, 29, 28] {
            assert!(matches!(with_left(left * SECOND).new_session_limit(told), Ok(None)), "{left}");
        }
        // No longer than the call, with time for the answer.
        for left in [27, 10, 2, 1] {
            let left = left * SECOND;
            let new = with_left(left).new_session_limit(told).unwrap().unwrap();
            assert!(new < left && new >= left / 3, "{left:?} {new:?}");
            assert!(matches!(with_left(left).new_session_limit(new), Ok(None)));
        }
        // A call that starts has all of it again.
        for told in [SECOND, 20 * SECOND] {
            let new = with_left(30 * SECOND).new_session_limit(told).unwrap();
            assert_eq!(new, Some(27 * SECOND));
        }
        let late = with_left(Duration::from_micros(10)).new_session_limit(told);
        assert!(matches!(late, Ok(Some(MIN_STATEMENT)) | Err(Fault::TimedOut)));
        assert!(matches!(with_left(Duration::ZERO).new_session_limit(told), Err(Fault::TimedOut)));
    }

    #[test]
    fn silence_is_overdue_once_the_server_broke_its_limit() {
        let silence = |left: Duration, told| with_left(left).wait(told).unwrap().silence;
        assert!(matches!(silence(30 * SECOND, SECOND), Fault::Silent { is_overdue: true }));
        assert!(matches!(silence(SECOND, 2 * SECOND), Fault::Silent { is_overdue: false }));
    }
}
