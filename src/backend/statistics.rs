//! Statistics of backends.

/// Statistics of a backend. Parts that do not apply are `None`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Statistics {
    /// `memory`, `file`, or the kind of database.
    pub kind: &'static str,
    /// Number of tokens, if known without querying a server.
    pub tokens: Option<u64>,
    pub memory: Option<MemoryStatistics>,
    pub file: Option<FileStatistics>,
    pub pool: Option<PoolStatistics>,
    pub login_cache: Option<CacheStatistics>,
}

/// Bytes of tokens in memory, without shared texts and documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryStatistics {
    pub record_bytes: usize,
    pub index_bytes: usize,
}

/// Statistics of a file's writer thread, and sizes after its last commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileStatistics {
    pub bytes: u64,
    pub log_bytes: u64,
    pub commits: u64,
}

/// Statistics of a connection pool, now and since the store was opened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolStatistics {
    /// Open connections, including idle ones.
    pub open: usize,
    pub idle: usize,
    /// Abandoned connections, which the server may still have open.
    pub abandoned: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
    /// Connections that were lost or abandoned.
    pub lost: u64,
    /// Calls that failed with a timeout.
    pub timeouts: u64,
    /// Repeated queries and transactions.
    pub retries: u64,
}

/// Statistics of the login cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheStatistics {
    pub entries: usize,
    /// Logins that needed no query.
    pub hits: u64,
}
