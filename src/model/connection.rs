//! Settings for the connections of a store, and for the owners of its files.

use std::collections::BTreeSet;
use std::time::Duration;

/// Settings for the connections to a database and for logins on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionSettings {
    /// Maximum number of connections.
    pub pool_size: usize,
    /// Time limit for opening a connection.
    pub connect_timeout: Duration,
    /// Time limit for a statement, including waiting for locks.
    pub statement_timeout: Duration,
    /// Time limit for a call about one token, including waiting for a connection.
    pub call_timeout: Duration,
    /// Time limit for a call about any number of tokens.
    pub bulk_timeout: Duration,
    /// Minimum age of a token's `last_used` at which a login writes it. `None`: logins never write
    /// it.
    pub last_used_interval: Option<Duration>,
    /// Maximum age of a cached login. Zero: logins are not cached.
    pub login_cache_age: Duration,
    /// Maximum number of cached logins.
    pub login_cache_entries: usize,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            pool_size: 8,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            call_timeout: Duration::from_secs(30),
            bulk_timeout: Duration::from_secs(600),
            last_used_interval: Some(Duration::ZERO),
            login_cache_age: Duration::ZERO,
            login_cache_entries: 10_000,
        }
    }
}

/// Owners whose directories and files a store in a file accepts, in addition to root and the user
/// of the process.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedOwners {
    /// User ids of trusted owners.
    pub users: BTreeSet<u32>,
    /// Ids of groups that may have permission to write.
    pub groups: BTreeSet<u32>,
}
