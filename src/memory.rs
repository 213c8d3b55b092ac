//! Fallible allocation. Where a caller or stored data determines a size, exhausted memory is the
//! error `NoMemory`. By default, Rust would abort the host's process.
//!
//! Small allocations of a fixed size do not use this module. Work that makes many of them, such as
//! parsing a document, calls [`check_room`] first.

use std::fmt;
use std::hint::black_box;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Size from which every allocation must be fallible.
pub(crate) const LARGE: usize = 4096;

/// Maximum overhead of an allocator for a small allocation.
pub(crate) const OVERHEAD: usize = 32;

/// Converts any allocation failure to the error `NoMemory`, without allocating.
#[cold]
pub(crate) fn exhausted<E>(_: E) -> Error {
    Error::new(ErrorKind::NoMemory, "memory is exhausted")
}

/// Checks that `bytes` can be allocated, by allocating and freeing them. For work that makes many
/// small allocations, which cannot be checked one by one. Does nothing for less than [`LARGE`].
///
/// # Errors
/// `NoMemory`.
pub(crate) fn check_room(bytes: usize) -> Result<()> {
    if bytes < LARGE {
        return Ok(());
    }
    let mut probe: Vec<u8> = Vec::new();
    probe.try_reserve_exact(bytes).map_err(exhausted)?;
    // Prevents the compiler from removing the unused allocation.
    black_box(probe.as_mut_ptr());
    Ok(())
}

/// Checks that separate allocations of all `sizes` can be made at once. Unlike with
/// [`check_room`], free memory may be fragmented.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn check_blocks<const BLOCKS: usize>(sizes: &[usize; BLOCKS]) -> Result<()> {
    let mut probes = [const { Vec::<u8>::new() }; BLOCKS];
    for (probe, &bytes) in probes.iter_mut().zip(sizes) {
        probe.try_reserve_exact(bytes).map_err(exhausted)?;
        black_box(probe.as_mut_ptr());
    }
    Ok(())
}

/// Returns an empty vector with the given capacity.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn vec_with_capacity<T>(capacity: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(capacity).map_err(exhausted)?;
    Ok(items)
}

/// Appends an item to a vector.
///
/// # Errors
/// `NoMemory`; the vector is unchanged.
pub(crate) fn push<T>(items: &mut Vec<T>, item: T) -> Result<()> {
    items.try_reserve(1).map_err(exhausted)?;
    items.push(item);
    Ok(())
}

/// Collects items into a vector.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn collect<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>> {
    let items = items.into_iter();
    let mut collected = vec_with_capacity(items.size_hint().0)?;
    for item in items {
        push(&mut collected, item)?;
    }
    Ok(collected)
}

/// Collects items into a vector, up to the first error.
///
/// # Errors
/// The first error of an item; `NoMemory`.
pub(crate) fn try_collect<T>(items: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut collected = Vec::new();
    for item in items {
        push(&mut collected, item?)?;
    }
    Ok(collected)
}

/// Copies a string.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn string(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(exhausted)?;
    copy.push_str(text);
    Ok(copy)
}

/// A string builder. After an allocation fails, it ignores further writes, and
/// [`TextBuffer::finish`] returns the error. It is zeroized if it is dropped unfinished.
#[derive(Default)]
pub(crate) struct TextBuffer {
    text: Zeroizing<String>,
    exhausted: bool,
}

impl TextBuffer {
    /// Reserves `bytes`, so that writing them does not move the text and leave a copy behind.
    pub fn reserve(&mut self, bytes: usize) {
        self.exhausted |= self.text.try_reserve_exact(bytes).is_err();
    }

    pub fn push_str(&mut self, text: &str) {
        if self.text.capacity() - self.text.len() < text.len() {
            self.exhausted |= self.text.try_reserve(text.len()).is_err();
        }
        if !self.exhausted {
            self.text.push_str(text);
        }
    }

    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Records that an allocation failed elsewhere.
    pub fn fail(&mut self) {
        self.exhausted = true;
    }

    /// Returns the text.
    ///
    /// # Errors
    /// `NoMemory` if an allocation failed.
    pub fn finish(mut self) -> Result<String> {
        if self.exhausted {
            return Err(exhausted(()));
        }
        Ok(std::mem::take(&mut *self.text))
    }
}

impl fmt::Write for TextBuffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOO_MUCH: usize = isize::MAX as usize;

    fn refused<T>(result: Result<T>) -> bool {
        result.err().is_some_and(|error| error.kind() == ErrorKind::NoMemory)
    }

    #[test]
    fn oversized_allocation_is_an_error() {
        assert!(check_room(1 << 20).is_ok());
        assert!(refused(check_room(TOO_MUCH)));
        assert!(refused(vec_with_capacity::<u64>(TOO_MUCH)));
    }

    #[test]
    fn exhausted_text_buffer_returns_an_error() {
        let mut buffer = TextBuffer::default();
        buffer.push_str("né");
        buffer.push('…');
        buffer.reserve(3);
        buffer.push_str("abc");
        assert_eq!(buffer.finish().unwrap(), "né…abc");

        let mut buffer = TextBuffer::default();
        buffer.push_str("a");
        buffer.reserve(TOO_MUCH);
        buffer.push_str("b");
        assert!(refused(buffer.finish()));
    }
}
