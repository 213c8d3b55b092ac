#![allow(clippy::expect_used, reason = "a build script reports its failure by panicking")]
//! Renders the C headers from the sources and checks that the committed ones are the same.

#[path = "src/ffi/header/sources.rs"]
mod sources;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::{env, fs};

use sources::SOURCES;

/// Writes the headers if it is set; `tests/generated` writes the other generated files by it.
const UPDATE: &str = "RBTOKEN_UPDATE";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-env-changed={UPDATE}");

    set_link_options();
    check_headers();
}

/// Sets the soname and a build ID, and keeps the library loaded, where it is an ELF file.
fn set_link_options() {
    let unix = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix");
    let apple = env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "apple");
    if unix && !apple {
        let major = env::var("CARGO_PKG_VERSION_MAJOR").expect("Cargo sets it");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librbtoken.so.{major}");
        // Threads of the host may still have to run destructors of this library.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
        // Debuggers find the library's separate debug information by it. Not every linker adds it.
        println!("cargo::rustc-cdylib-link-arg=-Wl,--build-id=sha1");
    }
}

/// Compares the committed headers with the sources, or writes them.
fn check_headers() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    let root = Path::new(&root);
    // Only a checkout can be out of date: a packaged crate was checked before it was packaged.
    if !root.join(".git").exists() {
        return;
    }
    for (header, rendered) in render(root) {
        let path = root.join(header);
        let committed = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        if rendered == committed {
            continue;
        }
        if env::var_os(UPDATE).is_some() {
            fs::write(&path, rendered).expect("the header can be written");
        } else {
            println!(
                "cargo::error={header} differs from the sources. \
                 Update it with: {UPDATE}=1 cargo build"
            );
        }
    }
}

/// Returns the path and the text of each header.
fn render(root: &Path) -> [(&'static str, String); 2] {
    let linked = SOURCES.iter().copied().filter(|source| source.starts_with("ffi/"));
    let linked = declarations(root, linked.collect());
    // cbindgen cannot leave out what another header declares without printing `struct` types
    // differently. So the extension's header gets what all sources declare in addition.
    let known: HashSet<_> = linked.iter().cloned().collect();
    let mut extension = declarations(root, SOURCES.to_vec());
    extension.retain(|declaration| !known.contains(declaration));

    let groups = groups(root);
    let linked = format!(
        "{}\n\n#ifndef RBTOKEN_H\n#define RBTOKEN_H\n\n\
         #include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n\
         {}\n\n{}\n\n{}\n\n#endif /* RBTOKEN_H */\n\n{}\n",
        part(root, "top.h"),
        part(root, "macros.h"),
        version(),
        body(&linked, &groups),
        part(root, "bottom.h"),
    );
    let extension = format!(
        "{}\n\n#ifndef RBTOKEN_EXTENSION_H\n#define RBTOKEN_EXTENSION_H\n\n\
         #include \"rbtoken.h\"\n\n{}\n\n#endif /* RBTOKEN_EXTENSION_H */\n",
        part(root, "extension_top.h"),
        body(&extension, &groups),
    );
    [("include/rbtoken.h", linked), ("include/rbtoken_extension.h", extension)]
}

/// Returns the declarations of some sources, each with its comment, in the header's order.
fn declarations(root: &Path, sources: Vec<&str>) -> Vec<String> {
    let sources = sources.iter().map(|name| root.join("src").join(name).with_extension("rs"));
    let sources: Vec<_> = sources.collect();
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        no_includes: true,
        usize_is_size_t: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 100,
        ..cbindgen::Config::default()
    };
    config.function.prefix = Some("RBTOKEN_API".to_owned());
    config.function.must_use = Some("RBTOKEN_NODISCARD".to_owned());
    // In the order of the sources.
    config.function.sort_by = None;
    config.constant.sort_by = None;
    config.export.include = sources.iter().flat_map(|source| unmentioned(source)).collect();

    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(source));
    let mut rendered = Vec::new();
    builder.generate().expect("the sources can be rendered").write(&mut rendered);
    let rendered = String::from_utf8(rendered).expect("cbindgen writes UTF-8");
    rendered.trim().split("\n\n").map(|declaration| declaration.trim().to_owned()).collect()
}

/// Returns the enums and the interface tables of a source. No function mentions them, since
/// integers and untyped pointers cross the boundary, and cbindgen leaves out unmentioned types.
fn unmentioned(source: &Path) -> Vec<String> {
    let source = fs::read_to_string(source).expect("the source can be read");
    let enums = source.lines().filter_map(|line| line.strip_prefix("pub enum "));
    let structs = source.lines().filter_map(|line| line.strip_prefix("pub struct "));
    let tables = structs.filter(|line| line.contains("_interface_v1_t"));
    let names = enums.chain(tables).filter_map(|line| line.split_whitespace().next());
    names.map(String::from).collect()
}

/// Joins declarations: functions are C, and each belongs to its Doxygen group.
fn body(declarations: &[String], groups: &HashMap<String, &'static str>) -> String {
    let (functions, types): (Vec<_>, Vec<_>) =
        declarations.iter().partition(|declaration| declaration.contains("\nRBTOKEN_API"));
    let joined = |declarations: Vec<&String>| {
        let grouped = declarations.into_iter().map(|it| with_group(it, groups));
        grouped.collect::<Vec<_>>().join("\n\n")
    };
    format!(
        "{}\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n{}\n\n\
         #ifdef __cplusplus\n}} /* extern \"C\" */\n#endif",
        joined(types),
        joined(functions),
    )
}

/// Adds the Doxygen group to the comment of a declaration.
fn with_group(declaration: &str, groups: &HashMap<String, &'static str>) -> String {
    let Some((comment, code)) = declaration.split_once("\n */\n") else {
        return declaration.to_owned();
    };
    let group = groups.get(name(code)).expect("each declaration is of a source");
    // A command ends a paragraph before it, but not another command.
    let line = if comment.contains("\n * @") { "" } else { "\n *" };
    format!("{comment}{line}\n * @ingroup {group}\n */\n{code}")
}

/// Returns the name that a declaration declares.
fn name(code: &str) -> &str {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let code = match (code.strip_prefix("RBTOKEN_API"), code.split_once("(*")) {
        (Some(function), _) => {
            let (before, _) = function.split_once('(').expect("a function has parameters");
            return before.rsplit(|it| !is_name(it)).next().unwrap_or_default();
        }
        (None, Some((before, function))) if !before.contains('{') => function,
        _ => code,
    };
    let mut words = code.split(|it| !is_name(it));
    words.find(|word| word.to_ascii_lowercase().starts_with("rbtoken_")).unwrap_or_default()
}

/// Returns the Doxygen group of each item: its noun, by the file that defines it.
fn groups(root: &Path) -> HashMap<String, &'static str> {
    let mut groups = HashMap::new();
    for source in SOURCES {
        let group = match source.rsplit('/').next().unwrap_or_default() {
            _ if source.starts_with("extension/") => "extension",
            "library" => "library",
            "error" => "error",
            "buffer" => "buffer",
            "issue" | "find" | "change" => "tokens",
            "login" => "login",
            "hooks" => "hooks",
            "generator" => "generator",
            "service_account" => "service_account",
            "token" | "token_list" => "token",
            "policy" => "policy",
            _ => "store",
        };
        let path = root.join("src").join(source).with_extension("rs");
        let text = fs::read_to_string(path).expect("the source can be read");
        for line in text.lines().filter(|line| line.starts_with("pub ")) {
            let mut words = line.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
            let name = words.find(|word| word.to_ascii_lowercase().starts_with("rbtoken_"));
            groups.extend(name.map(|name| (name.to_owned(), group)));
        }
    }
    groups
}

/// Reads a part that is written by hand. It is not included in this program, which Cargo does not
/// always compile again when a part has changed.
fn part(root: &Path, name: &str) -> String {
    let path = root.join("src/ffi/header").join(name);
    fs::read_to_string(path).expect("the part can be read").trim().to_owned()
}

/// Returns the macros of the header's version, which is the crate's.
fn version() -> String {
    let version = env::var("CARGO_PKG_VERSION").expect("Cargo sets it");
    let number = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("Cargo sets it");
    format!(
        "/** The version of this header, as text. */\n\
         #define RBTOKEN_VERSION \"{version}\"\n\
         /** The major version of this header. */\n\
         #define RBTOKEN_VERSION_MAJOR {}\n\
         /** The minor version of this header. */\n\
         #define RBTOKEN_VERSION_MINOR {}\n\
         /** The patch version of this header. */\n\
         #define RBTOKEN_VERSION_PATCH {}\n\
         /** The version of the ABI that this header describes: the major version times 65536,\n \
          * plus the minor version. See rbtoken_abi_is_compatible(). */\n\
         #define RBTOKEN_ABI_VERSION (RBTOKEN_VERSION_MAJOR * 65536U + RBTOKEN_VERSION_MINOR)",
        number("MAJOR"),
        number("MINOR"),
        number("PATCH"),
    )
}
