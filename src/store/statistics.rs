//! Statistics of a store, as a JSON object.

use super::Store;
use crate::error::Result;
use crate::json::{Map, Value};

impl Store {
    /// Returns the statistics: a `kind` and the parts that apply to the backend.
    ///
    /// # Errors
    /// Those of the backend. No server is queried.
    pub fn statistics(&self) -> Result<Map<String, Value>> {
        let statistics = self.backend.statistics()?;
        let mut members =
            object([("kind", statistics.kind.into()), ("hooks", self.hooks.len().into())]);
        if let Some(tokens) = statistics.tokens {
            members.insert("tokens".to_owned(), tokens.into());
        }
        if let Some(memory) = statistics.memory {
            let memory = object([
                ("record_bytes", memory.record_bytes.into()),
                ("index_bytes", memory.index_bytes.into()),
            ]);
            members.insert("memory".to_owned(), memory.into());
        }
        if let Some(file) = statistics.file {
            let file = object([
                ("bytes", file.bytes.into()),
                ("log_bytes", file.log_bytes.into()),
                ("commits", file.commits.into()),
            ]);
            members.insert("file".to_owned(), file.into());
        }
        if let Some(pool) = statistics.pool {
            let pool = object([
                ("open", pool.open.into()),
                ("idle", pool.idle.into()),
                ("abandoned", pool.abandoned.into()),
                ("waiting", pool.waiting.into()),
                ("lost", pool.lost.into()),
                ("timeouts", pool.timeouts.into()),
                ("retries", pool.retries.into()),
            ]);
            members.insert("pool".to_owned(), pool.into());
        }
        if let Some(cache) = statistics.login_cache {
            let cache = object([("entries", cache.entries.into()), ("hits", cache.hits.into())]);
            members.insert("login_cache".to_owned(), cache.into());
        }
        Ok(members)
    }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
