//! Writes `abi.js`: the ABI for koffi (Node.js).

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Signature, Type, Variable, has_length};
use super::names::{bare, camel, pascal};

pub fn module(abi: &Abi) -> String {
    let mut text = format!(
        "// The C ABI of librbtoken for koffi: constants, layouts and signatures of rbtoken.h.\n\
         // {NOTICE}\n//\n// SPDX-License-Identifier: MIT\n\n\
         import koffi from \"koffi\";\n"
    );
    for it in &abi.enums {
        text += &enumeration(it);
    }
    text += "\n// Flags.\n";
    for it in &abi.constants {
        let name = it.name.strip_prefix("RBTOKEN_").unwrap_or(&it.name);
        writeln!(text, "export const {name} = {};", it.value).unwrap();
    }
    text += "\n// Handles.\n";
    for name in &abi.opaque {
        writeln!(text, "koffi.opaque(\"{name}\");").unwrap();
    }
    text += "\n// Callbacks.\n";
    for it in &abi.callbacks {
        let parameters = parameters(abi, &it.signature, false);
        let result = kind(abi, &it.signature.result);
        writeln!(text, "koffi.proto(\"{result} {}({parameters})\");", it.name).unwrap();
    }
    text += "\n// Structs. A text is a pointer to bytes and their number.\n";
    for it in &abi.structs {
        let name = pascal(bare(&it.name));
        writeln!(text, "export const {name} = koffi.struct(\"{}\", {{", it.name).unwrap();
        for (index, field) in it.fields.iter().enumerate() {
            let kind = variable(abi, &it.fields, index, false);
            writeln!(text, "  {}: \"{}\",", field.name, kind.trim_end()).unwrap();
        }
        text += "});\n";
    }
    text += "\n/** Declares every function of a library, such as `storeOpen`. */\n\
             export function declare(library) {\n  return {\n";
    for it in &abi.functions {
        let parameters = parameters(abi, &it.signature, true);
        let result = if it.signature.gives_length() {
            "const uint8_t *".to_owned()
        } else {
            kind(abi, &it.signature.result)
        };
        let space = if result.ends_with('*') { "" } else { " " };
        let name = camel(bare(&it.name));
        writeln!(
            text,
            "    {name}: library.func(\n      \"{result}{space}{}({parameters})\"),",
            it.name
        )
        .unwrap();
    }
    text + "  };\n}\n"
}

fn enumeration(it: &Enum) -> String {
    let name = it.title();
    let doc = it.doc.join("\n * ");
    let mut text = format!("\n/** {doc} */\nexport const {name} = Object.freeze({{\n");
    for value in &it.values {
        let short = it.short(value);
        writeln!(text, "  /** {} */", value.doc.join("\n   * ")).unwrap();
        writeln!(text, "  {short}: {},", value.value).unwrap();
    }
    text + "});\n"
}

fn parameters(abi: &Abi, signature: &Signature, may_be_output: bool) -> String {
    let all = &signature.parameters;
    let each = (0..all.len()).map(|index| {
        let kind = variable(abi, all, index, may_be_output);
        let space = if kind.ends_with('*') { "" } else { " " };
        format!("{kind}{space}{}", all[index].name)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Returns the type of a parameter or field. Outputs are marked, so that koffi fills an array of
/// one element.
fn variable(abi: &Abi, variables: &[Variable], index: usize, may_be_output: bool) -> String {
    let it = &variables[index].kind;
    if has_length(variables, index) {
        return if it.is_text() { "const uint8_t *" } else { "void *" }.to_owned();
    }
    // A buffer that the host fills.
    if matches!(it, Type::Pointer { is_mut: true, to } if to.is_primitive("c_char")) {
        return "void *".to_owned();
    }
    match it {
        Type::Pointer { is_mut: true, to } if may_be_output && !abi.is_opaque(to) => {
            format!("_Out_ {}", kind(abi, it))
        }
        _ => kind(abi, it),
    }
}

fn kind(abi: &Abi, kind_: &Type) -> String {
    match abi.resolved(kind_) {
        Type::Void => "void".to_owned(),
        Type::Primitive(name) => primitive(&name).to_owned(),
        ref it @ Type::Named(ref name) if abi.is_callback(it) => format!("{name} *"),
        Type::Named(name) => name,
        Type::Pointer { is_mut, to } => {
            let target = kind(abi, &to);
            let is_const = !is_mut && !matches!(*to, Type::Pointer { .. });
            let space = if target.ends_with('*') { "" } else { " " };
            format!("{}{target}{space}*", if is_const { "const " } else { "" })
        }
        Type::Function(_) => panic!("the linked API has no such type"),
    }
}

fn primitive(name: &str) -> &'static str {
    match name {
        "bool" => "bool",
        "c_char" => "char",
        "c_void" => "void",
        "i32" => "int32_t",
        "i64" => "int64_t",
        "u8" => "uint8_t",
        "u32" => "uint32_t",
        "u64" => "uint64_t",
        "usize" => "size_t",
        other => panic!("koffi has no type for {other}"),
    }
}
