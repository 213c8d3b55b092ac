//! What a backend counts.

/// Counters of a backend. A part that a backend does not have is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    /// `memory`, `file`, or the kind of database.
    pub kind: &'static str,
    /// The number of tokens, where it is known without asking a server.
    pub tokens: Option<u64>,
    pub memory: Option<MemoryUse>,
    pub file: Option<FileUse>,
    pub pool: Option<PoolUse>,
    pub login_cache: Option<CacheUse>,
}

/// Bytes that tokens in memory occupy, without the texts and documents that they share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryUse {
    pub record_bytes: usize,
    pub index_bytes: usize,
}

/// What the writer of a file did, and the sizes after its last commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileUse {
    pub bytes: u64,
    pub log_bytes: u64,
    pub commits: u64,
}

/// The connections to a database, now and since the store was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolUse {
    /// Connections that are open, idle ones included.
    pub open: usize,
    pub idle: usize,
    /// Connections that were given up, and which the server may have still.
    pub abandoned: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
    /// Connections that were lost, or given up.
    pub lost: u64,
    /// Calls that ended because of a timeout.
    pub timeouts: u64,
    /// Repeated questions and transactions.
    pub retries: u64,
}

/// The cache of accepted logins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheUse {
    pub entries: usize,
    /// Logins that needed no answer of the server.
    pub hits: u64,
}
