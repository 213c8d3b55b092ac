//! A token's value: the secret itself.

use std::fmt;

use constant_time_eq::constant_time_eq;

use super::vendor_checksum;
use super::wipe::wipe;
use crate::error::{Error, ErrorKind, Result};

/// A value has at most this many characters.
pub const MAX_VALUE_CHARS: usize = 255;

/// A token's value. It is wiped from memory when dropped, compared in a time that depends on the
/// length only, and never printed.
pub struct TokenValue {
    /// UTF-8 with a NUL behind it, so that it can be lent to C without a copy.
    terminated: Box<[u8]>,
}

impl TokenValue {
    /// A copy of a value that is known from elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it is empty, [`ErrorKind::EmbeddedNul`],
    /// [`ErrorKind::TooLong`] beyond 255 characters.
    pub fn new(value: &str) -> Result<Self> {
        Self::check(value)?;
        Ok(Self::of_len(value.len(), |place| place.copy_from_slice(value.as_bytes())))
    }

    /// A copy of what stands in a token's row, which need not be a value.
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    pub(crate) fn stored(text: &str) -> Self {
        Self::of_len(text.len(), |place| place.copy_from_slice(text.as_bytes()))
    }

    /// Whether this can be a value at all.
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
        // What fits in bytes fits in characters: the usual value is not counted.
        if value.len() > MAX_VALUE_CHARS && value.chars().count() > MAX_VALUE_CHARS {
            let message = "must not be longer than 255 characters";
            return Err(Error::new(ErrorKind::TooLong, message));
        }
        Ok(())
    }

    /// A value of so many bytes, which are filled in with a text, in the place where they stay:
    /// moved or grown, they would leave a copy behind that nobody wipes.
    pub(super) fn of_len(len: usize, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut value = Self { terminated: vec![0; len + 1].into_boxed_slice() };
        fill(&mut value.terminated[..len]);
        value
    }

    /// The value.
    pub fn expose(&self) -> &str {
        self.borrow().expose()
    }

    /// The value, borrowed.
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

/// A token's value, borrowed from who keeps it. It is never printed either.
#[derive(Clone, Copy)]
pub struct ValueRef<'a> {
    /// UTF-8, with a NUL behind it.
    terminated: &'a [u8],
}

impl<'a> ValueRef<'a> {
    pub(super) fn from_terminated(terminated: &'a [u8]) -> Self {
        Self { terminated }
    }

    /// The value.
    pub fn expose(self) -> &'a str {
        // It was made of a text.
        std::str::from_utf8(self.expose_bytes()).unwrap_or_default()
    }

    /// The value's bytes.
    pub fn expose_bytes(self) -> &'a [u8] {
        &self.terminated[..self.terminated.len() - 1]
    }

    /// The value's bytes with a NUL behind them, to be lent to C without a copy.
    pub fn expose_with_nul(self) -> &'a [u8] {
        self.terminated
    }

    /// A copy that outlives the lender.
    pub fn to_owned(self) -> TokenValue {
        TokenValue { terminated: self.terminated.into() }
    }

    /// Whether this is the value asked for.
    pub fn is(self, value: &[u8]) -> bool {
        constant_time_eq(self.expose_bytes(), value)
    }

    /// What may be shown of it: the type of a value whose checksum holds, nothing of others.
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
    use crate::token::{CreateRequest, SystemEntropy, TokenGenerator, VendorChecksum};

    #[test]
    fn a_value_is_never_printed() {
        let secret = "0123456789abcdef0123456789abcdef01234567";
        let value = TokenValue::new(secret).unwrap();
        assert_eq!(format!("{value:?}"), r#"TokenValue("***")"#);
        let vendor = VendorChecksum
            .create(&CreateRequest { token_type: "rbp", attempt: 0 }, &SystemEntropy)
            .unwrap();
        assert_eq!(format!("{vendor:?}"), r#"TokenValue("rbp_***")"#);
        for foreign in ["secret_".to_owned(), format!("x\nFORGED_{}", "x".repeat(246))] {
            assert_eq!(TokenValue::new(&foreign).unwrap().borrow().redacted(), "***");
        }
    }

    #[test]
    fn a_value_has_1_to_255_characters_and_no_nul() {
        let kind = |value: &str| TokenValue::new(value).unwrap_err().kind();
        assert_eq!(kind(""), ErrorKind::InvalidArgument);
        assert_eq!(kind("a\0b"), ErrorKind::EmbeddedNul);
        assert_eq!(kind(&"é".repeat(256)), ErrorKind::TooLong);
        assert!(TokenValue::new(&"é".repeat(255)).is_ok());
    }
}
