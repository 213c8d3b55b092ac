//! Compares exported functions, values of enums and macros, and layouts of structs with a snapshot:
//! compiled programs must keep working.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use crate::support::c;
use crate::support::header::Header;

/// Returns the size of a field.
fn size_of_field<S, F>(_: impl Fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layouts {
    ($($name:ident { $($field:ident),* $(,)? })*) => {
        /// Returns a line for each struct and field.
        pub fn all() -> Vec<String> {
            let mut lines = Vec::new();
            $(
                let name = stringify!($name);
                lines.push(format!(
                    "struct {name}: size {}, alignment {}",
                    std::mem::size_of::<$name>(),
                    std::mem::align_of::<$name>()
                ));
                $(
                    lines.push(format!(
                        "field {name}.{}: offset {}, size {}",
                        stringify!($field),
                        std::mem::offset_of!($name, $field),
                        super::size_of_field(|it: &$name| &it.$field)
                    ));
                )*
            )*
            lines
        }
    };
}

#[path = "../abi/layouts.rs"]
mod layouts;

const UPDATE: &str = "RBTOKEN_UPDATE_ABI=1 cargo test --test it abi";

fn snapshot_path() -> PathBuf {
    c::root().join("tests/abi/snapshot.txt")
}

/// Returns whether a macro changes with each version by design, or only affects declarations.
fn is_excluded(name: &str) -> bool {
    name.starts_with("RBTOKEN_VERSION")
        || ["RBTOKEN_ABI_VERSION", "RBTOKEN_API", "RBTOKEN_NODISCARD", "RBTOKEN_STR"]
            .contains(&name)
}

/// Returns the ABI as seen by the C compiler, one line per item. `name` must be unique: a program
/// that another test is running cannot be overwritten.
fn abi_in_c(header: &Header, name: &str) -> Vec<String> {
    let mut program = String::from(
        "#include <rbtoken.h>\n#include <stdio.h>\n#include <stdalign.h>\nint main(void) {\n",
    );
    for name in header.constants.iter().filter(|name| !is_excluded(name)) {
        writeln!(program, "printf(\"macro {name} = %lld\\n\", (long long)({name}));")
            .expect("a string can be written to");
    }
    for (enumeration, names) in &header.enums {
        for name in names {
            writeln!(program, "printf(\"enum {enumeration}: {name} = %d\\n\", (int){name});")
                .expect("a string can be written to");
        }
    }
    for structure in &header.structs {
        let name = &structure.name;
        writeln!(
            program,
            "printf(\"struct {name}: size %zu, alignment %zu\\n\", sizeof({name}), alignof({name}));"
        )
        .expect("a string can be written to");
        for (field, declaration) in &structure.fields {
            writeln!(
                program,
                "printf(\"field {name}.{field}: offset %zu, size %zu, as {declaration}\\n\",\n    \
                 offsetof({name}, {field}), sizeof((({name} *)0)->{field}));"
            )
            .expect("a string can be written to");
        }
    }
    program += "return 0; }\n";
    let source = c::BUILD.join(name).with_extension("c");
    fs::write(&source, program).expect("a file can be written below the target folder");
    let printed = c::run(&c::compile(c::C11, &[source], name));
    let functions = header.functions.iter().map(|function| format!("function {function}"));
    let typedefs = header.typedefs.iter().map(|typedef| format!("type {typedef}"));
    let mut lines: Vec<String> =
        functions.chain(typedefs).chain(printed.lines().map(String::from)).collect();
    lines.sort();
    lines
}

/// Returns the lines that are only in the snapshot, and those that are only in the library.
fn compare(snapshot: &[String], library: &[String]) -> (Vec<String>, Vec<String>) {
    let without = |from: &[String], others: &[String]| {
        from.iter().filter(|line| !others.contains(line)).cloned().collect()
    };
    (without(snapshot, library), without(library, snapshot))
}

fn read_snapshot() -> Vec<String> {
    let text = fs::read_to_string(snapshot_path()).unwrap_or_default();
    text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect()
}

#[test]
fn abi_matches_its_snapshot() {
    let library = abi_in_c(&Header::read(), "abi_snapshot");
    assert!(library.len() > 300, "the header is read");
    let (broken, new) = compare(&read_snapshot(), &library);
    // A struct that grows keeps the layout of its fields; only its own line changes.
    let (grown, broken): (Vec<_>, Vec<_>) =
        broken.into_iter().partition(|line| is_growth(line, &new));
    assert!(
        broken.is_empty(),
        "programs were compiled against this, which is gone or different:\n{}",
        broken.join("\n")
    );
    if new.is_empty() {
        return;
    }
    assert!(
        std::env::var_os("RBTOKEN_UPDATE_ABI").is_some(),
        "this is new, and must be recorded with `{UPDATE}`:\n{}",
        new.join("\n")
    );
    let mut lines = read_snapshot();
    lines.retain(|line| !grown.contains(line));
    lines.extend(new);
    lines.sort();
    let head = format!(
        "# The ABI for LP64 systems, as the C compiler sees it. Lines are only ever added, with\n\
         #     {UPDATE}\n\
         # The macros of the version are not here: they change with it.\n"
    );
    fs::write(snapshot_path(), head + &lines.join("\n") + "\n").expect("the snapshot is written");
}

/// Returns whether a struct was replaced by a longer one with the same alignment.
fn is_growth(line: &str, new: &[String]) -> bool {
    let parts = |line: &str| -> Option<(String, usize, String)> {
        let (name, rest) = line.strip_prefix("struct ")?.split_once(": size ")?;
        let (size, alignment) = rest.split_once(", ")?;
        Some((name.to_owned(), size.parse().ok()?, alignment.to_owned()))
    };
    let Some((name, size, alignment)) = parts(line) else { return false };
    new.iter().filter_map(|line| parts(line)).any(|(new_name, new_size, new_alignment)| {
        new_name == name && new_size > size && new_alignment == alignment
    })
}

#[test]
fn rust_and_c_agree_on_every_layout() {
    let library = abi_in_c(&Header::read(), "abi_layouts");
    let from_c = library.iter().filter_map(|line| {
        let line = line.split(", as ").next().unwrap_or_default();
        (line.starts_with("struct ") || line.starts_with("field ")).then(|| line.to_owned())
    });
    let mut from_c: Vec<String> = from_c.collect();
    let mut from_rust = layouts::all();
    from_c.sort();
    from_rust.sort();
    let (only_in_c, only_in_rust) = compare(&from_c, &from_rust);
    assert!(
        only_in_c.is_empty() && only_in_rust.is_empty(),
        "only in C:\n{}\nonly in Rust (tests/abi/layouts.rs):\n{}",
        only_in_c.join("\n"),
        only_in_rust.join("\n")
    );
}

#[test]
fn snapshot_comparison_reports_every_difference() {
    let text = "RBTOKEN_API RBTOKEN_NODISCARD\nrbtoken_status_t f(int32_t a);\n\
                typedef struct s {\n  size_t struct_size;\n  int32_t a;\n} s;\n\
                typedef enum e {\n  A = 0,\n} e;\n#define RBTOKEN_X 1\n";
    let header = Header::parse(text);
    assert_eq!(header.functions, ["rbtoken_status_t f(int32_t a)"]);
    assert_eq!(header.structs[0].fields[1], ("a".to_owned(), "int32_t a".to_owned()));
    assert_eq!(header.enums, [("e".to_owned(), vec!["A".to_owned()])]);
    assert_eq!(header.constants, ["RBTOKEN_X"]);

    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let (broken, new) = compare(&lines(&["enum e: A = 0"]), &lines(&["enum e: A = 1"]));
    assert_eq!((broken, new), (lines(&["enum e: A = 0"]), lines(&["enum e: A = 1"])));
    let longer = lines(&["struct s: size 24, alignment 8"]);
    assert!(is_growth("struct s: size 16, alignment 8", &longer));
    assert!(!is_growth("struct s: size 32, alignment 8", &longer));
    assert!(!is_growth("struct s: size 16, alignment 4", &longer));
}
