//! Rows that other programs wrote, in a minimal copy of Review Board's tables in SQLite.
#![cfg(feature = "sqlite")]

use rusqlite::Connection;

use crate::support::*;
use rbtoken::ffi::*;

const DATABASE: i32 = rbtoken_status_code::RBTOKEN_E_DATABASE as i32;

/// Creates a database with the users alice and bob, and returns its location.
pub fn database(folder: &Folder) -> (Connection, String) {
    let path = folder.file("reviewboard.db");
    drop(Store::open_file(&Host::new(), &path).unwrap());
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 0;
             PRAGMA journal_mode = DELETE;
             CREATE TABLE siteconfig_siteconfiguration (id integer, site_id integer, settings text);
             INSERT INTO auth_user (id, username, is_active) VALUES (1, 'alice', 1), (2, 'bob', 1);",
        )
        .unwrap();
    (connection, format!("reviewboard+sqlite://{path}"))
}

fn open(location: &str) -> Store {
    let host = Host::new();
    let clock = host.clock();
    let mut options = rbtoken_store_options_t { clock: &raw const clock, ..init() };
    (options.location, options.location_len) = text(location);
    Store::open(&host, &options).unwrap()
}

/// Sets columns of a token.
fn set(connection: &Connection, id: i64, columns: &str) {
    let statement = format!("UPDATE webapi_webapitoken SET {columns} WHERE id = {id}");
    assert_eq!(connection.execute(&statement, []), Ok(1), "{columns}");
}

fn ids(store: &Store) -> Vec<i64> {
    store.list(&init()).unwrap().iter().map(|record| record.id).collect()
}

#[test]
fn best_token_is_found_by_times_with_offsets() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    let (token, _) = store.client_token("alice", "host", &init()).unwrap();
    // Compared as texts, these would be before START and long after it.
    for (expires, serves) in [
        ("2026-05-31 23:59:59-24:00", false),
        ("2026-05-31 23:59:59-23:00", true),
        ("2026-06-01 00:00:00.000001", true),
        ("2026-06-01 00:00:00", false),
        ("2026-06-01 01:00:00+02:00", false),
        ("2026-06-01T00:00:00Z", false),
        ("2026-06-01 00:00:00+00:00", false),
    ] {
        set(&connection, token.id(), &format!("expires = '{expires}'"));
        let mut options = init::<rbtoken_client_token_options_t>();
        options.min_validity_mode = MIN_VALIDITY_SECS;
        let (found, created) = store.client_token("alice", "host", &options).unwrap();
        assert_eq!((found.id() == token.id(), created), (serves, !serves), "{expires}");
        if created {
            store.delete(found.id()).unwrap();
        }
    }
    // The token that expires last is the best, in either format.
    let (first, last) = ("2027-01-01 23:00:00+05:00", "2027-01-01 20:00:00");
    set(&connection, token.id(), &format!("expires = '{first}'"));
    let other = store.generate("alice", &init()).unwrap();
    let client = r#"extra_data = '{"client_name": "host"}'"#;
    set(&connection, other.id(), &format!("expires = '{last}', {client}"));
    assert_eq!(store.client_token("alice", "host", &init()).unwrap().0.id(), other.id());
}

#[test]
fn purge_compares_times_with_offsets_as_times() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    for columns in [
        "expires = '{}'",
        "valid = 0, invalid_date = '{}'",
        "valid = 0, invalid_date = NULL, time_added = '{}'",
    ] {
        for (time, is_purged) in [
            ("2026-05-31 23:30:00-02:00", false),
            ("2026-06-01 01:00:00+02:00", true),
            ("2026-05-31T23:30:00-02:00", false),
            ("2026-05-31T22:00", true),
            ("2026-06-01 00:00:00+00:00", false),
            ("2026-05-31 23:59:59.999999+00:00", true),
            ("2026-05-31 23:59:59.999999", true),
            ("2026-06-01 00:00:00", false),
        ] {
            for is_watched in [false, true] {
                let token = store.generate("alice", &init()).unwrap();
                set(&connection, token.id(), &columns.replace("{}", time));
                let events = is_watched.then(|| store.watch());
                assert_eq!(store.purge(START), Ok(is_purged.into()), "{columns} {time}");
                assert_eq!(ids(&store).is_empty(), is_purged);
                if let Some(events) = events {
                    assert_eq!(events.names().len(), usize::from(is_purged));
                }
                let _ = store.delete(token.id());
            }
        }
    }
}

#[test]
fn token_of_a_missing_user_can_be_listed_and_revoked() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    let token = store.generate("bob", &init()).unwrap();
    let other = store.generate("alice", &init()).unwrap();
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; DELETE FROM auth_user WHERE id = 2")
        .unwrap();
    assert_eq!(store.count(), Ok(2));
    assert_eq!(ids(&store), [token.id(), other.id()]);
    let failure = store.authenticate(&token.value(), Site::Any).map(drop).unwrap_err();
    assert_eq!(failure.status, E_CORRUPT);
    assert_eq!(store.authenticate(&other.value(), Site::Any).unwrap().verdict, ACCEPTED);
    let events = store.watch();
    store.invalidate(&token.value(), None).unwrap();
    assert!(store.get(token.id()).unwrap().record().is_invalidated);
    store.delete(token.id()).unwrap();
    assert_eq!(events.names(), [("invalidated", token.id()), ("deleted", token.id())]);
    assert_eq!((store.count(), ids(&store)), (Ok(1), vec![other.id()]));
}

#[test]
fn name_with_a_nul_is_not_the_name_before_it() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    connection
        .execute_batch("INSERT INTO auth_user (id, username, is_active) VALUES (3, 'alice' || char(0) || 'x', 1)")
        .unwrap();
    for columns in ["user_id = 3", "token_generator_id = 'vendor' || char(0)"] {
        let token = store.generate("alice", &init()).unwrap();
        set(&connection, token.id(), columns);
        let failure = store.authenticate(&token.value(), Site::Any).map(drop).unwrap_err();
        assert_eq!(failure.status, E_CORRUPT, "{columns}");
        assert_eq!(ids(&store), [token.id()]);
        store.invalidate(&token.value(), None).unwrap();
        store.delete(token.id()).unwrap();
    }
}

#[test]
fn failed_revocation_fires_no_event() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    let events = store.watch();
    let tokens: Vec<_> = (0..5).map(|_| store.generate("alice", &init()).unwrap()).collect();
    let values: Vec<_> = tokens.iter().map(Token::value).collect();
    events.take();
    // Reading the site name of one token fails.
    connection
        .execute_batch(
            "INSERT INTO site_localsite (id, name) VALUES (1, 'north');
             UPDATE webapi_webapitoken SET local_site_id = 1
                 WHERE id = (SELECT min(id) FROM webapi_webapitoken);
             ALTER TABLE site_localsite RENAME TO sites;
             CREATE VIEW site_localsite AS
                 SELECT id, abs(-9223372036854775807 - id / id) AS name FROM sites;",
        )
        .unwrap();
    assert_eq!(store.get(tokens[0].id()).map(drop).unwrap_err().status, DATABASE);
    let is_valid = |id: i64| -> bool {
        let statement = "SELECT valid FROM webapi_webapitoken WHERE id = ?";
        connection.query_row(statement, [id], |row| row.get(0)).unwrap()
    };
    store.invalidate(&values[0], Some("lost")).unwrap();
    store.invalidate_by_id(tokens[1].id(), None).unwrap();
    assert_eq!(tokens.iter().filter(|token| is_valid(token.id())).count(), 3);
    assert_eq!(store.invalidate("nothing", None).unwrap_err().status, E_NOT_FOUND);
    assert_eq!(store.invalidate_user("alice", None), Ok(5));
    assert!(!tokens.iter().any(|token| is_valid(token.id())));
    assert_eq!(store.invalidate_all(None), Ok(5));
    assert_eq!(events.names(), [("invalidated", tokens[1].id())]);
    store.delete(tokens[0].id()).unwrap();
    assert_eq!(events.names(), []);
    assert_eq!(store.count(), Ok(4));
}

#[test]
fn each_of_many_revoked_tokens_has_its_event() {
    let folder = Folder::new();
    let (_connection, location) = database(&folder);
    let store = open(&location);
    let ids: Vec<_> = (0..40).map(|_| store.generate("alice", &init()).unwrap().id()).collect();
    let events = store.watch();
    let named = |name| ids.iter().map(|id| (name, *id)).collect::<Vec<_>>();
    assert_eq!(store.invalidate_user("alice", None), Ok(40));
    assert_eq!(events.names(), named("invalidated"));
    events.take();
    assert_eq!(store.purge(START + 1), Ok(40));
    assert_eq!(events.names(), named("deleted"));
}

#[test]
fn login_that_waited_for_its_revocation_is_refused() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    let token = store.generate("alice", &init()).unwrap();
    let value = token.value();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    set(&connection, token.id(), "valid = 0, invalid_reason = ''");
    std::thread::scope(|scope| {
        // It finds the token valid, and waits before it can write the time.
        let login = scope.spawn(|| store.authenticate(&value, Site::Any).map(|it| it.verdict));
        std::thread::sleep(std::time::Duration::from_millis(300));
        connection.execute_batch("COMMIT").unwrap();
        assert_eq!(login.join().unwrap(), Ok(INVALID));
    });
}

#[test]
fn document_over_2_mib_is_unreadable_but_revocable() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    for (bytes, status) in [(2 << 20, OK), ((2 << 20) + 1, E_CORRUPT)] {
        let token = store.generate("alice", &init()).unwrap();
        let document = format!("[{}0]", "0,".repeat((bytes - 3) / 2));
        let document = format!("{document}{}", " ".repeat(bytes - document.len()));
        let update = "UPDATE webapi_webapitoken SET extra_data = ? WHERE id = ?";
        connection.execute(update, (&document, token.id())).unwrap();
        let login = store.authenticate(&token.value(), Site::Any).map(drop);
        assert_eq!(login.err().map_or(OK, |failure| failure.status), status, "{bytes}");
        assert_eq!(ids(&store), [token.id()]);
        store.invalidate(&token.value(), None).unwrap();
        store.delete(token.id()).unwrap();
    }
}

#[test]
fn generated_columns_are_not_written() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    connection
        .execute_batch(
            "ALTER TABLE webapi_webapitoken ADD COLUMN is_client integer NOT NULL
                 AS (extra_data LIKE '%client_name%') VIRTUAL;",
        )
        .unwrap();
    let store = open(&location);
    let (token, _) = store.client_token("alice", "host", &init()).unwrap();
    let update = Update { note: Field::Set("new"), ..Update::default() };
    assert_eq!(store.update(token.id(), &update).unwrap().record().note, "new");
    store.invalidate(&token.value(), None).unwrap();
    store.delete(token.id()).unwrap();
}

#[test]
fn expiration_setting_is_parsed_like_python() {
    let folder = Folder::new();
    let (connection, location) = database(&folder);
    let store = open(&location);
    let read = |settings: Option<&str>| {
        let statements = "DELETE FROM siteconfig_siteconfiguration";
        connection.execute_batch(statements).unwrap();
        let insert = "INSERT INTO siteconfig_siteconfiguration VALUES (1, 1, ?)";
        connection.execute(insert, [settings]).unwrap();
        store.get_setting("client_token_expiration")
    };
    for (value, days) in [
        ("7", "7"),
        ("true", "1"),
        ("false", "0"),
        ("null", "0"),
        ("-1", "-1"),
        // Review Board accepts only integers.
        ("0.0", "0"),
        ("7.9", "0"),
        ("NaN", "0"),
        ("\"7\"", "0"),
        ("[7]", "0"),
    ] {
        let settings = format!(r#"{{"client_token_expiration": {value}}}"#);
        assert_eq!(read(Some(&settings)).as_deref(), Ok(days), "{value}");
    }
    for settings in [None, Some(""), Some("{}"), Some("no settings")] {
        assert_eq!(read(settings).as_deref(), Ok("365"), "{settings:?}");
    }
}
