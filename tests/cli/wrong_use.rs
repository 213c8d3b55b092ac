//! Wrong use: an exit status, and one line that says what to do.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use rbtoken::store::{Store, StoreOptions};

use crate::support::Folder;
use crate::tool::{Ran, Tool};

/// Returns the error of a run, which is one line.
fn error(ran: &Ran) -> (i32, &str) {
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    (ran.status, ran.err.trim().strip_prefix("rbtoken: error: ").unwrap())
}

/// Creates a store with a token, whose value is returned.
fn store(folder: &Folder) -> (Tool, String) {
    let tool = Tool::at(&folder.file("tokens.db"));
    let create = ["--create", "token", "create", "alice", "--quiet", "--show-values"];
    let value = tool.run(&create).ok().trim().to_owned();
    (tool, value)
}

#[test]
fn missing_location_is_wrong_usage() {
    let ran = Tool::new().run(&["token", "list"]);
    let expected = "no location: pass --location, or set RBTOKEN_LOCATION";
    assert_eq!(error(&ran), (2, expected));
}

#[test]
fn missing_file_is_not_created_unless_asked_for() {
    let folder = Folder::new();
    let tool = Tool::at(&folder.file("tokens.db"));
    let ran = tool.run(&["token", "list"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 1);
    assert!(message.ends_with("no such file; pass --create to create a store there"), "{message}");
    assert_eq!(folder.names(), [""; 0]);
    tool.run(&["token", "list", "--create"]).ok();
    assert_eq!(folder.names(), ["tokens.db"]);
}

#[test]
fn unknown_token_is_not_found() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    for arguments in [
        &["token", "show", "99"][..],
        &["token", "revoke", "1", "99", "--yes"],
        &["token", "delete", "1", "99", "--yes"],
        &["token", "update", "99", "--note", "x"],
        &["policy", "explain", "--token", "99", "review_request", "GET"],
    ] {
        assert_eq!(error(&tool.run(arguments)), (1, "id: no such token"), "{arguments:?}");
    }
    let ran = tool.run_with("unknown", &["token", "show"]);
    assert_eq!(error(&ran), (1, "value: no such token"));
    // Nothing was changed by a list of ids with a wrong one.
    assert_eq!(tool.run(&["token", "list", "--state", "valid", "--quiet"]).ok(), "1\n");
}

#[test]
fn file_in_use_by_a_host_is_reported() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let path = folder.file("tokens.db");
    let options = StoreOptions { location: Some(&path), ..StoreOptions::default() };
    let host = Store::open(options).unwrap();
    for arguments in [&["token", "list"][..], &["token", "show", "1"], &["check"]] {
        let ran = tool.run(arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 3, "{message}");
        assert!(
            message.ends_with("; stop the program that has it open, and try again"),
            "{message}"
        );
    }
    drop(host);
    tool.run(&["token", "list"]).ok();
}

#[test]
fn file_of_another_version_is_reported() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let file = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    file.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(file);
    let ran = tool.run(&["token", "list"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 3);
    assert!(message.contains("unsupported file version 99"), "{message}");
    assert!(message.ends_with("; use the version of rbtoken that fits it"), "{message}");
}

#[test]
fn damaged_rows_are_listed_by_check() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    tool.run(&["token", "create", "bob"]).ok();
    let file = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    file.execute_batch("UPDATE webapi_webapitoken SET policy = 'nonsense' WHERE id = 2").unwrap();
    drop(file);
    let ran = tool.run(&["token", "list"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 3);
    assert!(message.ends_with("`rbtoken check` lists what is damaged"), "{message}");
    let ran = tool.run(&["check"]);
    assert_eq!(error(&ran), (3, "failed: rows; docs/cli.md says what to do"));
    let expected = "\
        CHECK      RESULT  DETAIL\n\
        integrity  ok      the file's structure is sound\n\
        rows       failed  1 of 2 tokens cannot be read: row 2 of webapi_webapitoken is damaged\n";
    assert_eq!(ran.out, expected);
}

#[test]
fn destruction_without_a_terminal_needs_a_confirmation() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    for arguments in [
        &["token", "revoke", "1"][..],
        &["token", "revoke", "--all"],
        &["token", "delete", "1"],
        &["token", "purge"],
    ] {
        let ran = tool.run_with("y\n", arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 2);
        assert!(message.contains("Pass --yes: "), "{message}");
    }
    assert_eq!(tool.run(&["token", "list", "--state", "valid", "--quiet"]).ok(), "1\n");
}

#[test]
fn revocation_needs_one_way_to_select_tokens() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    for arguments in [
        &["token", "revoke", "--yes"][..],
        &["token", "revoke", "1", "--user", "alice", "--yes"],
        &["token", "revoke", "--by-value", "--state", "valid", "--yes"],
    ] {
        let expected = "pass either ids, --by-value, filters such as --user, or --all";
        assert_eq!(error(&tool.run(arguments)), (2, expected), "{arguments:?}");
    }
}

#[test]
fn password_in_an_argument_is_refused_and_not_printed() {
    for arguments in [
        &["token", "list", "--location", "postgresql://u:hunter2@h/d"][..],
        &["copy", "mysql://u:hunter2@h/d", "x.db"],
        &["copy", "--create", "mysql://u@h/d?password=hunter2", "x.db"],
    ] {
        let ran = Tool::new().run(arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 2);
        assert!(message.contains("RBTOKEN_LOCATION") && !message.contains("hunter2"), "{message}");
    }
    // From a file it is used.
    let folder = Folder::new();
    fs::write(folder.file("location"), format!("{}\nmore\n", folder.file("tokens.db"))).unwrap();
    let location = format!("@{}", folder.file("location"));
    Tool::new().run(&["--location", &location, "--create", "token", "list"]).ok();
    assert_eq!(folder.names(), ["location", "tokens.db"]);

    fs::write(folder.file("location"), "\nsecond line\n").unwrap();
    let ran = Tool::new().run(&["--location", &location, "token", "list"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 2);
    assert!(message.ends_with("the first line must be a location"), "{message}");
}

#[test]
fn values_are_printed_only_on_request() {
    let folder = Folder::new();
    let (tool, value) = store(&folder);
    fs::write(folder.file("value"), &value).unwrap();
    for arguments in [
        &["token", "list"][..],
        &["token", "list", "--json"],
        &["token", "show", "1"],
        &["token", "show", "--value-file", &folder.file("value"), "--jsonl"],
        &["token", "client", "alice", "RBTools"],
        &["login", "--value-file", &folder.file("value"), "--json"],
        &["stats"],
        &["token", "revoke", "1", "--dry-run"],
    ] {
        assert!(!tool.run(arguments).ok().contains(&value), "{arguments:?}");
    }
    let shown = [&["token", "list", "--show-values"][..], &["token", "show", "1", "--show-values"]];
    for arguments in shown {
        assert!(tool.run(arguments).ok().contains(&value), "{arguments:?}");
    }
}

#[test]
fn settings_file_may_have_the_location() {
    let folder = Folder::new();
    store(&folder);
    let settings = folder.file("settings.json");
    let location = folder.file("tokens.db");
    fs::write(&settings, serde_json::json!({"location": location}).to_string()).unwrap();
    assert_eq!(Tool::new().run(&["--settings", &settings, "token", "list", "--quiet"]).ok(), "1\n");
}

#[test]
fn table_fits_40_columns() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let tool = tool.with("COLUMNS", "40");
    tool.run(&["token", "create", "a-user-with-quite-a-long-name", "--note", "日本語 note"]).ok();
    tool.run(&["token", "client", "alice", "A client with a long name", "--expires", "30d"]).ok();
    let listed = tool.run(&["token", "list"]).ok();
    let titles = listed.lines().next().unwrap();
    assert!(listed.lines().all(|line| line.chars().count() <= 40), "{listed}");
    let words: Vec<_> = titles.split_whitespace().collect();
    assert_eq!(words, ["ID", "USER", "CLIENT", "STATE"], "{listed}");
    assert_eq!(listed.lines().count(), 4);
    // Lines in a pipe are not cut.
    let wide = Tool::at(&folder.file("tokens.db")).run(&["token", "list"]).ok();
    assert!(
        wide.contains("a-user-with-quite-a-long-name") && wide.contains("日本語 note"),
        "{wide}"
    );
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    tool.run(&["token", "create", "bob", "--note", "\x1b[2J\nforged"]).ok();
    for arguments in [&["token", "list"][..], &["token", "show", "2"]] {
        let shown = tool.run(arguments).ok();
        assert!(!shown.contains('\x1b') && shown.contains("\\u{1b}[2J\\nforged"), "{shown}");
    }
}

#[test]
fn closed_pipe_ends_the_list_quietly() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    crate::sizes::fill(&folder.file("tokens.db"), 20_000);
    for format in [&["token", "list"][..], &["token", "list", "--json"], &["token", "list", "-q"]] {
        let mut child = tool.start(format);
        let mut out = child.stdout.take().unwrap();
        let mut first = [0; 1];
        out.read_exact(&mut first).unwrap();
        drop(out);
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{format:?}");
    }
    // Nobody reads at all.
    let mut child = tool.command(&["--help"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn wrong_arguments_are_wrong_usage() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    for arguments in [
        &["token", "create", "alice", "--expires", "soon"][..],
        &["token", "list", "--older-than", "30"],
        &["token", "list", "--older-than", "30M"],
        &["token", "show", "1", "--value-file", "value"],
        &["token", "list", "--json", "--jsonl"],
        &["token", "update", "1"],
        &["token", "create", ""],
        &["policy", "explain", "review_request", "GET"],
        &["token", "update", "1", "--policy", "-", "--extra-data", "-"],
        &["export", "-"],
        &["backup", "-"],
        &["frobnicate"],
    ] {
        let ran = tool.run(arguments);
        assert_eq!((error(&ran).0, ran.out.as_str()), (2, ""), "{arguments:?} {ran:?}");
    }
    // Without a command, the help is printed.
    for arguments in [&[][..], &["token"]] {
        let ran = tool.run(arguments);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.contains("\nUsage: rbtoken") && !ran.err.contains("error"), "{}", ran.err);
    }
}

#[test]
fn damaged_file_fails_the_check_and_is_not_changed() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let path = folder.file("tokens.db");
    crate::sizes::fill(&path, 2_000);
    let whole = fs::read(&path).unwrap();
    let mut zeroed = whole.clone();
    zeroed[3 * 4096..].fill(0);
    for damaged in [&zeroed, &whole[..whole.len() / 2]] {
        fs::write(&path, damaged).unwrap();
        let ran = tool.run(&["check"]);
        assert_eq!(error(&ran), (3, "failed: integrity, rows; docs/cli.md says what to do"));
        assert!(ran.out.contains("integrity  failed  "), "{}", ran.out);
        assert!(ran.out.contains("rows       failed  the tokens cannot be read"), "{}", ran.out);
        assert!(fs::read(&path).unwrap() == damaged, "the check changed the file");
    }
    assert_eq!(folder.names(), ["tokens.db"]);
    fs::write(&path, &whole).unwrap();
    tool.run(&["check"]).ok();
}

#[test]
fn empty_file_becomes_a_store_only_on_request() {
    let folder = Folder::new();
    let path = folder.file("empty.db");
    fs::write(&path, "").unwrap();
    let tool = Tool::at(&path);
    for arguments in [&["check"][..], &["token", "list"], &["copy", &path, "new.db", "--create"]] {
        let ran = tool.run(arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 1);
        assert!(message.contains("the file is empty; pass --create"), "{message}");
    }
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    tool.run(&["token", "list", "--create"]).ok();
    assert!(fs::metadata(&path).unwrap().len() > 0);
}

#[test]
fn repeated_ids_count_once() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    for _ in 0..2 {
        tool.run(&["token", "create", "bob"]).ok();
    }
    let revoked = tool.run(&["token", "revoke", "3", "3", "--yes"]).ok();
    assert_eq!(revoked, "revoked 1 token\n");
    let deleted = tool.run(&["token", "delete", "2", "3", "2", "--yes"]).ok();
    assert_eq!(deleted, "deleted 2 tokens\n");
}

#[test]
fn failed_deletion_says_how_many_were_deleted() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    tool.run(&["token", "create", "bob"]).ok();
    let file = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    let trigger = "CREATE TRIGGER keep BEFORE DELETE ON webapi_webapitoken WHEN OLD.id = 2 \
                   BEGIN SELECT RAISE(ABORT, 'kept'); END";
    file.execute_batch(trigger).unwrap();
    drop(file);
    let ran = tool.run(&["token", "delete", "1", "2", "--yes"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 3);
    assert!(message.starts_with("deleted 1 of 2 tokens; 2: "), "{message}");
    assert_eq!(tool.run(&["token", "list", "--quiet"]).ok(), "2\n");
}

#[test]
fn revoked_token_keeps_its_first_reason() {
    let folder = Folder::new();
    let (tool, value) = store(&folder);
    tool.run(&["token", "revoke", "1", "--reason", "first", "--yes"]).ok();
    let again = ["token", "revoke", "--reason", "second", "--yes"];
    for selection in [&["1"][..], &["--by-value"], &["--user", "alice"]] {
        let ran = tool.run_with(&value, &[&again, selection].concat());
        assert_eq!(ran.ok(), "revoked 0 tokens; skipped 1 that had been revoked\n");
    }
    assert!(tool.run(&["token", "show", "1"]).ok().contains("reason:     first\n"));
}

#[test]
fn import_error_names_the_line() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let path = folder.file("export.jsonl");
    tool.run(&["user", "disable", "carol"]).ok();
    tool.run(&["export", &path]).ok();
    let expected = format!(
        "{path}: line 3: a token with this value already exists; \
         --skip-existing skips such tokens"
    );
    for arguments in [&["import", &path][..], &["import", &path, "--dry-run"]] {
        assert_eq!(error(&tool.run(arguments)), (1, expected.as_str()));
    }
    // The same value twice in one file.
    let twice = fs::read_to_string(&path).unwrap().replace("\"tokens\": 1", "\"tokens\": 2");
    let token = twice.lines().last().unwrap();
    fs::write(&path, format!("{twice}{token}\n")).unwrap();
    let target = Tool::at(&folder.file("new.db"));
    let ran = target.run(&["import", &path, "--create", "--skip-existing"]);
    let (status, message) = error(&ran);
    assert_eq!(status, 1);
    assert!(message.contains(": line 4: a token with this value"), "{message}");
}

#[test]
fn statistics_have_the_size_of_the_file() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let statistics = tool.run(&["stats", "--json"]).ok();
    let statistics: serde_json::Value = serde_json::from_str(&statistics).unwrap();
    let len = fs::metadata(folder.file("tokens.db")).unwrap().len();
    assert_eq!(statistics["store"]["file"]["bytes"], len);
}

#[test]
fn values_in_wrong_places_are_not_printed() {
    let folder = Folder::new();
    let (tool, value) = store(&folder);
    let advice = "a token value is read from the standard input or a file";
    for arguments in [
        &["token", "show", &value][..],
        &["token", "revoke", &value],
        &["token", "delete", &value],
        &["token", "update", &value, "--note", "x"],
        &["login", &value],
    ] {
        let ran = tool.run(arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 2, "{message}");
        assert!(message.contains(advice) && !message.contains(&value), "{message}");
    }
    let option = format!("--value={value}");
    let url = "postgres:u:hunter2@h/d";
    for arguments in [
        &["login", &option][..],
        &[&value],
        &["token", "list", "--location", url],
        &["copy", url, "x.db", "--create"],
    ] {
        let ran = Tool::new().run(arguments);
        let (status, message) = error(&ran);
        assert_eq!(status, 2, "{message}");
        assert!(!message.contains(&value) && !message.contains("hunter2"), "{message}");
    }
}

#[test]
fn time_that_the_clocks_skip_is_refused() {
    let folder = Folder::new();
    let (tool, _) = store(&folder);
    let tool = tool.with("TZ", "EST5EDT,M3.2.0,M11.1.0");
    let update = |time| tool.run(&["token", "update", "1", "--local", "--json", "--expires", time]);
    let before = update("2027-03-14 01:30").ok();
    assert!(before.contains("2027-03-14T06:30:00"), "{before}");
    let ran = update("2027-03-14 02:30");
    let (status, message) = error(&ran);
    assert_eq!(status, 2, "{message}");
    assert!(message.contains("2027-03-14 02:30:00 does not exist"), "{message}");
    let after = update("2027-03-14 03:30").ok();
    assert!(after.contains("2027-03-14T07:30:00"), "{after}");
}

#[test]
fn copy_that_copies_nothing_leaves_no_file() {
    let folder = Folder::new();
    store(&folder);
    let (from, to) = (folder.file("tokens.db"), folder.file("new.db"));
    let copy = |more: &[&str]| Tool::new().run(&[&["copy", &from, &to, "--create"], more].concat());
    assert_eq!(copy(&["--dry-run"]).ok(), "would copy 1 token\n");
    assert_eq!(folder.names(), ["tokens.db"]);
    let ran = copy(&["--user", "nobody"]);
    assert_eq!(error(&ran), (1, "nobody: the source has no token of this user"));
    assert_eq!(folder.names(), ["tokens.db"]);
    assert_eq!(copy(&["--user", "alice"]).ok(), "copied 1 token\n");
    // A file that existed is kept.
    assert_eq!(copy(&["--user", "nobody"]).status, 1);
    assert_eq!(folder.names(), ["new.db", "tokens.db"]);
}
