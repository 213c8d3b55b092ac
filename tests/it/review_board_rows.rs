//! Rows in a Review Board database that other programs wrote: none prevents the use of others.
#![cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
#![cfg_attr(
    not(any(feature = "postgres", feature = "mysql")),
    allow(dead_code, reason = "some tests are for servers alone")
)]

use std::collections::HashMap;

use crate::review_board::{ODD_DOCUMENTS, generate, on, put, store_now};
use crate::stored_documents::assert_import_restores;
use crate::support::installation::{Installation, http};
use crate::support::*;
use rbtoken::ffi::*;
use serde_json::{Value, json};

on_each_database! {
    stored_documents_are_read_as_the_server_reads_them
    ten_thousand_documents_are_read_as_python_reads_them
    unreadable_rows_are_revoked_and_concern_no_other
    import_of_an_export_restores_every_document
    update_leaves_the_other_document_as_it_stands
    column_of_a_newer_server_is_found_at_open
    list_within_little_memory_is_whole_or_refused
    ;
    text_beyond_the_character_set_is_unknown_or_named
    documented_grants_are_enough
}

const CORRUPT: i32 = rbtoken_status_code::RBTOKEN_E_CORRUPT as i32;

/// Checks JSON of any depth.
fn assert_json(text: &str) {
    serde_json::from_str::<serde_core::de::IgnoredAny>(text).unwrap();
}

fn member<'a>(json: &'a str, name: &str, next: &str) -> &'a str {
    let (_, rest) = json.split_once(&format!("\"{name}\": ")).unwrap();
    rest.rsplit_once(&format!(", \"{next}\": ")).unwrap().0
}

fn stored_documents_are_read_as_the_server_reads_them(site: &mut Installation) {
    const QUESTION: (&str, &str, Option<&str>) = ("user", "GET", None);
    let port = site.ask(json!({"do": "serve"})).as_u64().unwrap();
    let store = store_now(site);
    let other = generate(&store, "bob", None);
    let cases = parsed(ODD_DOCUMENTS);
    for case in cases.as_array().unwrap() {
        let (column, stored) = (case["column"].as_str().unwrap(), case["stored"].as_str().unwrap());
        let token = generate(&store, "alice", None);
        let (id, value) = (token.id(), token.value());
        put(site, id, column, stored);

        // Documents do not affect whether the token can log in.
        assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, ACCEPTED, "{case}");
        let token = store.get(id).unwrap();
        let text = if column == "policy" { token.policy() } else { token.extra_data() };
        assert_eq!(text, stored);
        assert_json(&token.to_json(START, 0).unwrap());
        assert_eq!(store.list(&init()).unwrap().len(), 2);

        if column == "extra_data" {
            let (status, body) = http(port, "GET", "/api/session/", &value);
            assert_eq!(json!(status), case["login"], "{case}: {body}");
            // Server and library find the same token for a client, or none.
            let is_client_token = case["is_client_token"] == true;
            let (found, created) = store.client_token("alice", "RBTools", &init()).unwrap();
            assert_eq!((found.id() == id, created), (is_client_token, !is_client_token), "{case}");
            if created {
                store.delete(found.id()).unwrap();
            }
            let theirs = json!({"do": "client_token", "user": "alice", "client_name": "RBTools"});
            let theirs = site.ask(theirs);
            assert_eq!(theirs["value"] == value.as_str(), is_client_token, "{case}");
            if !is_client_token {
                let found = store.find(theirs["value"].as_str().unwrap()).unwrap();
                store.delete(found.id()).unwrap();
            }
        } else {
            let (status, body) = http(port, "GET", "/api/users/bob/", &value);
            match (case["allows"].as_bool(), token.allows(QUESTION)) {
                (Some(expected), answer) => {
                    assert_eq!(answer, Ok(expected), "{case}");
                    assert_eq!(json!(status), case["GET"], "{case}: {body}");
                }
                // The library is stricter than some responses of the server.
                (None, answer) => {
                    let failure = answer.unwrap_err();
                    assert_eq!(failure.status, CORRUPT, "{case}");
                    let names = format!("token {id}, column policy");
                    assert!(failure.message.contains(&names), "{}", failure.message);
                    assert!(case["GET"].is_null() || case["GET"] == json!(status), "{case} {body}");
                }
            }
        }

        // Updating another field does not write it.
        store.update(id, &Update { note: Field::Set("new"), ..Update::default() }).unwrap();
        assert_eq!(store.get(id).unwrap().record().note, "new");
        for round in 0..4 {
            let events = (round % 2 == 1).then(|| store.watch());
            match round {
                0 => store.invalidate(&value, Some("lost")).unwrap(),
                1 => store.invalidate_by_id(id, Some("lost")).unwrap(),
                2 => assert_eq!(store.invalidate_user("alice", Some("lost")), Ok(1)),
                _ => assert_eq!(store.invalidate_user("alice", Some("lost")), Ok(1)),
            }
            if let Some(events) = events {
                assert_eq!(events.names(), [("invalidated", id)]);
            }
        }
        assert_eq!(http(port, "GET", "/api/session/", &value).0, 401, "{case}");
        let token = store.get(id).unwrap();
        let text = if column == "policy" { token.policy() } else { token.extra_data() };
        assert_eq!(text, stored);
        store.delete(id).unwrap();
        assert_eq!(store.authenticate(&other.value(), Site::Any).unwrap().verdict, ACCEPTED);
    }
}

fn ten_thousand_documents_are_read_as_python_reads_them(site: &mut Installation) {
    let count = if site.name == "sqlite" { 10_000 } else { 2_000 };
    let documents = site.ask(json!({"do": "make_documents", "count": count, "seed": 15}));
    let store = store_now(site);
    let mut kinds = HashMap::new();
    for document in documents.as_array().unwrap() {
        let id = document[0].as_i64().unwrap();
        let stored = document[1].as_str().unwrap();
        let token = store.get(id).unwrap();
        assert_eq!(token.extra_data(), stored);
        let json = token.to_json(START, 0).unwrap();
        let read = member(&json, "extra_data", "id");
        assert_eq!(Some(read), document[2].as_str(), "{stored:?}");
        assert_eq!(json!(token.client_name()), document[3], "{stored:?}");
        *kinds.entry(read.chars().next().filter(|_| read != "{}")).or_insert(0) += 1;
    }
    println!("compared {} documents: {kinds:?}", documents.as_array().unwrap().len());
    assert_eq!(store.purge(START), Ok(0));
}

/// Returns SQL that writes values that Review Board would not into the row with the id `?`, and the
/// column that becomes unreadable.
fn unreadable_cells(database: &str) -> Vec<(&'static str, &'static str)> {
    match database {
        "sqlite" => vec![
            ("expires = 'tomorrow'", "expires"),
            ("time_added = X'ff'", "time_added"),
            ("last_used = 3.5", "last_used"),
            ("note = X'ff'", "note"),
            ("note = CAST(X'ff' AS text)", "note"),
            ("extra_data = X'00'", "extra_data"),
            ("policy = X'7b7d'", "policy"),
            ("valid = 'perhaps'", "valid"),
            ("token = token || token || token", "token"),
            ("token_generator_id = X'31'", "token_generator_id"),
        ],
        "postgresql" => vec![
            ("expires = 'infinity'", "expires"),
            ("expires = '-infinity'", "expires"),
            ("time_added = '12026-01-01'", "time_added"),
            ("last_updated = '0044-03-15 BC'", "last_updated"),
            ("last_used = 'infinity'", "last_used"),
            ("invalid_date = 'infinity'", "invalid_date"),
        ],
        _ => vec![
            ("expires = '0000-00-00'", "expires"),
            ("time_added = '0000-00-00'", "time_added"),
            ("last_updated = '2026-00-00'", "last_updated"),
            ("last_used = '0000-00-00'", "last_used"),
            ("invalid_date = '0000-00-00'", "invalid_date"),
        ],
    }
}

fn unreadable_rows_are_revoked_and_concern_no_other(site: &mut Installation) {
    let store = store_now(site);
    let first = generate(&store, "carol", None);
    let now = first.record().time_added;
    store.delete(first.id()).unwrap();
    if site.name == "mysql" {
        site.ask(json!({"do": "execute", "statement": "SET sql_mode = ''"}));
    }
    for (set, column) in unreadable_cells(site.name) {
        for way in 0..6 {
            let other = generate(&store, "bob", None);
            let (token, created) = store.client_token("alice", "host", &init()).unwrap();
            assert!(created);
            let (id, value) = (token.id(), token.value());
            let statement = format!("UPDATE webapi_webapitoken SET {set} WHERE id = {id}");
            site.ask(json!({"do": "execute", "statement": statement}));

            if column == "token" {
                assert_eq!(store.authenticate(&value, Site::Any).unwrap().verdict, UNKNOWN);
            } else {
                let failure = store.authenticate(&value, Site::Any).map(drop).unwrap_err();
                assert_eq!(failure.status, CORRUPT, "{set}");
                let names = format!("token {id}, column {column}");
                assert!(failure.message.contains(&names), "{set}: {}", failure.message);
            }
            let token = store.get(id).unwrap();
            assert_eq!(token.allows(("user", "GET", None)).unwrap_err().status, CORRUPT);
            assert_json(&token.to_json(START, 0).unwrap());

            assert_eq!(store.authenticate(&other.value(), Site::Any).unwrap().verdict, ACCEPTED);
            let ids = |filter| -> Vec<i64> {
                store.list(&filter).unwrap().iter().map(|record| record.id).collect()
            };
            assert!(ids(init()).contains(&id));
            let mut usable = init::<rbtoken_token_filter_t>();
            usable.validity_mode =
                rbtoken_filter_validity_mode::RBTOKEN_FILTER_VALIDITY_VALID as i32;
            assert!(!ids(usable).contains(&id) && ids(usable).contains(&other.id()));
            // It matches no client.
            let (another, created) = store.client_token("alice", "host", &init()).unwrap();
            assert!(created && another.id() != id);
            store.delete(another.id()).unwrap();

            let events = (way % 2 == 1).then(|| store.watch());
            match way {
                0 | 1 if column != "token" => store.invalidate(&value, Some("lost")).unwrap(),
                0 | 1 => store.invalidate_by_id(id, Some("lost")).unwrap(),
                2 | 3 => assert_eq!(store.invalidate_user("alice", Some("lost")), Ok(1)),
                _ => assert_eq!(store.invalidate_all(Some("lost")), Ok(2)),
            }
            assert!(store.get(id).unwrap().record().is_invalidated);
            if let Some(events) = events {
                assert!(events.names().contains(&("invalidated", id)), "{set}");
            }
            let is_valid = !store.find(&other.value()).unwrap().record().is_invalidated;
            assert_eq!(is_valid, way < 4);
            if way % 3 == 0 {
                store.set_now(now + 2 * DAY);
                assert!(store.purge(now + DAY).unwrap() >= 1);
                store.set_now(now);
            } else {
                store.delete(id).unwrap();
            }
            assert_eq!(store.get(id).map(drop).unwrap_err().status, E_NOT_FOUND);
            let _ = store.delete(other.id());
        }
    }
}

fn import_of_an_export_restores_every_document(site: &mut Installation) {
    let folder = Folder::new();
    let store = store_now(site);
    for case in parsed(ODD_DOCUMENTS).as_array().unwrap() {
        let id = generate(&store, "alice", Some("north")).id();
        put(site, id, case["column"].as_str().unwrap(), case["stored"].as_str().unwrap());
    }
    let id = generate(&store, "bob", None).id();
    let statement = format!("UPDATE webapi_webapitoken SET policy = NULL WHERE id = {id}");
    site.ask(json!({"do": "execute", "statement": statement}));
    site.ask(json!({"do": "set_user_active", "user": "bob", "active": false}));
    let unreadable = generate(&store, "carol", None).id();
    if site.name == "mysql" {
        site.ask(json!({"do": "execute", "statement": "SET sql_mode = ''"}));
    }
    let (set, _) = unreadable_cells(site.name)[0];
    let statement = format!("UPDATE webapi_webapitoken SET {set} WHERE id = {unreadable}");
    site.ask(json!({"do": "execute", "statement": statement}));
    site.ask(json!({"do": "make_documents", "count": 1500, "seed": 16}));
    let lines = assert_import_restores(&store, &folder, site.name);
    assert!(lines.contains(r#"{"type": "user", "username": "bob", "is_active": false}"#));
    assert!(!lines.contains(&format!("\"id\": {unreadable},")));
}

fn update_leaves_the_other_document_as_it_stands(site: &mut Installation) {
    let store = site.store();
    let token = generate(&store, "alice", None);
    put(site, token.id(), "policy", "{'resources': {}} # by hand");
    put(site, token.id(), "extra_data", " {\"a\": NaN}");
    let update = Update { extra_data: Field::Set(r#"{"b": 1}"#), ..Update::default() };
    let token = store.update(token.id(), &update).unwrap();
    assert_eq!(token.policy(), "{'resources': {}} # by hand");
    assert_eq!(token.extra_data(), r#"{"b": 1}"#);
    let policy = r#"{"resources": {"*": {"allow": ["GET"]}}}"#;
    put(site, token.id(), "extra_data", " {\"a\": NaN}");
    let update = Update { policy: Field::Set(policy), ..Update::default() };
    let token = store.update(token.id(), &update).unwrap();
    assert_eq!(token.extra_data(), " {\"a\": NaN}");
    assert_eq!(site.rows()[0]["policy"], Value::from(format!("'{policy}'")));
}

fn column_of_a_newer_server_is_found_at_open(site: &mut Installation) {
    const VERSION: i32 = rbtoken_status_code::RBTOKEN_E_VERSION as i32;
    let alter = |change: &str| {
        let statement = format!("ALTER TABLE webapi_webapitoken {change}");
        json!({"do": "execute", "statement": statement})
    };
    let generated = match site.name {
        "sqlite" => "integer NOT NULL AS (1) VIRTUAL",
        "postgresql" => "integer NOT NULL GENERATED ALWAYS AS (1) STORED",
        _ => "integer GENERATED ALWAYS AS (1) STORED",
    };
    for definition in ["integer NULL", "integer NOT NULL DEFAULT 1", generated] {
        site.ask(alter(&format!("ADD COLUMN newer {definition}")));
        let inserted = site.store_with("{}").and_then(|store| {
            let (token, _) = store.client_token("alice", "host", &init())?;
            store.invalidate(&token.value(), None)?;
            store.delete(token.id())
        });
        site.ask(alter("DROP COLUMN newer"));
        assert_eq!(inserted, Ok(()), "{definition}");
    }
    // SQLite cannot add such a column to a table.
    if site.name != "sqlite" {
        site.ask(alter("ADD COLUMN newer integer NOT NULL"));
        let opened = site.store_with("{}").map(drop);
        site.ask(alter("DROP COLUMN newer"));
        let failure = opened.unwrap_err();
        assert_eq!(failure.of(), (VERSION, Some("location")));
        assert!(failure.message.contains("webapi_webapitoken.newer"), "{failure:?}");
    }
}

fn text_beyond_the_character_set_is_unknown_or_named(site: &mut Installation) {
    const COLUMNS: [(&str, &str); 4] = [
        ("token", "varchar(255)"),
        ("token_generator_id", "varchar(255)"),
        ("note", "longtext"),
        ("invalid_reason", "longtext"),
    ];
    fn convert(site: &mut Installation, character_set: &str) {
        for (column, kind) in COLUMNS {
            let statement = format!(
                "ALTER TABLE webapi_webapitoken MODIFY {column} {kind} \
                 CHARACTER SET {character_set} NOT NULL"
            );
            site.ask(json!({"do": "execute", "statement": statement}));
        }
    }
    if site.name != "mysql" {
        return texts_are_unknown_or_named(&site.store(), &[]);
    }
    for (character_set, unstorable) in
        [("latin1", ["\u{1f600}", "✓"]), ("utf8mb3", ["\u{1f600}"; 2])]
    {
        convert(site, character_set);
        let store = site.store();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            texts_are_unknown_or_named(&store, &unstorable);
        }));
        site.ask(json!({"do": "execute", "statement": "DELETE FROM webapi_webapitoken"}));
        convert(site, "utf8mb4");
        checked.unwrap();
    }
}

/// Texts that a column cannot store match no value and no user. A change with such a text names the
/// argument.
fn texts_are_unknown_or_named(store: &Store, unstorable: &[&str]) {
    for text in ["token \u{1f600}", "token ✓", "token é"] {
        assert_eq!(store.authenticate(text, Site::Any).unwrap().verdict, UNKNOWN);
        let header = format!("token {}", text.replace(' ', ""));
        let login = store.authenticate_header(header.as_bytes(), Site::Any).unwrap();
        assert_eq!(login.verdict, UNKNOWN);
        assert_eq!(store.find(text).unwrap_err().of(), (E_NOT_FOUND, Some("value")));
        let lost = store.invalidate(text, None).unwrap_err();
        assert_eq!(lost.of(), (E_NOT_FOUND, Some("value")));
        let nobody = store.client_token(text, "host", &init()).map(drop).unwrap_err();
        assert_eq!(nobody.of(), (E_NOT_FOUND, Some("user")));
    }
    let token = generate(store, "alice", None);
    let note = |note| Update { note: Field::Set(note), ..Update::default() };
    for text in unstorable {
        let failure = store.update(token.id(), &note(text)).map(drop).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("note")), "{text}");
        for lost in [
            store.invalidate(&token.value(), Some(text)),
            store.invalidate_by_id(token.id(), Some(text)),
            store.invalidate_user("alice", Some(text)).map(drop),
            store.invalidate_all(Some(text)).map(drop),
        ] {
            assert_eq!(lost.unwrap_err().of(), (E_INVALID_ARGUMENT, Some("reason")), "{text}");
        }
        let mut options = init::<rbtoken_generate_options_t>();
        (options.note, options.note_len) = crate::support::text(text);
        let failure = store.generate("alice", &options).map(drop).unwrap_err();
        assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("note")), "{text}");
    }
    for text in ["\u{1f600}", "✓", "é"].iter().filter(|text| !unstorable.contains(text)) {
        assert_eq!(store.update(token.id(), &note(text)).unwrap().record().note, *text);
    }
    store.invalidate(&token.value(), Some("é")).unwrap();
    assert_eq!(store.get(token.id()).unwrap().record().invalid_reason, "é");
}

fn documented_grants_are_enough(site: &mut Installation) {
    // The list in docs/databases.md.
    let postgresql = [
        "GRANT SELECT ON auth_user, site_localsite, siteconfig_siteconfiguration TO tokens",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON webapi_webapitoken TO tokens",
        "GRANT USAGE ON SEQUENCE webapi_webapitoken_id_seq TO tokens",
    ];
    let mysql = [
        "GRANT SELECT, UPDATE (id) ON reviewboard.auth_user TO tokens",
        "GRANT SELECT ON reviewboard.site_localsite TO tokens",
        "GRANT SELECT ON reviewboard.siteconfig_siteconfiguration TO tokens",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON reviewboard.webapi_webapitoken TO tokens",
    ];
    let (create, grants, drop): (_, &[_], &[_]) = match site.name {
        "mysql" => ("CREATE USER tokens", &mysql, &["DROP USER tokens"]),
        _ => {
            ("CREATE ROLE tokens LOGIN", &postgresql, &["DROP OWNED BY tokens", "DROP ROLE tokens"])
        }
    };
    for statement in [create].iter().chain(grants) {
        site.ask(json!({"do": "execute", "statement": statement}));
    }
    let location = site.location.replace("root@", "tokens@");
    let outcome = (|| -> Result<(), Failure> {
        let mut options = init::<rbtoken_store_options_t>();
        (options.location, options.location_len) = text(&location);
        let store = Store::open(&Host::new(), &options)?;
        let (token, _) = store.client_token("alice", "host", &init())?;
        let value = token.value();
        assert_eq!(store.authenticate(&value, Site::Any)?.verdict, ACCEPTED);
        let note = Update { note: Field::Set("new"), ..Update::default() };
        store.update(token.id(), &note)?;
        store.invalidate(&value, None)?;
        store.invalidate_user("alice", None)?;
        store.invalidate_all(None)?;
        assert_eq!(store.list(&init())?.len(), 1);
        store.purge(0)?;
        store.delete(token.id())
    })();
    for statement in drop {
        site.ask(json!({"do": "execute", "statement": statement}));
    }
    assert_eq!(outcome, Ok(()));
}

fn list_within_little_memory_is_whole_or_refused(site: &mut Installation) {
    const DOUBLINGS: usize = 12;
    let store = site.store();
    let note = "n".repeat(400);
    let token = generate(&store, "alice", None);
    let update = Update { note: Field::Set(&note), ..Update::default() };
    store.update(token.id(), &update).unwrap();
    let shorten = "UPDATE webapi_webapitoken SET token = 'value'";
    site.ask(json!({"do": "execute", "statement": shorten}));
    let columns = "user_id, token_generator_id, time_added, last_updated, valid, invalid_reason, \
                   note, policy, extra_data";
    for letter in 'a'.. {
        let value = match site.name {
            "mysql" => format!("CONCAT(token, '{letter}')"),
            _ => format!("token || '{letter}'"),
        };
        let statement = format!(
            "INSERT INTO webapi_webapitoken ({columns}, token) \
             SELECT {columns}, {value} FROM webapi_webapitoken"
        );
        site.ask(json!({"do": "execute", "statement": statement}));
        if letter as usize - 'a' as usize + 1 == DOUBLINGS {
            break;
        }
    }
    assert_eq!(store.count(), Ok(1 << DOUBLINGS));
    drop(store);
    #[cfg(all(feature = "sqlite", target_os = "linux", target_env = "gnu"))]
    crate::memory::list_within_limits(&site.location, 128);
}
