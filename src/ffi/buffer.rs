//! Buffers: text that the library created for the host.

use std::ffi::c_char;

use zeroize::Zeroizing;

use super::support::{Handle, HandleKind, Out, catch_panic_or, lend};
use crate::error::Result;
use crate::memory::TextBuffer;

/// Text that the library created for the host. Free it with `rbtoken_buffer_free()`, which also
/// erases it from memory, since it can contain a secret.
pub struct rbtoken_buffer_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_buffer_t {
    /// The text, terminated by a NUL.
    type Owner = Box<Zeroizing<String>>;

    const KIND: HandleKind = HandleKind::Buffer;
}

impl rbtoken_buffer_t {
    /// Returns a buffer with a copy of a text.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn of(text: &str) -> Result<*mut Self> {
        let mut terminated = TextBuffer::default();
        // Growing would leave a copy that is not erased.
        terminated.reserve(text.len() + 1);
        terminated.push_str(text);
        terminated.push('\0');
        terminated.finish().map(|text| Self::into_handle(Zeroizing::new(text)))
    }
}

/// Returns the text of a buffer: UTF-8 that ends with a NUL.
///
/// `[immutable]`
///
/// @param buffer a buffer; NULL is allowed
/// @param len receives the length in bytes, without the NUL; may be NULL
/// @return the text; valid until the buffer is freed; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_buffer_data(
    buffer: *const rbtoken_buffer_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host's output.
    let len = unsafe { Out::clear_to(len, 0) };
    catch_panic_or(std::ptr::null(), || {
        // SAFETY: the host keeps the buffer while it uses the text.
        lend(unsafe { rbtoken_buffer_t::get(buffer) }.map(|text| text.as_str()), &len)
    })
}

/// Erases and frees a buffer.
///
/// `[exclusive]`
///
/// @param buffer a buffer, which must not be used afterwards; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_buffer_free(buffer: *mut rbtoken_buffer_t) {
    // SAFETY: the host gives its buffer up.
    catch_panic_or((), || drop(unsafe { rbtoken_buffer_t::take(buffer) }));
}
