//! Large blocks of memory, aligned to their length.

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::NonNull;

/// Allocates a block of `len` bytes, a power of two, whose address is a multiple of `len`. The
/// block is uninitialized. Returns `None` if there is no memory.
pub(crate) fn allocate(len: usize) -> Option<NonNull<u8>> {
    debug_assert!(len.is_power_of_two(), "a length is an alignment, too");
    let layout = Layout::from_size_align(len, len).ok()?;
    // SAFETY: a power of two is not 0.
    NonNull::new(unsafe { alloc(layout) })
}

/// Asks the system to map a block with huge pages, each of which it takes from the machine as a
/// whole, or not to. Nothing is lost where the system does not.
pub(crate) fn prefer_huge(block: NonNull<u8>, len: usize, huge: bool) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: the block is the caller's; this changes nothing that a program can read.
    unsafe {
        let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        libc::madvise(block.as_ptr().cast(), len, advice);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (block, len, huge);
}

/// Frees a block. Its memory goes back to the system now: an allocator may keep the addresses, as
/// glibc's does once a block of this length was freed.
///
/// # Safety
/// The block came from [`allocate`] with this length, and nobody uses it any more.
pub(crate) unsafe fn free(block: NonNull<u8>, len: usize) {
    let Ok(layout) = Layout::from_size_align(len, len) else { return };
    // SAFETY: as promised by the caller; the block is whole pages, whose content nobody needs.
    unsafe {
        #[cfg(all(target_os = "linux", not(miri)))]
        libc::madvise(block.as_ptr().cast(), len, libc::MADV_DONTNEED);
        dealloc(block.as_ptr(), layout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 1 << 21;

    #[test]
    fn block_is_aligned_to_its_length() {
        for _ in 0..8 {
            let block = allocate(LEN).unwrap();
            assert_eq!(block.addr().get() % LEN, 0);
            prefer_huge(block, LEN, true);
            for offset in [0, LEN / 2, LEN - 1] {
                // SAFETY: within the block, which is this test's own.
                unsafe { block.add(offset).write(1) };
            }
            // SAFETY: nobody uses it any more.
            unsafe { free(block, LEN) };
        }
    }

    #[test]
    fn block_of_impossible_length_is_refused() {
        assert_eq!(allocate(1 << (usize::BITS - 2)), None);
        assert_eq!(allocate(1 << (usize::BITS - 1)), None);
    }

    /// Bytes of this process that are in memory.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn freed_block_goes_back_to_the_system() {
        // More than other tests take meanwhile.
        const COUNT: usize = 64;
        for _ in 0..3 {
            let blocks = [(); COUNT].map(|()| allocate(LEN).unwrap());
            // SAFETY: each block is this test's own.
            blocks.iter().for_each(|block| unsafe { block.write_bytes(1, LEN) });
            let used = resident();
            // In an order that leaves the last one, as behind it an allocator gives nothing back.
            // SAFETY: nobody uses them any more.
            blocks[..COUNT - 1].iter().for_each(|block| unsafe { free(*block, LEN) });
            assert!(resident() < used - COUNT / 2 * LEN);
            // SAFETY: as above.
            unsafe { free(blocks[COUNT - 1], LEN) };
        }
    }
}
