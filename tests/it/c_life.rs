//! The life of tokens in C programs: logins, hooks, and many threads.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::process::Command;

use crate::support::c::{self, C11, Language};

#[test]
fn login_example_prints_the_expected_output() {
    let source = c::root().join("examples/c/login.c");
    let expected = fs::read_to_string(c::root().join("tests/c/login.expected"));
    let expected = expected.expect("the file can be read");
    for standard in [Language::C("c99"), C11] {
        let program = c::compile(standard, std::slice::from_ref(&source), "login");
        assert_eq!(c::run(&program), expected);
    }
}

#[test]
fn hooks_keep_their_contract() {
    c::run_test("hooks");
}

#[test]
fn stress_leaves_every_index_equal_to_a_scan() {
    let source = c::root().join("tests/c/stress.c");
    let program = c::compile(C11, &[source], "stress");
    for seed in ["1", "2"] {
        let printed = c::successful_output(Command::new(&program).args(["3000", seed]));
        assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{printed}");
    }
}

#[test]
fn unusual_hosts_do_no_harm() {
    c::run_test("odd_hosts");
}
