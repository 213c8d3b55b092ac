//! A pool of equally sized memory blocks, cut from chunks of one huge page each.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use crate::os::pages;
use crate::sync::{Arc, SmallMutex as Mutex};

/// Bytes per chunk: one huge page. A chunk is aligned to its size, so that clearing the low bits of
/// a block's address gives the chunk. Small under Miri and the fuzzer, so that they fill many
/// chunks.
pub(super) const CHUNK: usize = if cfg!(any(miri, fuzzing)) { 1 << 16 } else { 1 << 21 };

/// Maximum size of a small block. Small blocks are allocated and freed often, so one empty chunk of
/// them is kept.
const SMALL_BLOCK: usize = CHUNK / 512;

/// Allocates blocks of one size, a multiple of 64 bytes, each aligned to 64 bytes.
pub(super) struct BlockPool(Arc<Mutex<Chunks>>);

/// The chunk list. Its lock also guards the [`ChunkState`] of each chunk.
struct Chunks {
    block_size: usize,
    /// All chunks; those with a free block come first.
    all: Vec<NonNull<Chunk>>,
    /// Number of chunks with a free block.
    nonfull: usize,
    /// Number of blocks that can be allocated without a new chunk.
    available: usize,
    /// Set when the pool is dropped: nothing is allocated any more.
    closed: bool,
}

// SAFETY: chunks are reached only through the lock around this list. The contents of a block belong
// to whoever allocated it.
unsafe impl Send for Chunks {}

/// Header of a chunk. Blocks fill the rest.
#[repr(C, align(64))]
struct Chunk {
    chunks: Arc<Mutex<Chunks>>,
    state: UnsafeCell<ChunkState>,
}

struct ChunkState {
    /// Head of the list of freed blocks.
    free: Option<NonNull<FreeBlock>>,
    /// Number of blocks, from the first one on, that have ever been allocated.
    ever_used: usize,
    /// Number of blocks in use.
    used: usize,
    /// Index in [`Chunks::all`].
    index: usize,
}

struct FreeBlock {
    next: Option<NonNull<FreeBlock>>,
}

impl BlockPool {
    pub fn new(block_size: usize) -> Self {
        debug_assert!(
            block_size.is_multiple_of(64) && block_size <= CHUNK / 2,
            "a chunk must hold several blocks"
        );
        Self(Arc::new(Mutex::new(Chunks {
            block_size,
            all: Vec::new(),
            nonfull: 0,
            available: 0,
            closed: false,
        })))
    }

    /// Allocates an uninitialized block and leaves at least `spare` blocks available. Returns
    /// `None` if there is no memory for a new chunk.
    pub fn allocate(&self, spare: usize) -> Option<NonNull<u8>> {
        self.0.lock().allocate(&self.0, spare)
    }

    /// Allocates chunks until `blocks` blocks are available, so that later allocations need no
    /// system call. Stops early if there is no memory: later allocations then try again.
    #[cfg(any(test, feature = "sqlite"))]
    pub fn reserve(&self, blocks: usize) {
        loop {
            let chunks = self.0.lock();
            if chunks.available >= blocks {
                return;
            }
            let count = chunks.all.len();
            drop(chunks);
            // Allocated without the lock, so that other threads can use the available blocks
            // meanwhile.
            let Some(chunk) = Chunk::allocate(&self.0, count) else { return };
            let pushed = self.0.lock().push(chunk);
            if !pushed {
                // SAFETY: the chunk is new: no block of it is in use, and it is in no list.
                unsafe { Chunk::free(chunk) };
                return;
            }
        }
    }

    /// Returns the bytes mapped from the system.
    pub fn bytes(&self) -> usize {
        self.0.lock().all.len() * CHUNK
    }

    /// Frees a block.
    ///
    /// # Safety
    /// The block came from [`BlockPool::allocate`], and nobody uses it any more.
    pub unsafe fn free(block: NonNull<u8>) {
        let start = block.as_ptr().map_addr(|address| address & !(CHUNK - 1));
        // SAFETY: a block lies in a chunk, after its header, and no chunk is at address 0. The
        // chunk stays mapped while one of its blocks is in use. This block counts as in use until
        // the lock below is taken and its state is changed.
        let (chunk, header) = unsafe {
            let chunk = NonNull::new_unchecked(start).cast::<Chunk>();
            (chunk, chunk.as_ref())
        };
        let mut chunks = header.chunks.lock();
        // SAFETY: the lock is held, which guards the state. The block belongs to this call.
        let (used, index) = unsafe {
            let (state, free) = (&mut *header.state.get(), block.cast::<FreeBlock>());
            free.write(FreeBlock { next: state.free.replace(free) });
            state.used -= 1;
            (state.used, state.index)
        };
        chunks.available += 1;
        if index >= chunks.nonfull {
            let end = chunks.nonfull;
            chunks.swap(index, end);
            chunks.nonfull += 1;
        }
        let keep = chunks.nonfull == 1 && !chunks.closed && chunks.block_size <= SMALL_BLOCK;
        if used > 0 || keep {
            return;
        }
        chunks.remove(chunk);
        drop(chunks);
        // SAFETY: no block of the chunk is in use, and it was removed from the list.
        unsafe { Chunk::free(chunk) };
    }

    #[cfg(test)]
    #[cfg(not(loom))]
    pub fn chunk_counter(&self) -> impl Fn() -> Option<usize> + use<> {
        let chunks = Arc::downgrade(&self.0);
        move || chunks.upgrade().map(|chunks| chunks.lock().all.len())
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        let mut chunks = self.0.lock();
        chunks.closed = true;
        // Unmaps empty chunks now. Each of the others is unmapped with its last block.
        let is_unused = |chunk: &NonNull<Chunk>| {
            // SAFETY: chunks in the list are mapped, and the lock that guards their state is held.
            unsafe { (*chunk.as_ref().state.get()).used == 0 }
        };
        for index in (0..chunks.nonfull).rev() {
            let chunk = chunks.all[index];
            if is_unused(&chunk) {
                // The chunk that moves to this index was checked before.
                chunks.remove(chunk);
                // SAFETY: no block of the chunk is in use, and it was removed from the list. The
                // mutex outlives this call, since `self` holds a reference to it.
                unsafe { Chunk::free(chunk) };
            }
        }
    }
}

impl Chunks {
    fn allocate(&mut self, shared: &Arc<Mutex<Self>>, spare: usize) -> Option<NonNull<u8>> {
        if self.available <= spare {
            self.grow(shared)?;
        }
        let chunk = *self.all.get(self.nonfull.checked_sub(1)?)?;
        // SAFETY: chunks in the list are mapped. The lock that guards their state is held, and no
        // other reference to the state exists. The chunk is not full, so it has a freed block or an
        // unused one, and freed blocks form a valid list.
        unsafe {
            let state = &mut *chunk.as_ref().state.get();
            let block = match state.free {
                Some(block) => {
                    state.free = block.read().next;
                    block.cast()
                }
                None => {
                    state.ever_used += 1;
                    chunk.add(1).cast::<u8>().add((state.ever_used - 1) * self.block_size)
                }
            };
            state.used += 1;
            self.available -= 1;
            if state.used == self.blocks_per_chunk() {
                self.nonfull -= 1;
            }
            Some(block)
        }
    }

    #[cold]
    fn grow(&mut self, shared: &Arc<Mutex<Self>>) -> Option<()> {
        let chunk = Chunk::allocate(shared, self.all.len())?;
        if !self.push(chunk) {
            // SAFETY: the chunk is new: no block of it is in use, and it is in no list.
            unsafe { Chunk::free(chunk) };
            return None;
        }
        Some(())
    }

    /// Adds a chunk to the list. Returns false if there is no memory for a longer list.
    fn push(&mut self, chunk: NonNull<Chunk>) -> bool {
        if self.all.try_reserve(1).is_err() {
            return false;
        }
        self.all.push(chunk);
        self.swap(self.nonfull, self.all.len() - 1);
        self.nonfull += 1;
        self.available += self.blocks_per_chunk();
        true
    }

    /// Swaps two chunks in the list.
    fn swap(&mut self, a: usize, b: usize) {
        self.all.swap(a, b);
        for index in [a, b] {
            // SAFETY: chunks in the list are mapped. The lock that guards their state is held, and
            // no reference to the state is kept.
            unsafe { (*self.all[index].as_ref().state.get()).index = index };
        }
    }

    fn blocks_per_chunk(&self) -> usize {
        (CHUNK - size_of::<Chunk>()) / self.block_size
    }

    /// Removes an empty chunk from the list.
    fn remove(&mut self, chunk: NonNull<Chunk>) {
        self.available -= self.blocks_per_chunk();
        self.nonfull -= 1;
        // SAFETY: the chunk is mapped, and the lock that guards its state is held.
        let index = unsafe { (*chunk.as_ref().state.get()).index };
        self.swap(index, self.nonfull);
        self.swap(self.nonfull, self.all.len() - 1);
        self.all.pop();
    }
}

impl Chunk {
    /// Maps a chunk, which is in no list yet; `others` is the number of existing chunks. Returns
    /// `None` if there is no memory.
    fn allocate(chunks: &Arc<Mutex<Chunks>>, others: usize) -> Option<NonNull<Self>> {
        const { assert!(size_of::<Chunk>() == 64) };
        let memory = pages::allocate(CHUNK)?;
        // The first chunk uses small pages, so that a small store does not occupy a huge page.
        pages::prefer_huge(memory, CHUNK, others > 0);
        let chunk = memory.cast::<Self>();
        let state = ChunkState { free: None, ever_used: 0, used: 0, index: 0 };
        // SAFETY: the memory is new, large enough, and aligned to its size.
        unsafe {
            chunk.write(Self { chunks: Arc::clone(chunks), state: UnsafeCell::new(state) });
        }
        Some(chunk)
    }

    /// Unmaps a chunk.
    ///
    /// # Safety
    /// No block of the chunk is in use, and it is in no list.
    unsafe fn free(chunk: NonNull<Self>) {
        // SAFETY: as promised by the caller. The reference is moved out first and dropped last.
        unsafe {
            let chunks = chunk.read().chunks;
            pages::free(chunk.cast(), CHUNK);
            drop(chunks);
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    /// Allocates and fills blocks.
    fn fill(pool: &BlockPool, count: usize, block_size: usize, taken: &mut Vec<NonNull<u8>>) {
        for _ in 0..count {
            let block = pool.allocate(0).unwrap();
            assert_eq!(block.addr().get() % 64, 0);
            // SAFETY: the block belongs to this test and has `block_size` bytes.
            unsafe { block.write_bytes(0xa5, block_size) };
            taken.push(block);
        }
    }

    #[test]
    fn empty_chunks_are_unmapped() {
        const SIZE: usize = CHUNK / 16;
        let pool = BlockPool::new(SIZE);
        let count = pool.chunk_counter();
        let mut taken = Vec::new();
        fill(&pool, 100, SIZE, &mut taken);
        assert_eq!(count(), Some(7), "15 in each");
        // The order empties chunks in the middle of the list.
        for step in [3, 2, 1] {
            let mut number = 0;
            taken.retain(|block| {
                number += 1;
                let stays = number % 4 == step;
                if !stays {
                    // SAFETY: nobody uses it any more.
                    unsafe { BlockPool::free(*block) };
                }
                stays
            });
            fill(&pool, 7, SIZE, &mut taken);
        }
        // SAFETY: as above.
        taken.drain(..).for_each(|block| unsafe { BlockPool::free(block) });
        assert_eq!(count(), Some(0));
        drop(pool);
        assert_eq!(count(), None);
    }

    #[test]
    fn reserved_blocks_need_no_new_chunk() {
        const SIZE: usize = CHUNK / 16;
        let pool = BlockPool::new(SIZE);
        let count = pool.chunk_counter();
        let mut taken = Vec::new();
        pool.reserve(0);
        assert_eq!(count(), Some(0));
        for (wanted, chunks) in [(1, 1), (31, 3), (45, 3), (46, 4)] {
            pool.reserve(wanted);
            assert_eq!(count(), Some(chunks));
        }
        fill(&pool, 60, SIZE, &mut taken);
        pool.reserve(16);
        assert_eq!(count(), Some(6));
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|block| unsafe { BlockPool::free(block) });
        drop(pool);
        assert_eq!(count(), None);
    }

    #[test]
    fn allocation_leaves_the_requested_blocks() {
        const SIZE: usize = CHUNK / 16;
        let pool = BlockPool::new(SIZE);
        let count = pool.chunk_counter();
        let mut taken: Vec<_> = (0..10).map(|_| pool.allocate(5).unwrap()).collect();
        assert_eq!(count(), Some(1), "15 in a chunk");
        taken.push(pool.allocate(5).unwrap());
        assert_eq!(count(), Some(2));
        taken.extend((0..19).map(|_| pool.allocate(0).unwrap()));
        assert_eq!(count(), Some(2));
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|block| unsafe { BlockPool::free(block) });
    }

    #[test]
    fn pool_of_small_blocks_keeps_one_empty_chunk() {
        let pool = BlockPool::new(SMALL_BLOCK);
        let count = pool.chunk_counter();
        let mut taken = Vec::new();
        fill(&pool, 600, SMALL_BLOCK, &mut taken);
        assert_eq!(count(), Some(2));
        let last = taken.pop();
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|block| unsafe { BlockPool::free(block) });
        drop(pool);
        assert_eq!(count(), Some(1));
        // SAFETY: as above.
        last.into_iter().for_each(|block| unsafe { BlockPool::free(block) });
        assert_eq!(count(), None);

        let pool = BlockPool::new(SMALL_BLOCK);
        let count = pool.chunk_counter();
        // SAFETY: as above.
        unsafe { BlockPool::free(pool.allocate(0).unwrap()) };
        assert_eq!(count(), Some(1));
        drop(pool);
        assert_eq!(count(), None);
    }
}
