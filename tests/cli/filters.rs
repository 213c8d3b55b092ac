//! The filters of bulk revocation.

use crate::support::Folder;
use crate::tool::Tool;

/// Revokes the tokens of four that a filter selects, and returns their ids.
fn revoked_by(filter: &[&str]) -> String {
    let folder = Folder::new();
    let path = folder.file("tokens.db");
    let tool = Tool::at(&path);
    tool.run(&["--create", "token", "create", "alice"]).ok();
    tool.run(&["token", "client", "alice", "RBTools", "--expires", "2d"]).ok();
    tool.run(&["site", "add", "north"]).ok();
    tool.run(&["token", "create", "alice", "--site", "north", "--expires", "40d"]).ok();
    tool.run(&["token", "create", "alice"]).ok();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(
        "UPDATE webapi_webapitoken SET time_added = '2020-01-01 00:00:00' WHERE id IN (1, 4);
         UPDATE webapi_webapitoken SET last_used = '2020-01-02 00:00:00' WHERE id IN (2, 4);
         UPDATE webapi_webapitoken SET last_used = last_updated WHERE id = 1;",
    )
    .unwrap();
    drop(file);
    let revoke = [&["token", "revoke", "--quiet"], filter].concat();
    let selected = tool.run(&[&revoke[..], &["--dry-run"]].concat()).ok();
    assert_eq!(tool.run(&["token", "list", "--state", "revoked"]).ok(), "");
    tool.run(&[&revoke[..], &["--yes"]].concat()).ok();
    let revoked = tool.run(&["token", "list", "--state", "revoked", "--quiet"]).ok();
    assert_eq!(selected, revoked, "{filter:?}");
    revoked.replace('\n', " ").trim().to_owned()
}

#[test]
fn filters_select_the_tokens_to_revoke() {
    for (filter, ids) in [
        (&["--client", "RBTools"][..], "2"),
        (&["--client", "none"], ""),
        (&["--site", "north"], "3"),
        (&["--global"], "1 2 4"),
        (&["--older-than", "30d"], "1 4"),
        (&["--unused-for", "30d"], "2 4"),
        (&["--expires-within", "3d"], "2"),
        (&["--expires-within", "50d"], "2 3"),
        (&["--older-than", "30d", "--unused-for", "30d"], "4"),
        (&["--all"], "1 2 3 4"),
    ] {
        assert_eq!(revoked_by(filter), ids, "{filter:?}");
    }
}
