//! Writes Rust files: the tables of the plugin interface, the codes, the layouts for the tests, and
//! the declarations for programs that load the library.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Function, Signature, Type};
use super::names::{bare, pascal};

const MAX_WIDTH: usize = 100;

/// The interfaces in the header's order: name, and the words that complete "functions for".
const INTERFACES: &[(&str, &str)] = &[
    ("about", "the library itself"),
    ("error", "errors"),
    ("buffer", "buffers"),
    ("store", "stores, their tokens and logins"),
    ("hooks", "events"),
    ("generator", "token generators"),
    ("service_account", "service accounts"),
    ("token", "tokens"),
    ("token_list", "token lists"),
    ("policy", "policies"),
];

/// Returns the interface that a function belongs to.
fn interface(function: &Function) -> &'static str {
    let by_file = INTERFACES
        .iter()
        .find(|(name, _)| ["hooks", "generator"].contains(name) && *name == function.file);
    let by_name = INTERFACES.iter().filter(|(name, _)| {
        let rest = bare(&function.name).strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('_'))
    });
    // The longest match wins, since `token_list_get` also starts with `token_`.
    let by_name = by_name.max_by_key(|(name, _)| name.len());
    by_file.or(by_name).map_or("about", |(name, _)| name)
}

/// Returns the name of a function in its table.
fn member<'a>(function: &'a Function, interface: &str) -> &'a str {
    let name = bare(&function.name);
    let without = |noun: &str| name.strip_prefix(noun)?.strip_prefix('_');
    match without(interface).or_else(|| without("store")).unwrap_or(name) {
        // `new` is a keyword of C++.
        "new" => "create",
        member => member,
    }
}

/// Returns the functions of an interface: first those in the ABI snapshot in their order, then new
/// ones.
fn members<'a>(abi: &'a Abi, interface_name: &str, snapshot: &str) -> Vec<&'a Function> {
    let prefix = format!("field rbtoken_{interface_name}_interface_v1_t.");
    let known = snapshot.lines().filter_map(|line| line.strip_prefix(&prefix));
    let offsets: BTreeMap<&str, usize> = known
        .filter_map(|line| {
            let (name, rest) = line.split_once(": offset ")?;
            Some((name, rest.split_once(',')?.0.parse().ok()?))
        })
        .collect();
    let functions = abi.functions.iter();
    let mut functions: Vec<_> = functions.filter(|it| interface(it) == interface_name).collect();
    functions
        .sort_by_key(|it| offsets.get(member(it, interface_name)).copied().unwrap_or(usize::MAX));
    functions
}

/// Generates `src/extension/interfaces/`: a file per interface, and `mod.rs`.
pub fn interfaces(abi: &Abi, snapshot: &str) -> Vec<(String, String)> {
    let path = |name: &str| format!("src/extension/interfaces/{name}.rs");
    let mut files = vec![(path("mod"), interface_list())];
    for (name, subject) in INTERFACES {
        let functions = members(abi, name, snapshot);
        files.push((path(name), interface_file(name, subject, &functions)));
    }
    files
}

fn interface_list() -> String {
    let mut names: Vec<_> = INTERFACES.iter().map(|(name, _)| *name).collect();
    let arms = names.iter().map(|name| {
        format!("        \"rbtoken.{name}/1\" => (&raw const {name}::TABLE).cast(),\n")
    });
    let arms: String = arms.collect();
    names.sort_unstable();
    let modules: String = names.iter().map(|name| format!("mod {name};\n")).collect();
    let uses = names.iter().map(|name| format!("pub use {name}::rbtoken_{name}_interface_v1_t;\n"));
    let uses: String = uses.collect();
    format!(
        "//! Interfaces: tables of the exported functions, for hosts that load the library.\n\
         // {NOTICE}\n\n\
         use std::ffi::c_void;\n\n{modules}\n{uses}\n\
         /// Returns the table of an interface, or NULL if there is none of that name.\n\
         pub(super) fn find(name: &str) -> *const c_void {{\n    \
         match name {{\n{arms}        _ => std::ptr::null(),\n    }}\n}}\n"
    )
}

fn interface_file(name: &str, subject: &str, functions: &[&Function]) -> String {
    let table = format!("rbtoken_{name}_interface_v1_t");
    let mut fields = String::new();
    for function in functions {
        let member = member(function, name);
        let pointer = pointer(&function.signature, &format!("    pub {member}:"), 4);
        write!(fields, "    /// `{}()`\n    pub {member}:{pointer},\n", function.name).unwrap();
    }
    let value = |indent: &str| {
        let members =
            functions.iter().map(|it| format!("{indent}    {}: {},\n", member(it, name), it.name));
        let members: String = members.collect();
        format!(
            "{table} {{\n{indent}    struct_size: size_of::<{table}>(),\n{members}{indent}}};\n"
        )
    };
    let head = format!("pub(super) static TABLE: {table} =");
    let fits = format!("{head} {table} {{").len() <= MAX_WIDTH;
    let value = if fits {
        format!("{head} {}", value(""))
    } else {
        format!("{head}\n    {}", value("    "))
    };
    let c_char = if fields.contains("c_char") { "use std::ffi::c_char;\n\n" } else { "" };
    format!(
        "//! Interface `rbtoken.{name}/1`.\n\
         // {NOTICE}\n\n\
         {c_char}use crate::ffi::*;\n\n\
         /// Interface `rbtoken.{name}/1`: the functions for {subject}.\n\
         #[repr(C)]\n\
         pub struct {table} {{\n    \
         /// Size of this table in bytes. A member exists if it lies within that size.\n    \
         pub struct_size: usize,\n{fields}}}\n\n{value}"
    )
}

/// Formats a function pointer like rustfmt, after `before`, which is indented by `indent`.
fn pointer(signature: &Signature, before: &str, indent: usize) -> String {
    let parameters = signature.parameters.iter().map(|it| format!("{}: {}", it.name, it.kind));
    let parameters: Vec<_> = parameters.collect();
    let head = if signature.is_unsafe { "unsafe extern \"C\" fn" } else { "extern \"C\" fn" };
    let result = match &signature.result {
        Type::Void => String::new(),
        result => format!(" -> {result}"),
    };
    let line = format!("{head}({}){result}", parameters.join(", "));
    let pad = " ".repeat(indent);
    // Including the comma after it.
    if before.len() + 1 + line.len() < MAX_WIDTH {
        format!(" {line}")
    } else if indent + 4 + line.len() < MAX_WIDTH {
        format!("\n{pad}    {line}")
    } else {
        let lines = parameters.iter().map(|it| format!("{pad}    {it},\n"));
        format!(" {head}(\n{}{pad}){result}", lines.collect::<String>())
    }
}

/// Returns the nonzero values of an enum with their Rust names.
fn variants<'a>(it: &'a Enum, prefix: &str) -> impl Iterator<Item = (String, &'a [String])> {
    let values = it.values.iter().filter(|it| it.value != 0);
    values.map(move |it| (pascal(it.name.strip_prefix(prefix).unwrap_or(&it.name)), &*it.doc))
}

/// Formats variants of an enum with their documentation.
fn documented(variants: impl Iterator<Item = (String, impl AsRef<[String]>)>) -> String {
    let mut text = String::new();
    for (name, doc) in variants {
        for line in doc.as_ref() {
            writeln!(text, "    /// {line}").unwrap();
        }
        writeln!(text, "    {name},").unwrap();
    }
    text
}

/// Generates `src/error/kind.rs`: the statuses for errors.
pub fn error_kinds(abi: &Abi) -> String {
    let statuses = abi.enumeration("rbtoken_status_code");
    format!(
        "//! The kinds of errors.\n\
         // {NOTICE}\n\n\
         /// Kind of an error. The C ABI has a status for each.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         #[non_exhaustive]\n\
         pub enum ErrorKind {{\n{}    \
         /// A callback of the host returned this status, which is passed on unchanged.\n    \
         Host(i32),\n}}\n",
        documented(variants(statuses, "RBTOKEN_E_"))
    )
}

/// Generates `src/store/verdict.rs`: the verdicts on a login.
pub fn verdicts(abi: &Abi) -> String {
    let verdicts = abi.enumeration("rbtoken_verdict_code");
    format!(
        "//! The verdicts on a login.\n\
         // {NOTICE}\n\n\
         /// The result of a login. Anything but [`Verdict::Ok`] is a refusal.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq)]\n\
         pub enum Verdict {{\n{}}}\n",
        documented(variants(verdicts, "RBTOKEN_VERDICT_"))
    )
}

/// Generates `src/ffi/codes.rs`: names and conversions of statuses and verdicts.
pub fn codes(abi: &Abi) -> String {
    let statuses = abi.enumeration("rbtoken_status_code");
    let verdicts = abi.enumeration("rbtoken_verdict_code");
    let names = |it: &Enum| -> String {
        let arms = it.values.iter();
        arms.map(|it| format!("        {} => \"{}\\0\",\n", it.value, it.name)).collect()
    };
    let arms = |it: &Enum, kind: &str, prefix: &str| -> String {
        let values = it.values.iter().filter(|it| it.value != 0).map(|it| it.value);
        let arms = variants(it, prefix).zip(values);
        arms.map(|((name, _), value)| format!("        {kind}::{name} => {value},\n")).collect()
    };
    format!(
        "//! Names of statuses and verdicts, and their numbers.\n\
         // {NOTICE}\n\n\
         use super::{{rbtoken_status_t, rbtoken_verdict_t}};\n\
         use crate::error::ErrorKind;\n\
         use crate::store::Verdict;\n\n\
         /// Returns the NUL-terminated name of a status.\n\
         pub(super) fn status_name(status: rbtoken_status_t) -> &'static str {{\n    \
         match status {{\n{}        _ => \"unknown status\\0\",\n    }}\n}}\n\n\
         /// Returns the NUL-terminated name of a verdict.\n\
         pub(super) fn verdict_name(verdict: rbtoken_verdict_t) -> &'static str {{\n    \
         match verdict {{\n{}        _ => \"unknown verdict\\0\",\n    }}\n}}\n\n\
         /// Returns the status of a kind of error.\n\
         pub(super) fn status_of(kind: ErrorKind) -> rbtoken_status_t {{\n    \
         match kind {{\n{}        ErrorKind::Host(status) => status,\n    }}\n}}\n\n\
         /// Returns the number of a verdict.\n\
         pub(super) fn verdict_code(verdict: Verdict) -> rbtoken_verdict_t {{\n    \
         match verdict {{\n{}    }}\n}}\n",
        names(statuses),
        names(verdicts),
        arms(statuses, "ErrorKind", "RBTOKEN_E_"),
        arms(verdicts, "Verdict", "RBTOKEN_VERDICT_"),
    )
}

/// Generates `tests/abi/layouts.rs`: structs and their fields, whose layouts in Rust and C are
/// compared.
pub fn layouts(abi: &Abi, snapshot: &str) -> String {
    let mut structs = String::new();
    let mut add = |name: &str, fields: &[&str]| {
        let fields: String = fields.iter().map(|it| format!("        {it},\n")).collect();
        write!(structs, "    {name} {{\n{fields}    }}\n").unwrap();
    };
    for it in &abi.structs {
        let fields: Vec<_> = it.fields.iter().map(|it| it.name.as_str()).collect();
        add(&it.name, &fields);
    }
    for (name, fields) in &abi.tables {
        add(name, &fields.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for (name, _) in INTERFACES {
        let functions = members(abi, name, snapshot);
        let mut fields = vec!["struct_size"];
        fields.extend(functions.iter().map(|it| member(it, name)));
        add(&format!("rbtoken_{name}_interface_v1_t"), &fields);
    }
    format!(
        "//! The structs of the header and their fields, for a test that knows their layout in Rust.\n\
         // {NOTICE}\n\nuse rbtoken::extension::*;\nuse rbtoken::ffi::*;\n\n\
         layouts! {{\n{structs}}}\n"
    )
}

/// Generates structs and function pointers for a Rust program that loads the library: the
/// benchmarks, and the addon of the Node.js package.
pub fn loader(abi: &Abi, version: (u32, u32)) -> String {
    let mut structs = String::new();
    for it in &abi.structs {
        let fields = it.fields.iter();
        let fields =
            fields.map(|field| format!("    pub {}: {},\n", field.name, foreign(abi, &field.kind)));
        write!(
            structs,
            "/// `{}`.\n#[repr(C)]\npub struct {} {{\n{}}}\n\n",
            it.name,
            pascal(bare(&it.name)),
            fields.collect::<String>()
        )
        .unwrap();
    }
    let mut functions = String::new();
    for it in &abi.functions {
        let parameters = it.signature.parameters.iter();
        let parameters = parameters.map(|it| foreign(abi, &it.kind)).collect::<Vec<_>>().join(", ");
        let result = match &it.signature.result {
            Type::Void => String::new(),
            result => format!(" -> {}", foreign(abi, result)),
        };
        writeln!(functions, "    {}: fn({parameters}){result};", bare(&it.name)).unwrap();
    }
    let values = abi.enums.iter().flat_map(|it| &it.values).map(|it| (it, "i32"));
    let flags = abi.constants.iter().map(|it| (it, "u32"));
    let constants = values.chain(flags).map(|(it, kind)| {
        let name = it.name.strip_prefix("RBTOKEN_").unwrap_or(&it.name);
        format!("/// `{}`.\npub const {name}: {kind} = {};\n", it.name, it.value)
    });
    format!(
        "//! The C ABI of the shared library: `include/rbtoken.h` in Rust's words.\n\
         // {NOTICE}\n\
         #![allow(dead_code)]\n\n\
         use std::ffi::{{c_char, c_void}};\n\n\
         /// A handle of the library's, or a pointer of the host's.\n\
         pub type Handle = *mut c_void;\n\n\
         /// The version of the ABI that this file describes, for `rbtoken_abi_is_compatible()`.\n\
         pub const ABI_VERSION: u32 = {};\n\n\
         {}\n{structs}\
         /// Declares pointers to the library's functions, and loads them.\n\
         macro_rules! functions {{\n    \
         ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {{\n        \
         /// Pointers to the library's functions.\n        \
         pub struct Api {{\n            \
         $(pub $name: unsafe extern \"C\" fn($($argument),*) $(-> $result)?,)*\n        }}\n\n        \
         impl Api {{\n            \
         /// Looks every function up.\n            \
         pub fn load(library: &libloading::Library) -> Result<Self, libloading::Error> {{\n                \
         // SAFETY: the functions are declared as the header declares them.\n                \
         unsafe {{\n                    \
         Ok(Self {{ $($name: *library.get(concat!(\"rbtoken_\", stringify!($name)))?,)* }})\n                \
         }}\n            }}\n        }}\n    }};\n}}\n\n\
         functions! {{\n{functions}}}\n",
        version.0 << 16 | version.1,
        constants.collect::<String>()
    )
}

/// Returns a type for a Rust host, which uses shorter names for the structs of the ABI.
fn foreign(abi: &Abi, kind: &Type) -> String {
    match abi.resolved(kind) {
        Type::Pointer { to, .. } if abi.is_opaque(&to) => "Handle".to_owned(),
        Type::Pointer { is_mut, to } => {
            format!("*{} {}", if is_mut { "mut" } else { "const" }, foreign(abi, &to))
        }
        ref it @ Type::Named(_) if abi.is_callback(it) => "*const c_void".to_owned(),
        Type::Named(name) => pascal(bare(&name)),
        Type::Function(signature) => {
            let parameters = signature.parameters.iter().map(|it| foreign(abi, &it.kind));
            let parameters = parameters.collect::<Vec<_>>().join(", ");
            let result = match &signature.result {
                Type::Void => String::new(),
                result => format!(" -> {}", foreign(abi, result)),
            };
            format!("unsafe extern \"C\" fn({parameters}){result}")
        }
        other => other.to_string(),
    }
}
