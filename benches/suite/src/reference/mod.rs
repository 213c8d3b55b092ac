//! What the library is measured against: each behind the same kind of boundary, which is functions
//! of C's calling convention that are called through pointers, and pointers in place of objects.

pub mod bare;
pub mod cpp;
pub mod databases;
pub mod map;
pub mod policy;
pub mod python;
pub mod random;
pub mod scan;

use std::hint::black_box;
use std::time::{SystemTime, UNIX_EPOCH};

/// A function pointer that the optimizer knows nothing about.
pub fn opaque<F>(function: F) -> F {
    black_box(function)
}

/// The system clock's time, in microseconds.
#[inline]
pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

/// What logins are asked of.
pub trait Logins {
    /// Logs in: whether that is accepted. What a host would get is given back too.
    fn log_in(&self, value: &[u8]) -> bool;
    /// Looks a value up, and no more.
    fn find(&self, value: &[u8]) -> bool;
}

/// Something that threads log in to while others write.
pub trait Shared: Logins + Sync {
    /// Adds a token, and gives what [`Shared::remove`] wants to know.
    fn add(&self, value: &[u8]) -> i64;
    fn remove(&self, value: &[u8], id: i64);
}

impl Logins for crate::handles::Store {
    #[inline]
    fn log_in(&self, value: &[u8]) -> bool {
        self.log_in(value)
    }

    #[inline]
    fn find(&self, value: &[u8]) -> bool {
        self.find(value)
    }
}

impl Shared for crate::handles::Store {
    fn add(&self, value: &[u8]) -> i64 {
        self.import("writer", value, None).expect("the value is new").id()
    }

    fn remove(&self, _: &[u8], id: i64) {
        self.delete(id).expect("the token is there");
    }
}
