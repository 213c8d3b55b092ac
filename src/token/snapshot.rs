//! Snapshots of tokens, which callers hold.

use std::fmt;

use once_cell::sync::OnceCell;

use super::{Record, SharedRecord};
use crate::clock::Timestamp;
use crate::index::SlabArc;
use crate::text::Text;

/// A reference to a snapshot. With an `Arc`, which also counts weak references, a login takes 9%
/// longer.
pub type SharedToken = SlabArc<Token>;

/// A snapshot of a token. It stays valid when the token is changed or the store is closed.
pub struct Token {
    record: SharedRecord,
    last_used: Option<Timestamp>,
    deprecated: bool,
    redacted: OnceCell<Text>,
}

impl Token {
    /// Bytes that a snapshot occupies, with its reference count.
    pub(crate) const SIZE: usize = size_of::<usize>() + size_of::<Self>();

    pub(crate) fn new(
        record: SharedRecord,
        last_used: Option<Timestamp>,
        deprecated: bool,
    ) -> SharedToken {
        SlabArc::boxed(Self { record, last_used, deprecated, redacted: OnceCell::new() })
    }

    /// Returns the record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Returns when the token was last used, as of this snapshot.
    pub fn last_used(&self) -> Option<Timestamp> {
        self.last_used
    }

    /// Returns whether the generator was deprecated when this snapshot was taken.
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// Returns a name of the token that may be logged: its type and id.
    pub fn redacted(&self) -> &Text {
        self.redacted.get_or_init(|| {
            Text::new(&format!("{}#{}", self.record.value().redacted(), self.record.id()))
        })
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("record", &self.record)
            .field("last_used", &self.last_used)
            .field("deprecated", &self.deprecated)
            .finish_non_exhaustive()
    }
}
