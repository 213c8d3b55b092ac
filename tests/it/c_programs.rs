//! What C and C++ programs see of the library: they are compiled and run against the shared one.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::c::{self, C11, LANGUAGES, Language};

fn source(name: &str) -> PathBuf {
    c::root().join("tests/c").join(name)
}

fn read(path: &str) -> String {
    fs::read_to_string(c::root().join(path)).expect("the file can be read")
}

#[test]
fn the_header_compiles_alone_in_every_standard() {
    for &language in LANGUAGES {
        for define in ["-DRBTOKEN_SHARED", "-DRBTOKEN_STATIC"] {
            c::successful_output(
                c::compiler(language)
                    .args(["-fsyntax-only", define])
                    .args(["header_alone.c", "header_use.c", "header_other.c"].map(source)),
            );
        }
    }
}

/// A host can copy `rbtoken.h` alone.
#[test]
fn copied_header_compiles_without_the_extension() {
    let folder = c::BUILD.join("copied");
    fs::create_dir_all(&folder).expect("a folder can be made below the target folder");
    c::copy(&c::root().join("include/rbtoken.h"), &folder.join("rbtoken.h"));
    let source = folder.join("copied.c");
    fs::write(&source, "#include \"rbtoken.h\"\n").expect("a file can be written");
    let compile = |compiler: &str, flags: &[&str]| {
        let mut command = Command::new(compiler);
        command.args(["-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror"]).args(flags);
        c::output(command.arg(&source))
    };
    for (compiler, language) in [("gcc", "-xc"), ("g++", "-xc++")] {
        let alone = compile(compiler, &[language, "-DRBTOKEN_NO_EXTENSION"]);
        assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
        let incomplete = compile(compiler, &[language]);
        let messages = String::from_utf8_lossy(&incomplete.stderr);
        assert!(!incomplete.status.success() && messages.contains("rbtoken_extension.h"));
    }
}

/// Either header can come first.
#[test]
fn extension_header_compiles_before_and_after_the_other() {
    let texts = [
        "#include <rbtoken_extension.h>\n#include <rbtoken.h>\n",
        "#define RBTOKEN_NO_EXTENSION\n#include <rbtoken.h>\n#include <rbtoken_extension.h>\n",
    ];
    for (number, text) in texts.into_iter().enumerate() {
        let source = c::BUILD.join(format!("extension_{number}.c"));
        let text = format!("{text}rbtoken_host_v1_t host;\nrbtoken_store_options_t options;\n");
        fs::write(&source, text).expect("a file can be written");
        for language in [C11, Language::Cpp("c++17")] {
            c::successful_output(c::compiler(language).arg("-fsyntax-only").arg(&source));
        }
    }
}

#[test]
fn header_works_in_two_translation_units_in_every_standard() {
    for &language in LANGUAGES {
        let (Language::C(standard) | Language::Cpp(standard)) = language;
        let sources = ["header_use.c", "header_other.c", "header_alone.c"].map(source);
        let program = c::compile(language, &sources, &format!("header_{standard}"));
        assert_eq!(c::run(&program), "ok the header's macros work\n", "{language:?}");
    }
}

/// With `-I`, the warnings of a host are those of the header too.
#[test]
fn macros_are_clean_under_the_warnings_of_cpp_hosts() {
    for &language in LANGUAGES.iter().filter(|it| matches!(it, Language::Cpp(_))) {
        c::successful_output(
            c::compiler(language)
                .args(["-fsyntax-only", "-Wold-style-cast", "-Wuseless-cast", "-Wsign-conversion"])
                .args(["header_use.c", "header_other.c"].map(source)),
        );
    }
}

#[test]
fn inline_functions_do_what_the_macros_do() {
    for language in [Language::C("c99"), C11, Language::Cpp("c++11"), Language::Cpp("c++20")] {
        let (Language::C(standard) | Language::Cpp(standard)) = language;
        let name = format!("header_inline_{standard}");
        let printed = c::run(&c::compile(language, &[source("header_inline.c")], &name));
        assert_eq!(printed, "ok inline functions do what the macros do\n", "{language:?}");
    }
}

#[test]
fn an_ignored_status_is_warned_about() {
    for &language in LANGUAGES {
        let compile = |flags: &[&str]| {
            let source = source("status_ignored.c");
            c::output(c::compiler(language).args(["-c", "-o", "/dev/null"]).args(flags).arg(source))
        };
        assert!(compile(&[]).status.success(), "{language:?}");

        let ignored = compile(&["-DSTATUS_IGNORED"]);
        let messages = String::from_utf8_lossy(&ignored.stderr);
        assert!(!ignored.status.success(), "{language:?}: an ignored status compiles");
        assert!(messages.contains("-Werror=unused-result"), "{language:?}: {messages}");
    }
}

#[test]
fn processes_that_forked_never_generate_the_same_value() {
    c::run_test("fork");
}

#[test]
fn threads_that_ask_at_once_get_one_token_which_is_created_once() {
    c::run_test("threads");
}

#[test]
fn nothing_is_read_behind_a_struct_or_a_text() {
    c::run_test("guard_page");
}

#[test]
fn handles_are_released_in_any_order() {
    c::run_test("release_order");
}

#[test]
fn statistics_count_handles_tokens_and_commits() {
    c::run_test("statistics");
}

#[test]
fn the_library_exports_the_headers_functions_and_nothing_else() {
    let symbols = c::successful_output(
        Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(&*c::LIBRARY),
    );
    let mut exported: Vec<_> =
        symbols.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    exported.sort();
    let declared: Vec<_> = c::declared_functions().iter().map(|name| format!("{name} T")).collect();
    assert!(!declared.is_empty());
    assert_eq!(exported, declared);
}

#[test]
fn the_library_has_a_soname_and_cannot_be_unloaded() {
    let dynamic = c::successful_output(Command::new("readelf").args(["-dW"]).arg(&*c::LIBRARY));
    let entry = |tag: &str| dynamic.lines().find(|line| line.contains(tag)).unwrap_or_default();
    assert!(entry("(SONAME)").ends_with("[librbtoken.so.0]"), "{dynamic}");
    assert!(entry("(FLAGS_1)").contains("NODELETE"), "{dynamic}");
}

#[test]
fn the_code_in_the_readme_compiles_and_its_program_runs() {
    let blocks = c::code_blocks(&read("README.md"), "c");
    assert_eq!(blocks.len(), 2, "a program and a function");
    for (number, block) in blocks.iter().enumerate() {
        let name = format!("readme_{number}");
        let source = c::BUILD.join(&name).with_extension("c");
        if block.contains("int main(") {
            fs::write(&source, block).expect("a file can be written below the target folder");
            let printed = c::run(&c::compile(C11, &[source], &name));
            assert!(printed.starts_with("rbp_"), "{printed:?}");
        } else {
            let block = format!("#include <rbtoken.h>\n{block}");
            fs::write(&source, block).expect("a file can be written below the target folder");
            let object = source.with_extension("o");
            c::successful_output(c::compiler(C11).arg("-c").arg(source).arg("-o").arg(object));
        }
    }
}

#[test]
fn the_first_program_in_the_header_compiles_and_runs() {
    let header = read("include/rbtoken.h");
    let start = header.find(" *     rbtoken_store_t *store;").expect("it starts so");
    let lines = header[start..].lines().map_while(|line| line.strip_prefix(" *     "));
    let body: String = lines.flat_map(|line| [line, "\n"]).collect();
    let program = format!(
        "#include <rbtoken.h>\n#include <stdio.h>\n\
         static int fail(rbtoken_error_t *error) {{ rbtoken_error_free(error); return 1; }}\n\
         int main(void) {{\n{body}return 0; }}\n"
    );
    let source = c::BUILD.join("header_first.c");
    fs::write(&source, program).expect("a file can be written below the target folder");
    let printed = c::run(&c::compile(C11, &[source], "header_first"));
    assert!(printed.starts_with("rbp_"), "it prints a token: {printed}");
}

#[test]
fn the_example_prints_what_it_should() {
    let source = c::root().join("examples/c/client_token.c");
    for standard in [Language::C("c99"), C11] {
        let program = c::compile(standard, std::slice::from_ref(&source), "client_token");
        assert_eq!(c::masked(&c::run(&program)), read("tests/c/client_token.expected"));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn the_example_of_a_file_finds_its_token_again() {
    let source = c::root().join("examples/c/durable.c");
    let program = c::compile(C11, &[source], "durable");
    let found = "created rbp_***#1, 1 in the store\nfound rbp_***#1, 1 in the store\n";
    assert_eq!(c::run(&program), found);
    // As two runs of a program.
    let path = std::env::temp_dir().join(format!("rbtoken-example-{}", std::process::id()));
    let run = || c::successful_output(Command::new(&program).arg(&path));
    assert_eq!([run(), run()].concat(), found);
    fs::remove_file(path).expect("it is there");
}

#[test]
fn a_header_that_is_not_what_the_source_says_fails_the_build() {
    let tree = c::BUILD.join("tree");
    for folder in [".git", "include"] {
        fs::create_dir_all(tree.join(folder)).expect("a folder can be made");
    }
    for name in ["Cargo.toml", "Cargo.lock", "build.rs", "src"] {
        c::copy(&c::root().join(name), &tree.join(name));
    }
    let header = read("include/rbtoken.h").replace("E_NOT_FOUND = 80", "E_NOT_FOUND = 79");
    fs::write(tree.join("include/rbtoken.h"), header).expect("a file can be written");
    let extension = "include/rbtoken_extension.h";
    c::copy(&c::root().join(extension), &tree.join(extension));

    // The target folder of this build, so that the dependencies are not built again.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is a folder inside");
    let built = c::output(
        c::cargo()
            .args(["check", "--lib", "--offline", "--locked", "--quiet", "--target-dir"])
            .arg(target)
            .current_dir(&tree)
            .env_remove("RBTOKEN_UPDATE"),
    );
    let messages = String::from_utf8_lossy(&built.stderr);
    assert!(!built.status.success(), "the build accepts another header");
    assert!(messages.contains("RBTOKEN_UPDATE=1 cargo build"), "{messages}");
}
