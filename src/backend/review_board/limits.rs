//! How long a call, and each statement of it, may take.

use std::time::{Duration, Instant};

use super::fault::Fault;

/// The longest time that a server has for its answer after the limit that it was told.
pub(super) const MAX_GRACE: Duration = Duration::from_secs(1);

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

    /// The limits of an attempt to connect, the setup of the session included, where so many
    /// attempts are left.
    pub fn of_connect(&self, connect_timeout: Duration, left: usize) -> Self {
        let now = Instant::now();
        let rest = self.deadline.saturating_duration_since(now);
        if left <= 1 && rest <= connect_timeout {
            return *self;
        }
        let share = rest / u32::try_from(left).unwrap_or(u32::MAX).max(1);
        Self { deadline: now + share.min(connect_timeout), ..*self }
    }

    /// The fault of an attempt to connect that had these limits. One that ended by its own deadline
    /// and not by the call's says that the server is not there.
    pub fn connect_fault(&self, call: &Self, fault: Fault) -> Fault {
        let is_late = match fault {
            Fault::Silent { .. } => true,
            Fault::TimedOut => self.remaining().is_err(),
            _ => false,
        };
        if is_late && self.deadline < call.deadline {
            return Fault::Silent { is_overdue: true };
        }
        fault
    }

    /// How long the server has for its answer after the limit that it was told, before the
    /// connection is given up. Half of the margin, so that the call can ask once more.
    fn grace(&self) -> Duration {
        (self.margin / 2).min(MAX_GRACE)
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
        let overdue = session_limit + self.grace();
        let limit = self.remaining()?.min(overdue);
        Ok(Wait {
            limit,
            silence: Fault::Silent { is_overdue: limit >= session_limit },
            busy_until: Instant::now() + session_limit + MAX_GRACE,
        })
    }

    /// The limit to tell the server before the next statement, if the one that it was told is not
    /// good enough. A call that starts in time and whose statements are quick needs none: telling
    /// costs a round trip.
    ///
    /// # Errors
    /// As [`Limits::remaining`].
    pub fn new_session_limit(&self, told: Duration) -> Result<Option<Duration>, Fault> {
        Ok(self.limit_with(self.remaining()?, told))
    }

    /// As [`Limits::new_session_limit`], with so much left of the call.
    fn limit_with(&self, left: Duration, told: Duration) -> Option<Duration> {
        let wanted = left.saturating_sub(self.margin / 2).max(left / 2).max(MIN_STATEMENT);
        let wanted = wanted.min(self.statement);
        // Half of the margin, or of what is left, is kept when a limit is told, and may shrink to a
        // quarter.
        let is_too_long = told + (self.margin / 4).min(left / 4) > left;
        let is_too_short = told < wanted && (wanted == self.statement || told < wanted / 2);
        (is_too_long || is_too_short).then_some(wanted).filter(|wanted| *wanted != told)
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
        let limits = Limits::of_call(30 * SECOND, 60 * SECOND);
        let told = limits.statement;
        assert_eq!(told, 27 * SECOND);
        for left in [30, 29, 28] {
            assert_eq!(limits.limit_with(left * SECOND, told), None, "{left}");
        }
        // No longer than the call, with time for the answer.
        for left in [27, 10, 2, 1] {
            let left = left * SECOND;
            let new = limits.limit_with(left, told).unwrap();
            assert!(new < left && new >= left / 3, "{left:?} {new:?}");
            // It need not be told again at once.
            let later = left - (limits.margin / 4).min(left / 5);
            assert_eq!(limits.limit_with(later, new), None, "{left:?}");
        }
        // A call that starts has all of it again.
        for told in [SECOND, 20 * SECOND] {
            assert_eq!(limits.limit_with(30 * SECOND, told), Some(27 * SECOND));
        }
        assert_eq!(limits.limit_with(Duration::from_micros(10), told), Some(MIN_STATEMENT));
        assert!(matches!(with_left(Duration::ZERO).new_session_limit(told), Err(Fault::TimedOut)));
    }

    #[test]
    fn silence_is_overdue_once_the_server_broke_its_limit() {
        let silence = |left: Duration, told| with_left(left).wait(told).unwrap().silence;
        assert!(matches!(silence(30 * SECOND, SECOND), Fault::Silent { is_overdue: true }));
        assert!(matches!(silence(SECOND, 2 * SECOND), Fault::Silent { is_overdue: false }));
    }

    #[test]
    fn silent_connection_leaves_time_for_another() {
        for call in [1, 4, 10, 30, 600] {
            let limits = Limits::of_call(call * SECOND, 3600 * SECOND);
            let wait = limits.wait(limits.statement).unwrap();
            assert!(matches!(wait.silence, Fault::Silent { is_overdue: true }));
            let rest = call * SECOND - wait.limit;
            assert!(rest >= limits.margin * 2 / 5, "{call} {rest:?}");
            // The server answers at its own limit, and the answer takes a moment.
            assert!(wait.limit >= limits.statement + SECOND / 20, "{call} {:?}", wait.limit);
        }
    }

    #[test]
    fn slow_connect_is_silence_unless_the_call_is_over() {
        let call = with_left(30 * SECOND);
        let connect = call.of_connect(Duration::ZERO, 1);
        for fault in [Fault::TimedOut, Fault::Silent { is_overdue: false }] {
            assert!(connect.connect_fault(&call, fault).is_gone());
        }
        assert!(matches!(connect.connect_fault(&call, Fault::Duplicate), Fault::Duplicate));
        // The server gave up by itself, or the call is over.
        let connect = call.of_connect(SECOND, 1);
        assert!(!connect.connect_fault(&call, Fault::TimedOut).is_gone());
        let call = with_left(Duration::ZERO);
        let connect = call.of_connect(SECOND, 1);
        assert!(!connect.connect_fault(&call, Fault::Silent { is_overdue: false }).is_gone());
        assert!(!connect.connect_fault(&call, Fault::TimedOut).is_gone());
    }
}
