//! Time limits of calls and their statements.

use std::time::{Duration, Instant};

use super::sql_error::SqlError;

/// Maximum time to wait for a response after the server's own limit has passed.
pub(super) const MAX_GRACE: Duration = Duration::from_secs(1);

/// Minimum limit to set in a session: on some servers, 0 means no limit.
const MIN_STATEMENT: Duration = Duration::from_millis(1);

/// Time limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The deadline of the call.
    pub deadline: Instant,
    /// Limit for one statement on the server, including waiting for locks.
    pub statement: Duration,
    /// Time between the server's cancellation of a statement and the deadline of the call.
    pub margin: Duration,
}

/// The time limits for a response.
pub(super) struct Wait {
    pub limit: Duration,
    /// The error if there is no response within the limit.
    pub timeout_error: SqlError,
    /// Time until which the server may be working on the statement.
    pub busy_until: Instant,
}

impl Limits {
    /// Returns the limits of a call that starts now. The server's limit ends before the call.
    pub fn of_call(call: Duration, statement: Duration) -> Self {
        let margin = (call / 10).min(Duration::from_secs(5));
        Self { deadline: Instant::now() + call, statement: statement.min(call - margin), margin }
    }

    /// Returns the limits of an attempt to connect, including the setup of the session; `left` is
    /// the number of attempts left, including this one.
    pub fn of_connect(&self, connect_timeout: Duration, left: usize) -> Self {
        let now = Instant::now();
        let rest = self.deadline.saturating_duration_since(now);
        if left <= 1 && rest <= connect_timeout {
            return *self;
        }
        let share = rest / u32::try_from(left).unwrap_or(u32::MAX).max(1);
        Self { deadline: now + share.min(connect_timeout), ..*self }
    }

    /// Returns the error of an attempt to connect with these limits. An attempt that failed at its
    /// own deadline, and not that of the call, means that the server is down.
    pub fn connect_error(&self, call: &Self, error: SqlError) -> SqlError {
        let is_late = match error {
            SqlError::Silent { .. } => true,
            SqlError::TimedOut => self.remaining().is_err(),
            _ => false,
        };
        if is_late && self.deadline < call.deadline {
            return SqlError::Silent { is_overdue: true };
        }
        error
    }

    /// Returns the time that the server has for its response after its own limit. Half of the
    /// margin, so that the call can retry.
    fn grace(&self) -> Duration {
        (self.margin / 2).min(MAX_GRACE)
    }

    /// Returns the remaining time of the call.
    ///
    /// # Errors
    /// `TimedOut` after the deadline. Nothing may be sent then.
    pub fn remaining(&self) -> Result<Duration, SqlError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(SqlError::TimedOut) } else { Ok(left) }
    }

    /// Returns the time limits for the response to a statement that is sent now, given the
    /// session's limit.
    ///
    /// # Errors
    /// Those of [`Limits::remaining`].
    pub fn wait(&self, session_limit: Duration) -> Result<Wait, SqlError> {
        let overdue = session_limit + self.grace();
        let limit = self.remaining()?.min(overdue);
        Ok(Wait {
            limit,
            timeout_error: SqlError::Silent { is_overdue: limit >= session_limit },
            busy_until: Instant::now() + session_limit + MAX_GRACE,
        })
    }

    /// Returns the limit to set in the session before the next statement, or `None` if the current
    /// one is good enough. Early in a call, it usually is, which saves a round trip.
    ///
    /// # Errors
    /// Those of [`Limits::remaining`].
    pub fn new_session_limit(&self, current: Duration) -> Result<Option<Duration>, SqlError> {
        Ok(self.new_limit_for(self.remaining()?, current))
    }

    /// Implements [`Limits::new_session_limit`], given the remaining time.
    fn new_limit_for(&self, left: Duration, current: Duration) -> Option<Duration> {
        let wanted = left.saturating_sub(self.margin / 2).max(left / 2).max(MIN_STATEMENT);
        let wanted = wanted.min(self.statement);
        // A new limit leaves half of the margin, or of the remaining time, for the response. The
        // limit is replaced when it would leave less than a quarter.
        let is_too_long = current + (self.margin / 4).min(left / 4) > left;
        let is_too_short = current < wanted && (wanted == self.statement || current < wanted / 2);
        (is_too_long || is_too_short).then_some(wanted).filter(|wanted| *wanted != current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Returns the limits of a call of 30 s with `left` remaining.
    fn with_left(left: Duration) -> Limits {
        let limits = Limits::of_call(30 * SECOND, 60 * SECOND);
        Limits { deadline: Instant::now() + left, ..limits }
    }

    #[test]
    fn session_limit_is_set_only_when_needed() {
        let limits = Limits::of_call(30 * SECOND, 60 * SECOND);
        let current = limits.statement;
        assert_eq!(current, 27 * SECOND);
        for left in [30, 29, 28] {
            assert_eq!(limits.new_limit_for(left * SECOND, current), None, "{left}");
        }
        // At most until the end of the call, with time for the response.
        for left in [27, 10, 2, 1] {
            let left = left * SECOND;
            let new = limits.new_limit_for(left, current).unwrap();
            assert!(new < left && new >= left / 3, "{left:?} {new:?}");
            // It need not be set again immediately.
            let later = left - (limits.margin / 4).min(left / 5);
            assert_eq!(limits.new_limit_for(later, new), None, "{left:?}");
        }
        // A new call gets the full limit again.
        for current in [SECOND, 20 * SECOND] {
            assert_eq!(limits.new_limit_for(30 * SECOND, current), Some(27 * SECOND));
        }
        assert_eq!(limits.new_limit_for(Duration::from_micros(10), current), Some(MIN_STATEMENT));
        assert!(matches!(
            with_left(Duration::ZERO).new_session_limit(current),
            Err(SqlError::TimedOut)
        ));
    }

    #[test]
    fn silence_after_the_server_limit_is_overdue() {
        let timeout_error =
            |left: Duration, current| with_left(left).wait(current).unwrap().timeout_error;
        assert!(matches!(
            timeout_error(30 * SECOND, SECOND),
            SqlError::Silent { is_overdue: true }
        ));
        assert!(matches!(
            timeout_error(SECOND, 2 * SECOND),
            SqlError::Silent { is_overdue: false }
        ));
    }

    #[test]
    fn silent_connection_leaves_time_for_another() {
        for call in [1, 4, 10, 30, 600] {
            let limits = Limits::of_call(call * SECOND, 3600 * SECOND);
            let wait = limits.wait(limits.statement).unwrap();
            assert!(matches!(wait.timeout_error, SqlError::Silent { is_overdue: true }));
            let rest = call * SECOND - wait.limit;
            assert!(rest >= limits.margin * 2 / 5, "{call} {rest:?}");
            // The server responds at its own limit, and the response takes a moment.
            assert!(wait.limit >= limits.statement + SECOND / 20, "{call} {:?}", wait.limit);
        }
    }

    #[test]
    fn slow_connect_is_silence_unless_the_call_ended() {
        let call = with_left(30 * SECOND);
        let connect = call.of_connect(Duration::ZERO, 1);
        for error in [SqlError::TimedOut, SqlError::Silent { is_overdue: false }] {
            assert!(connect.connect_error(&call, error).is_connection_dead());
        }
        assert!(matches!(connect.connect_error(&call, SqlError::Duplicate), SqlError::Duplicate));
        // The server canceled it, or the call is over.
        let connect = call.of_connect(SECOND, 1);
        assert!(!connect.connect_error(&call, SqlError::TimedOut).is_connection_dead());
        let call = with_left(Duration::ZERO);
        let connect = call.of_connect(SECOND, 1);
        assert!(
            !connect
                .connect_error(&call, SqlError::Silent { is_overdue: false })
                .is_connection_dead()
        );
        assert!(!connect.connect_error(&call, SqlError::TimedOut).is_connection_dead());
    }
}
