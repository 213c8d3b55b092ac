//! Services of the host for an instance: a log, a clock and random bytes.

use std::ffi::c_void;
use std::mem::offset_of;
use std::sync::Arc;

use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::ffi::support::UserData;
use crate::ffi::{
    HostClock, HostEntropy, HostLog, rbtoken_clock_fn, rbtoken_entropy_fn, rbtoken_log_fn,
};
use crate::store::{EventLog, Hooks, Log, LogLevel};
use crate::token::Entropy;

/// Services of the host for an instance. Initialize with `RBTOKEN_INIT()`; the table is copied when
/// the instance is created. Each callback may be NULL. `struct_size` can be that of an older or
/// newer table: the library reads the members that it knows and that exist.
///
/// `user_data` must stay valid until `destroy` has returned and no call on a store of the instance
/// is running.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_host_v1_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Writes to the host's log. NULL: no log.
    pub log: rbtoken_log_fn,
    /// Returns the time. NULL: the system clock is used.
    pub now: rbtoken_clock_fn,
    /// Fills a buffer with random bytes. NULL: the same as for `entropy` of
    /// `rbtoken_store_options_t`.
    pub fill: rbtoken_entropy_fn,
}

/// Services of the host, each optional.
#[derive(Clone)]
pub(crate) struct Host(rbtoken_host_v1_t);

// SAFETY: the library only passes `user_data` on; the header states that the host's functions are
// called from any thread.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    /// # Safety
    /// `host` is NULL, or points to as many readable bytes as its first field says.
    pub unsafe fn read(host: *const rbtoken_host_v1_t) -> Result<Self> {
        let mut table = rbtoken_host_v1_t {
            struct_size: size_of::<rbtoken_host_v1_t>(),
            user_data: std::ptr::null_mut(),
            log: None,
            now: None,
            fill: None,
        };
        if host.is_null() {
            return Ok(Self(table));
        }
        // SAFETY: the first field is a `usize`; the host's pointer need not be aligned.
        let size = unsafe { host.cast::<usize>().read_unaligned() };
        if size < offset_of!(rbtoken_host_v1_t, user_data) {
            return Err(Error::new(
                ErrorKind::StructSize,
                "struct_size is too small: set it with RBTOKEN_INIT()",
            )
            .at_argument("host"));
        }
        // A member that is only partly within the size does not exist.
        let ends = [
            offset_of!(rbtoken_host_v1_t, user_data),
            offset_of!(rbtoken_host_v1_t, log),
            offset_of!(rbtoken_host_v1_t, now),
            offset_of!(rbtoken_host_v1_t, fill),
            size_of::<rbtoken_host_v1_t>(),
        ];
        let known = ends.into_iter().filter(|end| *end <= size).max().unwrap_or(0);
        // SAFETY: both ranges hold `known` bytes and do not overlap; what is not copied stays
        // NULL, and the struct is plain C data.
        unsafe {
            let table = (&raw mut table).cast::<u8>();
            host.cast::<u8>().copy_to_nonoverlapping(table, known);
        }
        Ok(Self(table))
    }

    pub fn clock(&self) -> Option<Arc<dyn Clock>> {
        let clock = HostClock::new(self.0.now?, self.user_data());
        Some(Arc::new(clock))
    }

    pub fn entropy(&self) -> Option<Arc<dyn Entropy>> {
        let entropy = HostEntropy::new(self.0.fill?, self.user_data());
        Some(Arc::new(entropy))
    }

    /// Returns the data for the callbacks. The host destroys it.
    fn user_data(&self) -> UserData {
        UserData::new(self.0.user_data, None)
    }

    /// Returns hooks that log the events of tokens.
    pub fn hooks(&self) -> Option<Box<dyn Hooks>> {
        self.0.log?;
        Some(Box::new(EventLog::new(Arc::new(self.clone()))))
    }
}

impl Log for Host {
    fn log(&self, level: LogLevel, target: &str, message: &str) {
        if let Some(log) = self.0.log {
            HostLog::new(log, self.user_data()).log(level, target, message);
        }
    }
}
