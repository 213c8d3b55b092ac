//! Questions before something is destroyed.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use crate::failure::{Failure, Outcome};
use crate::table::printable;

/// Asks whether to go on, unless `--yes` was given.
pub fn confirm(question: &str, is_confirmed: bool) -> Outcome {
    if is_confirmed {
        return Ok(());
    }
    if !stdin().is_terminal() {
        let message = format!("{question} Pass --yes: confirmation needs a terminal");
        return Err(Failure::usage(message));
    }
    write!(stderr(), "{} [y/N] ", printable(question))?;
    stderr().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::refused("nothing was changed, since the answer was not `y`")),
    }
}
