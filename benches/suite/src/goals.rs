//! The performance goals: ratios within one run.

/// A bound for a ratio.
#[derive(Clone, Copy)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    pub fn holds(self, ratio: f64) -> bool {
        match self {
            Self::AtMost(bound) => ratio <= bound,
            Self::AtLeast(bound) => ratio >= bound,
        }
    }

    pub fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
        }
    }
}

/// A goal. Its key begins with the number of its row.
pub struct Goal {
    pub key: &'static str,
    /// What is divided by what.
    pub what: &'static str,
    pub gate: Bound,
    pub stretch: Bound,
}

use Bound::{AtLeast, AtMost};

const fn goal(key: &'static str, what: &'static str, gate: Bound, stretch: Bound) -> Goal {
    Goal { key, what, gate, stretch }
}

pub const GOALS: &[Goal] = &[
    goal(
        "1",
        "one isolated login, largest store, p50: ours / reference login",
        AtMost(1.0),
        AtMost(0.65),
    ),
    goal(
        "2",
        "one isolated login, smallest store, p50: ours / reference login",
        AtMost(1.3),
        AtMost(0.9),
    ),
    goal(
        "3",
        "one isolated login with an unknown value, largest store: ours / reference's miss",
        AtMost(1.2),
        AtMost(0.5),
    ),
    goal("4", "throughput, hot, reads only: 2 threads / 1 thread", AtLeast(1.8), AtLeast(1.95)),
    goal(
        "5a",
        "throughput, hot, 2 threads, 1% writes: ours / RwLock of hashbrown",
        AtLeast(1.5),
        AtLeast(3.8),
    ),
    goal("5b", "the same: ours / C++ unordered_map + shared_mutex", AtLeast(6.0), AtLeast(15.0)),
    goal(
        "6a",
        "get_or_create of an existing token: user with 1,000 tokens / with 10",
        AtMost(1.2),
        AtMost(1.0),
    ),
    goal(
        "6b",
        "the same, user with 1,000 tokens: scan of the tokens / ours",
        AtLeast(100.0),
        AtLeast(300.0),
    ),
    goal("7a", "value generation: ours / 256-byte ChaCha12 fill", AtMost(3.5), AtMost(2.5)),
    goal("7b", "the same: naive rand loop / ours", AtLeast(5.0), AtLeast(8.0)),
    goal("7c", "the same: Djblets / ours", AtLeast(500.0), AtLeast(1000.0)),
    goal("8a", "policy check: walk of serde_json::Value / ours", AtLeast(3.5), AtLeast(6.0)),
    goal("8b", "policy check: ours with 32 KiB / ours with 300 B", AtMost(1.3), AtMost(1.0)),
    goal("9", "memory per client token, all indexes: bytes / 255", AtMost(1.5), AtMost(1.2)),
    goal("10a", "login, cold: SQLite's SELECT / ours", AtLeast(15.0), AtLeast(30.0)),
    goal("10b", "login, cold: Redis HGETALL, unix socket / ours", AtLeast(75.0), AtLeast(120.0)),
    goal("10c", "login, cold: PostgreSQL's prepared SELECT / ours", AtLeast(100.0), AtLeast(300.0)),
    goal("10d", "login: Review Board / ours", AtLeast(2000.0), AtLeast(5000.0)),
    goal(
        "11a",
        "durable creates, 1 thread: throughput ours / SQLite synchronous=FULL",
        AtLeast(0.9),
        AtLeast(1.4),
    ),
    goal("11b", "durable creates, 8 threads: the same", AtLeast(3.0), AtLeast(5.0)),
    goal(
        "12",
        "opening a durable store: ours / SQLite scan into one hash map",
        AtMost(1.5),
        AtMost(1.0),
    ),
    goal(
        "13a",
        "a policy shared by all tokens: bytes that it adds per token / its length",
        AtMost(0.01),
        AtMost(0.01),
    ),
    goal(
        "13b",
        "the same: time that naming it adds to a creation / time to parse it",
        AtMost(0.5),
        AtMost(0.2),
    ),
    goal(
        "14a",
        "login on a server's database, 1 thread: bare driver / ours",
        AtLeast(0.9),
        AtLeast(1.0),
    ),
    goal(
        "14b",
        "login, existing and new token on a server's database: Review Board / ours",
        AtLeast(3.0),
        AtLeast(10.0),
    ),
    goal("14c", "the same, login: uncached / cached", AtLeast(100.0), AtLeast(500.0)),
    goal(
        "14d",
        "the same, existing token of a user with 20,000 tokens, 1 thread: ours / bare query",
        AtMost(1.5),
        AtMost(1.1),
    ),
];
