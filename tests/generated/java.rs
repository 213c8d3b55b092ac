//! Writes `Abi.java` and the enums of the Java artifact, and `Header.java` of its tests.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Signature, Type, Variable};
use super::names::{bare, camel, pascal};

/// Folders of the artifact's package, and of its tests.
const MAIN: &str = "bindings/java/src/main/java/rbtoken";
const TEST: &str = "bindings/java/src/test/java/rbtoken";
const COLUMNS: usize = 100;

/// Returns the path and the text of each file. `abi` has the plugin interface, too.
pub fn files(abi: &Abi, snapshot: &str, version: (u32, u32)) -> Vec<(String, String)> {
    let enums = [
        ("rbtoken_status_code", "A status of a later version of the library."),
        (
            "rbtoken_verdict_code",
            "A verdict of a later version of the library, which is a refusal.",
        ),
        ("rbtoken_log_level", "A level of a later version of the library."),
    ];
    let enums = enums.map(|(name, other)| {
        let it = abi.enumeration(name);
        (format!("{MAIN}/{}.java", it.title()), enumeration(it, other))
    });
    let mut files = vec![
        (format!("{MAIN}/Abi.java"), interface(abi, snapshot, version)),
        (format!("{TEST}/Header.java"), header(abi)),
    ];
    files.extend(enums);
    files
}

fn top() -> String {
    format!("// {NOTICE}\n// SPDX-License-Identifier: MIT\npackage rbtoken;\n")
}

fn interface(abi: &Abi, snapshot: &str, version: (u32, u32)) -> String {
    let mut text = top()
        + "\nimport com.sun.jna.Callback;\n\n\
           /**\n * The C ABI of librbtoken: constants, layouts and signatures of rbtoken.h, for 64-bit\n \
           * systems. A pointer and a {@code size_t} are a long.\n */\n\
           final class Abi {\n    static {\n        LibraryFile.register(Abi.class);\n    }\n\n";
    writeln!(
        text,
        "    /** The version for {{@code rbtoken_abi_is_compatible()}}. */\n    \
         static final int ABI_VERSION = {} << 16 | {};",
        version.0, version.1
    )
    .unwrap();
    // The others are enums.
    let values = abi.enums.iter().filter(|it| it.name.ends_with("_mode"));
    let constants = values.flat_map(|it| &it.values).chain(&abi.constants);
    for it in constants {
        let name = it.name.strip_prefix("RBTOKEN_").unwrap_or(&it.name);
        writeln!(text, "    static final int {name} = {};", it.value).unwrap();
    }
    for it in &abi.structs {
        text += &layout(&it.name, &it.fields, snapshot);
    }
    for it in &abi.callbacks {
        let method = method(abi, "        ", "", "call", &it.signature);
        let name = pascal(bare(&it.name));
        write!(text, "\n    interface {name} extends Callback {{\n{method}    }}\n").unwrap();
    }
    text += "\n    private Abi() {}\n\n";
    for it in &abi.functions {
        text += &method(abi, "    ", "static native ", &it.name, &it.signature);
    }
    text + "}\n"
}

/// Returns the size of a struct and the offsets of its fields, which the C compiler has told.
fn layout(name: &str, fields: &[Variable], snapshot: &str) -> String {
    let number = |prefix: &str| {
        let line = snapshot.lines().find_map(|line| line.strip_prefix(prefix));
        let number = line.and_then(|rest| rest.split(',').next());
        number.expect("the snapshot has each struct and field").to_owned()
    };
    let mut text = format!(
        "\n    /** The size and the offsets of {{@code {name}}}. */\n    static final class {} {{\n",
        pascal(bare(name))
    );
    let size = number(&format!("struct {name}: size "));
    writeln!(text, "        static final int SIZE = {size};").unwrap();
    for it in fields {
        let offset = number(&format!("field {name}.{}: offset ", it.name));
        writeln!(text, "        static final int {} = {offset};", it.name.to_uppercase()).unwrap();
    }
    text + "    }\n"
}

fn method(abi: &Abi, indent: &str, before: &str, name: &str, signature: &Signature) -> String {
    let parameters = signature.parameters.iter();
    let parameters: Vec<_> =
        parameters.map(|it| format!("{} {}", kind(abi, &it.kind), camel(&it.name))).collect();
    let mut line = format!("{indent}{before}{} {name}(", kind(abi, &signature.result));
    let mut text = String::new();
    for (index, it) in parameters.iter().enumerate() {
        let end = if index + 1 == parameters.len() { ");" } else { "," };
        let space = if line.ends_with('(') { "" } else { " " };
        if line.len() + space.len() + it.len() + end.len() > COLUMNS {
            text += &line;
            text += "\n";
            line = format!("{indent}        {it}{end}");
        } else {
            line += &format!("{space}{it}{end}");
        }
    }
    text + &line + if parameters.is_empty() { ");\n" } else { "\n" }
}

fn kind(abi: &Abi, kind: &Type) -> &'static str {
    match abi.resolved(kind) {
        Type::Void => "void",
        Type::Primitive(name) => match name.as_str() {
            // JNA's boolean is an int, of which the library sets only one byte.
            "bool" | "u8" => "byte",
            "i32" | "u32" => "int",
            "i64" | "u64" | "usize" => "long",
            other => panic!("JNA has no type for {other}"),
        },
        Type::Named(name) if !abi.is_callback(kind) => panic!("{name} is not passed by value"),
        Type::Named(_) | Type::Pointer { .. } | Type::Function(_) => "long",
    }
}

/// Writes what the tests compare with: the functions that they must call, and the structs for JNA,
/// which computes their layout itself.
fn header(abi: &Abi) -> String {
    let mut text = top()
        + "\nimport com.sun.jna.Pointer;\nimport com.sun.jna.Structure;\n\
           import com.sun.jna.Structure.FieldOrder;\nimport java.util.List;\n\n\
           /** The functions and structs of the header. */\nfinal class Header {\n    \
           /** The functions, and the members of the extension table. */\n    \
           static final List<String> FUNCTIONS = List.of(\n";
    let table = abi.structs.iter().filter(|it| it.name == "rbtoken_extension_v1_t");
    let members = table.flat_map(|table| {
        let functions = table.fields.iter().filter(|it| matches!(it.kind, Type::Function(_)));
        functions.map(|it| format!("{}.{}", table.name, it.name))
    });
    let names = abi.functions.iter().map(|it| it.name.clone()).chain(members);
    let lines: Vec<_> = names.map(|name| format!("            \"{name}\"")).collect();
    text += &lines.join(",\n");
    text += ");\n\n    private Header() {}\n";
    for it in &abi.structs {
        let class = pascal(bare(&it.name));
        let names: Vec<_> = it.fields.iter().map(|it| format!("\"{}\"", it.name)).collect();
        write!(
            text,
            "\n    @FieldOrder({{\n        {}\n    }})\n    \
             public static final class {class} extends Structure {{\n",
            names.join(",\n        ")
        )
        .unwrap();
        for it in &it.fields {
            let kind = match abi.resolved(&it.kind) {
                Type::Primitive(_) => kind(abi, &it.kind),
                _ => "Pointer",
            };
            writeln!(text, "        public {kind} {};", it.name).unwrap();
        }
        text += "    }\n";
    }
    text + "}\n"
}

/// Writes an enum that Java programs use. `other` describes the value for unknown numbers.
fn enumeration(it: &Enum, other: &str) -> String {
    let name = it.title();
    let mut text = format!("{}\n{}public enum {name} {{\n", top(), doc("", &it.doc));
    for value in &it.values {
        write!(text, "{}    {}({}),\n\n", doc("    ", &value.doc), it.short(value), value.value)
            .unwrap();
    }
    text += &doc("    ", &[format!("Stands for {other} of a later version of the library.")]);
    write!(
        text,
        "    OTHER(-1);\n\n    private final int code;\n\n    {name}(int code) {{\n        \
         this.code = code;\n    }}\n\n    \
         /**\n     * Returns the number in the C API.\n     *\n     \
         * @return the number; -1 for {{@link #OTHER}}\n     */\n    \
         public int code() {{\n        return code;\n    }}\n\n    \
         static {name} of(int code) {{\n        return switch (code) {{\n"
    )
    .unwrap();
    for value in &it.values {
        writeln!(text, "            case {} -> {};", value.value, it.short(value)).unwrap();
    }
    text + "            default -> OTHER;\n        };\n    }\n}\n"
}

/// Returns a Javadoc comment. Markdown's code becomes Javadoc's.
fn doc(indent: &str, lines: &[String]) -> String {
    let lines = lines.join("\n");
    let mut text = String::new();
    for (index, part) in lines.split('`').enumerate() {
        text += &if index % 2 == 1 { format!("{{@code {part}}}") } else { part.to_owned() };
    }
    let mut words = text.split_whitespace().peekable();
    let mut result = format!("{indent}/**\n");
    while words.peek().is_some() {
        let mut line = format!("{indent} *");
        while let Some(word) = words.next_if(|it| line.len() + 1 + it.len() <= COLUMNS) {
            line += " ";
            line += word;
        }
        result += &line;
        result += "\n";
    }
    result + indent + " */\n"
}
