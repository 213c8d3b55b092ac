//! Large memory blocks, aligned to their size.
//!
//! They are mapped directly. The allocator would need twice the address space for an aligned block,
//! and address space may be limited (`RLIMIT_AS`). With the allocator and 6 MiB of address space
//! left, a store in a file could not create tokens after deletions, and an invalidation could fail.
//! Miri cannot unmap part of a mapping, so under Miri the blocks come from the allocator.

#[cfg(not(miri))]
use std::ffi::CStr;
use std::ptr::NonNull;

/// Maps a block of `len` bytes, aligned to `len`, which must be a power of two. Pages take physical
/// memory only when they are written. Returns `None` if there is no memory.
#[cfg(not(miri))]
pub(crate) fn allocate(len: usize) -> Option<NonNull<u8>> {
    debug_assert!(len.is_power_of_two(), "the length must be a power of two");
    let both = len.checked_mul(2)?;
    // SAFETY: a new private mapping. Only its parts before and after the aligned block are
    // unmapped.
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
        call_leak_sanitizer(c"__lsan_register_root_region", block, len);
        Some(block)
    }
}

/// Allocates a block as above, for Miri.
#[cfg(miri)]
pub(crate) fn allocate(len: usize) -> Option<NonNull<u8>> {
    let layout = std::alloc::Layout::from_size_align(len, len).ok()?;
    // SAFETY: the size is a power of two, so it is not 0.
    NonNull::new(unsafe { std::alloc::alloc(layout) })
}

/// Advises the system whether to back a block with huge pages. A huge page takes all of its
/// physical memory at the first write. Failure is harmless.
pub(crate) fn prefer_huge(block: NonNull<u8>, len: usize, huge: bool) {
    #[cfg(all(target_os = "linux", not(miri)))]
    // SAFETY: the block belongs to the caller, and the advice does not change its contents.
    unsafe {
        let advice = if huge { libc::MADV_HUGEPAGE } else { libc::MADV_NOHUGEPAGE };
        libc::madvise(block.as_ptr().cast(), len, advice);
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (block, len, huge);
}

/// Calls LeakSanitizer, if the process contains it, to register or unregister a block as a root
/// region. LeakSanitizer would otherwise search only the heap for pointers.
#[cfg(not(miri))]
fn call_leak_sanitizer(name: &CStr, block: NonNull<u8>, len: usize) {
    // SAFETY: the name ends with a NUL. The symbol, if found, is a function of LeakSanitizer with
    // this type, which records the block.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        if let Some(function) = NonNull::new(found) {
            type Function = unsafe extern "C" fn(*const u8, usize);
            let function = std::mem::transmute::<*mut libc::c_void, Function>(function.as_ptr());
            function(block.as_ptr(), len);
        }
    }
}

/// Unmaps a block.
///
/// # Safety
/// The block came from [`allocate`] with the same length, and nobody uses it any more.
#[cfg(not(miri))]
pub(crate) unsafe fn free(block: NonNull<u8>, len: usize) {
    call_leak_sanitizer(c"__lsan_unregister_root_region", block, len);
    // SAFETY: as promised by the caller.
    unsafe { libc::munmap(block.as_ptr().cast(), len) };
}

/// Frees a block, for Miri.
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
                // SAFETY: within the block, which belongs to this test.
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

    /// Returns the resident memory of this process in bytes.
    #[cfg(all(target_os = "linux", not(miri)))]
    fn resident() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
    }

    #[test]
    #[cfg(all(target_os = "linux", not(miri)))]
    fn freed_block_is_returned_to_the_system() {
        // More memory than parallel tests allocate.
        const COUNT: usize = 64;
        for _ in 0..3 {
            let blocks = [(); COUNT].map(|()| allocate(LEN).unwrap());
            // SAFETY: each block belongs to this test.
            blocks.iter().for_each(|block| unsafe { block.write_bytes(1, LEN) });
            let used = resident();
            // The last block stays: an allocator could not return memory before it to the system.
            // SAFETY: nobody uses the others any more.
            blocks[..COUNT - 1].iter().for_each(|block| unsafe { free(*block, LEN) });
            assert!(resident() < used - COUNT / 2 * LEN);
            // SAFETY: as above.
            unsafe { free(blocks[COUNT - 1], LEN) };
        }
    }
}
