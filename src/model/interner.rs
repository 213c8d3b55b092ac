//! Equal values, kept once.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

/// A value that a key tells from others.
pub(crate) trait Keyed {
    /// What tells it from others.
    type Key: Hash + Eq + ?Sized;

    fn key(&self) -> &Self::Key;
}

/// Shares equal values for as long as somebody holds one; keeps none alive itself.
pub(crate) struct Interner<T> {
    /// Has a key of its own: others cannot choose texts that collide.
    hasher: DefaultHashBuilder,
    table: Mutex<Table<T>>,
}

struct Table<T> {
    entries: HashTable<Entry<T>>,
    /// Entries that the last sweep left.
    swept: usize,
    /// Values that have gone since, as far as [`Interner::released`] was told.
    gone: usize,
}

/// Small, since it outlives its value until it is swept out.
struct Entry<T> {
    hash: u64,
    value: Weak<T>,
}

const SWEEP_AT_LEAST: usize = 64;

impl<T> Default for Interner<T> {
    fn default() -> Self {
        let table = Table { entries: HashTable::new(), swept: 0, gone: 0 };
        Self { hasher: DefaultHashBuilder::default(), table: Mutex::new(table) }
    }
}

impl<T: Keyed> Interner<T> {
    /// Returns the shared value of a key, or shares the one that `make` returns. No lock is held
    /// meanwhile, since that may take long.
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

    /// Returns the shared value that is equal to this one, or shares this one.
    pub fn share(&self, value: T) -> Arc<T> {
        self.share_hashed(self.hasher.hash_one(value.key()), value)
    }

    fn share_hashed(&self, hash: u64, value: T) -> Arc<T> {
        let mut table = self.table.lock();
        if let Some(shared) = table.find(hash, value.key()) {
            return shared;
        }
        let value = Arc::new(value);
        table.insert(Entry { hash, value: Arc::downgrade(&value) });
        value
    }
}

impl<T> Interner<T> {
    /// Notes that so many values may have gone, so that there may be something to sweep out.
    pub fn released(&self, values: usize) {
        self.table.lock().gone += values;
    }

    /// Frees the memory that is kept for values that have gone.
    pub fn sweep(&self) {
        let mut table = self.table.lock();
        if table.gone > 0 {
            table.sweep();
        }
    }
}

impl<T: Keyed> Table<T> {
    fn find(&self, hash: u64, key: &T::Key) -> Option<Arc<T>> {
        // An entry whose value is gone is passed over: a later one may have the same key.
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

impl<T> Table<T> {
    fn insert(&mut self, entry: Entry<T>) {
        // As rare as doubling, so that an entry is looked at a few times in its life.
        let grown = self.entries.len() >= 2 * self.swept.max(SWEEP_AT_LEAST / 2);
        if grown || self.gone > self.swept.max(SWEEP_AT_LEAST) {
            self.sweep();
        }
        // Without room in the table the value is only not shared.
        if self.entries.try_reserve(1, |entry| entry.hash).is_ok() {
            self.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
        }
    }

    /// Drops the entries of values that have gone.
    fn sweep(&mut self) {
        self.entries.retain(|entry| entry.value.strong_count() > 0);
        self.shrink();
        (self.swept, self.gone) = (self.entries.len(), 0);
    }

    /// Shrinks a table that is less than half as large as twice its entries need, if there is
    /// memory for a smaller one.
    fn shrink(&mut self) {
        let mut smaller = HashTable::new();
        let most = 2 * self.entries.len();
        if most < self.entries.capacity() / 2 && smaller.try_reserve(most, |_| 0).is_ok() {
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
        /// How many entries there are, and how many the table has memory for.
        pub(crate) fn entries(&self) -> (usize, usize) {
            let table = self.table.lock();
            (table.entries.len(), table.entries.capacity())
        }
    }

    #[test]
    fn equal_values_are_shared_while_one_is_held() {
        let interner = Interner::default();
        let one = interner.share("x".to_owned());
        assert!(Arc::ptr_eq(&one, &interner.share("x".to_owned())));
        let other = interner.intern("x", || Err("is not made anew"));
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
    fn value_that_another_thread_shared_first_is_taken() {
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
        assert_eq!(interner.entries().0, 1001, "nothing was released");
        interner.released(1000);
        interner.sweep();
        assert!(matches!(interner.entries(), (1, ..100)));

        drop(values(1000));
        interner.released(1000);
        let new = interner.share("new".to_owned());
        assert!(matches!(interner.entries(), (2, ..100)), "insertion sweeps");
        (0..10_000).for_each(|number| drop(interner.share(number.to_string())));
        assert!(interner.entries().0 <= 64, "growth sweeps, whoever released nothing");
        drop((kept, new));
    }
}
