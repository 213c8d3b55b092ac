//! The plugin interface: programs that load the library at run time and are not linked with it.
#![cfg(all(unix, not(target_vendor = "apple")))]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use crate::support::c::{self, C11, Language};

fn source(path: &str) -> PathBuf {
    c::root().join(path)
}

/// Compiles a program that is not linked with the library.
fn compile(language: Language, source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let program = c::BUILD.join(name);
    // A shared object takes missing symbols from the program that loads it.
    let link_flags = if flags.contains(&"-shared") { "" } else { "RBTOKEN_TEST_LDFLAGS" };
    c::successful_output(
        c::compiler(language)
            .arg("-g")
            .args(flags)
            .args((!cfg!(feature = "sqlite")).then_some("-DWITHOUT_SQLITE"))
            .arg(source)
            .arg("-o")
            .arg(&program)
            .args(["-pthread", "-ldl"])
            .args(c::flags(link_flags)),
    );
    program
}

/// Returns a command for a program, run by `RBTOKEN_TEST_RUNNER`, such as a memory checker, if set.
fn command(program: &Path, arguments: &[&str]) -> Command {
    let runner = env::var("RBTOKEN_TEST_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    words.push(program.to_str().expect("the path is UTF-8").to_owned());
    words.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn library() -> &'static str {
    c::LIBRARY.to_str().expect("the path is UTF-8")
}

/// Compiles and runs `tests/c/NAME.c`, which must succeed and print what it proved.
fn run_test(name: &str) {
    let source = source("tests/c").join(name).with_extension("c");
    let program = compile(C11, &source, name, &[]);
    expect_proofs(name, &c::successful_output(&mut command(&program, &[library()])));
}

fn expect_proofs(name: &str, printed: &str) {
    assert!(
        printed.lines().any(|line| line.starts_with("ok ")),
        "{name} proved nothing: {printed}"
    );
}

fn conformance(name: &str) -> PathBuf {
    compile(C11, &source("examples/host/conformance.c"), name, &[])
}

#[test]
fn library_conforms() {
    let program = conformance("conformance");
    let printed = c::successful_output(&mut command(&program, &[library()]));
    let count = printed.lines().filter(|line| line.starts_with("ok   ")).count();
    assert!(!printed.contains("FAIL"), "{printed}");
    assert!(
        printed.ends_with(&format!("conforming: {} ({count} checks)\n", library())),
        "{printed}"
    );
}

/// Returns the program's message about a library. It must be readable, and the program must not
/// crash.
fn refusal(program: &Path, library: &str) -> String {
    let output = c::output(&mut command(program, &[library]));
    let printed = String::from_utf8(output.stdout).expect("its output is UTF-8");
    assert_eq!(output.status.code(), Some(1), "{library}: {printed}");
    assert!(printed.lines().last().is_some_and(|line| line.starts_with("not conforming: ")));
    let failures: Vec<_> = printed.lines().filter(|line| line.starts_with("FAIL ")).collect();
    assert!(!failures.is_empty(), "{library}: {printed}");
    failures.join("\n")
}

#[test]
fn conformance_reports_foreign_libraries() {
    let program = conformance("conformance_fakes");
    for (number, fake, expected) in [
        (1, "no_entry", "it has no rbtoken_extension_entry_v1"),
        (2, "entry_v2", "its major version is newer than this host's"),
        (3, "failing", "its entry answers with status 83"),
        (4, "no_table", "its entry gives no extension table"),
        (5, "short_extension", "its extension table has 128 bytes, and this host needs 136"),
        (6, "no_name", "FAIL the metadata is there: not so"),
        (7, "no_function", "the extension table has NULL at byte 80"),
        (8, "no_interface", "there is no interface rbtoken.about/1"),
        (9, "short_interface", "the table rbtoken.about/1 has 40 bytes, and this host needs 48"),
    ] {
        let define = format!("-DFAKE={number}");
        let flags = ["-shared", "-fPIC", &define];
        let fake =
            compile(C11, &source("tests/c/extension_fake.c"), &format!("fake_{fake}.so"), &flags);
        let failure = refusal(&program, fake.to_str().expect("the path is UTF-8"));
        assert!(failure.contains(expected), "{failure}\nlacks: {expected}");
    }
    let failure = refusal(&program, "/no/such/library.so");
    assert!(failure.contains("cannot open shared object file"), "{failure}");
    let failure = refusal(&program, source("README.md").to_str().expect("the path is UTF-8"));
    assert!(failure.contains("FAIL the library can be loaded: "), "{failure}");
}

#[test]
fn short_host_example_is_short_and_runs() {
    let path = source("examples/host/minimal.c");
    let code = fs::read_to_string(&path).expect("the example can be read");
    assert!(code.lines().count() < 40, "README.md says so");

    let program = compile(C11, &path, "minimal", &[]);
    let printed = c::successful_output(&mut command(&program, &[library()]));
    assert_eq!(printed, "rbp_***#1 of alice\n");
    for wrong in ["/no/such/library.so", "libc.so.6"] {
        let output = c::output(&mut command(&program, &[wrong]));
        let messages = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{wrong}: {messages}");
        assert!(messages.contains(wrong), "{messages}");
    }
}

#[test]
fn host_generators() {
    run_test("extension_generators");
}

#[test]
fn host_services() {
    run_test("extension_services");
}

#[test]
fn settings_as_a_document() {
    run_test("extension_settings");
}

#[test]
fn shutdown_under_load() {
    run_test("extension_load");
}

#[test]
fn exception_of_a_callback_ends_the_process_with_a_message() {
    let path = source("tests/c/extension_throw.cpp");
    let program = compile(Language::Cpp("c++11"), &path, "extension_throw", &[]);
    for callback in ["generator", "validate", "hook", "destroy", "clock", "entropy", "log"] {
        let Output { status, stderr, .. } =
            c::output(Command::new(&program).args([library(), callback]));
        let messages = String::from_utf8_lossy(&stderr);
        assert_eq!(status.signal(), Some(6), "{callback}: {status}: {messages}");
        assert!(messages.contains("foreign exception"), "{callback}: {messages}");
    }
}

/// A member of an interface: noun of the interface, member, and the documented function.
type Member = (String, String, String);

/// Returns the interface members that the header documents.
fn interface_members() -> Vec<Member> {
    let header = crate::support::header::text();
    let mut members = Vec::new();
    for part in header.split("typedef struct rbtoken_").skip(1) {
        let Some((noun, rest)) = part.split_once("_interface_v1_t {\n") else { continue };
        if noun.contains('\n') {
            continue;
        }
        let (body, _) = rest.split_once("\n}").expect("the struct ends");
        // Each member is a comment and a declaration. The first one is the size.
        for member in body.split("/**").skip(2) {
            let (comment, declaration) = member.split_once("*/").expect("the comment ends");
            let function = comment.trim_matches(|c: char| c == '*' || c.is_whitespace());
            let function = function
                .strip_prefix('`')
                .and_then(|text| text.strip_suffix("()`"))
                .unwrap_or_else(|| panic!("{noun}: a member is documented as {function:?}"));
            let name = declaration.split_once("(*").expect("a member is a function pointer").1;
            let name = name.split_once(')').expect("its name ends").0;
            members.push((noun.to_owned(), name.to_owned(), function.to_owned()));
        }
    }
    members
}

#[test]
fn every_function_is_in_the_tables_once() {
    let members = interface_members();
    let mut listed: Vec<_> = members.iter().map(|(_, _, function)| function.clone()).collect();
    listed.sort();
    let mut exported = c::declared_functions();
    exported.retain(|name| name != "rbtoken_extension_entry_v1");
    assert!(exported.len() > 60, "the header has many functions: {}", exported.len());
    assert_eq!(listed, exported);

    // Also by the name that a user would expect.
    for (noun, member, function) in &members {
        let verb = if function == "rbtoken_service_account_new" { "create" } else { member };
        assert!(
            function == "rbtoken_service_account_new" || function.ends_with(&format!("_{verb}")),
            "{noun}.{member} is {function}"
        );
    }
}

/// Compares each table member with the export of its name, and with no other: functions with
/// identical code may share an address.
#[test]
fn table_members_are_the_documented_exports() {
    let members = interface_members();
    let nouns: BTreeSet<_> = members.iter().map(|(noun, _, _)| noun.as_str()).collect();
    let mut program = String::from(
        "#include \"extension.h\"\n\
         static void same(void *handle, const char *name, const void *place)\n{\n\
         void *symbol = dlsym(handle, name);\n\
         if (symbol == NULL || memcmp(&symbol, place, sizeof symbol) != 0) {\n\
         fprintf(stderr, \"the member is not %s\\n\", name);\nexit(EXIT_FAILURE);\n}\n}\n\
         int main(int argc, char **argv)\n{\nvoid *handle = load(argc, argv);\n",
    );
    for noun in &nouns {
        let table = format!("rbtoken_{noun}_interface_v1_t");
        let count = members.iter().filter(|(of, _, _)| of == noun).count();
        // The documented functions are all there are.
        write!(
            program,
            "const {table} *{noun}_table = INTERFACE(\"{noun}\", {table});\n\
             _Static_assert(sizeof({table}) == sizeof(size_t) + {count} * sizeof(void *), \"{noun}\");\n\
             CHECK({noun}_table != NULL && {noun}_table->struct_size == sizeof *{noun}_table);\n"
        )
        .expect("a text can be written to");
    }
    for (noun, member, function) in &members {
        write!(
            program,
            "_Static_assert(_Generic({noun}_table->{member}, __typeof__(&{function}): 1, \
             default: 0), \"{noun}.{member} has another type than {function}\");\n\
             same(handle, \"{function}\", &{noun}_table->{member});\n"
        )
        .expect("a text can be written to");
    }
    program.push_str("OK(\"the tables have the exports\");\nreturn 0;\n}\n");
    let path = c::BUILD.join("extension_tables.c");
    fs::write(&path, program).expect("a file can be written below the target folder");
    let program = compile(C11, &path, "extension_tables", &[]);
    expect_proofs("tables", &c::successful_output(&mut command(&program, &[library()])));
}
