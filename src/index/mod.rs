//! Slab allocator and hash index for records. Its `unsafe` code is for speed alone.
//!
//! The cost of a lookup in a large store is the cost of its cache misses. Records are in large
//! blocks of memory, which the system can map with huge pages, and share no cache line ([`Slab`]).
//! The index stores the tags of eight entries in the same cache line as their addresses
//! ([`HashIndex`]). A lookup has two misses: the bucket and the record. A hash table of pointers to
//! allocations has three.
#![allow(unsafe_code)]

mod block_pool;
mod buckets;
mod hash_index;
mod slab;

pub use buckets::BucketPool;
pub use hash_index::{HashIndex, PrefetchHint, for_each_shard, shard_of};
pub use slab::{Slab, SlabArc};
