//! What a store must hold, by what a host reported of it (`tests/c/durable/writer.c`): all that was
//! acknowledged, and of what was asked for and not answered either all or nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rbtoken::ffi::rbtoken_store_options_t;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Host, Store, init, parsed, text};

/// The tokens of a store by their ids: `{"user": …, "local_site": …, "token": the payload}`.
pub type Tokens = BTreeMap<i64, Value>;

/// `last_used` is no matter of a ledger: it is written later, on purpose.
fn without_last_used(mut token: Value) -> Value {
    if let Some(payload) = token["token"].as_object_mut() {
        payload.remove("last_used");
    }
    token
}

/// All tokens in a file, as the library tells them; their values must be whole.
///
/// # Errors
/// What is wrong with the file.
pub fn read_store(path: &Path) -> Result<Tokens, String> {
    let (location, location_len) = text(path.to_str().expect("the path is UTF-8"));
    let options = rbtoken_store_options_t { location, location_len, ..init() };
    let store = Store::open(&Host::new(), &options)
        .map_err(|failure| format!("the store does not open: {failure:?}"))?;
    let mut tokens = Tokens::new();
    for record in store.list(&init()).map_err(|failure| format!("no list: {failure:?}"))? {
        let id = record.id;
        let whole = store.value_is_valid(&record.generator_id, "rbp", &record.value);
        if whole != Ok(true) {
            return Err(format!("the value of token {id} is broken"));
        }
        let token = store.get(id).map_err(|failure| format!("no token {id}: {failure:?}"))?;
        let found = store.find(&record.value).map(|token| token.id());
        if found != Ok(id) {
            return Err(format!("the value of token {id} finds {found:?}"));
        }
        let payload = token.to_json(0, 1).map_err(|failure| format!("token {id}: {failure:?}"))?;
        let token = serde_json::json!({
            "user": record.user,
            "local_site": record.local_site.unwrap_or_default(),
            "token": parsed(&payload),
        });
        tokens.insert(id, without_last_used(token));
    }
    Ok(tokens)
}

/// SQLite's own opinion of a file that no process has open.
///
/// # Errors
/// What is wrong with the file.
pub fn check_integrity(path: &Path) -> Result<(), String> {
    let ask = || {
        let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        file.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
    };
    match ask() {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(format!("integrity_check: {answer}")),
        Err(error) => Err(format!("integrity_check: {error}")),
    }
}

/// A call that was made and is not answered.
#[derive(Clone)]
struct Request {
    kind: String,
    asked: Value,
}

impl Request {
    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn is_about(&self, id: i64) -> bool {
        self.asked["id"] == id
    }

    /// What a token is if this was done to it. What only the library knows is taken from `now`.
    fn applied_to(&self, token: &Value, now: &Value) -> Value {
        let mut token = token.clone();
        let (payload, now) = (&mut token["token"], &now["token"]);
        let mut set = |name: &str, value: &Value| payload[name] = value.clone();
        match self.kind.as_str() {
            "update" => {
                for name in ["note", "policy", "extra_data"] {
                    set(name, &self.asked[name]);
                }
                set("last_updated", &now["last_updated"]);
            }
            "invalidate" => {
                set("valid", &Value::Bool(false));
                set("invalid_reason", &self.asked["invalid_reason"]);
                set("invalid_date", &now["invalid_date"]);
            }
            _ => {}
        }
        token
    }

    /// Whether a token is what was asked for, whole.
    fn created(&self, token: &Value) -> bool {
        let (asked, payload) = (&self.asked["token"], &token["token"]);
        self.is("create")
            && ["user", "local_site"].iter().all(|&name| token[name] == self.asked[name])
            && ["note", "policy", "extra_data"].iter().all(|&name| payload[name] == asked[name])
            && payload["valid"] == true
            && payload["token_generator_id"] == "vendor_checksum"
            && payload["time_added"].is_string()
            && payload["time_added"] == payload["last_updated"]
            && payload["expires"].is_null() == asked["extra_data"]["client_name"].is_null()
    }
}

/// The names of the members in which two tokens differ.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    match (one.as_object(), other.as_object()) {
        (Some(members), Some(others)) => {
            let names = members.keys().chain(others.keys());
            let mut different: Vec<_> = names
                .filter(|&name| one[name] != other[name])
                .map(|name| match name.as_str() {
                    "token" => format!("{:?}", differences(&one[name], &other[name])),
                    _ => name.clone(),
                })
                .collect();
            different.dedup();
            different
        }
        _ => vec!["a payload".to_owned()],
    }
}

/// What a host reported so far.
#[derive(Clone, Default)]
pub struct Ledger {
    tokens: Tokens,
    /// By the host's threads: each makes one call at a time.
    requests: HashMap<String, Request>,
    /// How many changes the library said it made.
    pub acknowledged: u64,
}

impl Ledger {
    /// Takes note of a line, or a part of several.
    ///
    /// # Panics
    /// If the host was given something else than what it was told before.
    pub fn read(&mut self, line: &str) {
        let mut words = line.splitn(4, ' ');
        let (Some(thread), Some(word), Some(kind), Some(json)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            panic!("not a report: {line}");
        };
        let value = parsed(json);
        if word == "try" {
            let request = Request { kind: kind.to_owned(), asked: value };
            assert!(self.requests.insert(thread.to_owned(), request).is_none(), "{line}");
            return;
        }
        self.requests.remove(thread).expect("a call is answered once");
        self.acknowledged += 1;
        match kind {
            "purge" => self.tokens.retain(|_, token| token["token"]["valid"] == true),
            "delete" => {
                let id = value["id"].as_i64().expect("a token has an id");
                self.tokens.remove(&id).expect("what is deleted was there");
            }
            _ => {
                let id = value["token"]["id"].as_i64().expect("a token has an id");
                let value = without_last_used(value);
                if kind == "found" {
                    assert_eq!(self.tokens.get(&id), Some(&value), "token {id} was found");
                }
                self.tokens.insert(id, value);
            }
        }
    }

    /// How many tokens are known.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Compares with what a store holds.
    ///
    /// # Errors
    /// The first thing that is not as it was acknowledged, or was never asked for.
    pub fn check(&self, found: &Tokens) -> Result<(), String> {
        for (&id, token) in &self.tokens {
            let request = self.requests.values().find(|request| request.is_about(id));
            match (found.get(&id), request) {
                (Some(now), _) if now == token => {}
                (Some(now), Some(request)) if *now == request.applied_to(token, now) => {}
                (None, Some(request)) if request.is("delete") => {}
                (None, _) if self.is_purged(found, token) => {}
                (Some(now), _) => {
                    return Err(format!("token {id} differs: {:?}", differences(token, now)));
                }
                (None, _) => return Err(format!("token {id} is lost")),
            }
        }
        let mut requests: Vec<_> = self.requests.values().collect();
        for (id, token) in found.iter().filter(|(id, _)| !self.tokens.contains_key(id)) {
            let request = requests.iter().position(|request| request.created(token));
            requests.swap_remove(request.ok_or(format!("token {id} is there, half or unasked"))?);
        }
        Ok(())
    }

    /// Whether a token may be gone since a purge was asked for, which removes all that it should or
    /// nothing.
    fn is_purged(&self, found: &Tokens, token: &Value) -> bool {
        let is_dead = |token: &Value| token["token"]["valid"] == false;
        self.requests.values().any(|request| request.is("purge"))
            && is_dead(token)
            && !found.values().any(is_dead)
    }

    /// The host is gone: what a store holds is what counts from now on.
    pub fn start_again(&mut self, found: Tokens) {
        self.tokens = found;
        self.requests.clear();
    }
}
