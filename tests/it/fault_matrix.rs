//! Every server fault with every kind of call: status, time limit, effect of a change, events,
//! success of the next call, and number of connections. The matrix is the table in
//! `docs/databases.md`.

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod servers;

use Answer::*;
use Fault::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Stopped,
    Stalled,
    Slow,
    Forgotten,
    Closed,
    Down,
    Killed,
    IdleClosed,
    Locked,
    Full,
    FullForAll,
    DiskFull,
    ReadOnlyDefault,
    ReadOnly,
    WriteUnanswered,
    CommitUnanswered,
    CommitLost,
    CommitCut,
}

/// How a call ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    Works,
    TimesOut,
    /// Times out with an unknown outcome.
    TimesOutUnknown,
    Unreachable,
    Refused,
    CutUnknown,
}

impl Answer {
    /// Returns the name of the status and the message.
    const fn status(self) -> (&'static str, &'static str) {
        match self {
            Works => ("OK", ""),
            TimesOut => ("TIMEOUT", "did not respond in time"),
            TimesOutUnknown => ("TIMEOUT", "the outcome is unknown"),
            Unreachable => ("IO", "cannot be reached"),
            Refused => ("DATABASE", ""),
            CutUnknown => ("DATABASE", "the outcome is unknown"),
        }
    }

    fn documented(self) -> String {
        match self.status() {
            (_, _) if self == Works => "works".to_owned(),
            (status, message) if message.ends_with("is unknown") => format!("`{status}`, unknown"),
            (status, _) => format!("`{status}`"),
        }
    }
}

const CALLS: [&str; 4] = ["login", "existing", "new", "invalidate"];

/// The faults with their documented names, and how each of [`CALLS`] ends.
const MATRIX: [(Fault, &str, [Answer; 4]); 18] = [
    (Stopped, "the server's processes are stopped", [TimesOut; 4]),
    (Stalled, "the network passes nothing", [TimesOut; 4]),
    (Slow, "the network passes a byte each half second", [TimesOut; 4]),
    (Forgotten, "the network has forgotten the connections (half-open)", [Works; 4]),
    (Closed, "the network closes every connection, new ones too", [Unreachable; 4]),
    (Down, "the server is down", [Unreachable; 4]),
    (Killed, "an administrator killed the connections", [Works; 4]),
    (IdleClosed, "the server closed the connections for idling", [Works; 4]),
    (Locked, "another session has locked the table", [TimesOut; 4]),
    (Full, "the server is full, and the pool has a connection", [Works; 4]),
    (FullForAll, "the server is full, and the pool has none", [Refused; 4]),
    (DiskFull, "the disk of the table is full (PostgreSQL)", [Refused, Works, Refused, Refused]),
    (ReadOnlyDefault, "sessions are read-only by default", [Works; 4]),
    (ReadOnly, "the server is read-only, or a standby", [Refused, Works, Refused, Refused]),
    (
        WriteUnanswered,
        "the deadline passes between the write and COMMIT",
        [TimesOut, Works, TimesOut, TimesOut],
    ),
    (
        CommitUnanswered,
        "COMMIT is executed, and its answer is lost",
        [Works, Works, TimesOutUnknown, TimesOutUnknown],
    ),
    (CommitLost, "COMMIT is lost on its way", [Works, Works, TimesOutUnknown, TimesOutUnknown]),
    (
        CommitCut,
        "the connection is cut when COMMIT is sent",
        [Works, Works, CutUnknown, CutUnknown],
    ),
];

#[test]
fn documented_statuses_match_the_fault_matrix() {
    let mut table = format!("| fault | {} |\n| --- | --- | --- | --- | --- |\n", CALLS.join(" | "));
    for (_, fault, answers) in MATRIX {
        let answers = answers.map(Answer::documented).join(" | ");
        table += &format!("| {fault} | {answers} |\n");
    }
    let documented = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/databases.md"));
    assert!(documented.contains(&table), "docs/databases.md lacks this table:\n{table}");
}
