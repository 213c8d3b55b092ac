//! Index of the best token for each client.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use crate::backend::ClientQuery;
use crate::error::Result;
use crate::index::{BucketPool, HashIndex, for_each_shard, shard_of};
use crate::memory;
use crate::text::Text;
use crate::token::{Record, SharedRecord};

/// Number of shards. With a million clients, rehashing a shard takes a few milliseconds, and each
/// shard is three quarters full.
const SHARDS: usize = 80;

/// Index of valid tokens by client.
pub(super) struct ClientIndex {
    hasher: DefaultHashBuilder,
    /// The best token of each client, usually the only one.
    best: Box<[HashIndex<Record>]>,
    bucket_pool: BucketPool,
    /// Other tokens of a client, best first, by the id of the best one.
    others: BTreeMap<i64, BTreeMap<Rank, SharedRecord>>,
}

/// Orders tokens by preference: one that never expires, then the one that expires last, then the
/// lowest id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    expires: Reverse<i64>,
    id: i64,
}

impl Rank {
    fn of(record: &Record) -> Self {
        let expires = record.expires().map_or(i64::MAX, |time| time.as_micros());
        Self { expires: Reverse(expires), id: record.id() }
    }
}

/// Identifies a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Client<'a> {
    user: &'a str,
    local_site: Option<&'a str>,
    name: &'a str,
}

impl<'a> Client<'a> {
    /// Returns the client that a token belongs to.
    fn of(record: &'a Record) -> Option<Self> {
        let name = record.client_name()?;
        Some(Self { user: record.user(), local_site: record.local_site().map(Text::as_str), name })
    }

    /// Returns the client that a token belongs to, unless the token was invalidated.
    fn of_valid(record: &'a Record) -> Option<Self> {
        Self::of(record).filter(|_| record.invalidation().is_none())
    }
}

impl ClientIndex {
    /// Creates an empty index.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new() -> Result<Self> {
        let best = memory::collect((0..SHARDS).map(|_| HashIndex::default()))?.into_boxed_slice();
        let (hasher, bucket_pool) = (DefaultHashBuilder::default(), BucketPool::default());
        Ok(Self { hasher, best, bucket_pool, others: BTreeMap::new() })
    }

    /// Returns the memory of the index in bytes.
    pub fn bytes(&self) -> usize {
        self.bucket_pool.bytes()
    }

    /// Returns the best token that is valid long enough for a query and that `qualifies` accepts.
    pub fn best(
        &self,
        query: &ClientQuery<'_>,
        mut qualifies: impl FnMut(&Record) -> bool,
    ) -> Option<SharedRecord> {
        let client =
            Client { user: query.user, local_site: query.local_site, name: query.client_name };
        let hash = self.hasher.hash_one(client);
        let best = self.best[shard_of(hash, SHARDS)]
            .find(hash, |record| Client::of(record) == Some(client))?;
        let is_long_enough = |record: &Record| !record.is_expired(query.valid_until);
        if !is_long_enough(&best) {
            return None;
        }
        if qualifies(&best) {
            return Some(best.clone());
        }
        let mut others =
            self.others.get(&best.id())?.values().take_while(|record| is_long_enough(record));
        others.find(|record| qualifies(record)).cloned()
    }

    /// Reserves memory for this many clients in an empty index.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve(&mut self, clients: usize) -> Result<()> {
        self.best.iter_mut().try_for_each(|it| it.reserve_shard(&self.bucket_pool, clients, SHARDS))
    }

    /// Reserves memory for records, so that inserting them makes no large allocation.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve_for<'a>(
        &mut self,
        records: impl Iterator<Item = &'a SharedRecord> + Clone,
    ) -> Result<()> {
        let Self { hasher, best, bucket_pool, .. } = self;
        let hash_of = |it: &Record| Client::of(it).map_or(0, |client| hasher.hash_one(client));
        let hashes = records.filter_map(|it| Client::of_valid(it)).map(|it| hasher.hash_one(it));
        for_each_shard::<SHARDS>(hashes, |number, more| {
            best[number].reserve(bucket_pool, more, hash_of)
        })
    }

    /// Adds the record of a client token that was not invalidated.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn insert(&mut self, record: &SharedRecord) -> Result<()> {
        let Some(client) = Client::of_valid(record) else { return Ok(()) };
        let hash = self.hasher.hash_one(client);
        let shard = &mut self.best[shard_of(hash, SHARDS)];
        let best = shard.find(hash, |it| Client::of(it) == Some(client)).map(|it| it.clone());
        let Some(best) = best else {
            let hash_of = |it: &Record| self.hasher.hash_one(Client::of(it).unwrap_or(client));
            return shard.insert(&self.bucket_pool, hash, record.clone(), hash_of);
        };
        let mut others = self.others.remove(&best.id()).unwrap_or_default();
        let (first, second) =
            if Rank::of(record) < Rank::of(&best) { (record, &best) } else { (&best, record) };
        others.insert(Rank::of(second), second.clone());
        if !first.ptr_eq(&best) {
            shard.replace(hash, |it| it.ptr_eq(&best), |_| first.clone());
        }
        self.others.insert(first.id(), others);
        Ok(())
    }

    pub fn remove(&mut self, record: &Record) {
        let Some(client) = Client::of_valid(record) else { return };
        let hash = self.hasher.hash_one(client);
        let shard = &mut self.best[shard_of(hash, SHARDS)];
        let best = shard.find(hash, |it| Client::of(it) == Some(client)).map(|it| it.clone());
        let Some(best) = best else { return };
        let mut others = self.others.remove(&best.id()).unwrap_or_default();
        let is_best = |it: &SharedRecord| it.ptr_eq(&best);
        let first = if best.id() != record.id() {
            others.remove(&Rank::of(record));
            best.id()
        } else if let Some((_, next)) = others.pop_first() {
            let id = next.id();
            shard.replace(hash, is_best, |_| next);
            id
        } else {
            shard.remove(hash, is_best);
            return;
        };
        if !others.is_empty() {
            self.others.insert(first, others);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::tests::record;
    use crate::clock::Timestamp;

    /// Returns the ids of a client's tokens that are valid after a time, best first.
    fn candidates(index: &ClientIndex, name: &str, valid_until: i64) -> Vec<i64> {
        let query = ClientQuery {
            user: "alice",
            local_site: None,
            client_name: name,
            valid_until: Timestamp::from_micros(valid_until).unwrap(),
            ignored_generators: None,
        };
        let mut seen = Vec::new();
        while let Some(next) = index.best(&query, |record| !seen.contains(&record.id())) {
            seen.push(next.id());
        }
        seen
    }

    /// Compares the order with that of a sorted list after random insertions and removals.
    #[test]
    fn client_index_orders_tokens_by_preference() {
        let tokens = [(1, Some(30)), (2, None), (3, Some(50)), (4, Some(30)), (5, None)];
        let record = |id: i64| record(id, "alice", Some("tool"), tokens[id as usize - 1].1);
        let mut state = 1_u64;
        let mut index = ClientIndex::new().unwrap();
        let mut present: Vec<SharedRecord> = Vec::new();
        for _ in 0..if cfg!(miri) { 40 } else { 2000 } {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = (state >> 33) as i64 % 5 + 1;
            match present.iter().position(|it| it.id() == id) {
                Some(place) => index.remove(&present.swap_remove(place)),
                None => {
                    present.push(record(id));
                    index.insert(&present[present.len() - 1]).unwrap();
                }
            }
            present.sort_by_key(|it| {
                (Reverse(it.expires().map_or(i64::MAX, Timestamp::as_micros)), it.id())
            });
            for valid_until in [0, 30, 49, 50] {
                let valid = present.iter().filter(|it| {
                    it.expires().is_none_or(|expires| expires.as_micros() > valid_until)
                });
                let expected: Vec<i64> = valid.map(|it| it.id()).collect();
                assert_eq!(candidates(&index, "tool", valid_until), expected);
            }
            assert_eq!(index.others.len(), usize::from(present.len() > 1));
        }
    }

    #[test]
    fn client_index_keeps_clients_of_users_apart() {
        let mut index = ClientIndex::new().unwrap();
        const COUNT: i64 = if cfg!(miri) { 100 } else { 5000 };
        let names: Vec<String> = (1..=COUNT).map(|id| format!("client {id}")).collect();
        for (id, name) in (1..).zip(&names) {
            index.insert(&record(id, "alice", Some(name), None)).unwrap();
        }
        index.insert(&record(COUNT + 1, "alice", None, None)).unwrap();
        index.insert(&record(COUNT + 2, "bob", Some("client 7"), None)).unwrap();
        index.insert(&record(COUNT + 3, "bob", Some("client of bob"), None)).unwrap();
        for (id, name) in (1..).zip(&names) {
            assert_eq!(candidates(&index, name, 0), [id]);
        }
        assert!(candidates(&index, "client of bob", 0).is_empty());
        index.remove(&record(7, "alice", Some("client 7"), None));
        assert!(candidates(&index, "client 7", 0).is_empty());
    }
}
