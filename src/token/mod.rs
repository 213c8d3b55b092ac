//! Tokens: the record, its value, and the generators of values.

mod entropy;
mod generator;
mod inline;
mod legacy_sha1;
mod payload;
mod record;
mod snapshot;
mod value;
mod vendor_checksum;
mod wipe;

pub use entropy::{Entropy, SystemEntropy};
pub use generator::{GeneratorInput, GeneratorRegistry, TokenGenerator};
pub use legacy_sha1::{LEGACY_SHA1, LegacySha1};
pub use record::{ExtraData, Invalidation, Record, SharedRecord};
pub(crate) use record::{RecordFields, SharedFields};
pub use snapshot::{SharedToken, Token};
pub use value::{MAX_VALUE_CHARS, TokenValue, ValueRef};
pub(crate) use vendor_checksum::check_token_type;
pub use vendor_checksum::{VENDOR_CHECKSUM, VendorChecksum};
