//! Structs of the host that start with their own size.

use std::mem::MaybeUninit;

use crate::error::{Error, ErrorKind, Result};

/// Struct of the host, which can be shorter or longer than this version's.
///
/// # Safety
/// The type is `repr(C)`, starts with `struct_size: usize`, and all-zero bytes are a value of it.
pub(crate) unsafe trait SizedStruct: Copy {
    /// Sizes in all published headers, in order; the last is the current one.
    const PUBLISHED: &'static [usize];
}

/// Limit for sizes: a larger one is a mistake, not a newer header.
const MAX_SIZE: usize = 4096;

/// Reads optional options; NULL means all defaults.
///
/// # Safety
/// `options` is NULL or points to as many readable bytes as its first field says.
pub(crate) unsafe fn read_options<T: SizedStruct>(
    options: *const T,
    argument: &'static str,
) -> Result<T> {
    if options.is_null() {
        // SAFETY: all-zero bytes are a value of the type, as it promises.
        return Ok(unsafe { MaybeUninit::zeroed().assume_init() });
    }
    // SAFETY: as promised by the caller.
    unsafe { read_required(options, argument) }
}

/// Reads a required struct.
///
/// # Safety
/// As [`read_options`].
pub(crate) unsafe fn read_required<T: SizedStruct>(
    options: *const T,
    argument: &'static str,
) -> Result<T> {
    // SAFETY: as promised by the caller.
    let (options, known) = unsafe { read_published(options, argument) }?;
    known.map(|()| options)
}

/// Reads the fields of this version, and returns separately whether an unknown field is set.
/// Structs with callbacks need the fields even then, to destroy their data.
///
/// # Safety
/// As [`read_options`].
pub(crate) unsafe fn read_published<T: SizedStruct>(
    options: *const T,
    argument: &'static str,
) -> Result<(T, Result<()>)> {
    if options.is_null() {
        return Err(Error::new(ErrorKind::NullArgument, "must not be NULL").at_argument(argument));
    }
    const { assert!(T::PUBLISHED[T::PUBLISHED.len() - 1] == size_of::<T>()) };
    let bytes = options.cast::<u8>();
    // SAFETY: the first field is a `usize`; the host's pointer need not be aligned.
    let size = unsafe { bytes.cast::<usize>().read_unaligned() };
    let newest = size_of::<T>();
    if size > MAX_SIZE || (size < newest && !T::PUBLISHED.contains(&size)) {
        return Err(Error::new(
            ErrorKind::StructSize,
            "struct_size is not a size of this struct: set it with RBTOKEN_INIT()",
        )
        .at_argument(argument));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: both ranges hold `min(size, newest)` bytes and do not overlap. What was not copied
    // stays zero, so all of it is initialized, and the struct is plain C data.
    let value = unsafe {
        bytes.copy_to_nonoverlapping(value.as_mut_ptr().cast::<u8>(), size.min(newest));
        value.assume_init()
    };
    // SAFETY: the host says that it has `size` bytes.
    let tail_is_zero = (newest..size).all(|offset| unsafe { bytes.add(offset).read() } == 0);
    let known = if tail_is_zero {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::UnsupportedOption,
            "must not set a field that this version of the library does not know",
        )
        .at_argument(argument))
    };
    Ok((value, known))
}

/// Rejects a value that is set although its mode or flag does not say so.
pub(crate) fn reject_if_set(is_set: bool, argument: &'static str) -> Result<()> {
    if is_set {
        let message = "must be 0 or NULL unless its mode or flag says that it is set";
        return Err(Error::invalid(argument, message));
    }
    Ok(())
}

/// Rejects a reserved field that is not 0.
pub(crate) fn reject_reserved(reserved: u32) -> Result<()> {
    if reserved != 0 {
        return Err(Error::invalid("reserved", "must be 0"));
    }
    Ok(())
}

/// Rejects unknown flags.
pub(crate) fn reject_flags(unknown: u32) -> Result<()> {
    if unknown != 0 {
        return Err(Error::invalid("flags", format!("unknown flag {unknown:#x}")));
    }
    Ok(())
}

/// Returns the error for a mode that is not one of its enum's values.
#[cold]
pub(crate) fn unknown_mode(argument: &'static str, mode: i32) -> Error {
    Error::invalid(argument, format!("unknown mode {mode}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Struct that has grown once.
    #[repr(C)]
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Grown {
        struct_size: usize,
        first: u64,
        added: u64,
    }

    // SAFETY: plain C data that starts with its size; 0 is a value of all fields.
    unsafe impl SizedStruct for Grown {
        const PUBLISHED: &'static [usize] = &[16, size_of::<Self>()];
    }

    fn read(words: &[u64]) -> Result<Grown> {
        // SAFETY: each test gives as many bytes as the first word says.
        unsafe { read_required(words.as_ptr().cast(), "options") }
    }

    #[test]
    fn short_struct_gets_defaults_for_newer_fields() {
        assert_eq!(read(&[16, 7]).ok(), Some(Grown { struct_size: 16, first: 7, added: 0 }));
        assert_eq!(read(&[24, 7, 8]).ok(), Some(Grown { struct_size: 24, first: 7, added: 8 }));
        assert_eq!(read(&[32, 7, 8, 0]).ok(), Some(Grown { struct_size: 32, first: 7, added: 8 }));
    }

    #[test]
    fn unpublished_struct_size_and_unknown_tail_are_refused() {
        assert_eq!(read(&[20, 7, 8]).unwrap_err().kind(), ErrorKind::StructSize);
        assert_eq!(read(&[8]).unwrap_err().kind(), ErrorKind::StructSize);
        assert_eq!(read(&[32, 7, 8, 9]).unwrap_err().kind(), ErrorKind::UnsupportedOption);
    }
}
