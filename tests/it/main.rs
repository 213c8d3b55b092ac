//! Tests that share one program, so that a change to the library links only one.
//!
//! A test that needs its own process is a file beside this folder.
// Tests call C functions, and fail at the first surprise, also in helpers.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#[macro_use]
mod on_database;

mod abi;
mod bad_input;
mod c_life;
mod c_programs;
mod client_token_rule;
mod cpp_face;
mod durable;
mod durable_crash;
mod durable_edges;
mod durable_faults;
mod durable_power_cut;
mod durable_process;
mod evolution;
mod extension;
mod fault_matrix;
mod generation;
mod header_docs;
mod hostile;
mod install;
mod json_rules;
mod languages;
mod login;
mod login_cache;
mod memory;
mod messages;
mod model;
mod no_sqlite;
mod panic;
mod payload;
mod policy;
mod review_board;
mod review_board_addresses;
mod review_board_bulk;
mod review_board_encodings;
mod review_board_last_used;
mod review_board_round_trips;
mod review_board_rows;
mod review_board_search;
mod review_board_sqlite;
mod review_board_timeouts;
mod secrets;
mod service_account;
mod stored_documents;
mod structure;
mod style;
mod vectors;
