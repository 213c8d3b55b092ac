//! Large blocks of memory, aligned to their length.
//!
//! They are mapped: the allocator's keep twice their length in addresses, of which a process may
//! have few. With 6 MiB left (`RLIMIT_AS`), a store in a file then creates no token again after
//! others were deleted, and an invalidation can fail. Miri, which maps no part of a mapping, gets
//! the allocator's.

#[cfg(not(miri))]
use std::ffi::CStr;
use std::ptr::NonNull;

/// Maps a block of `len` bytes, a power of two, whose address is a multiple of `len`. It takes
/// nothing of the machine until it is written. Returns `None` if there is no memory.
#[cfg(not(miri))]
pub(crate) fn allocate(len: usize) -> Option<NonNull<u8>> {
    debug_assert!(len.is_power_of_two(), "a multiple of it is asked for");
    let both = len.checked_mul(2)?;
    // SAFETY: a new private mapping, which nobody else knows; of it, what lies before and behind
    // the aligned part is given back.
    unsafe {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let start = libc::mmap(std::ptr::null_mut(), both, access, kind, -1, 0);
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
        let block = NonNull::new(aligned)?;
        tell_leak_checker(c"__lsan_register_root_region", block, len);
        Some(block)
    }
}

/// Allocates a block as above, in Miri's memory.
#[cfg(miri)]
pub(crate) fn allocate(len: usize) -> Option<NonNull<u8>> {
    let layout = std::alloc::Layout::from_size_align(len, len).ok()?;
    // SAFETY: a power of two is not 0.
    NonNull::new(unsafe { std::alloc::alloc(layout) })
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

/// Tells a leak checker in the process, if there is one, that a block has pointers, or has no more:
/// it looks for them in the heap alone.
#[cfg(not(miri))]
fn tell_leak_checker(name: &CStr, block: NonNull<u8>, len: usize) {
    // SAFETY: the name ends with a NUL; what it finds is a function of LeakSanitizer's, of this
    // type, which only notes the block.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if let Some(function) = NonNull::new(found) {
            type Note = unsafe extern "C" fn(*const u8, usize);
            let note = std::mem::transmute::<*mut libc::c_void, Note>(function.as_ptr());
            note(block.as_ptr(), len);
        }
    }
}

/// Gives a block back to the system.
///
/// # Safety
/// The block came from [`allocate`] with this length, and nobody uses it any more.
#[cfg(not(miri))]
pub(crate) unsafe fn free(block: NonNull<u8>, len: usize) {
    tell_leak_checker(c"__lsan_unregister_root_region", block, len);
    // SAFETY: as promised by the caller.
    unsafe { libc::munmap(block.as_ptr().cast(), len) };
}

/// Frees a block of Miri's memory.
///
/// # Safety
/// As above.
#[cfg(miri)]
pub(crate) unsafe fn free(block: NonNull<u8>, len: usize) {
    let Ok(layout) = std::alloc::Layout::from_size_align(len, len) else { return };
    // SAFETY: as promised by the caller.
    unsafe { std::alloc::dealloc(block.as_ptr(), layout) };
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
            // All but the last one, behind which an allocator would give nothing back.
            // SAFETY: nobody uses them any more.
            blocks[..COUNT - 1].iter().for_each(|block| unsafe { free(*block, LEN) });
            assert!(resident() < used - COUNT / 2 * LEN);
            // SAFETY: as above.
            unsafe { free(blocks[COUNT - 1], LEN) };
        }
    }
}
