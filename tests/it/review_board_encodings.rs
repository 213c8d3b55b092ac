//! PostgreSQL databases with encodings other than UTF-8.
#![cfg(feature = "postgres")]

use std::process::Command;

use crate::review_board::{generate, on};
use crate::support::installation::Installation;
use crate::support::*;
use rbtoken::ffi::*;

on_database! { "postgres" on_postgresql "postgresql"
    bytes_without_an_encoding_spoil_one_row
    character_without_utf8_spoils_one_row
    text_beyond_the_encoding_names_its_argument
    login_writes_the_row_of_the_exact_value
}

/// Another database on the site's server, with its tables and the users alice and bob. It is
/// removed when dropped.
struct OtherDatabase<'a> {
    site: &'a Installation,
    location: String,
}

fn run_psql(location: &str, statement: &str) {
    let status = Command::new("psql")
        .args(["-qX", "-v", "ON_ERROR_STOP=1", location, "-c", statement])
        .status()
        .unwrap();
    assert!(status.success(), "{statement}");
}

impl<'a> OtherDatabase<'a> {
    const DROP: &'static str = "DROP DATABASE IF EXISTS rbtoken_other WITH (FORCE)";

    fn new(site: &'a Installation, encoding: &str) -> Self {
        run_psql(&site.location, Self::DROP);
        let create = format!(
            "CREATE DATABASE rbtoken_other TEMPLATE template0 ENCODING '{encoding}' \
             LC_COLLATE 'C' LC_CTYPE 'C'"
        );
        run_psql(&site.location, &create);
        let location = site.location.replace("/reviewboard", "/rbtoken_other");
        let copy = "pg_dump --schema-only --no-owner -t auth_user -t django_site -t site_localsite \
                    -t webapi_webapitoken -t siteconfig_siteconfiguration \"$1\" | psql -qXo /dev/null \"$2\"";
        let copy = ["-c", copy, "sh", &site.location, &location];
        assert!(Command::new("sh").args(copy).status().unwrap().success());
        let users = "INSERT INTO auth_user (username, is_active, password, is_superuser, \
                     first_name, last_name, email, is_staff, date_joined) \
                     SELECT name, true, '', false, '', '', '', false, now() \
                     FROM (VALUES ('alice'), ('bob'), ('carol')) AS names (name)";
        run_psql(&location, users);
        Self { site, location }
    }

    fn open(&self) -> Store {
        let host = Host::new();
        let clock = host.clock();
        let mut options = rbtoken_store_options_t { clock: &raw const clock, ..init() };
        (options.location, options.location_len) = text(&self.location);
        Store::open(&host, &options).unwrap()
    }

    fn set(&self, id: i64, set: &str) {
        run_psql(&self.location, &format!("UPDATE webapi_webapitoken SET {set} WHERE id = {id}"));
    }
}

impl Drop for OtherDatabase<'_> {
    fn drop(&mut self) {
        run_psql(&self.site.location, Self::DROP);
    }
}

fn bytes_without_an_encoding_spoil_one_row(site: &mut Installation) {
    let bytes = r"convert_from('\x61ff'::bytea, 'SQL_ASCII')";
    let database = OtherDatabase::new(site, "SQL_ASCII");
    unconvertible_text_spoils_one_row(&database, bytes);
    unconvertible_name_is_left_out(&database, bytes);
}

fn character_without_utf8_spoils_one_row(site: &mut Installation) {
    let bytes = r"convert_from('\xf9a1'::bytea, 'EUC_JP')";
    let database = OtherDatabase::new(site, "EUC_JP");
    unconvertible_text_spoils_one_row(&database, bytes);
    unconvertible_name_is_left_out(&database, bytes);
}

fn unconvertible_text_spoils_one_row(database: &OtherDatabase<'_>, bytes: &str) {
    let store = database.open();
    let other = generate(&store, "bob", None);
    let note = Update { note: Field::Set("日本"), ..Update::default() };
    store.update(other.id(), &note).unwrap();
    for column in
        ["note", "invalid_reason", "policy", "extra_data", "token_generator_id", "username"]
    {
        for watched in [false, true] {
            let (token, created) = store.client_token("alice", "host", &init()).unwrap();
            assert!(created);
            let (id, value) = (token.id(), token.value());
            if column == "username" {
                let rename = "UPDATE auth_user SET username = '' || {} WHERE username = 'carol'";
                run_psql(&database.location, &rename.replace("{}", bytes));
                let owner = "user_id = (SELECT max(id) FROM auth_user)";
                database.set(id, owner);
            } else {
                database.set(id, &format!("{column} = {bytes}"));
            }

            let failure = store.authenticate(&value, Site::Any).map(drop).unwrap_err();
            assert_eq!(failure.status, E_CORRUPT, "{column}");
            let names = format!("token {id}, column {column}");
            assert!(failure.message.contains(&names), "{column}: {}", failure.message);
            assert!(store.get(id).is_ok() && store.find(&value).is_ok());
            let ids: Vec<_> = store.list(&init()).unwrap().iter().map(|it| it.id).collect();
            assert_eq!(ids, [other.id(), id], "{column}");
            assert_eq!(store.get(other.id()).unwrap().record().note, "日本");
            assert_eq!(store.authenticate(&other.value(), Site::Any).unwrap().verdict, ACCEPTED);
            // It matches no client, and does not prevent a new token.
            let (another, created) = store.client_token("alice", "host", &init()).unwrap();
            assert!(created && another.id() != id);
            assert_eq!(store.client_token("alice", "host", &init()).unwrap().0.id(), another.id());

            let events = watched.then(|| store.watch());
            store.invalidate(&value, None).unwrap();
            if column == "username" {
                store.invalidate_by_id(id, None).unwrap();
            } else {
                assert_eq!(store.invalidate_user("alice", None), Ok(2), "{column}");
            }
            assert!(store.get(id).unwrap().record().is_invalidated, "{column}");
            store.delete(id).unwrap();
            assert_eq!(store.get(id).map(drop).unwrap_err().status, E_NOT_FOUND);
            store.delete(another.id()).unwrap();
            drop(events);
            if column == "username" {
                let rename = "UPDATE auth_user SET username = 'carol' \
                              WHERE username NOT IN ('alice', 'bob')";
                run_psql(&database.location, rename);
            }
        }
    }
    let (token, _) = store.client_token("alice", "host", &init()).unwrap();
    database
        .set(token.id(), &format!("note = {bytes}, valid = false, invalid_date = '2020-01-01'"));
    assert_eq!(store.purge(START), Ok(1));
    assert_eq!(store.count(), Ok(1));
}

/// For a user, a Local Site and the server's settings.
fn unconvertible_name_is_left_out(database: &OtherDatabase<'_>, bytes: &str) {
    let folder = Folder::new();
    let store = database.open();
    for statement in [
        "UPDATE auth_user SET is_active = false WHERE username <> 'alice'",
        "UPDATE auth_user SET username = '' || {} WHERE username = 'carol'",
        "INSERT INTO site_localsite (name, public) VALUES ('north', true), ({}, true), ('south', true)",
        "INSERT INTO django_site (domain, name) VALUES ('localhost', '')",
        "INSERT INTO siteconfig_siteconfiguration (site_id, version, settings) SELECT id, '', \
         '{\"company\": \"' || {} || '\", \"client_token_expiration\": 7}' FROM django_site",
    ] {
        run_psql(&database.location, &statement.replace("{}", bytes));
    }
    let local_sites = store.get_setting("local_sites").unwrap();
    assert_eq!(parsed(&local_sites), serde_json::json!(["north", "south"]));
    assert_eq!(store.get_setting("client_token_expiration").as_deref(), Ok("7"));
    let (token, created) = store.client_token("alice", "new", &init()).unwrap();
    assert_eq!((created, token.expires()), (true, Some(START + 7 * DAY)));
    let export = folder.file("export");
    store.export_file(&export, None).unwrap();
    let lines = std::fs::read_to_string(&export).unwrap();
    let names = |kind: &str| lines.matches(&format!("\"type\": \"{kind}\"")).count();
    assert_eq!((names("local_site"), names("user")), (2, 1), "{lines}");
    assert!(lines.contains("\"south\"") && lines.contains("\"bob\""), "{lines}");
}

fn text_beyond_the_encoding_names_its_argument(site: &mut Installation) {
    let database = OtherDatabase::new(site, "LATIN1");
    let store = database.open();
    let token = generate(&store, "alice", None);
    let set = |note| Update { note: Field::Set(note), ..Update::default() };
    assert_eq!(store.update(token.id(), &set("é")).unwrap().record().note, "é");
    let failure = store.update(token.id(), &set("✓")).map(drop).unwrap_err();
    assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("note")));
    for watched in [false, true] {
        let events = watched.then(|| store.watch());
        for lost in [
            store.invalidate(&token.value(), Some("✓")),
            store.invalidate_by_id(token.id(), Some("✓")),
            store.invalidate_user("alice", Some("✓")).map(drop),
            store.invalidate_all(Some("✓")).map(drop),
        ] {
            assert_eq!(lost.unwrap_err().of(), (E_INVALID_ARGUMENT, Some("reason")));
        }
        drop(events);
    }
    let mut options = init::<rbtoken_generate_options_t>();
    (options.note, options.note_len) = text("✓");
    let failure = store.generate("alice", &options).map(drop).unwrap_err();
    assert_eq!(failure.of(), (E_INVALID_ARGUMENT, Some("note")));
    assert_eq!(store.find("✓").map(drop).unwrap_err().of(), (E_NOT_FOUND, Some("value")));
    assert_eq!(store.authenticate("✓", Site::Any).unwrap().verdict, UNKNOWN);
    let nobody = store.client_token("✓", "host", &init()).map(drop).unwrap_err();
    assert_eq!(nobody.of(), (E_NOT_FOUND, Some("user")));
    assert_eq!(store.get(token.id()).unwrap().record().note, "é");
}

/// With a case-insensitive collation, several rows can equal a value. Only one is the right one.
fn login_writes_the_row_of_the_exact_value(site: &mut Installation) {
    let database = OtherDatabase::new(site, "UTF8");
    for statement in [
        "CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        "DROP INDEX webapi_webapitoken_token_9770ba5a_like",
        "ALTER TABLE webapi_webapitoken DROP CONSTRAINT webapi_webapitoken_token_key",
        "ALTER TABLE webapi_webapitoken ALTER token TYPE varchar(255) COLLATE any_case",
    ] {
        run_psql(&database.location, statement);
    }
    let store = database.open();
    let tokens: Vec<_> = (0..3).map(|_| generate(&store, "alice", None)).collect();
    for (token, value) in tokens.iter().zip(["VALUE", "value", "Value"]) {
        database.set(token.id(), &format!("token = '{value}'"));
    }
    let login = store.authenticate("value", Site::Any).unwrap();
    assert_eq!((login.verdict, login.token.unwrap().id()), (ACCEPTED, tokens[1].id()));
    let used = |token: &Token| store.get(token.id()).unwrap().record().last_used;
    assert_eq!(tokens.iter().map(used).collect::<Vec<_>>(), [None, Some(START), None]);
    assert_eq!(store.authenticate("vALUE", Site::Any).unwrap().verdict, UNKNOWN);
    store.invalidate("Value", None).unwrap();
    assert_eq!(store.authenticate("Value", Site::Any).unwrap().verdict, INVALID);
    assert_eq!(store.authenticate("VALUE", Site::Any).unwrap().verdict, ACCEPTED);
    assert_eq!(store.invalidate("vALUE", None).unwrap_err().of(), (E_NOT_FOUND, Some("value")));
}
