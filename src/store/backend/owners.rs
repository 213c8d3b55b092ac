//! Finding a user's records, and the one that serves a client of the user best.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use super::ClientQuery;
use crate::text::Text;
use crate::token::{Record, SharedRecord};

/// The records of each user that has some.
#[derive(Default)]
pub(super) struct Owners {
    hasher: DefaultHashBuilder,
    /// By name.
    owners: HashTable<Box<Owner>>,
}

/// The records of one user. Each stands in one of the three.
struct Owner {
    name: Arc<Text>,
    /// For each Local Site and client the best of its valid tokens. Mostly it is the only one, so
    /// that a token costs eight bytes here.
    best: HashTable<SharedRecord>,
    /// The others of such a client, best first, by the id of the best one.
    behind: BTreeMap<i64, BTreeMap<Rank, SharedRecord>>,
    /// The records that serve no client, by id.
    others: BTreeMap<i64, SharedRecord>,
}

/// Sorts as the rule prefers: the token that never expires, then the one that expires last, then
/// the lowest id.
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

/// What tells the clients of a user apart: the Local Site and the client's name.
type Client<'a> = (Option<&'a str>, &'a str);

/// The client that a record is of, whether it serves it or not.
fn client_of(record: &Record) -> Option<Client<'_>> {
    Some((record.local_site().map(Text::as_str), record.client_name()?))
}

impl Owners {
    fn find(&self, user: &str) -> Option<&Owner> {
        let owner = self.owners.find(self.hasher.hash_one(user), |it| it.name.as_str() == user);
        owner.map(|owner| &**owner)
    }

    /// The name of a user as the user's records share it.
    pub fn name(&self, user: &str) -> Option<&Arc<Text>> {
        self.find(user).map(|owner| &owner.name)
    }

    pub fn insert(&mut self, record: &SharedRecord) {
        let name = record.shared_user();
        let hash = self.hasher.hash_one(name.as_str());
        let owner = self.owners.entry(
            hash,
            |it| it.name == *name,
            |it| self.hasher.hash_one(it.name.as_str()),
        );
        let mut owner = owner.or_insert_with(|| Box::new(Owner::new(name.clone())));
        owner.get_mut().insert(&self.hasher, record.clone());
    }

    pub fn remove(&mut self, record: &Record) {
        let name = record.shared_user();
        let hash = self.hasher.hash_one(name.as_str());
        if let Ok(mut owner) = self.owners.find_entry(hash, |it| it.name == *name) {
            owner.get_mut().remove(&self.hasher, record);
            if owner.get().is_empty() {
                owner.remove();
            }
        }
    }

    /// A user's records, in order of their ids.
    pub fn records_of(&self, user: &str) -> Vec<SharedRecord> {
        let Some(owner) = self.find(user) else { return Vec::new() };
        let behind = owner.behind.values().flat_map(BTreeMap::values);
        let mut records: Vec<SharedRecord> =
            owner.best.iter().chain(behind).chain(owner.others.values()).cloned().collect();
        records.sort_unstable_by_key(|record| record.id());
        records
    }

    /// The tokens that live long enough for a query, best first.
    pub fn candidates<'a>(
        &'a self,
        query: &ClientQuery<'_>,
    ) -> impl Iterator<Item = &'a SharedRecord> + use<'a> {
        let client = (query.local_site, query.client_name);
        let valid_until = query.valid_until;
        let found = self.find(query.user).and_then(|owner| {
            let hash = self.hasher.hash_one(client);
            let best = owner.best.find(hash, |it| client_of(it) == Some(client))?;
            Some((best, owner.behind.get(&best.id())))
        });
        let found = found.into_iter().flat_map(|(best, behind)| {
            std::iter::once(best).chain(behind.into_iter().flat_map(BTreeMap::values))
        });
        found.take_while(move |record| !record.is_expired(valid_until))
    }
}

impl Owner {
    fn new(name: Arc<Text>) -> Self {
        Self { name, best: HashTable::new(), behind: BTreeMap::new(), others: BTreeMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.best.is_empty() && self.others.is_empty()
    }

    fn insert(&mut self, hasher: &DefaultHashBuilder, record: SharedRecord) {
        let client = client_of(&record).filter(|_| record.invalidation().is_none());
        let Some(client) = client else {
            self.others.insert(record.id(), record);
            return;
        };
        let slot = self.best.entry(
            hasher.hash_one(client),
            |it| client_of(it) == Some(client),
            |it| client_of(it).map_or(0, |client| hasher.hash_one(client)),
        );
        match slot {
            Entry::Vacant(slot) => {
                slot.insert(record);
            }
            Entry::Occupied(mut slot) => {
                let best = slot.get_mut();
                let mut behind = self.behind.remove(&best.id()).unwrap_or_default();
                let second = if Rank::of(&record) < Rank::of(best) {
                    std::mem::replace(best, record)
                } else {
                    record
                };
                behind.insert(Rank::of(&second), second);
                self.behind.insert(best.id(), behind);
            }
        }
    }

    fn remove(&mut self, hasher: &DefaultHashBuilder, record: &Record) {
        let client = client_of(record).filter(|_| record.invalidation().is_none());
        let Some(client) = client else {
            self.others.remove(&record.id());
            return;
        };
        let hash = hasher.hash_one(client);
        let Ok(mut slot) = self.best.find_entry(hash, |it| client_of(it) == Some(client)) else {
            return;
        };
        let best = slot.get_mut();
        let Some(mut behind) = self.behind.remove(&best.id()) else {
            if best.id() == record.id() {
                slot.remove();
            }
            return;
        };
        if best.id() != record.id() {
            behind.remove(&Rank::of(record));
        } else if let Some((_, next)) = behind.pop_first() {
            *best = next;
        }
        if !behind.is_empty() {
            self.behind.insert(best.id(), behind);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::store::backend::tests::record;

    /// The ids of the tokens that live beyond a time, as the index has them.
    fn candidates(owners: &Owners, client: &str, valid_until: i64) -> Vec<i64> {
        let query = ClientQuery {
            user: "alice",
            local_site: None,
            client_name: client,
            valid_until: Timestamp::from_micros(valid_until).unwrap(),
            ignored_generators: None,
        };
        owners.candidates(&query).map(|record| record.id()).collect()
    }

    /// The order of a client's tokens, against a list that is sorted anew, through every order in
    /// which they can come and go.
    #[test]
    fn a_client_with_several_tokens_has_them_in_the_order_of_the_rule_whatever_comes_and_goes() {
        let tokens = [(1, Some(30)), (2, None), (3, Some(50)), (4, Some(30)), (5, None)];
        let record = |id: i64| record(id, "alice", Some("tool"), tokens[id as usize - 1].1);
        let mut state = 1_u64;
        let mut owners = Owners::default();
        let mut there: Vec<SharedRecord> = Vec::new();
        for _ in 0..2000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = (state >> 33) as i64 % 5 + 1;
            match there.iter().position(|it| it.id() == id) {
                Some(place) => owners.remove(&there.swap_remove(place)),
                None => {
                    there.push(record(id));
                    owners.insert(&there[there.len() - 1]);
                }
            }
            there.sort_by_key(|it| {
                (Reverse(it.expires().map_or(i64::MAX, Timestamp::as_micros)), it.id())
            });
            for valid_until in [0, 30, 49, 50] {
                let alive = there.iter().filter(|it| {
                    it.expires().is_none_or(|expires| expires.as_micros() > valid_until)
                });
                let expected: Vec<i64> = alive.map(|it| it.id()).collect();
                assert_eq!(candidates(&owners, "tool", valid_until), expected);
            }
            let mut ids: Vec<i64> = there.iter().map(|it| it.id()).collect();
            ids.sort_unstable();
            let listed: Vec<i64> = owners.records_of("alice").iter().map(|it| it.id()).collect();
            assert_eq!(listed, ids);
            assert_eq!(owners.owners.is_empty(), there.is_empty());
        }
    }

    #[test]
    fn a_client_is_found_among_many_and_a_record_of_no_client_only_by_its_user() {
        let mut owners = Owners::default();
        let clients: Vec<String> = (1..=500).map(|id| format!("client {id}")).collect();
        for (id, client) in (1..).zip(&clients) {
            owners.insert(&record(id, "alice", Some(client), None));
        }
        owners.insert(&record(501, "alice", None, None));
        owners.insert(&record(502, "bob", Some("client 7"), None));
        assert_eq!(candidates(&owners, "client 7", 0), [7]);
        assert!(candidates(&owners, "client 501", 0).is_empty());
        assert_eq!(owners.records_of("alice").len(), 501);
        assert_eq!(owners.records_of("bob")[0].id(), 502);
        owners.remove(&record(502, "bob", Some("client 7"), None));
        assert!(owners.records_of("bob").is_empty() && owners.name("bob").is_none());
    }
}
