//! The C++ header `include/rbtoken.hpp`: it compiles with all standards, covers the C header, and
//! rejects mistakes.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::c;

const STANDARDS: &[&str] = &["-std=c++17", "-std=c++20", "-std=c++2b"];
const WITH_EXCEPTIONS: &[&str] = &[];
const WITHOUT_EXCEPTIONS: &[&str] = &["-fno-exceptions", "-fno-rtti"];
const SOURCES: [&str; 3] = ["alone.cpp", "other.cpp", "face.cpp"];
const WARNINGS: &[&str] =
    &["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"];

/// Mistakes that must end the program, with and without exceptions; see `misuse()` in `face.cpp`.
const MISUSE: &[&str] = &[
    "star",
    "const-star",
    "moved-star",
    "arrow",
    "const-arrow",
    "error",
    "moved-error",
    "void-error",
    "moved-void-error",
    "index",
];

/// Mistakes in `refused.cpp`, and parts of the expected compiler messages.
const REFUSED: &[(u32, &str)] = &[
    (1, "unused"),
    (2, "unused"),
    (3, "unused"),
    (4, "deleted"),
    (5, "deleted"),
    (6, "deleted"),
    (7, "deleted"),
    (8, "deleted"),
    (9, "deleted"),
    (10, "bool"),
    (11, "bool"),
    (12, "bool"),
    (13, "conver"),
    (14, "deleted"),
    (15, "no matching"),
    (16, "deleted"),
    (17, "deleted"),
    (18, "conver"),
    (19, "operator"),
    (20, "operator"),
    (21, "operator"),
    (22, "operator"),
];

fn source(name: &str) -> PathBuf {
    c::root().join("tests/cpp").join(name)
}

fn read(path: &str) -> String {
    fs::read_to_string(c::root().join(path)).expect("the file can be read")
}

fn compiler(program: &str, standard: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg(standard).args(flags).args(WARNINGS).arg("-I").arg(c::root().join("include"));
    command.args(c::flags("RBTOKEN_TEST_CFLAGS"));
    command
}

/// Compiles sources into a program that uses the shared library.
fn compile(mut compiler: Command, sources: &[PathBuf], name: &str) -> PathBuf {
    let program = c::BUILD.join(name);
    let folder = &*c::LIBRARY_DIR;
    c::successful_output(
        compiler
            .arg("-g")
            .args(sources)
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(folder)
            .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", folder.display()))
            .args(["-lrbtoken", "-pthread"])
            .args(c::flags("RBTOKEN_TEST_LDFLAGS")),
    );
    program
}

/// Compiles every source with every standard, with and without exceptions. The program that uses
/// every method takes long: it is compiled with one standard here, and with others by the tests
/// that run it.
fn compiles_everywhere(program: &str) {
    for flags in [WITH_EXCEPTIONS, WITHOUT_EXCEPTIONS] {
        for standard in STANDARDS {
            let newest = Some(standard) == STANDARDS.last();
            let sources: &[_] = if newest { &SOURCES } else { &SOURCES[..2] };
            c::successful_output(
                compiler(program, standard, flags)
                    .arg("-fsyntax-only")
                    .args(sources.iter().map(|name| source(name))),
            );
        }
    }
}

fn assert_proved(printed: &str, rules: usize) {
    let proved = printed.lines().filter(|line| line.starts_with("ok ")).count();
    assert_eq!(proved, rules, "{printed}");
}

#[test]
fn header_compiles_everywhere() {
    compiles_everywhere("g++");
}

#[test]
#[ignore = "needs clang"]
fn header_compiles_everywhere_with_clang() {
    compiles_everywhere("clang++");
}

#[test]
fn parts_with_and_without_exceptions_make_one_program() {
    for (flags, other_flags, name) in [
        (WITH_EXCEPTIONS, WITH_EXCEPTIONS, "parts"),
        (WITH_EXCEPTIONS, WITHOUT_EXCEPTIONS, "mixed_parts"),
    ] {
        let other = c::BUILD.join(name).with_extension("o");
        c::successful_output(
            compiler("g++", "-std=c++17", other_flags)
                .arg("-c")
                .arg(source("other.cpp"))
                .arg("-o")
                .arg(&other),
        );
        let program =
            compile(compiler("g++", "-std=c++17", flags), &[source("alone.cpp"), other], name);
        assert_proved(&c::run(&program), 1);
    }
}

#[test]
fn face_works_with_exceptions() {
    let program =
        compile(compiler("g++", "-std=c++17", WITH_EXCEPTIONS), &[source("face.cpp")], "face");
    assert_proved(&c::run(&program), 18);
    let of_exceptions = ["hook-without-handler", "hook-with-throwing-handler"];
    for misuse in MISUSE.iter().chain(&of_exceptions) {
        assert_terminates(&program, misuse);
    }
}

#[test]
fn face_works_without_exceptions() {
    let program = compile(
        compiler("g++", "-std=c++20", WITHOUT_EXCEPTIONS),
        &[source("face.cpp")],
        "face_without_exceptions",
    );
    assert_proved(&c::run(&program), 16);
    for misuse in MISUSE.iter().chain(&["value", "moved-value", "void-value"]) {
        assert_terminates(&program, misuse);
    }
}

#[test]
#[ignore = "needs clang"]
fn face_works_with_clang() {
    let compiler = compiler("clang++", "-std=c++2b", WITH_EXCEPTIONS);
    assert_proved(&c::run(&compile(compiler, &[source("face.cpp")], "face_clang")), 18);
}

#[test]
fn face_is_clean_under_the_compilers_sanitizers() {
    let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let compiler = compiler("g++", "-std=c++17", &flags);
    let program = compile(compiler, &[source("face.cpp")], "face_sanitized");
    // Without `RBTOKEN_TEST_RUNNER`, since two checkers cannot be combined.
    assert_proved(&c::successful_output(&mut Command::new(program)), 18);
}

fn assert_terminates(program: &Path, misuse: &str) {
    let output = c::output(Command::new(program).arg(misuse));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(42), "{misuse}: {messages}");
    assert_eq!(messages, "terminated\n", "{misuse}");
}

fn mistakes_are_refused(program: &str) {
    let compile = |refused: u32| {
        c::output(
            compiler(program, "-std=c++17", &[])
                .args(["-fsyntax-only", "-Wno-unused-variable"])
                .arg(format!("-DREFUSED={refused}"))
                .arg(source("refused.cpp")),
        )
    };
    assert!(compile(0).status.success(), "{program}: without a mistake it compiles");
    for &(refused, said) in REFUSED {
        let output = compile(refused);
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{program} accepts mistake {refused}");
        assert!(messages.contains(said), "{program}: mistake {refused}: {messages}");
    }
    let all = read("tests/cpp/refused.cpp").matches("REFUSED == ").count();
    assert_eq!(REFUSED.len(), all, "every mistake of refused.cpp is tried");
}

#[test]
fn mistakes_do_not_compile() {
    mistakes_are_refused("g++");
}

#[test]
#[ignore = "needs clang"]
fn mistakes_do_not_compile_with_clang() {
    mistakes_are_refused("clang++");
}

#[test]
fn every_function_of_the_c_header_is_called() {
    let names = identifiers(&read("include/rbtoken.hpp"));
    let functions = c::declared_functions();
    assert!(functions.len() > 50, "{functions:?}");
    for function in functions {
        // The C++ header is for programs that are linked with the library.
        if function != "rbtoken_extension_entry_v1" {
            assert!(names.contains(&function), "rbtoken.hpp does not call {function}()");
        }
    }
}

#[test]
fn every_constant_of_the_c_header_is_used() {
    let names = identifiers(&read("include/rbtoken.hpp"));
    let header = c::without_comments(&crate::support::header::text());
    let enumerators = header.lines().filter_map(|line| {
        line.strip_prefix("  RBTOKEN_").and_then(|rest| rest.split_once(" = ")).map(|pair| pair.0)
    });
    let flags = header.lines().filter_map(|line| {
        let (name, value) = line.strip_prefix("#define RBTOKEN_")?.split_once(' ')?;
        value.trim().parse::<u32>().is_ok().then_some(name)
    });
    let constants: Vec<_> = enumerators.chain(flags).collect();
    assert!(constants.len() > 60, "{constants:?}");
    for constant in constants {
        // Constants of the plugin interface, parts of the version, and defaults of options structs.
        let elsewhere = ["LOG_", "EXTENSION_", "VERSION_"];
        let unsaid = ["MIN_VALIDITY_DEFAULT"];
        if !elsewhere.iter().any(|prefix| constant.starts_with(prefix))
            && !unsaid.contains(&constant)
        {
            let constant = format!("RBTOKEN_{constant}");
            assert!(names.contains(&constant), "rbtoken.hpp does not use {constant}");
        }
    }
}

#[test]
fn every_field_of_the_options_structs_can_be_set() {
    let face = c::without_comments(&read("include/rbtoken.hpp"));
    let header = c::without_comments(&crate::support::header::text());
    let mut checked = 0;
    for definition in header.split("typedef struct ").skip(1) {
        let Some((name, rest)) = definition.split_once(" {\n") else { continue };
        if name.contains(';') || name.contains("_v1_t") {
            continue;
        }
        let (fields, _) = rest.split_once("\n}").expect("every struct ends");
        for field in fields.lines().filter_map(|line| line.trim_end().strip_suffix(';')) {
            let field = field.rsplit([' ', '*']).next().unwrap_or_default();
            if field == "struct_size" || field == "reserved" {
                continue;
            }
            checked += 1;
            assert!(
                [" = ", " |= ", ")", ","]
                    .iter()
                    .any(|end| face.contains(&format!(".{field}{end}"))),
                "rbtoken.hpp does not set {field} of {name}"
            );
        }
    }
    assert!(checked > 80, "{checked} fields");
}

/// Returns the identifiers in a source, without comments.
fn identifiers(source: &str) -> Vec<String> {
    let code = c::without_comments(source);
    let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.map(String::from).collect()
}

#[test]
fn example_prints_what_it_should() {
    let source = c::root().join("examples/cpp/client_token.cpp");
    for flags in [&["-O2"], &["-O0"]] {
        let program = compile(
            compiler("g++", "-std=c++17", flags),
            std::slice::from_ref(&source),
            &format!("client_token{}", flags[0]),
        );
        assert_eq!(c::run(&program), read("tests/cpp/client_token.expected"));
    }
}

#[test]
fn first_program_in_the_header_compiles_and_runs() {
    let header = read("include/rbtoken.hpp");
    let start = header.find(" *     auto store = rbtoken").expect("it starts so");
    let lines = header[start..].lines().map_while(|line| line.strip_prefix(" *     "));
    let body: String = lines.flat_map(|line| [line, "\n"]).collect();
    let source = c::BUILD.join("header_first.cpp");
    let program = format!(
        "#include <rbtoken.hpp>\n#include <iostream>\nint main() {{\n{body}\
         return created ? 0 : 1; }}\n"
    );
    fs::write(&source, program).expect("a file can be written below the target folder");
    let compiler = compiler("g++", "-std=c++17", &[]);
    assert!(c::run(&compile(compiler, &[source], "cpp_header_first")).starts_with("rbp_"));
}

#[test]
fn readme_shows_the_example() {
    let blocks = c::code_blocks(&read("README.md"), "cpp");
    assert_eq!(blocks, [read("examples/cpp/client_token.cpp")]);
}
