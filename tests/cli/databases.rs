//! What only the database of a server can do to the tool.

use std::fs;

use rbtoken::store::{GenerateRequest, Store, StoreOptions};
use serde_json::json;

use crate::interrupts::interrupt_after;
use crate::sizes::filled;
use crate::support::Folder;
use crate::support::installation::Installation;
use crate::tool::Tool;

/// Defines tests on both servers.
macro_rules! on_servers {
    ($($test:ident)*) => {
        #[cfg(feature = "postgres")]
        mod on_postgresql {
            $(
                #[test]
                fn $test() { super::$test(&mut super::Installation::open("postgresql")); }
            )*
        }
        #[cfg(feature = "mysql")]
        mod on_mysql {
            $(
                #[test]
                fn $test() { super::$test(&mut super::Installation::open("mysql")); }
            )*
        }
    };
}

on_servers! {
    check_lists_missing_privileges
    check_reports_tables_that_cannot_be_read
    missing_database_is_no_matter_of_privileges
    repeated_ids_are_revoked_once
    unreadable_token_keeps_its_first_reason
    import_error_names_line_and_user
    copy_lists_users_that_the_server_does_not_disable
    site_is_not_removed_and_nothing_is_asked
    unreadable_row_is_listed_and_can_be_revoked
    interrupted_import_leaves_no_row
}

/// Returns the lines of a check that failed.
fn failed_checks(tool: &Tool) -> Vec<String> {
    let ran = tool.run(&["check", "--jsonl"]);
    assert_eq!(ran.status, 3, "{}", ran.err);
    ran.out.lines().filter(|line| line.contains(r#""ok":false"#)).map(str::to_owned).collect()
}

/// Creates an account that can read a table, or all of them, and returns its location.
fn reader(site: &mut Installation, name: &str, table: Option<&str>) -> String {
    let statements = match site.name {
        "mysql" => [
            format!("CREATE USER IF NOT EXISTS {name}@'%'"),
            format!("GRANT SELECT ON reviewboard.{} TO {name}@'%'", table.unwrap_or("*")),
        ],
        _ => [
            format!(
                "DO $$ BEGIN CREATE ROLE {name} LOGIN; \
                 EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            ),
            format!("GRANT SELECT ON {} TO {name}", table.unwrap_or("ALL TABLES IN SCHEMA public")),
        ],
    };
    for statement in statements {
        site.ask(json!({"do": "execute", "statement": statement}));
    }
    let location = site.location.replacen("root", name, 1);
    assert_ne!(location, site.location);
    location
}

fn check_lists_missing_privileges(site: &mut Installation) {
    let location = reader(site, "rbtoken_reader", None);
    let missing = match site.name {
        // MariaDB locks rows without the right to update them, unlike MySQL.
        "mysql" => "",
        _ => "; USAGE on the sequence of webapi_webapitoken.id",
    };
    let expected = format!(
        "missing privileges: UPDATE on webapi_webapitoken; DELETE on webapi_webapitoken; \
         INSERT on webapi_webapitoken{missing}\""
    );
    let failed = failed_checks(&Tool::at(&location));
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains(&expected), "{failed:?}");
    // An account with all privileges passes.
    Tool::at(&site.location).run(&["check"]).ok();
}

fn unreadable_row_is_listed_and_can_be_revoked(site: &mut Installation) {
    let tool = Tool::at(&site.location);
    let create = ["token", "create", "alice", "--quiet"];
    let [id, other] = [0; 2].map(|_| tool.run(&create).ok().trim().to_owned());
    let damage = format!("UPDATE webapi_webapitoken SET token = '' WHERE id = {id}");
    site.ask(json!({"do": "execute", "statement": damage}));
    let failed = failed_checks(&tool);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0].contains(&format!("1 of 2 tokens cannot be read: {id} (token)")),
        "{failed:?}"
    );
    let listed = |state: &str| tool.run(&["token", "list", "--quiet", "--state", state]).ok();
    assert_eq!(listed("unreadable"), format!("{id}\n"));
    assert_eq!(listed("valid"), format!("{other}\n"));
    tool.run(&["token", "revoke", &id, &other, "--yes", "--quiet"]).ok();
    assert_eq!(listed("valid"), "");
    assert_eq!(listed("revoked"), format!("{id}\n{other}\n"));
}

fn interrupted_import_leaves_no_row(site: &mut Installation) {
    let folder = Folder::new();
    let path = folder.file("export.jsonl");
    filled(&folder, 20_000).run(&["export", &path]).ok();
    let tool = Tool::at(&site.location);
    let bob = tool.run(&["token", "create", "bob", "--quiet"]).ok();
    // The file was read, and rows are being written.
    let ran = interrupt_after(tool.start(&["import", &path]), &path, true);
    let message = "rbtoken: error: interrupted: nothing was imported\n";
    assert_eq!((ran.status, ran.err.as_str()), (130, message));
    assert_eq!(tool.run(&["token", "list", "--quiet"]).ok(), bob);
}

fn check_reports_tables_that_cannot_be_read(site: &mut Installation) {
    let tool = Tool::at(&reader(site, "rbtoken_users_reader", Some("auth_user")));
    let failed = failed_checks(&tool);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed[0].contains(r#""check":"schema""#), "{failed:?}");
    assert!(failed[0].contains("the account lacks a privilege"), "{failed:?}");
    assert!(
        failed[1].contains(
            "missing privileges: SELECT on site_localsite; SELECT on \
             siteconfig_siteconfiguration; SELECT on webapi_webapitoken; "
        ),
        "{failed:?}"
    );
    let ran = tool.run(&["token", "list"]);
    let message = "error: the account lacks a privilege that docs/databases.md lists: ";
    assert!(ran.status == 3 && ran.err.contains(message), "{ran:?}");
}

fn missing_database_is_no_matter_of_privileges(site: &mut Installation) {
    let location = site.location.replacen("/reviewboard", "/nodb", 1);
    assert_ne!(location, site.location);
    let ran = Tool::at(&location).run(&["check"]);
    assert_eq!(ran.status, 3);
    assert!(ran.err.contains("nodb") || ran.err.contains("1049"), "{}", ran.err);
    assert!(!ran.err.contains("privilege") && !ran.err.contains("rbtoken check"), "{}", ran.err);
}

fn repeated_ids_are_revoked_once(site: &mut Installation) {
    let options = StoreOptions { location: Some(&site.location), ..StoreOptions::default() };
    let store = Store::open(options).unwrap();
    let create = || store.generate_token(&GenerateRequest::new("alice")).unwrap().record().id();
    let (first, second) = (create(), create());
    // Too many for one statement.
    let ids = [vec![first; 1500], vec![second; 1500], vec![first; 1500]].concat();
    assert_eq!(store.invalidate_tokens(&ids, "").unwrap(), 2);
}

fn unreadable_token_keeps_its_first_reason(site: &mut Installation) {
    let tool = Tool::at(&site.location);
    let id = tool.run(&["token", "create", "alice", "--quiet"]).ok().trim().to_owned();
    tool.run(&["token", "revoke", &id, "--reason", "first", "--yes"]).ok();
    let damage = format!("UPDATE webapi_webapitoken SET token = '' WHERE id = {id}");
    site.ask(json!({"do": "execute", "statement": damage}));
    for filter in ["unreadable", "revoked"] {
        let again = ["token", "revoke", "--state", filter, "--reason", "second", "--yes"];
        assert_eq!(
            tool.run(&again).ok(),
            "revoked 0 tokens; skipped 1 that had been revoked\n",
            "{filter}"
        );
    }
    assert!(tool.run(&["token", "show", &id]).ok().contains("reason:     first\n"));
    // Nobody can say what it allows.
    let ran = tool.run(&["policy", "explain", "--token", &id, "review_request", "GET"]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains(&format!("token {id} cannot be read (")), "{}", ran.err);
}

fn import_error_names_line_and_user(site: &mut Installation) {
    let folder = Folder::new();
    let (file, path) = (Tool::at(&folder.file("tokens.db")), folder.file("export.jsonl"));
    file.run(&["--create", "token", "create", "alice"]).ok();
    file.run(&["token", "create", "mallory"]).ok();
    file.run(&["export", &path]).ok();
    let tool = Tool::at(&site.location);
    let ran = tool.run(&["import", &path]);
    let message = format!("rbtoken: error: {path}: line 3: `mallory`: no such user\n");
    assert_eq!((ran.status, ran.err), (1, message));
    // A value that exists.
    let known = fs::read_to_string(&path).unwrap().replace("mallory", "bob");
    fs::write(&path, known).unwrap();
    tool.run(&["import", &path]).ok();
    let ran = tool.run(&["import", &path]);
    let message = format!("rbtoken: error: {path}: line 2: a token with this value already exists");
    assert!(ran.status == 1 && ran.err.starts_with(&message), "{ran:?}");
}

fn copy_lists_users_that_the_server_does_not_disable(site: &mut Installation) {
    let folder = Folder::new();
    let path = folder.file("tokens.db");
    let file = Tool::at(&path);
    file.run(&["--create", "token", "create", "alice"]).ok();
    file.run(&["user", "disable", "alice"]).ok();
    file.run(&["user", "disable", "bob"]).ok();
    fs::write(folder.file("location"), &site.location).unwrap();
    let location = format!("@{}", folder.file("location"));
    let copied = Tool::new().run(&["copy", &path, &location, "--user", "alice"]).ok();
    let expected = "copied 1 token; disable these users on the server too: alice\n";
    assert_eq!(copied, expected);
}

fn site_is_not_removed_and_nothing_is_asked(site: &mut Installation) {
    let ran = Tool::at(&site.location).run(&["site", "remove", "north"]);
    let message = "rbtoken: error: Local Sites are managed by the Review Board server and cannot \
                   be removed here\n";
    assert_eq!((ran.status, ran.err.as_str()), (1, message));
}
