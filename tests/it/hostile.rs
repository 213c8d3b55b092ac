//! Every function of the header is called with one bad argument at a time, by a C program that is
//! generated from the header: a new function is covered, or its parameters fail the test.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;

use crate::support::c;
use crate::support::calls::{Role, Structs, caller, has_status, one_call, role};
use crate::support::declarations::{self, Function, Variable};
use crate::support::header;

/// How many calls there are today: fewer would mean that something is not tried any more.
const CALLS: usize = 923;

const NULL: &str = "RBTOKEN_E_NULL_ARGUMENT";

#[test]
fn no_bad_argument_does_harm() {
    let header = header::text();
    let functions = declarations::functions(&header);
    let structs = declarations::structs(&header);
    let mut names: Vec<_> = functions.iter().map(|function| function.name.clone()).collect();
    names.sort();
    assert_eq!(names, c::declared_functions());

    let mut program = "#include \"hostile.h\"\n#define ARM\n#define DISARM\n".to_owned();
    let mut main = String::new();
    for function in &functions {
        program += &caller(function, &structs);
        main += &spoiled(function, &structs);
    }
    program += "int main(void) {\n    mebibyte = malloc((1 << 20) + 2);\n    \
                memset(mebibyte, 'a', (1 << 20) + 2);\n";
    program += &main;
    program +=
        "    free(mebibyte);\n    printf(\"%d calls\\n\", calls);\n    return failures > 0;\n}\n";

    let folder = c::BUILD.join("hostile_source");
    fs::create_dir_all(&folder).expect("a folder can be made below the target folder");
    let source = folder.join("hostile.c");
    fs::write(&source, program).expect("a file can be written");
    let printed = c::run(&c::compile(c::C11, &[source], "hostile"));
    println!("{printed}");
    let calls = printed.lines().last().and_then(|line| line.strip_suffix(" calls"));
    let calls: usize = calls.and_then(|calls| calls.parse().ok()).expect("it counts its calls");
    assert!(calls >= CALLS, "only {calls} calls");
}

/// The good call, and each bad one.
fn spoiled(function: &Function, structs: &Structs) -> String {
    let ok = match function.name.as_str() {
        "rbtoken_store_backup" if !cfg!(feature = "sqlite") => "RBTOKEN_E_UNSUPPORTED",
        _ if has_status(function) => "RBTOKEN_OK",
        _ => "ANY",
    };
    let mut code = one_call(function, "good", "", ok, "");
    let mut add = |what: String, spoil: String, expected: &str, argument: &str| {
        code += &one_call(function, &what, &spoil, expected, argument);
    };
    for (index, parameter) in function.parameters.iter().enumerate() {
        let (p, doc) = (&parameter.name, &parameter.doc);
        let optional = ["NULL is allowed", "may be NULL", "NULL:", "NULL with a length"]
            .iter()
            .any(|words| doc.contains(words));
        let null = match has_status(function) {
            true if optional => ok,
            true => NULL,
            false if p == "len" || p == "time_us" => "ANY",
            false => "FAILURE",
        };
        match role(function, index) {
            Role::Output(_) => {
                add(format!("{p} is NULL"), format!("a.no_{p} = true;"), null, p);
            }
            Role::Error => add("no error".into(), "a.no_error = true;".into(), ok, ""),
            Role::Struct(of) => {
                add(format!("{p} is NULL"), format!("a.{p} = NULL;"), null, p);
                for size in ["0", "1", "SIZE_MAX"] {
                    let spoil = format!("a.{p}_value.struct_size = {size};");
                    add(format!("{p} of {size} bytes"), spoil, "RBTOKEN_E_STRUCT_SIZE", p);
                }
                for field in &structs[&of] {
                    let f = &field.name;
                    if f.ends_with("_mode") || f == "flags" || f == "reserved" {
                        for value in ["-1", "INT32_MIN", "INT32_MAX"] {
                            let cast = &field.kind;
                            let spoil = format!("a.{p}_value.{f} = ({cast}){value};");
                            add(format!("{p}.{f} is {value}"), spoil, "FAILURE", "");
                        }
                    }
                    if structs[&of].iter().any(|other| other.name == format!("{f}_len")) {
                        let mode = mode_of_text(&structs[&of], f);
                        let mode =
                            mode.map_or(String::new(), |mode| format!("a.{p}_value.{mode};"));
                        texts(
                            &format!("{p}_value.{f}"),
                            f,
                            "ANY",
                            false,
                            &mut |w, spoil, e, arg| {
                                add(w, format!("{mode} {spoil}"), e, arg);
                            },
                        );
                    }
                }
            }
            Role::Text(_) => texts(p, p, null, judged(function, p), &mut add),
            Role::Length => {}
            Role::Input(_) if parameter.kind.ends_with('*') => {
                add(format!("{p} is NULL"), format!("a.{p} = NULL;"), null, p);
            }
            Role::Input(_) => {
                let kind = &parameter.kind;
                let refused = match p.as_str() {
                    "active" | "flags" => "RBTOKEN_E_INVALID_ARGUMENT",
                    "id" => "RBTOKEN_E_NOT_FOUND",
                    _ => "ANY",
                };
                for value in ["-1", "INT32_MIN", "INT32_MAX", "INT64_MIN", "INT64_MAX"] {
                    if value.starts_with("INT64") && !kind.contains("64") {
                        continue;
                    }
                    let expected = match p.as_str() {
                        "at_us" | "dead_before_us" if !value.starts_with("INT64") => "ANY",
                        "at_us" | "dead_before_us" if has_status(function) => {
                            "RBTOKEN_E_TIME_RANGE"
                        }
                        _ => refused,
                    };
                    let spoil = format!("a.{p} = ({kind}){value};");
                    add(format!("{p} is {value}"), spoil, expected, "");
                }
            }
        }
    }
    code
}

/// Whether a text is what a login is judged by: bad bytes are a verdict, not an error.
fn judged(function: &Function, name: &str) -> bool {
    function.name.starts_with("rbtoken_store_authenticate") && ["value", "header"].contains(&name)
}

/// What a text of a struct needs beside it, or it is refused whatever it is.
fn mode_of_text(fields: &[Variable], text: &str) -> Option<String> {
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    match text {
        "site" => Some("site_mode = RBTOKEN_SITE_NAMED".to_owned()),
        "invalid_reason" => Some("flags = RBTOKEN_IMPORT_INVALID".to_owned()),
        "local_site" if has("local_site_mode") => {
            Some("local_site_mode = RBTOKEN_FILTER_SITE_NAMED".to_owned())
        }
        _ => has(&format!("{text}_mode")).then(|| format!("{text}_mode = RBTOKEN_FIELD_SET")),
    }
}

/// A text at a `place` of the arguments, which errors know by a `name`, is replaced by bad ones.
fn texts(
    place: &str,
    name: &str,
    null: &str,
    judged: bool,
    add: &mut impl FnMut(String, String, &str, &str),
) {
    let bad = |status: &'static str| if judged { "RBTOKEN_OK" } else { status };
    let cases = [
        ("(NULL, 0)", "NULL", "0", null),
        ("(NULL, 3)", "NULL", "3", NULL),
        ("(NULL, NUL)", "NULL", "RBTOKEN_NUL_TERMINATED", NULL),
        ("bad UTF-8", "\"a\\xff\"", "2", bad("RBTOKEN_E_INVALID_UTF8")),
        ("embedded NUL", "\"a\\0b\"", "3", bad("RBTOKEN_E_EMBEDDED_NUL")),
        ("1 MiB", "mebibyte", "1 << 20", "ANY"),
        ("1 MiB and 1", "mebibyte", "(1 << 20) + 1", bad("RBTOKEN_E_TOO_LONG")),
        ("empty", "\"\"", "0", "ANY"),
    ];
    for (what, text, len, expected) in cases {
        let spoil = format!("a.{place} = {text}; a.{place}_len = {len};");
        add(format!("{place}: {what}"), spoil, expected, name);
    }
}
