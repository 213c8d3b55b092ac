//! Validation of names and texts.

use crate::error::{Error, ErrorKind, Result};

const MAX_USER_CHARS: usize = 150;
const MAX_CLIENT_NAME_CHARS: usize = 255;
const MAX_LOCAL_SITE_CHARS: usize = 32;
const MAX_GENERATOR_ID_CHARS: usize = 255;
/// Review Board has no limit for notes and reasons. This one keeps a caller from exhausting memory.
const MAX_FREE_TEXT_BYTES: usize = 1 << 20;

pub(crate) fn check_user(name: &str) -> Result<()> {
    check_name(name, "user", MAX_USER_CHARS)
}

pub(crate) fn check_client_name(name: &str) -> Result<()> {
    check_name(name, "client_name", MAX_CLIENT_NAME_CHARS)
}

pub(crate) fn check_generator_id(id: &str) -> Result<()> {
    check_name(id, "generator_id", MAX_GENERATOR_ID_CHARS)
}

pub(crate) fn check_local_site(name: &str) -> Result<()> {
    check_name(name, "local_site", MAX_LOCAL_SITE_CHARS)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        Ok(())
    } else {
        Err(Error::invalid("local_site", "must contain only A-Z, a-z, 0-9, _, . and -"))
    }
}

/// Checks a note or a reason, which may be empty.
pub(crate) fn check_free_text(text: &str, argument: &'static str) -> Result<()> {
    check_no_nul(text, argument)?;
    if text.len() > MAX_FREE_TEXT_BYTES {
        return Err(too_long(argument, "must not be longer than 1 MiB".to_owned()));
    }
    Ok(())
}

fn check_name(name: &str, argument: &'static str, max_chars: usize) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(argument, "must not be empty"));
    }
    check_no_nul(name, argument)?;
    // A name that fits in bytes also fits in characters, which saves counting in the usual case.
    if name.len() > max_chars && name.chars().count() > max_chars {
        return Err(too_long(argument, format!("must not be longer than {max_chars} characters")));
    }
    Ok(())
}

/// Checks that a text contains no NUL.
pub(crate) fn check_no_nul(text: &str, argument: &'static str) -> Result<()> {
    if text.bytes().any(|byte| byte == 0) {
        return Err(Error::new(ErrorKind::EmbeddedNul, "must not contain a NUL character")
            .at_argument(argument));
    }
    Ok(())
}

fn too_long(argument: &'static str, message: String) -> Error {
    Error::new(ErrorKind::TooLong, message).at_argument(argument)
}
