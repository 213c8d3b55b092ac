//! Random operations on a store, compared with a naive model of the rules. `RBTOKEN_TEST_SEED`
//! determines the run, and `RBTOKEN_TEST_OPERATIONS` its length.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::*;
use rbtoken::ffi::*;
use serde_json::Value;

#[cfg(not(fuzzing))]
const OPERATIONS: usize = 200_000;
/// Number of operations after which a new store is created, with a new clock.
#[cfg(not(fuzzing))]
const EPISODE: usize = 4_000;
#[cfg(not(fuzzing))]
const COMPARE_ALL: usize = 100;

const USERS: [&str; 4] = ["alice", "bob", "Élodie", "mallory"];
const CLIENTS: [&str; 3] = ["RBTools", "tool", "é ✓"];
const SITES: [&str; 3] = ["north", "south", "East.1"];
const REASONS: [Option<&str>; 4] = [None, Some(""), Some("lost"), Some("gone \"away\"\n")];
/// Extra data and policies as arguments.
const EXTRA_DATA: [&str; 10] = [
    "{}",
    r#"{"client_name": "RBTools"}"#,
    r#"{"client_name":"tool","z":[1,2.5,null],"a":{"y":true,"b":"ü"}}"#,
    r#"{ "a": {"b":"ü", "y":true}, "client_name": "tool", "z": [1, 2.5, null] }"#,
    r#"{"client_name": "\u00e9 ✓"}"#,
    r#"{"client_name": 7}"#,
    r#"{"client_name": ""}"#,
    r#"{"x": {"client_name": "tool"}}"#,
    r#"{"client_name": "RBTools", "client_name": "tool"}"#,
    r#"{"unrelated": "text\n\"quoted\""}"#,
];
const POLICIES: [&str; 3] = [
    "{}",
    r#"{"resources":{"*":{"block":["*"],"allow":["GET"]}}}"#,
    r#"{"resources": {"review": {"3": {"block": ["PUT"]}, "*": {"allow": ["*"]}}}}"#,
];

/// A source of random choices.
enum Random {
    /// SplitMix64.
    #[cfg(not(fuzzing))]
    Seed(u64),
    /// Input of a fuzzer, followed by zeros.
    #[cfg(fuzzing)]
    Input(std::vec::IntoIter<u8>),
}

impl Random {
    fn next(&mut self) -> u64 {
        match self {
            #[cfg(not(fuzzing))]
            Self::Seed(seed) => {
                *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let word = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                word ^ (word >> 31)
            }
            // Consumes as few bytes as the choices of most steps need.
            #[cfg(fuzzing)]
            Self::Input(bytes) => {
                (0..2).fold(0, |word, _| word << 8 | u64::from(bytes.next().unwrap_or(0)))
            }
        }
    }

    fn below(&mut self, end: usize) -> usize {
        #[cfg(fuzzing)]
        if let Self::Input(bytes) = self
            && end <= 256
        {
            return usize::from(bytes.next().unwrap_or(0)) % end;
        }
        (self.next() % end as u64) as usize
    }

    /// Returns true with a probability in percent.
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// Formats a JSON value like Python's `json.dumps(…, sort_keys=True)`.
fn python(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(python).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            let members: Vec<String> = members
                .iter()
                .map(|(key, value)| {
                    format!("{}: {}", python(&Value::from(key.as_str())), python(value))
                })
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::String(_) => {
            let mut text = String::new();
            for character in value.to_string().chars() {
                if character.is_ascii() {
                    text.push(character);
                } else {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        text += &format!("\\u{unit:04x}");
                    }
                }
            }
            text
        }
        other => other.to_string(),
    }
}

fn canonical(document: Option<&str>) -> String {
    document.map_or_else(|| "{}".to_owned(), |document| python(&parsed(document)))
}

fn client_name_of(extra_data: &str) -> Option<String> {
    parsed(extra_data)["client_name"].as_str().map(str::to_owned)
}

/// The model: the rules in their simplest form.
struct Model {
    now: i64,
    last_id: i64,
    tokens: Vec<Record>,
    sites: BTreeSet<String>,
    inactive: BTreeSet<String>,
    expiration_days: i64,
    min_validity_secs: i64,
    deprecated: BTreeSet<String>,
    default_generator: String,
    token_type: &'static str,
    /// `None`: all ids are known.
    policy_ids: Option<&'static str>,
    /// Next number of the host's generator.
    counter: u64,
    /// Events of the operation: name, token, `auto_generated`.
    events: Vec<(&'static str, Record, bool)>,
}

/// The expected result: a value, or one of several possible statuses.
type Expected<T> = Result<T, Vec<i32>>;

/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// Returns the redacted form of a token.
fn redacted(value: &str, id: i64) -> String {
    match value.split_once('_') {
        Some((token_type, _)) if value.len() == 255 => format!("{token_type}_***#{id}"),
        _ => format!("***#{id}"),
    }
}

/// Returns a value of the host's generator. There are few, so that they collide.
fn host_value(count: u64) -> String {
    format!("host-{}", count % 24)
}

impl Model {
    fn new() -> Self {
        Self {
            now: START,
            last_id: 0,
            tokens: Vec::new(),
            sites: BTreeSet::new(),
            inactive: BTreeSet::new(),
            expiration_days: 365,
            min_validity_secs: 300,
            deprecated: BTreeSet::from(["legacy_sha1".to_owned()]),
            default_generator: "vendor_checksum".to_owned(),
            token_type: "rbp",
            policy_ids: None,
            counter: 0,
            events: Vec::new(),
        }
    }

    /// Returns a token as a new snapshot shows it.
    fn seen(&self, token: &Record) -> Record {
        Record { is_deprecated: self.deprecated.contains(&token.generator_id), ..token.clone() }
    }

    fn is_expired(&self, token: &Record) -> bool {
        token.expires.is_some_and(|expires| self.now >= expires)
    }

    fn position(&self, id: i64) -> Expected<usize> {
        let position = self.tokens.iter().position(|token| token.id == id);
        position.ok_or_else(|| vec![E_NOT_FOUND])
    }

    fn has_value(&self, value: &str) -> bool {
        self.tokens.iter().any(|token| token.value == value)
    }

    fn check_site(&self, site: Option<&str>) -> Option<i32> {
        let known = site.is_none_or(|site| self.sites.contains(site));
        (!known).then_some(E_NOT_FOUND)
    }

    fn knows(&self, policy_id: &str) -> bool {
        self.policy_ids.is_none_or(|known| known == policy_id)
    }

    /// Checks that a policy contains only known ids.
    fn check_policy(&self, policy: Option<&str>) -> Option<i32> {
        let names = |id: &str| policy.is_some_and(|it| !parsed(it)["resources"][id].is_null());
        (names("review") && !self.knows("review")).then_some(E_POLICY)
    }

    fn fire(&mut self, event: &'static str, index: usize, auto_generated: bool) {
        self.events.push((event, self.seen(&self.tokens[index]), auto_generated));
    }

    /// Returns the index of the best token for a client.
    fn candidate(
        &self,
        user: &str,
        client: &str,
        site: Option<&str>,
        valid_until: i64,
        ignore_deprecated: bool,
    ) -> Option<usize> {
        let mut best: Option<usize> = None;
        for (index, token) in self.tokens.iter().enumerate() {
            let serves = token.user == user
                && !token.is_invalidated
                && token.expires.is_none_or(|expires| expires > valid_until)
                && token.local_site.as_deref() == site
                && token.client_name.as_deref() == Some(client)
                && !(ignore_deprecated && self.deprecated.contains(&token.generator_id));
            if !serves {
                continue;
            }
            // In order of ids, so a token is replaced only by a better one.
            let better = best.is_none_or(|best| match (token.expires, self.tokens[best].expires) {
                (None, other) => other.is_some(),
                (Some(_), None) => false,
                (Some(this), Some(other)) => this > other,
            });
            if better {
                best = Some(index);
            }
        }
        best
    }

    /// Returns the value of a new token if it is from the host's generator; `None` for the
    /// library's own.
    fn generate_value(&mut self, generator_id: &str) -> Expected<Option<String>> {
        match generator_id {
            "vendor_checksum" => Ok(None),
            "legacy_sha1" => Err(vec![E_UNSUPPORTED]),
            "host" => {
                for _ in 0..20 {
                    let value = host_value(self.counter);
                    self.counter += 1;
                    if !self.has_value(&value) {
                        return Ok(Some(value));
                    }
                }
                Err(vec![E_GENERATION])
            }
            _ => Err(vec![E_GENERATION]),
        }
    }
}

/// Arguments for a new token, in C and for the model.
#[derive(Clone, Copy, Debug, Default)]
struct Making {
    site: Option<&'static str>,
    note: Option<&'static str>,
    policy: Option<&'static str>,
    extra_data: Option<&'static str>,
    generator: Option<&'static str>,
    expires: Option<i64>,
}

fn blank(user: &str, making: &Making, generator: &str, now: i64) -> Record {
    let extra_data = canonical(making.extra_data);
    Record {
        id: 0,
        value: String::new(),
        redacted: String::new(),
        user: user.to_owned(),
        local_site: making.site.map(str::to_owned),
        client_name: client_name_of(&extra_data),
        note: making.note.unwrap_or("").to_owned(),
        generator_id: generator.to_owned(),
        policy: canonical(making.policy),
        extra_data,
        invalid_reason: String::new(),
        expires: making.expires,
        time_added: now,
        last_updated: now,
        last_used: None,
        invalid_date: None,
        is_invalidated: false,
        is_deprecated: false,
    }
}

unsafe extern "C-unwind" fn create_value(
    user_data: *mut c_void,
    _token_type: *const c_char,
    _attempt: u32,
    value: *mut c_char,
    capacity: usize,
    value_len: *mut usize,
) -> rbtoken_status_t {
    // SAFETY: the counter outlives the store, and there is space for a value.
    unsafe {
        let text = host_value((*user_data.cast::<AtomicU64>()).fetch_add(1, Ordering::SeqCst));
        assert!(text.len() <= capacity);
        std::ptr::copy_nonoverlapping(text.as_ptr(), value.cast(), text.len());
        value_len.write(text.len());
    }
    OK
}

unsafe extern "C-unwind" fn is_value(
    _user_data: *mut c_void,
    _token_type: *const c_char,
    _value: *const c_char,
    _value_len: usize,
    valid: *mut bool,
) -> rbtoken_status_t {
    // SAFETY: the library passes a valid output.
    unsafe { valid.write(true) };
    OK
}

/// A store, its model, and the state of the run.
struct Run {
    random: Random,
    /// `None`: the store is in memory.
    path: Option<String>,
    store: Store,
    events: Arc<Events>,
    /// Additional hooks, present at times.
    more_hooks: Option<(u64, Arc<Events>)>,
    model: Model,
    counter: Arc<AtomicU64>,
    history: VecDeque<String>,
    /// Numbers of operations and refusals of each kind.
    done: BTreeMap<&'static str, (usize, usize)>,
}

/// Adds the host's generator and hooks.
fn prepare(store: &Store, counter: &Arc<AtomicU64>) -> Arc<Events> {
    let generator = rbtoken_generator_t {
        user_data: Arc::as_ptr(counter).cast_mut().cast(),
        create: Some(create_value),
        validate: Some(is_value),
        ..init()
    };
    let (id, len) = text("host");
    // SAFETY: the handle, the text and the struct are valid during the call.
    call(|error| unsafe {
        rbtoken_store_add_generator(store.raw(), id, len, &raw const generator, error)
    })
    .unwrap();
    store.watch()
}

impl Run {
    fn new(
        random: Random,
        done: BTreeMap<&'static str, (usize, usize)>,
        path: Option<String>,
    ) -> Self {
        let store = Store::with_entropy_at(&Host::new(), path.as_deref());
        let counter = Arc::new(AtomicU64::new(0));
        let events = prepare(&store, &counter);
        let (model, history) = (Model::new(), VecDeque::new());
        let more_hooks = None;
        Self { random, path, store, events, more_hooks, model, counter, history, done }
    }

    /// Reopens a store in a file at times.
    fn reopen(&mut self) {
        if self.path.is_some() && self.random.chance(1) {
            self.note("reopen", String::new());
            self.replace_store(|_| ());
            self.compare_all();
        }
    }

    /// Replaces the store by the one at `path`, to which `fill` transfers the tokens.
    fn replace_store(&mut self, fill: impl FnOnce(&Store)) {
        let host = Arc::clone(&self.store.host);
        let settings = SETTINGS.map(|name| self.store.get_setting(name).unwrap());
        self.store = Store::new();
        if let Some((_, events)) = self.more_hooks.take() {
            assert_eq!(Arc::strong_count(&events), 1, "the hooks of a closed store are destroyed");
        }
        self.store = Store::with_entropy_at(&host, self.path.as_deref());
        self.events = prepare(&self.store, &self.counter);
        fill(&self.store);
        // Settings are not stored with the tokens.
        for (name, value) in SETTINGS.iter().zip(settings) {
            self.store.set_setting(name, &value).unwrap();
        }
    }

    fn note(&mut self, kind: &'static str, detail: String) {
        if self.history.len() == 12 {
            self.history.pop_front();
        }
        self.history.push_back(format!("{} {kind} {detail}", self.model.now - START));
        self.done.entry(kind).or_default().0 += 1;
    }

    /// Checks that library and model agree, and returns the results if both succeeded.
    fn agree<T, U>(&mut self, ours: Result<T, Failure>, model: Expected<U>) -> Option<(T, U)> {
        match (ours, model) {
            (Ok(ours), Ok(model)) => Some((ours, model)),
            (Err(failure), Err(statuses)) => {
                assert!(statuses.contains(&failure.status), "{failure:?}, not one of {statuses:?}");
                let last = self.history.back().unwrap();
                let kind = last.split(' ').nth(1).unwrap();
                if let Some(counts) = self.done.iter_mut().find(|(name, _)| **name == kind) {
                    counts.1.1 += 1;
                }
                None
            }
            (Ok(_), Err(statuses)) => panic!("accepted, where {statuses:?} was expected"),
            (Err(failure), Ok(_)) => panic!("refused: {failure:?}"),
        }
    }

    /// Adds a new token to the model, with the id and random value that the library chose.
    fn adopt(&mut self, ours: &Record, mut expected: Record, value: Option<String>) -> usize {
        assert!(ours.id > self.model.last_id, "an id that is not new");
        match value {
            Some(value) => expected.value = value,
            None => {
                let token_type = ours.value.split_once('_').map(|(token_type, _)| token_type);
                assert_eq!((ours.value.len(), token_type), (255, Some(self.model.token_type)));
                expected.value.clone_from(&ours.value);
            }
        }
        assert!(!self.model.has_value(&expected.value), "a value that is not new");
        expected.id = ours.id;
        expected.redacted = redacted(&expected.value, ours.id);
        self.model.last_id = ours.id;
        self.model.tokens.push(expected);
        let index = self.model.tokens.len() - 1;
        assert_eq!(*ours, self.model.seen(&self.model.tokens[index]));
        index
    }

    fn user(&mut self) -> &'static str {
        self.random.of(&USERS)
    }

    /// Returns an existing Local Site usually, sometimes a removed one.
    fn site(&mut self) -> Option<&'static str> {
        let site = self.random.of(&SITES);
        (self.random.chance(50) && (self.model.sites.contains(site) || self.random.chance(15)))
            .then_some(site)
    }

    /// Returns a time near which something changes.
    fn time(&mut self) -> i64 {
        let now = self.model.now;
        let offset = match self.random.below(8) {
            0 => 0,
            1 => 1,
            2 => -1,
            3 => 300 * SECOND,
            4 => 300 * SECOND + 1,
            5 => self.random.below(3) as i64 * DAY,
            6 => -(self.random.below(100) as i64) * SECOND,
            _ => match self.model.tokens.len() {
                0 => 60 * SECOND,
                // The time of another token, so that there are ties.
                count => {
                    let index = self.random.below(count);
                    self.model.tokens[index].expires.map_or(SECOND, |expires| expires - now)
                }
            },
        };
        now + offset
    }

    /// Returns the id of a token usually, sometimes a deleted or unused one.
    fn id(&mut self) -> i64 {
        match self.model.tokens.len() {
            0 => 1,
            _ if self.random.chance(5) => self.random.below(10_000) as i64 - 5,
            count => self.model.tokens[self.random.below(count)].id,
        }
    }

    /// Returns the value of a token usually.
    fn value(&mut self) -> String {
        match self.model.tokens.len() {
            0 => "nobody's".to_owned(),
            _ if self.random.chance(10) => host_value(self.random.next()),
            count => self.model.tokens[self.random.below(count)].value.clone(),
        }
    }

    fn making(&mut self) -> Making {
        let site = self.site();
        let random = &mut self.random;
        Making {
            site,
            note: random.of(&[None, Some(""), Some("a note é")]),
            policy: random.chance(40).then(|| random.of(&POLICIES)),
            extra_data: random.chance(80).then(|| random.of(&EXTRA_DATA)),
            generator: random.of(&[
                None,
                Some("vendor_checksum"),
                Some("host"),
                Some("legacy_sha1"),
                Some("unheard-of"),
            ]),
            expires: None,
        }
    }

    fn step(&mut self) {
        self.advance();
        match self.random.below(100) {
            0..=21 => self.client_token(),
            22..=29 => self.generate(),
            30..=35 => self.import(),
            36..=39 => self.find(),
            40 => self.allows(),
            41..=44 => self.list(),
            45..=59 => self.authenticate(),
            60..=69 => self.update(),
            70..=74 => self.invalidate_one(),
            75 => self.invalidate_many(),
            76..=82 => self.delete(),
            83..=84 => self.purge(),
            85..=88 => self.local_site(),
            89..=91 => self.user_active(),
            92..=95 => self.setting(),
            #[cfg(unix)]
            96 if self.random.chance(50) => self.transfer(),
            96 => self.hooks(),
            _ => self.bad_input(),
        }
        if self.model.tokens.len() > 40 {
            self.delete();
        }
        self.compare_events();
    }

    /// Advances the clock, often exactly to a time at which something changes.
    fn advance(&mut self) {
        let step = match self.random.below(20) {
            0..=7 => 0,
            8..=9 => 1,
            10..=12 => self.random.below(100) as i64 * SECOND,
            13 => self.random.below(3) as i64 * DAY,
            14..=18 if !self.model.tokens.is_empty() => {
                let index = self.random.below(self.model.tokens.len());
                let back = self.random.of(&[0, 0, 1, -1]);
                let back = back + self.random.of(&[0, 0, self.model.min_validity_secs]) * SECOND;
                let boundary = self.model.tokens[index].expires.unwrap_or(0).saturating_sub(back);
                let far = self.model.now + 40 * DAY;
                if boundary < far { boundary - self.model.now } else { 0 }
            }
            _ => 3,
        };
        self.model.now += step.max(0);
        self.store.set_now(self.model.now);
    }

    fn client_token(&mut self) {
        let (user, client, making) = (self.user(), self.random.of(&CLIENTS), self.making());
        let mut options = init::<rbtoken_client_token_options_t>();
        let mut expires = None;
        match self.random.below(4) {
            0 => {
                options.expires_mode = EXPIRES_NEVER;
                expires = Some(None);
            }
            1 => {
                (options.expires_mode, options.expires_at_us) = (EXPIRES_AT, self.time());
                expires = Some(Some(options.expires_at_us));
            }
            _ => {}
        }
        let mut min_validity_secs = self.model.min_validity_secs;
        if self.random.chance(40) {
            min_validity_secs = self.random.of(&[0, -1, 1, 300, 86_400, i64::MIN, i64::MAX]);
            options.min_validity_mode = MIN_VALIDITY_SECS;
            options.min_validity_secs = min_validity_secs;
        }
        let ignore_deprecated = self.random.chance(30);
        options.flags = if ignore_deprecated { RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED } else { 0 };
        (options.local_site, options.local_site_len) = optional(making.site);
        (options.default_policy, options.default_policy_len) = optional(making.policy);
        (options.default_extra_data, options.default_extra_data_len) = optional(making.extra_data);
        self.note(
            "client_token",
            format!(
                "{user} {client} {making:?} {expires:?} {min_validity_secs} {ignore_deprecated}"
            ),
        );
        let ours = self.store.client_token(user, client, &options);

        let now = self.model.now;
        let mut faults = Vec::new();
        faults.extend(self.model.check_site(making.site));
        faults.extend(self.model.check_policy(making.policy));
        let valid_until = i128::from(now) + i128::from(min_validity_secs.max(0)) * 1_000_000;
        if valid_until > i128::from(LAST) {
            faults.push(E_TIME_RANGE);
        }
        if expires.flatten().is_some_and(|expires| expires <= now) {
            faults.push(E_INVALID_ARGUMENT);
        }
        if !faults.is_empty() {
            self.agree(ours, Err::<(), _>(faults));
            return;
        }
        let model = &mut self.model;
        let valid_until = valid_until as i64;
        let found = model.candidate(user, client, making.site, valid_until, ignore_deprecated);
        if let Some(index) = found {
            let expected = model.seen(&model.tokens[index]);
            let ((token, created), expected) = self.agree(ours, Ok(expected)).unwrap();
            assert!(!created, "a token was made though one serves");
            assert_eq!(token.record(), expected);
            return;
        }
        let expires = match expires {
            Some(expires) => expires,
            None if model.expiration_days == 0 => None,
            None => Some(now + model.expiration_days * DAY),
        };
        let generator = model.default_generator.clone();
        let value = if expires.is_some_and(|expires| expires > LAST) {
            Err(vec![E_TIME_RANGE])
        } else {
            model.generate_value(&generator)
        };
        let Some(((token, created), value)) = self.agree(ours, value) else { return };
        assert!(created, "a token was found though none serves");
        let mut extra_data = parsed(making.extra_data.unwrap_or("{}"));
        extra_data["client_name"] = client.into();
        let note = format!("API token automatically created for {client}.");
        let expected = Record {
            note,
            extra_data: python(&extra_data),
            client_name: Some(client.to_owned()),
            ..blank(user, &Making { expires, ..making }, &generator, now)
        };
        let index = self.adopt(&token.record(), expected, value);
        self.model.fire("created", index, false);
    }

    fn generate(&mut self) {
        let (user, mut making) = (self.user(), self.making());
        let mut options = init::<rbtoken_generate_options_t>();
        options.expires_mode = self.random.of(&[0, EXPIRES_NEVER, EXPIRES_AT]);
        if options.expires_mode == EXPIRES_AT {
            options.expires_at_us = self.time();
            making.expires = Some(options.expires_at_us);
        }
        let (invalid, auto_generated) = (self.random.chance(10), self.random.chance(30));
        options.flags = if invalid { RBTOKEN_GENERATE_INVALID } else { 0 }
            | if auto_generated { RBTOKEN_GENERATE_AUTO_GENERATED } else { 0 };
        (options.local_site, options.local_site_len) = optional(making.site);
        (options.note, options.note_len) = optional(making.note);
        (options.policy, options.policy_len) = optional(making.policy);
        (options.extra_data, options.extra_data_len) = optional(making.extra_data);
        (options.generator_id, options.generator_id_len) = optional(making.generator);
        self.note("generate", format!("{user} {making:?} {invalid}"));
        let ours = self.store.generate(user, &options);

        let default = self.model.default_generator.clone();
        let generator = making.generator.unwrap_or(&default);
        let mut faults = Vec::new();
        faults.extend(self.model.check_policy(making.policy));
        faults.extend(self.model.check_site(making.site));
        let value = if faults.is_empty() {
            self.model.generate_value(generator)
        } else {
            // The value may have been generated before the error was found, or not.
            let counted = self.counter.load(Ordering::SeqCst);
            assert!(counted >= self.model.counter);
            self.model.counter = counted;
            faults.extend([E_UNSUPPORTED, E_GENERATION]);
            Err(faults)
        };
        let Some((token, value)) = self.agree(ours, value) else { return };
        let mut expected = blank(user, &making, generator, self.model.now);
        expected.is_invalidated = invalid;
        let index = self.adopt(&token.record(), expected, value);
        self.model.fire("created", index, auto_generated);
    }

    fn import(&mut self) {
        let (user, mut making) = (self.user(), self.making());
        let value = if self.random.chance(30) {
            self.value()
        } else {
            format!("imported {}", self.random.below(60))
        };
        let mut options = init::<rbtoken_import_options_t>();
        let mut time = |run: &mut Self, flag: u32, place: &mut i64| {
            run.random.chance(40).then(|| {
                options.flags |= flag;
                *place = run.time();
                *place
            })
        };
        let mut times = [0; 5];
        let [added, updated, used, expires, date] = &mut times;
        let added = time(self, RBTOKEN_IMPORT_TIME_ADDED_KNOWN, added);
        let updated = time(self, RBTOKEN_IMPORT_LAST_UPDATED_KNOWN, updated);
        let used = time(self, RBTOKEN_IMPORT_LAST_USED_KNOWN, used);
        making.expires = time(self, RBTOKEN_IMPORT_EXPIRES_KNOWN, expires);
        let invalid = self.random.chance(20);
        let (mut invalid_date, mut reason) = (None, None);
        if invalid {
            invalid_date = time(self, RBTOKEN_IMPORT_INVALID_DATE_KNOWN, date);
            reason = self.random.of(&REASONS);
            options.flags |= RBTOKEN_IMPORT_INVALID;
        }
        options.time_added_us = times[0];
        options.last_updated_us = times[1];
        options.last_used_us = times[2];
        options.expires_at_us = times[3];
        options.invalid_date_us = times[4];
        (options.invalid_reason, options.invalid_reason_len) = optional(reason);
        (options.local_site, options.local_site_len) = optional(making.site);
        (options.note, options.note_len) = optional(making.note);
        (options.policy, options.policy_len) = optional(making.policy);
        (options.extra_data, options.extra_data_len) = optional(making.extra_data);
        (options.generator_id, options.generator_id_len) = optional(making.generator);
        self.note("import", format!("{user} {value} {making:?} {times:?} {invalid}"));
        let ours = self.store.import(user, &value, &options);

        let mut faults = Vec::new();
        faults.extend(self.model.check_site(making.site));
        faults.extend(self.model.check_policy(making.policy));
        faults.extend(self.model.has_value(&value).then_some(E_EXISTS));
        let expected = if faults.is_empty() { Ok(()) } else { Err(faults) };
        let Some((token, ())) = self.agree(ours, expected) else { return };
        let default = self.model.default_generator.clone();
        let generator = making.generator.unwrap_or(&default);
        let added = added.unwrap_or(self.model.now);
        let expected = Record {
            last_updated: updated.unwrap_or(added),
            last_used: used,
            is_invalidated: invalid,
            invalid_date,
            invalid_reason: reason.unwrap_or("").to_owned(),
            ..blank(user, &making, generator, added)
        };
        self.adopt(&token.record(), expected, Some(value));
    }

    fn find(&mut self) {
        if self.random.chance(50) {
            let id = self.id();
            self.note("get", id.to_string());
            let expected = self.model.position(id);
            let expected = expected.map(|index| self.model.seen(&self.model.tokens[index]));
            if let Some((token, expected)) = self.agree(self.store.get(id), expected) {
                assert_eq!(token.record(), expected);
            }
        } else {
            let value = self.value();
            self.note("find", value.clone());
            let expected = self.model.tokens.iter().find(|token| token.value == value);
            let expected = expected.map(|token| self.model.seen(token));
            let expected = expected.ok_or_else(|| vec![E_NOT_FOUND]);
            if let Some((token, expected)) = self.agree(self.store.find(&value), expected) {
                assert_eq!(token.record(), expected);
                let now = self.model.now;
                assert_eq!(token.is_expired(now), self.model.is_expired(&expected));
            }
        }
    }

    fn allows(&mut self) {
        let id = self.id();
        let question @ (policy_id, method, resource) = (
            self.random.of(&["review", "other"]),
            self.random.of(&["GET", "PUT", "DELETE"]),
            self.random.of(&[None, Some("3"), Some("4")]),
        );
        self.note("allows", format!("{id} {question:?}"));
        let expected = self.model.position(id);
        let Some((token, index)) = self.agree(self.store.get(id), expected) else { return };
        let expected = if self.model.knows(policy_id) {
            let policy = parsed(&self.model.tokens[index].policy);
            Ok(naive_policy::allows(&policy, policy_id, method, resource))
        } else {
            Err(vec![E_INVALID_ARGUMENT])
        };
        if let Some((ours, expected)) = self.agree(token.allows(question), expected) {
            assert_eq!(ours, expected);
        }
    }

    fn list(&mut self) {
        let user = self.random.chance(50).then(|| self.random.of(&USERS));
        let client = self.random.chance(40).then(|| self.random.of(&CLIENTS));
        let mode = self.random.below(3) as i32;
        let site = (mode == 2).then(|| self.random.of(&SITES));
        let validity = self.random.below(3) as i32;
        let before = self.random.chance(40).then(|| self.time());
        let mut filter = init::<rbtoken_token_filter_t>();
        (filter.user, filter.user_len) = optional(user);
        (filter.client_name, filter.client_name_len) = optional(client);
        (filter.local_site, filter.local_site_len) = optional(site);
        (filter.local_site_mode, filter.validity_mode) = (mode, validity);
        if let Some(before) = before {
            (filter.flags, filter.expires_before_us) = (RBTOKEN_FILTER_EXPIRES_BEFORE, before);
        }
        self.note("list", format!("{user:?} {client:?} {mode} {site:?} {validity} {before:?}"));
        let mut expected = Vec::new();
        for token in &self.model.tokens {
            let dead = token.is_invalidated || self.model.is_expired(token);
            let matches = user.is_none_or(|user| token.user == user)
                && client.is_none_or(|client| token.client_name.as_deref() == Some(client))
                && (mode == 0 || token.local_site.as_deref() == site)
                && (validity == 0 || dead == (validity == 2))
                && before.is_none_or(|before| token.expires.is_some_and(|at| at < before));
            if matches {
                expected.push(self.model.seen(token));
            }
        }
        let expected = self.model.check_site(site).map_or(Ok(expected), |fault| Err(vec![fault]));
        let ours = self.store.list(&filter);
        if let Some((ours, expected)) = self.agree(ours, expected) {
            assert_eq!(ours, expected);
        }
    }

    fn authenticate(&mut self) {
        let value = self.value();
        let site = match self.random.below(3) {
            0 => Site::Global,
            1 => Site::Named(self.random.of(&SITES)),
            _ => Site::Any,
        };
        self.note("authenticate", format!("{value} {site:?}"));
        let login = if self.random.chance(30) && !value.contains(' ') {
            self.store.authenticate_header(format!("token {value}").as_bytes(), site).unwrap()
        } else {
            self.store.authenticate(&value, site).unwrap()
        };
        let index = self.model.tokens.iter().position(|token| token.value == value);
        let Some(index) = index else {
            assert_eq!(login.verdict, UNKNOWN);
            return;
        };
        let (now, token) = (self.model.now, &self.model.tokens[index]);
        let elsewhere = match (token.local_site.as_deref(), site) {
            (None, _) | (_, Site::Any) => false,
            (Some(own), Site::Named(name)) => own != name,
            (Some(_), Site::Global) => true,
        };
        let expected = if token.is_invalidated {
            INVALID
        } else if self.model.is_expired(token) {
            self.model.fire("expired", index, false);
            EXPIRED
        } else if self.model.inactive.contains(&token.user) {
            INACTIVE_USER
        } else {
            self.model.tokens[index].last_used = Some(now);
            self.model.fire("used", index, false);
            if elsewhere { WRONG_SITE } else { ACCEPTED }
        };
        assert_eq!(login.verdict, expected);
        if let Some(token) = login.token.or(login.refused) {
            assert_eq!(token.record(), self.model.seen(&self.model.tokens[index]));
        }
    }

    fn field<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Field<T> {
        match self.random.below(5) {
            0 => Field::None,
            1..=2 => Field::Set(value(self)),
            _ => Field::Keep,
        }
    }

    fn update(&mut self) {
        let id = self.id();
        let update = Update {
            expires: self.field(Self::time),
            note: self.field(|run| run.random.of(&["", "new note", "¡ñ!"])),
            policy: self.field(|run| run.random.of(&POLICIES)),
            extra_data: self.field(|run| run.random.of(&EXTRA_DATA)),
        };
        self.note("update", format!("{id} {update:?}"));
        let expected = match self.model.check_policy(update.policy.value()) {
            Some(fault) => Err(vec![fault, E_NOT_FOUND]),
            None => self.model.position(id),
        };
        let ours = self.store.update(id, &update);
        let Some((ours, index)) = self.agree(ours, expected) else { return };
        let now = self.model.now;
        let token = &mut self.model.tokens[index];
        token.last_updated = now;
        if update.expires != Field::Keep {
            token.expires = update.expires.value();
        }
        if update.note != Field::Keep {
            token.note = update.note.value().unwrap_or("").to_owned();
        }
        if update.policy != Field::Keep {
            token.policy = canonical(update.policy.value());
        }
        if update.extra_data != Field::Keep {
            token.extra_data = canonical(update.extra_data.value());
            token.client_name = client_name_of(&token.extra_data);
        }
        assert_eq!(ours.record(), self.model.seen(&self.model.tokens[index]));
        self.model.fire("updated", index, false);
    }

    fn kill(&mut self, index: usize, reason: Option<&str>) {
        let now = self.model.now;
        let token = &mut self.model.tokens[index];
        token.is_invalidated = true;
        token.invalid_date = Some(now);
        token.invalid_reason = reason.unwrap_or("").to_owned();
        self.model.fire("invalidated", index, false);
    }

    fn invalidate_one(&mut self) {
        let reason = self.random.of(&REASONS);
        let (ours, expected) = if self.random.chance(50) {
            let id = self.id();
            self.note("invalidate_by_id", format!("{id} {reason:?}"));
            (self.store.invalidate_by_id(id, reason), self.model.position(id))
        } else {
            let value = self.value();
            self.note("invalidate", format!("{value} {reason:?}"));
            let index = self.model.tokens.iter().position(|token| token.value == value);
            (self.store.invalidate(&value, reason), index.ok_or_else(|| vec![E_NOT_FOUND]))
        };
        if let Some(((), index)) = self.agree(ours, expected) {
            self.kill(index, reason);
        }
    }

    fn invalidate_many(&mut self) {
        let reason = self.random.of(&REASONS);
        let user = self.random.chance(85).then(|| self.user());
        self.note("invalidate_many", format!("{user:?} {reason:?}"));
        let count = match user {
            Some(user) => self.store.invalidate_user(user, reason).unwrap(),
            None => self.store.invalidate_all(reason).unwrap(),
        };
        let mut expected = 0;
        for index in 0..self.model.tokens.len() {
            if user.is_none_or(|user| self.model.tokens[index].user == user) {
                self.kill(index, reason);
                expected += 1;
            }
        }
        assert_eq!(count, expected);
    }

    /// Removes tokens from the model and returns their number.
    fn remove(&mut self, goes: impl Fn(&Record) -> bool) -> u64 {
        for index in 0..self.model.tokens.len() {
            if goes(&self.model.tokens[index]) {
                self.model.fire("deleted", index, false);
            }
        }
        let before = self.model.tokens.len();
        self.model.tokens.retain(|token| !goes(token));
        (before - self.model.tokens.len()) as u64
    }

    fn delete(&mut self) {
        let id = self.id();
        self.note("delete", id.to_string());
        let expected = self.model.position(id);
        if self.agree(self.store.delete(id), expected).is_some() {
            self.remove(|token| token.id == id);
        }
    }

    fn purge(&mut self) {
        let now = self.model.now;
        let before = self.time().min(now);
        self.note("purge", before.to_string());
        let count = self.store.purge(before).unwrap();
        let expected = self.remove(|token| {
            let invalid_since = token.invalid_date.unwrap_or(token.time_added);
            token.is_invalidated && invalid_since < before
                || token.expires.is_some_and(|expires| expires < before)
        });
        assert_eq!(count, expected);
    }

    fn local_site(&mut self) {
        let site = self.random.of(&SITES);
        let known = self.model.sites.contains(site);
        if self.random.chance(65) {
            self.note("add_local_site", site.to_owned());
            let expected = if known { Err(vec![E_EXISTS]) } else { Ok(()) };
            if self.agree(self.store.add_local_site(site), expected).is_some() {
                self.model.sites.insert(site.to_owned());
            }
        } else {
            self.note("remove_local_site", site.to_owned());
            let expected = if known { Ok(()) } else { Err(vec![E_NOT_FOUND]) };
            if self.agree(self.store.remove_local_site(site), expected).is_some() {
                self.model.sites.remove(site);
                self.remove(|token| token.local_site.as_deref() == Some(site));
            }
        }
    }

    fn user_active(&mut self) {
        let (user, active) = (self.user(), self.random.chance(70));
        self.note("user_active", format!("{user} {active}"));
        self.store.set_user_active(user, active).unwrap();
        if active {
            self.model.inactive.remove(user);
        } else {
            self.model.inactive.insert(user.to_owned());
        }
    }

    fn setting(&mut self) {
        let (name, value) = match self.random.below(6) {
            0 => {
                let days = self.random.of(&[0, 1, 2, 30, 365, 3_652_059]);
                self.model.expiration_days = days;
                ("client_token_expiration", days.to_string())
            }
            1 => {
                let secs = self.random.of(&[0, 1, 300, 3_600, 86_400, 315_537_897_600]);
                self.model.min_validity_secs = secs;
                ("min_validity_secs", secs.to_string())
            }
            2 => {
                let ids = ["legacy_sha1", "vendor_checksum", "host", "unheard-of"];
                let mut ids: Vec<&str> = ids.into();
                ids.retain(|_| self.random.chance(30));
                self.model.deprecated = ids.iter().map(|id| (*id).to_owned()).collect();
                ("deprecated_generators", serde_json::to_string(&ids).unwrap())
            }
            3 => {
                self.model.token_type = self.random.of(&["rbp", "x1"]);
                ("token_type", format!("\"{}\"", self.model.token_type))
            }
            4 => {
                self.model.policy_ids =
                    self.random.of(&[None, None, Some("review"), Some("other")]);
                (
                    "policy_ids",
                    serde_json::to_string(&self.model.policy_ids.map(|id| [id])).unwrap(),
                )
            }
            _ => {
                let id =
                    self.random.of(&["vendor_checksum", "vendor_checksum", "host", "legacy_sha1"]);
                self.model.default_generator = id.to_owned();
                ("default_generator", format!("\"{id}\""))
            }
        };
        self.note("setting", format!("{name} {value}"));
        self.store.set_setting(name, &value).unwrap();
    }

    /// Adds or removes the additional hooks.
    fn hooks(&mut self) {
        let Some((id, events)) = self.more_hooks.take() else {
            self.note("add_hooks", String::new());
            self.more_hooks = Some(self.store.add_hooks());
            return;
        };
        self.note("remove_hooks", id.to_string());
        self.store.remove_hooks(id).unwrap();
        assert_eq!(Arc::strong_count(&events), 1, "removed hooks are destroyed");
        self.agree(self.store.remove_hooks(id), Err::<(), _>(vec![E_NOT_FOUND]));
    }

    /// Exports everything and imports it into a new store, which replaces the current one.
    #[cfg(unix)]
    fn transfer(&mut self) {
        let folder = Folder::new();
        let file = folder.file("export");
        let count = self.model.tokens.len() as u64;
        self.note("transfer", String::new());
        assert_eq!(self.store.export_file(&file, None), Ok(count));
        let expected = if count == 0 { Ok(()) } else { Err(vec![E_EXISTS, E_POLICY]) };
        if let Some((added, ())) = self.agree(self.store.import_file(&file, None), expected) {
            assert_eq!(added, 0);
        }
        if let Some(path) = &mut self.path {
            path.push('+');
        }
        self.replace_store(|store| assert_eq!(store.import_file(&file, None), Ok(count)));
        // Tokens keep their order and get new ids.
        let ours = self.store.list(&init()).unwrap();
        self.model.last_id = ours.last().map_or(0, |token| token.id);
        for (token, ours) in self.model.tokens.iter_mut().zip(&ours) {
            token.id = ours.id;
            token.redacted = redacted(&token.value, token.id);
        }
        self.compare_all();
    }

    /// Makes a call with one bad argument, which must change nothing.
    fn bad_input(&mut self) {
        let long = "x".repeat(300);
        let (name, status) = self.random.of(&[
            ("", E_INVALID_ARGUMENT),
            ("a\0b", E_EMBEDDED_NUL),
            (long.as_str(), E_TOO_LONG),
        ]);
        let (document, document_status) = self.random.of(&[
            ("{", E_JSON_SYNTAX),
            ("[]", E_JSON_TYPE),
            ("null", E_JSON_TYPE),
            (r#"{"resources": {"*": {}}, "n": 123456789012345678901}"#, E_JSON_NUMBER),
        ]);
        let (policy, policy_status) = self.random.of(&[
            (document, document_status),
            (r#"{"resources": {}}"#, E_POLICY),
            (r#"{"resources": {"*": {"allow": "GET"}}}"#, E_POLICY),
        ]);
        let id = self.id();
        let which = self.random.below(16);
        self.note("bad_input", format!("{which} {name:?} {document}"));
        let mut client = init::<rbtoken_client_token_options_t>();
        let mut generate = init::<rbtoken_generate_options_t>();
        let mut status = status;
        let store = &self.store;
        let failure = match which {
            0 => store.client_token(name, "tool", &client).map(drop),
            1 => store.client_token("alice", name, &client).map(drop),
            2 => store.generate(name, &generate).map(drop),
            3 => store.import(name, "fresh value", &init()).map(drop),
            4 => store.import("alice", name, &init()).map(drop),
            5 => store.find(name).map(drop),
            6 => store.invalidate(name, None),
            7 => store.invalidate_user(name, None).map(drop),
            8 => store.set_user_active(name, false),
            9 => store.add_local_site(name),
            10 => {
                status = policy_status;
                (client.default_policy, client.default_policy_len) = text(policy);
                store.client_token("alice", "tool", &client).map(drop)
            }
            11 => {
                status = document_status;
                (generate.extra_data, generate.extra_data_len) = text(document);
                store.generate("alice", &generate).map(drop)
            }
            12 => {
                status = policy_status;
                let update = Update { policy: Field::Set(policy), ..Update::default() };
                store.update(id, &update).map(drop)
            }
            13 => {
                status = E_INVALID_ARGUMENT;
                client.expires_mode = 3;
                store.client_token("alice", "tool", &client).map(drop)
            }
            14 => {
                status = E_INVALID_ARGUMENT;
                generate.flags = 4;
                store.generate("alice", &generate).map(drop)
            }
            _ => {
                status = E_TIME_RANGE;
                let update = Update { expires: Field::Set(LAST + 1), ..Update::default() };
                store.update(id, &update).map(drop)
            }
        };
        self.agree(failure, Err::<(), _>(vec![status]));
    }

    fn compare_events(&mut self) {
        let seen = self.events.take();
        if let Some((_, events)) = &self.more_hooks {
            assert_eq!(events.take(), seen);
        }
        let seen: Vec<_> =
            seen.into_iter().map(|seen| (seen.event, seen.token, seen.auto_generated)).collect();
        assert_eq!(seen, std::mem::take(&mut self.model.events));
    }

    /// Compares every field of every token, by every way to look it up.
    fn compare_all(&mut self) {
        let expected: Vec<Record> =
            self.model.tokens.iter().map(|token| self.model.seen(token)).collect();
        assert_eq!(self.store.count(), Ok(expected.len() as u64));
        assert_eq!(self.store.list(&init()).unwrap(), expected);
        for token in &expected {
            assert_eq!(self.store.find(&token.value).unwrap().record(), *token);
            assert_eq!(self.store.get(token.id).unwrap().record(), *token);
        }
        for user in USERS {
            let mut filter = init::<rbtoken_token_filter_t>();
            (filter.user, filter.user_len) = text(user);
            let expected: Vec<_> = expected.iter().filter(|token| token.user == user).collect();
            let ours = self.store.list(&filter).unwrap();
            assert_eq!(ours.iter().collect::<Vec<_>>(), expected);
        }
        assert_eq!(self.counter.load(Ordering::SeqCst), self.model.counter);
    }
}

#[cfg(not(fuzzing))]
#[test]
fn store_agrees_with_a_naive_model() {
    follow_the_model(OPERATIONS, |_| None);
}

#[cfg(all(unix, feature = "sqlite", not(fuzzing)))]
#[test]
fn file_store_agrees_with_a_naive_model_after_reopening() {
    let folder = Folder::new();
    let done =
        follow_the_model(OPERATIONS / 5, |episode| Some(folder.file(&format!("{episode}.db"))));
    assert!(std::env::var_os("RBTOKEN_TEST_OPERATIONS").is_some() || done["reopen"].0 > 100);
}

/// Runs the operations that the input of a fuzzer selects, and compares each.
#[cfg(fuzzing)]
pub fn replay(input: &[u8], path: Option<String>) {
    let random = Random::Input(input.to_vec().into_iter());
    let mut run = Run::new(random, BTreeMap::new(), path);
    while matches!(&run.random, Random::Input(bytes) if bytes.len() > 0) {
        run.step();
        run.reopen();
    }
    run.compare_all();
}

/// Runs random operations, compares each, and returns how often each kind was run.
#[cfg(not(fuzzing))]
fn follow_the_model(
    default_operations: usize,
    path: impl Fn(usize) -> Option<String>,
) -> BTreeMap<&'static str, (usize, usize)> {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |number| number.parse().unwrap())
    };
    let seed = number("RBTOKEN_TEST_SEED", 15_104);
    let operations = number("RBTOKEN_TEST_OPERATIONS", default_operations as u64) as usize;
    let mut run = Run::new(Random::Seed(seed), BTreeMap::new(), path(0));
    for operation in 0..operations {
        if operation > 0 && operation % EPISODE == 0 {
            run = Run::new(run.random, run.done, path(operation / EPISODE));
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run.step();
            run.reopen();
            if operation % COMPARE_ALL == COMPARE_ALL - 1 {
                run.compare_all();
            }
        }));
        if outcome.is_err() {
            let history: Vec<&str> = run.history.iter().map(String::as_str).collect();
            panic!(
                "RBTOKEN_TEST_SEED={seed}, operation {operation}; the last ones were, each with its \
                 time:\n{}",
                history.join("\n")
            );
        }
    }
    println!("seed {seed}: {operations} operations");
    for (kind, (done, refused)) in &run.done {
        println!("{done:7} {kind}, {refused} refused");
        assert!(
            operations < default_operations || *done > default_operations / 2000,
            "{kind} was hardly tried"
        );
    }
    run.done
}
