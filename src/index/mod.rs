//! Where records lie, and how they are found by a hash: the room whose `unsafe` is for speed alone.
//!
//! A lookup in a large store costs what its cache misses cost, and little else. So records lie in
//! large pieces of memory, which the system can map with huge pages, each record in cache lines of
//! its own ([`Slab`]); and a table has what tells its entries apart in the cache line that names
//! them ([`Table`]): two misses, where a hash table of pointers to allocations has three.
#![allow(unsafe_code)]

mod lines;
mod pieces;
mod slab;
mod table;

pub use lines::LineMemory;
pub use slab::{Shared, Slab};
pub use table::{Hint, Table, for_each_table, table_of};
