//! A transcript of the commands on a file and on servers' databases.

use std::fs;

use crate::expected::compare;
use crate::support::Folder;
#[cfg(any(feature = "postgres", feature = "mysql"))]
use crate::support::installation::Installation;
use crate::tool::{Ran, Tool};

/// The commands and what they printed, with what differs between runs replaced.
struct Transcript {
    tool: Tool,
    folder: Folder,
    text: String,
    /// Texts that differ between runs, each with its replacement.
    replaced: Vec<(String, String)>,
}

impl Transcript {
    fn new(location: Option<&str>) -> Self {
        let folder = Folder::new();
        let location = location.map_or_else(|| folder.file("tokens.db"), str::to_owned);
        let tool = Tool::at(&location).with("COLUMNS", "100");
        let replaced = vec![(folder.path().to_str().unwrap().to_owned(), "FOLDER".to_owned())];
        Self { tool, folder, text: String::new(), replaced }
    }

    /// Runs a command line, whose words may be quoted.
    fn run(&mut self, line: &str) -> Ran {
        self.run_with("", line)
    }

    fn run_with(&mut self, input: &str, line: &str) -> Ran {
        let folder = self.folder.path().to_str().unwrap();
        let arguments = words(line).map(|word| {
            let mut word = word.replace("FOLDER", folder);
            for (found, name) in &self.replaced {
                if word == *name {
                    word.clone_from(found);
                }
            }
            word
        });
        let arguments: Vec<_> = arguments.collect();
        let ran = self.tool.run_with(input, &arguments.iter().map(|it| &**it).collect::<Vec<_>>());
        self.text +=
            &format!("$ rbtoken {line}\n{}{}", self.masked(&ran.out), self.masked(&ran.err));
        if ran.status != 0 {
            self.text += &format!("status {}\n", ran.status);
        }
        self.text += "\n";
        ran
    }

    /// Runs a command that prints a token's id with `--quiet`, which gets a name.
    fn create(&mut self, name: &str, line: &str) -> String {
        let folder = self.folder.path().to_str().unwrap();
        let arguments: Vec<_> =
            words(line).chain(["--quiet"]).map(|word| word.replace("FOLDER", folder)).collect();
        let arguments: Vec<_> = arguments.iter().map(|it| &**it).collect();
        let id = self.tool.run(&arguments).ok().trim().to_owned();
        self.replaced.push((id.clone(), name.to_owned()));
        self.text += &format!("$ rbtoken {line} --quiet\n{name}\n\n");
        let show = self.tool.run(&["token", "show", &id, "--show-values", "--quiet"]);
        let value = show.ok().trim().to_owned();
        self.replaced.push((value.clone(), format!("VALUE-OF-{name}")));
        value
    }

    /// Replaces times, ids and values, and alignment that depends on their lengths.
    fn masked(&self, text: &str) -> String {
        let mut masked = String::new();
        for line in text.lines() {
            masked += &self.masked_line(line);
            masked.push('\n');
        }
        masked
    }

    fn masked_line(&self, line: &str) -> String {
        let mut line = without_times(line);
        for counter in ["store.memory.", "store.file.", "store.pool."] {
            if line.starts_with(counter) {
                line.truncate(line.find(':').unwrap());
                line += ": NUMBER";
            }
        }
        for (found, name) in &self.replaced {
            line = replace_word(&line, found, name);
        }
        while line.contains("   ") {
            line = line.replace("   ", "  ");
        }
        // What the server's environment sets.
        for check in ["time zone  ok", "collation  ok"] {
            if line.starts_with(check) {
                line = format!("{check}  DETAIL");
            }
        }
        line.trim().to_owned()
    }
}

/// Splits a command line at spaces outside of double quotes.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = line.split(move |character| {
        is_quoted ^= character == '"';
        character == ' ' && !is_quoted
    });
    parts.map(|word| word.trim_matches('"'))
}

/// Replaces a text where it is a word of its own.
fn replace_word(line: &str, found: &str, name: &str) -> String {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric() || it == '.');
    let (mut replaced, mut end) = (String::new(), 0);
    for (at, _) in line.match_indices(found) {
        let after = at + found.len();
        let is_word =
            !is_part(line[..at].chars().next_back()) && !is_part(line[after..].chars().next());
        replaced += &line[end..at];
        replaced += if is_word { name } else { found };
        end = after;
    }
    replaced + &line[end..]
}

/// Replaces dates with times, as in `2026-06-28 05:51` and in ISO 8601.
fn without_times(line: &str) -> String {
    let shape: Vec<char> =
        line.chars().map(|it| if it.is_ascii_digit() { '0' } else { it }).collect();
    let text: Vec<char> = line.chars().collect();
    let (mut masked, mut at) = (String::new(), 0);
    while at < text.len() {
        let rest: String = shape[at..].iter().take(16).collect();
        if rest == "0000-00-00 00:00" || rest == "0000-00-00T00:00" {
            at += 16;
            let is_part = |it: &char| "0:.+".contains(*it);
            at += shape[at..].iter().take_while(|it| is_part(it)).count();
            masked += "TIME";
        } else {
            masked.push(text[at]);
            at += 1;
        }
    }
    masked
}

const POLICY: &str = r#"{"resources": {"*": {"block": ["*"], "allow": ["GET"]}}}"#;

/// Ids of tokens are higher, so that they are found in the output.
const FIRST_ID: u32 = 5_000_000;

/// Runs every command that concerns a store.
fn record(script: &mut Transcript, is_file: bool) {
    let folder = script.folder.path().to_owned();
    fs::write(folder.join("policy.json"), POLICY).unwrap();
    fs::write(folder.join("wrong.json"), r#"{"resources": {"*": {"allow": "GET"}}}"#).unwrap();
    fs::write(folder.join("settings.json"), r#"{"pool_size": 2}"#).unwrap();

    script.run(if is_file { "site add north --create" } else { "site add west" });
    if is_file {
        let file = rusqlite::Connection::open(folder.join("tokens.db")).unwrap();
        let sql = format!("INSERT INTO sqlite_sequence VALUES ('webapi_webapitoken', {FIRST_ID})");
        file.execute_batch(&sql).unwrap();
    }
    script.run("site list");
    let value = script.create("ID1", "token create alice --note \"a note\" --expires 30d");
    script.create("ID2", "token client alice RBTools --site north --expires never");
    script.create("ID3", "token create bob --policy FOLDER/policy.json");
    script.create("ID4", "token create bob --expires 2020-01-31");
    script.run("token client alice RBTools --site north --quiet");
    script.run("token list");
    script.run("token list --user alice --global");
    script.run("token list --state expired --state revoked --quiet");
    script.run("token list --limit 1 --json");
    script.run("token list --site north --jsonl --show-values");
    script.run("token list --client none --json");
    script.run("token list --user alice --show-values");
    script.run("token show ID1");
    script.run("token show ID3 --json --show-values");
    script.run_with(&value, "token show --quiet");
    script.run_with(&format!("{value}\n"), "login");
    script.run_with(&value, "login --json --site north");
    script.run_with(&format!("token {value}"), "login --header --quiet");
    script.run_with("unknown", "login");
    script.run("token update ID1 --note changed --expires never --extra-data FOLDER/settings.json");
    script.run("token update ID1 --quiet");
    script.run("policy check FOLDER/policy.json");
    script.run("policy check FOLDER/wrong.json");
    script.run("policy explain --token ID3 review_request GET 42");
    script.run("policy explain --token ID3 review_request DELETE --json");
    script.run("policy explain --token ID1 review_request DELETE");
    script.run("user list");
    script.run("user disable alice");
    if is_file {
        script.run_with(&value, "login");
    }
    script.run("user enable alice");
    script.run("user list --json");
    script.run("setting list");
    script.run("setting get client_token_expiration");
    script.run("setting get pool_size --settings FOLDER/settings.json");
    script.run("setting check FOLDER/settings.json");
    script.run("setting check FOLDER/wrong.json");
    script.run("stats");
    script.run("check");
    script.run("export FOLDER/export.jsonl");
    script.run("export FOLDER/export.jsonl");
    script.run("import FOLDER/export.jsonl");
    script.run("import FOLDER/export.jsonl --dry-run --json");
    script.run("import FOLDER/export.jsonl --skip-existing");
    script.run("backup FOLDER/backup.db");
    script.run("--location FOLDER/export.jsonl check");
    script.run("token revoke --user bob --reason leaving --dry-run");
    script.run("token revoke --user bob --reason leaving");
    script.run("token revoke --user bob --reason leaving --yes");
    script.run("token revoke --user bob --yes --json");
    script.run_with(&value, "token revoke --by-value --yes");
    script.run_with(&value, "login --quiet");
    script.run("token revoke ID2 --yes --reason \"by id\"");
    script.run("token list --state revoked");
    script.run("token purge --older-than 1d --dry-run");
    script.run("token delete ID2");
    script.run("token delete ID2 --yes");
    script.run("token purge --yes");
    script.run("token list");
    script.run("import FOLDER/export.jsonl --dry-run");
    script.run("import FOLDER/export.jsonl");
    script.run("token list --quiet --user carol");
    script.run("token purge --yes --json");
    script.run("site remove north --yes");
    script.run("site list --json");
}

#[test]
fn commands_on_a_file_print_what_is_expected() {
    let mut script = Transcript::new(None);
    record(&mut script, true);
    compare("file.txt", &script.text);
}

#[cfg(any(feature = "postgres", feature = "mysql"))]
fn record_on(name: &str) {
    let mut site = Installation::open(name);
    let statement = match name {
        "mysql" => format!("ALTER TABLE webapi_webapitoken AUTO_INCREMENT = {FIRST_ID}"),
        _ => format!("ALTER SEQUENCE webapi_webapitoken_id_seq RESTART WITH {FIRST_ID}"),
    };
    site.ask(serde_json::json!({"do": "execute", "statement": statement}));
    let mut script = Transcript::new(Some(&site.location));
    record(&mut script, false);
    compare(&format!("{name}.txt"), &script.text);
}

#[cfg(feature = "postgres")]
#[test]
fn commands_on_postgresql_print_what_is_expected() {
    record_on("postgresql");
}

#[cfg(feature = "mysql")]
#[test]
fn commands_on_mysql_print_what_is_expected() {
    record_on("mysql");
}

#[test]
fn times_and_ids_are_masked() {
    assert_eq!(without_times("a 2026-06-28 05:51 b"), "a TIME b");
    assert_eq!(without_times("\"2026-06-28T05:51:25.000001+00:00\","), "\"TIME\",");
    assert_eq!(without_times("2026-06-28"), "2026-06-28");
    assert_eq!(replace_word("1 11 #1 x1 1", "1", "ID"), "ID 11 #ID x1 ID");
}
