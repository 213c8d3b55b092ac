//! Token values: from a file, the standard input or a prompt, and never from an argument.

use std::fs::File;
use std::io::{IsTerminal, Read, stdin};

use clap::Args;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Maximum length of a line with a value or a header, in bytes.
const MAX_BYTES: usize = 8192;

/// Where a token value comes from.
#[derive(Args, Clone, Debug)]
pub struct ValueSource {
    /// Read the value from the first line of FILE (default: standard input, or a prompt)
    #[arg(long, value_name = "FILE")]
    pub value_file: Option<String>,
}

impl ValueSource {
    /// Reads a value, whose buffers are zeroized.
    pub fn read(&self, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        let value = match self.value_file.as_deref() {
            Some("-") => first_line(stdin().lock(), "standard input")?,
            Some(path) => {
                let file = File::open(path).map_err(|error| Failure::of_file(path, &error))?;
                first_line(file, path)?
            }
            None if stdin().is_terminal() => {
                // The prompt must turn the echo on again.
                let interrupt = Interrupt::defer_ctrl_c()?;
                let asked = rpassword::prompt_password(format!("{prompt}: ")).map(Zeroizing::new);
                interrupt.check()?;
                asked.map_err(|error| Failure::of_file("terminal", &error))?
            }
            None => first_line(stdin().lock(), "standard input")?,
        };
        if value.is_empty() {
            return Err(Failure::usage(format!(
                "{prompt}: no value was given: pass it on the standard input or with --value-file"
            )));
        }
        Ok(value)
    }
}

fn first_line(mut file: impl Read, name: &str) -> Result<Zeroizing<String>, Failure> {
    // Not grown, since that would leave a copy behind that is not zeroized.
    let mut bytes = Zeroizing::new(vec![0; MAX_BYTES]);
    let mut len = 0;
    while len < MAX_BYTES && !bytes[..len].contains(&b'\n') {
        match file.read(&mut bytes[len..]) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::of_file(name, &error)),
        }
    }
    let line = bytes[..len].split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.len() == MAX_BYTES {
        return Err(Failure::usage(format!("{name}: the first line is too long for a value")));
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(line) => Ok(Zeroizing::new(line.to_owned())),
        Err(_) => Err(Failure::usage(format!("{name}: the first line must be UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_the_first_line_without_its_end() {
        for (text, value) in [("a\n", "a"), ("a\r\nb", "a"), ("a", "a"), ("", ""), ("\nb", "")] {
            assert_eq!(first_line(text.as_bytes(), "x").unwrap().as_str(), value);
        }
        let long = "x".repeat(MAX_BYTES + 1);
        assert!(first_line(long.as_bytes(), "x").is_err());
        assert!(first_line(&[0xff][..], "x").is_err());
    }
}
