//! A hash map from values to records: the *reference login*, and the same map with a lock.

use std::ffi::c_char;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, RwLock};

use hashbrown::HashMap;

use super::{Logins, Shared, now_us, opaque};
use crate::keys::Keys;

/// What a login needs from a token and returns to its host.
#[expect(dead_code, reason = "the host is the one that reads the id and the user")]
pub struct Record {
    pub id: i64,
    pub user: String,
    pub valid: bool,
    pub expires_us: i64,
    pub last_used_us: AtomicI64,
}

impl Record {
    pub fn new(id: i64) -> Self {
        let (user, expires_us) = (format!("user-{}", id / 10), i64::MAX);
        Self { id, user, valid: true, expires_us, last_used_us: AtomicI64::new(0) }
    }
}

/// The map, with a random seed against collisions on purpose.
pub type Map = HashMap<String, Arc<Record>, foldhash::fast::RandomState>;

/// Creates a map with a record for each key.
pub fn filled(keys: &Keys) -> Map {
    let records = keys.iter().enumerate();
    records
        .map(|(id, key)| {
            let key = String::from_utf8(key.to_vec()).expect("values are ASCII");
            (key, Arc::new(Record::new(id as i64)))
        })
        .collect()
}

/// Returns a value as a key.
///
/// # Safety
/// The bytes must be valid and ASCII.
unsafe fn key<'a>(value: *const c_char, len: usize) -> &'a str {
    // SAFETY: as promised by the caller.
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(value.cast(), len)) }
}

/// Accepts a login with a record, and returns a handle.
fn accept(record: Option<Arc<Record>>) -> *const Record {
    let Some(record) = record else { return std::ptr::null() };
    let now = now_us();
    if !record.valid || record.expires_us <= now {
        return std::ptr::null();
    }
    record.last_used_us.store(now, Ordering::Relaxed);
    Arc::into_raw(record)
}

unsafe extern "C" fn release(record: *const Record) {
    if !record.is_null() {
        // SAFETY: the pointer came from `accept`.
        drop(unsafe { Arc::from_raw(record) });
    }
}

type Find<M> = unsafe extern "C" fn(*const M, *const c_char, usize) -> *const Record;

/// Functions of a map as pointers.
struct Functions<M> {
    log_in: Find<M>,
    find: Find<M>,
    release: unsafe extern "C" fn(*const Record),
}

impl<M> Functions<M> {
    fn new(log_in: Find<M>, find: Find<M>) -> Self {
        Self { log_in: opaque(log_in), find: opaque(find), release: opaque(release) }
    }

    #[inline]
    fn log_in(&self, map: &M, value: &[u8]) -> bool {
        // SAFETY: map and value are valid during the call; the record is released.
        unsafe {
            let record = (self.log_in)(map, value.as_ptr().cast(), value.len());
            (self.release)(record);
            !record.is_null()
        }
    }

    #[inline]
    fn find(&self, map: &M, value: &[u8]) -> bool {
        // SAFETY: map and value are valid during the call.
        unsafe { !(self.find)(map, value.as_ptr().cast(), value.len()).is_null() }
    }
}

/// The reference login: a map without a lock.
pub struct Plain {
    map: Arc<Map>,
    functions: Functions<Map>,
}

impl Plain {
    pub fn new(map: Map) -> Self {
        unsafe extern "C" fn log_in(
            map: *const Map,
            value: *const c_char,
            len: usize,
        ) -> *const Record {
            // SAFETY: as promised by the caller.
            accept(unsafe { (*map).get(key(value, len)).cloned() })
        }
        unsafe extern "C" fn find(
            map: *const Map,
            value: *const c_char,
            len: usize,
        ) -> *const Record {
            // SAFETY: as promised by the caller.
            unsafe { (*map).get(key(value, len)).map_or(std::ptr::null(), Arc::as_ptr) }
        }
        Self { map: Arc::new(map), functions: Functions::new(log_in, find) }
    }
}

impl Logins for Plain {
    #[inline]
    fn log_in(&self, value: &[u8]) -> bool {
        self.functions.log_in(&self.map, value)
    }

    #[inline]
    fn find(&self, value: &[u8]) -> bool {
        self.functions.find(&self.map, value)
    }
}

/// The map with the standard library's RwLock.
pub struct Locked {
    map: RwLock<Map>,
    functions: Functions<RwLock<Map>>,
}

impl Locked {
    pub fn new(map: Map) -> Self {
        unsafe extern "C" fn log_in(
            map: *const RwLock<Map>,
            value: *const c_char,
            len: usize,
        ) -> *const Record {
            // SAFETY: as promised by the caller.
            let found =
                unsafe { (*map).read().expect("nothing panics").get(key(value, len)).cloned() };
            accept(found)
        }
        unsafe extern "C" fn find(
            map: *const RwLock<Map>,
            value: *const c_char,
            len: usize,
        ) -> *const Record {
            // SAFETY: as promised by the caller.
            unsafe {
                let map = (*map).read().expect("nothing panics");
                map.get(key(value, len)).map_or(std::ptr::null(), Arc::as_ptr)
            }
        }
        Self { map: RwLock::new(map), functions: Functions::new(log_in, find) }
    }
}

impl Logins for Locked {
    #[inline]
    fn log_in(&self, value: &[u8]) -> bool {
        self.functions.log_in(&self.map, value)
    }

    #[inline]
    fn find(&self, value: &[u8]) -> bool {
        self.functions.find(&self.map, value)
    }
}

impl Shared for Locked {
    fn add(&self, value: &[u8]) -> i64 {
        let value = String::from_utf8(value.to_vec()).expect("values are ASCII");
        let record = Arc::new(Record::new(0));
        self.map.write().expect("nothing panics").insert(value, record);
        0
    }

    fn remove(&self, value: &[u8], _: i64) {
        let value = std::str::from_utf8(value).expect("values are ASCII");
        // Dropped after the lock is released.
        let removed = self.map.write().expect("nothing panics").remove_entry(value);
        assert!(removed.is_some());
    }
}
