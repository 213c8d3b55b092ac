//! A cache of accepted logins, so that most requests need no query.
//!
//! Only accepted logins are cached. A change through this store that could revoke a token evicts
//! the token's entry before the change is sent and after it has ended. Changes by others take
//! effect when an entry is older than `login_cache_secs`.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap};
use hashlink::LinkedHashMap;
use parking_lot::{Mutex, MutexGuard, RwLock};

use super::rows::IDS_AT_ONCE;
use crate::backend::{CacheStatistics, Operation, Selection};
use crate::memory;
use crate::token::{SharedRecord, TokenValue};

/// Maximum length of the documents and note of a cached token. Users can store longer ones through
/// the server, and a parsed policy takes several times its length.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// Accepted logins by the hash of the token value.
pub(super) struct LoginCache {
    max_age: Duration,
    max_entries: usize,
    /// Keyed at random. Values with colliding hashes only evict each other.
    hasher: DefaultHashBuilder,
    state: RwLock<State>,
    /// Held by the caller that refreshes entries.
    refreshing: Mutex<()>,
    hits: AtomicU64,
}

struct State {
    /// Incremented by each change. Results of queries from an earlier epoch are not stored.
    epoch: u64,
    /// Results of queries sent before this time are not stored.
    blocked_until: Option<Instant>,
    /// Entries by the hash of the value, least recently verified first.
    entries: LinkedHashMap<u64, CachedLogin, DefaultHashBuilder>,
    /// Keys of the entries by token id.
    hashes: HashMap<i64, u64>,
}

struct CachedLogin {
    record: SharedRecord,
    /// Time at which the query that returned this record was sent.
    verified_at: Instant,
    /// Whether a login has used the entry since then.
    is_used: AtomicBool,
}

/// Time and epoch of a query.
#[derive(Clone, Copy)]
pub(super) struct QueryStart {
    at: Instant,
    epoch: u64,
}

/// The result of a lookup.
pub(super) enum CacheLookup {
    Fresh(SharedRecord),
    /// There is an entry, but it is too old.
    Stale,
    Missing,
}

/// Entries that a change affects.
pub(super) enum AffectedEntries {
    Id(i64),
    Value(TokenValue),
    Everyone,
}

impl AffectedEntries {
    /// Returns the entries that an operation affects; `None` if it cannot revoke tokens.
    pub fn by(operation: &Operation) -> Option<Self> {
        match operation {
            Operation::Update(id, _) | Operation::Delete(id) => Some(Self::Id(*id)),
            Operation::Invalidate(selection, _) => Some(Self::by_selection(selection)),
            Operation::Purge(_) => Some(Self::Everyone),
            _ => None,
        }
    }

    /// Returns the entries of selected tokens. A user's entries cannot be found by name, since the
    /// server may have renamed the user.
    pub fn by_selection(selection: &Selection) -> Self {
        match selection {
            Selection::Id(id) => Self::Id(*id),
            Selection::Value(value) => Self::Value(value.clone()),
            Selection::Ids(_) | Selection::User(_) | Selection::Everyone => Self::Everyone,
        }
    }
}

/// A change in progress. When it is dropped, the change has ended, with or without success.
#[must_use]
pub(super) struct ChangeGuard<'a> {
    cache: &'a LoginCache,
    affected: AffectedEntries,
}

impl Drop for ChangeGuard<'_> {
    fn drop(&mut self) {
        self.cache.raise_epoch(&self.affected);
    }
}

/// Stale entries that one caller refreshes.
pub(super) struct Refresh<'a> {
    cache: &'a LoginCache,
    _lock: MutexGuard<'a, ()>,
    query_start: QueryStart,
    /// In ascending order.
    pub ids: Vec<i64>,
}

impl LoginCache {
    pub fn new(max_age: Duration, max_entries: usize) -> Self {
        Self {
            max_age,
            max_entries,
            hasher: DefaultHashBuilder::default(),
            state: RwLock::new(State {
                epoch: 0,
                blocked_until: None,
                hashes: HashMap::new(),
                entries: LinkedHashMap::with_hasher(DefaultHashBuilder::default()),
            }),
            refreshing: Mutex::new(()),
            hits: AtomicU64::new(0),
        }
    }

    fn hash(&self, value: &[u8]) -> u64 {
        let mut state = self.hasher.build_hasher();
        state.write(value);
        state.finish()
    }

    fn is_stale(&self, entry: &CachedLogin) -> bool {
        entry.verified_at.elapsed() >= self.max_age
    }

    /// Looks up a value, comparing it in constant time.
    pub fn find(&self, value: &str) -> CacheLookup {
        let hash = self.hash(value.as_bytes());
        let state = self.state.read();
        match state.entries.get(&hash) {
            Some(entry) if entry.record.value().equals(value.as_bytes()) => {
                // Usually it is set already. Not writing then avoids moving the cache line between
                // cores.
                if !entry.is_used.load(Ordering::Relaxed) {
                    entry.is_used.store(true, Ordering::Relaxed);
                }
                if self.is_stale(entry) {
                    CacheLookup::Stale
                } else {
                    CacheLookup::Fresh(SharedRecord::clone(&entry.record))
                }
            }
            _ => CacheLookup::Missing,
        }
    }

    /// Counts a login that needed no query.
    pub fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Records the start of a query.
    pub fn start_query(&self) -> QueryStart {
        let epoch = self.state.read().epoch;
        QueryStart { at: Instant::now(), epoch }
    }

    /// Stores an accepted login, unless a change was sent or ended since the query started. Does
    /// nothing if memory is exhausted.
    pub fn insert(&self, query_start: QueryStart, record: &SharedRecord) {
        if memory::check_room(memory::LARGE).is_err() {
            return;
        }
        let hash = self.hash(record.value().expose_bytes());
        let mut state = self.state.write();
        if state.accepts_result_of(query_start) {
            state.insert(hash, record, query_start.at, self.max_entries);
        }
    }

    /// Begins a change. Results of earlier queries are not stored, and affected entries are evicted
    /// now and when the guard is dropped.
    pub fn begin_change(&self, affected: AffectedEntries) -> ChangeGuard<'_> {
        self.raise_epoch(&affected);
        ChangeGuard { cache: self, affected }
    }

    /// Evicts all entries, and rejects results of queries sent before `time`: until then, the
    /// server may still execute a change whose outcome is unknown.
    pub fn block_until(&self, time: Instant) {
        let mut state = self.state.write();
        state.blocked_until = state.blocked_until.max(Some(time));
        state.clear();
    }

    /// Evicts the entry of a value, or all entries.
    pub fn forget(&self, value: Option<TokenValue>) {
        self.raise_epoch(&value.map_or(AffectedEntries::Everyone, AffectedEntries::Value));
    }

    /// Evicts the entry of a value that the server refused. Results of earlier queries cannot
    /// restore it.
    pub fn refuse(&self, value: &str) {
        let hash = self.hash(value.as_bytes());
        // Unknown values must not block others by taking the write lock.
        if self.state.read().entries.contains_key(&hash) {
            let mut state = self.state.write();
            state.epoch += 1;
            state.remove(hash);
        }
    }

    fn raise_epoch(&self, affected: &AffectedEntries) {
        let mut state = self.state.write();
        state.epoch += 1;
        match affected {
            AffectedEntries::Id(id) => {
                if let Some(hash) = state.hashes.get(id).copied() {
                    state.remove(hash);
                }
            }
            AffectedEntries::Value(value) => state.remove(self.hash(value.expose().as_bytes())),
            AffectedEntries::Everyone => state.clear(),
        }
    }

    /// Selects stale entries for the caller to refresh: that of `value`, and others that were used
    /// since they were verified. Evicts unused stale entries. Returns `None` if there is only this
    /// value to refresh, if another caller is refreshing, or if memory is
    /// exhausted.
    pub fn begin_refresh(&self, value: &str) -> Option<Refresh<'_>> {
        let lock = self.refreshing.try_lock()?;
        let own = self.hash(value.as_bytes());
        let mut ids = memory::vec_with_capacity(IDS_AT_ONCE).ok()?;
        let mut unused = memory::vec_with_capacity(IDS_AT_ONCE).ok()?;
        let mut state = self.state.write();
        let query_start = QueryStart { at: Instant::now(), epoch: state.epoch };
        ids.push(state.entries.get(&own)?.record.id());
        let stale = state.entries.iter().take_while(|(_, entry)| self.is_stale(entry));
        for (hash, entry) in stale.filter(|(hash, _)| **hash != own) {
            if ids.len() == IDS_AT_ONCE || unused.len() == IDS_AT_ONCE {
                break;
            }
            if entry.is_used.load(Ordering::Relaxed) {
                ids.push(entry.record.id());
            } else {
                unused.push(*hash);
            }
        }
        unused.into_iter().for_each(|hash| state.remove(hash));
        ids.sort_unstable();
        (ids.len() > 1).then_some(Refresh { cache: self, _lock: lock, query_start, ids })
    }

    /// Returns the number of entries and hits.
    pub fn statistics(&self) -> CacheStatistics {
        CacheStatistics {
            entries: self.state.read().entries.len(),
            hits: self.hits.load(Ordering::Relaxed),
        }
    }
}

impl Refresh<'_> {
    /// Marks the entry of a row from the server as verified, unless its login would be refused.
    pub fn verify(&self, record: &SharedRecord, owner_is_active: bool) {
        let is_accepted = owner_is_active
            && record.invalidation().is_none()
            && record.unreadable().is_none()
            && memory::check_room(memory::LARGE).is_ok();
        let mut state = self.cache.state.write();
        let hash = state.hashes.get(&record.id()).copied();
        let Some((hash, entry)) = hash.and_then(|hash| Some((hash, state.entries.get(&hash)?)))
        else {
            return;
        };
        let has_value = record.value().equals(entry.record.value().expose_bytes());
        let is_older = entry.verified_at < self.query_start.at;
        if is_accepted && has_value && is_older && state.accepts_result_of(self.query_start) {
            state.insert(hash, record, self.query_start.at, self.cache.max_entries);
        }
    }

    /// Evicts entries that were not verified.
    pub fn finish(self) {
        let mut state = self.cache.state.write();
        for id in &self.ids {
            if let Some(hash) = state.hashes.get(id).copied()
                && state.entries.get(&hash).is_some_and(|it| it.verified_at < self.query_start.at)
            {
                // Results of earlier queries must not restore it.
                state.epoch += 1;
                state.remove(hash);
            }
        }
    }
}

impl State {
    /// Returns whether the result of a query may be stored.
    fn accepts_result_of(&self, query_start: QueryStart) -> bool {
        self.epoch == query_start.epoch
            && self.blocked_until.is_none_or(|time| query_start.at >= time)
    }

    fn remove(&mut self, hash: u64) {
        if let Some(entry) = self.entries.remove(&hash) {
            self.hashes.remove(&entry.record.id());
        }
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.hashes.clear();
    }

    /// Inserts or replaces an entry, unless its texts are too long. If the cache is full, the least
    /// recently verified entry is evicted.
    fn insert(&mut self, hash: u64, record: &SharedRecord, at: Instant, max_entries: usize) {
        self.remove(hash);
        let texts = [record.policy().text(), record.extra_data().text(), record.note()];
        if texts.into_iter().map(|text| text.len()).sum::<usize>() > MAX_TEXT_BYTES {
            return;
        }
        // Evicts the entry of the same token under its previous value.
        if let Some(hash) = self.hashes.get(&record.id()).copied() {
            self.remove(hash);
        }
        while self.entries.len() >= max_entries
            && let Some((_, entry)) = self.entries.pop_front()
        {
            self.hashes.remove(&entry.record.id());
        }
        if self.entries.try_reserve(1).is_ok() && self.hashes.try_reserve(1).is_ok() {
            let record = SharedRecord::clone(record);
            self.hashes.insert(record.id(), hash);
            let entry = CachedLogin { record, verified_at: at, is_used: AtomicBool::new(false) };
            self.entries.insert(hash, entry);
        }
    }
}

#[cfg(test)]
mod tests;
