//! Opens a file whose row has an arbitrary policy and extra data, separated by a NUL. Either the
//! store opens and the token can be revoked, or the file is reported as corrupt.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use rbtoken::ErrorKind;
use rbtoken::policy::Method;
use rbtoken::store::{ClientTokenRequest, Store, StoreOptions};
use rusqlite::Connection;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/rbtoken-fuzz-rows-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
});

fn open(path: &str) -> rbtoken::Result<std::sync::Arc<Store>> {
    Store::open(StoreOptions { location: Some(path), ..StoreOptions::default() })
}

static PATH: LazyLock<String> = LazyLock::new(|| {
    let path = FOLDER.join("rows.db").to_str().expect("the path is a text").to_owned();
    let store = open(&path).expect("a new file is a store");
    let request = ClientTokenRequest::new("alice", "RBTools");
    store.get_or_create_client_token(&request).expect("a token is created");
    path
});

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (policy, extra_data) = text.split_once('\0').unwrap_or((text, "{}"));
    let rows = Connection::open(&*PATH).expect("the file is a database");
    rows.execute(
        "UPDATE webapi_webapitoken SET policy = ?1, extra_data = ?2, valid = 1",
        [policy, extra_data],
    )
    .expect("the row is changed");
    drop(rows);
    match open(&PATH) {
        Ok(store) => {
            let token = store.get_token(1).expect("the token is there");
            let _ = token.record().policy().allows("review", Method::new("GET"), None);
            assert_eq!(store.invalidate_all_tokens("").expect("it is revoked"), 1);
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}"),
    }
});
