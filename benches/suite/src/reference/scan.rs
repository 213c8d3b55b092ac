//! A simple get-or-create that checks each of the user's tokens.

use std::ffi::c_char;
use std::sync::Arc;

use hashbrown::HashMap;

use super::{now_us, opaque};

/// A token with all fields of a store. The search reads the site, the client and the validity.
#[expect(dead_code, reason = "a host reads the rest")]
struct Record {
    id: i64,
    user: String,
    local_site: Option<String>,
    value: String,
    generator_id: String,
    time_added_us: i64,
    last_updated_us: i64,
    last_used_us: Option<i64>,
    expires_us: Option<i64>,
    valid: bool,
    invalid_date_us: Option<i64>,
    invalid_reason: String,
    note: String,
    policy: String,
    extra_data: String,
    client_name: Option<String>,
}

type Users = HashMap<String, Vec<Arc<Record>>, foldhash::fast::RandomState>;
type Find =
    unsafe extern "C" fn(*const Users, *const c_char, usize, *const c_char, usize) -> *const Record;

/// The tokens of each user.
pub struct Scan {
    users: Users,
    find: Find,
    release: unsafe extern "C" fn(*const Record),
}

/// # Safety
/// The texts must be valid and ASCII.
unsafe extern "C" fn find(
    users: *const Users,
    user: *const c_char,
    user_len: usize,
    client: *const c_char,
    client_len: usize,
) -> *const Record {
    // SAFETY: as promised by the caller.
    let (users, user, client) = unsafe {
        let user = std::slice::from_raw_parts(user.cast(), user_len);
        let client = std::slice::from_raw_parts(client.cast(), client_len);
        (&*users, std::str::from_utf8_unchecked(user), std::str::from_utf8_unchecked(client))
    };
    const MIN_VALIDITY_US: i64 = 300_000_000;
    let valid_until = now_us() + MIN_VALIDITY_US;
    let candidates = users.get(user).map_or(&[][..], Vec::as_slice).iter().filter(|record| {
        record.valid
            && record.client_name.as_deref() == Some(client)
            && record.local_site.is_none()
            && record.expires_us.is_none_or(|expires| expires > valid_until)
    });
    candidates
        .max_by_key(|record| record.expires_us.unwrap_or(i64::MAX))
        .map_or(std::ptr::null(), |record| Arc::into_raw(Arc::clone(record)))
}

unsafe extern "C" fn release(record: *const Record) {
    if !record.is_null() {
        // SAFETY: the pointer came from `find`.
        drop(unsafe { Arc::from_raw(record) });
    }
}

impl Scan {
    pub fn new() -> Self {
        Self { users: Users::default(), find: opaque(find as Find), release: opaque(release) }
    }

    pub fn add(&mut self, id: i64, user: &str, client: &str, value: &[u8]) {
        let now = now_us();
        let record = Record {
            id,
            user: user.to_owned(),
            local_site: None,
            value: String::from_utf8(value.to_vec()).expect("values are ASCII"),
            generator_id: "vendor_checksum".to_owned(),
            time_added_us: now,
            last_updated_us: now,
            last_used_us: None,
            expires_us: Some(i64::MAX - 1),
            valid: true,
            invalid_date_us: None,
            invalid_reason: String::new(),
            note: format!("API token automatically created for {client}."),
            policy: "{}".to_owned(),
            extra_data: format!("{{\"client_name\": \"{client}\"}}"),
            client_name: Some(client.to_owned()),
        };
        self.users.entry_ref(user).or_default().push(Arc::new(record));
    }

    #[inline]
    pub fn find(&self, user: &str, client: &str) -> bool {
        // SAFETY: the texts are valid during the call; the record is released.
        unsafe {
            let record = (self.find)(
                &raw const self.users,
                user.as_ptr().cast(),
                user.len(),
                client.as_ptr().cast(),
                client.len(),
            );
            (self.release)(record);
            !record.is_null()
        }
    }
}
