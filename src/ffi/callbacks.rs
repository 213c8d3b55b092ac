//! Callbacks of a store: the clock and the source of random bytes.

use std::ffi::c_void;
use std::sync::Arc;

use super::error::rbtoken_status_t;
use super::support::{SizedStruct, UserData, check_status, read_published};
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::store::CallbackIdentity;
use crate::token::{Entropy, SystemEntropy};

/// Frees a callback's `user_data`. It is called exactly once, when the library no longer needs the
/// data, even if the registration fails. The only exception is `RBTOKEN_E_STRUCT_SIZE`, because the
/// fields of such a struct cannot be read. If the last release of a store calls this function, it
/// can no longer use that store: calls return `RBTOKEN_E_STATE`.
pub type rbtoken_destroy_fn = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;

/// Returns the time: sets `*now_us` to microseconds since the Unix epoch, UTC, and returns
/// `RBTOKEN_OK`. With any other status, the call that needed the time fails with that status. Must
/// not throw.
pub type rbtoken_clock_fn = Option<
    unsafe extern "C-unwind" fn(user_data: *mut c_void, now_us: *mut i64) -> rbtoken_status_t,
>;

/// Fills `len` bytes of `bytes` with random data that nobody can predict, and returns `RBTOKEN_OK`.
/// With any other status, the call that needed the data fails with that status. If the end of the
/// buffer was not written, the call fails with `RBTOKEN_E_CALLBACK`. Must not throw.
pub type rbtoken_entropy_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        bytes: *mut u8,
        len: usize,
    ) -> rbtoken_status_t,
>;

/// Clock of the host, to be used instead of the system clock. Initialize it with `RBTOKEN_INIT()`;
/// it is copied when the store is opened. The callbacks can be called by several threads at once,
/// with no lock held.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_clock_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Returns the time. Must be set.
    pub now: rbtoken_clock_fn,
    /// Frees `user_data`. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_clock_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Source of random bytes of the host, to be used instead of the library's own. Initialize it with
/// `RBTOKEN_INIT()`; it is copied when the store is opened. The callbacks can be called by several
/// threads at once, with no lock held.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_entropy_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Fills a buffer. Must be set.
    pub fill: rbtoken_entropy_fn,
    /// Frees `user_data`. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_entropy_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

pub(super) type NowFn = unsafe extern "C-unwind" fn(*mut c_void, *mut i64) -> rbtoken_status_t;
pub(super) type FillFn =
    unsafe extern "C-unwind" fn(*mut c_void, *mut u8, usize) -> rbtoken_status_t;

/// Clock of the host.
pub(crate) struct HostClock {
    now: NowFn,
    user_data: UserData,
}

impl HostClock {
    pub fn new(now: NowFn, user_data: UserData) -> Self {
        Self { now, user_data }
    }
}

impl Clock for HostClock {
    fn now(&self) -> Result<Timestamp> {
        let mut micros = i64::MIN;
        // SAFETY: the host's function, with its own data and a place that can be written.
        let status = unsafe { (self.now)(self.user_data.get(), &raw mut micros) };
        check_status(status, "clock")?;
        Timestamp::from_micros(micros).map_err(|_| {
            let message = "the host's clock returned a time outside the years 1 to 9999";
            Error::new(ErrorKind::Callback, message)
        })
    }
}

/// Entropy source of the host.
pub(crate) struct HostEntropy {
    fill: FillFn,
    user_data: UserData,
}

impl HostEntropy {
    pub fn new(fill: FillFn, user_data: UserData) -> Self {
        Self { fill, user_data }
    }
}

/// Number of bytes at the end of a buffer that must differ after the call. Unpredictable
/// bytes equal them once in 2^128 calls.
const COMPARED_BYTES: usize = 16;

impl Entropy for HostEntropy {
    /// Fills the buffer with the host's function, and rejects `RBTOKEN_OK` if bytes were not
    /// written.
    ///
    /// Some runtimes return 0, which is `RBTOKEN_OK`, if an exception prevented a callback from
    /// running. Without this check, the token would be predictable.
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        let mut compared = 0;
        loop {
            // The host may have its own source because the system has none.
            SystemEntropy.fill(buffer).unwrap_or_else(|_| buffer.fill(0xa5));
            let mut before = [0; COMPARED_BYTES];
            before.iter_mut().zip(buffer.iter().rev()).for_each(|(before, byte)| *before = *byte);
            // SAFETY: the host's function, with its own data and so many bytes that can be written.
            let status =
                unsafe { (self.fill)(self.user_data.get(), buffer.as_mut_ptr(), buffer.len()) };
            check_status(status, "entropy source")?;
            let changed =
                before.iter().zip(buffer.iter().rev()).any(|(before, byte)| before != byte);
            if changed || buffer.is_empty() {
                return Ok(());
            }
            // A small buffer can be equal by chance, so the host is called again.
            compared += buffer.len();
            if compared >= COMPARED_BYTES {
                let message =
                    "the host's entropy source returned RBTOKEN_OK without filling the buffer";
                return Err(Error::new(ErrorKind::Callback, message));
            }
        }
    }
}

/// The values of a callback struct: its function, its data, and its identity.
pub(super) struct HostCallback<T> {
    pub identity: CallbackIdentity,
    function: Result<T>,
    user_data: UserData,
}

impl<T> HostCallback<T> {
    /// Reads a struct. `fields` returns its function, the function's address, its data and
    /// `destroy`.
    ///
    /// # Safety
    /// `callback` is NULL or points to as many readable bytes as its first field says.
    pub(super) unsafe fn read<S: SizedStruct>(
        callback: *const S,
        [argument, name]: [&'static str; 2],
        fields: impl FnOnce(S) -> (Option<(T, usize)>, *mut c_void, rbtoken_destroy_fn),
    ) -> Result<Option<Self>> {
        if callback.is_null() {
            return Ok(None);
        }
        // SAFETY: as promised by the caller.
        let (callback, known) = unsafe { read_published(callback, argument) }?;
        let (function, user_data, destroy) = fields(callback);
        let (function, address) = function.unzip();
        Ok(Some(Self {
            identity: CallbackIdentity {
                function: address.unwrap_or(0),
                user_data: user_data as usize,
                destroy: destroy.map_or(0, |destroy| destroy as usize),
            },
            function: known.and_then(|()| function.ok_or_else(|| missing(argument, name))),
            user_data: UserData::new(user_data, destroy),
        }))
    }

    /// Returns the function and its data.
    pub fn into_parts(self) -> Result<(T, UserData)> {
        Ok((self.function?, self.user_data))
    }

    /// Returns an error if the struct cannot be used. Dropping it destroys its data.
    pub fn check(&self) -> Result<()> {
        self.function.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// Destroys the data, unless an equal struct, which owns it, was registered before.
    pub fn destroy_unless_registered(self, registered: Option<CallbackIdentity>) {
        if registered == Some(self.identity) {
            self.user_data.forget();
        }
    }
}

impl HostCallback<NowFn> {
    /// # Safety
    /// `clock` is NULL or points to as many readable bytes as its first field says.
    pub unsafe fn clock(clock: *const rbtoken_clock_t) -> Result<Option<Self>> {
        let fields =
            |it: rbtoken_clock_t| (it.now.map(|now| (now, now as usize)), it.user_data, it.destroy);
        // SAFETY: as promised by the caller.
        unsafe { Self::read(clock, ["clock", "now"], fields) }
    }

    pub fn into_clock(self) -> Result<Arc<dyn Clock>> {
        Ok(Arc::new(HostClock::new(self.function?, self.user_data)))
    }
}

impl HostCallback<FillFn> {
    /// # Safety
    /// `entropy` is NULL or points to as many readable bytes as its first field says.
    pub unsafe fn entropy(entropy: *const rbtoken_entropy_t) -> Result<Option<Self>> {
        let fields = |it: rbtoken_entropy_t| {
            (it.fill.map(|fill| (fill, fill as usize)), it.user_data, it.destroy)
        };
        // SAFETY: as promised by the caller.
        unsafe { Self::read(entropy, ["entropy", "fill"], fields) }
    }

    pub fn into_entropy(self) -> Result<Arc<dyn Entropy>> {
        Ok(Arc::new(HostEntropy::new(self.function?, self.user_data)))
    }
}

pub(super) fn missing(argument: &'static str, function: &'static str) -> Error {
    Error::new(ErrorKind::NullArgument, format!("the function `{function}` must not be NULL"))
        .at_argument(argument)
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;

    fn source(fill: FillFn) -> HostEntropy {
        HostEntropy::new(fill, UserData::new(null_mut(), None))
    }

    unsafe extern "C-unwind" fn fill_nothing(
        _: *mut c_void,
        _: *mut u8,
        _: usize,
    ) -> rbtoken_status_t {
        0
    }

    unsafe extern "C-unwind" fn fill_half(
        _: *mut c_void,
        bytes: *mut u8,
        len: usize,
    ) -> rbtoken_status_t {
        // SAFETY: the library gives `len` bytes that can be written.
        unsafe { bytes.write_bytes(7, len / 2) };
        0
    }

    unsafe extern "C-unwind" fn fill_sevens(
        _: *mut c_void,
        bytes: *mut u8,
        len: usize,
    ) -> rbtoken_status_t {
        // SAFETY: the library gives `len` bytes that can be written.
        unsafe { bytes.write_bytes(7, len) };
        0
    }

    #[test]
    fn entropy_that_fills_nothing_is_refused() {
        for len in [1, 2, 15, 16, 17, 256, 1000] {
            let mut buffer = vec![0; len];
            let failure = source(fill_nothing).fill(&mut buffer).err();
            assert_eq!(failure.map(|it| it.kind()), Some(ErrorKind::Callback), "{len}");
        }
        for len in [32, 256, 1000] {
            let failure = source(fill_half).fill(&mut vec![0; len]).err();
            assert_eq!(failure.map(|it| it.kind()), Some(ErrorKind::Callback), "{len}");
        }
    }

    #[test]
    fn entropy_that_repeats_the_buffer_by_chance_is_accepted() {
        assert!(source(fill_nothing).fill(&mut []).is_ok());
        // One in 256 of these buffers already contains the host's byte.
        for _ in 0..5000 {
            let mut byte = [0];
            assert!(source(fill_sevens).fill(&mut byte).is_ok());
            assert_eq!(byte, [7]);
        }
    }
}
