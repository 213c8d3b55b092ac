//! Stores in files: contents after reopening, and access to the file.
#![cfg(all(unix, feature = "sqlite"))]

#[cfg(target_os = "linux")]
pub mod disk;
#[cfg(target_os = "linux")]
pub mod folder;
#[cfg(target_os = "linux")]
pub mod journal;
#[cfg(target_os = "linux")]
pub mod ledger;
#[cfg(target_os = "linux")]
pub mod random;

use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::support::c;
use crate::support::*;
use rbtoken::ffi::*;
use rusqlite::Connection;

/// Creates tokens of every kind.
fn fill(store: &Store) {
    for site in ["north", "East.1"] {
        store.add_local_site(site).unwrap();
    }
    store.client_token("alice", "RBTools", &init()).unwrap();
    let mut client = init::<rbtoken_client_token_options_t>();
    (client.local_site, client.local_site_len) = text("north");
    (client.default_policy, client.default_policy_len) =
        text(r#"{"resources": {"*": {"allow": ["GET"]}}}"#);
    (client.default_extra_data, client.default_extra_data_len) =
        text(r#"{"é": [1, 2.5, null], "__private": "kept"}"#);
    client.expires_mode = EXPIRES_NEVER;
    store.client_token("Élodie", "é ✓", &client).unwrap();
    let mut import = init::<rbtoken_import_options_t>();
    (import.note, import.note_len) = text("a note\nwith \"quotes\"");
    (import.generator_id, import.generator_id_len) = text("legacy_sha1");
    import.flags = RBTOKEN_IMPORT_EXPIRES_KNOWN | RBTOKEN_IMPORT_LAST_USED_KNOWN;
    import.expires_at_us = START + 5 * DAY + 17;
    import.last_used_us = START - DAY;
    store.import("bob", "0123456789abcdef0123456789abcdef01234567", &import).unwrap();
    let (token, _) = store.client_token("mallory", "tool", &init()).unwrap();
    store.set_now(START + 3);
    store.invalidate_by_id(token.id(), Some("gone\taway")).unwrap();
    let update = Update { note: Field::Set("changed"), expires: Field::None, ..Update::default() };
    store.update(1, &update).unwrap();
    let mut generate = init::<rbtoken_generate_options_t>();
    generate.flags = RBTOKEN_GENERATE_INVALID;
    store.generate("carol", &generate).unwrap();
    store.set_user_active("bob", false).unwrap();
    store.set_user_active("dora", false).unwrap();
    store.set_user_active("mallory", false).unwrap();
    store.set_user_active("mallory", true).unwrap();
}

fn all(store: &Store) -> (Vec<Record>, String) {
    (store.list(&init()).unwrap(), store.get_setting("local_sites").unwrap())
}

#[test]
fn reopened_store_has_every_field_of_every_token() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    fill(&store);
    let before = all(&store);
    assert_eq!(before.0.len(), 5);
    drop(store);

    let store = Store::open_file(&host, &path).unwrap();
    assert_eq!(all(&store), before);
    assert_eq!(store.get_setting("location").unwrap(), format!("\"{path}\""));
    let bob = &before.0[2];
    assert_eq!(store.authenticate(&bob.value, Site::Any).unwrap().verdict, INACTIVE_USER);
    // An existing token is returned as before.
    let (found, created) = store.client_token("alice", "RBTools", &init()).unwrap();
    assert_eq!((found.id(), created), (1, false));
    assert_eq!(store.add_local_site("north").unwrap_err().status, E_EXISTS);
    // Only this store's file remains, and only its owner can read it.
    drop(store);
    assert_eq!(folder.names(), ["tokens.db"]);
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn every_kind_of_change_survives_reopening() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let changes: &[fn(&Store)] = &[
        fill,
        |store| store.remove_local_site("north").unwrap(),
        |store| assert_eq!(store.invalidate_user("alice", None), Ok(1)),
        |store| store.delete(1).unwrap(),
        |store| store.invalidate("0123456789abcdef0123456789abcdef01234567", None).unwrap(),
        |store| drop(store.client_token("alice", "RBTools", &init()).unwrap()),
        |store| assert!(store.invalidate_all(Some("all")).unwrap() > 0),
        |store| store.set_user_active("bob", true).unwrap(),
        |store| {
            store.set_now(START + 10 * DAY);
            assert!(store.purge(START + 10 * DAY).unwrap() > 0);
        },
    ];
    for change in changes {
        let store = Store::open_file(&host, &path).unwrap();
        change(&store);
        let after = all(&store);
        drop(store);
        let store = Store::open_file(&host, &path).unwrap();
        assert_eq!(all(&store), after);
    }
}

#[test]
fn id_is_not_reused_after_the_last_token_is_deleted() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    for id in 1..4 {
        let store = Store::open_file(&host, &path).unwrap();
        let token = store.generate("alice", &init()).unwrap();
        assert_eq!(token.id(), id);
        store.delete(id).unwrap();
    }
}

#[test]
fn id_is_not_reused_after_a_crash() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    for crash in 0..3 {
        let last = store.generate("alice", &init()).unwrap().id();
        assert_eq!(last, crash + 1, "ids are consecutive without a crash");
        store.delete(last).unwrap();
        // What a killed host leaves behind.
        let next = copy_of(&folder, &path).generate("alice", &init()).unwrap().id();
        assert!((last + 1..=last + 1001).contains(&next), "{next} follows {last}");
    }
}

/// Opens a copy of the file in its current state on disk.
fn copy_of(folder: &Folder, path: &str) -> Store {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let copy = folder.file(&format!("copy-{}.db", COUNT.fetch_add(1, Ordering::SeqCst)));
    // The log last: it may only be newer than the file.
    fs::copy(path, &copy).unwrap();
    fs::copy(format!("{path}-wal"), format!("{copy}-wal")).unwrap();
    Store::open_file(&Host::new(), &copy).unwrap()
}

#[test]
fn login_time_is_durable_after_a_flush() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (token, _) = store.client_token("alice", "RBTools", &init()).unwrap();
    for second in 1..4 {
        store.set_now(START + second * SECOND);
        assert_eq!(store.authenticate(&token.value(), Site::Any).unwrap().verdict, ACCEPTED);
        store.flush().unwrap();
        let on_disk = copy_of(&folder, &path).get(1).unwrap().record();
        assert_eq!(on_disk.last_used, Some(START + second * SECOND));
    }
}

#[test]
fn login_time_is_durable_after_the_last_release() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (token, _) = store.client_token("alice", "RBTools", &init()).unwrap();
    store.authenticate(&token.value(), Site::Any).unwrap();
    // An intermediate change of the token loses nothing.
    store.update(1, &Update { note: Field::Set("new"), ..Update::default() }).unwrap();
    drop(store);
    let record = Store::open_file(&host, &path).unwrap().get(1).unwrap().record();
    assert_eq!((record.last_used, record.note.as_str()), (Some(START), "new"));
}

#[test]
fn login_time_becomes_durable_by_itself() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (token, _) = store.client_token("alice", "RBTools", &init()).unwrap();
    store.authenticate(&token.value(), Site::Any).unwrap();
    wait_until("the time of the login is in the file", || {
        copy_of(&folder, &path).get(1).unwrap().record().last_used.is_some()
    });
}

#[test]
fn failed_flush_is_reported_and_retried() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (token, _) = store.client_token("alice", "RBTools", &init()).unwrap();
    let away = folder.file("away.db");
    fs::rename(&path, &away).unwrap();
    store.authenticate(&token.value(), Site::Any).unwrap();
    assert_eq!(store.flush().unwrap_err().status, E_IO);
    fs::rename(&away, &path).unwrap();
    // Without another call or login.
    wait_until("the time of the login is in the file", || {
        copy_of(&folder, &path).get(1).unwrap().record().last_used.is_some()
    });
}

/// Returns the names, contents and metadata of the files in a folder, to check that nothing has
/// changed.
fn state(folder: &Folder) -> Vec<(String, Vec<u8>, i64, i64, u32)> {
    let names = folder.names().into_iter();
    names
        .map(|name| {
            let metadata = fs::symlink_metadata(folder.file(&name)).unwrap();
            let bytes =
                if metadata.is_file() { fs::read(folder.file(&name)).unwrap() } else { Vec::new() };
            (name, bytes, metadata.mtime(), metadata.mtime_nsec(), metadata.mode())
        })
        .collect()
}

fn names_of(state: &[(String, Vec<u8>, i64, i64, u32)]) -> Vec<&str> {
    state.iter().map(|(name, ..)| name.as_str()).collect()
}

#[test]
fn open_refuses_foreign_files_unchanged() {
    let folder = Folder::new();
    let host = Host::new();
    let new_store = |name: &str| {
        let path = folder.file(name);
        fill(&Store::open_file(&host, &path).unwrap());
        path
    };
    let change = |path: &str, offset: u64, bytes: &[u8]| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(bytes, offset).unwrap();
    };
    let sql = |path: &str, sql: &str| Connection::open(path).unwrap().execute_batch(sql).unwrap();
    let mode =
        |path: &str, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();

    let newer = new_store("newer");
    sql(&newer, "PRAGMA user_version = 2");
    let foreign = folder.file("foreign");
    sql(&foreign, "CREATE TABLE webapi_webapitoken (id integer)");
    let prose = folder.file("prose");
    fs::write(&prose, "not a database, but long enough to be one: ".repeat(100)).unwrap();
    let short = folder.file("short");
    fs::write(&short, "short").unwrap();
    let directory = folder.file("directory");
    fs::create_dir(&directory).unwrap();
    let read_only = new_store("read-only");
    mode(&read_only, 0o400);
    let open_to_others = new_store("open-to-others");
    mode(&open_to_others, 0o602);
    let open_to_group = new_store("open-to-group");
    mode(&open_to_group, 0o620);
    let garbled = new_store("garbled");
    change(&garbled, 4096, &[0x5a; 4096 * 4]);
    // SQLite would overwrite the format versions before it finds the damage after them.
    let garbled_versions = new_store("garbled-versions");
    change(&garbled_versions, 19, &[0]);
    change(&garbled_versions, 4096, &[0x5a; 4096 * 4]);
    // Damaged files without a write-ahead log, which opening would switch to one.
    let garbled_without_log = new_store("garbled-without-log");
    sql(&garbled_without_log, "PRAGMA journal_mode = DELETE");
    change(&garbled_without_log, 4096, &[0x5a; 4096 * 4]);
    let bad_row_without_log = new_store("bad-row-without-log");
    sql(&bad_row_without_log, "PRAGMA journal_mode = DELETE");
    sql(&bad_row_without_log, "UPDATE webapi_webapitoken SET time_added = 'never' WHERE id = 2");
    let cut = new_store("cut");
    fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(8192).unwrap();
    let bad_time = new_store("bad-time");
    sql(&bad_time, "UPDATE webapi_webapitoken SET time_added = 'yesterday' WHERE id = 2");
    let bad_json = new_store("bad-json");
    sql(&bad_json, "UPDATE webapi_webapitoken SET policy = '[' WHERE id = 2");
    // An id after which no others are left, and an id that is never assigned.
    let huge_id = new_store("huge-id");
    sql(&huge_id, "UPDATE webapi_webapitoken SET id = 9223372036854775807 WHERE id = 2");
    let huge_ids = new_store("huge-ids");
    sql(&huge_ids, "UPDATE sqlite_sequence SET seq = 9223372036854775807");
    let low_id = new_store("low-id");
    sql(&low_id, "UPDATE webapi_webapitoken SET id = 0 WHERE id = 2");
    let no_table = new_store("no-table");
    sql(&no_table, "PRAGMA foreign_keys = OFF; DROP TABLE site_localsite");
    let nowhere = folder.file("nowhere");
    symlink(folder.file("missing"), &nowhere).unwrap();
    let fifo = folder.file("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let absent = folder.file("absent/tokens.db");
    let linked = new_store("linked");
    let second_name = folder.file("second-name");
    fs::hard_link(&linked, &second_name).unwrap();

    let cases = [
        (&newer, E_VERSION, "version 2"),
        (&foreign, E_INVALID_ARGUMENT, "not a store of this library"),
        (&prose, E_INVALID_ARGUMENT, "not a store of this library"),
        (&short, E_INVALID_ARGUMENT, "not a store of this library"),
        (&directory, E_INVALID_ARGUMENT, "directory"),
        (&read_only, E_IO, "read-only"),
        (&open_to_others, E_INVALID_ARGUMENT, "must not be writable by others"),
        (&open_to_group, E_INVALID_ARGUMENT, "is writable by its group"),
        (&garbled, E_CORRUPT, "damaged"),
        (&garbled_versions, E_CORRUPT, "damaged"),
        (&garbled_without_log, E_CORRUPT, "damaged"),
        (&bad_row_without_log, E_CORRUPT, "row 2 of webapi_webapitoken"),
        (&cut, E_CORRUPT, "damaged"),
        (&bad_time, E_CORRUPT, "row 2 of webapi_webapitoken"),
        (&bad_json, E_CORRUPT, "row 2 of webapi_webapitoken"),
        (&huge_id, E_CORRUPT, "row 9223372036854775807 of webapi_webapitoken"),
        (&huge_ids, E_CORRUPT, "no ids are left"),
        (&low_id, E_CORRUPT, "row 0 of webapi_webapitoken"),
        (&no_table, E_CORRUPT, "damaged"),
        (&nowhere, E_IO, "does not exist"),
        (&fifo, E_INVALID_ARGUMENT, "expected a regular file"),
        (&absent, E_IO, "cannot be found"),
        (&linked, E_INVALID_ARGUMENT, "find DIR -inum"),
        (&second_name, E_INVALID_ARGUMENT, "find DIR -inum"),
    ];
    let before = state(&folder);
    for (path, status, words) in cases {
        for _ in 0..2 {
            let failure = Store::open_file(&host, path).err().expect(path);
            assert_eq!(failure.of(), (status, Some("location")), "{failure:?}");
            assert!(failure.message.contains(path.as_str()), "{failure:?}");
            assert!(failure.message.contains(words), "{failure:?}");
            let after = state(&folder);
            assert_eq!(names_of(&after), names_of(&before), "{path}");
            assert!(after == before, "{path} was touched");
        }
    }
    let (empty, url) = (Store::open_file(&host, ""), Store::open_file(&host, "redis://secret@x/"));
    let (empty, url) = (empty.err().unwrap(), url.err().unwrap());
    assert_eq!(empty.of(), (E_INVALID_ARGUMENT, Some("location")));
    assert_eq!(url.of(), (E_INVALID_ARGUMENT, Some("location")));
    assert!(!url.message.contains("secret"));
}

#[test]
fn open_switches_a_file_to_a_write_ahead_log() {
    let (folder, host) = (Folder::new(), Host::new());
    let path = folder.file("tokens.db");
    let format_versions = || fs::read(&path).unwrap()[18..20].to_vec();
    fill(&Store::open_file(&host, &path).unwrap());
    assert_eq!(format_versions(), [2, 2], "a new file");
    let tokens = Connection::open(&path)
        .and_then(|it| {
            it.execute_batch("PRAGMA journal_mode = DELETE")?;
            it.query_row("SELECT count(*) FROM webapi_webapitoken", [], |row| row.get::<_, i64>(0))
        })
        .unwrap();
    assert_eq!(format_versions(), [1, 1], "switched by another program");

    let store = Store::open_file(&host, &path).unwrap();
    assert_eq!(format_versions(), [2, 2], "an existing file");
    assert_eq!(store.count().unwrap().cast_signed(), tokens);
    store.client_token("zed", "new", &init()).unwrap();
    assert!(fs::metadata(format!("{path}-wal")).unwrap().len() > 0);
}

#[test]
#[ignore = "needs root"]
fn file_of_another_user_is_refused() {
    let (folder, host) = (Folder::new(), Host::new());
    for content in [&b""[..], b"whatever it is"] {
        let path = folder.file("planted");
        fs::write(&path, content).unwrap();
        std::os::unix::fs::chown(&path, Some(65534), None).unwrap();
        let failure = Store::open_file(&host, &path).err().unwrap();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("location")), "{failure:?}");
        assert!(failure.message.contains("another user"), "{failure:?}");
        assert_eq!(fs::read(&path).unwrap(), content);
        fs::remove_file(&path).unwrap();
    }
}

/// Returns the settings that an error message suggests.
fn asked_settings(failure: &Failure) -> String {
    let at = failure.message.find("\"trusted_owners\"").expect("the message has the entry to add");
    format!("{{{}}}", &failure.message[at..])
}

#[test]
fn trusted_group_may_write() {
    let (folder, host) = (Folder::new(), Host::new());
    let (path, copy) = (folder.file("tokens.db"), folder.file("copy.db"));
    let mode =
        |path: &str, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let directory = folder.file("");
    let group = fs::metadata(&directory).unwrap().gid();
    mode(&directory, 0o775);
    let failure = Store::open_file(&host, &path).err().unwrap();
    assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("location")));
    assert_eq!(folder.names(), [""; 0]);
    let settings = asked_settings(&failure);
    assert_eq!(settings, format!(r#"{{"trusted_owners": {{"groups": [{group}]}}}}"#));
    let another = settings.replace(&group.to_string(), &(group + 1).to_string());
    assert!(Store::open_file_with(&host, &path, Some(&another)).is_err());

    let store = Store::open_file_with(&host, &path, Some(&settings)).unwrap();
    store.generate("alice", &init()).unwrap();
    let told = store.get_setting("trusted_owners").unwrap();
    assert_eq!(told, format!(r#"{{"groups": [{group}], "users": []}}"#));
    assert_eq!(store.set_setting("trusted_owners", "{}").unwrap_err().status, E_STATE);
    store.backup(&copy).unwrap();
    drop(store);
    // As Kubernetes sets up the files of a volume with an `fsGroup`.
    mode(&path, 0o660);
    assert_eq!(asked_settings(&Store::open_file(&host, &path).err().unwrap()), settings);
    assert_eq!(Store::open_file_with(&host, &path, Some(&settings)).unwrap().count(), Ok(1));
    // Write permission for all users is never accepted.
    for (path, open_to_others) in [(&path, 0o606), (&directory, 0o777)] {
        mode(path, open_to_others);
        let failure = Store::open_file_with(&host, &folder.file("tokens.db"), Some(&settings));
        assert!(failure.err().unwrap().message.contains("writable by others"));
        mode(path, 0o700);
    }
}

#[test]
#[ignore = "needs root"]
fn trusted_user_may_own_the_directory() {
    const NOBODY: u32 = 65534;
    let (folder, host) = (Folder::new(), Host::new());
    let path = folder.file("tokens.db");
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), None).unwrap();
    let failure = Store::open_file(&host, &path).err().unwrap();
    assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("location")));
    let settings = asked_settings(&failure);
    assert_eq!(settings, r#"{"trusted_owners": {"users": [65534]}}"#);
    drop(Store::open_file_with(&host, &path, Some(&settings)).unwrap());
    // The same for the file.
    std::os::unix::fs::chown(folder.path(), Some(0), None).unwrap();
    std::os::unix::fs::chown(&path, Some(NOBODY), None).unwrap();
    assert_eq!(asked_settings(&Store::open_file(&host, &path).err().unwrap()), settings);
    drop(Store::open_file_with(&host, &path, Some(&settings)).unwrap());
}

#[test]
fn bad_location_in_settings_is_reported_with_its_path() {
    let folder = Folder::new();
    for place in [folder.file(""), folder.file("absent/tokens.db")] {
        let settings = serde_json::json!({ "location": place }).to_string();
        let mut options = init::<rbtoken_store_options_t>();
        (options.settings, options.settings_len) = text(&settings);
        let failure = Store::open(&Host::new(), &options).err().unwrap();
        assert_eq!(failure.argument.as_deref(), Some("settings"), "{failure:?}");
        assert_eq!(failure.json_path.as_deref(), Some("$.location"), "{failure:?}");
    }
}

#[test]
fn path_longer_than_any_system_allows_is_refused() {
    let folder = Folder::new();
    let (host, long) = (Host::new(), folder.file(&"x/".repeat(2048)));
    let failure = Store::open_file(&host, &long).err().unwrap();
    assert_eq!(failure.of(), (E_TOO_LONG, Some("location")), "{failure:?}");
    let failure = Store::new().backup(&long).unwrap_err();
    assert_eq!(failure.of(), (E_TOO_LONG, Some("path")), "{failure:?}");
}

#[test]
fn open_refuses_a_shared_directory_unless_it_is_sticky() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    for (mode, fits) in [(0o777, false), (0o770, false), (0o707, false), (0o1777, true)] {
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        let opened = Store::open_file(&host, &path);
        assert_eq!(opened.is_ok(), fits, "{mode:o}");
        if let Err(failure) = opened {
            assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("location")));
            assert_eq!(folder.names(), [""; 0]);
        }
    }
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o700)).unwrap();
}

/// Returns how many of the values are in the file of a store or in its log.
fn values_in_files(path: &str, values: &[String]) -> usize {
    let files = [fs::read(path).unwrap(), fs::read(format!("{path}-wal")).unwrap()].concat();
    let found = |value: &&String| files.windows(40).any(|part| part == &value.as_bytes()[100..140]);
    values.iter().filter(found).count()
}

#[test]
fn purged_values_leave_the_file_and_its_log() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let values: Vec<_> =
        (0..20).map(|_| store.generate("alice", &init()).unwrap().value()).collect();
    store.generate("bob", &init()).unwrap();
    assert_eq!(values_in_files(&path, &values), 20);
    store.invalidate_user("alice", None).unwrap();
    store.set_now(START + DAY);
    assert_eq!(store.purge(START + DAY), Ok(20));
    assert_eq!(values_in_files(&path, &values), 0);
}

#[test]
fn values_of_a_large_removal_leave_the_file_and_its_log() {
    const TOKENS: usize = 1000;
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    store.add_local_site("north").unwrap();
    let mut options = init::<rbtoken_generate_options_t>();
    (options.local_site, options.local_site_len) = text("north");
    let mut values: Vec<_> =
        (0..TOKENS).map(|_| store.generate("alice", &options).unwrap().value()).collect();
    store.remove_local_site("north").unwrap();
    values.drain(..TOKENS - 20);
    assert_eq!(values_in_files(&path, &values), 0);
}

#[test]
fn deleted_values_leave_the_log_at_a_flush() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let values = [store.generate("alice", &init()).unwrap().value()];
    store.delete(1).unwrap();
    // A single deletion does not truncate the log, since commits would take longer.
    assert_eq!(values_in_files(&path, &values), 1);
    store.flush().unwrap();
    assert_eq!(values_in_files(&path, &values), 0);
    assert_eq!(fs::metadata(format!("{path}-wal")).unwrap().len(), 0);
    store.generate("alice", &init()).unwrap();
    drop(store);
    assert_eq!(Store::open_file(&host, &path).unwrap().count(), Ok(1));
}

#[test]
fn token_of_a_known_user_writes_two_pages() {
    const FRAME: u64 = 24 + 4096;
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let log_size = || fs::metadata(format!("{path}-wal")).unwrap().len();
    store.generate("alice", &init()).unwrap();
    let growth = (0..8).map(|_| {
        let before = log_size();
        store.generate("alice", &init()).unwrap();
        log_size() - before
    });
    // One of the table, and one of its index; more when a page is full.
    assert_eq!(growth.min(), Some(2 * FRAME));
}

#[test]
fn empty_file_becomes_a_private_store() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    let store = Store::open_file(&host, &path).unwrap();
    store.generate("alice", &init()).unwrap();
    for name in folder.names() {
        assert_eq!(fs::metadata(folder.file(&name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
}

#[test]
fn file_has_one_owner_under_any_path() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (link, hard_link) = (folder.file("link.db"), folder.file("hard-link.db"));
    symlink(&path, &link).unwrap();
    fs::hard_link(&path, &hard_link).unwrap();
    for again in [&path, &link, &hard_link] {
        let failure = Store::open_file(&host, again).err().expect("it is locked");
        assert_eq!(failure.of(), (E_LOCKED, Some("location")));
        assert!(failure.message.contains(folder.path().to_str().unwrap()), "{failure:?}");
    }
    // Other programs are still excluded by SQLite's locks: the refused open has not released them.
    let shell = Connection::open(&path).unwrap();
    shell.busy_timeout(std::time::Duration::ZERO).unwrap();
    shell.query_row("SELECT count(*) FROM auth_user", [], |row| row.get::<_, i64>(0)).unwrap_err();
    drop(shell);
    store.generate("alice", &init()).unwrap();
    drop(store);
    fs::remove_file(&hard_link).unwrap();
    // A symbolic link refers to the same file.
    assert_eq!(Store::open_file(&host, &link).unwrap().count(), Ok(1));
}

#[test]
fn open_adds_missing_local_sites_of_the_settings() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let open = |settings| Store::open_file_with(&host, &path, Some(settings)).unwrap();
    drop(open(r#"{"local_sites": ["north"], "client_token_expiration": 7}"#));
    let store = open(r#"{"local_sites": ["north", "south"]}"#);
    assert_eq!(store.get_setting("local_sites").unwrap(), r#"["north", "south"]"#);
    // Settings are not stored; each open has its own.
    assert_eq!(store.get_setting("client_token_expiration").unwrap(), "365");
}

#[test]
fn concurrent_callers_get_one_token_that_survives_reopening() {
    const THREADS: usize = 64;
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    for round in 0..10 {
        let store = Store::open_file(&host, &path).unwrap();
        let barrier = Barrier::new(THREADS);
        let client = format!("client {round}");
        let _watchdog = Watchdog::start();
        let answers: Vec<_> = std::thread::scope(|scope| {
            let ask = || {
                barrier.wait();
                let (token, created) = store.client_token("alice", &client, &init()).unwrap();
                (token.id(), created)
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(answers.iter().filter(|(_, created)| *created).count(), 1);
        assert!(answers.iter().all(|(id, _)| *id == answers[0].0));
        drop(store);
        assert_eq!(Store::open_file(&host, &path).unwrap().count(), Ok(round + 1));
    }
}

#[test]
fn acknowledged_concurrent_changes_are_durable() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let _watchdog = Watchdog::start();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let user = format!("user {thread}");
                for turn in 0..40 {
                    let token = store.generate(&user, &init()).unwrap();
                    match turn % 4 {
                        0 => store.delete(token.id()).unwrap(),
                        1 => store.invalidate(&token.value(), Some("why not")).unwrap(),
                        2 if turn == 22 => assert!(store.invalidate_user(&user, None).unwrap() > 0),
                        2 => {
                            let update = Update { note: Field::Set("n"), ..Update::default() };
                            store.update(token.id(), &update).unwrap();
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    let on_disk = copy_of(&folder, &path);
    assert_eq!(all(&on_disk), all(&store));
    assert_eq!(store.count(), Ok(8 * 30));
}

#[test]
fn moved_file_takes_no_changes_until_it_is_back() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    let (token, _) = store.client_token("alice", "RBTools", &init()).unwrap();
    let away = folder.file("away.db");
    for put_another in [false, true] {
        fs::rename(&path, &away).unwrap();
        if put_another {
            fs::write(&path, "another").unwrap();
        }
        let failure = store.generate("alice", &init()).unwrap_err();
        assert_eq!(failure.status, E_IO);
        assert!(failure.message.contains("moved or deleted"), "{failure:?}");
        assert_eq!(store.count(), Ok(1));
        assert_eq!(store.authenticate(&token.value(), Site::Any).unwrap().verdict, ACCEPTED);
        // A no-op succeeds.
        assert!(!store.client_token("alice", "RBTools", &init()).unwrap().1);
        fs::rename(&away, &path).unwrap();
    }
    store.generate("alice", &init()).unwrap();
    let journal = format!("{path}-wal");
    fs::rename(&journal, &away).unwrap();
    assert_eq!(store.generate("alice", &init()).unwrap_err().status, E_IO);
    fs::rename(&away, &journal).unwrap();
    store.generate("alice", &init()).unwrap();
    drop(store);
    assert_eq!(Store::open_file(&host, &path).unwrap().count(), Ok(3));
}

#[test]
fn backup_opens_as_a_consistent_store() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    fill(&store);
    store.delete(5).unwrap();
    let before = all(&store);
    let backup = folder.file("backup.db");
    store.backup(&backup).unwrap();
    assert_eq!(fs::metadata(&backup).unwrap().mode() & 0o777, 0o600);
    {
        let copy = Store::open_file(&host, &backup).unwrap();
        assert_eq!(all(&copy), before);
        // Ids continue as in the original.
        assert_eq!(copy.generate("alice", &init()).unwrap().id(), 6);
    }
    assert_eq!(folder.names(), ["backup.db", "tokens.db", "tokens.db-wal"]);
    // Existing files are not overwritten, in particular not the store's own.
    for existing in [&backup, &path] {
        let failure = store.backup(existing).unwrap_err();
        assert_eq!(failure.of(), (E_EXISTS, Some("path")));
    }
    let failure = store.backup(&folder.file("absent/backup.db")).unwrap_err();
    assert_eq!(failure.of(), (E_IO, Some("path")));
    assert_eq!(all(&store), before);

    // Another thread creates tokens in pairs meanwhile. A consistent copy misses at most one of a
    // pair.
    let done = AtomicBool::new(false);
    let _watchdog = Watchdog::start();
    std::thread::scope(|scope| {
        let maker = scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::SeqCst) {
                for user in ["left", "right"] {
                    store.client_token(user, &format!("{turn}"), &init()).unwrap();
                }
                turn += 1;
            }
        });
        for round in 0..10 {
            let backup = folder.file(&format!("backup-{round}.db"));
            store.backup(&backup).unwrap();
            let tokens = Store::open_file(&host, &backup).unwrap().list(&init()).unwrap();
            let of = |user: &str| tokens.iter().filter(|token| token.user == user).count();
            assert!((of("right")..=of("right") + 1).contains(&of("left")));
        }
        done.store(true, Ordering::SeqCst);
        maker.join().unwrap();
    });
}

#[test]
fn store_in_memory_can_be_backed_up_too() {
    let folder = Folder::new();
    let (store, backup) = (Store::new(), folder.file("backup.db"));
    fill(&store);
    store.backup(&backup).unwrap();
    assert_eq!(all(&Store::open_file(&store.host, &backup).unwrap()), all(&store));
    store.flush().unwrap();
}

/// Returns the fields of all tokens except their ids.
fn without_ids(store: &Store) -> Vec<Record> {
    let strip = |record: Record| Record { id: 0, redacted: String::new(), ..record };
    store.list(&init()).unwrap().into_iter().map(strip).collect()
}

#[test]
fn export_is_imported_with_every_field() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let file = Store::open_file(&host, &path).unwrap();
    let memory = Store::new();
    for (round, from) in [&file, &memory].into_iter().enumerate() {
        fill(from);
        let export = folder.file(&format!("export-{round}"));
        let watched = Watched::default();
        assert_eq!(from.export_file(&export, Some(&watched)), Ok(5));
        assert_eq!(*watched.told.lock().unwrap(), [(5, 5)]);
        assert_eq!(watched.destroyed.load(Ordering::SeqCst), 1);
        assert_eq!(fs::metadata(&export).unwrap().mode() & 0o777, 0o600);
        let again = from.export_file(&export, None).unwrap_err();
        assert_eq!(again.of(), (E_EXISTS, Some("path")));

        let other = folder.file(&format!("other-{round}.db"));
        let into_file = Store::open_file(&host, &other).unwrap();
        for into in [&into_file, &Store::new()] {
            into.add_local_site("north").unwrap();
            into.generate("zoe", &init()).unwrap();
            into.delete(1).unwrap();
            assert_eq!(into.import_file(&export, None), Ok(5));
            assert_eq!(without_ids(into), without_ids(from));
            assert_eq!(into.list(&init()).unwrap()[0].id, 2);
            assert_eq!(into.get_setting("local_sites"), from.get_setting("local_sites"));
            let bob = "0123456789abcdef0123456789abcdef01234567";
            assert_eq!(into.authenticate(bob, Site::Any).unwrap().verdict, INACTIVE_USER);
            // The second import fails, since the values exist, and changes nothing.
            let before = all(into);
            let failure = into.import_file(&export, None).unwrap_err();
            assert_eq!(failure.of(), (E_EXISTS, Some("path")));
            assert!(failure.message.contains("line 6"), "{failure:?}");
            assert_eq!(all(into), before);
        }
        let before = all(&into_file);
        drop(into_file);
        assert_eq!(all(&Store::open_file(&host, &other).unwrap()), before);
    }
}

#[test]
fn exports_of_equal_stores_list_inactive_users_alike() {
    let folder = Folder::new();
    let users: Vec<_> = (0..40).map(|n| format!("user {n:02}")).collect();
    let lines = |name: &str, users: &mut dyn Iterator<Item = &String>| -> Vec<String> {
        let store = Store::new();
        users.for_each(|user| store.set_user_active(user, false).unwrap());
        let export = folder.file(name);
        store.export_file(&export, None).unwrap();
        let text = fs::read_to_string(&export).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    let one = lines("one", &mut users.iter());
    assert_eq!(one.len(), 40);
    assert_eq!(one, lines("other", &mut users.iter().rev()));
}

#[test]
fn import_is_atomic_and_names_the_bad_line() {
    let folder = Folder::new();
    let store = Store::new();
    fill(&store);
    let export = folder.file("export");
    store.export_file(&export, None).unwrap();
    let good = fs::read_to_string(&export).unwrap();
    let lines: Vec<_> = good.lines().collect();
    assert_eq!(lines.len(), 1 + 2 + 2 + 5);
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let with_line =
        |line: &str| format!("{}\n{line}\n", changed("\"tokens\": 5", "\"tokens\": 6").trim_end());
    let cases = [
        (String::new(), E_INVALID_ARGUMENT, "not an export", None),
        ("{}\n".to_owned(), E_INVALID_ARGUMENT, "not an export", None),
        ("hello\n".to_owned(), E_JSON_SYNTAX, "line 1", Some("$")),
        (changed("\"version\": 1", "\"version\": 2"), E_VERSION, "version 2", None),
        (lines[..lines.len() - 1].join("\n"), E_CORRUPT, "first line", None),
        (good[..good.len() - 20].to_owned(), E_JSON_SYNTAX, "line 10", Some("$")),
        (with_line("{\"type\": \"thing\"}"), E_JSON_TYPE, "line 11", Some("$.type")),
        (with_line(lines[9]), E_EXISTS, "line 11", None),
        (
            changed("\"is_active\": false", "\"is_active\": true"),
            E_JSON_TYPE,
            "line 4",
            Some("$.is_active"),
        ),
        (changed("\"valid\": true", "\"valid\": 1"), E_JSON_TYPE, "line 6", Some("$.valid")),
        (
            changed("\"user\": \"alice\"", "\"user\": \"\""),
            E_INVALID_ARGUMENT,
            "line 6",
            Some("$.user"),
        ),
        (changed("\"north\"", "\"no/rth\""), E_INVALID_ARGUMENT, "line 3", Some("$.local_site")),
        (
            changed("\"local_site\": \"north\"", "\"local_site\": \"west\""),
            E_NOT_FOUND,
            "line 7",
            None,
        ),
        (
            changed("[\"GET\"]", "\"GET\""),
            E_POLICY,
            "line 7",
            Some("$.policy.resources[\"*\"].allow"),
        ),
        (
            changed("T00:00:00+00:00\", \"last_used\"", "\", \"last_used\""),
            E_JSON_TYPE,
            "line 7",
            Some("$.last_updated"),
        ),
        (changed("2.5, null", "1e999, null"), E_JSON_NUMBER, "line 7", None),
        (changed("2.5, null", "123456789012345678901, null"), E_JSON_NUMBER, "line 7", None),
    ];
    let path = folder.file("tokens.db");
    let into = Store::open_file(&store.host, &path).unwrap();
    into.generate("zoe", &init()).unwrap();
    let before = all(&into);
    for (index, (text, status, words, json_path)) in cases.into_iter().enumerate() {
        let bad = folder.file(&format!("bad-{index}"));
        fs::write(&bad, text).unwrap();
        let failure = into.import_file(&bad, None).unwrap_err();
        assert_eq!(failure.of(), (status, Some("path")), "{index}: {failure:?}");
        assert!(failure.message.contains(words), "{index}: {failure:?}");
        if json_path.is_some() {
            assert_eq!(failure.json_path.as_deref(), json_path, "{index}: {failure:?}");
        }
        assert_eq!(all(&into), before, "{index}");
    }
    // The store's own file must not even be opened: closing it would release SQLite's locks.
    for (not_an_export, status) in [(path.as_str(), E_LOCKED), ("/dev/null", E_INVALID_ARGUMENT)] {
        let failure = into.import_file(not_an_export, None).unwrap_err();
        assert_eq!(failure.of(), (status, Some("path")));
    }
    let failure = into.import_file(&folder.file("absent"), None).unwrap_err();
    assert_eq!(failure.of(), (E_IO, Some("path")));
}

#[test]
fn progress_can_abort_a_transfer_without_a_trace() {
    let folder = Folder::new();
    let store = Store::new();
    for _ in 0..2500 {
        store.generate("alice", &init()).unwrap();
    }
    let told = |watched: &Watched| std::mem::take(&mut *watched.told.lock().unwrap());
    let (watched, export) = (Watched::default(), folder.file("export"));
    watched.answer.store(7777, Ordering::SeqCst);
    assert_eq!(store.export_file(&export, Some(&watched)).unwrap_err().status, 7777);
    assert_eq!(told(&watched), [(1000, 2500)]);
    assert_eq!(folder.names(), [""; 0]);

    watched.answer.store(0, Ordering::SeqCst);
    assert_eq!(store.export_file(&export, Some(&watched)), Ok(2500));
    assert_eq!(told(&watched), [(1000, 2500), (2000, 2500), (2500, 2500)]);

    let into = Store::new();
    watched.answer.store(7777, Ordering::SeqCst);
    assert_eq!(into.import_file(&export, Some(&watched)).unwrap_err().status, 7777);
    assert_eq!((told(&watched), into.count()), (vec![(1000, 2500)], Ok(0)));
    watched.answer.store(0, Ordering::SeqCst);
    assert_eq!(into.import_file(&export, Some(&watched)), Ok(2500));
    assert_eq!(told(&watched), [(1000, 2500), (2000, 2500), (2500, 2500)]);
    assert_eq!(watched.destroyed.load(Ordering::SeqCst), 4);

    let mut progress = init::<rbtoken_progress_t>();
    let (path, len) = text(&export);
    let import = |progress: &rbtoken_progress_t| {
        // SAFETY: the handle, the text and the struct are valid during the call.
        call(|error| unsafe {
            rbtoken_store_import_file(into.raw(), path, len, progress, std::ptr::null_mut(), error)
        })
    };
    assert_eq!(import(&progress).unwrap_err().of(), (E_NULL_ARGUMENT, Some("progress")));
    progress.struct_size = 1;
    assert_eq!(import(&progress).unwrap_err().of(), (E_STRUCT_SIZE, Some("progress")));
}

/// The tables that Review Board 8.1 creates in SQLite, from `.schema`, without indexes.
const REVIEW_BOARD: [(&str, &str); 3] = [
    (
        "auth_user",
        r#"CREATE TABLE "auth_user" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "password" varchar(128) NOT NULL, "last_login" datetime NULL, "is_superuser" bool NOT NULL, "username" varchar(150) NOT NULL UNIQUE, "last_name" varchar(150) NOT NULL, "email" varchar(254) NOT NULL, "is_staff" bool NOT NULL, "is_active" bool NOT NULL, "date_joined" datetime NOT NULL, "first_name" varchar(150) NOT NULL)"#,
    ),
    (
        "site_localsite",
        r#"CREATE TABLE "site_localsite" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "name" varchar(32) NOT NULL UNIQUE, "public" bool NOT NULL, "extra_data" text NULL)"#,
    ),
    (
        "webapi_webapitoken",
        r#"CREATE TABLE "webapi_webapitoken" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "user_id" integer NOT NULL REFERENCES "auth_user" ("id") DEFERRABLE INITIALLY DEFERRED, "token" varchar(255) NOT NULL UNIQUE, "token_generator_id" varchar(255) NOT NULL, "time_added" datetime NOT NULL, "last_updated" datetime NOT NULL, "last_used" datetime NULL, "expires" datetime NULL, "valid" bool NOT NULL, "invalid_date" datetime NULL, "invalid_reason" text NOT NULL, "note" text NOT NULL, "policy" text NULL, "extra_data" text NULL, "local_site_id" integer NULL REFERENCES "site_localsite" ("id") DEFERRABLE INITIALLY DEFERRED)"#,
    ),
];

#[test]
fn rows_can_be_copied_to_review_boards_tables() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let store = Store::open_file(&host, &path).unwrap();
    fill(&store);
    let records = store.list(&init()).unwrap();
    drop(store);

    let review_board = Connection::open(folder.file("reviewboard.db")).unwrap();
    for (_, create) in REVIEW_BOARD {
        review_board.execute_batch(create).unwrap();
    }
    review_board.execute("ATTACH ?1 AS ours", [&path]).unwrap();
    for (table, _) in REVIEW_BOARD {
        let columns = |schema: &str| -> Vec<(String, String, bool, bool)> {
            let sql = "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1, ?2)";
            let mut statement = review_board.prepare(sql).unwrap();
            let row =
                |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            statement.query_map([table, schema], row).unwrap().map(Result::unwrap).collect()
        };
        assert_eq!(columns("ours"), columns("main"));
        let sql = format!("INSERT INTO main.{table} SELECT * FROM ours.{table}");
        review_board.execute_batch(&sql).unwrap();
    }
    let sql = "SELECT token, username, name, token_generator_id, time_added, expires, token.extra_data \
               FROM main.webapi_webapitoken AS token \
               JOIN main.auth_user AS user ON user.id = user_id \
               LEFT JOIN main.site_localsite AS site ON site.id = local_site_id ORDER BY token.id";
    let mut statement = review_board.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    for record in &records {
        let row = rows.next().unwrap().unwrap();
        let text = |index| row.get::<_, Option<String>>(index).unwrap();
        assert_eq!(text(0).as_ref(), Some(&record.value));
        assert_eq!(text(1).as_ref(), Some(&record.user));
        assert_eq!(text(2), record.local_site);
        assert_eq!(text(3).as_ref(), Some(&record.generator_id));
        assert_eq!(text(6).as_ref(), Some(&record.extra_data));
    }
    // In Django's format.
    let time = |sql: &str| review_board.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(
        time("SELECT time_added FROM main.webapi_webapitoken WHERE id = 1"),
        "2026-06-01 00:00:00"
    );
    assert_eq!(
        time("SELECT expires FROM main.webapi_webapitoken WHERE id = 3"),
        "2026-06-06 00:00:00.000017"
    );
}

#[test]
fn forked_child_gets_an_error_and_changes_nothing() {
    let folder = Folder::new();
    let program = c::compile(c::C11, &[c::root().join("tests/c/durable_fork.c")], "durable_fork");
    let printed =
        c::successful_output(std::process::Command::new(program).arg(folder.file("t.db")));
    assert_eq!(printed.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{printed}");
}

#[test]
fn second_process_is_refused_until_the_first_crashes() {
    let folder = Folder::new();
    let (host, path) = (Host::new(), folder.file("tokens.db"));
    let program = c::compile(c::C11, &[c::root().join("tests/c/durable_owner.c")], "durable_owner");
    let _watchdog = Watchdog::start();
    let mut owner = std::process::Command::new(program)
        .arg(&path)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = std::io::BufReader::new(owner.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut printed, &mut line).unwrap();
    assert_eq!(line, "ok it has the file\n");
    let failure = Store::open_file(&host, &path).err().unwrap();
    assert_eq!(failure.of(), (E_LOCKED, Some("location")));
    assert!(failure.message.contains(&path), "{failure:?}");
    // SIGKILL.
    owner.kill().unwrap();
    owner.wait().unwrap();
    assert_eq!(Store::open_file(&host, &path).unwrap().count(), Ok(1));
}
