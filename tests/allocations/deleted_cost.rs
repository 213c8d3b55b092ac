//! Memory after tokens were deleted: none may be leaked.

use std::sync::Arc;

use rbtoken::clock::Timestamp;
use rbtoken::store::{ClientTokenRequest, Store, StoreOptions};

use crate::counter::bytes_held;

/// Number of rounds. The tables must not grow after the first one.
const ROUNDS: usize = 10;
const TOKENS: usize = 500;

/// Repeatedly creates tokens of one client and removes them with `end`. Returns the memory held
/// after each round.
fn memory_after_rounds(end: impl Fn(&Arc<Store>, &[i64])) -> Vec<i64> {
    let store = Store::open(StoreOptions::default()).expect("a store opens");
    let alive = |user| ClientTokenRequest::new(user, "RBTools");
    store.get_or_create_client_token(&alive("alice")).expect("a token is made");
    let rounds = (0..ROUNDS).map(|_| {
        let mut ids = Vec::with_capacity(TOKENS);
        for _ in 0..TOKENS {
            // The lifetime of a token is less than the minimum validity, so each call creates one.
            let request =
                ClientTokenRequest { min_validity_secs: Some(366 * 86_400), ..alive("alice") };
            let (token, created) = store.get_or_create_client_token(&request).expect("a token");
            assert!(created);
            ids.push(token.record().id());
        }
        end(&store, &ids);
        drop(ids);
        bytes_held()
    });
    rounds.collect()
}

/// Allows for a tree node with one token more or less, but not for an id per token.
fn assert_steady(held: &[i64]) {
    let growth = held[ROUNDS - 1] - held[1];
    let one_id_each = (8 * TOKENS * (ROUNDS - 2)) as i64;
    assert!(growth < one_id_each / 4, "it grows by {growth} bytes: {held:?}");
}

#[test]
fn deleted_tokens_leave_no_memory_behind() {
    let held = memory_after_rounds(|store, ids| {
        for id in ids {
            store.delete_token(*id).expect("it is there");
        }
    });
    assert_steady(&held);
}

#[test]
fn purged_tokens_leave_no_memory_behind() {
    let far = Timestamp::from_micros(4_102_444_800_000_000).expect("the year 2100");
    let held = memory_after_rounds(|store, ids| {
        for id in ids {
            store.invalidate_token_by_id(*id, "done").expect("it is there");
        }
        let purged = store.purge_tokens(far).expect("they are purged");
        assert!(purged >= ids.len() as u64);
    });
    assert_steady(&held);
}
