//! Parses the declarations in the header.
#![allow(dead_code, reason = "not every test program needs every part")]

use std::fs;
use std::path::Path;

/// A struct with the declarations of its fields, such as `("location_len", "size_t location_len")`.
pub struct Struct {
    pub name: String,
    pub fields: Vec<(String, String)>,
}

pub struct Header {
    /// Declarations such as `rbtoken_status_t rbtoken_store_open(...)`, each in one line.
    pub functions: Vec<String>,
    /// Such as `rbtoken_status_t (*rbtoken_clock_fn)(...)` and `int32_t rbtoken_status_t`.
    pub typedefs: Vec<String>,
    pub structs: Vec<Struct>,
    /// Names of enums and of their enumerators.
    pub enums: Vec<(String, Vec<String>)>,
    /// Names of macros with a value.
    pub constants: Vec<String>,
}

/// Returns the text of both C headers: the one that programs include, and the extension's.
pub fn text() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let headers = ["rbtoken.h", "rbtoken_extension.h"].map(|name| folder.join(name));
    headers.map(|path| fs::read_to_string(path).expect("the header can be read")).concat()
}

impl Header {
    pub fn read() -> Self {
        Self::parse(&text())
    }

    pub fn parse(text: &str) -> Self {
        let code = without_inline_functions(&without_comments(text));
        let directives = code.lines().filter_map(|line| line.trim_start().strip_prefix("#define "));
        let constants = directives.filter_map(|line| {
            let (name, value) = line.split_once(' ')?;
            let has_value = !value.trim().is_empty() && !name.contains('(');
            (has_value && name.starts_with("RBTOKEN_")).then(|| name.to_owned())
        });
        let mut header = Self {
            functions: Vec::new(),
            typedefs: Vec::new(),
            structs: Vec::new(),
            enums: Vec::new(),
            constants: constants.collect(),
        };
        for statement in statements(&code) {
            header.add(&statement);
        }
        header
    }

    fn add(&mut self, statement: &str) {
        if let Some(function) = statement.strip_prefix("RBTOKEN_API ") {
            self.functions.push(function.replacen("RBTOKEN_NODISCARD ", "", 1));
            return;
        }
        let Some(typedef) = statement.strip_prefix("typedef ") else {
            panic!("the header has a declaration of an unknown kind: {statement}");
        };
        let Some((head, body)) = typedef.split_once(" {") else {
            let opaque = typedef.strip_prefix("struct ").map(str::split_whitespace);
            if opaque.is_none_or(|mut words| words.next() != words.next()) {
                self.typedefs.push(typedef.to_owned());
            }
            return;
        };
        let body = body.rsplit_once('}').expect("a body ends").0;
        if let Some(name) = head.strip_prefix("enum ") {
            let names = body.split(',').filter_map(|item| item.split_whitespace().next());
            self.enums.push((name.to_owned(), names.map(String::from).collect()));
        } else if let Some(name) = head.strip_prefix("struct ") {
            let fields = body.split(';').map(str::trim).filter(|field| !field.is_empty());
            let fields = fields.map(|field| (field_name(field), field.to_owned())).collect();
            self.structs.push(Struct { name: name.to_owned(), fields });
        } else {
            panic!("the header has a type of an unknown kind: {head}");
        }
    }
}

/// Splits code into statements, each in one line with single spaces.
fn statements(code: &str) -> Vec<String> {
    let mut in_directive = false;
    let lines = code.lines().filter(|line| {
        let is_directive = in_directive || line.trim_start().starts_with('#');
        in_directive = is_directive && line.trim_end().ends_with('\\');
        !is_directive && !line.contains("extern \"C\"") && line.trim() != "}"
    });
    let code: Vec<&str> = lines.collect();
    let (mut statements, mut current, mut depth) = (Vec::new(), String::new(), 0);
    for character in code.join(" ").chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ';' if depth == 0 => {
                statements.push(one_line(&std::mem::take(&mut current)));
                continue;
            }
            _ => {}
        }
        current.push(character);
    }
    assert_eq!(one_line(&current), "", "every declaration ends");
    statements
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn field_name(field: &str) -> String {
    let name = match field.split_once("(*") {
        Some((_, rest)) => rest.split(')').next(),
        None => field.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next(),
    };
    name.expect("a field has a name").to_owned()
}

/// Removes inline functions: they are compiled into the host and not part of the ABI.
fn without_inline_functions(code: &str) -> String {
    let mut parts = code.split("\nstatic inline ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |code, part| code + part.split_once("\n}").expect("a body ends").1)
}

fn without_comments(code: &str) -> String {
    let mut parts = code.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    let code = parts.fold(first, |code, part| {
        let (_, rest) = part.split_once("*/").expect("every comment ends");
        code + rest
    });
    let lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}
