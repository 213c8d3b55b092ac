//! Checks the verdict on arbitrary `Authorization` headers.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use rbtoken::store::{ClientTokenRequest, RequestSite, Store, StoreOptions, Verdict};

static STORE: LazyLock<(Arc<Store>, Vec<u8>)> = LazyLock::new(|| {
    let store = Store::open(StoreOptions::default()).expect("a store in memory opens");
    let request = ClientTokenRequest::new("alice", "RBTools");
    let (token, _) = store.get_or_create_client_token(&request).expect("a token is created");
    let value = token.record().value().expose().as_bytes().to_vec();
    (store, value)
});

/// Placeholder that is replaced by the token value.
const PLACEHOLDER: &[u8] = b"VALUE";

fuzz_target!(|input: &[u8]| {
    let (store, value) = &*STORE;
    let mut header = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(PLACEHOLDER) {
            header.extend_from_slice(value);
            rest = after;
        } else {
            header.push(rest[0]);
            rest = &rest[1..];
        }
    }
    let login = store
        .authenticate_header(&header, RequestSite::Global)
        .expect("a store in memory has no error");
    let expected = match header.strip_prefix(b"token") {
        Some(rest) if rest == [b" ", value.as_slice()].concat() => Verdict::Ok,
        Some(rest) if rest.is_empty() || rest[0] == b' ' => Verdict::Unknown,
        _ => Verdict::NotAToken,
    };
    assert_eq!(login.verdict, expected);
    assert_eq!(login.token.is_some(), expected == Verdict::Ok);
});
