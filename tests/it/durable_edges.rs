//! Stores in files with contents at the limits of what is accepted.
#![cfg(all(unix, feature = "sqlite"))]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::*;
use rbtoken::ffi::*;
use rusqlite::Connection;

/// Returns a document with nested objects.
fn nested(levels: usize) -> String {
    format!("{}1{}", "{\"a\": ".repeat(levels), "}".repeat(levels))
}

/// Returns accepted documents at the limits.
fn extreme_documents() -> Vec<(String, String)> {
    let long = format!(
        "{{\"resources\": {{\"*\": {{\"allow\": []}}}}, \"long\": \"{}\"}}",
        "é".repeat(500_000)
    );
    let deep =
        format!("{{\"resources\": {{\"*\": {{\"allow\": []}}}}, \"deep\": {}}}", nested(127));
    let private =
        r#"{"a": {"$serde_json::private::Number": "x", "$serde_json::private::RawValue": "{"}}"#;
    vec![
        (nested(128), "{}".to_owned()),
        ("{}".to_owned(), deep),
        ("{}".to_owned(), long.clone()),
        (format!("{{\"long\": \"{}\"}}", "é".repeat(500_000)), "{}".to_owned()),
        (private.to_owned(), "{}".to_owned()),
        (
            r#"{"n": [-9223372036854775808, 18446744073709551615, 1e308, 5e-324, -0.0]}"#
                .to_owned(),
            "{}".to_owned(),
        ),
    ]
}

fn fill(store: &Store) {
    for (extra_data, policy) in extreme_documents() {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.extra_data, options.extra_data_len) = text(&extra_data);
        (options.policy, options.policy_len) = text(&policy);
        store.generate("alice", &options).unwrap();
    }
}

#[test]
fn accepted_documents_survive_reopening() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    fill(&store);
    let before = store.list(&init()).unwrap();
    drop(store);
    let store = Store::open_file(&host, &path).unwrap();
    assert_eq!(store.list(&init()).unwrap(), before);
}

#[test]
fn accepted_documents_survive_an_export_and_import() {
    let folder = Folder::new();
    let store = Store::new();
    fill(&store);
    let export = folder.file("export");
    store.export_file(&export, None).unwrap();
    let other = Store::new();
    other.import_file(&export, None).unwrap();
    let strip = |store: &Store| -> Vec<Record> {
        let records = store.list(&init()).unwrap().into_iter();
        records.map(|it| Record { redacted: String::new(), ..it }).collect()
    };
    assert_eq!(strip(&other), strip(&store));
}

#[test]
fn duplicate_local_site_in_an_import_is_added_once() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let import = folder.file("import");
    let site = "{\"type\": \"local_site\", \"name\": \"north\"}\n";
    let header = "{\"format\": \"rbtoken export\", \"version\": 1, \"local_sites\": 2, \"users\": 0, \"tokens\": 0}\n";
    fs::write(&import, format!("{header}{site}{site}")).unwrap();
    for store in [Store::new(), Store::open_file(&host, &path).unwrap()] {
        assert_eq!(store.import_file(&import, None), Ok(0));
        assert_eq!(store.get_setting("local_sites").unwrap(), "[\"north\"]");
    }
}

#[test]
fn impossible_id_in_a_file_is_corruption() {
    let folder = Folder::new();
    let host = Host::new();
    let max = i64::MAX;
    let damages = [
        format!("UPDATE webapi_webapitoken SET id = {max}"),
        "UPDATE webapi_webapitoken SET id = 0".to_owned(),
        format!("UPDATE webapi_webapitoken SET id = {}", i64::MIN),
        format!("UPDATE sqlite_sequence SET seq = {max} WHERE name = 'webapi_webapitoken'"),
    ];
    for (index, damage) in damages.iter().enumerate() {
        let path = folder.file(&format!("{index}.db"));
        let store = Store::open_file(&host, &path).unwrap();
        store.generate("alice", &init()).unwrap();
        drop(store);
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let failure = Store::open_file(&host, &path).err().map(|it| it.status);
        assert_eq!(failure, Some(E_CORRUPT), "{damage}");
    }
}

#[test]
fn accepted_times_and_values_survive_reopening_and_moving() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
    for (name, time) in [("first", first), ("before 1970", -1), ("epoch", 0), ("last", last)] {
        let mut import = init::<rbtoken_import_options_t>();
        import.flags = RBTOKEN_IMPORT_EXPIRES_KNOWN | RBTOKEN_IMPORT_LAST_USED_KNOWN;
        (import.expires_at_us, import.last_used_us) = (time, time);
        (import.note, import.note_len) = text("\u{1}\u{7f}\u{2028}\u{1f600}\r\n\\\"");
        let value = format!("{name}\r\n\u{1}\"\\{}", "\u{10ffff}".repeat(200));
        store.import("\u{1f600}\n", &value, &import).unwrap();
    }
    let strip = |store: &Store| -> Vec<Record> {
        let records = store.list(&init()).unwrap().into_iter();
        records.map(|it| Record { redacted: String::new(), ..it }).collect()
    };
    let before = strip(&store);
    let export = folder.file("export");
    store.export_file(&export, None).unwrap();
    drop(store);
    assert_eq!(strip(&Store::open_file(&host, &path).unwrap()), before);
    let other = Store::open_file(&host, &folder.file("other.db")).unwrap();
    assert_eq!(other.import_file(&export, None), Ok(4));
    assert_eq!(strip(&other), before);
}

/// Damage to an index, which only improves speed, must not make intact tokens unreadable.
#[test]
fn tokens_are_read_despite_a_damaged_index() {
    use std::io::{Seek, SeekFrom, Write};

    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    fill(&Store::open_file(&host, &path).unwrap());
    let root: u32 = Connection::open(&path)
        .unwrap()
        .query_row(
            "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND tbl_name = ?1",
            ["webapi_webapitoken"],
            |row| row.get(0),
        )
        .unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(u64::from(root - 1) * 4096)).unwrap();
    file.write_all(&[0xa5; 4096]).unwrap();
    let store = Store::open_file(&host, &path).unwrap();
    assert_eq!(store.count().unwrap(), extreme_documents().len() as u64);
}

/// Returns the number of locks on the bytes that SQLite locks in a file, by open file descriptions
/// (OFDLCK) and processes (POSIX).
#[cfg(target_os = "linux")]
fn locks_of_sqlite(path: &str) -> usize {
    let inode = format!(":{}", fs::metadata(path).unwrap().ino());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let of_file = |line: &&str| line.split(' ').any(|word| word.ends_with(&inode));
    let is_record_lock = |line: &&str| line.contains("POSIX") || line.contains("OFDLCK");
    locks.lines().filter(is_record_lock).filter(of_file).count()
}

#[cfg(target_os = "linux")]
#[test]
fn store_keeps_its_file_locks_while_others_open_and_close() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    drop(Store::open_file(&host, &path).unwrap());
    let _watchdog = Watchdog::start();
    let (barrier, lost) = (Barrier::new(3), AtomicU64::new(0));
    for _ in 0..100 {
        let open = || {
            barrier.wait();
            let _store = loop {
                match Store::open_file(&host, &path) {
                    Ok(store) => break store,
                    Err(failure) => assert_eq!(failure.status, E_LOCKED),
                }
            };
            for _ in 0..20 {
                // A single look may miss a lock while others change. A lost lock stays lost.
                if (0..10).all(|_| locks_of_sqlite(&path) == 0) {
                    lost.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(open))));
    }
    assert_eq!(lost.into_inner(), 0);
}

#[test]
fn file_created_concurrently_has_one_owner() {
    let (folder, host) = (Folder::new(), Host::new());
    let _watchdog = Watchdog::start();
    let barrier = Barrier::new(4);
    for round in 0..100 {
        let path = folder.file(&format!("{round}.db"));
        let opened = AtomicU64::new(0);
        let open = || {
            barrier.wait();
            let store = Store::open_file(&host, &path);
            barrier.wait();
            match store {
                Ok(_) => drop(opened.fetch_add(1, Ordering::Relaxed)),
                Err(failure) => assert_eq!(failure.status, E_LOCKED, "{}", failure.message),
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(open))));
        assert_eq!(opened.into_inner(), 1);
    }
}

#[test]
fn instance_reopens_its_file_after_the_last_handle_is_released() {
    use rbtoken::extension::{rbtoken_extension_entry_v1, rbtoken_instance_t};
    use std::ptr::{null, null_mut};

    let folder = Folder::new();
    let settings = format!("{{\"location\": \"{}\"}}", folder.file("tokens.db"));
    let (settings, settings_len) = text(&settings);
    let (mut table, mut store) = (null(), null_mut());
    let mut instance: *mut rbtoken_instance_t = null_mut();
    let error = null_mut();
    // SAFETY: documented calls whose arguments are valid during them.
    unsafe {
        assert_eq!(rbtoken_extension_entry_v1(0, &raw mut table), 0);
        let table = &*table;
        assert_eq!((table.create)(null(), &raw mut instance, error), 0);
        assert_eq!((table.configure)(instance, settings, settings_len, error), 0);
        for _ in 0..2 {
            assert_eq!((table.initialize)(instance, error), 0);
            assert_eq!((table.get_store)(instance, &raw mut store, error), 0);
            assert_eq!((table.shutdown)(instance, error), 0);
            assert_eq!(rbtoken_store_flush(store, error), E_STATE);
            assert_eq!((table.initialize)(instance, error), E_LOCKED);
            rbtoken_store_release(store);
        }
        (table.destroy)(instance);
    }
}
