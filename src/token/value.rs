//! The value of a token: the secret that a client presents.

use std::fmt;

use constant_time_eq::constant_time_eq;

use super::vendor_checksum;
use super::wipe::wipe;
use crate::error::{Error, ErrorKind, Result};

/// Maximum number of characters in a value.
pub const MAX_VALUE_CHARS: usize = 255;

/// The value of a token. It is zeroized when dropped, compared in constant time, and redacted by
/// `Debug`.
pub struct TokenValue {
    /// UTF-8 with a terminating NUL, so that C can borrow it without a copy.
    terminated: Box<[u8]>,
}

impl TokenValue {
    /// Copies a value.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is empty, [`ErrorKind::EmbeddedNul`] if it contains a
    /// NUL, [`ErrorKind::TooLong`] if it exceeds 255 characters.
    pub fn new(value: &str) -> Result<Self> {
        Self::check(value)?;
        Ok(Self::filled_in_place(value.len(), |place| place.copy_from_slice(value.as_bytes())))
    }

    /// Copies the text of a stored row without checking it.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn stored(text: &str) -> Self {
        Self::filled_in_place(text.len(), |place| place.copy_from_slice(text.as_bytes()))
    }

    /// Checks that a text can be a value.
    ///
    /// # Errors
    /// As [`TokenValue::new`].
    pub fn check(value: &str) -> Result<()> {
        if value.is_empty() {
            return Err(Error::new(ErrorKind::InvalidArgument, "must not be empty"));
        }
        if value.contains('\0') {
            return Err(Error::new(ErrorKind::EmbeddedNul, "must not contain a NUL character"));
        }
        // A value of at most 255 bytes has at most 255 characters, which saves counting in the
        // usual case.
        if value.len() > MAX_VALUE_CHARS && value.chars().count() > MAX_VALUE_CHARS {
            let message = "must not be longer than 255 characters";
            return Err(Error::new(ErrorKind::TooLong, message));
        }
        Ok(())
    }

    /// Allocates a value of `len` bytes and lets `fill` write it in place. Moving or growing a
    /// buffer would leave a copy behind that is not zeroized.
    pub(super) fn filled_in_place(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut value = Self { terminated: vec![0; len + 1].into_boxed_slice() };
        fill(&mut value.terminated[..len]);
        value
    }

    /// Returns the value.
    pub fn expose(&self) -> &str {
        self.borrow().expose()
    }

    /// Borrows the value.
    pub fn borrow(&self) -> ValueRef<'_> {
        ValueRef::from_terminated(&self.terminated)
    }
}

impl Clone for TokenValue {
    fn clone(&self) -> Self {
        Self { terminated: self.terminated.clone() }
    }
}

impl fmt::Debug for TokenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenValue").field(&self.borrow().redacted()).finish()
    }
}

impl Drop for TokenValue {
    fn drop(&mut self) {
        wipe(&mut self.terminated);
    }
}

/// A borrowed token value, also redacted by `Debug`.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    /// UTF-8 with a terminating NUL.
    terminated: &'a [u8],
}

impl<'a> ValueRef<'a> {
    pub(super) fn from_terminated(terminated: &'a [u8]) -> Self {
        Self { terminated }
    }

    /// Returns the value.
    pub fn expose(self) -> &'a str {
        // The bytes come from a `str`, so this does not fail.
        std::str::from_utf8(self.expose_bytes()).unwrap_or_default()
    }

    /// Returns the bytes of the value.
    pub fn expose_bytes(self) -> &'a [u8] {
        &self.terminated[..self.terminated.len() - 1]
    }

    /// Returns the bytes of the value with the terminating NUL, so that C can borrow them without a
    /// copy.
    pub fn expose_with_nul(self) -> &'a [u8] {
        self.terminated
    }

    /// Copies the value.
    pub fn to_owned(self) -> TokenValue {
        TokenValue { terminated: self.terminated.into() }
    }

    /// Compares with a presented value in constant time.
    pub fn equals(self, value: &[u8]) -> bool {
        constant_time_eq(self.expose_bytes(), value)
    }

    /// Returns a form that may be logged: the token type and `***` if the checksum is right,
    /// otherwise `***`.
    pub fn redacted(self) -> String {
        match self.expose().split_once('_') {
            Some((token_type, _))
                if (1..=16).contains(&token_type.len())
                    && token_type.bytes().all(|byte| byte.is_ascii_alphanumeric())
                    && vendor_checksum::matches(token_type, self.expose()) =>
            {
                format!("{token_type}_***")
            }
            _ => "***".to_owned(),
        }
    }
}

impl fmt::Debug for ValueRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenValue").field(&self.redacted()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{GeneratorInput, SystemEntropy, TokenGenerator, VendorChecksum};

    #[test]
    fn value_is_redacted_in_debug_output() {
        let secret = "0123456789abcdef0123456789abcdef01234567";
        let value = TokenValue::new(secret).unwrap();
        assert_eq!(format!("{value:?}"), r#"TokenValue("***")"#);
        let vendor = VendorChecksum
            .create(&GeneratorInput { token_type: "rbp", attempt: 0 }, &SystemEntropy)
            .unwrap();
        assert_eq!(format!("{vendor:?}"), r#"TokenValue("rbp_***")"#);
        for foreign in ["secret_".to_owned(), format!("x\nFORGED_{}", "x".repeat(246))] {
            assert_eq!(TokenValue::new(&foreign).unwrap().borrow().redacted(), "***");
        }
    }

    #[test]
    fn value_must_have_1_to_255_characters_and_no_nul() {
        let kind = |value: &str| TokenValue::new(value).unwrap_err().kind();
        assert_eq!(kind(""), ErrorKind::InvalidArgument);
        assert_eq!(kind("a\0b"), ErrorKind::EmbeddedNul);
        assert_eq!(kind(&"é".repeat(256)), ErrorKind::TooLong);
        assert!(TokenValue::new(&"é".repeat(255)).is_ok());
    }
}
