//! Documents that other programs wrote, in a Review Board database in SQLite and in exports of it.
//! The tables are a minimal copy of Review Board's.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]

use std::fs;

use crate::support::*;
use rbtoken::ffi::*;

/// Checks JSON of any depth.
fn assert_json(text: &str) {
    serde_json::from_str::<serde_core::de::IgnoredAny>(text).unwrap();
}

/// Returns what the documents of a token say, which an import must not change.
fn documents(store: &Store, id: i64) -> (String, String, Option<String>, Vec<Answer>) {
    const QUESTIONS: [(&str, &str, Option<&str>); 4] = [
        ("user", "GET", None),
        ("user", "DELETE", Some("alice")),
        ("unknown", "POST", Some("1")),
        ("review", "GET", Some("2")),
    ];
    let token = store.get(id).unwrap();
    let answers =
        QUESTIONS.map(|question| token.allows(question).map_err(|failure| failure.status));
    (token.policy(), token.extra_data(), token.client_name(), answers.into())
}

type Answer = Result<bool, i32>;

/// Exports a store and imports it into stores of each kind, whose documents must be the same.
pub fn assert_import_restores(store: &Store, folder: &Folder, name: &str) -> String {
    let export = folder.file(&format!("{name}.export"));
    let count = store.export_file(&export, None).unwrap();
    let lines = fs::read_to_string(&export).unwrap();
    lines.lines().for_each(assert_json);

    let host = Host::new();
    let path = folder.file(&format!("{name}.db"));
    let file = Store::open_file(&host, &path).unwrap();
    let memory = Store::new();
    for into in [&file, &memory] {
        assert_eq!(into.import_file(&export, None), Ok(count));
    }
    drop(file);
    let file = Store::open_file(&host, &path).unwrap();
    let backup = folder.file(&format!("{name}.backup"));
    file.backup(&backup).unwrap();
    let copy = Store::open_file(&host, &backup).unwrap();
    let ids = |store: &Store| -> Vec<i64> {
        store.list(&init()).unwrap().iter().map(|record| record.id).collect()
    };
    let is_in_export = |id: &i64| lines.contains(&format!("\"type\": \"token\", \"id\": {id},"));
    let theirs: Vec<i64> = ids(store).into_iter().filter(is_in_export).collect();
    for into in [&memory, &file, &copy] {
        let ours = ids(into);
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(documents(into, *ours), documents(store, *theirs));
            assert_json(&into.get(*ours).unwrap().to_json(START, 0).unwrap());
            let (ours, theirs) = (into.get(*ours).unwrap(), store.get(*theirs).unwrap());
            let strip = |token: &Token| Record { id: 0, redacted: String::new(), ..token.record() };
            assert_eq!(strip(&ours), strip(&theirs));
        }
        // Identical except for ids and for what the new store does not know.
        let again = folder.file(&format!("{name}.again"));
        into.export_file(&again, None).unwrap();
        let without_ids = |text: &str| -> Vec<String> {
            let tokens = text.lines().filter_map(|line| line.split_once("\"user\": "));
            tokens.map(|(_, rest)| rest.to_owned()).collect()
        };
        let second = fs::read_to_string(&again).unwrap();
        assert_eq!(without_ids(&second), without_ids(&lines));
        fs::remove_file(&again).unwrap();
        // Updating another field does not change them.
        let id = ids(into)[0];
        let before = documents(into, id);
        into.update(id, &Update { note: Field::Set("new"), ..Update::default() }).unwrap();
        into.invalidate_by_id(id, None).unwrap();
        assert_eq!(documents(into, id), before);
    }
    lines
}

#[cfg(feature = "sqlite")]
mod on_sqlite {
    use serde_json::Value;

    use super::*;
    use crate::review_board::ODD_DOCUMENTS;

    const CORRUPT: i32 = rbtoken_status_code::RBTOKEN_E_CORRUPT as i32;

    /// Creates the tables in a file, with some users and Local Sites.
    fn make_tables(folder: &Folder) -> (rusqlite::Connection, String) {
        let path = folder.file("reviewboard.db");
        drop(Store::open_file(&Host::new(), &path).unwrap());
        let database = rusqlite::Connection::open(&path).unwrap();
        database
            .execute_batch(
                "PRAGMA application_id = 0;
                 PRAGMA journal_mode = DELETE;
                 CREATE TABLE siteconfig_siteconfiguration (id integer, site_id integer, settings text);
                 INSERT INTO auth_user (username, is_active)
                     VALUES ('alice', 1), ('bob', 0), ('carol', 0), ('', 0);
                 INSERT INTO site_localsite (name) VALUES ('north'), ('south'), ('no/where');",
            )
            .unwrap();
        (database, format!("reviewboard+sqlite://{path}"))
    }

    fn open(location: &str) -> Store {
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(location);
        let host = Host::new();
        let clock = host.clock();
        options.clock = &raw const clock;
        Store::open(&host, &options).unwrap()
    }

    /// Creates a token on a Local Site, and replaces texts in its row.
    fn token_with(
        store: &Store,
        database: &rusqlite::Connection,
        [policy, extra_data]: [Option<&str>; 2],
    ) -> i64 {
        let mut options = init::<rbtoken_generate_options_t>();
        (options.local_site, options.local_site_len) = text("north");
        let id = store.generate("alice", &options).unwrap().id();
        let sql = "UPDATE webapi_webapitoken SET policy = ?1, extra_data = ?2 WHERE id = ?3";
        database.execute(sql, (policy, extra_data, id)).unwrap();
        id
    }

    #[test]
    fn stored_documents_are_parsed_like_review_board() {
        let folder = Folder::new();
        let (database, location) = make_tables(&folder);
        let store = open(&location);
        for case in parsed(ODD_DOCUMENTS).as_array().unwrap() {
            let stored = case["stored"].as_str().unwrap();
            let is_policy = case["column"] == "policy";
            let columns = if is_policy { [Some(stored), None] } else { [None, Some(stored)] };
            let id = token_with(&store, &database, columns);
            let token = store.get(id).unwrap();
            let verdict = store.authenticate(&token.value(), Site::Any).unwrap().verdict;
            assert_eq!(verdict, ACCEPTED, "{case}");
            assert_eq!(if is_policy { token.policy() } else { token.extra_data() }, stored);
            assert_json(&token.to_json(START, 0).unwrap());
            if is_policy {
                let answer = token.allows(("user", "GET", None)).map_err(|failure| failure.status);
                assert_eq!(answer, case["allows"].as_bool().ok_or(CORRUPT), "{case}");
            } else {
                let is_client_token = token.client_name().as_deref() == Some("RBTools");
                assert_eq!(Value::from(is_client_token), case["is_client_token"], "{case}");
            }
        }
        let lines = assert_import_restores(&store, &folder, "cases");
        let counts = r#""local_sites": 2, "users": 2, "tokens": "#;
        assert!(lines.contains(counts), "{}", lines.lines().next().unwrap());
    }

    #[test]
    fn export_keeps_stored_texts_and_omits_unreadable_rows() {
        let folder = Folder::new();
        let (database, location) = make_tables(&folder);
        let store = open(&location);
        let plain = token_with(&store, &database, [Some("{}"), Some(r#"{"a": 1}"#)]);
        let texts = [
            "",
            "null",
            "{}\n",
            r#"{"a":1}"#,
            r#"{"client_name": "a\u0000b"}"#,
            r#"{"__a": 123456789012345678901234567890, "a": NaN, "b": "\ud800"}"#,
            "\"{\\\"a\\\": 1}\"",
            "('line\\n', 'break') # é\r\n",
            &format!("[{}0{}]", "[".repeat(5000), "]".repeat(5000)),
            &"x".repeat((1 << 20) + 1),
        ];
        for text in texts {
            token_with(&store, &database, [Some(text), Some(text)]);
            token_with(&store, &database, [None, Some(text)]);
        }
        for cell in [
            "token = ''",
            "note = X'ff'",
            "expires = 'tomorrow'",
            "token_generator_id = ''",
            "local_site_id = 3",
        ] {
            let id = token_with(&store, &database, [None, None]);
            let sql = format!("UPDATE webapi_webapitoken SET {cell} WHERE id = {id}");
            database.execute(&sql, ()).unwrap();
        }
        let long = "n".repeat((1 << 20) + 1);
        database.execute("UPDATE webapi_webapitoken SET note = ?1 WHERE id = 1", [&long]).unwrap();
        let lines = assert_import_restores(&store, &folder, "texts");
        let tokens = 1 + 2 * texts.len();
        assert!(
            lines.starts_with(r#"{"format": "rbtoken export", "version": 1, "local_sites": 2, "#)
        );
        assert!(lines.contains(&format!(r#""users": 2, "tokens": {tokens} "#)));
        assert_eq!(lines.matches("\"type\": \"token\"").count(), tokens);
        let line =
            |id: i64| lines.lines().find(|line| line.contains(&format!("\"id\": {id},"))).unwrap();
        assert!(!line(plain).contains("stored_"));
        let odd = line(plain + 11);
        assert!(odd.contains(r#""stored_policy": "{\"__a\": 1234"#), "{odd}");
        let json = r#""policy": {"__a": 123456789012345678901234567890, "a": null, "b": "\ufffd"}"#;
        assert!(odd.contains(json), "{odd}");
        assert!(line(plain + 19).contains(r#""policy": null, "stored_extra_data": "xx"#));

        // Nothing can be imported into a Review Board database.
        let failure = store.import_file(&folder.file("texts.export"), None).unwrap_err();
        assert_eq!(failure.of(), (E_UNSUPPORTED, Some("store")));
    }

    #[test]
    fn export_reads_review_boards_database_in_pages() {
        let folder = Folder::new();
        let (database, location) = make_tables(&folder);
        let store = open(&location);
        let id = token_with(&store, &database, [None, Some("{'a': 1}")]);
        database
            .execute_batch(&format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
                 INSERT INTO webapi_webapitoken (token, token_generator_id, time_added, last_updated,
                         valid, invalid_reason, note, policy, extra_data, user_id, local_site_id)
                     SELECT 'value ' || i, token_generator_id, time_added, last_updated, valid, '', '',
                         policy, extra_data, user_id, local_site_id
                     FROM webapi_webapitoken, n WHERE id = {id};
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
                 INSERT INTO auth_user (username, is_active) SELECT 'user ' || i, 0 FROM n;",
            ))
            .unwrap();
        let (export, watched) = (folder.file("export"), Watched::default());
        assert_eq!(store.export_file(&export, Some(&watched)), Ok(2101));
        assert_eq!(*watched.told.lock().unwrap(), [(1000, 2101), (2000, 2101), (2101, 2101)]);
        let into = Store::new();
        assert_eq!(into.import_file(&export, None), Ok(2101));
        assert_eq!(into.find("value 2100").unwrap().extra_data(), "{'a': 1}");
        let header = fs::read_to_string(&export).unwrap();
        assert!(header.starts_with(
            r#"{"format": "rbtoken export", "version": 1, "local_sites": 2, "users": 1202, "tokens": 2101"#
        ));

        // An error of the host aborts it and removes the file.
        watched.answer.store(7777, std::sync::atomic::Ordering::SeqCst);
        let other = folder.file("other");
        assert_eq!(store.export_file(&other, Some(&watched)).unwrap_err().status, 7777);
        assert!(!fs::exists(&other).unwrap());
    }
}
