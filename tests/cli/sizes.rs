//! Many tokens: the memory of a list, and a copy between a file and a server, compared row by row.
//!
//! `RBTOKEN_TEST_CLI_TOKENS` is the number of tokens; `.ci/long` sets it.

use crate::support::Folder;
#[cfg(feature = "postgres")]
use crate::support::installation::Installation;
use crate::tool::Tool;

/// Returns the number of tokens, by default a small one.
fn size(default: u64) -> u64 {
    std::env::var("RBTOKEN_TEST_CLI_TOKENS").map_or(default, |it| it.parse().unwrap())
}

/// Adds tokens of `alice` to the file of a store, which must have a token of `alice`.
pub fn fill(path: &str, count: u64) {
    let file = rusqlite::Connection::open(path).unwrap();
    let sql = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT {count}) \
         INSERT INTO webapi_webapitoken (token, token_generator_id, time_added, last_updated, \
             expires, valid, invalid_reason, note, policy, extra_data, user_id) \
         SELECT printf('test_%09d', n), 'vendor_checksum', '2026-06-28 05:51:25', \
             '2026-06-28 05:51:25', CASE WHEN n % 3 = 0 THEN '2020-01-01 00:00:00.000001' END, \
             n % 5 > 0, CASE WHEN n % 5 = 0 THEN 'a reason' ELSE '' END, 'note ' || (n % 1000), \
             '{{}}', CASE WHEN n % 2 = 0 THEN '{{\"client_name\": \"RBTools\"}}' END, \
             (SELECT id FROM auth_user WHERE username = 'alice') \
         FROM numbers"
    );
    file.execute_batch(&sql).unwrap();
}

/// Creates a store with this many tokens.
pub fn filled(folder: &Folder, count: u64) -> Tool {
    let path = folder.file(&format!("{count}.db"));
    let tool = Tool::at(&path);
    tool.run(&["--create", "token", "create", "alice"]).ok();
    fill(&path, count - 1);
    tool
}

/// Returns the largest memory of a list in KiB, and its number of lines.
#[allow(clippy::zombie_processes, reason = "wait4 waits for the process")]
fn list(tool: &Tool) -> (i64, u64) {
    let mut child = tool.start(&["token", "list", "--jsonl"]);
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let lines = std::io::BufRead::lines(&mut out).map(|line| assert!(line.unwrap().len() > 100));
    let lines = lines.count() as u64;
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::zeroed());
    let id = i32::try_from(child.id()).unwrap();
    // SAFETY: both pointers are to memory that the call may write to, and the process is a child
    // that nobody else waits for.
    let usage: libc::rusage = unsafe {
        assert_eq!(libc::wait4(id, &raw mut status, 0, usage.as_mut_ptr()), id);
        usage.assume_init()
    };
    assert_eq!(status, 0);
    (usage.ru_maxrss, lines)
}

#[test]
fn list_needs_no_more_memory_for_more_tokens() {
    /// More than the caches of SQLite and of documents can differ.
    const MARGIN_KIB: i64 = 24 << 10;
    let folder = Folder::new();
    let many = size(120_000);
    let few = list(&filled(&folder, 10_000));
    assert_eq!(few.1, 10_000);
    let all = list(&filled(&folder, many));
    assert_eq!(all.1, many);
    println!("10000 tokens: {} KiB, {many} tokens: {} KiB", few.0, all.0);
    // A loaded store needs over 300 bytes a token.
    assert!(300 * many as i64 / 1024 > MARGIN_KIB, "the test would not fail");
    assert!(all.0 < few.0 + MARGIN_KIB, "{} KiB for 10000, {} KiB for {many}", few.0, all.0);
}

#[test]
fn copy_reports_every_token_that_it_reads() {
    use rbtoken::store::{CopyOptions, Store, StoreOptions};
    const TOKENS: u64 = 1500;
    let folder = Folder::new();
    filled(&folder, TOKENS);
    let path = folder.file(&format!("{TOKENS}.db"));
    let options = StoreOptions { location: Some(&path), ..StoreOptions::default() };
    let source = Store::open(options).unwrap();
    let target = Store::open(StoreOptions::default()).unwrap();
    target.copy_from(&source, &CopyOptions::default(), &mut |_, _| Ok(())).unwrap();
    // The target has every token already, so none is copied.
    for user in [None, Some("alice")] {
        let options = CopyOptions { user, skip_existing: true, is_trial: false };
        let mut reported = Vec::new();
        let copied = target.copy_from(&source, &options, &mut |done, total| {
            reported.push((done, total));
            Ok(())
        });
        assert_eq!(copied.unwrap().skipped, TOKENS);
        assert_eq!(reported[..2], [(0, TOKENS), (1000, TOKENS)], "{user:?}");
    }
}

/// Returns a token's line without what a copy gives it: its id.
#[cfg(feature = "postgres")]
fn without_id(line: &str) -> String {
    let mut token: serde_json::Value = serde_json::from_str(line).unwrap();
    let token = token.as_object_mut().unwrap();
    assert!(token.remove("id").is_some() && token.remove("redacted").is_some());
    assert!(token["token"].as_str().unwrap().len() > 10);
    serde_json::to_string(token).unwrap()
}

#[cfg(feature = "postgres")]
fn rows(tool: &Tool) -> Vec<String> {
    let listed = tool.run(&["token", "list", "--jsonl", "--show-values"]).ok();
    listed.lines().map(without_id).collect()
}

#[cfg(feature = "postgres")]
#[test]
fn copy_to_postgresql_and_back_keeps_every_row() {
    let count = size(3_000);
    let folder = Folder::new();
    let file = filled(&folder, count);
    let path = folder.file(&format!("{count}.db"));
    let site = Installation::open("postgresql");
    let server = Tool::at(&site.location);
    std::fs::write(folder.file("location"), &site.location).unwrap();
    let location = format!("@{}", folder.file("location"));
    let expected = rows(&file);
    assert_eq!(expected.len() as u64, count);

    let copy = |arguments: &[&str]| Tool::new().run(&[&["copy"], arguments].concat());
    let trial = copy(&[&path, &location, "--dry-run"]).ok();
    assert_eq!(trial, format!("would copy {count} tokens\n"));
    assert_eq!(rows(&server), [""; 0]);
    let start = std::time::Instant::now();
    assert_eq!(copy(&[&path, &location]).ok(), format!("copied {count} tokens\n"));
    println!("to PostgreSQL: {:.0} tokens/s", count as f64 / start.elapsed().as_secs_f64());
    assert!(rows(&server) == expected, "the rows on the server differ");

    // Again: nothing is new.
    let again = copy(&[&path, &location]);
    assert_eq!(again.status, 1, "{}", again.err);
    assert!(again.err.contains("a token with this value already exists"), "{}", again.err);
    let skipped = copy(&[&path, &location, "--skip-existing"]).ok();
    assert_eq!(skipped, format!("copied 0 tokens; skipped {count} that the target has\n"));
    assert!(rows(&server) == expected, "the rows on the server differ");

    let back = folder.file("back.db");
    let start = std::time::Instant::now();
    assert_eq!(copy(&[&location, &back, "--create"]).ok(), format!("copied {count} tokens\n"));
    println!("from PostgreSQL: {:.0} tokens/s", count as f64 / start.elapsed().as_secs_f64());
    assert!(rows(&Tool::at(&back)) == expected, "the rows in the new file differ");

    // Of one user, without changing anything for an unknown one.
    let of_bob = copy(&[&location, &back, "--user", "bob"]).err;
    assert_eq!(of_bob, "rbtoken: error: bob: the source has no token of this user\n");
    let file = Tool::at(&path);
    file.run(&["token", "create", "nobody-there"]).ok();
    let unknown = copy(&[&path, &location, "--skip-existing"]);
    assert_eq!(unknown.status, 1);
    let message =
        format!("rbtoken: error: user: token {}: `nobody-there`: no such user\n", count + 1);
    assert_eq!(unknown.err, message);
    assert!(rows(&server) == expected, "the rows on the server differ");
}
