//! Compiles C and C++ programs against the shared library, and runs them.
#![allow(dead_code, reason = "not every test program needs every helper")]

#[path = "deadline.rs"]
pub mod deadline;

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::{env, fs, io};

/// A C or C++ standard with which the header must compile without warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// As in `gcc -std=`.
    C(&'static str),
    /// As in `g++ -std=`.
    Cpp(&'static str),
}

pub const C11: Language = Language::C("c11");

pub const LANGUAGES: &[Language] = &[
    Language::C("c99"),
    Language::C("c11"),
    Language::C("c17"),
    Language::C("c2x"),
    Language::Cpp("c++11"),
    Language::Cpp("c++14"),
    Language::Cpp("c++17"),
    Language::Cpp("c++20"),
];

const WARNINGS: &[&str] =
    &["-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"];

/// Returns the folder of the crate.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A build folder for this test program.
pub static BUILD: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = env::current_exe().expect("a test knows its program");
    let name = test.file_stem().expect("a program has a name");
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&build).expect("a folder can be made below the target folder");
    build
});

/// The shared library: the one in `RBTOKEN_TEST_LIBRARY`, such as a build with a sanitizer, or a
/// copy of the one that `cargo test` puts beside the test programs. A copy, since builds that a
/// test starts overwrite it.
pub static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(library) = env::var_os("RBTOKEN_TEST_LIBRARY") {
        return library.into();
    }
    let test = env::current_exe().expect("a test knows its program");
    let (built, copied) = (test.with_file_name("librbtoken.so"), BUILD.join("librbtoken.so"));
    // A program from an earlier run may have the old copy open.
    let _ = fs::remove_file(&copied);
    fs::copy(&built, &copied).expect("`cargo test` builds the shared library");
    copied
});

/// A folder with the library under the names that linker and loader look for.
pub static LIBRARY_DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = BUILD.join("lib");
    fs::create_dir_all(&folder).expect("a folder can be made below the target folder");
    for name in ["librbtoken.so", "librbtoken.so.0"] {
        let link = folder.join(name);
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
            _ => symlink(&*LIBRARY, &link).expect("a link can be made"),
        }
    }
    folder
});

/// Runs a tool, which must be installed and end before the deadline.
pub fn output(command: &mut Command) -> Output {
    let program = command.get_program().to_string_lossy().into_owned();
    deadline::output(command).unwrap_or_else(|error| {
        let package = match program.as_str() {
            "gcc" | "g++" | "make" | "cmake" | "pkg-config" => program.as_str(),
            "nm" | "readelf" => "binutils",
            "python3" => "python3",
            _ => panic!("{program} cannot be run: {error}"),
        };
        panic!("{program} cannot be run ({error}): install the package {package}")
    })
}

/// Runs a tool, which must succeed, and returns its standard output.
pub fn successful_output(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} failed: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("its output is UTF-8")
}

/// Returns the words of `RBTOKEN_TEST_CFLAGS`, for the compiler, or of `RBTOKEN_TEST_LDFLAGS`,
/// which follow the sources and libraries.
pub fn flags(variable: &str) -> Vec<String> {
    let flags = env::var(variable).unwrap_or_default();
    flags.split_whitespace().map(String::from).collect()
}

/// Returns the compiler for a language, with all warnings as errors.
pub fn compiler(language: Language) -> Command {
    let mut command = match language {
        Language::C(standard) => {
            let mut command = Command::new("gcc");
            command.args(["-x", "c", "-Wstrict-prototypes", &format!("-std={standard}")]);
            command
        }
        Language::Cpp(standard) => {
            let mut command = Command::new("g++");
            command.args(["-x", "c++", &format!("-std={standard}")]);
            command
        }
    };
    for folder in ["include", "tests/c"] {
        command.arg("-I").arg(root().join(folder));
    }
    command.args(WARNINGS).args(flags("RBTOKEN_TEST_CFLAGS"));
    command
}

/// Compiles sources into a program that uses this shared library. The old kind of tag (RPATH) takes
/// precedence over `LD_LIBRARY_PATH`, which Cargo sets to a folder with another build.
pub fn compile(language: Language, sources: &[PathBuf], name: &str) -> PathBuf {
    let program = BUILD.join(name);
    successful_output(
        compiler(language)
            .arg("-g")
            .args(sources)
            .arg("-o")
            .arg(&program)
            .arg("-L")
            .arg(&*LIBRARY_DIR)
            .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", LIBRARY_DIR.display()))
            .args(["-lrbtoken", "-pthread"])
            .args(flags("RBTOKEN_TEST_LDFLAGS")),
    );
    program
}

/// Runs a program, which must succeed, and returns its output. It is run by `RBTOKEN_TEST_RUNNER`,
/// such as a memory checker, if set.
pub fn run(program: &Path) -> String {
    let runner = env::var("RBTOKEN_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let mut command = match words.next() {
        Some(first) => {
            let mut command = Command::new(first);
            command.args(words).arg(program);
            command
        }
        None => Command::new(program),
    };
    successful_output(&mut command)
}

/// Compiles and runs `tests/c/NAME.c`, which must succeed and print what it proved.
pub fn run_test(name: &str) -> String {
    let source = root().join("tests/c").join(name).with_extension("c");
    let printed = run(&compile(C11, &[source], name));
    let proved = printed.lines().filter(|line| line.starts_with("ok ")).count();
    assert!(proved > 0, "{name} proved nothing:\n{printed}");
    printed
}

/// Replaces each token value by `VALUE` and each time by `TIME`.
pub fn masked(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        let is_value = bare.len() == 255
            && bare
                .strip_prefix("rbp_")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let shape = bare.replace(|c: char| c.is_ascii_digit(), "0");
        match shape.as_str() {
            _ if is_value => word.replace(bare, "VALUE"),
            "0000-00-00T00:00:00.000000Z" => word.replace(bare, "TIME"),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

/// Returns the names of the functions that the header declares, sorted.
pub fn declared_functions() -> Vec<String> {
    let code = without_comments(&super::header::text());
    let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let code = code.join("\n");
    let declarations = code.split("RBTOKEN_API").skip(1);
    let mut names: Vec<_> = declarations.map(function_name).collect();
    names.sort();
    names
}

/// Removes `/* … */` comments.
pub fn without_comments(code: &str) -> String {
    let mut parts = code.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| {
        let (_, rest) = part.split_once("*/").expect("every comment ends");
        code + rest
    })
}

fn function_name(declaration: &str) -> String {
    let (before, _) = declaration.split_once('(').expect("a function has parameters");
    let name = before.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
    name.expect("a function has a name").to_owned()
}

/// Returns the code blocks of a language in a Markdown text.
pub fn code_blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = markdown.split(&fence).skip(1);
    let blocks = blocks.map(|block| block.split_once("\n```").expect("every block ends").0);
    blocks.map(|block| block.to_owned() + "\n").collect()
}

/// Copies a file, or a folder recursively.
pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder can be made below the target folder");
        for entry in fs::read_dir(from).expect("the folder can be read") {
            let name: PathBuf = entry.expect("the folder can be read").file_name().into();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::copy(from, to).expect("the file can be copied");
    }
}

/// Returns Cargo, for a build that may overwrite what this one built.
pub fn cargo() -> Command {
    LazyLock::force(&LIBRARY);
    Command::new(env::var_os("CARGO").as_deref().unwrap_or(OsStr::new("cargo")))
}
