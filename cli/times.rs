//! Times and durations as people write and read them.

use std::time::Duration;

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone, Utc};
use rbtoken::clock::{Clock, SystemClock, Timestamp};
use rbtoken::{Error, ErrorKind};

/// Parses a duration such as `30d`, `2h` or `1h 30m`, for clap.
pub fn duration(text: &str) -> Result<Duration, String> {
    // `M` would be months, and is easily typed for minutes.
    if text.contains('M') {
        return Err("unknown unit `M` (expected 30d, 2h or 90m)".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| format!("{error} (expected 30d, 2h or 90m)"))
}

/// A time that was given as an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    Never,
    In(Duration),
    /// In UTC or with an offset.
    At(Timestamp),
    /// In the time zone of the output.
    Local(NaiveDateTime),
}

/// Parses `never`, a duration from now, a date, or a date and time, for clap.
pub fn when(text: &str) -> Result<When, String> {
    if text == "never" {
        return Ok(When::Never);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        let time = Timestamp::from_micros(time.timestamp_micros());
        return time.map(When::At).map_err(|error| error.message());
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(When::Local(date.and_time(chrono::NaiveTime::MIN)));
    }
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Ok(When::Local(time));
        }
    }
    let expected = "expected never, 30d, 2h, 2027-01-31 or \"2027-01-31 12:00\"";
    duration(text).map(When::In).map_err(|_| expected.to_owned())
}

/// The time zone of times in the output and without an offset in arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Utc,
    Local,
}

impl Zone {
    /// Formats a time to the minute, for tables.
    pub fn short(self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M")
    }

    /// Formats a time to the second, with its offset.
    pub fn long(self, time: Timestamp) -> String {
        self.format(time, "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S %:z")
    }

    fn format(self, time: Timestamp, utc: &str, local: &str) -> String {
        let time = DateTime::<Utc>::from_timestamp_micros(time.as_micros()).unwrap_or_default();
        match self {
            Self::Utc => time.format(utc).to_string(),
            Self::Local => time.with_timezone(&Local).format(local).to_string(),
        }
    }

    /// Returns the time of an argument; `None` is never.
    pub fn resolve(self, when: &When) -> rbtoken::Result<Option<Timestamp>> {
        match when {
            When::Never => Ok(None),
            When::At(time) => Ok(Some(*time)),
            When::In(duration) => after(now()?, *duration).map(Some),
            When::Local(time) => {
                let micros = match self {
                    Self::Utc => time.and_utc().timestamp_micros(),
                    Self::Local => match Local.from_local_datetime(time).earliest() {
                        Some(time) => time.timestamp_micros(),
                        None => return Err(skipped(time)),
                    },
                };
                Timestamp::from_micros(micros).map(Some)
            }
        }
    }
}

/// Returns the error of a time that the clocks skip when daylight saving time begins.
fn skipped(time: &NaiveDateTime) -> Error {
    let problem = "does not exist in the local time zone, whose clocks skip it; pass another time";
    Error::new(ErrorKind::TimeRange, format!("{time} {problem}"))
}

/// Returns the current time.
pub fn now() -> rbtoken::Result<Timestamp> {
    SystemClock.now()
}

fn secs(duration: Duration) -> i64 {
    duration.as_secs().try_into().unwrap_or(i64::MAX)
}

pub fn after(time: Timestamp, duration: Duration) -> rbtoken::Result<Timestamp> {
    time.plus_secs(secs(duration))
}

/// Returns the time that was a duration ago.
pub fn ago(duration: Duration) -> rbtoken::Result<Timestamp> {
    now()?.plus_secs(-secs(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_durations_dates_and_times() {
        let day = Duration::from_secs(86_400);
        assert_eq!(when("never"), Ok(When::Never));
        assert_eq!(when("30d"), Ok(When::In(30 * day)));
        assert_eq!(when("1d 2h"), Ok(When::In(day + day / 12)));
        let time = Timestamp::from_micros(1_782_604_800_000_000).unwrap();
        assert_eq!(when("2026-06-28T02:00:00+02:00"), Ok(When::At(time)));
        for text in ["2026-06-28", "2026-06-28 00:00", "2026-06-28T00:00:00"] {
            assert_eq!(Zone::Utc.resolve(&when(text).unwrap()).unwrap(), Some(time), "{text}");
        }
        for text in ["", "30", "30M", "soon", "2026-13-01", "-2h", "10001-01-01T00:00:00Z"] {
            assert!(when(text).is_err(), "{text}");
        }
        assert_eq!(Zone::Utc.short(time), "2026-06-28 00:00");
        assert_eq!(Zone::Utc.long(time), "2026-06-28 00:00:00 UTC");
    }

    #[test]
    fn duration_beyond_the_calendar_is_an_error() {
        assert!(ago(Duration::MAX).is_err());
        assert!(after(now().unwrap(), Duration::MAX).is_err());
    }
}
