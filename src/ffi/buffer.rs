use std::ffi::c_char;

use zeroize::Zeroizing;

use super::support::{Handle, HandleKind, Out, guard_value, lend};
use crate::error::Result;
use crate::memory::TextBuffer;

/// A text that the library made for the host, which frees it with `rbtoken_buffer_free()`. It is
/// wiped from memory then, since it may hold a secret.
pub struct rbtoken_buffer_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_buffer_t {
    /// The text with a NUL behind it.
    type Owner = Box<Zeroizing<String>>;

    const KIND: HandleKind = HandleKind::Buffer;
}

impl rbtoken_buffer_t {
    /// Hands a text over.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(crate) fn of(text: &str) -> Result<*mut Self> {
        let mut terminated = TextBuffer::default();
        // Growing would leave a copy behind that nobody wipes.
        terminated.reserve(text.len() + 1);
        terminated.push_str(text);
        terminated.push('\0');
        terminated.finish().map(|text| Self::give(Zeroizing::new(text)))
    }
}

/// The text of a buffer: UTF-8 with a NUL behind it.
///
/// `[immutable]`
///
/// @param buffer a buffer; NULL is allowed
/// @param len receives the number of bytes without the NUL; may be NULL
/// @return the text; valid until the buffer is freed; NULL for NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_buffer_data(
    buffer: *const rbtoken_buffer_t,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the host's output.
    let len = unsafe { Out::clear_to(len, 0) };
    guard_value(std::ptr::null(), || {
        // SAFETY: the host keeps the buffer while it uses the text.
        lend(unsafe { rbtoken_buffer_t::get(buffer) }.map(|text| text.as_str()), &len)
    })
}

/// Wipes and frees a buffer.
///
/// `[exclusive]`
///
/// @param buffer a buffer, which is not used again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_buffer_free(buffer: *mut rbtoken_buffer_t) {
    // SAFETY: the host gives its buffer up.
    guard_value((), || drop(unsafe { rbtoken_buffer_t::take(buffer) }));
}
