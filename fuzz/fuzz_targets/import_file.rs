//! Imports arbitrary files. Each import is atomic, and what was imported can be exported and
//! imported into another store as the same tokens.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use rbtoken::store::{ClientTokenRequest, Store, StoreOptions, TokenFilter};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = PathBuf::from(format!("/dev/shm/rbtoken-fuzz-import-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    folder
});

fn store() -> Arc<Store> {
    let store = Store::open(StoreOptions::default()).expect("a store in memory opens");
    store.add_local_site("north").expect("the site is new");
    store
        .get_or_create_client_token(&ClientTokenRequest::new("alice", "RBTools"))
        .expect("a token is created");
    store
}

/// Returns all fields of tokens except their ids.
fn contents(store: &Arc<Store>) -> Vec<String> {
    let tokens = store.list_tokens(&TokenFilter::default()).expect("tokens are listed");
    let describe = |token: &rbtoken::token::SharedToken| {
        let record = token.record();
        format!(
            "{} {:?} {} {} {:?} {:?} {:?} {}",
            record.user().as_str(),
            record.local_site(),
            record.value().expose(),
            record.note().as_str(),
            record.expires(),
            record.last_used(),
            record.invalidation().map(|it| (it.date, it.reason.clone())),
            record.extra_data().text().as_str(),
        )
    };
    tokens.iter().map(describe).collect()
}

fuzz_target!(|input: &[u8]| {
    let path = |name: &str| FOLDER.join(name).to_str().expect("the path is a text").to_owned();
    let (given, exported) = (path("given.jsonl"), path("exported.jsonl"));
    fs::write(&given, input).expect("the file is written");
    let store = store();
    let before = contents(&store);
    match store.import_file(&given, &mut |_, _| Ok(())) {
        Err(_) => assert_eq!(contents(&store), before),
        Ok(count) => {
            let after = contents(&store);
            assert_eq!(after.len() as u64, before.len() as u64 + count);
            assert_eq!(after[..before.len()], before[..]);
            let _ = fs::remove_file(&exported);
            store.export_file(&exported, &mut |_, _| Ok(())).expect("it is exported");
            let other = Store::open(StoreOptions::default()).expect("a store in memory opens");
            other.import_file(&exported, &mut |_, _| Ok(())).expect("an export is imported");
            assert_eq!(contents(&other), after);
        }
    }
});
