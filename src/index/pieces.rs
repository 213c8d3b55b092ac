//! Pieces of memory of one size, out of huge pages.

use std::cell::UnsafeCell;
use std::ptr::NonNull;

use crate::os::pages;
use crate::sync::{Arc, SmallMutex as Mutex};

/// Bytes of a chunk: a huge page. A chunk begins at a multiple of it, so that a piece tells its
/// own.
/// Miri and the fuzzer fill many, which are small.
pub(super) const CHUNK: usize = if cfg!(any(miri, fuzzing)) { 1 << 16 } else { 1 << 21 };

/// Of pieces up to this size, which come and go often, one chunk without any is kept.
const SMALL: usize = CHUNK / 512;

/// Memory in pieces of one size, a multiple of the 64 bytes to which each is aligned.
pub(super) struct Pieces(Arc<Mutex<Chunks>>);

/// The chunks. What each chunk's [`State`] says is guarded by this, too.
struct Chunks {
    size: usize,
    /// All of them, first those that have room.
    all: Vec<NonNull<Chunk>>,
    /// How many have room.
    open: usize,
    /// How many pieces can be taken without a new chunk.
    available: usize,
    /// Nothing is taken any more.
    closed: bool,
}

// SAFETY: the chunks are reached through the lock around this alone; what is in their pieces is the
// business of who took them.
unsafe impl Send for Chunks {}

/// What stands at the beginning of a chunk; pieces fill the rest.
#[repr(C, align(64))]
struct Chunk {
    chunks: Arc<Mutex<Chunks>>,
    state: UnsafeCell<State>,
}

struct State {
    /// A piece that was given back, which names the next.
    free: Option<NonNull<Free>>,
    /// How many pieces were ever taken; those behind them are new.
    begun: usize,
    used: usize,
    /// Where it stands among the chunks.
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

    /// Takes a piece, with anything in it, and leaves at least `others` available. Returns `None`
    /// if there is no memory for a new chunk.
    pub fn take(&self, others: usize) -> Option<NonNull<u8>> {
        self.0.lock().take(&self.0, others)
    }

    /// Allocates chunks until there is room for so many pieces, so that who takes them does not
    /// wait for the system. Without memory for it they will have to.
    #[cfg(any(test, feature = "sqlite"))]
    pub fn prepare(&self, pieces: usize) {
        loop {
            let chunks = self.0.lock();
            if chunks.available >= pieces {
                return;
            }
            let count = chunks.all.len();
            drop(chunks);
            // Without the lock, so that others can take what there is.
            let Some(chunk) = Chunk::allocate(&self.0, count) else { return };
            let listed = self.0.lock().list(chunk);
            if !listed {
                // SAFETY: nothing of it is in use, and nobody knows it.
                unsafe { Chunk::free(chunk) };
                return;
            }
        }
    }

    /// Returns how many bytes of the system's memory the pieces occupy.
    pub fn bytes(&self) -> usize {
        self.0.lock().all.len() * CHUNK
    }

    /// Takes a piece back.
    ///
    /// # Safety
    /// It was taken from some [`Pieces`], and nobody uses it any more.
    pub unsafe fn give_back(piece: NonNull<u8>) {
        let start = piece.as_ptr().map_addr(|address| address & !(CHUNK - 1));
        // SAFETY: a piece lies in a chunk, behind its beginning, which is not at the address 0. The
        // chunk is there while one of its pieces is in use, as this one is until the end of the
        // lock.
        let (chunk, header) = unsafe {
            let chunk = NonNull::new_unchecked(start).cast::<Chunk>();
            (chunk, chunk.as_ref())
        };
        let mut chunks = header.chunks.lock();
        // SAFETY: the state is guarded by the lock that is held, and the piece is this call's.
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
        // SAFETY: nothing of it is in use, and nobody finds it any more.
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
        // Those without pieces in use go now; the others with the last of theirs.
        let is_unused = |chunk: &NonNull<Chunk>| {
            // SAFETY: a chunk in the list is there, and its state is guarded by the lock.
            unsafe { (*chunk.as_ref().state.get()).used == 0 }
        };
        for place in (0..chunks.open).rev() {
            let chunk = chunks.all[place];
            if is_unused(&chunk) {
                // What comes to its place in the list was looked at before.
                chunks.forget(chunk);
                // SAFETY: nothing of it is in use, and nobody finds it any more. The lock stays,
                // since this has a reference of its own.
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
        // SAFETY: a chunk in the list is there; its state is guarded by the lock that is held, and
        // no other reference to it exists. It has room: so there is a free piece, or one that is
        // new, and the free ones name each other.
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
            // SAFETY: nothing of it is in use, and nobody knows it.
            unsafe { Chunk::free(chunk) };
            return None;
        }
        Some(())
    }

    /// Puts a new chunk on the list. Returns false if there is no memory for a longer list.
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

    /// Lets two chunks of the list change places.
    fn swap(&mut self, a: usize, b: usize) {
        self.all.swap(a, b);
        for place in [a, b] {
            // SAFETY: the chunks of the list are there, and their states are guarded by the lock
            // that is held; no reference to one is kept.
            unsafe { (*self.all[place].as_ref().state.get()).place = place };
        }
    }

    fn pieces_of_a_chunk(&self) -> usize {
        (CHUNK - size_of::<Chunk>()) / self.size
    }

    /// Takes a chunk without pieces in use off the list.
    fn forget(&mut self, chunk: NonNull<Chunk>) {
        self.available -= self.pieces_of_a_chunk();
        self.open -= 1;
        // SAFETY: the chunk is there, and its state is guarded by the lock that is held.
        let place = unsafe { (*chunk.as_ref().state.get()).place };
        self.swap(place, self.open);
        self.swap(self.open, self.all.len() - 1);
        self.all.pop();
    }
}

impl Chunk {
    /// Allocates a chunk, which is in no list yet, beside `others` of its kind. Returns `None` if
    /// there is no memory.
    fn allocate(chunks: &Arc<Mutex<Chunks>>, others: usize) -> Option<NonNull<Self>> {
        const { assert!(size_of::<Chunk>() == 64) };
        let memory = pages::allocate(CHUNK)?;
        // A small store does not take a huge page.
        pages::prefer_huge(memory, CHUNK, others > 0);
        let chunk = memory.cast::<Self>();
        let state = State { free: None, begun: 0, used: 0, place: 0 };
        // SAFETY: the memory is new, large enough, and aligned to its length.
        unsafe {
            chunk.write(Self { chunks: Arc::clone(chunks), state: UnsafeCell::new(state) });
        }
        Some(chunk)
    }

    /// # Safety
    /// No piece of the chunk is in use, and it is in no list.
    unsafe fn free(chunk: NonNull<Self>) {
        // SAFETY: as promised by the caller; the reference is taken out, and goes last.
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

    /// Takes pieces and writes to each, or gives some back.
    fn fill(pieces: &Pieces, count: usize, size: usize, taken: &mut Vec<NonNull<u8>>) {
        for _ in 0..count {
            let piece = pieces.take(0).unwrap();
            assert_eq!(piece.addr().get() % 64, 0);
            // SAFETY: the piece is this test's own, and has so many bytes.
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
        // In an order that empties chunks in the middle of the list.
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
