//! The generator that Review Board used before `vendor_checksum`.

use super::{Entropy, GeneratorInput, TokenGenerator, TokenValue};
use crate::error::{Error, ErrorKind, Result};

/// Id of the generator.
pub const LEGACY_SHA1: &str = "legacy_sha1";

/// Recognizes values of 40 hexadecimal digits. It cannot generate them: Review Board hashes the
/// server's secret key and the user's password hash, which only the server has.
#[derive(Clone, Copy, Debug, Default)]
pub struct LegacySha1;

impl TokenGenerator for LegacySha1 {
    fn create(&self, _: &GeneratorInput<'_>, _: &dyn Entropy) -> Result<TokenValue> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "legacy_sha1 values can be validated and imported, but only a Review Board server can \
             generate them",
        ))
    }

    fn validate(&self, _token_type: &str, value: &str) -> Result<bool> {
        Ok(value.len() == 40 && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}
