//! Says what is wrong with the arguments, in one line. Arguments that may be token values are not
//! printed.

use std::error::Error as _;

use clap::error::{ContextKind, ErrorKind};

use crate::table::printable;

/// Returns the problem, or `None` if help was asked for or no command was given.
pub fn problem(error: &clap::Error) -> Option<String> {
    let argument = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    let problem = match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => return None,
        ErrorKind::InvalidSubcommand => {
            let similar = error.get(ContextKind::SuggestedSubcommand);
            let hint = similar.map(|it| format!(" (similar: {it})")).unwrap_or_default();
            format!("unknown command{hint}")
        }
        ErrorKind::UnknownArgument => match argument.strip_prefix('-') {
            Some(_) => {
                let name = argument.split('=').next().unwrap_or_default();
                format!("unknown option {name}")
            }
            None => "unexpected argument; a token value is read from the standard input or a file"
                .to_owned(),
        },
        ErrorKind::ValueValidation => match error.source() {
            Some(source) => format!("{argument}: {source}"),
            None => format!("{argument}: invalid value"),
        },
        _ => {
            let text = error.to_string();
            let end = text.find("\n\nUsage: ").or_else(|| text.find("\n\nFor more"));
            let words = text[..end.unwrap_or(text.len())].split_whitespace().skip(1);
            words.collect::<Vec<_>>().join(" ")
        }
    };
    Some(printable(&problem).into_owned())
}
