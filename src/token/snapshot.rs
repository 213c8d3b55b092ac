//! The snapshot of a record that callers hold.

use std::fmt;

use once_cell::sync::OnceCell;

use super::{Record, SharedRecord};
use crate::clock::Timestamp;
use crate::index::Shared;
use crate::text::Text;

/// A token that callers share. With an `Arc`, which counts weak references too, a login takes 9%
/// longer.
pub type SharedToken = Shared<Token>;

/// A token as it was at one moment. It stays readable whatever becomes of the token or the store.
pub struct Token {
    record: SharedRecord,
    last_used: Option<Timestamp>,
    deprecated: bool,
    redacted: OnceCell<Text>,
}

impl Token {
    /// What a snapshot takes in memory, with its count of references.
    pub(crate) const SIZE: usize = size_of::<usize>() + size_of::<Self>();

    pub(crate) fn new(
        record: SharedRecord,
        last_used: Option<Timestamp>,
        deprecated: bool,
    ) -> SharedToken {
        Shared::alone(Self { record, last_used, deprecated, redacted: OnceCell::new() })
    }

    /// The fields that do not change while this snapshot lives.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// When the token was used last, as of this snapshot.
    pub fn last_used(&self) -> Option<Timestamp> {
        self.last_used
    }

    /// Whether the token's generator was deprecated when this snapshot was taken.
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// A name for the token that may be logged: the type and the id, nothing of the secret.
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
