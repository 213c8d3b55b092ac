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
