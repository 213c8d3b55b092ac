//! The conformance vectors, replayed through the C ABI.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::{Value, json};

/// Where a run stores its tokens: in memory, in files, or in the database of a Review Board site,
/// whose users, Local Sites and settings already exist.
enum Place {
    Memory,
    #[cfg(all(unix, feature = "sqlite"))]
    Files(Folder),
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres", feature = "mysql")),
        allow(dead_code, reason = "no site can be opened")
    )]
    Site(Installation),
}

impl Place {
    fn store(&self) -> Store {
        match self {
            Self::Memory => Store::new(),
            #[cfg(all(unix, feature = "sqlite"))]
            Self::Files(folder) => {
                let path = folder.file(&format!("{}.db", folder.names().len()));
                Store::open_file(&Host::new(), &path).unwrap()
            }
            Self::Site(site) => site.store(),
        }
    }

    fn site(&mut self) -> Option<&mut Installation> {
        match self {
            Self::Site(site) => Some(site),
            _ => None,
        }
    }

    fn clear(&mut self) {
        if let Some(site) = self.site() {
            site.ask(json!({"do": "prepare", "users": [], "local_sites": []}));
        }
    }
}

/// Defines tests for a database in a module, if the library has the feature for it.
macro_rules! on_database {
    ($feature:literal $module:ident $database:literal $($test:ident)*) => {
        #[cfg(feature = $feature)]
        mod $module {
            use super::{Installation, Place};
            $(
                #[test]
                #[ignore = "needs Review Board"]
                fn $test() { super::$test(&mut Place::Site(Installation::open($database))); }
            )*
        }
    };
}

/// Defines tests in memory, in files, and on each database.
macro_rules! everywhere {
    ($($test:ident)*) => {
        mod in_memory { $(#[test] fn $test() { super::$test(&mut super::Place::Memory); })* }
        #[cfg(all(unix, feature = "sqlite"))]
        mod in_files {
            $(#[test] fn $test() {
                super::$test(&mut super::Place::Files(super::Folder::new()));
            })*
        }
        on_database! { "sqlite" on_sqlite "sqlite" $($test)* }
        on_database! { "postgres" on_postgresql "postgresql" $($test)* }
        on_database! { "mysql" on_mysql "mysql" $($test)* }
    };
}

everywhere! {
    a_value_is_valid_for_a_generator_as_in_the_reference
    policy_validation_matches_the_reference
    scenarios_go_as_in_the_reference
    a_policy_allows_what_it_allows_in_the_reference
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    parsed(&std::fs::read_to_string(path).unwrap())
}

fn a_value_is_valid_for_a_generator_as_in_the_reference(place: &mut Place) {
    let store = place.store();
    let vectors = vectors("checksum.json");
    let vectors = vectors.as_array().unwrap();
    for vector in vectors {
        let field = |name: &str| vector[name].as_str().unwrap();
        for generator_id in ["vendor_checksum", "legacy_sha1"] {
            let expected = vector[format!("{generator_id}_valid")].as_bool().unwrap();
            let valid = store.value_is_valid(generator_id, field("token_type"), field("token"));
            assert_eq!(valid, Ok(expected), "{generator_id} {vector}");
        }
    }
    assert_eq!(vectors.len(), 250);
}

/// Returns the JSONPath for a message of the reference.
fn json_path(message: &str) -> String {
    if message == "The policy must be a JSON object."
        || message == "The policy is missing a \"resources\" section."
    {
        return "$".to_owned();
    }
    // The quoted words: a dotted section and possibly a rule in it, or a policy id.
    let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
    let mut steps = Vec::new();
    if message.ends_with("is not a valid resource policy ID.") {
        steps.extend(["resources", quoted[0]]);
    } else {
        steps.extend(quoted[0].split('.'));
        if message.contains("section's \"") {
            steps.push(quoted[1]);
        }
    }
    let mut path = "$".to_owned();
    for step in steps {
        if step.starts_with(|first: char| first.is_ascii_alphabetic()) {
            path += &format!(".{step}");
        } else {
            path += &format!("[\"{step}\"]");
        }
    }
    path
}

fn policy_validation_matches_the_reference(place: &mut Place) {
    let vectors = vectors("policy_validate.json");
    let ids = vectors["policy_ids"].as_array().unwrap();
    let ids: Vec<_> = ids.iter().map(|id| CString::new(id.as_str().unwrap()).unwrap()).collect();
    let ids: Vec<_> = ids.iter().map(CString::as_c_str).collect();
    let store = place.store();
    store.set_policy_ids(&ids).unwrap();

    let cases = vectors["cases"].as_array().unwrap();
    for (index, case) in cases.iter().enumerate() {
        let policy = case["policy"].to_string();
        let mut generate = init::<rbtoken_generate_options_t>();
        (generate.policy, generate.policy_len) = text(&policy);
        let mut client = init::<rbtoken_client_token_options_t>();
        (client.default_policy, client.default_policy_len) = text(&policy);
        let before = store.count().unwrap();
        let client_name = format!("client {index}");
        let generated = store.generate("alice", &generate);
        let issued = store.client_token("alice", &client_name, &client).map(|(token, _)| token);

        for (answer, argument) in [(generated, "policy"), (issued, "default_policy")] {
            match answer {
                Ok(token) => {
                    assert_eq!(case["valid"], true, "{case}");
                    assert_eq!(parsed(&token.policy()), case["policy"]);
                }
                Err(failure) => {
                    assert_eq!(case["valid"], false, "{case}: {failure:?}");
                    let status = if case["policy"].is_object() { E_POLICY } else { E_JSON_TYPE };
                    assert_eq!(failure.of(), (status, Some(argument)), "{case}");
                    let path = json_path(case["message"].as_str().unwrap());
                    assert_eq!(failure.json_path, Some(path), "{case}: {failure:?}");
                }
            }
        }
        let made = if case["valid"] == true { 2 } else { 0 };
        assert_eq!(store.count().unwrap() - before, made, "{case}");
    }
    assert_eq!(cases.len(), 300);
}

/// Returns the fields of a token in the format of the vectors, with times in microseconds.
fn as_vector(record: &Record, label: &str, at_us: i64) -> Value {
    json!({
        "label": label,
        "user": record.user,
        "local_site": record.local_site,
        "token_generator_id": record.generator_id,
        "time_added": record.time_added,
        "last_updated": record.last_updated,
        "last_used": record.last_used,
        "expires": record.expires,
        "expired": record.expires.is_some_and(|expires| at_us >= expires),
        "valid": !record.is_invalidated,
        "invalid_date": record.invalid_date,
        "invalid_reason": record.invalid_reason,
        "note": record.note,
        "policy": parsed(&record.policy),
        "extra_data": parsed(&record.extra_data),
        "deprecated": record.is_deprecated,
    })
}

/// Returns a token of the vectors with times in microseconds.
fn with_micros(token: &Value) -> Value {
    let mut token = token.clone();
    for field in ["time_added", "last_updated", "last_used", "expires", "invalid_date"] {
        if let Some(time) = token[field].as_str() {
            token[field] = micros(time).into();
        }
    }
    token
}

/// The state of a scenario.
struct Replay<'a> {
    name: &'a str,
    place: &'a mut Place,
    store: Store,
    events: Arc<Events>,
    at_us: i64,
    ids: HashMap<String, i64>,
    values: HashMap<String, String>,
    /// The last state of each remaining token in the vectors.
    told: HashMap<String, Value>,
    /// Number of compared results: tokens, values and lists of events.
    checks: usize,
}

impl<'a> Replay<'a> {
    fn start(scenario: &'a Value, place: &'a mut Place) -> Self {
        place.clear();
        let store = place.store();
        for (name, value) in scenario["settings"].as_object().unwrap() {
            match place.site() {
                Some(site) if name == "client_token_expiration" => {
                    site.ask(json!({"do": "set_expiration", "days": value}));
                }
                _ => store.set_setting(name, &value.to_string()).unwrap(),
            }
        }
        for site in scenario["local_sites"].as_array().unwrap() {
            // A Review Board site has them already.
            if place.site().is_none() {
                store.add_local_site(site.as_str().unwrap()).unwrap();
            }
        }
        let name = scenario["name"].as_str().unwrap();
        let events = store.watch();
        let (ids, values, told) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { name, place, store, events, at_us: 0, ids, values, told, checks: 0 }
    }

    /// Runs a step and compares its result.
    fn step(&mut self, step: &Value) {
        self.at_us = micros(step["at"].as_str().unwrap());
        self.store.set_now(self.at_us);
        let (args, expect) = (&step["args"], &step["expect"]);
        // Events that only this library fires, and whether a token was created without one.
        let mut ours: Vec<(&str, String)> = Vec::new();
        let mut imported = false;
        match step["op"].as_str().unwrap() {
            "generate_token" => imported = self.generate(args, expect),
            "get_or_create_client_token" => self.client_token(args, expect),
            "authenticate" => {
                if self.authenticate(args, expect) == "ok" {
                    ours.push(("used", label(args)));
                }
            }
            "invalidate_token" => {
                let value = &self.values[&label(args)];
                self.store.invalidate(value, reason(args)).unwrap();
                self.compare_now(&label(args), &with_micros(&expect["token"]));
                ours.push(("invalidated", label(args)));
            }
            "invalidate_tokens" => {
                let labels = self.invalidate_many(args);
                ours.extend(labels.into_iter().map(|label| ("invalidated", label)));
            }
            "update_token" => self.update(args, expect),
            "delete_token" => {
                self.store.delete(self.ids[&label(args)]).unwrap();
                self.told.remove(&label(args));
                ours.push(("deleted", label(args)));
            }
            "set_user_active" => {
                let active = args["active"].as_bool().unwrap();
                match self.place.site() {
                    Some(site) => {
                        let user = &args["user"];
                        site.ask(json!({"do": "set_user_active", "user": user, "active": active}));
                    }
                    None => {
                        self.store.set_user_active(args["user"].as_str().unwrap(), active).unwrap();
                    }
                }
            }
            "set_client_token_expiration" => {
                let days = args["days"].to_string();
                match self.place.site() {
                    Some(site) => {
                        site.ask(json!({"do": "set_expiration", "days": args["days"]}));
                    }
                    None => self.store.set_setting("client_token_expiration", &days).unwrap(),
                }
            }
            other => panic!("{}: unknown step {other}", self.name),
        }
        self.compare_events(expect, ours, imported);
    }

    /// Compares events. Those in the vectors were fired by the reference; the others are
    /// additional.
    fn compare_events(&mut self, expect: &Value, ours: Vec<(&str, String)>, imported: bool) {
        let seen = self.events.take();
        let (reference, own): (Vec<_>, Vec<_>) =
            seen.iter().partition(|seen| ["created", "updated", "expired"].contains(&seen.event));
        let mut told = Vec::new();
        for event in expect["events"].as_array().unwrap() {
            told.push((event[0].as_str().unwrap(), self.ids[event[1].as_str().unwrap()]));
        }
        // A token whose generator only the reference can run is imported, without an event.
        if imported {
            assert_eq!(told.remove(0).0, "created");
        }
        let reference: Vec<_> = reference.iter().map(|seen| (seen.event, seen.token.id)).collect();
        assert_eq!(reference, told, "{}", self.name);
        let own: Vec<_> = own.iter().map(|seen| (seen.event, seen.token.id)).collect();
        let ours: Vec<_> = ours.iter().map(|(name, label)| (*name, self.ids[label])).collect();
        assert_eq!(own, ours, "{}", self.name);
        // A hook gets the token in its state after the event.
        for seen in seen.iter().filter(|seen| seen.event != "deleted") {
            assert!(!seen.auto_generated);
            assert_eq!(self.store.get(seen.token.id).unwrap().record(), seen.token);
        }
        self.checks += 1;
    }

    /// Returns the result of a login.
    fn authenticate(&mut self, args: &Value, expect: &Value) -> &'static str {
        let value = match args["value"].as_str() {
            Some(value) => value,
            None => &self.values[&label(args)],
        };
        let login = self.store.authenticate(value, Site::Any).unwrap();
        let result = match login.verdict {
            ACCEPTED => "ok",
            UNKNOWN => "unknown",
            INVALID => "invalid",
            EXPIRED => "expired",
            INACTIVE_USER => "inactive_user",
            other => panic!("{}: verdict {other}", self.name),
        };
        assert_eq!(expect["result"], result, "{}", self.name);
        let deprecated = login.token.as_ref().is_some_and(|token| token.record().is_deprecated);
        assert_eq!(expect["deprecated_header"], deprecated, "{}", self.name);
        self.checks += 2;
        if expect.get("token").is_some_and(|token| !token.is_null()) {
            let told = with_micros(&expect["token"]);
            if let Some(token) = login.token.as_ref().or(login.refused.as_ref()) {
                self.compare(token, &label(args), &told);
            }
            self.compare_now(&label(args), &told);
        }
        result
    }

    /// Returns the invalidated tokens, ordered by id.
    fn invalidate_many(&mut self, args: &Value) -> Vec<String> {
        let users = args["users"].as_array();
        let of_users = |user: &Value| users.is_none_or(|users| users.contains(user));
        let mut labels: Vec<String> = self.told.keys().cloned().collect();
        labels.retain(|label| of_users(&self.told[label]["user"]));
        labels.sort_by_key(|label| self.ids[label]);
        match users {
            None => {
                let count = self.store.invalidate_all(reason(args)).unwrap();
                assert_eq!(count, labels.len() as u64, "{}", self.name);
            }
            Some(users) => {
                let mut in_order = Vec::new();
                for user in users {
                    let user = user.as_str().unwrap();
                    let count = self.store.invalidate_user(user, reason(args)).unwrap();
                    let of_user = labels.iter().filter(|label| self.told[*label]["user"] == user);
                    let of_user: Vec<_> = of_user.cloned().collect();
                    assert_eq!(count, of_user.len() as u64, "{}", self.name);
                    in_order.extend(of_user);
                }
                assert_eq!(in_order.len(), labels.len(), "{}", self.name);
                labels = in_order;
            }
        }
        // The vectors contain the state of these tokens in a later step.
        for label in &labels {
            let told = self.told.get_mut(label).unwrap();
            told["valid"] = false.into();
            told["invalid_date"] = self.at_us.into();
            told["invalid_reason"] = reason(args).unwrap_or("").into();
        }
        for label in &labels {
            let told = self.told[label].clone();
            self.compare_now(label, &told);
        }
        labels
    }

    fn update(&mut self, args: &Value, expect: &Value) {
        let field = |name: &str| match args.get(name) {
            None => Field::Keep,
            Some(Value::Null) => Field::None,
            Some(value) => Field::Set(value),
        };
        let policy = field("policy").value().map(Value::to_string);
        let extra_data = field("extra_data").value().map(Value::to_string);
        let update = Update {
            expires: field("expires").map(|time| micros(time.as_str().unwrap())),
            note: field("note").map(|note| note.as_str().unwrap()),
            policy: field("policy").map(|_| policy.as_deref().unwrap()),
            extra_data: field("extra_data").map(|_| extra_data.as_deref().unwrap()),
        };
        let token = self.store.update(self.ids[&label(args)], &update).unwrap();
        let told = with_micros(&expect["token"]);
        self.compare(&token, &label(args), &told);
        self.compare_now(&label(args), &told);
    }

    /// Returns whether the token had to be imported.
    fn generate(&mut self, args: &Value, expect: &Value) -> bool {
        let user = args["user"].as_str().unwrap();
        let documents = ["policy", "extra_data"].map(|name| document(args, name));
        let valid = args.get("valid").is_none_or(|valid| valid.as_bool().unwrap());
        let generator_id = args["token_generator_id"].as_str().unwrap();
        let token = if generator_id == "legacy_sha1" {
            // The reference derives such a value from its own secrets. Any unused one will do.
            let value = format!("{:040x}", 0xabc_0000 + self.ids.len());
            let mut options = init::<rbtoken_import_options_t>();
            (options.generator_id, options.generator_id_len) = text(generator_id);
            (options.local_site, options.local_site_len) = optional(args["local_site"].as_str());
            (options.note, options.note_len) = optional(args["note"].as_str());
            (options.policy, options.policy_len) = optional(documents[0].as_deref());
            (options.extra_data, options.extra_data_len) = optional(documents[1].as_deref());
            if let Some(expires) = args["expires"].as_str() {
                options.flags |= RBTOKEN_IMPORT_EXPIRES_KNOWN;
                options.expires_at_us = micros(expires);
            }
            if !valid {
                options.flags |= RBTOKEN_IMPORT_INVALID;
            }
            self.store.import(user, &value, &options).unwrap()
        } else {
            let mut options = init::<rbtoken_generate_options_t>();
            (options.generator_id, options.generator_id_len) = text(generator_id);
            (options.local_site, options.local_site_len) = optional(args["local_site"].as_str());
            (options.note, options.note_len) = optional(args["note"].as_str());
            (options.policy, options.policy_len) = optional(documents[0].as_deref());
            (options.extra_data, options.extra_data_len) = optional(documents[1].as_deref());
            (options.expires_mode, options.expires_at_us) = expires(args);
            if !valid {
                options.flags |= RBTOKEN_GENERATE_INVALID;
            }
            self.store.generate(user, &options).unwrap()
        };
        let label = expect["token"]["label"].as_str().unwrap();
        self.compare_new(&token, label);
        self.compare(&token, label, &with_micros(&expect["token"]));
        generator_id == "legacy_sha1"
    }

    fn client_token(&mut self, args: &Value, expect: &Value) {
        let documents = ["default_policy", "default_extra_data"].map(|name| document(args, name));
        let mut options = init::<rbtoken_client_token_options_t>();
        (options.local_site, options.local_site_len) = optional(args["local_site"].as_str());
        (options.default_policy, options.default_policy_len) = optional(documents[0].as_deref());
        (options.default_extra_data, options.default_extra_data_len) =
            optional(documents[1].as_deref());
        (options.expires_mode, options.expires_at_us) = expires(args);
        if let Some(secs) = args.get("min_validity_secs") {
            options.min_validity_mode = rbtoken_min_validity_mode::RBTOKEN_MIN_VALIDITY_SECS as i32;
            options.min_validity_secs = secs.as_i64().unwrap();
        }
        if args.get("ignore_deprecated").is_some_and(|ignore| ignore.as_bool().unwrap()) {
            options.flags = RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED;
        }
        let [user, client_name] = ["user", "client_name"].map(|name| args[name].as_str().unwrap());
        let (token, created) = self.store.client_token(user, client_name, &options).unwrap();

        assert_eq!(expect["created"], created, "{}", self.name);
        let label = expect["token"]["label"].as_str().unwrap();
        if created {
            self.compare_new(&token, label);
        }
        let told = with_micros(&expect["token"]);
        // For a tie, the reference returns any of the tokens; this library returns the lowest id.
        let tied = expect["any_of"].as_array().into_iter().flatten();
        let lowest = tied.map(|label| label.as_str().unwrap()).min_by_key(|label| self.ids[*label]);
        match lowest {
            Some(lowest) if lowest != label => {
                self.compare_now(label, &told);
                let mut told = self.told[lowest].clone();
                let expires = told["expires"].as_i64();
                told["expired"] = expires.is_some_and(|time| self.at_us >= time).into();
                self.compare(&token, lowest, &told);
            }
            _ => self.compare(&token, label, &told),
        }
    }

    /// Checks that a new token has an unused id and can be found by its value.
    fn compare_new(&mut self, token: &Token, label: &str) {
        let last = self.ids.values().copied().max().unwrap_or(0);
        assert!(token.id() > last, "{}", self.name);
        assert_eq!(self.store.find(&token.value()).unwrap().id(), token.id());
        assert!(self.ids.insert(label.to_owned(), token.id()).is_none());
        self.values.insert(label.to_owned(), token.value());
    }

    fn compare(&mut self, token: &Token, label: &str, told: &Value) {
        assert_eq!(token.id(), self.ids[label], "{} {label}", self.name);
        assert_eq!(token.is_expired(self.at_us), told["expired"], "{} {label}", self.name);
        let ours = as_vector(&token.record(), label, self.at_us);
        assert_eq!(ours, *told, "{} {label}", self.name);
        self.told.insert(label.to_owned(), told.clone());
        self.checks += 1;
    }

    /// Compares a token with its current state in the store.
    fn compare_now(&mut self, label: &str, told: &Value) {
        let token = self.store.get(self.ids[label]).unwrap();
        let mut told = told.clone();
        let expires = told["expires"].as_i64();
        told["expired"] = expires.is_some_and(|time| self.at_us >= time).into();
        self.compare(&token, label, &told);
    }

    /// Compares all remaining tokens at the end.
    fn compare_all(&mut self, told: &Value) {
        let records = self.store.list(&init()).unwrap();
        let labels: HashMap<i64, &str> =
            self.ids.iter().map(|(label, id)| (*id, label.as_str())).collect();
        let ours: Vec<_> = records
            .iter()
            .map(|record| as_vector(record, labels[&record.id], self.at_us))
            .collect();
        let told: Vec<_> = told.as_array().unwrap().iter().map(with_micros).collect();
        assert_eq!(ours, told, "{}", self.name);
        assert_eq!(self.store.count(), Ok(told.len() as u64), "{}", self.name);
        self.checks += told.len();
    }
}

/// Returns the label of the token that a step is about.
fn label(args: &Value) -> String {
    args["token"].as_str().unwrap().to_owned()
}

fn reason(args: &Value) -> Option<&str> {
    args["invalid_reason"].as_str()
}

/// Returns an argument that is a JSON document; unset and null are `None`.
fn document(args: &Value, name: &str) -> Option<String> {
    args.get(name).filter(|document| !document.is_null()).map(Value::to_string)
}

/// Returns the mode and time of an expiry: unset, never, or a time.
fn expires(args: &Value) -> (i32, i64) {
    use rbtoken_expires_mode::*;
    match args.get("expires") {
        None => (RBTOKEN_EXPIRES_DEFAULT as i32, 0),
        Some(Value::Null) => (RBTOKEN_EXPIRES_NEVER as i32, 0),
        Some(time) => (RBTOKEN_EXPIRES_AT as i32, micros(time.as_str().unwrap())),
    }
}

fn scenarios_go_as_in_the_reference(place: &mut Place) {
    let scenarios = vectors("client_tokens.json");
    let (mut run, mut steps, mut checks) = (0, 0, 0);
    for scenario in scenarios.as_array().unwrap() {
        let mut replay = Replay::start(scenario, place);
        for step in scenario["steps"].as_array().unwrap() {
            replay.step(step);
            steps += 1;
        }
        replay.compare_all(&scenario["final"]);
        checks += replay.checks;
        run += 1;
    }
    println!("compared {checks} answers in {steps} steps of {run} scenarios");
    assert_eq!((run, steps, checks), (250, 2236, 6725));
}

fn a_policy_allows_what_it_allows_in_the_reference(place: &mut Place) {
    let store = place.store();
    let vectors = vectors("policy_check.json");
    let (mut policies, mut checks, mut refused) = (0, 0, 0);
    for vector in vectors.as_array().unwrap() {
        let document = vector["policy"].to_string();
        let policy = Policy::parse(None, &document).unwrap();
        let mut options = init::<rbtoken_generate_options_t>();
        (options.policy, options.policy_len) = text(&document);
        let token = store.generate("alice", &options).unwrap();
        for check in vector["checks"].as_array().unwrap() {
            let method = check[1].as_str().unwrap();
            let question = (check[0].as_str().unwrap(), method, check[2].as_str());
            let answers = [policy.allows(question), token.allows(question)];
            // The reference allows `delete` if only `DELETE` is blocked; here it is an error.
            let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
            for answer in answers {
                if is_method {
                    assert_eq!(answer, Ok(check[3].as_bool().unwrap()), "{check} of {document}");
                } else {
                    let failure = answer.unwrap_err();
                    assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("method")), "{check}");
                }
            }
            checks += 1;
            refused += usize::from(!is_method);
        }
        policies += 1;
    }
    println!("compared {checks} answers of {policies} policies, {refused} of them errors");
    assert_eq!((policies, checks, refused), (200, 2400, 165));
}
