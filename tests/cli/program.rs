//! Help, completions, the manual page and the version.

use crate::expected::compare;
use crate::tool::Tool;

/// All commands with arguments of their own.
const COMMANDS: [&str; 34] = [
    "",
    "token",
    "token list",
    "token show",
    "token client",
    "token create",
    "token revoke",
    "token delete",
    "token update",
    "token purge",
    "login",
    "policy",
    "policy check",
    "policy explain",
    "site",
    "site list",
    "site add",
    "site remove",
    "user",
    "user list",
    "user enable",
    "user disable",
    "setting",
    "setting list",
    "setting get",
    "setting check",
    "setting schema",
    "backup",
    "export",
    "import",
    "copy",
    "stats",
    "check",
    "completions",
];

/// Returns the options that every command has, as `--help` lists them.
fn common_options(help: &str) -> Vec<&str> {
    help.lines().skip_while(|line| *line != "Global options:").collect()
}

#[test]
fn help_of_every_command_is_as_expected() {
    let tool = Tool::new().with("COLUMNS", "100");
    let mut all = String::new();
    let top = tool.run(&["--help"]).ok();
    let common: Vec<_> =
        common_options(&top).into_iter().take_while(|line| !line.is_empty()).collect();
    assert!(common.len() > 8, "{top}");
    for command in COMMANDS {
        let mut arguments: Vec<_> = command.split_whitespace().collect();
        arguments.push("--help");
        let help = tool.run(&arguments).ok();
        all += &format!("$ rbtoken {}\n", arguments.join(" "));
        for line in help.lines() {
            // Shown once.
            if command.is_empty() || !common.contains(&line) {
                all += &format!("{line}\n");
            }
        }
        all += "\n";
    }
    compare("help.txt", &all);
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Tool::new().run(&["completions", shell]).ok();
        for command in COMMANDS.iter().filter_map(|it| it.split(' ').next_back()) {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(Tool::new().run(&["completions", "csh"]).status, 2);
}

#[test]
fn manual_has_a_page_for_every_command() {
    let page = Tool::new().run(&["man"]).ok();
    assert!(page.contains(".TH rbtoken 1"), "{page}");
    let folder = crate::support::Folder::new();
    Tool::new().run(&["man", folder.path().to_str().unwrap()]).ok();
    for command in COMMANDS.iter().filter(|it| !it.is_empty()) {
        let name = format!("rbtoken-{}.1", command.replace(' ', "-"));
        assert!(folder.names().contains(&name), "{name}: {:?}", folder.names());
    }
}

/// Runs make with a folder for the installed files.
fn make(target: &str, stage: &str, program: &str) {
    let mut command = std::process::Command::new("make");
    command.args(["-s", target, "PREFIX=/opt/rbtoken", &format!("DESTDIR={stage}")]);
    command.args([&format!("CLI_PROGRAM={program}"), &format!("CARGO_TARGET_DIR={stage}/target")]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Returns the paths of the files below a folder.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path.to_str().unwrap().to_owned()),
        }
    }
    found
}

#[test]
fn installation_has_completions_and_manual_pages() {
    let folder = crate::support::Folder::new();
    let stage = folder.path().to_str().unwrap();
    make("install-cli", stage, env!("CARGO_BIN_EXE_rbtoken"));
    let prefix = folder.path().join("opt/rbtoken");
    let installed = files(&prefix);
    for name in [
        "bin/rbtoken",
        "share/bash-completion/completions/rbtoken",
        "share/zsh/site-functions/_rbtoken",
        "share/fish/vendor_completions.d/rbtoken.fish",
        "share/doc/rbtoken/THIRD-PARTY.txt",
        "share/man/man1/rbtoken.1",
        "share/man/man1/rbtoken-token-revoke.1",
    ] {
        assert!(installed.iter().any(|path| path.ends_with(name)), "{name}: {installed:?}");
    }
    make("uninstall", stage, "");
    assert_eq!(files(&prefix), [""; 0]);
}

#[test]
fn version_lists_the_databases_that_are_built_in() {
    let version = Tool::new().run(&["version", "--json"]).ok();
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let features = version["features"].to_string();
    for (feature, is_built) in [
        ("sqlite", cfg!(feature = "sqlite")),
        ("postgres", cfg!(feature = "postgres")),
        ("mysql", cfg!(feature = "mysql")),
    ] {
        assert_eq!(features.contains(feature), is_built, "{features}");
    }
    assert_eq!(version["sqlite"].is_string(), cfg!(feature = "sqlite"));
    let short = Tool::new().run(&["version", "--quiet"]).ok();
    assert_eq!(short.trim(), env!("CARGO_PKG_VERSION"));
}
