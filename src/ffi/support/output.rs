//! Outputs: cleared before anything is checked, set only on success.

use std::ffi::c_char;

use crate::error::{Error, ErrorKind, Result};

/// Output parameter.
pub(crate) struct Out<T> {
    place: *mut T,
}

impl<T> Out<*mut T> {
    /// Clears an output for a handle to NULL.
    ///
    /// # Safety
    /// `place` is NULL, or can be written until the call returns.
    pub unsafe fn clear(place: *mut *mut T) -> Self {
        // SAFETY: as promised by the caller.
        unsafe { Self::clear_to(place, std::ptr::null_mut()) }
    }
}

impl<T> Out<T> {
    /// Clears an output to its value for a failed call.
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

    /// Returns an output that ignores values.
    pub fn none() -> Self {
        Self { place: std::ptr::null_mut() }
    }

    /// Returns an error if the output is NULL.
    pub fn required(self, argument: &'static str) -> Result<Self> {
        if self.place.is_null() {
            return Err(
                Error::new(ErrorKind::NullArgument, "must not be NULL").at_argument(argument)
            );
        }
        Ok(self)
    }

    /// Sets the value, unless the output is NULL.
    pub fn set(&self, value: T) {
        self.set_if_wanted(|| value);
    }

    /// Computes and sets the value, unless the output is NULL.
    pub fn set_if_wanted(&self, value: impl FnOnce() -> T) {
        if !self.place.is_null() {
            let value = value();
            // SAFETY: `clear` was promised that the place can be written until the call returns.
            unsafe { self.place.write(value) };
        }
    }
}

/// Returns a NUL-terminated text to the host; `None` becomes NULL with the length 0. The host can
/// use it while its owner exists.
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
