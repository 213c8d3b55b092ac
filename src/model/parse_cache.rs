//! A cache of parsed documents by their text, which avoids parsing and validating the same text
//! again.

use std::hash::BuildHasher;
use std::sync::{Arc, Weak};

use hashbrown::{DefaultHashBuilder, HashTable};
use parking_lot::Mutex;

use crate::memory;

/// Maximum memory of a cache. An entry that would exceed it empties the cache first. A text of
/// maximum length fits.
const MAX_BYTES: usize = 4 << 20;

/// Maps texts, exactly as they were written, to documents. It does not keep documents alive.
pub(crate) struct ParseCache<T> {
    /// Keyed at random, so that nobody can choose texts with colliding hashes.
    hasher: DefaultHashBuilder,
    texts: Mutex<CachedTexts<T>>,
}

struct CachedTexts<T> {
    entries: HashTable<CachedText<T>>,
    bytes: usize,
}

struct CachedText<T> {
    hash: u64,
    text: Box<str>,
    /// Version of the rules by which the text was validated.
    version: u64,
    document: Weak<T>,
}

impl<T> Default for ParseCache<T> {
    fn default() -> Self {
        let texts = CachedTexts { entries: HashTable::new(), bytes: 0 };
        Self { hasher: DefaultHashBuilder::default(), texts: Mutex::new(texts) }
    }
}

impl<T> ParseCache<T> {
    /// Returns the document of a text, calling `make` unless it is cached with this version of the
    /// rules.
    ///
    /// # Errors
    /// Those of `make`. Nothing is cached then.
    pub fn get<E>(
        &self,
        text: &str,
        version: u64,
        make: impl FnOnce() -> Result<Arc<T>, E>,
    ) -> Result<Arc<T>, E> {
        let hash = self.hasher.hash_one(text);
        if let Some(document) = self.texts.lock().find(hash, text, version) {
            return Ok(document);
        }
        // Without the lock, since it may take long.
        let document = make()?;
        // If there is no memory for a copy, the text is not cached.
        if let Ok(text) = memory::string(text) {
            let (text, weak) = (text.into_boxed_str(), Arc::downgrade(&document));
            self.texts.lock().set(CachedText { hash, text, version, document: weak });
        }
        Ok(document)
    }
}

impl<T> CachedTexts<T> {
    fn find(&self, hash: u64, text: &str, version: u64) -> Option<Arc<T>> {
        let entry = self.entries.find(hash, |entry| *entry.text == *text)?;
        if entry.version == version { entry.document.upgrade() } else { None }
    }

    fn set(&mut self, entry: CachedText<T>) {
        if let Some(known) = self.entries.find_mut(entry.hash, |known| known.text == entry.text) {
            *known = entry;
            return;
        }
        // Counts two table slots per entry, since the exact memory of a hash table is unknown.
        let cost = entry.text.len() + 2 * size_of::<CachedText<T>>() + size_of::<T>();
        if self.bytes + cost > MAX_BYTES {
            self.entries = HashTable::new();
            self.bytes = 0;
        }
        if self.entries.try_reserve(1, |entry| entry.hash).is_err() {
            return;
        }
        self.bytes += cost;
        self.entries.insert_unique(entry.hash, entry, |entry| entry.hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(cache: &ParseCache<u8>, text: &str, version: u64, document: &Arc<u8>) -> bool {
        let mut made = false;
        let cached = cache.get(text, version, || {
            made = true;
            Ok::<_, ()>(Arc::clone(document))
        });
        assert!(Arc::ptr_eq(&cached.unwrap(), document));
        made
    }

    #[test]
    fn document_is_parsed_once_while_it_lives() {
        let cache = ParseCache::default();
        let document = Arc::new(1);
        assert!(accept(&cache, "a", 0, &document));
        assert!(!accept(&cache, "a", 0, &document));
        assert!(accept(&cache, "a ", 0, &document), "written in another way");
        assert!(accept(&cache, "a", 1, &document), "other rules");
        assert!(!accept(&cache, "a", 1, &document));
        drop(document);
        let document = Arc::new(2);
        assert!(accept(&cache, "a", 1, &document), "the document was dropped");
    }

    #[test]
    fn rejected_text_is_not_cached() {
        let cache = ParseCache::<u8>::default();
        for _ in 0..2 {
            assert_eq!(cache.get("a", 0, || Err("refused")), Err("refused"));
        }
        assert!(accept(&cache, "a", 0, &Arc::new(1)));
    }

    #[test]
    fn parse_cache_memory_is_bounded() {
        let cache = ParseCache::default();
        let document = Arc::new(1);
        let mut max_bytes = 0;
        for number in 0..300_000 {
            accept(&cache, &number.to_string(), 0, &document);
        }
        for number in 0..12 {
            accept(&cache, &format!("{number}{}", " ".repeat(1 << 20)), 0, &document);
            let texts = cache.texts.lock();
            let bytes: usize = texts.entries.iter().map(|entry| entry.text.len()).sum();
            max_bytes =
                max_bytes.max(bytes + texts.entries.capacity() * size_of::<CachedText<u8>>());
        }
        assert!((2 << 20..=MAX_BYTES).contains(&max_bytes), "{max_bytes}");
    }
}
