//! Parses settings documents and locations: each is accepted, or rejected with an argument or a
//! JSON path. Nothing is opened, and no error message contains the password of a location.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rbtoken::store::{SettingsDocument, Store, StoreOptions};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let place = |error: rbtoken::Error| assert!(!error.message().is_empty());
    match SettingsDocument::parse(text) {
        // Only without a location: an input must not connect to a database.
        Ok(document) if document.location().is_none() => {
            match Store::open_at(None, None, None, document) {
                Ok(store) => {
                    let effective = store.effective_settings().expect("settings can be read");
                    let again = SettingsDocument::parse(&effective);
                    assert!(again.is_ok(), "{effective}");
                }
                Err(error) => place(error),
            }
        }
        Ok(_) => {}
        Err(error) => place(error),
    }
    let document = serde_json::json!({ "location": text }).to_string();
    if let Err(error) = SettingsDocument::parse(&document) {
        assert!(error.json_path().is_some());
        // The locations in the corpus contain this password.
        assert!(!error.message().contains("s3cret"), "{error}");
        place(error);
    }
    let store = Store::open(StoreOptions::default()).expect("a store in memory opens");
    if let Some((name, value)) = text.split_once('\n') {
        let before = store.effective_settings().expect("settings can be read");
        if store.set_setting(name, value).is_err() {
            assert_eq!(store.effective_settings().expect("settings can be read"), before);
        }
    }
});
