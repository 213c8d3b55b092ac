//! Storage for a token value inside its record, so that a lookup follows no pointer to it.

use std::fmt;

use super::TokenValue;
use super::wipe::wipe;

const CAPACITY: usize = 256;
/// Longest value that fits with its NUL. Generated values are ASCII and fit.
const MAX_LEN: usize = CAPACITY - 1;

/// At most 255 bytes and a NUL, zeroized when dropped.
///
/// The last byte is 255 minus the length. For a value of 255 bytes that is 0, which is also the
/// terminating NUL.
pub(super) struct InlineValue([u8; CAPACITY]);

impl InlineValue {
    /// Returns empty storage. A record is moved to its final place before its value is filled in,
    /// since a move would leave a copy behind that is not zeroized.
    pub const fn empty() -> Self {
        let mut bytes = [0; CAPACITY];
        bytes[MAX_LEN] = MAX_LEN as u8;
        Self(bytes)
    }

    /// Returns whether a value fits.
    pub fn fits(value: &TokenValue) -> bool {
        value.borrow().expose_bytes().len() <= MAX_LEN
    }

    /// Copies a value that fits into empty storage.
    pub fn fill(&mut self, value: &TokenValue) {
        let value = value.borrow().expose_bytes();
        if let Some(place) = self.0.get_mut(..value.len()) {
            place.copy_from_slice(value);
            self.0[MAX_LEN] = (MAX_LEN - value.len()) as u8;
        }
    }

    /// Returns the value with its NUL, or `None` if the storage is empty.
    pub fn with_nul(&self) -> Option<&[u8]> {
        let len = MAX_LEN - usize::from(self.0[MAX_LEN]);
        (len > 0).then(|| &self.0[..=len])
    }
}

impl fmt::Debug for InlineValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for InlineValue {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_of_up_to_255_bytes_is_stored_inline_with_its_nul() {
        assert!(InlineValue::empty().with_nul().is_none());
        for len in 1..=MAX_LEN {
            let text = "x".repeat(len);
            let value = TokenValue::new(&text).unwrap();
            assert!(InlineValue::fits(&value));
            let mut inline = InlineValue::empty();
            inline.fill(&value);
            assert_eq!(inline.with_nul().unwrap(), format!("{text}\0").as_bytes());
            assert_eq!(format!("{inline:?}"), "***");
        }
        assert!(!InlineValue::fits(&TokenValue::new(&"é".repeat(128)).unwrap()));
    }
}
