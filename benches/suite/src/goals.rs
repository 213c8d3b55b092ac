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

/// The best ratio that the hardware or the reference permits.
pub struct Limit {
    pub ratio: f64,
    /// What sets it.
    pub by: &'static str,
}

impl Limit {
    /// Formats the limit, and how close a ratio comes to it.
    pub fn text(&self, gate: Bound, ratio: Option<f64>) -> String {
        let share = ratio.map(|ratio| match gate {
            Bound::AtMost(_) => self.ratio / ratio,
            Bound::AtLeast(_) => ratio / self.ratio,
        });
        let share = share.map_or(String::new(), |share| format!("; {:.0}% of it", 100.0 * share));
        format!("{} ({}){share}", self.ratio, self.by)
    }
}

/// A goal. Its key begins with the number of its row.
pub struct Goal {
    pub key: &'static str,
    /// What is divided by what.
    pub what: &'static str,
    /// A gate that holds on any machine.
    pub gate: Bound,
    pub limit: Option<Limit>,
    /// What the summary compares, if the goal is in it: ours, and the reference.
    pub summary: Option<[&'static str; 2]>,
}

use Bound::{AtLeast, AtMost};

impl Goal {
    const fn new(key: &'static str, what: &'static str, gate: Bound) -> Self {
        Self { key, what, gate, limit: None, summary: None }
    }

    const fn limit(mut self, ratio: f64, by: &'static str) -> Self {
        self.limit = Some(Limit { ratio, by });
        self
    }

    const fn summary(mut self, ours: &'static str, reference: &'static str) -> Self {
        self.summary = Some([ours, reference]);
        self
    }
}

pub const GOALS: &[Goal] = &[
    Goal::new("1", "one isolated login, largest store, p50: ours / reference login", AtMost(0.85))
        .limit(0.4, "two cache misses")
        .summary("login among 1,000,000 tokens", "the same in one hash map without a lock"),
    Goal::new("2", "one isolated login, smallest store, p50: ours / reference login", AtMost(1.3))
        .limit(1.0, "the same work, without the comparison in constant time and the snapshot")
        .summary("login among 1,000 tokens", "the same in one hash map without a lock"),
    Goal::new(
        "3",
        "one isolated login with an unknown value, largest store: ours / reference's miss",
        AtMost(1.2),
    )
    .limit(1.0, "one cache miss"),
    Goal::new("4a", "throughput, hot, reads only: 2 threads / 1 thread", AtLeast(1.6))
        .limit(2.0, "cores"),
    Goal::new("4b", "the same with one hot token: 2 threads / 1 thread", AtLeast(1.0)),
    Goal::new(
        "5a",
        "throughput, hot, 1% writes, largest store: 2 threads / 1 thread",
        AtLeast(1.8),
    )
    .limit(2.0, "cores"),
    Goal::new("5b", "the same, smallest store", AtLeast(1.6)).limit(2.0, "cores"),
    Goal::new(
        "5c",
        "2 threads, 0% and 1% writes, the worst of all sizes: ours / RwLock of hashbrown",
        AtLeast(1.0),
    ),
    Goal::new("5d", "the same, 10% writes", AtLeast(0.9)),
    Goal::new(
        "5e",
        "2 threads, hot, 1% writes, largest store: ours / C++ unordered_map + shared_mutex",
        AtLeast(1.5),
    )
    .summary("logins by two threads, 1% writes", "C++ unordered_map with a shared_mutex"),
    Goal::new(
        "6a",
        "get_or_create of an existing token: user with 1,000 tokens / with 10",
        AtMost(1.2),
    )
    .limit(1.0, "the same work"),
    Goal::new(
        "6b",
        "the same, user with 1,000 tokens: ours / a login in the same store",
        AtMost(1.3),
    ),
    Goal::new("6c", "the same, user with 1,000 tokens: scan of the tokens / ours", AtLeast(30.0))
        .summary("get-or-create of an existing token", "scan of the user's 1,000 tokens"),
    Goal::new("7a", "value generation: ours / 256-byte ChaCha12 fill", AtMost(2.9))
        .limit(1.3, "the key stream and the checksum"),
    Goal::new("7b", "the same: naive rand loop / ours", AtLeast(4.0)),
    Goal::new("7c", "the same: Djblets / ours", AtLeast(700.0))
        .summary("generation of a value", "Djblets"),
    Goal::new("8a", "policy check: walk of serde_json::Value / ours", AtLeast(4.0))
        .summary("policy check", "walk of a serde_json::Value"),
    Goal::new("8b", "policy check: ours with 32 KiB / ours with 300 B", AtMost(1.3))
        .limit(1.0, "the same work"),
    Goal::new("9", "memory per client token, all indexes: bytes / 255", AtMost(1.45))
        .limit(1.0, "the value itself")
        .summary("memory of a client token", "its value alone"),
    Goal::new("10a", "login, cold: SQLite's SELECT / ours", AtLeast(8.0)),
    Goal::new("10b", "login, cold: Redis HGETALL, unix socket / ours", AtLeast(15.0))
        .summary("login, its value not in the caches", "Redis HGETALL through a unix socket"),
    Goal::new("10c", "login, cold: PostgreSQL's prepared SELECT / ours", AtLeast(30.0)),
    Goal::new("10d", "login: Review Board / ours", AtLeast(1500.0))
        .summary("login", "Review Board 8.1"),
    Goal::new(
        "11a",
        "durable creates, 1 thread: throughput ours / SQLite synchronous=FULL",
        AtLeast(1.0),
    )
    .limit(1.08, "bare SQLite with our row")
    .summary("durable creates by one thread", "SQLite, synchronous=FULL"),
    Goal::new("11b", "the same: ours / bare SQLite with our row and reserved ids", AtLeast(0.93))
        .limit(1.0, "one sync"),
    Goal::new("11c", "durable creates, 8 threads: ours / SQLite synchronous=FULL", AtLeast(3.0))
        .summary("durable creates by eight threads", "SQLite, synchronous=FULL"),
    Goal::new("11d", "the same: ours / bare SQLite with 8 of our rows a commit", AtLeast(0.8))
        .limit(1.0, "one sync for eight callers"),
    Goal::new("12", "opening a durable store: ours / SQLite scan into one hash map", AtMost(1.3))
        .summary("opening 1,000,000 tokens", "SQLite scan into one hash map"),
    Goal::new(
        "13a",
        "a policy shared by all tokens: bytes that it adds per token / its length",
        AtMost(0.01),
    ),
    Goal::new(
        "13b",
        "the same: time that naming it adds to a creation / time to parse it",
        AtMost(0.5),
    ),
    Goal::new("14a", "login on a server's database, 1 thread: bare driver / ours", AtLeast(0.9))
        .limit(1.0, "one round trip"),
    Goal::new("14b", "login on a server's database: Review Board / ours", AtLeast(3.0)),
    Goal::new("14c", "the same, login: uncached / cached", AtLeast(100.0)),
    Goal::new(
        "14d",
        "the same, existing token of a user with 20,000 tokens, 1 thread: ours / bare query",
        AtMost(1.5),
    )
    .limit(1.0, "the bare query"),
    Goal::new(
        "14e",
        "existing and new token on a server's database: Review Board / ours",
        AtLeast(3.0),
    ),
];
