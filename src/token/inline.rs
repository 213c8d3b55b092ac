//! A token's value as its record keeps it: in place, so that a lookup follows no pointer to it.

use std::fmt;

use super::TokenValue;
use super::wipe::wipe;

const CAPACITY: usize = 256;
/// The longest value that has room for the NUL behind it. Every usual value is ASCII and fits.
const MAX_LEN: usize = CAPACITY - 1;

/// At most 255 bytes with a NUL behind them, wiped from memory when dropped.
///
/// The last byte is what is missing to the full length: 0, and so the NUL, for the full one.
pub(super) struct InlineValue([u8; CAPACITY]);

impl InlineValue {
    /// No value yet. A record is made where it stays before its value is put in: moving a value
    /// would leave a copy behind that nobody wipes.
    pub const fn empty() -> Self {
        let mut bytes = [0; CAPACITY];
        bytes[MAX_LEN] = MAX_LEN as u8;
        Self(bytes)
    }

    /// Whether a value has room.
    pub fn fits(value: &TokenValue) -> bool {
        value.borrow().expose_bytes().len() <= MAX_LEN
    }

    /// Puts a value that fits into an empty place.
    pub fn fill(&mut self, value: &TokenValue) {
        let value = value.borrow().expose_bytes();
        if let Some(place) = self.0.get_mut(..value.len()) {
            place.copy_from_slice(value);
            self.0[MAX_LEN] = (MAX_LEN - value.len()) as u8;
        }
    }

    /// The value and the NUL; none if it is empty.
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
