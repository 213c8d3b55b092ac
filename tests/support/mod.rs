//! A C host written in Rust. Every call goes through the exported functions, and only the ownership
//! of handles is managed by Rust types. Each test program uses a part of this.
#![allow(dead_code)]
// Most blocks are a single call, with arguments that are valid during it.
#![allow(clippy::undocumented_unsafe_blocks)]

#[cfg(not(fuzzing))]
pub mod c;
#[cfg(not(fuzzing))]
pub mod calls;
#[cfg(not(fuzzing))]
pub mod declarations;
#[cfg(unix)]
mod files;
#[cfg(not(fuzzing))]
pub mod header;
#[cfg(not(fuzzing))]
pub mod installation;
mod life;
pub mod naive_policy;
#[cfg(all(unix, not(fuzzing)))]
pub mod network;
#[cfg(all(unix, not(fuzzing)))]
pub mod server;

use std::ffi::{CStr, c_char, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU64, Ordering};

use rbtoken::ffi::*;
use serde_json::Value;

#[cfg(not(fuzzing))]
#[allow(unused_imports)]
pub use c::deadline::{Watchdog, wait_until};
#[cfg(unix)]
#[allow(unused_imports)]
pub use files::*;
#[allow(unused_imports)]
pub use life::*;

pub const OK: i32 = rbtoken_status_code::RBTOKEN_OK as i32;
pub const E_NULL_ARGUMENT: i32 = rbtoken_status_code::RBTOKEN_E_NULL_ARGUMENT as i32;
pub const E_INVALID_ARGUMENT: i32 = rbtoken_status_code::RBTOKEN_E_INVALID_ARGUMENT as i32;
pub const E_INVALID_UTF8: i32 = rbtoken_status_code::RBTOKEN_E_INVALID_UTF8 as i32;
pub const E_EMBEDDED_NUL: i32 = rbtoken_status_code::RBTOKEN_E_EMBEDDED_NUL as i32;
pub const E_TOO_LONG: i32 = rbtoken_status_code::RBTOKEN_E_TOO_LONG as i32;
pub const E_STRUCT_SIZE: i32 = rbtoken_status_code::RBTOKEN_E_STRUCT_SIZE as i32;
pub const E_UNSUPPORTED_OPTION: i32 = rbtoken_status_code::RBTOKEN_E_UNSUPPORTED_OPTION as i32;
pub const E_TIME_RANGE: i32 = rbtoken_status_code::RBTOKEN_E_TIME_RANGE as i32;
pub const E_JSON_SYNTAX: i32 = rbtoken_status_code::RBTOKEN_E_JSON_SYNTAX as i32;
pub const E_JSON_TYPE: i32 = rbtoken_status_code::RBTOKEN_E_JSON_TYPE as i32;
pub const E_JSON_TOO_DEEP: i32 = rbtoken_status_code::RBTOKEN_E_JSON_TOO_DEEP as i32;
pub const E_JSON_NUMBER: i32 = rbtoken_status_code::RBTOKEN_E_JSON_NUMBER as i32;
pub const E_POLICY: i32 = rbtoken_status_code::RBTOKEN_E_POLICY as i32;
pub const E_NOT_FOUND: i32 = rbtoken_status_code::RBTOKEN_E_NOT_FOUND as i32;
pub const E_EXISTS: i32 = rbtoken_status_code::RBTOKEN_E_EXISTS as i32;
pub const E_STATE: i32 = rbtoken_status_code::RBTOKEN_E_STATE as i32;
pub const E_UNSUPPORTED: i32 = rbtoken_status_code::RBTOKEN_E_UNSUPPORTED as i32;
pub const E_GENERATION: i32 = rbtoken_status_code::RBTOKEN_E_GENERATION as i32;
pub const E_CALLBACK: i32 = rbtoken_status_code::RBTOKEN_E_CALLBACK as i32;

pub const NUL_TERMINATED: usize = usize::MAX;
pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;
/// Initial time of the tests' clock: 2026-06-01T00:00:00Z.
pub const START: i64 = 1_780_272_000 * SECOND;
pub const SETTINGS: [&str; 6] = [
    "client_token_expiration",
    "min_validity_secs",
    "token_type",
    "default_generator",
    "deprecated_generators",
    "policy_ids",
];

/// Returns pointer and length of a text.
pub fn text(text: &str) -> (*const c_char, usize) {
    (text.as_ptr().cast(), text.len())
}

/// Returns pointer and length of bytes.
pub fn bytes(bytes: &[u8]) -> (*const c_char, usize) {
    (bytes.as_ptr().cast(), bytes.len())
}

/// Returns pointer and length of an optional text.
pub fn optional(given: Option<&str>) -> (*const c_char, usize) {
    given.map_or((null(), 0), text)
}

/// Initializes a struct like `RBTOKEN_INIT`: its size, followed by zeros.
pub fn init<T>() -> T {
    let mut options = MaybeUninit::<T>::zeroed();
    // SAFETY: every struct of the header starts with a `size_t`, and zeros are valid defaults.
    unsafe {
        options.as_mut_ptr().cast::<usize>().write(size_of::<T>());
        options.assume_init()
    }
}

/// Returns a dangling pointer, which must be overwritten without being read.
pub fn garbage<T>() -> *mut T {
    std::ptr::without_provenance_mut(0xdead)
}

/// Converts a time of the vectors to microseconds since the Unix epoch.
pub fn micros(iso8601: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(iso8601).unwrap().timestamp_micros()
}

/// Parses a JSON text.
pub fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: i32,
    pub message: String,
    pub argument: Option<String>,
    pub json_path: Option<String>,
}

impl Failure {
    /// Returns the status and the argument, which most tests check.
    pub fn of(&self) -> (i32, Option<&str>) {
        (self.status, self.argument.as_deref())
    }

    /// Returns the status and the JSON path.
    pub fn at(&self) -> (i32, Option<&str>) {
        (self.status, self.json_path.as_deref())
    }
}

/// Calls a function that returns a status, with garbage in its error output.
pub fn call(
    function: impl FnOnce(*mut *mut rbtoken_error_t) -> rbtoken_status_t,
) -> Result<(), Failure> {
    let mut error = garbage::<rbtoken_error_t>();
    let status = function(&raw mut error);
    if status == OK {
        assert!(error.is_null(), "an error without a failure");
        return Ok(());
    }
    assert!(!error.is_null() && error != garbage(), "a failure without an error");
    // SAFETY: this function owns the error, and frees it last.
    unsafe {
        assert_eq!(rbtoken_error_status(error), status);
        let failure = Failure {
            status,
            message: string(rbtoken_error_message(error)).unwrap(),
            argument: string(rbtoken_error_argument(error)),
            json_path: string(rbtoken_error_json_path(error)),
        };
        rbtoken_error_free(error);
        assert!(!failure.message.is_empty());
        Err(failure)
    }
}

/// Copies a NUL-terminated text of the library; NULL is `None`.
fn string(text: *const c_char) -> Option<String> {
    // SAFETY: the library's texts are NUL-terminated and valid while their owner is.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

/// The state of a host's callbacks. It outlives the store, so that calling `destroy` twice is
/// counted instead of crashing.
#[derive(Default)]
pub struct Host {
    pub now_us: AtomicI64,
    /// What the clock and the entropy callback return; 0 is success.
    pub clock_status: AtomicI32,
    pub fill_status: AtomicI32,
    /// Every byte of the entropy is `constant_byte`.
    pub constant: AtomicBool,
    pub constant_byte: AtomicU64,
    /// If set, both callbacks count the tokens of this store.
    pub reenter: AtomicPtr<rbtoken_store_t>,
    pub clock_calls: AtomicU64,
    pub fill_calls: AtomicU64,
    pub clock_destroyed: AtomicU64,
    pub entropy_destroyed: AtomicU64,
    stream: AtomicU64,
}

impl Host {
    pub fn new() -> Arc<Self> {
        let host = Self::default();
        host.now_us.store(START, Ordering::SeqCst);
        Arc::new(host)
    }

    pub fn set_now(&self, us: i64) {
        self.now_us.store(us, Ordering::SeqCst);
    }

    pub fn destroyed(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        (load(&self.clock_destroyed), load(&self.entropy_destroyed))
    }

    pub fn clock(&self) -> rbtoken_clock_t {
        rbtoken_clock_t {
            user_data: (&raw const *self).cast_mut().cast(),
            now: Some(now),
            destroy: Some(destroy_clock),
            ..init()
        }
    }

    pub fn entropy(&self) -> rbtoken_entropy_t {
        rbtoken_entropy_t {
            user_data: (&raw const *self).cast_mut().cast(),
            fill: Some(fill),
            destroy: Some(destroy_entropy),
            ..init()
        }
    }

    fn call_back(&self) {
        let store = self.reenter.load(Ordering::SeqCst);
        if !store.is_null() {
            let mut count = u64::MAX;
            // SAFETY: the test keeps the store that it set.
            let status = unsafe { rbtoken_store_token_count(store, &raw mut count, null_mut()) };
            assert_eq!(status, OK);
        }
    }
}

/// # Safety
/// `user_data` is a `Host`, here and below.
unsafe extern "C-unwind" fn now(user_data: *mut c_void, now_us: *mut i64) -> rbtoken_status_t {
    // SAFETY: the host outlives the store.
    let host = unsafe { &*user_data.cast::<Host>() };
    host.clock_calls.fetch_add(1, Ordering::SeqCst);
    host.call_back();
    // SAFETY: the library passes a valid output.
    unsafe { now_us.write(host.now_us.load(Ordering::SeqCst)) };
    host.clock_status.load(Ordering::SeqCst)
}

unsafe extern "C-unwind" fn fill(
    user_data: *mut c_void,
    bytes: *mut u8,
    len: usize,
) -> rbtoken_status_t {
    // SAFETY: as above.
    let host = unsafe { &*user_data.cast::<Host>() };
    host.fill_calls.fetch_add(1, Ordering::SeqCst);
    host.call_back();
    // SAFETY: the library passes a buffer of `len` bytes.
    let bytes = unsafe { std::slice::from_raw_parts_mut(bytes, len) };
    if host.constant.load(Ordering::SeqCst) {
        bytes.fill(host.constant_byte.load(Ordering::SeqCst) as u8);
    } else {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: uniform and reproducible.
            const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
            let mut word = host.stream.fetch_add(STEP, Ordering::SeqCst);
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let word = (word ^ (word >> 31)).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
    host.fill_status.load(Ordering::SeqCst)
}

unsafe extern "C-unwind" fn destroy_clock(user_data: *mut c_void) {
    // SAFETY: as above.
    let host = unsafe { &*user_data.cast::<Host>() };
    host.clock_destroyed.fetch_add(1, Ordering::SeqCst);
}

unsafe extern "C-unwind" fn destroy_entropy(user_data: *mut c_void) {
    // SAFETY: as above.
    let host = unsafe { &*user_data.cast::<Host>() };
    host.entropy_destroyed.fetch_add(1, Ordering::SeqCst);
}

/// A store and its callbacks.
pub struct Store {
    raw: *mut rbtoken_store_t,
    pub host: Arc<Host>,
}

// SAFETY: the header allows the use of a store from any thread.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { rbtoken_store_release(self.raw) };
    }
}

impl Store {
    /// Opens a store with the tests' clock and the system's entropy.
    pub fn new() -> Self {
        let host = Host::new();
        let clock = host.clock();
        Self::open(&host, &rbtoken_store_options_t { clock: &raw const clock, ..init() }).unwrap()
    }

    /// Opens a store with the host's clock and entropy.
    pub fn with_entropy() -> Self {
        Self::with_entropy_at(&Host::new(), None)
    }

    /// Opens a store in a file with the host's clock and entropy.
    pub fn with_entropy_at(host: &Arc<Host>, path: Option<&str>) -> Self {
        let (location, location_len) = optional(path);
        let (clock, entropy) = (host.clock(), host.entropy());
        let options = rbtoken_store_options_t {
            location,
            location_len,
            clock: &raw const clock,
            entropy: &raw const entropy,
            ..init()
        };
        Self::open(host, &options).unwrap()
    }

    pub fn open(host: &Arc<Host>, options: &rbtoken_store_options_t) -> Result<Self, Failure> {
        Self::from(host, |store, error| {
            // SAFETY: the options and what they point to are valid during the call.
            unsafe { rbtoken_store_open(options, store, error) }
        })
    }

    pub fn shared(
        host: &Arc<Host>,
        options: Option<&rbtoken_store_options_t>,
    ) -> Result<Self, Failure> {
        let options = options.map_or(null(), |options| &raw const *options);
        Self::from(host, |store, error| {
            // SAFETY: the options and what they point to are valid during the call.
            unsafe { rbtoken_store_shared(options, store, error) }
        })
    }

    fn from(
        host: &Arc<Host>,
        open: impl FnOnce(*mut *mut rbtoken_store_t, *mut *mut rbtoken_error_t) -> i32,
    ) -> Result<Self, Failure> {
        let mut raw = garbage();
        let opened = call(|error| open(&raw mut raw, error));
        assert_eq!(opened.is_err(), raw.is_null());
        opened.map(|()| Self { raw, host: Arc::clone(host) })
    }

    pub fn raw(&self) -> *mut rbtoken_store_t {
        self.raw
    }

    pub fn set_now(&self, us: i64) {
        self.host.set_now(us);
    }

    pub fn set_setting(&self, name: &str, value: &str) -> Result<(), Failure> {
        let ((name, name_len), (value, value_len)) = (text(name), text(value));
        // SAFETY: the handle and the texts are valid during the call; this also holds below.
        call(|error| unsafe {
            rbtoken_store_set_setting(self.raw, name, name_len, value, value_len, error)
        })
    }

    pub fn get_setting(&self, name: &str) -> Result<String, Failure> {
        let (name, name_len) = text(name);
        let mut buffer = garbage();
        let got = call(|error| unsafe {
            rbtoken_store_get_setting(self.raw, name, name_len, &raw mut buffer, error)
        });
        assert_eq!(got.is_err(), buffer.is_null());
        got.map(|()| unsafe {
            let mut len = usize::MAX;
            let value = string(rbtoken_buffer_data(buffer, &raw mut len)).unwrap();
            assert_eq!(value.len(), len);
            rbtoken_buffer_free(buffer);
            value
        })
    }

    pub fn statistics(&self) -> Value {
        let mut buffer = garbage();
        call(|error| unsafe { rbtoken_store_statistics(self.raw, &raw mut buffer, error) })
            .unwrap();
        unsafe {
            let mut len = usize::MAX;
            let object = string(rbtoken_buffer_data(buffer, &raw mut len)).unwrap();
            rbtoken_buffer_free(buffer);
            parsed(&object)
        }
    }

    pub fn add_local_site(&self, name: &str) -> Result<(), Failure> {
        let (name, len) = text(name);
        call(|error| unsafe { rbtoken_store_add_local_site(self.raw, name, len, error) })
    }

    pub fn set_policy_ids(&self, ids: &[&CStr]) -> Result<(), Failure> {
        let ids: Vec<_> = ids.iter().map(|id| id.as_ptr()).collect();
        call(|error| unsafe {
            rbtoken_store_set_policy_ids(self.raw, ids.as_ptr(), ids.len(), error)
        })
    }

    /// Returns the token and whether it was created.
    pub fn client_token(
        &self,
        user: &str,
        client_name: &str,
        options: &rbtoken_client_token_options_t,
    ) -> Result<(Token, bool), Failure> {
        let ((user, user_len), (client, client_len)) = (text(user), text(client_name));
        let mut created = true;
        let token = Token::from(|token, error| unsafe {
            rbtoken_store_get_or_create_client_token(
                self.raw,
                user,
                user_len,
                client,
                client_len,
                options,
                token,
                &raw mut created,
                error,
            )
        });
        assert!(token.is_ok() || !created);
        Ok((token?, created))
    }

    pub fn generate(
        &self,
        user: &str,
        options: &rbtoken_generate_options_t,
    ) -> Result<Token, Failure> {
        let (user, len) = text(user);
        Token::from(|token, error| unsafe {
            rbtoken_store_generate_token(self.raw, user, len, options, token, error)
        })
    }

    pub fn import(
        &self,
        user: &str,
        value: &str,
        options: &rbtoken_import_options_t,
    ) -> Result<Token, Failure> {
        let ((user, user_len), (value, value_len)) = (text(user), text(value));
        Token::from(|token, error| unsafe {
            rbtoken_store_import_token(
                self.raw, user, user_len, value, value_len, options, token, error,
            )
        })
    }

    pub fn find(&self, value: &str) -> Result<Token, Failure> {
        let (value, len) = text(value);
        Token::from(|token, error| unsafe {
            rbtoken_store_find_token(self.raw, value, len, token, error)
        })
    }

    pub fn get(&self, id: i64) -> Result<Token, Failure> {
        Token::from(|token, error| unsafe { rbtoken_store_get_token(self.raw, id, token, error) })
    }

    pub fn list(&self, filter: &rbtoken_token_filter_t) -> Result<Vec<Record>, Failure> {
        let mut list = garbage();
        let listed = call(|error| unsafe {
            rbtoken_store_list_tokens(self.raw, filter, &raw mut list, error)
        });
        assert_eq!(listed.is_err(), list.is_null());
        listed.map(|()| unsafe {
            let count = rbtoken_token_list_count(list);
            assert!(rbtoken_token_list_get(list, count).is_null());
            let records = (0..count).map(|index| {
                let token = Token(rbtoken_token_retain(rbtoken_token_list_get(list, index)));
                token.record()
            });
            let records = records.collect();
            rbtoken_token_list_free(list);
            records
        })
    }

    pub fn count(&self) -> Result<u64, Failure> {
        let mut count = u64::MAX;
        let counted =
            call(|error| unsafe { rbtoken_store_token_count(self.raw, &raw mut count, error) });
        assert!(counted.is_ok() || count == 0);
        counted.map(|()| count)
    }

    pub fn value_is_valid(
        &self,
        generator_id: &str,
        token_type: &str,
        value: &str,
    ) -> Result<bool, Failure> {
        let ((id, id_len), (kind, kind_len)) = (text(generator_id), text(token_type));
        let (value, value_len) = text(value);
        let mut valid = true;
        let asked = call(|error| unsafe {
            rbtoken_store_value_is_valid(
                self.raw,
                id,
                id_len,
                kind,
                kind_len,
                value,
                value_len,
                &raw mut valid,
                error,
            )
        });
        assert!(asked.is_ok() || !valid);
        asked.map(|()| valid)
    }

    /// Returns everything that a host can see of the store, to check that a call has changed
    /// nothing.
    pub fn everything(&self) -> (u64, Vec<String>, Vec<Record>) {
        let settings = SETTINGS.iter().map(|name| self.get_setting(name).unwrap()).collect();
        (self.count().unwrap(), settings, self.list(&init()).unwrap())
    }
}

/// A handle of a token.
#[derive(Debug)]
pub struct Token(*mut rbtoken_token_t);

// SAFETY: the header allows the use of a token from any thread.
unsafe impl Send for Token {}
// SAFETY: as above.
unsafe impl Sync for Token {}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: this value owns the handle.
        unsafe { rbtoken_token_release(self.0) };
    }
}

pub type TextOf = unsafe extern "C" fn(*const rbtoken_token_t, *mut usize) -> *const c_char;
type TimeOf = unsafe extern "C" fn(*const rbtoken_token_t, *mut i64) -> bool;

impl Token {
    fn from(
        give: impl FnOnce(*mut *mut rbtoken_token_t, *mut *mut rbtoken_error_t) -> i32,
    ) -> Result<Self, Failure> {
        let mut raw = garbage();
        let given = call(|error| give(&raw mut raw, error));
        assert_eq!(given.is_err(), raw.is_null());
        given.map(|()| Self(raw))
    }

    fn text(&self, of: TextOf) -> Option<String> {
        let mut len = usize::MAX;
        // SAFETY: the handle is valid, and `len` is a valid output; this also holds below.
        let text = string(unsafe { of(self.0, &raw mut len) });
        assert_eq!(text.as_ref().map_or(0, String::len), len);
        text
    }

    fn time(&self, of: TimeOf) -> Option<i64> {
        let mut time = i64::MIN;
        let known = unsafe { of(self.0, &raw mut time) };
        assert!(known || time == 0);
        known.then_some(time)
    }

    pub fn raw(&self) -> *mut rbtoken_token_t {
        self.0
    }

    pub fn id(&self) -> i64 {
        unsafe { rbtoken_token_id(self.0) }
    }

    pub fn value(&self) -> String {
        self.text(rbtoken_token_value).unwrap()
    }

    pub fn expires(&self) -> Option<i64> {
        self.time(rbtoken_token_expires)
    }

    pub fn extra_data(&self) -> String {
        self.text(rbtoken_token_extra_data).unwrap()
    }

    pub fn policy(&self) -> String {
        self.text(rbtoken_token_policy).unwrap()
    }

    pub fn client_name(&self) -> Option<String> {
        self.text(rbtoken_token_client_name)
    }

    pub fn is_expired(&self, at_us: i64) -> bool {
        unsafe { rbtoken_token_is_expired(self.0, at_us) }
    }

    pub fn record(&self) -> Record {
        Record {
            id: self.id(),
            value: self.value(),
            redacted: self.text(rbtoken_token_redacted).unwrap(),
            user: self.text(rbtoken_token_user).unwrap(),
            local_site: self.text(rbtoken_token_local_site),
            client_name: self.client_name(),
            note: self.text(rbtoken_token_note).unwrap(),
            generator_id: self.text(rbtoken_token_generator_id).unwrap(),
            policy: self.policy(),
            extra_data: self.extra_data(),
            invalid_reason: self.text(rbtoken_token_invalid_reason).unwrap(),
            expires: self.expires(),
            time_added: self.time(rbtoken_token_time_added).unwrap(),
            last_updated: self.time(rbtoken_token_last_updated).unwrap(),
            last_used: self.time(rbtoken_token_last_used),
            invalid_date: self.time(rbtoken_token_invalid_date),
            is_invalidated: unsafe { rbtoken_token_is_invalidated(self.0) },
            is_deprecated: unsafe { rbtoken_token_is_deprecated(self.0) },
        }
    }
}

/// Every field of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: i64,
    pub value: String,
    pub redacted: String,
    pub user: String,
    pub local_site: Option<String>,
    pub client_name: Option<String>,
    pub note: String,
    pub generator_id: String,
    pub policy: String,
    pub extra_data: String,
    pub invalid_reason: String,
    pub expires: Option<i64>,
    pub time_added: i64,
    pub last_updated: i64,
    pub last_used: Option<i64>,
    pub invalid_date: Option<i64>,
    pub is_invalidated: bool,
    pub is_deprecated: bool,
}
