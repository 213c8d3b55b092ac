//! Outputs: cleared before anything is checked, set only on success.

use std::ffi::c_char;

use crate::error::{Error, ErrorKind, Result};

/// A place of the host where a result goes.
pub(crate) struct Out<T> {
    place: *mut T,
}

impl<T> Out<*mut T> {
    /// Sets a handle to NULL.
    ///
    /// # Safety
    /// `place` is NULL, or can be written until the call returns.
    pub unsafe fn clear(place: *mut *mut T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::clear_to(place, std::ptr::null_mut()) }
    }
}

impl<T> Out<T> {
    /// Sets a value to what it is unless the call succeeds.
    ///
    /// # Safety
    /// `place` is NULL, or can be written until the call returns.
    pub unsafe fn clear_to(place: *mut T, value: T) -> Self {
        if !place.is_null() {
            // SAFETY: as promised by the caller.
            unsafe { place.write(value) };
        }
        Self { place }
    }

    /// An output that nobody takes.
    pub fn none() -> Self {
        Self { place: std::ptr::null_mut() }
    }

    /// Refuses a main output that the host does not take.
    pub fn required(self, argument: &'static str) -> Result<Self> {
        if self.place.is_null() {
            return Err(
                Error::new(ErrorKind::NullArgument, "must not be NULL").at_argument(argument)
            );
        }
        Ok(self)
    }

    /// Sets the value, if the host takes it.
    pub fn set(&self, value: T) {
        self.set_if_wanted(|| value);
    }

    /// As `set`, but what the host does not take is not made.
    pub fn set_if_wanted(&self, value: impl FnOnce() -> T) {
        if !self.place.is_null() {
            let value = value();
            // SAFETY: `clear` was promised that the place can be written until the call returns.
            unsafe { self.place.write(value) };
        }
    }
}

/// Lends a text that has a NUL behind it; none is NULL with the length 0. The host uses it only
/// while its owner lives.
pub(crate) fn lend<T: AsRef<[u8]> + ?Sized>(
    terminated: Option<&T>,
    len: &Out<usize>,
) -> *const c_char {
    let Some(text) = terminated.map(T::as_ref) else {
        return std::ptr::null();
    };
    len.set(text.len() - 1);
    text.as_ptr().cast()
}
