//! Names of statuses and verdicts, and their numbers.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use super::{rbtoken_status_t, rbtoken_verdict_t};
use crate::error::ErrorKind;
use crate::store::Verdict;

/// Returns the NUL-terminated name of a status.
pub(super) fn status_name(status: rbtoken_status_t) -> &'static str {
    match status {
        0 => "RBTOKEN_OK\0",
        1 => "RBTOKEN_E_NULL_ARGUMENT\0",
        2 => "RBTOKEN_E_INVALID_ARGUMENT\0",
        3 => "RBTOKEN_E_INVALID_UTF8\0",
        4 => "RBTOKEN_E_EMBEDDED_NUL\0",
        5 => "RBTOKEN_E_TOO_LONG\0",
        6 => "RBTOKEN_E_STRUCT_SIZE\0",
        7 => "RBTOKEN_E_UNSUPPORTED_OPTION\0",
        8 => "RBTOKEN_E_TIME_RANGE\0",
        40 => "RBTOKEN_E_JSON_SYNTAX\0",
        41 => "RBTOKEN_E_JSON_TYPE\0",
        42 => "RBTOKEN_E_JSON_TOO_DEEP\0",
        43 => "RBTOKEN_E_JSON_NUMBER\0",
        44 => "RBTOKEN_E_POLICY\0",
        80 => "RBTOKEN_E_NOT_FOUND\0",
        81 => "RBTOKEN_E_EXISTS\0",
        82 => "RBTOKEN_E_STATE\0",
        83 => "RBTOKEN_E_UNSUPPORTED\0",
        84 => "RBTOKEN_E_FORKED\0",
        85 => "RBTOKEN_E_POISONED\0",
        120 => "RBTOKEN_E_GENERATION\0",
        121 => "RBTOKEN_E_CALLBACK\0",
        160 => "RBTOKEN_E_LOCKED\0",
        161 => "RBTOKEN_E_IO\0",
        162 => "RBTOKEN_E_CORRUPT\0",
        163 => "RBTOKEN_E_VERSION\0",
        164 => "RBTOKEN_E_DATABASE\0",
        165 => "RBTOKEN_E_TIMEOUT\0",
        200 => "RBTOKEN_E_NO_MEMORY\0",
        201 => "RBTOKEN_E_INTERNAL\0",
        _ => "unknown status\0",
    }
}

/// Returns the NUL-terminated name of a verdict.
pub(super) fn verdict_name(verdict: rbtoken_verdict_t) -> &'static str {
    match verdict {
        0 => "RBTOKEN_VERDICT_REFUSED\0",
        1 => "RBTOKEN_VERDICT_OK\0",
        2 => "RBTOKEN_VERDICT_UNKNOWN\0",
        3 => "RBTOKEN_VERDICT_INVALID\0",
        4 => "RBTOKEN_VERDICT_EXPIRED\0",
        5 => "RBTOKEN_VERDICT_INACTIVE_USER\0",
        6 => "RBTOKEN_VERDICT_WRONG_SITE\0",
        7 => "RBTOKEN_VERDICT_NOT_A_TOKEN\0",
        _ => "unknown verdict\0",
    }
}

/// Returns the status of a kind of error.
pub(super) fn status_of(kind: ErrorKind) -> rbtoken_status_t {
    match kind {
        ErrorKind::NullArgument => 1,
        ErrorKind::InvalidArgument => 2,
        ErrorKind::InvalidUtf8 => 3,
        ErrorKind::EmbeddedNul => 4,
        ErrorKind::TooLong => 5,
        ErrorKind::StructSize => 6,
        ErrorKind::UnsupportedOption => 7,
        ErrorKind::TimeRange => 8,
        ErrorKind::JsonSyntax => 40,
        ErrorKind::JsonType => 41,
        ErrorKind::JsonTooDeep => 42,
        ErrorKind::JsonNumber => 43,
        ErrorKind::Policy => 44,
        ErrorKind::NotFound => 80,
        ErrorKind::Exists => 81,
        ErrorKind::State => 82,
        ErrorKind::Unsupported => 83,
        ErrorKind::Forked => 84,
        ErrorKind::Poisoned => 85,
        ErrorKind::Generation => 120,
        ErrorKind::Callback => 121,
        ErrorKind::Locked => 160,
        ErrorKind::Io => 161,
        ErrorKind::Corrupt => 162,
        ErrorKind::Version => 163,
        ErrorKind::Database => 164,
        ErrorKind::Timeout => 165,
        ErrorKind::NoMemory => 200,
        ErrorKind::Internal => 201,
        ErrorKind::Host(status) => status,
    }
}

/// Returns the number of a verdict.
pub(super) fn verdict_code(verdict: Verdict) -> rbtoken_verdict_t {
    match verdict {
        Verdict::Ok => 1,
        Verdict::Unknown => 2,
        Verdict::Invalid => 3,
        Verdict::Expired => 4,
        Verdict::InactiveUser => 5,
        Verdict::WrongSite => 6,
        Verdict::NotAToken => 7,
    }
}
