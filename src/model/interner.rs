//! An interner: shares one copy of equal values.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

/// A value with a key that identifies it.
pub(crate) trait Keyed {
    /// The type of the key.
    type Key: Hash + Eq + ?Sized;

    fn key(&self) -> &Self::Key;
}

/// Interns values while they are in use. It holds weak references, so it keeps no value alive.
pub(crate) struct Interner<T> {
    /// Keyed at random, so that nobody can choose texts with colliding hashes.
    hasher: DefaultHashBuilder,
    table: Mutex<WeakTable<T>>,
}

struct WeakTable<T> {
    entries: HashTable<WeakEntry<T>>,
    len_after_sweep: usize,
    /// Number of values dropped since the last sweep, as reported by [`Interner::note_drops`].
    drops: usize,
}

/// A weak entry. It is small, since it outlives its value until the next sweep.
struct WeakEntry<T> {
    hash: u64,
    value: Weak<T>,
}

const MIN_DROPS_TO_SWEEP: usize = 64;

impl<T> Default for Interner<T> {
    fn default() -> Self {
        let table = WeakTable { entries: HashTable::new(), len_after_sweep: 0, drops: 0 };
        Self { hasher: DefaultHashBuilder::default(), table: Mutex::new(table) }
    }
}

impl<T: Keyed> Interner<T> {
    /// Returns the interned value with this key, or interns the result of `make`. No lock is held
    /// during `make`, which may take long.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn intern<E>(
        &self,
        key: &T::Key,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let hash = self.hasher.hash_one(key);
        if let Some(value) = self.table.lock().find(hash, key) {
            return Ok(value);
        }
        make().map(|value| self.share_hashed(hash, value))
    }

    /// Returns the interned value that equals this one, or interns this one.
    pub fn share(&self, value: T) -> Arc<T> {
        self.share_hashed(self.hasher.hash_one(value.key()), value)
    }

    fn share_hashed(&self, hash: u64, value: T) -> Arc<T> {
        let mut table = self.table.lock();
        if let Some(shared) = table.find(hash, value.key()) {
            return shared;
        }
        let value = Arc::new(value);
        table.insert(WeakEntry { hash, value: Arc::downgrade(&value) });
        value
    }
}

impl<T> Interner<T> {
    /// Records that up to `values` values were dropped. A sweep does nothing if none were.
    pub fn note_drops(&self, values: usize) {
        self.table.lock().drops += values;
    }

    /// Removes the entries of dropped values and frees their memory.
    pub fn sweep(&self) {
        let mut table = self.table.lock();
        if table.drops > 0 {
            table.sweep();
        }
    }
}

impl<T: Keyed> WeakTable<T> {
    fn find(&self, hash: u64, key: &T::Key) -> Option<Arc<T>> {
        // Skips entries of dropped values: a later entry may have the same key.
        let mut found = None;
        self.entries.find(hash, |entry| {
            if entry.hash == hash {
                found = entry.value.upgrade().filter(|value| value.key() == key);
            }
            found.is_some()
        });
        found
    }
}

impl<T> WeakTable<T> {
    fn insert(&mut self, entry: WeakEntry<T>) {
        // Sweeps when the number of entries has doubled, so that the amortized cost per entry is
        // constant.
        let grown = self.entries.len() >= 2 * self.len_after_sweep.max(MIN_DROPS_TO_SWEEP / 2);
        if grown || self.drops > self.len_after_sweep.max(MIN_DROPS_TO_SWEEP) {
            self.sweep();
        }
        // If the table cannot grow, the value is not interned.
        if self.entries.try_reserve(1, |entry| entry.hash).is_ok() {
            self.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
        }
    }

    /// Removes the entries of dropped values.
    fn sweep(&mut self) {
        self.entries.retain(|entry| entry.value.strong_count() > 0);
        self.shrink();
        (self.len_after_sweep, self.drops) = (self.entries.len(), 0);
    }

    /// Shrinks the table if it is less than a quarter full and there is memory for a smaller one.
    fn shrink(&mut self) {
        let mut smaller = HashTable::new();
        let capacity = 2 * self.entries.len();
        if capacity < self.entries.capacity() / 2 && smaller.try_reserve(capacity, |_| 0).is_ok() {
            for entry in self.entries.drain() {
                smaller.insert_unique(entry.hash, entry, |entry| entry.hash);
            }
            self.entries = smaller;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Keyed for String {
        type Key = str;

        fn key(&self) -> &str {
            self
        }
    }

    impl<T> Interner<T> {
        /// Returns the number of entries and the capacity.
        pub(crate) fn entries(&self) -> (usize, usize) {
            let table = self.table.lock();
            (table.entries.len(), table.entries.capacity())
        }
    }

    #[test]
    fn interner_shares_equal_values_while_in_use() {
        let interner = Interner::default();
        let one = interner.share("x".to_owned());
        assert!(Arc::ptr_eq(&one, &interner.share("x".to_owned())));
        let other = interner.intern("x", || Err("must not be called"));
        assert!(Arc::ptr_eq(&one, &other.unwrap()));
        assert_eq!(interner.intern("y", || Err("refused")), Err("refused"));
        assert_eq!(interner.entries().0, 1);
        drop(one);
        let mut made = false;
        let again = interner.intern("x", || {
            made = true;
            Ok::<_, ()>("x".to_owned())
        });
        assert!(made && again.is_ok());
    }

    #[test]
    fn interner_returns_the_value_of_a_faster_thread() {
        let interner = Interner::default();
        let mut first = None;
        let second = interner.intern("x", || {
            first = Some(interner.share("x".to_owned()));
            Ok::<_, ()>("x".to_owned())
        });
        assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
        assert_eq!(interner.entries().0, 1);
    }

    #[test]
    fn entries_of_dropped_values_are_swept_and_memory_freed() {
        let interner = Interner::default();
        let kept = interner.share("kept".to_owned());
        let values = |count: usize| -> Vec<_> {
            (0..count).map(|number| interner.share(number.to_string())).collect()
        };
        let many = values(1000);
        assert_eq!(interner.entries().0, 1001);
        drop(many);
        interner.sweep();
        assert_eq!(interner.entries().0, 1001, "no drops were noted");
        interner.note_drops(1000);
        interner.sweep();
        assert!(matches!(interner.entries(), (1, ..100)));

        drop(values(1000));
        interner.note_drops(1000);
        let new = interner.share("new".to_owned());
        assert!(matches!(interner.entries(), (2, ..100)), "insertion sweeps");
        (0..10_000).for_each(|number| drop(interner.share(number.to_string())));
        assert!(interner.entries().0 <= 64, "growth sweeps, even if no drops were noted");
        drop((kept, new));
    }
}
