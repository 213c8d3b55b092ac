//! Shared immutable strings with a terminating NUL, for C.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::error::Result;
use crate::memory;

/// An immutable, reference-counted string. It is stored with a terminating NUL, so that C can
/// borrow it without a copy.
#[derive(Clone)]
pub struct Text(Arc<str>);

impl Text {
    /// Copies a string.
    pub fn new(text: &str) -> Self {
        let mut terminated = String::with_capacity(text.len() + 1);
        terminated.push_str(text);
        terminated.push('\0');
        Self(terminated.into())
    }

    /// Copies a string whose length a caller determines.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn try_new(text: &str) -> Result<Self> {
        if text.len() >= memory::LARGE / 2 {
            // The terminated string, and its copy in the `Arc`.
            memory::check_room(2 * text.len() + 64)?;
        }
        Ok(Self::new(text))
    }

    /// Returns the string without the NUL.
    pub fn as_str(&self) -> &str {
        &self.0[..self.0.len() - 1]
    }

    /// Returns the string with the NUL.
    pub fn as_str_with_nul(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

// Hashes like `str`, so that a map with `Text` keys can be searched by `&str`.
impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}
