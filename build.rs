#![allow(clippy::expect_used, reason = "a build script reports its failure by panicking")]
//! Renders the C header from the sources and checks that the committed one is the same.

#[path = "src/ffi/header/sources.rs"]
mod sources;

use std::path::Path;
use std::{env, fs};

use sources::SOURCES;

const HEADER: &str = "include/rbtoken.h";
/// The variable that has the header written; `tests/generated` writes the rest by it.
const UPDATE: &str = "RBTOKEN_UPDATE";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=include");
    println!("cargo::rerun-if-env-changed={UPDATE}");

    link();
    check_header();
}

/// How the shared library is linked where it is an ELF file.
fn link() {
    let unix = env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix");
    let apple = env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "apple");
    if unix && !apple {
        let major = env::var("CARGO_PKG_VERSION_MAJOR").expect("Cargo sets it");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,librbtoken.so.{major}");
        // Threads of the host may still have destructors of ours to run.
        println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

fn check_header() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("Cargo sets it");
    let root = Path::new(&root);
    // Only a checkout can be out of date: a packaged crate was checked before it was packaged.
    if !root.join(".git").exists() {
        return;
    }
    let rendered = render(root);
    let path = root.join(HEADER);
    let committed = fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if rendered == committed {
        return;
    }
    if env::var_os(UPDATE).is_some() {
        fs::write(&path, rendered).expect("the header can be written");
    } else {
        println!(
            "cargo::error={HEADER} is not what the sources say. Update it with: {UPDATE}=1 cargo build"
        );
    }
}

fn render(root: &Path) -> String {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        style: cbindgen::Style::Both,
        header: Some(part(root, "top.h").trim_end().to_owned()),
        include_guard: Some("RBTOKEN_H".to_owned()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "string.h"].map(String::from).into(),
        after_includes: Some(macros(root)),
        cpp_compat: true,
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

    let sources = SOURCES.iter().map(|name| root.join("src").join(name).with_extension("rs"));
    let sources: Vec<_> = sources.collect();
    config.export.include = sources.iter().flat_map(|source| unmentioned(source)).collect();

    let builder = cbindgen::Builder::new().with_config(config);
    let builder = sources.iter().fold(builder, |builder, source| builder.with_src(source));
    let mut rendered = Vec::new();
    builder.generate().expect("the sources can be rendered").write(&mut rendered);
    String::from_utf8(rendered).expect("cbindgen writes UTF-8") + "\n"
}

/// The enums and the interface tables of a source. No function mentions them, since integers and
/// untyped pointers cross the boundary, and cbindgen leaves out what is not mentioned.
fn unmentioned(source: &Path) -> Vec<String> {
    let source = fs::read_to_string(source).expect("the source can be read");
    let enums = source.lines().filter_map(|line| line.strip_prefix("pub enum "));
    let structs = source.lines().filter_map(|line| line.strip_prefix("pub struct "));
    let tables = structs.filter(|line| line.contains("_interface_v1_t"));
    let names = enums.chain(tables).filter_map(|line| line.split_whitespace().next());
    names.map(String::from).collect()
}

/// Reads a part that is written by hand. Not included in this program, which Cargo does not always
/// compile anew when a part has changed.
fn part(root: &Path, name: &str) -> String {
    let path = root.join("src/ffi/header").join(name);
    fs::read_to_string(path).expect("the part can be read")
}

/// The header's macros; its version is the crate's.
fn macros(root: &Path) -> String {
    let version = env::var("CARGO_PKG_VERSION").expect("Cargo sets it");
    let number = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).expect("Cargo sets it");
    format!(
        "\n{}\n\n{}",
        part(root, "macros.h").trim_end(),
        format_args!(
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
             #define RBTOKEN_ABI_VERSION (RBTOKEN_VERSION_MAJOR * 65536U + RBTOKEN_VERSION_MINOR)\n",
            number("MAJOR"),
            number("MINOR"),
            number("PATCH"),
        )
    )
}
