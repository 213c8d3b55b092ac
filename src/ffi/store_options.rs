//! Options for opening a store.

use std::ffi::c_char;
use std::mem::offset_of;

use super::callbacks::{FillFn, HostCallback, NowFn, rbtoken_clock_t, rbtoken_entropy_t};
use super::log::{LogFn, rbtoken_log_t};
use super::support::{SizedStruct, opt_str_arg, read_published};
use crate::error::{Error, Result};
use crate::memory;
use crate::store::{OptionsIdentity, StoreOptions, shared_store_identity};

/// Options for opening a store. Initialize with `RBTOKEN_INIT()`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_store_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Where tokens are kept: the path of a file, which is created if it does not exist (see
    /// "Stores in files"), or the URL of a Review Board server's database (see "Review Board's
    /// database"). NULL: in memory.
    pub location: *const c_char,
    /// Length of `location` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub location_len: usize,
    /// Settings as a JSON object, with the names of `rbtoken_store_set_setting()`. NULL: none.
    pub settings: *const c_char,
    /// Length of `settings` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub settings_len: usize,
    /// The clock. NULL: the system clock.
    pub clock: *const rbtoken_clock_t,
    /// The source of random bytes. NULL: a random number generator per thread, seeded by the
    /// operating system, and again after fork().
    pub entropy: *const rbtoken_entropy_t,
    /// The log. NULL: no log.
    pub log: *const rbtoken_log_t,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_store_options_t {
    const PUBLISHED: &'static [usize] =
        &[offset_of!(rbtoken_store_options_t, log), size_of::<Self>()];
}

/// The values of an options struct. If no store uses the callbacks, their data is destroyed.
pub(super) struct OpenRequest<'a> {
    location: Option<&'a str>,
    settings: Option<&'a str>,
    clock: Option<HostCallback<NowFn>>,
    entropy: Option<HostCallback<FillFn>>,
    log: Option<HostCallback<LogFn>>,
    /// The error, if the options cannot be used.
    error: Option<Error>,
}

impl<'a> OpenRequest<'a> {
    /// Reads the options. An error is kept together with the fields, because the callbacks must be
    /// destroyed even then.
    ///
    /// # Safety
    /// `options` is NULL or points to a struct as its header describes it.
    pub unsafe fn read(options: *const rbtoken_store_options_t) -> Self {
        let mut opening = Self {
            location: None,
            settings: None,
            clock: None,
            entropy: None,
            log: None,
            error: None,
        };
        // SAFETY: as promised by the caller.
        opening.error = unsafe { opening.fill(options) }.err();
        opening
    }

    /// # Safety
    /// As [`OpenRequest::read`].
    unsafe fn fill(&mut self, options: *const rbtoken_store_options_t) -> Result<()> {
        if options.is_null() {
            return Ok(());
        }
        // SAFETY: as promised by the caller.
        let (options, known) = unsafe { read_published(options, "options") }?;
        // All are read before anything is checked, so that all are destroyed on failure.
        // SAFETY: as promised by the caller.
        let clock = unsafe { HostCallback::clock(options.clock) }.map(|clock| self.clock = clock);
        // SAFETY: as promised by the caller.
        let entropy =
            unsafe { HostCallback::entropy(options.entropy) }.map(|entropy| self.entropy = entropy);
        // SAFETY: as promised by the caller.
        let log = unsafe { HostCallback::log(options.log) }.map(|log| self.log = log);
        known.and(clock).and(entropy).and(log)?;
        // SAFETY: as promised by the caller.
        unsafe {
            self.location = opt_str_arg(options.location, options.location_len, "location")?;
            self.settings = opt_str_arg(options.settings, options.settings_len, "settings")?;
        }
        self.clock.as_ref().map_or(Ok(()), HostCallback::check)?;
        self.entropy.as_ref().map_or(Ok(()), HostCallback::check)?;
        self.log.as_ref().map_or(Ok(()), HostCallback::check)
    }

    /// Returns the error, if the options cannot be used.
    pub fn check(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// Returns the identity of the options, for comparing them with others.
    pub fn identity(&self) -> Result<OptionsIdentity> {
        Ok(OptionsIdentity {
            location: self.location.map(memory::string).transpose()?,
            settings: self.settings.map(memory::string).transpose()?,
            clock: self.clock.as_ref().map(|clock| clock.identity),
            entropy: self.entropy.as_ref().map(|entropy| entropy.identity),
            log: self.log.as_ref().map(|log| log.identity),
        })
    }

    /// Destroys the data of the callbacks, except those that the shared store uses.
    pub fn destroy_unregistered(self) {
        let registered = shared_store_identity();
        if let Some(clock) = self.clock {
            clock.destroy_unless_registered(registered.and_then(|it| it.clock));
        }
        if let Some(entropy) = self.entropy {
            entropy.destroy_unless_registered(registered.and_then(|it| it.entropy));
        }
        if let Some(log) = self.log {
            log.destroy_unless_registered(registered.and_then(|it| it.log));
        }
    }

    pub fn options(self) -> Result<StoreOptions<'a>> {
        Ok(StoreOptions {
            location: self.location,
            settings: self.settings,
            clock: self.clock.map(HostCallback::into_clock).transpose()?,
            entropy: self.entropy.map(HostCallback::into_entropy).transpose()?,
            log: self.log.map(HostCallback::into_log).transpose()?,
        })
    }
}
