//! Style of the Rust sources: every module has a description, comment lines have at most 100
//! columns, and names of tests have at most 60 characters.

use std::fs;
use std::path::{Path, PathBuf};

const MAX_COLUMNS: usize = 100;
const MAX_TEST_NAME: usize = 60;

/// Folders and files with Rust sources. Folders may contain others.
const SOURCES: [&str; 6] = ["build.rs", "src", "cli", "tests", "benches", "fuzz"];

/// Returns what in a source file breaks the rules, each as `line: problem`.
fn violations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let has_description = |file: &syn::File| file.attrs.iter().any(|it| it.path().is_ident("doc"));
    if !syn::parse_file(text).is_ok_and(|file| has_description(&file)) {
        found.push("1: the module has no description".to_owned());
    }
    let mut is_after_test_attribute = false;
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") && line.chars().count() > MAX_COLUMNS {
            found.push(format!("{}: the comment is longer than 100 columns", index + 1));
        }
        is_after_test_attribute |= code.starts_with("#[test]");
        if let Some(name) = function_name(code).filter(|_| is_after_test_attribute) {
            is_after_test_attribute = false;
            if name.len() > MAX_TEST_NAME {
                found.push(format!("{}: `{name}` is longer than 60 characters", index + 1));
            }
        }
    }
    found
}

/// Returns the name of the function that a line declares.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_declaration = before.is_empty() || before.ends_with(' ') || before.ends_with(']');
    let name = after.split('(').next().filter(|_| is_declaration)?;
    Some(name.trim())
}

fn rust_files(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let is_output = ["target", "corpus"].iter().any(|name| path.ends_with(name));
        if !is_output {
            for entry in fs::read_dir(path).unwrap() {
                rust_files(&entry.unwrap().path(), files);
            }
        }
    } else if path.extension().is_some_and(|it| it == "rs") {
        files.push(path.to_owned());
    }
}

#[test]
fn rust_sources_follow_the_style() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for source in SOURCES {
        rust_files(&root.join(source), &mut files);
    }
    assert!(files.len() > 100, "the sources were found");
    let mut found = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root).unwrap().display();
        let text = fs::read_to_string(file).unwrap();
        found.extend(violations(&text).into_iter().map(|it| format!("{name}:{it}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn missing_description_is_found() {
    assert_eq!(violations("//! Describes.\n\nfn f() {}\n"), [""; 0]);
    assert_eq!(violations("// Describes.\n\nfn f() {}\n"), ["1: the module has no description"]);
    assert_eq!(violations("/// Describes `f`.\nfn f() {}\n").len(), 1);
}

#[test]
fn long_comment_is_found_and_other_text_ignored() {
    // Columns are characters, not bytes.
    for (comment, columns) in [("//", 100), ("    ///", 100), ("//", 101), ("    ///", 101)] {
        let filler = "é".repeat(columns - comment.len());
        let found = violations(&format!("//! Describes.\n{comment}{filler}\nfn f() {{}}\n"));
        assert_eq!(found.len(), usize::from(columns > 100), "{comment} {columns} {found:?}");
    }
    let text = format!("//! Describes.\nconst A: &str = \"{}\";\n", "/".repeat(200));
    assert_eq!(violations(&text), [""; 0]);
}

#[test]
fn long_test_name_is_found_and_other_functions_ignored() {
    let test = |name: &str| format!("//! Describes.\n#[test]\n#[ignore]\nfn {name}() {{}}\n");
    let long = "n".repeat(61);
    assert_eq!(violations(&test(&long[1..])), [""; 0]);
    let expected = format!("4: `{long}` is longer than 60 characters");
    assert_eq!(violations(&test(&long)), [expected]);
    let helper = format!("//! Describes.\n#[test]\nfn a() {{}}\nfn {long}() {{}}\n");
    assert_eq!(violations(&helper), [""; 0]);
}
