//! Large pieces of memory.

use std::ffi::CStr;
use std::ptr::{NonNull, null_mut};

/// Memory of so many bytes, a power of two, whose address is a multiple of its length. It is zero,
/// and takes nothing of the machine until it is written. None: there is none.
pub(crate) fn map(len: usize) -> Option<NonNull<u8>> {
    debug_assert!(len.is_power_of_two(), "a multiple of it is asked for");
    // SAFETY: a new private mapping, which nobody else knows; of it, what lies before and behind
    // the aligned part is given back.
    unsafe {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let start = libc::mmap(null_mut(), 2 * len, access, kind, -1, 0);
        if start == libc::MAP_FAILED {
            return None;
        }
        let start = start.cast::<u8>();
        let before = start.align_offset(len);
        if before > 0 {
            libc::munmap(start.cast(), before);
        }
        let aligned = start.add(before);
        if before < len {
            libc::munmap(aligned.add(len).cast(), len - before);
        }
        let piece = NonNull::new(aligned)?;
        tell_leak_checker(c"__lsan_register_root_region", piece, len);
        Some(piece)
    }
}

/// Asks the system to map a piece with large pages, which it then takes from the machine as a
/// whole, or not to.
pub(crate) fn prefer_large(piece: NonNull<u8>, len: usize, large: bool) {
    #[cfg(target_os = "linux")]
    // SAFETY: the piece is the caller's; this changes nothing that a program can read. A kernel
    // that has no large pages refuses, and nothing is lost.
    unsafe {
        let advice = if large { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        libc::madvise(piece.as_ptr().cast(), len, advice);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (piece, len, large);
}

/// Tells a leak checker in the process, if there is one, that a piece has pointers, or has no more:
/// it looks for them in the heap alone.
fn tell_leak_checker(name: &CStr, piece: NonNull<u8>, len: usize) {
    // SAFETY: the name ends with a NUL; what it finds is a function of LeakSanitizer's, of this
    // type, which only notes the piece.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if let Some(function) = NonNull::new(found) {
            type Note = unsafe extern "C" fn(*const u8, usize);
            let note = std::mem::transmute::<*mut libc::c_void, Note>(function.as_ptr());
            note(piece.as_ptr(), len);
        }
    }
}

/// Gives a piece back.
///
/// # Safety
/// It came from [`map`] with this length, and nobody uses it any more.
pub(crate) unsafe fn unmap(piece: NonNull<u8>, len: usize) {
    tell_leak_checker(c"__lsan_unregister_root_region", piece, len);
    // SAFETY: as promised by the caller.
    unsafe { libc::munmap(piece.as_ptr().cast(), len) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_aligned_to_its_length_and_zero() {
        const LEN: usize = 1 << 21;
        for _ in 0..8 {
            let piece = map(LEN).unwrap();
            assert_eq!(piece.addr().get() % LEN, 0);
            prefer_large(piece, LEN, true);
            for offset in [0, LEN / 2, LEN - 1] {
                // SAFETY: within the piece, which is this test's own.
                unsafe {
                    let place = piece.add(offset);
                    assert_eq!(place.read(), 0);
                    place.write(1);
                }
            }
            // SAFETY: nobody uses it any more.
            unsafe { unmap(piece, LEN) };
        }
    }
}
