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
const SMALL: usize = CHUNK / 512;

/// Allocates blocks of one size, a multiple of 64 bytes, each aligned to 64 bytes.
pub(super) struct Pieces(Arc<Mutex<Chunks>>);

/// The chunk list. Its lock also guards the [`ChunkState`] of each chunk.
struct Chunks {
    size: usize,
    /// All chunks; those with a free block come first.
    all: Vec<NonNull<Chunk>>,
    /// Number of chunks with a free block.
    open: usize,
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
    state: UnsafeCell<State>,
}

struct State {
    /// Head of the list of freed blocks.
    free: Option<NonNull<Free>>,
    /// Number of blocks ever allocated. Those after them have never been used.
    begun: usize,
    /// Number of blocks in use.
    used: usize,
    /// Index in [`Chunks::all`].
    place: usize,
}

struct Free {
    next: Option<NonNull<Free>>,
}

impl Pieces {
    pub fn new(size: usize) -> Self {
        debug_assert!(size.is_multiple_of(64) && size <= CHUNK / 2, "a chunk has some of them");
        Self(Arc::new(Mutex::new(Chunks {
            size,
            all: Vec::new(),
            open: 0,
            available: 0,
            closed: false,
        })))
    }

    /// Allocates an uninitialized block and leaves at least `others` blocks available. Returns
    /// `None` if there is no memory for a new chunk.
    pub fn take(&self, others: usize) -> Option<NonNull<u8>> {
        self.0.lock().take(&self.0, others)
    }

    /// Allocates chunks until `pieces` blocks are available, so that later allocations need no
    /// system call. Stops early if there is no memory: later allocations then try again.
    #[cfg(any(test, feature = "sqlite"))]
    pub fn prepare(&self, pieces: usize) {
        loop {
            let chunks = self.0.lock();
            if chunks.available >= pieces {
                return;
            }
            let count = chunks.all.len();
            drop(chunks);
            // Allocated without the lock, so that other threads can use the available blocks
            // meanwhile.
            let Some(chunk) = Chunk::allocate(&self.0, count) else { return };
            let listed = self.0.lock().list(chunk);
            if !listed {
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
    /// The block came from [`Pieces::take`], and nobody uses it any more.
    pub unsafe fn give_back(piece: NonNull<u8>) {
        let start = piece.as_ptr().map_addr(|address| address & !(CHUNK - 1));
        // SAFETY: a block lies in a chunk, after its header, and no chunk is at address 0. The
        // chunk stays mapped while one of its blocks is in use. This block counts as in use until
        // the lock below is taken and its state is changed.
        let (chunk, header) = unsafe {
            let chunk = NonNull::new_unchecked(start).cast::<Chunk>();
            (chunk, chunk.as_ref())
        };
        let mut chunks = header.chunks.lock();
        // SAFETY: the lock is held, which guards the state. The block belongs to this call.
        let (used, place) = unsafe {
            let (state, free) = (&mut *header.state.get(), piece.cast::<Free>());
            free.write(Free { next: state.free.replace(free) });
            state.used -= 1;
            (state.used, state.place)
        };
        chunks.available += 1;
        if place >= chunks.open {
            let end = chunks.open;
            chunks.swap(place, end);
            chunks.open += 1;
        }
        let keep = chunks.open == 1 && !chunks.closed && chunks.size <= SMALL;
        if used > 0 || keep {
            return;
        }
        chunks.forget(chunk);
        drop(chunks);
        // SAFETY: no block of the chunk is in use, and it was removed from the list.
        unsafe { Chunk::free(chunk) };
    }

    #[cfg(test)]
    #[cfg(not(loom))]
    pub fn counter(&self) -> impl Fn() -> Option<usize> + use<> {
        let chunks = Arc::downgrade(&self.0);
        move || chunks.upgrade().map(|chunks| chunks.lock().all.len())
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let mut chunks = self.0.lock();
        chunks.closed = true;
        // Unmaps empty chunks now. Each of the others is unmapped with its last block.
        let is_unused = |chunk: &NonNull<Chunk>| {
            // SAFETY: chunks in the list are mapped, and the lock that guards their state is held.
            unsafe { (*chunk.as_ref().state.get()).used == 0 }
        };
        for place in (0..chunks.open).rev() {
            let chunk = chunks.all[place];
            if is_unused(&chunk) {
                // The chunk that moves to this index was checked before.
                chunks.forget(chunk);
                // SAFETY: no block of the chunk is in use, and it was removed from the list. The
                // mutex outlives this call, since `self` holds a reference to it.
                unsafe { Chunk::free(chunk) };
            }
        }
    }
}

impl Chunks {
    fn take(&mut self, shared: &Arc<Mutex<Self>>, others: usize) -> Option<NonNull<u8>> {
        if self.available <= others {
            self.add(shared)?;
        }
        let chunk = *self.all.get(self.open.checked_sub(1)?)?;
        // SAFETY: chunks in the list are mapped. The lock that guards their state is held, and no
        // other reference to the state exists. The chunk is open, so it has a freed block or an
        // unused one, and freed blocks form a valid list.
        unsafe {
            let state = &mut *chunk.as_ref().state.get();
            let piece = match state.free {
                Some(piece) => {
                    state.free = piece.read().next;
                    piece.cast()
                }
                None => {
                    state.begun += 1;
                    chunk.add(1).cast::<u8>().add((state.begun - 1) * self.size)
                }
            };
            state.used += 1;
            self.available -= 1;
            if state.used == self.pieces_of_a_chunk() {
                self.open -= 1;
            }
            Some(piece)
        }
    }

    #[cold]
    fn add(&mut self, shared: &Arc<Mutex<Self>>) -> Option<()> {
        let chunk = Chunk::allocate(shared, self.all.len())?;
        if !self.list(chunk) {
            // SAFETY: the chunk is new: no block of it is in use, and it is in no list.
            unsafe { Chunk::free(chunk) };
            return None;
        }
        Some(())
    }

    /// Adds a chunk to the list. Returns false if there is no memory for a longer list.
    fn list(&mut self, chunk: NonNull<Chunk>) -> bool {
        if self.all.try_reserve(1).is_err() {
            return false;
        }
        self.all.push(chunk);
        self.swap(self.open, self.all.len() - 1);
        self.open += 1;
        self.available += self.pieces_of_a_chunk();
        true
    }

    /// Swaps two chunks in the list.
    fn swap(&mut self, a: usize, b: usize) {
        self.all.swap(a, b);
        for place in [a, b] {
            // SAFETY: chunks in the list are mapped. The lock that guards their state is held, and
            // no reference to the state is kept.
            unsafe { (*self.all[place].as_ref().state.get()).place = place };
        }
    }

    fn pieces_of_a_chunk(&self) -> usize {
        (CHUNK - size_of::<Chunk>()) / self.size
    }

    /// Removes an empty chunk from the list.
    fn forget(&mut self, chunk: NonNull<Chunk>) {
        self.available -= self.pieces_of_a_chunk();
        self.open -= 1;
        // SAFETY: the chunk is mapped, and the lock that guards its state is held.
        let place = unsafe { (*chunk.as_ref().state.get()).place };
        self.swap(place, self.open);
        self.swap(self.open, self.all.len() - 1);
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
        let state = State { free: None, begun: 0, used: 0, place: 0 };
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
    fn fill(pieces: &Pieces, count: usize, size: usize, taken: &mut Vec<NonNull<u8>>) {
        for _ in 0..count {
            let piece = pieces.take(0).unwrap();
            assert_eq!(piece.addr().get() % 64, 0);
            // SAFETY: the block belongs to this test and has `size` bytes.
            unsafe { piece.write_bytes(0xa5, size) };
            taken.push(piece);
        }
    }

    #[test]
    fn chunks_go_when_nothing_of_them_is_in_use() {
        const SIZE: usize = CHUNK / 16;
        let pieces = Pieces::new(SIZE);
        let count = pieces.counter();
        let mut taken = Vec::new();
        fill(&pieces, 100, SIZE, &mut taken);
        assert_eq!(count(), Some(7), "15 in each");
        // The order empties chunks in the middle of the list.
        for step in [3, 2, 1] {
            let mut number = 0;
            taken.retain(|piece| {
                number += 1;
                let stays = number % 4 == step;
                if !stays {
                    // SAFETY: nobody uses it any more.
                    unsafe { Pieces::give_back(*piece) };
                }
                stays
            });
            fill(&pieces, 7, SIZE, &mut taken);
        }
        // SAFETY: as above.
        taken.drain(..).for_each(|piece| unsafe { Pieces::give_back(piece) });
        assert_eq!(count(), Some(0));
        drop(pieces);
        assert_eq!(count(), None);
    }

    #[test]
    fn what_was_prepared_is_taken_without_a_new_chunk() {
        const SIZE: usize = CHUNK / 16;
        let pieces = Pieces::new(SIZE);
        let count = pieces.counter();
        let mut taken = Vec::new();
        pieces.prepare(0);
        assert_eq!(count(), Some(0));
        for (wanted, chunks) in [(1, 1), (31, 3), (45, 3), (46, 4)] {
            pieces.prepare(wanted);
            assert_eq!(count(), Some(chunks));
        }
        fill(&pieces, 60, SIZE, &mut taken);
        pieces.prepare(16);
        assert_eq!(count(), Some(6));
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|piece| unsafe { Pieces::give_back(piece) });
        drop(pieces);
        assert_eq!(count(), None);
    }

    #[test]
    fn pieces_that_others_need_are_left_to_them() {
        const SIZE: usize = CHUNK / 16;
        let pieces = Pieces::new(SIZE);
        let count = pieces.counter();
        let mut taken: Vec<_> = (0..10).map(|_| pieces.take(5).unwrap()).collect();
        assert_eq!(count(), Some(1), "15 in a chunk");
        taken.push(pieces.take(5).unwrap());
        assert_eq!(count(), Some(2));
        taken.extend((0..19).map(|_| pieces.take(0).unwrap()));
        assert_eq!(count(), Some(2));
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|piece| unsafe { Pieces::give_back(piece) });
    }

    #[test]
    fn of_small_pieces_one_chunk_is_kept_until_none_are_wanted() {
        let pieces = Pieces::new(SMALL);
        let count = pieces.counter();
        let mut taken = Vec::new();
        fill(&pieces, 600, SMALL, &mut taken);
        assert_eq!(count(), Some(2));
        let last = taken.pop();
        // SAFETY: nobody uses them any more.
        taken.drain(..).for_each(|piece| unsafe { Pieces::give_back(piece) });
        drop(pieces);
        assert_eq!(count(), Some(1));
        // SAFETY: as above.
        last.into_iter().for_each(|piece| unsafe { Pieces::give_back(piece) });
        assert_eq!(count(), None);

        let pieces = Pieces::new(SMALL);
        let count = pieces.counter();
        // SAFETY: as above.
        unsafe { Pieces::give_back(pieces.take(0).unwrap()) };
        assert_eq!(count(), Some(1));
        drop(pieces);
        assert_eq!(count(), None);
    }
}
