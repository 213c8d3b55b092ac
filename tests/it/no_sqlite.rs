//! Error messages for files in a library without the feature `sqlite`.
#![cfg(not(feature = "sqlite"))]

use crate::support::*;

#[test]
fn file_location_error_names_the_missing_feature() {
    let opened = Store::open_file(&Host::new(), "/tmp/rbtoken-is-never-made.db").err().unwrap();
    assert_eq!(opened.of(), (E_UNSUPPORTED, Some("location")));
    let copied = Store::new().backup("/tmp/rbtoken-is-never-made.db").unwrap_err();
    assert_eq!(copied.of(), (E_UNSUPPORTED, Some("path")));
    for failure in [opened, copied] {
        assert!(failure.message.contains("`sqlite`"), "{failure:?}");
    }
}

/// These need no database.
#[test]
fn exports_and_imports_work_without_sqlite() {
    let folder = Folder::new();
    let (store, export) = (Store::new(), folder.file("export"));
    store.client_token("alice", "RBTools", &init()).unwrap();
    assert_eq!(store.export_file(&export, None), Ok(1));
    assert_eq!(Store::new().import_file(&export, None), Ok(1));
}
