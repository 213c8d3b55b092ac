//! Finding the token that serves a client best.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashMap};

use super::ClientQuery;
use crate::text::Text;
use crate::token::Record;

/// The valid client tokens, by user, Local Site and client name.
#[derive(Default)]
pub(super) struct ClientIndex {
    clients: HashMap<ClientKey, BTreeSet<Rank>>,
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

#[derive(PartialEq, Eq)]
struct ClientKey {
    user: Text,
    local_site: Option<Text>,
    client_name: Text,
}

/// The same key, borrowed.
#[derive(Hash)]
struct ClientKeyRef<'a> {
    user: &'a str,
    local_site: Option<&'a str>,
    client_name: &'a str,
}

impl ClientKey {
    fn borrow(&self) -> ClientKeyRef<'_> {
        ClientKeyRef {
            user: &self.user,
            local_site: self.local_site.as_deref(),
            client_name: &self.client_name,
        }
    }
}

impl Hash for ClientKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}

impl Equivalent<ClientKey> for ClientKeyRef<'_> {
    fn equivalent(&self, key: &ClientKey) -> bool {
        let key = key.borrow();
        self.user == key.user
            && self.local_site == key.local_site
            && self.client_name == key.client_name
    }
}

fn key_of(record: &Record) -> Option<ClientKey> {
    Some(ClientKey {
        user: record.user().clone(),
        local_site: record.local_site().cloned().clone(),
        client_name: record.client_name()?.clone(),
    })
}

impl ClientIndex {
    /// Adds a record if it is a valid client token.
    pub fn insert(&mut self, record: &Record) {
        if record.invalidation().is_none()
            && let Some(key) = key_of(record)
        {
            self.clients.entry(key).or_default().insert(Rank::of(record));
        }
    }

    /// Takes a record out again.
    pub fn remove(&mut self, record: &Record) {
        let Some(key) = key_of(record) else { return };
        if let Some(ranks) = self.clients.get_mut(&key) {
            ranks.remove(&Rank::of(record));
            if ranks.is_empty() {
                self.clients.remove(&key);
            }
        }
    }

    /// The ids of the tokens that live long enough for a query, best first.
    pub fn candidates(&self, query: &ClientQuery<'_>) -> impl Iterator<Item = i64> {
        let key = ClientKeyRef {
            user: query.user,
            local_site: query.local_site,
            client_name: query.client_name,
        };
        let valid_until = query.valid_until.as_micros();
        let ranks = self.clients.get(&key).into_iter().flatten();
        ranks.take_while(move |rank| rank.expires.0 > valid_until).map(|rank| rank.id)
    }
}
