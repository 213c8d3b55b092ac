//! The references. Each is behind the same kind of boundary as the library: C functions called
//! through pointers, and pointers to objects.

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

/// Hides a function pointer from the optimizer.
pub fn opaque<F>(function: F) -> F {
    black_box(function)
}

/// Returns the system time in microseconds.
#[inline]
pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros() as i64)
}

/// Something to log in to.
pub trait Logins {
    /// Logs in and returns whether it was accepted. The result for the host is released.
    fn log_in(&self, value: &[u8]) -> bool;
    /// Only looks a value up.
    fn find(&self, value: &[u8]) -> bool;
}

/// Something that threads log in to while others write.
pub trait Shared: Logins + Sync {
    /// Adds a token, and returns the argument for [`Shared::remove`].
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
