//! Cache of accepted logins, so that most requests need no answer of the server.
//!
//! Only accepted logins are cached. A change through this store that could revoke a token removes
//! the entries that it concerns, before it is sent and after it ended. What others change at the
//! server is seen once an entry is older than `login_cache_secs`.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hashbrown::{DefaultHashBuilder, HashMap};
use hashlink::LinkedHashMap;
use parking_lot::{Mutex, MutexGuard, RwLock};

use super::rows::IDS_AT_ONCE;
use crate::backend::{CacheUse, Operation, Selection};
use crate::memory;
use crate::token::{SharedRecord, TokenValue};

/// Bytes of the documents and the note of a token that is cached. Any user can store more through
/// the server, and a parsed policy takes several times its bytes.
pub(super) const MAX_TEXT_BYTES: usize = 4096;

/// Accepted logins by the hash of the token's value.
pub(super) struct LoginCache {
    max_age: Duration,
    max_entries: usize,
    /// Has a seed of its own. Values whose hashes collide evict each other, and nothing else.
    hasher: DefaultHashBuilder,
    state: RwLock<State>,
    /// Held by the caller that refreshes entries.
    refreshing: Mutex<()>,
    hits: AtomicU64,
}

struct State {
    /// Raised by each change. An answer to a question of an earlier epoch is not stored.
    epoch: u64,
    /// Answers to questions that were asked before this are not stored.
    blocked_until: Option<Instant>,
    /// Entries by the hash of the value. Those that were verified last are at the back.
    entries: LinkedHashMap<u64, Entry, DefaultHashBuilder>,
    /// The keys of the entries, by the ids of their tokens.
    hashes: HashMap<i64, u64>,
}

struct Entry {
    record: SharedRecord,
    /// When the question was sent that the server answered with this record.
    verified_at: Instant,
    /// A login has asked for it since then.
    is_used: AtomicBool,
}

/// The moment of a question to the server.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    at: Instant,
    epoch: u64,
}

/// The result of a lookup.
pub(super) enum Cached {
    Fresh(SharedRecord),
    /// There is an entry, which is too old.
    Stale,
    Missing,
}

/// The entries that a change concerns.
pub(super) enum Concerned {
    Id(i64),
    Value(TokenValue),
    Everyone,
}

impl Concerned {
    /// The entries that an operation concerns; `None` if it can revoke nothing.
    pub fn by(operation: &Operation) -> Option<Self> {
        match operation {
            Operation::Update(id, _) | Operation::Delete(id) => Some(Self::Id(*id)),
            Operation::Invalidate(which, _) => Some(Self::by_selection(which)),
            Operation::Purge(_) => Some(Self::Everyone),
            _ => None,
        }
    }

    /// The entries of selected tokens. Those of a user are not looked for by name: the server may
    /// have renamed the user since they were stored.
    pub fn by_selection(which: &Selection) -> Self {
        match which {
            Selection::Id(id) => Self::Id(*id),
            Selection::Value(value) => Self::Value(value.clone()),
            Selection::User(_) | Selection::Everyone => Self::Everyone,
        }
    }
}

/// A change that is under way. When it is dropped, the change has ended, whatever came of it.
#[must_use]
pub(super) struct ChangeGuard<'a> {
    cache: &'a LoginCache,
    concerned: Concerned,
}

impl Drop for ChangeGuard<'_> {
    fn drop(&mut self) {
        self.cache.raise_epoch(&self.concerned);
    }
}

/// Stale entries that one caller reads again.
pub(super) struct Refresh<'a> {
    cache: &'a LoginCache,
    _alone: MutexGuard<'a, ()>,
    asked: Asked,
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

    fn is_stale(&self, entry: &Entry) -> bool {
        entry.verified_at.elapsed() >= self.max_age
    }

    /// Looks up a value, which is compared in constant time.
    pub fn find(&self, value: &str) -> Cached {
        let hash = self.hash(value.as_bytes());
        let state = self.state.read();
        match state.entries.get(&hash) {
            Some(entry) if entry.record.value().is(value.as_bytes()) => {
                // Most entries are marked already: reading does not take the line from others.
                if !entry.is_used.load(Ordering::Relaxed) {
                    entry.is_used.store(true, Ordering::Relaxed);
                }
                if self.is_stale(entry) {
                    Cached::Stale
                } else {
                    Cached::Fresh(SharedRecord::clone(&entry.record))
                }
            }
            _ => Cached::Missing,
        }
    }

    /// Counts a login that needed no answer of the server.
    pub fn count_hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// Called before a question is sent.
    pub fn ask(&self) -> Asked {
        let epoch = self.state.read().epoch;
        Asked { at: Instant::now(), epoch }
    }

    /// Stores an accepted login, unless a change was sent or ended since the question was asked.
    /// Without memory for it nothing is stored.
    pub fn insert(&self, asked: Asked, record: &SharedRecord) {
        if memory::check_room(memory::LARGE).is_err() {
            return;
        }
        let hash = self.hash(record.value().expose_bytes());
        let mut state = self.state.write();
        if state.takes(asked) {
            state.insert(hash, record, asked.at, self.max_entries);
        }
    }

    /// Begins a change. Answers to earlier questions are not stored. What is stored until the guard
    /// is dropped is removed then, if the change concerns it.
    pub fn begin_change(&self, concerned: Concerned) -> ChangeGuard<'_> {
        self.raise_epoch(&concerned);
        ChangeGuard { cache: self, concerned }
    }

    /// A change may still happen after its caller was told that the outcome is not known. Until the
    /// server must have ended it, no answer is stored.
    pub fn block_until(&self, time: Instant) {
        let mut state = self.state.write();
        state.blocked_until = state.blocked_until.max(Some(time));
        state.clear();
    }

    /// Removes the entry of a value, or all of them.
    pub fn forget(&self, value: Option<TokenValue>) {
        self.raise_epoch(&value.map_or(Concerned::Everyone, Concerned::Value));
    }

    /// Notes that the server refused a value: its entry, if there is one, is removed, and an answer
    /// to an earlier question does not bring it back.
    pub fn refuse(&self, value: &str) {
        let hash = self.hash(value.as_bytes());
        // Values that nobody has must not take the lock from others.
        if self.state.read().entries.contains_key(&hash) {
            let mut state = self.state.write();
            state.epoch += 1;
            state.remove(hash);
        }
    }

    fn raise_epoch(&self, concerned: &Concerned) {
        let mut state = self.state.write();
        state.epoch += 1;
        match concerned {
            Concerned::Id(id) => {
                if let Some(hash) = state.hashes.get(id).copied() {
                    state.remove(hash);
                }
            }
            Concerned::Value(value) => state.remove(self.hash(value.expose().as_bytes())),
            Concerned::Everyone => state.clear(),
        }
    }

    /// Selects the stale entries for a caller to read again: that of a value, and others that were
    /// used since they were verified. Removes stale ones that were not used. Returns `None` if there
    /// is nothing but this value to read, if another caller refreshes just now, or without memory.
    pub fn begin_refresh(&self, value: &str) -> Option<Refresh<'_>> {
        let alone = self.refreshing.try_lock()?;
        let own = self.hash(value.as_bytes());
        let mut ids = memory::vec_with_capacity(IDS_AT_ONCE).ok()?;
        let mut unused = memory::vec_with_capacity(IDS_AT_ONCE).ok()?;
        let mut state = self.state.write();
        let asked = Asked { at: Instant::now(), epoch: state.epoch };
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
        (ids.len() > 1).then_some(Refresh { cache: self, _alone: alone, asked, ids })
    }

    /// Counts entries and hits.
    pub fn statistics(&self) -> CacheUse {
        CacheUse {
            entries: self.state.read().entries.len(),
            hits: self.hits.load(Ordering::Relaxed),
        }
    }
}

impl Refresh<'_> {
    /// Verifies the entry of a row that the server gave, unless its login would be refused.
    pub fn verify(&self, record: &SharedRecord, owner_is_active: bool) {
        let is_good = owner_is_active
            && record.invalidation().is_none()
            && record.unreadable().is_none()
            && memory::check_room(memory::LARGE).is_ok();
        let mut state = self.cache.state.write();
        let hash = state.hashes.get(&record.id()).copied();
        let Some((hash, entry)) = hash.and_then(|hash| Some((hash, state.entries.get(&hash)?)))
        else {
            return;
        };
        let has_value = record.value().is(entry.record.value().expose_bytes());
        let is_older = entry.verified_at < self.asked.at;
        if is_good && has_value && is_older && state.takes(self.asked) {
            state.insert(hash, record, self.asked.at, self.cache.max_entries);
        }
    }

    /// Removes the entries that were not verified.
    pub fn finish(self) {
        let mut state = self.cache.state.write();
        for id in &self.ids {
            if let Some(hash) = state.hashes.get(id).copied()
                && state.entries.get(&hash).is_some_and(|it| it.verified_at < self.asked.at)
            {
                // An answer to an earlier question must not bring it back.
                state.epoch += 1;
                state.remove(hash);
            }
        }
    }
}

impl State {
    /// Whether the answer to a question may be stored.
    fn takes(&self, asked: Asked) -> bool {
        self.epoch == asked.epoch && self.blocked_until.is_none_or(|time| asked.at >= time)
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

    /// Inserts or replaces an entry, unless its texts are long. Of too many the one that was
    /// verified first is removed.
    fn insert(&mut self, hash: u64, record: &SharedRecord, at: Instant, max_entries: usize) {
        self.remove(hash);
        let texts = [record.policy().text(), record.extra_data().text(), record.note()];
        if texts.into_iter().map(|text| text.len()).sum::<usize>() > MAX_TEXT_BYTES {
            return;
        }
        // The same token with another value.
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
            let entry = Entry { record, verified_at: at, is_used: AtomicBool::new(false) };
            self.entries.insert(hash, entry);
        }
    }
}

#[cfg(test)]
mod tests;
