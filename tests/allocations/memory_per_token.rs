//! Memory per token.

use std::sync::Arc;

use rbtoken::store::{ClientTokenRequest, Store, StoreOptions};

use crate::counter::bytes_held;

/// Chosen so that the hash tables, which grow by doubling, are no fuller than with a million
/// tokens.
const USERS: usize = 125;
const CLIENTS: usize = 50;
const TOKENS: i64 = (USERS * CLIENTS) as i64;

/// Bytes of a record. They are not allocated by the counting allocator; a unit test of the record
/// checks their number.
const RECORD: i64 = 320;

/// Returns the bytes that a store holds per client token.
fn bytes_per_token(change: impl Fn(&Arc<Store>), policy: Option<&str>) -> i64 {
    let store = Store::open(StoreOptions::default()).expect("a store opens");
    let before = bytes_held();
    for user in 0..USERS {
        for client in 0..CLIENTS {
            let (user, client) = (format!("user {user}"), format!("client {client}"));
            let request = ClientTokenRequest {
                default_policy: policy,
                ..ClientTokenRequest::new(&user, &client)
            };
            let (_, created) = store.get_or_create_client_token(&request).expect("a token");
            assert!(created);
        }
    }
    change(&store);
    RECORD + (bytes_held() - before) / TOKENS
}

/// 1.5 times the size of its value of 255 bytes.
const ENOUGH: i64 = 255 * 3 / 2;

#[test]
fn client_token_takes_at_most_1_5_times_its_value() {
    let held = bytes_per_token(|_| {}, None);
    assert!((RECORD + 8..=ENOUGH).contains(&held), "each token takes {held} bytes");
}

#[test]
fn tokens_with_one_policy_share_it() {
    let policy = format!(
        r#"{{"resources": {{"*": {{"allow": ["GET"]}}, "long": {{"{}": {{"allow": ["GET"]}}}}}}}}"#,
        "x".repeat(1000)
    );
    let held = bytes_per_token(|_| {}, Some(&policy));
    assert!((RECORD + 8..=ENOUGH).contains(&held), "each token takes {held} bytes");
}

#[test]
fn tokens_invalidated_together_share_the_reason() {
    let invalidate = |store: &Arc<Store>| {
        let count = store.invalidate_all_tokens(&"because ".repeat(100)).expect("they are there");
        assert_eq!(count, TOKENS as u64);
    };
    let held = bytes_per_token(invalidate, None);
    // Tokens that cannot serve a client are only in the index by id.
    assert!((RECORD + 8..=ENOUGH + 32).contains(&held), "each token takes {held} bytes");
}
