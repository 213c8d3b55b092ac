//! The map in `shared_map.cpp`.

use std::ffi::{c_char, c_void};

use super::{Logins, Shared, opaque};
use crate::keys::Keys;

type Map = *mut c_void;
type Ask = unsafe extern "C" fn(Map, *const c_char, usize) -> bool;

unsafe extern "C" {
    fn shared_map_new() -> Map;
    fn shared_map_free(map: Map);
    fn shared_map_add(map: Map, value: *const c_char, len: usize, id: i64);
    fn shared_map_remove(map: Map, value: *const c_char, len: usize);
    fn shared_map_log_in(map: Map, value: *const c_char, len: usize) -> bool;
    fn shared_map_find(map: Map, value: *const c_char, len: usize) -> bool;
}

/// An unordered_map with a shared_mutex.
pub struct SharedMap {
    map: Map,
    log_in: Ask,
    find: Ask,
}

// SAFETY: the functions lock the map.
unsafe impl Send for SharedMap {}
// SAFETY: as above.
unsafe impl Sync for SharedMap {}

// SAFETY of all functions below: each passes the map that this value owns, and a value that is
// valid during the call.
impl SharedMap {
    /// Creates a map with a record for each key.
    pub fn filled(keys: &Keys) -> Self {
        let this = Self {
            map: unsafe { shared_map_new() },
            log_in: opaque(shared_map_log_in as Ask),
            find: opaque(shared_map_find as Ask),
        };
        keys.iter().enumerate().for_each(|(id, key)| this.insert(key, id as i64));
        this
    }

    /// Adds a record.
    pub fn insert(&self, value: &[u8], id: i64) {
        unsafe { shared_map_add(self.map, value.as_ptr().cast(), value.len(), id) };
    }
}

impl Drop for SharedMap {
    fn drop(&mut self) {
        unsafe { shared_map_free(self.map) };
    }
}

impl Logins for SharedMap {
    #[inline]
    fn log_in(&self, value: &[u8]) -> bool {
        unsafe { (self.log_in)(self.map, value.as_ptr().cast(), value.len()) }
    }

    #[inline]
    fn find(&self, value: &[u8]) -> bool {
        unsafe { (self.find)(self.map, value.as_ptr().cast(), value.len()) }
    }
}

impl Shared for SharedMap {
    fn add(&self, value: &[u8]) -> i64 {
        self.insert(value, 0);
        0
    }

    fn remove(&self, value: &[u8], _: i64) {
        unsafe { shared_map_remove(self.map, value.as_ptr().cast(), value.len()) };
    }
}
