//! Log of the host.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use super::callbacks::{HostCallback, rbtoken_destroy_fn};
use super::support::{SizedStruct, UserData};
use crate::error::Result;
use crate::store::{Log, LogLevel};

/// Severity of a log message.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_log_level {
    /// No message has this level yet.
    RBTOKEN_LOG_ERROR = 1,
    /// An instance could not be configured, initialized or shut down.
    RBTOKEN_LOG_WARN = 2,
    /// An instance changed its state.
    RBTOKEN_LOG_INFO = 3,
    /// An event of a token, as in `rbtoken_hooks_t`.
    RBTOKEN_LOG_DEBUG = 4,
}

/// Writes a message to the host's log. `level` is `RBTOKEN_LOG_ERROR` to `_DEBUG`, or a higher
/// number in later versions. `target` is the part of the library: `"rbtoken.extension"` or
/// `"rbtoken.store"`. The texts are valid during the call, and never contain a token's value.
/// Several threads can call the function at once, with no lock held. Must not throw.
pub type rbtoken_log_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        level: i32,
        target: *const c_char,
        message: *const c_char,
    ),
>;

/// Log of the host. Initialize it with `RBTOKEN_INIT()`; it is copied when the store is opened. It
/// receives a message of the level `RBTOKEN_LOG_DEBUG` for each event that
/// `rbtoken_store_add_hooks()` reports. A store with a log reads tokens for their events, as one
/// with hooks does.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_log_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Writes a message. Must be set.
    pub log: rbtoken_log_fn,
    /// Frees `user_data`. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_log_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

pub(crate) type LogFn = unsafe extern "C-unwind" fn(*mut c_void, i32, *const c_char, *const c_char);

/// Log of the host.
pub(crate) struct HostLog {
    log: LogFn,
    user_data: UserData,
}

impl HostLog {
    pub fn new(log: LogFn, user_data: UserData) -> Self {
        Self { log, user_data }
    }
}

impl Log for HostLog {
    fn log(&self, level: LogLevel, target: &str, message: &str) {
        let (Ok(target), Ok(message)) = (CString::new(target), CString::new(message)) else {
            return;
        };
        // SAFETY: the host's function, with its own data and texts that live during the call.
        unsafe {
            (self.log)(self.user_data.get(), level as i32, target.as_ptr(), message.as_ptr())
        };
    }
}

impl HostCallback<LogFn> {
    /// # Safety
    /// `log` is NULL or points to as many readable bytes as its first field says.
    pub unsafe fn log(log: *const rbtoken_log_t) -> Result<Option<Self>> {
        let fields =
            |it: rbtoken_log_t| (it.log.map(|log| (log, log as usize)), it.user_data, it.destroy);
        // SAFETY: as promised by the caller.
        unsafe { Self::read(log, ["log", "log"], fields) }
    }

    pub fn into_log(self) -> Result<Arc<dyn Log>> {
        let (log, user_data) = self.into_parts()?;
        Ok(Arc::new(HostLog::new(log, user_data)))
    }
}
