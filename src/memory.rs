//! Fallible allocation. Where a caller or the stored data decides a size, exhausted memory is an
//! error (`NoMemory`): the standard way ends the process, which is the host's.
//!
//! Small allocations of a fixed size are not made here. Work that makes many of them, such as
//! parsing a document, calls [`check_room`] first.

use std::fmt;
use std::hint::black_box;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Allocations from this size on never end the process.
pub(crate) const LARGE: usize = 4096;

/// What an allocator adds to a small allocation, at most.
pub(crate) const OVERHEAD: usize = 32;

/// Makes an error of what says that memory is exhausted. It allocates nothing itself.
#[cold]
pub(crate) fn exhausted<E>(_: E) -> Error {
    Error::new(ErrorKind::NoMemory, "memory is exhausted")
}

/// Checks that so many bytes can be allocated now, by allocating them for a moment: for work whose
/// many small allocations cannot be checked one by one. Less than [`LARGE`] is not worth the check.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn check_room(bytes: usize) -> Result<()> {
    if bytes < LARGE {
        return Ok(());
    }
    let mut probe: Vec<u8> = Vec::new();
    probe.try_reserve_exact(bytes).map_err(exhausted)?;
    // Or the compiler leaves out an allocation that nobody uses.
    black_box(probe.as_mut_ptr());
    Ok(())
}

/// Checks as [`check_room`] does that there is memory for `PIECES` allocations of so many bytes:
/// what was freed may lie scattered.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn check_pieces<const PIECES: usize>(bytes: usize) -> Result<()> {
    let mut probes = [const { Vec::<u8>::new() }; PIECES];
    for probe in &mut probes {
        probe.try_reserve_exact(bytes).map_err(exhausted)?;
        black_box(probe.as_mut_ptr());
    }
    Ok(())
}

/// Returns an empty vector with room for `capacity` items.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn vec_with_capacity<T>(capacity: usize) -> Result<Vec<T>> {
    let mut items = Vec::new();
    items.try_reserve_exact(capacity).map_err(exhausted)?;
    Ok(items)
}

/// Adds an item to a vector.
///
/// # Errors
/// `NoMemory`; the vector stays as it was.
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

/// Collects what can be made of items into a vector.
///
/// # Errors
/// The first error; `NoMemory`.
pub(crate) fn try_collect<T>(items: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut collected = Vec::new();
    for item in items {
        push(&mut collected, item?)?;
    }
    Ok(collected)
}

/// Copies a text.
///
/// # Errors
/// `NoMemory`.
pub(crate) fn string(text: &str) -> Result<String> {
    let mut copy = String::new();
    copy.try_reserve_exact(text.len()).map_err(exhausted)?;
    copy.push_str(text);
    Ok(copy)
}

/// A text that is written piece by piece. Once there is no memory for it, it takes no more, and
/// [`TextBuffer::finish`] tells. It is wiped if it is dropped unfinished.
#[derive(Default)]
pub(crate) struct TextBuffer {
    text: Zeroizing<String>,
    exhausted: bool,
}

impl TextBuffer {
    /// Makes room for `bytes` more, so that writing them leaves no copy behind.
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

    /// Notes that memory was exhausted elsewhere while this was written.
    pub fn fail(&mut self) {
        self.exhausted = true;
    }

    /// Returns the whole text.
    ///
    /// # Errors
    /// `NoMemory` if there was none for some of it.
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
    fn exhausted_text_buffer_takes_no_more() {
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
