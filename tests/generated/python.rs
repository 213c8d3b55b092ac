//! Writes `_abi.py` of the Python package: the ABI for ctypes.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Signature, Type, Variable, has_length};
use super::names::{bare, pascal};

/// `abi` must include the plugin interface.
pub fn module(abi: &Abi, version: (u32, u32)) -> String {
    let mut text = format!(
        "\"\"\"The C ABI of librbtoken for ctypes: constants, layouts and signatures of rbtoken.h.\n\n\
         {NOTICE}\n\n\
         SPDX-License-Identifier: MIT\n\"\"\"\n\n\
         from __future__ import annotations\n\n\
         import ctypes\nimport enum\n\
         from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int32, c_int64, c_size_t\n\
         from ctypes import c_uint32, c_uint64, c_void_p\n\
         from typing import Any\n\n\
         #: The version of the ABI that this module describes, for rbtoken_abi_is_compatible().\n\
         ABI_VERSION = {} << 16 | {}\n",
        version.0, version.1
    );
    for it in &abi.enums {
        text += &enumeration(it);
    }
    text += "\n\n# Flags.\n\n";
    for it in &abi.constants {
        comment(&mut text, "", &it.doc);
        writeln!(text, "{} = {}", short(&it.name), it.value).unwrap();
    }
    text += "\n\n# Callbacks.\n\n";
    for it in &abi.callbacks {
        writeln!(text, "{} = {}", pascal(bare(&it.name)), prototype(abi, &it.signature, true))
            .unwrap();
    }
    for it in &abi.structs {
        write!(
            text,
            "\n\nclass {}(ctypes.Structure):\n    \"\"\"{}\"\"\"\n\n    _fields_ = [\n",
            pascal(bare(&it.name)),
            it.name
        )
        .unwrap();
        for (index, field) in it.fields.iter().enumerate() {
            let kind = variable(abi, &it.fields, index, false);
            writeln!(text, "        (\"{}\", {kind}),", field.name).unwrap();
        }
        text += "    ]\n";
    }
    text += "\n\n#: The result and the parameters of each function.\n";
    text += "FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {\n";
    for it in &abi.functions {
        let parameters = list(parameters(abi, &it.signature, false));
        let result = result(abi, &it.signature);
        writeln!(text, "    \"{}\": (\n        {result}, [{parameters}]),", it.name).unwrap();
    }
    text += "}\n\n\ndef declare(library: ctypes.CDLL) -> None:\n    \
             \"\"\"Sets the types of every function of the library.\"\"\"\n    \
             for name, (result, parameters) in FUNCTIONS.items():\n        \
             function = getattr(library, name)\n        \
             function.restype, function.argtypes = result, parameters\n";
    text
}

fn enumeration(it: &Enum) -> String {
    let name = it.title();
    let doc = it.doc.join("\n    ").replace('`', "``");
    let mut text = format!("\n\nclass {name}(enum.IntEnum):\n    \"\"\"{doc}\"\"\"\n\n");
    for value in &it.values {
        let short = it.short(value);
        comment(&mut text, "    ", &value.doc);
        writeln!(text, "    {short} = {}", value.value).unwrap();
    }
    text
}

fn comment(text: &mut String, indent: &str, doc: &[String]) {
    for line in doc {
        writeln!(text, "{indent}#: {}", line.replace('`', "``")).unwrap();
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix("RBTOKEN_").unwrap_or(name)
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

/// Returns a function pointer type: a callback of the host or a function of the library.
fn prototype(abi: &Abi, signature: &Signature, is_callback: bool) -> String {
    let parameters = parameters(abi, signature, is_callback);
    format!("CFUNCTYPE({})", list(std::iter::once(result(abi, signature)).chain(parameters)))
}

fn result(abi: &Abi, signature: &Signature) -> String {
    if signature.gives_length() { "c_void_p".to_owned() } else { kind(abi, &signature.result) }
}

fn parameters(abi: &Abi, signature: &Signature, is_callback: bool) -> impl Iterator<Item = String> {
    let all = &signature.parameters;
    (0..all.len()).map(move |index| variable(abi, all, index, is_callback))
}

/// Returns the type of a parameter or field. Callbacks get the address of bytes with a length: with
/// `c_char_p`, Python would read them up to a NUL.
fn variable(abi: &Abi, variables: &[Variable], index: usize, is_callback: bool) -> String {
    let it = &variables[index];
    let is_address = is_callback && has_length(variables, index);
    if is_address { "c_void_p".to_owned() } else { kind(abi, &it.kind) }
}

fn kind(abi: &Abi, kind_: &Type) -> String {
    match abi.resolved(kind_) {
        Type::Void => "None".to_owned(),
        Type::Primitive(name) => primitive(&name).to_owned(),
        Type::Named(name) => pascal(bare(&name)),
        it if it.is_text() => "c_char_p".to_owned(),
        Type::Pointer { to, .. } if abi.is_opaque(&to) => "c_void_p".to_owned(),
        Type::Pointer { to, .. }
            if ["c_void", "c_char", "u8"].iter().any(|it| to.is_primitive(it)) =>
        {
            "c_void_p".to_owned()
        }
        Type::Pointer { to, .. } => format!("POINTER({})", kind(abi, &to)),
        Type::Function(signature) => prototype(abi, &signature, false),
    }
}

fn primitive(name: &str) -> &'static str {
    match name {
        "bool" => "c_bool",
        "i32" => "c_int32",
        "i64" => "c_int64",
        "u32" => "c_uint32",
        "u64" => "c_uint64",
        "usize" => "c_size_t",
        other => panic!("Python has no type for {other}"),
    }
}
