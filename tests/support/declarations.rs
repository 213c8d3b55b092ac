//! Declarations of the header: functions with parameters and documented statuses, and fields of
//! structs.
#![allow(dead_code, reason = "not every test program needs every helper")]

use std::collections::BTreeMap;

/// A parameter or field, such as `const char *user`.
#[derive(Clone, Debug)]
pub struct Variable {
    /// In C syntax, such as `const char *`.
    pub kind: String,
    pub name: String,
    /// Its documentation in one line.
    pub doc: String,
}

#[derive(Clone, Debug)]
pub struct Function {
    pub name: String,
    pub result: String,
    pub parameters: Vec<Variable>,
    /// Names of the statuses in `@retval`.
    pub statuses: Vec<String>,
}

/// Returns the exported functions in the header's order.
pub fn functions(header: &str) -> Vec<Function> {
    let mut found = Vec::new();
    let (_, mut rest) = header.split_once("extern \"C\" {").expect("functions are C");
    while let Some(at) = rest.find("RBTOKEN_API") {
        let doc = comment(&rest[..at]);
        let (code, behind) = rest[at..].split_once(';').expect("a declaration ends");
        found.push(function(code, &doc));
        rest = behind;
    }
    found
}

/// Returns the statuses that the chapter "Errors" documents for all functions with such parameters.
pub fn general_statuses(function: &Function) -> Vec<&'static str> {
    let has = |kind: &str| function.parameters.iter().any(|it| it.kind.contains(kind));
    let has_struct = function.parameters.iter().any(|it| {
        it.kind.starts_with("const struct ")
            && ["_options_t", "_filter_t", "_update_t", "_hooks_t", "_generator_t", "_progress_t"]
                .iter()
                .any(|suffix| it.kind.contains(suffix))
    });
    let has_text = has_struct || has("const char *");
    let mut statuses = vec!["RBTOKEN_E_INTERNAL", "RBTOKEN_E_NO_MEMORY"];
    if has("*") {
        statuses.push("RBTOKEN_E_NULL_ARGUMENT");
    }
    if has_text {
        statuses.extend([
            "RBTOKEN_E_INVALID_UTF8",
            "RBTOKEN_E_EMBEDDED_NUL",
            "RBTOKEN_E_TOO_LONG",
            "RBTOKEN_E_JSON_SYNTAX",
            "RBTOKEN_E_JSON_TYPE",
            "RBTOKEN_E_JSON_TOO_DEEP",
            "RBTOKEN_E_JSON_NUMBER",
        ]);
    }
    if has_struct {
        statuses.extend(["RBTOKEN_E_STRUCT_SIZE", "RBTOKEN_E_UNSUPPORTED_OPTION"]);
    }
    if has("struct rbtoken_store_t *") {
        statuses.extend([
            "RBTOKEN_E_CALLBACK",
            "RBTOKEN_E_STATE",
            "RBTOKEN_E_FORKED",
            "RBTOKEN_E_POISONED",
            "RBTOKEN_E_IO",
            "RBTOKEN_E_LOCKED",
            "RBTOKEN_E_CORRUPT",
            "RBTOKEN_E_DATABASE",
            "RBTOKEN_E_TIMEOUT",
        ]);
    }
    statuses
}

/// The fields of each struct that has a body.
pub fn structs(header: &str) -> BTreeMap<String, Vec<Variable>> {
    let mut found = BTreeMap::new();
    for part in header.split("\ntypedef struct ").skip(1) {
        let Some((name, body)) = part.split_once(" {\n") else { continue };
        let Some((body, _)) = body.split_once("\n} ") else { continue };
        if name.contains(';') {
            continue;
        }
        let mut fields = Vec::new();
        for field in body.split(';') {
            let (doc, code) = field.rsplit_once("*/").unwrap_or(("", field));
            let code = words(code);
            // Function pointers without a typedef are members of tables.
            if !code.is_empty() && !code.contains('(') {
                fields.push(variable(&code, &comment(doc)));
            }
        }
        found.insert(name.to_owned(), fields);
    }
    found
}

/// Returns the last comment without its stars.
fn comment(text: &str) -> String {
    let (_, text) = text.rsplit_once("/**").unwrap_or(("", text));
    let text = text.replace("*/", "");
    let lines = text.lines().map(|line| line.trim().trim_start_matches('*').trim());
    lines.collect::<Vec<_>>().join("\n")
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn variable(code: &str, doc: &str) -> Variable {
    let start = code.rfind([' ', '*']).map_or(0, |at| at + 1);
    let kind = code[..start].trim().to_owned();
    Variable { kind, name: code[start..].to_owned(), doc: words(doc) }
}

fn function(code: &str, doc: &str) -> Function {
    let code = words(&code.replace("RBTOKEN_API", "").replace("RBTOKEN_NODISCARD", ""));
    let (before, parameters) = code.split_once('(').expect("a function has parameters");
    let before = variable(before, "");
    let parameters = parameters.trim_end_matches(')').split(',').map(str::trim);
    let parameters = parameters.filter(|parameter| *parameter != "void");
    let parameters = parameters
        .map(|parameter| {
            let name = variable(parameter, "").name;
            let tag = format!("@param {name} ");
            let said = doc.split_once(&tag).map_or("", |(_, said)| said);
            variable(parameter, said.split("\n@").next().unwrap_or_default())
        })
        .collect();
    let statuses = doc.split("@retval ").skip(1).flat_map(|said| {
        let names = said.split([',', ' ', '\n']).map(str::trim).filter(|name| !name.is_empty());
        names.take_while(|name| name.starts_with("RBTOKEN_")).map(str::to_owned)
    });
    Function { name: before.name, result: before.kind, parameters, statuses: statuses.collect() }
}
