//! Memory cost of calls, counted per thread by an allocator of this test program.
#![allow(
    unsafe_code,
    clippy::expect_used,
    clippy::panic,
    reason = "a test calls the C functions as C does, and reports its failure by panicking"
)]

mod counter;
mod deleted_cost;
mod login_cost;
mod memory_per_token;
