//! A slab allocator, and reference-counted pointers to the values in it.

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, offset_of};
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use super::block_pool::BlockPool;
use crate::error::Result;
use crate::memory;
use crate::sync::AtomicUsize;

/// Free slots that inserts leave for replacements, which must succeed when memory is
/// exhausted.
const SPARE: usize = 64;

/// Flag in the reference count of a value that has its own heap allocation.
const BOXED: usize = 1 << (usize::BITS - 1);

/// A reference-counted pointer to a value in a [`Slab`], like [`Arc`](std::sync::Arc). The value
/// can outlive the slab.
pub struct SlabArc<T>(NonNull<SlabInner<T>>);

// SAFETY: as for `Arc`: any thread can read the value through a reference, and drops it if its
// reference is the last. Freeing a block takes a lock.
unsafe impl<T: Send + Sync> Send for SlabArc<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for SlabArc<T> {}

/// A value and its reference count. In a slab it shares no cache line with other values.
#[repr(C)]
struct SlabInner<T> {
    /// Number of references, and the flag [`BOXED`].
    count: AtomicUsize,
    value: T,
}

/// A slab allocator for values of one type.
pub struct Slab<T>(BlockPool, PhantomData<fn(T)>);

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self(BlockPool::new(Self::SIZE), PhantomData)
    }
}

impl<T> Slab<T> {
    /// Bytes that a value occupies.
    pub const SIZE: usize = size_of::<SlabInner<T>>().next_multiple_of(64);

    /// Moves a value into the slab and returns its first reference. Leaves [`SPARE`] slots for
    /// [`Slab::insert_replacement`].
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn insert(&self, value: T) -> Result<SlabArc<T>> {
        self.insert_leaving(SPARE, value)
    }

    /// Moves a value that replaces another into the slab. May use the slots that [`Slab::insert`]
    /// leaves free.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn insert_replacement(&self, value: T) -> Result<SlabArc<T>> {
        self.insert_leaving(0, value)
    }

    fn insert_leaving(&self, spare: usize, value: T) -> Result<SlabArc<T>> {
        const { assert!(align_of::<SlabInner<T>>() <= 64) };
        let block = self.0.allocate(spare).ok_or_else(|| memory::exhausted(()))?;
        let slot = block.cast::<SlabInner<T>>();
        // SAFETY: the block is as large as a slot, aligned for one, and belongs to this call.
        unsafe { slot.write(SlabInner { count: AtomicUsize::new(1), value }) };
        Ok(SlabArc(slot))
    }

    /// Returns the bytes mapped from the system.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Maps memory for `values` more values ahead of time.
    #[cfg(feature = "sqlite")]
    pub fn reserve(&self, values: usize) {
        self.0.reserve(values);
    }
}

impl<T> SlabArc<T> {
    /// Moves a value into its own heap allocation.
    pub(crate) fn boxed(value: T) -> Self {
        let slot = Box::new(SlabInner { count: AtomicUsize::new(BOXED + 1), value });
        Self(NonNull::from(Box::leak(slot)))
    }

    /// Returns the value if this is the only reference to it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        let count = self.inner().count.load(Ordering::Acquire) & !BOXED;
        if count != 1 {
            return None;
        }
        // SAFETY: this is the only reference, and it is borrowed mutably. The acquire load orders
        // all earlier reads by other threads before.
        Some(unsafe { &mut self.0.as_mut().value })
    }

    /// Turns the reference into a pointer to the value, without changing the count.
    pub(crate) fn into_raw(self) -> *const T {
        ManuallyDrop::new(self).as_ptr()
    }

    /// Returns a pointer to the value.
    pub(crate) fn as_ptr(&self) -> *const T {
        // SAFETY: the field is within the slot.
        unsafe { &raw const (*self.0.as_ptr()).value }
    }

    /// Turns a pointer back into the reference that it represents.
    ///
    /// # Safety
    /// The pointer came from [`SlabArc::into_raw`] or [`SlabArc::as_ptr`], and represents one
    /// reference.
    pub(crate) unsafe fn from_raw(value: *const T) -> Self {
        // SAFETY: the value is in a slot, and no slot is at address 0.
        unsafe {
            let slot = value.byte_sub(offset_of!(SlabInner<T>, value)).cast_mut().cast();
            Self(NonNull::new_unchecked(slot))
        }
    }

    /// Returns whether both refer to the same value.
    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    fn inner(&self) -> &SlabInner<T> {
        // SAFETY: a slot is initialized while a reference to it exists.
        unsafe { self.0.as_ref() }
    }

    /// Turns the reference into the address of its slot, without changing the count.
    pub(super) fn into_address(self) -> usize {
        ManuallyDrop::new(self).0.expose_provenance().get()
    }

    /// Returns the address that [`SlabArc::into_address`] would return.
    pub(super) fn address(&self) -> usize {
        self.0.addr().get()
    }

    /// Turns an address back into the reference that it represents.
    ///
    /// # Safety
    /// The address came from [`SlabArc::into_address`], and represents one reference.
    pub(super) unsafe fn from_address(address: usize) -> Self {
        let slot = std::ptr::with_exposed_provenance_mut(address);
        // SAFETY: no slot is at address 0.
        Self(unsafe { NonNull::new_unchecked(slot) })
    }

    #[cold]
    #[inline(never)]
    fn drop_value(&mut self, is_boxed: bool) {
        // SAFETY: this was the last reference, so nobody else uses the value or its slot. The flag
        // says where the memory came from.
        unsafe {
            if is_boxed {
                drop(Box::from_raw(self.0.as_ptr()));
            } else {
                self.0.drop_in_place();
                BlockPool::free(self.0.cast());
            }
        }
    }
}

impl<T> Deref for SlabArc<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Clone for SlabArc<T> {
    fn clone(&self) -> Self {
        // A new reference is made from an existing one, so no ordering is needed. The count cannot
        // overflow: that many references do not fit in memory.
        self.inner().count.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Drop for SlabArc<T> {
    fn drop(&mut self) {
        let mut count = self.inner().count.load(Ordering::Acquire);
        // If this is the only reference, nobody can clone it meanwhile. The count need not be
        // decremented, which is an expensive atomic operation.
        if count & !BOXED != 1 {
            // Orders every access through this reference before the value's drop.
            count = self.inner().count.fetch_sub(1, Ordering::Release);
            if count & !BOXED != 1 {
                return;
            }
            self.inner().count.load(Ordering::Acquire);
        }
        self.drop_value(count & BOXED != 0);
    }
}

impl<T: fmt::Debug> fmt::Debug for SlabArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::index::block_pool::CHUNK;

    /// Decrements the number of living values when it is dropped.
    struct TrackedValue {
        number: usize,
        living: Arc<AtomicUsize>,
    }

    impl Drop for TrackedValue {
        fn drop(&mut self) {
            self.living.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[derive(Clone, Default)]
    struct LiveCount(Arc<AtomicUsize>);

    impl LiveCount {
        fn value(&self, number: usize) -> TrackedValue {
            self.0.fetch_add(1, Ordering::Relaxed);
            TrackedValue { number, living: Arc::clone(&self.0) }
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn value_lives_until_its_last_reference_is_dropped() {
        let (living, slab) = (LiveCount::default(), Slab::default());
        const COUNT: usize = CHUNK / 256;
        let mut values: Vec<_> =
            (0..COUNT).map(|n| slab.insert(living.value(n)).unwrap()).collect();
        let others: Vec<_> = values.iter().step_by(3).cloned().collect();
        values.clear();
        assert_eq!(living.count(), others.len());
        assert!(others.iter().enumerate().all(|(index, value)| value.number == 3 * index));
        let again: Vec<_> = (0..COUNT).map(|n| slab.insert(living.value(n)).unwrap()).collect();
        assert!(others.iter().enumerate().all(|(index, value)| value.number == 3 * index));
        assert!(again.iter().enumerate().all(|(number, value)| value.number == number));
        drop(slab);
        assert_eq!(living.count(), others.len() + again.len());
        drop((others, again));
        assert_eq!(living.count(), 0);
    }

    #[test]
    fn memory_is_freed_with_the_slab_and_its_last_value() {
        let slab = Slab::default();
        let count = slab.0.chunk_counter();
        let values: Vec<_> = (0..CHUNK / 16).map(|n| slab.insert(n).unwrap()).collect();
        let last = values[CHUNK / 32].clone();
        assert!(count() > Some(3));
        drop(values);
        assert!(count() <= Some(2));
        drop(slab);
        assert_eq!((*last, count()), (CHUNK / 32, Some(1)));
        drop(last);
        assert_eq!(count(), None);
    }

    #[test]
    fn boxed_value_needs_no_slab() {
        let living = LiveCount::default();
        let mut value = SlabArc::boxed(living.value(1));
        value.get_mut().unwrap().number = 2;
        let other = value.clone();
        assert!(value.get_mut().is_none() && value.ptr_eq(&other) && other.number == 2);
        drop(value);
        assert_eq!(living.count(), 1);
        drop(other);
        assert_eq!(living.count(), 0);
    }

    #[test]
    fn values_are_inserted_and_dropped_on_many_threads() {
        crate::os::deadline::start();
        let (living, slab) = (LiveCount::default(), Slab::default());
        let shared = slab.insert(living.value(0)).unwrap();
        thread::scope(|scope| {
            for thread in 0..4 {
                let (living, slab, shared) = (&living, &slab, &shared);
                scope.spawn(move || {
                    let mut mine = Vec::new();
                    for n in 0..CHUNK / 512 {
                        let value = living.value(thread * 10_000 + n);
                        mine.push((slab.insert(value).unwrap(), shared.clone()));
                        if n % 3 == 0 {
                            mine.swap_remove(n % mine.len());
                        }
                    }
                    let own = |it: &(SlabArc<TrackedValue>, _)| it.0.number / 10_000 == thread;
                    assert!(mine.iter().all(own));
                });
            }
        });
        drop(slab);
        assert_eq!(living.count(), 1);
        drop(shared);
        assert_eq!(living.count(), 0);
    }
}

/// Explores every order of the reference counts' operations that the memory model allows.
#[cfg(test)]
#[cfg(loom)]
pub(super) mod models {
    use loom::cell::UnsafeCell;
    use loom::thread;

    use super::*;
    use crate::sync::Arc;

    /// A value whose accesses loom tracks: it reports two that are not ordered.
    pub(in crate::index) struct TrackedCell(UnsafeCell<u64>);

    // SAFETY: loom reports unordered accesses.
    unsafe impl Send for TrackedCell {}
    // SAFETY: as above.
    unsafe impl Sync for TrackedCell {}

    impl TrackedCell {
        pub fn new(value: u64) -> Self {
            Self(UnsafeCell::new(value))
        }

        pub fn read(&self) -> u64 {
            // SAFETY: as above.
            self.0.with(|value| unsafe { value.read() })
        }

        pub fn write(&mut self, value: u64) {
            // SAFETY: as above.
            self.0.with_mut(|it| unsafe { it.write(value) });
        }
    }

    impl Drop for TrackedCell {
        fn drop(&mut self) {
            assert_ne!(self.read(), 0, "a value must not be dropped twice");
            self.write(0);
        }
    }

    /// Starts a thread that reads the value and drops its reference.
    fn reader(value: &SlabArc<TrackedCell>) -> thread::JoinHandle<u64> {
        let value = value.clone();
        thread::spawn(move || value.read())
    }

    #[test]
    fn last_reference_drops_after_every_read() {
        loom::model(|| {
            let slab = Slab::default();
            let value = slab.insert(TrackedCell::new(1)).unwrap();
            let readers = [reader(&value), reader(&value)];
            drop(slab);
            assert_eq!(value.read(), 1);
            drop(value);
            readers.into_iter().for_each(|reader| assert_eq!(reader.join().unwrap(), 1));
        });
    }

    #[test]
    fn last_reference_drops_a_boxed_value() {
        loom::model(|| {
            let value = SlabArc::boxed(TrackedCell::new(1));
            let reader = reader(&value);
            assert_eq!(value.read(), 1);
            drop(value);
            assert_eq!(reader.join().unwrap(), 1);
        });
    }

    #[test]
    fn only_reference_writes_after_every_read() {
        loom::model(|| {
            let mut value = SlabArc::boxed(TrackedCell::new(1));
            let other = value.clone();
            let writer = thread::spawn(move || {
                if let Some(value) = value.get_mut() {
                    value.write(2);
                }
                value
            });
            assert_eq!(other.read(), 1);
            drop(other);
            writer.join().unwrap().get_mut().unwrap().write(3);
        });
    }

    #[test]
    fn value_and_slab_can_be_dropped_in_any_order() {
        loom::model(|| {
            let slab = Arc::new(Slab::default());
            let other = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || {
                    let value = slab.insert(TrackedCell::new(1)).unwrap();
                    drop(slab);
                    value.read()
                })
            };
            let value = slab.insert(TrackedCell::new(2)).unwrap();
            drop(slab);
            assert_eq!(value.read(), 2);
            drop(value);
            assert_eq!(other.join().unwrap(), 1);
        });
    }
}
