//! Writes `Abi.java`: the ABI for JNA.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Signature, Type, Variable, has_length};
use super::names::{bare, camel, pascal};

pub fn interface(abi: &Abi) -> String {
    let mut text = format!(
        "// {NOTICE}\n// SPDX-License-Identifier: MIT\npackage rbtoken;\n\n\
         import com.sun.jna.Callback;\nimport com.sun.jna.Library;\n\
         import com.sun.jna.Pointer;\nimport com.sun.jna.Structure;\n\
         import com.sun.jna.Structure.FieldOrder;\n\
         import com.sun.jna.ptr.ByteByReference;\n\
         import com.sun.jna.ptr.IntByReference;\n\
         import com.sun.jna.ptr.LongByReference;\n\
         import com.sun.jna.ptr.PointerByReference;\n\n\
         /**\n * The C ABI of librbtoken: constants, layouts and signatures of rbtoken.h. A\n \
         * {{@code size_t}} is a long, so this is for 64-bit systems.\n */\n\
         interface Abi extends Library {{\n"
    );
    let constants = abi.enums.iter().flat_map(|it| &it.values).chain(&abi.constants);
    for it in constants {
        let name = it.name.strip_prefix("RBTOKEN_").unwrap_or(&it.name);
        writeln!(text, "    int {name} = {};", it.value).unwrap();
    }
    for it in &abi.callbacks {
        let parameters = parameters(abi, &it.signature, true);
        write!(
            text,
            "\n    interface {} extends Callback {{\n        {} call({parameters});\n    }}\n",
            pascal(bare(&it.name)),
            kind(abi, &it.signature.result, true)
        )
        .unwrap();
    }
    for it in &abi.structs {
        text += &structure(abi, &it.name, &it.fields);
    }
    text += "\n";
    for it in &abi.functions {
        let result = match &it.signature.result {
            result if result.is_text() && !it.signature.gives_length() => "String",
            result => kind(abi, result, true),
        };
        let parameters = parameters(abi, &it.signature, false);
        writeln!(text, "    {result} {}({parameters});", it.name).unwrap();
    }
    text + "}\n"
}

fn structure(abi: &Abi, name: &str, fields: &[Variable]) -> String {
    let names: Vec<_> = fields.iter().map(|it| format!("\"{}\"", camel(&it.name))).collect();
    let class = pascal(bare(name));
    let mut text = format!(
        "\n    /** {{@code {name}}} */\n    @FieldOrder({{{}}})\n    \
         class {class} extends Structure {{\n",
        names.join(", ")
    );
    for it in fields {
        let kind = match &it.kind {
            Type::Named(name) if abi.is_callback(&it.kind) => pascal(bare(name)),
            other => kind(abi, other, true).to_owned(),
        };
        writeln!(text, "        public {kind} {};", camel(&it.name)).unwrap();
    }
    write!(text, "\n        {class}() {{\n            structSize = size();\n        }}\n    }}\n")
        .unwrap();
    text
}

fn parameters(abi: &Abi, signature: &Signature, is_callback: bool) -> String {
    let all = &signature.parameters;
    let each = all.iter().enumerate().map(|(index, it)| {
        let kind = match &it.kind {
            Type::Pointer { to, .. } if !is_callback && abi.is_struct(to) => match &**to {
                Type::Named(name) => pascal(bare(name)),
                _ => unreachable!("a struct has a name"),
            },
            text if !is_callback && text.is_text() && has_length(all, index) => "byte[]".to_owned(),
            other => kind(abi, other, is_callback).to_owned(),
        };
        format!("{kind} {}", camel(&it.name))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Returns a type. In callbacks, Java gets bare pointers from the library.
fn kind(abi: &Abi, kind: &Type, is_bare: bool) -> &'static str {
    match abi.resolved(kind) {
        Type::Void => "void",
        Type::Primitive(name) => match name.as_str() {
            // JNA's boolean is an int, of which the library sets only one byte.
            "bool" | "u8" => "byte",
            "i32" | "u32" => "int",
            "i64" | "u64" | "usize" => "long",
            other => panic!("JNA has no type for {other}"),
        },
        Type::Named(name) => panic!("{name} is not passed by value"),
        Type::Pointer { is_mut: true, to } if !is_bare => match abi.resolved(&to) {
            Type::Pointer { .. } => "PointerByReference",
            Type::Primitive(name) => match name.as_str() {
                "bool" => "ByteByReference",
                "i32" => "IntByReference",
                "i64" | "u64" | "usize" => "LongByReference",
                _ => "Pointer",
            },
            _ => "Pointer",
        },
        Type::Pointer { .. } => "Pointer",
        Type::Function(_) => panic!("the linked API has no such type"),
    }
}
