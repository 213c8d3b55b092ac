//! Tests of the login cache.

use super::*;
use crate::backend::tests::{fields, record};
use crate::token::Record;

fn cache(max_age: Duration) -> LoginCache {
    LoginCache::new(max_age, 10)
}

const LONG: Duration = Duration::from_secs(60);

fn is_fresh(cache: &LoginCache, id: i64) -> bool {
    matches!(cache.find(&format!("value {id}")), CacheLookup::Fresh(_))
}

/// Returns a cache with the logins of tokens 1 to 3.
fn filled(max_age: Duration) -> LoginCache {
    let cache = cache(max_age);
    (1..=3).for_each(|id| cache.insert(cache.start_query(), &record(id, "alice", None, None)));
    cache
}

#[test]
fn result_of_a_query_before_a_change_is_not_stored() {
    let cache = cache(LONG);
    let token = record(1, "alice", None, None);
    let before = cache.start_query();
    let change = cache.begin_change(AffectedEntries::Id(2));
    let during = cache.start_query();
    cache.insert(before, &token);
    assert!(!is_fresh(&cache, 1));
    drop(change);
    cache.insert(during, &token);
    assert!(!is_fresh(&cache, 1));
    cache.insert(cache.start_query(), &token);
    assert!(is_fresh(&cache, 1));
}

#[test]
fn change_evicts_the_entries_it_affects() {
    let cache = filled(LONG);
    drop(cache.begin_change(AffectedEntries::Id(1)));
    drop(cache.begin_change(AffectedEntries::Value(TokenValue::new("value 2").unwrap())));
    assert_eq!([1, 2, 3].map(|id| is_fresh(&cache, id)), [false, false, true]);
    let change = cache.begin_change(AffectedEntries::Everyone);
    cache.insert(cache.start_query(), &record(2, "alice", None, None));
    assert!(is_fresh(&cache, 2));
    drop(change);
    assert_eq!(cache.statistics().entries, 0);
}

#[test]
fn unknown_outcome_blocks_the_cache() {
    let cache = filled(LONG);
    cache.block_until(Instant::now() + LONG);
    cache.block_until(Instant::now());
    assert_eq!(cache.statistics().entries, 0);
    cache.insert(cache.start_query(), &record(1, "alice", None, None));
    assert!(!is_fresh(&cache, 1));
}

#[test]
fn refused_value_is_evicted() {
    let cache = filled(LONG);
    let query_start = cache.start_query();
    cache.refuse("nobody's value");
    cache.refuse("value 1");
    cache.insert(query_start, &record(1, "alice", None, None));
    assert_eq!([1, 2, 3].map(|id| is_fresh(&cache, id)), [false, true, true]);
}

#[test]
fn long_texts_are_not_cached() {
    let cache = filled(LONG);
    let mut fields = fields(1, "alice", None, None);
    fields.note = crate::text::Text::new(&"x".repeat(MAX_TEXT_BYTES));
    cache.insert(cache.start_query(), &Record::boxed(1, fields));
    assert_eq!([1, 2, 3].map(|id| is_fresh(&cache, id)), [false, true, true]);
}

#[test]
fn refresh_keeps_verified_entries() {
    // All entries are stale immediately.
    let cache = filled(Duration::ZERO);
    assert!((1..=2).all(|id| matches!(cache.find(&format!("value {id}")), CacheLookup::Stale)));
    let refresh = cache.begin_refresh("value 1").unwrap();
    assert_eq!(refresh.ids, [1, 2], "the third was not used");
    assert!(cache.begin_refresh("value 1").is_none(), "one caller refreshes");
    refresh.verify(&record(1, "alice", None, None), true);
    refresh.verify(&record(2, "alice", None, None), false);
    refresh.finish();
    assert_eq!(cache.statistics().entries, 1);
    assert!(matches!(cache.find("value 1"), CacheLookup::Stale));
    assert!(cache.begin_refresh("value 1").is_none(), "there is nothing else to read");
}

#[test]
fn refresh_after_a_change_verifies_nothing() {
    let cache = filled(Duration::ZERO);
    assert!((1..=2).all(|id| matches!(cache.find(&format!("value {id}")), CacheLookup::Stale)));
    let refresh = cache.begin_refresh("value 1").unwrap();
    drop(cache.begin_change(AffectedEntries::Id(1)));
    [1, 2].iter().for_each(|id| refresh.verify(&record(*id, "alice", None, None), true));
    refresh.finish();
    assert_eq!(cache.statistics().entries, 0);
}
