//! Writes the enums of `include/rbtoken.hpp`, whose values are the header's constants.

use std::fmt::Write;

use super::abi::Abi;

/// The C++ enums: name, type, documentation, and the corresponding enum of the ABI.
const ENUMS: &[(&str, &str, &str, &str)] = &[
    (
        "Status",
        "rbtoken_status_t",
        "Result of a call. A callback of the host can return other numbers.",
        "rbtoken_status_code",
    ),
    (
        "Verdict",
        "rbtoken_verdict_t",
        "Result of a login. Every verdict other than Verdict::ok rejects it.",
        "rbtoken_verdict_code",
    ),
    (
        "Validity",
        "std::int32_t",
        "Validity of the tokens that are listed.",
        "rbtoken_filter_validity_mode",
    ),
];

/// Returns the header with each marked region replaced.
pub fn header(abi: &Abi, header: &str) -> String {
    ENUMS.iter().fold(header.to_owned(), |header, &(name, kind, doc, source)| {
        let mut text = format!("/** {doc} */\nenum class {name} : {kind} {{\n");
        let it = abi.enumeration(source);
        for value in &it.values {
            let short = it.short(value).to_lowercase();
            let doc = value.doc.join("\n     * ");
            write!(text, "    /** {doc} */\n    {short} = {},\n", value.name).unwrap();
        }
        replace(&header, name, &(text + "};\n"))
    })
}

/// Replaces the text between the markers of a region.
fn replace(header: &str, region: &str, text: &str) -> String {
    let begin = format!("/* Begin generated: {region}. */\n");
    let end = format!("/* End generated: {region}. */\n");
    let (before, rest) = header.split_once(&begin).expect("the region begins");
    let (_, after) = rest.split_once(&end).expect("the region ends");
    format!("{before}{begin}{text}{end}{after}")
}
