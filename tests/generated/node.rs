//! Writes `abi.ts` of the Node.js package: constants, and the names of what it must call.

use std::fmt::Write;

use super::NOTICE;
use super::abi::{Abi, Enum, Type};

/// `abi` has the plugin interface, too.
pub fn module(abi: &Abi) -> String {
    let mut text = format!(
        "// Constants of the C ABI of librbtoken.\n\
         // {NOTICE}\n//\n// SPDX-License-Identifier: MIT\n"
    );
    for it in &abi.enums {
        text += &enumeration(it);
    }
    text += "\n// Flags.\n\n";
    for it in &abi.constants {
        doc(&mut text, "", &it.doc);
        let name = it.name.strip_prefix("RBTOKEN_").unwrap_or(&it.name);
        writeln!(text, "export const {name} = {};", it.value).unwrap();
    }
    text += "\n/** The functions of the library, and the members of its extension table. */\n\
             export const FUNCTIONS: readonly string[] = [\n";
    let members =
        abi.structs.iter().filter(|it| it.name == "rbtoken_extension_v1_t").flat_map(|it| {
            let functions =
                it.fields.iter().filter(|field| matches!(field.kind, Type::Function(_)));
            functions.map(|field| format!("{}.{}", it.name, field.name))
        });
    for name in abi.functions.iter().map(|it| it.name.clone()).chain(members) {
        writeln!(text, "  \"{name}\",").unwrap();
    }
    text + "];\n"
}

fn enumeration(it: &Enum) -> String {
    let name = it.title();
    let mut text = "\n".to_owned();
    doc(&mut text, "", &it.doc);
    writeln!(text, "export const {name} = {{").unwrap();
    for value in &it.values {
        doc(&mut text, "  ", &value.doc);
        writeln!(text, "  {}: {},", it.short(value), value.value).unwrap();
    }
    text + "} as const;\n"
}

fn doc(text: &mut String, indent: &str, lines: &[String]) {
    match lines {
        [] => {}
        [line] => writeln!(text, "{indent}/** {line} */").unwrap(),
        lines => {
            writeln!(text, "{indent}/**").unwrap();
            for line in lines {
                writeln!(text, "{indent} * {line}").unwrap();
            }
            writeln!(text, "{indent} */").unwrap();
        }
    }
}
