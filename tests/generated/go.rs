//! Writes `abi.go`: the statuses, verdicts and levels for Go. Layouts and signatures come from the
//! header itself, through cgo.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Type};
use super::names::pascal;

pub fn constants(abi: &Abi) -> String {
    format!(
        "// Code generated from src/ffi. DO NOT EDIT.\n// {NOTICE}\n\npackage rbtoken\n\n\
         // #include <rbtoken.h>\nimport \"C\"\n{}{}{}",
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
        typed(
            abi.enumeration("rbtoken_log_level"),
            "LogLevel",
            "is how important a message to the log is. Later versions of the library may add some.",
        ),
    )
}

/// Writes `functions_test.go`: the functions that the tests must call. `abi` has the plugin
/// interface, too.
pub fn functions(abi: &Abi) -> String {
    let table = abi.structs.iter().find(|it| it.name == "rbtoken_extension_v1_t");
    let members = table.into_iter().flat_map(|table| {
        let functions = table.fields.iter().filter(|it| matches!(it.kind, Type::Function(_)));
        functions.map(|it| format!("{}.{}", table.name, it.name))
    });
    let names = abi.functions.iter().map(|it| it.name.clone()).chain(members);
    let lines: Vec<_> = names.map(|name| format!("\t\"{name}\",\n")).collect();
    format!(
        "// Code generated from src/ffi. DO NOT EDIT.\n// {NOTICE}\n\npackage rbtoken\n\n\
         // functions are those of the header, and the members of the extension table.\n\
         var functions = []string{{\n{}}}\n",
        lines.concat()
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
