//! The expected contents of a store, from the reports of a host (`tests/c/durable/writer.c`):
//! everything that was acknowledged, and each unanswered request entirely or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use rbtoken::ffi::rbtoken_store_options_t;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Host, Store, init, parsed, text};

/// Tokens by id: `{"user": …, "local_site": …, "token": the payload}`.
pub type Tokens = BTreeMap<i64, Value>;

/// Removes `last_used`, which is written later by design.
fn without_last_used(mut token: Value) -> Value {
    if let Some(payload) = token["token"].as_object_mut() {
        payload.remove("last_used");
    }
    token
}

/// Reads all tokens in a file through the library. Their values must be complete.
///
/// # Errors
/// A description of the damage.
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

/// Runs SQLite's integrity check on a file that no process has open.
///
/// # Errors
/// A description of the damage.
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

/// A request without a response.
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

    /// Returns the token with this request applied. What only the library knows is taken from
    /// `now`.
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

    /// Returns whether a token is exactly the requested one.
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

/// Returns the names of the members in which two tokens differ.
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

/// What a host has reported so far.
#[derive(Clone, Default)]
pub struct Ledger {
    tokens: Tokens,
    /// Pending requests by thread of the host.
    requests: HashMap<String, Request>,
    /// Number of acknowledged changes.
    pub acknowledged: u64,
}

impl Ledger {
    /// Reads a line of a report.
    ///
    /// # Panics
    /// If a response contradicts an earlier one.
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

    /// Returns the number of known tokens.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Compares with the contents of a store.
    ///
    /// # Errors
    /// The first difference from the acknowledged or requested state.
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

    /// Returns whether a token may have been removed by a pending purge, which must remove all
    /// matching tokens or none.
    fn is_purged(&self, found: &Tokens, token: &Value) -> bool {
        let is_dead = |token: &Value| token["token"]["valid"] == false;
        self.requests.values().any(|request| request.is("purge"))
            && is_dead(token)
            && !found.values().any(is_dead)
    }

    /// Continues after the end of the host with the actual contents of the store.
    pub fn start_again(&mut self, found: Tokens) {
        self.tokens = found;
        self.requests.clear();
    }
}
