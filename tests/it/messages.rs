//! Error messages: one table of them as the C ABI returns them, and the rules for their literals.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::fs;
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

use rbtoken::extension::*;
use rbtoken::ffi::*;

use crate::support::*;

/// Every message that a host can cause without a database or a fault, in the order of the calls in
/// `all_messages`. This is how messages are reviewed: side by side.
const MESSAGES: &str = "\
user must not be NULL
user must not be empty
user must not be longer than 150 characters
user must be valid UTF-8
user must not contain a NUL character
user must not be longer than 1 MiB
client_name must not be empty
token must not be NULL
store must not be NULL
options: struct_size is not a size of this struct: set it with RBTOKEN_INIT()
options must not set a field that this version of the library does not know
flags: unknown flag 0x80
reserved must be 0
expires_mode: unknown mode 7
min_validity_mode: unknown mode -1
expires_at_us must be 0 or NULL unless its mode or flag says that it is set
expires_at_us must be after the current time
expires_at_us must be a time in the years 1 to 9999
local_site must contain only A-Z, a-z, 0-9, _, . and -
local_site: no such Local Site
default_policy: invalid JSON: expected value at line 1 column 1
default_policy: expected an object, found a list
default_policy must be empty or have a member \"resources\"
default_policy: $.resources: expected an object, found a string
default_policy: $.resources must not be empty
default_policy: $.resources[\"*\"] must have a member \"allow\", \"block\" or both
default_policy: $.resources[\"*\"].allow: expected a list, found a string
default_policy: $.resources[\"*\"].allow[1]: expected a string, found a number
default_policy: $.resources.other: unknown policy id
default_extra_data: $.a must be a 64-bit integer or a finite float
extra_data: $.client_name must not contain a NUL character
value must not be empty
value must not be longer than 255 characters
value: a token with this value already exists
value: no such token
id: no such token
hooks_id: no such hooks
local_site must be set with the mode RBTOKEN_FILTER_SITE_NAMED
validity_mode: unknown mode 9
site must be set with the mode RBTOKEN_SITE_NAMED
note must be set with the mode RBTOKEN_FIELD_SET
method must contain only letters A to Z
policy_id must not be empty or \"*\"
policy_id must be a registered policy id
generator_id: no such token generator
token_type must be 1 to 216 ASCII letters and digits
id must contain only A-Z, a-z, 0-9, _ and -
expiration_secs must be greater than 0
local_site: this Local Site already exists
active must be 0 or 1
name: unknown setting
name: pool_size can be set only when the store is opened
value: token_type: expected a string, found a number
value: client_token_expiration must be from 0 to 3652059
value: policy_ids: $[1] must not be empty or \"*\"
value: invalid JSON: EOF while parsing a value at line 1 column 0
settings: $.pool_size must be from 1 to 1024
settings: $.pool_size: expected an integer, found a string
settings: $.trusted_owners.users[0]: expected an integer, found a string
settings: $.trusted_owners.user: unknown member (expected users or groups)
settings: $.local_sites[1] must not be listed twice
settings: $.colour: unknown setting
settings: $.default_generator: no such token generator
settings: $.location: unknown URL scheme (expected postgresql, mysql, mariadb or \
reviewboard+sqlite); a file path must not contain \"://\"
location must not be empty
location: unknown URL scheme (expected postgresql, mysql, mariadb or reviewboard+sqlite); a file \
path must not contain \"://\"
clock: the function `now` must not be NULL
the host's clock returned the status 77
path must not be empty
path: FOLDER/none: No such file or directory (os error 2)
path: FOLDER/other: line 1: not an export of this library
path: FOLDER/other: line 2: $.type must be \"local_site\", \"user\" or \"token\"
path: FOLDER: expected a regular file
";

/// Calls the library wrongly in each way, and returns the messages in order.
fn all_messages() -> Vec<String> {
    let mut messages = Vec::new();
    let mut add = |failure: Result<(), Failure>| messages.push(failure.unwrap_err().message);
    let host = Host::new();
    let store = Store::new();
    store.add_local_site("north").unwrap();
    store.import("bob", "known value", &init()).unwrap();
    let token = store.find("known value").unwrap();

    let client = |user: (*const _, usize),
                  name: &str,
                  options: &rbtoken_client_token_options_t,
                  raw: *mut rbtoken_store_t| {
        let (name, mut token) = (text(name), null_mut());
        call(|error| unsafe {
            rbtoken_store_get_or_create_client_token(
                raw,
                user.0,
                user.1,
                name.0,
                name.1,
                options,
                &mut token,
                null_mut(),
                error,
            )
        })
    };
    let long = "x".repeat((1 << 20) + 1);
    let names: [(*const _, usize); 6] = [
        (null(), NUL_TERMINATED),
        text(""),
        text(&long[..151]),
        bytes(b"\xff"),
        bytes(b"a\0b"),
        text(&long),
    ];
    for user in names {
        add(client(user, "tool", &init(), store.raw()));
    }
    add(client(text("alice"), "", &init(), store.raw()));
    add(call(|error| unsafe { rbtoken_store_get_token(store.raw(), 1, null_mut(), error) }));
    add(client(text("alice"), "tool", &init(), null_mut()));

    let with = |change: &dyn Fn(&mut rbtoken_client_token_options_t)| {
        let mut options: rbtoken_client_token_options_t = init();
        change(&mut options);
        client(text("alice"), "tool", &options, store.raw())
    };
    add(with(&|options| options.struct_size = 3));
    let mut newer = [0_usize; 64];
    newer[0] = size_of_val(&newer);
    newer[63] = 1;
    let newer = newer.as_ptr().cast::<rbtoken_client_token_options_t>();
    add(client(text("alice"), "tool", unsafe { &*newer }, store.raw()));
    add(with(&|options| options.flags = 0x80));
    add(with(&|options| options.reserved = 1));
    add(with(&|options| options.expires_mode = 7));
    add(with(&|options| options.min_validity_mode = -1));
    add(with(&|options| options.expires_at_us = 1));
    for time in [START, i64::MAX] {
        add(with(&|options| {
            options.expires_mode = EXPIRES_AT;
            options.expires_at_us = time;
        }));
    }
    for site in ["no/site", "south"] {
        add(with(&|options| (options.local_site, options.local_site_len) = text(site)));
    }
    for policy in [
        "x",
        "[]",
        r#"{"a": 1}"#,
        r#"{"resources": ""}"#,
        r#"{"resources": {}}"#,
        r#"{"resources": {"*": {}}}"#,
        r#"{"resources": {"*": {"allow": "GET"}}}"#,
        r#"{"resources": {"*": {"allow": ["GET", 1]}}}"#,
    ] {
        add(with(&|options| (options.default_policy, options.default_policy_len) = text(policy)));
    }
    store.set_policy_ids(&[c"review_request"]).unwrap();
    let policy = text(r#"{"resources": {"other": {}}}"#);
    add(with(&|options| (options.default_policy, options.default_policy_len) = policy));
    let extra = text(r#"{"a": 1e999}"#);
    add(with(&|options| (options.default_extra_data, options.default_extra_data_len) = extra));
    let mut generate: rbtoken_generate_options_t = init();
    (generate.extra_data, generate.extra_data_len) = text(r#"{"client_name": "a\u0000"}"#);
    add(store.generate("alice", &generate).map(drop));

    for value in ["", &long[..256], "known value"] {
        add(store.import("bob", value, &init()).map(drop));
    }
    add(store.find("other").map(drop));
    add(store.get(99).map(drop));
    add(store.remove_hooks(99));
    let mut filter: rbtoken_token_filter_t = init();
    filter.local_site_mode = rbtoken_filter_site_mode::RBTOKEN_FILTER_SITE_NAMED as i32;
    add(store.list(&filter).map(drop));
    let mut filter: rbtoken_token_filter_t = init();
    filter.validity_mode = 9;
    add(store.list(&filter).map(drop));
    let mut login: rbtoken_login_options_t = init();
    login.site_mode = rbtoken_site_mode::RBTOKEN_SITE_NAMED as i32;
    let (value, mut verdict, mut found) = (text("known value"), 0, null_mut());
    add(call(|error| unsafe {
        rbtoken_store_authenticate(
            store.raw(),
            value.0,
            value.1,
            &login,
            &mut verdict,
            &mut found,
            null_mut(),
            error,
        )
    }));
    let mut update: rbtoken_token_update_t = init();
    update.note_mode = FIELD_SET;
    add(store.update_with(token.id(), &update).map(drop));
    for (id, method) in [("review_request", "get"), ("*", "GET"), ("other", "GET")] {
        let policy = Policy::parse(Some(&store), "{}").unwrap();
        add(policy.allows((id, method, None)).map(drop));
    }
    let mut generate: rbtoken_generate_options_t = init();
    (generate.generator_id, generate.generator_id_len) = text("other");
    add(store.generate("alice", &generate).map(drop));
    let mut generate: rbtoken_generate_options_t = init();
    (generate.token_type, generate.token_type_len) = text("a b");
    add(store.generate("alice", &generate).map(drop));
    let mut account: rbtoken_service_account_options_t = init();
    (account.id, account.id_len) = text("a b");
    add(ServiceAccount::new(&account).map(drop));
    (account.id, account.id_len) = text("robot");
    account.expiration_mode = rbtoken_expiration_mode::RBTOKEN_EXPIRATION_SECS as i32;
    add(ServiceAccount::new(&account).map(drop));
    add(store.add_local_site("north"));
    let user = text("alice");
    add(call(|error| unsafe {
        rbtoken_store_set_user_active(store.raw(), user.0, user.1, 2, error)
    }));

    for (name, value) in [
        ("colour", "1"),
        ("pool_size", "1"),
        ("token_type", "1"),
        ("client_token_expiration", "-1"),
        ("policy_ids", r#"["a", ""]"#),
        ("token_type", ""),
    ] {
        add(store.set_setting(name, value));
    }
    let open = |change: &dyn Fn(&mut rbtoken_store_options_t)| {
        let mut options: rbtoken_store_options_t = init();
        change(&mut options);
        Store::open(&host, &options).map(drop)
    };
    for settings in [
        r#"{"pool_size": 0}"#,
        r#"{"pool_size": "8"}"#,
        r#"{"trusted_owners": {"users": ["root"]}}"#,
        r#"{"trusted_owners": {"user": [0]}}"#,
        r#"{"local_sites": ["north", "north"]}"#,
        r#"{"colour": 1}"#,
        r#"{"default_generator": "other"}"#,
        r#"{"location": "oracle://db"}"#,
    ] {
        add(open(&|options| (options.settings, options.settings_len) = text(settings)));
    }
    for location in ["", "oracle://db"] {
        add(open(&|options| (options.location, options.location_len) = text(location)));
    }
    let clock: rbtoken_clock_t = init();
    add(open(&|options| options.clock = &clock));

    let timed = Store::with_entropy();
    timed.host.clock_status.store(77, std::sync::atomic::Ordering::Relaxed);
    add(timed.generate("alice", &init()).map(drop));

    let folder = Folder::new();
    add(store.import_file("", None).map(drop));
    add(store.import_file(&folder.file("none"), None).map(drop));
    let other = folder.file("other");
    fs::write(&other, "{}\n").unwrap();
    add(store.import_file(&other, None).map(drop));
    let header = r#"{"format": "rbtoken export", "version": 1, "local_sites": 0, "users": 0, "#;
    fs::write(&other, format!("{header}\"tokens\": 1}}\n{{\"type\": \"x\"}}\n")).unwrap();
    add(store.import_file(&other, None).map(drop));
    add(store.import_file(&folder.path().display().to_string(), None).map(drop));
    let place = folder.path().display().to_string();
    messages.into_iter().map(|message| message.replace(&place, "FOLDER")).collect()
}

#[test]
fn messages_name_the_argument_and_the_problem() {
    let messages = all_messages();
    let expected: Vec<_> = MESSAGES.lines().collect();
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(Some(&&**message), expected.get(number), "message {number} of\n{messages:#?}");
    }
    assert_eq!(messages.len(), expected.len());
}

/// Messages of stores in files, in the order of the calls in `file_messages`.
#[cfg(all(feature = "sqlite", unix))]
const FILE_MESSAGES: &str = "\
location: FOLDER: expected a file, found a directory
location: FOLDER/foreign: the file is not a store of this library
location: FOLDER/link: the target of the symbolic link does not exist
location: FOLDER/tokens.db: another store of this process has the file open
path: FOLDER/tokens.db: the file already exists
path: FOLDER/tokens.db: a store of this process has the file open
location: FOLDER/linked: the file must not have a second hard link; `find DIR -inum INODE` finds it
location: FOLDER/linked: the file must not be writable by others
";

#[cfg(all(feature = "sqlite", unix))]
fn file_messages() -> Vec<String> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    let mut messages = Vec::new();
    let mut add = |failure: Result<(), Failure>| messages.push(failure.unwrap_err().message);
    let (host, folder) = (Host::new(), Folder::new());
    let open = |path: &str| Store::open_file(&host, path).map(drop);
    let place = folder.path().display().to_string();
    add(open(&place));
    let foreign = folder.file("foreign");
    fs::write(&foreign, "another program's file").unwrap();
    add(open(&foreign));
    symlink("nowhere", folder.file("link")).unwrap();
    add(open(&folder.file("link")));
    let path = folder.file("tokens.db");
    let store = Store::open_file(&host, &path).unwrap();
    add(open(&path));
    add(store.backup(&path));
    add(store.import_file(&path, None).map(drop));
    let (linked, second) = (folder.file("linked"), folder.file("second"));
    drop(Store::open_file(&host, &linked).unwrap());
    fs::hard_link(&linked, &second).unwrap();
    add(open(&linked));
    fs::remove_file(&second).unwrap();
    fs::set_permissions(&linked, fs::Permissions::from_mode(0o606)).unwrap();
    add(open(&linked));
    let inode = format!("-inum {}`", fs::metadata(&linked).unwrap().ino());
    let messages = messages.into_iter();
    messages.map(|it| it.replace(&place, "FOLDER").replace(&inode, "-inum INODE`")).collect()
}

#[cfg(all(feature = "sqlite", unix))]
#[test]
fn messages_of_files_name_the_path_and_the_problem() {
    assert_eq!(file_messages(), FILE_MESSAGES.lines().collect::<Vec<_>>());
}

/// Messages of an instance in the wrong state, in the order of the calls in `instance_messages`.
const INSTANCE_MESSAGES: &str = "\
instance must be configured
instance must be initialized
instance must be initialized
instance must not be initialized
instance must not be initialized
instance must not be NULL
host: struct_size is too small: set it with RBTOKEN_INIT()
";

fn instance_messages() -> Vec<String> {
    let mut messages = Vec::new();
    let mut add = |failure: Result<(), Failure>| messages.push(failure.unwrap_err().message);
    let mut table = null();
    assert_eq!(unsafe { rbtoken_extension_entry_v1(RBTOKEN_EXTENSION_MINOR, &mut table) }, OK);
    let table = unsafe { &*table };
    let (mut instance, mut store) = (null_mut(), null_mut());
    call(|error| unsafe { (table.create)(null(), &mut instance, error) }).unwrap();
    add(call(|error| unsafe { (table.initialize)(instance, error) }));
    call(|error| unsafe { (table.configure)(instance, null(), 0, error) }).unwrap();
    add(call(|error| unsafe { (table.shutdown)(instance, error) }));
    add(call(|error| unsafe { (table.get_store)(instance, &mut store, error) }));
    call(|error| unsafe { (table.initialize)(instance, error) }).unwrap();
    add(call(|error| unsafe { (table.initialize)(instance, error) }));
    add(call(|error| unsafe { (table.configure)(instance, null(), 0, error) }));
    unsafe { (table.destroy)(instance) };
    add(call(|error| unsafe { (table.initialize)(null_mut(), error) }));
    let host: rbtoken_host_v1_t = rbtoken_host_v1_t {
        struct_size: 1,
        user_data: null_mut(),
        log: None,
        now: None,
        fill: None,
    };
    add(call(|error| unsafe { (table.create)(&host, &mut instance, error) }));
    messages
}

#[test]
fn messages_of_instances_name_the_expected_state() {
    assert_eq!(instance_messages(), INSTANCE_MESSAGES.lines().collect::<Vec<_>>());
}

/// Returns the files of a folder and its subfolders.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

/// Returns the string literals of a source that are messages: those with two words or more, outside
/// of comments, tests, SQL, and what only a panic or a lint shows.
fn message_literals(source: &str) -> Vec<String> {
    let (source, _) = source.split_once("#[cfg(test)]\nmod tests").unwrap_or((source, ""));
    let code = source.lines().filter(|line| {
        let line = line.trim_start();
        let is_shown_to_nobody = ["reason =", "expect(", "unreachable!", "assert", "panic!"];
        !line.starts_with("//") && !is_shown_to_nobody.iter().any(|it| line.contains(it))
    });
    let code = code.collect::<Vec<_>>().join("\n").replace("\\\"", "'");
    let literals = code.split('"').skip(1).step_by(2).map(|literal| {
        let lines = literal.split("\\\n").map(str::trim_start);
        lines.collect::<String>()
    });
    literals.filter(|literal| literal.trim().contains(' ')).collect()
}

/// Returns the reason why a message may not be written so.
fn fault(message: &str) -> Option<&'static str> {
    let has = |words: &[&str]| words.iter().any(|it| message.contains(it));
    if has(&["is not empty", "contains no ", " is made of ", "lies between", " is either "]) {
        return Some("it states the rule as if it held");
    }
    if has(&["there is no such", "there is such", "there are no such"]) {
        return Some("write \"no such …\" or \"… already exists\"");
    }
    if has(&["is not known", "of no kind", "no size that", " is no "]) {
        return Some("write what is unknown or what was expected");
    }
    if has(&["is Review Board's", "are Review Board's", "somebody", "taken away", "whoever"]) {
        return Some("it is not plain");
    }
    if has(&["the text ", "the argument ", "the name is", "the setting is ", "the struct must"]) {
        return Some("the argument's own name is put before the message");
    }
    None
}

#[test]
fn message_literals_are_plain() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut found, mut wrong) = (0, Vec::new());
    for path in sources(&folder) {
        // Lists of unit tests, and SQL.
        if path.ends_with("tests.rs") || path.ends_with("schema.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
        for literal in message_literals(&source) {
            found += 1;
            if let Some(fault) = fault(&literal) {
                wrong.push(format!("{}: {literal:?}: {fault}", path.display()));
            }
        }
    }
    assert!(found > 200, "only {found} messages are found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn old_message_patterns_are_found() {
    let source = "// \"a comment is no message\"\nError::new(kind, \"a token's value \\\n    \
                  is not empty\");\nlet x = \"word\";\n#[cfg(test)]\nmod tests { \"there is no such\" }";
    let literals = message_literals(source);
    assert_eq!(literals, ["a token's value is not empty"]);
    assert!(fault(&literals[0]).is_some());
    for old in [
        "there is no such setting",
        "the mode is not known",
        "client_token_expiration is Review Board's, and is set there",
        "the setting lies between 1 and 2",
    ] {
        assert!(fault(old).is_some(), "{old}");
    }
    assert_eq!(fault("must not be empty"), None);
}
