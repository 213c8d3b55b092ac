//! Cache of accepted logins, so that most requests need no answer of the server.
//!
//! Only accepted logins are cached. A change through this store removes the entries that it
//! concerns, before it is sent and after it ended. What others change at the server is seen once an
//! entry is older than `login_cache_secs`.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hashbrown::DefaultHashBuilder;
use hashlink::LinkedHashMap;
use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::backend::{CacheUse, Operation, Selection};
use crate::memory;
use crate::token::{SharedRecord, TokenValue};

/// The number of entries that one statement reads again.
const REFRESHED_AT_ONCE: usize = 1000;

/// Bytes of the documents of a token that is cached. Any user can store documents of 2 MiB.
const MAX_DOCUMENT_BYTES: usize = 16 * 1024;

/// Accepted logins by the hash of the token's value.
pub(super) struct LoginCache {
    max_age: Duration,
    max_entries: usize,
    /// Has a random key, so that nobody can choose values whose hashes collide.
    hasher: DefaultHashBuilder,
    state: RwLock<State>,
    /// Held by the caller that refreshes entries.
    refreshing: Mutex<()>,
    hits: AtomicU64,
}

struct State {
    /// Raised by each change. An answer to a question of an earlier epoch is not stored.
    epoch: u64,
    /// Those that were verified last are at the back.
    entries: LinkedHashMap<u64, Entry, DefaultHashBuilder>,
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
    Nobody,
    Id(i64),
    Value(TokenValue),
    Everyone,
}

impl Concerned {
    /// The entries that an operation concerns.
    pub fn by(operation: &Operation) -> Self {
        match operation {
            Operation::Insert(..) => Self::Nobody,
            Operation::Update(id, _) | Operation::Delete(id) => Self::Id(*id),
            Operation::Invalidate(which, _) => Self::by_selection(which),
            _ => Self::Everyone,
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

/// Stale entries that one caller reads again, with the ids of their tokens.
pub(super) struct Refresh<'a> {
    _alone: MutexGuard<'a, ()>,
    pub asked: Asked,
    pub ids: Vec<i64>,
    hashes: Vec<u64>,
}

impl LoginCache {
    pub fn new(max_age: Duration, max_entries: usize) -> Self {
        Self {
            max_age,
            max_entries,
            hasher: DefaultHashBuilder::default(),
            state: RwLock::new(State {
                epoch: 0,
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
        let documents = record.policy().text().len() + record.extra_data().text().len();
        if documents > MAX_DOCUMENT_BYTES || memory::check_room(memory::LARGE).is_err() {
            return;
        }
        let hash = self.hash(record.value().expose_bytes());
        let mut state = self.state.write();
        if state.epoch == asked.epoch {
            state.insert(hash, record, asked.at, self.max_entries);
        }
    }

    /// Begins a change: answers to earlier questions are not stored, and neither are those to
    /// questions that are asked before the guard is dropped.
    pub fn begin_change(&self, concerned: Concerned) -> ChangeGuard<'_> {
        self.raise_epoch(&concerned);
        ChangeGuard { cache: self, concerned }
    }

    /// Removes the entry of a value, or all of them.
    pub fn forget(&self, value: Option<TokenValue>) {
        self.raise_epoch(&value.map_or(Concerned::Everyone, Concerned::Value));
    }

    fn raise_epoch(&self, concerned: &Concerned) {
        let mut state = self.state.write();
        state.epoch += 1;
        match concerned {
            Concerned::Nobody => {}
            Concerned::Id(id) => state.entries.retain(|_, entry| entry.record.id() != *id),
            Concerned::Value(value) => {
                state.entries.remove(&self.hash(value.expose().as_bytes()));
            }
            Concerned::Everyone => state.entries.clear(),
        }
    }

    /// Selects the stale entries for a caller to read again: that of a value, and others that were
    /// used since they were verified. Removes stale ones that were not used. Returns `None` if there
    /// is nothing but this value to read, if another caller refreshes just now, or without memory.
    pub fn begin_refresh(&self, value: &str) -> Option<Refresh<'_>> {
        let alone = self.refreshing.try_lock()?;
        let own = self.hash(value.as_bytes());
        let mut ids = memory::vec_with_capacity(REFRESHED_AT_ONCE).ok()?;
        let mut hashes = memory::vec_with_capacity(REFRESHED_AT_ONCE).ok()?;
        let mut unused = memory::vec_with_capacity(REFRESHED_AT_ONCE).ok()?;
        let mut state = self.state.write();
        let asked = Asked { at: Instant::now(), epoch: state.epoch };
        ids.push(state.entries.get(&own)?.record.id());
        hashes.push(own);
        let stale = state.entries.iter().take_while(|(_, entry)| self.is_stale(entry));
        for (hash, entry) in stale.filter(|(hash, _)| **hash != own) {
            if hashes.len() == REFRESHED_AT_ONCE || unused.len() == REFRESHED_AT_ONCE {
                break;
            }
            if entry.is_used.load(Ordering::Relaxed) {
                ids.push(entry.record.id());
                hashes.push(*hash);
            } else {
                unused.push(*hash);
            }
        }
        for hash in unused {
            state.entries.remove(&hash);
        }
        (hashes.len() > 1).then_some(Refresh { _alone: alone, asked, ids, hashes })
    }

    /// Ends a refresh with the rows that the server gave: tokens, and whether their owners are
    /// active. Entries whose token is missing, changed its value, or would be refused, are removed.
    pub fn end_refresh(&self, refresh: Refresh<'_>, rows: &mut [(SharedRecord, bool)]) {
        rows.sort_unstable_by_key(|(record, _)| record.id());
        let mut state = self.state.write();
        if state.epoch != refresh.asked.epoch {
            return;
        }
        for (hash, id) in refresh.hashes.iter().zip(&refresh.ids) {
            let is_older = |entry: &Entry| entry.verified_at <= refresh.asked.at;
            if !state.entries.get(hash).is_some_and(|it| it.record.id() == *id && is_older(it)) {
                continue;
            }
            let Some(entry) = state.entries.remove(hash) else { continue };
            let row = rows.binary_search_by_key(id, |(record, _)| record.id());
            if let Some((record, true)) = row.ok().map(|index| &rows[index])
                && record.invalidation().is_none()
                && record.unreadable().is_none()
                && record.value().is(entry.record.value().expose_bytes())
            {
                state.insert(*hash, record, refresh.asked.at, self.max_entries);
            }
        }
    }

    /// Counts entries and hits.
    pub fn statistics(&self) -> CacheUse {
        CacheUse {
            entries: self.state.read().entries.len(),
            hits: self.hits.load(Ordering::Relaxed),
        }
    }
}

impl State {
    /// Inserts or replaces an entry. Of too many the one that was verified first is removed.
    fn insert(&mut self, hash: u64, record: &SharedRecord, at: Instant, max_entries: usize) {
        self.entries.remove(&hash);
        while self.entries.len() >= max_entries {
            self.entries.pop_front();
        }
        if self.entries.try_reserve(1).is_ok() {
            let record = SharedRecord::clone(record);
            let entry = Entry { record, verified_at: at, is_used: AtomicBool::new(false) };
            self.entries.insert(hash, entry);
        }
    }
}
