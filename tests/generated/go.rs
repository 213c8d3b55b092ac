//! Writes `constants.go`: the statuses and verdicts for Go. cgo takes layouts and signatures from
//! the header.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum};
use super::names::pascal;

pub fn constants(abi: &Abi) -> String {
    format!(
        "// Code generated from src/ffi. DO NOT EDIT.\n// {NOTICE}\n\npackage main\n\n\
         // #include <rbtoken.h>\nimport \"C\"\n{}{}",
        typed(
            abi.enumeration("rbtoken_status_code"),
            "Status",
            "says what a call came to. Later versions of the library may add some.",
        ),
        typed(
            abi.enumeration("rbtoken_verdict_code"),
            "Verdict",
            "is the result of a login. Anything but VerdictOK is a refusal.",
        ),
    )
}

fn typed(it: &Enum, name: &str, doc: &str) -> String {
    let mut text = format!("\n// {name} {doc}\ntype {name} int32\n\nconst (\n");
    for value in &it.values {
        let short = initialisms(&pascal(it.short(value)));
        let doc = value.doc.join("\n\t// ");
        writeln!(text, "\t// {doc}\n\t{name}{short} {name} = C.{}", value.name).unwrap();
    }
    text + ")\n"
}

/// Go writes initialisms in capitals.
fn initialisms(name: &str) -> String {
    let pairs = [("Json", "JSON"), ("Utf8", "UTF8"), ("Nul", "NUL"), ("Io", "IO"), ("Ok", "OK")];
    let whole = |name: &str, word: &str| {
        name.strip_prefix(word)
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
    };
    let mut text = name.to_owned();
    for (word, capitals) in pairs {
        for (at, _) in name.match_indices(word) {
            if whole(&name[at..], word) {
                text.replace_range(at..at + word.len(), capitals);
            }
        }
    }
    text
}
