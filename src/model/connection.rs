//! How a store reaches the place where its tokens are kept.

use std::collections::BTreeSet;
use std::time::Duration;

/// How a store uses its connections to a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionSettings {
    /// How many there are at most.
    pub pool_size: usize,
    /// How long opening one may take.
    pub connect_timeout: Duration,
    /// How long a statement may take, waiting for locks included.
    pub statement_timeout: Duration,
    /// How long a call about one token may take, waiting for a connection included.
    pub call_timeout: Duration,
    /// How long a call about any number of tokens may take.
    pub bulk_timeout: Duration,
    /// How old `last_used` of a token must be before a login writes it; none never writes it.
    pub last_used_interval: Option<Duration>,
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
        }
    }
}

/// Whose directories and files a store in a file accepts, beside those of root and of the user that
/// the process acts for.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedOwners {
    /// User ids of owners.
    pub users: BTreeSet<u32>,
    /// Ids of groups that may write.
    pub groups: BTreeSet<u32>,
}
