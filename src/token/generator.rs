//! Token generators and their registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Entropy, LEGACY_SHA1, LegacySha1, TokenValue, VENDOR_CHECKSUM, VendorChecksum};
use crate::error::{Error, ErrorKind, Result};
use crate::text::Text;

/// What a generator is asked to make.
#[derive(Clone, Copy, Debug)]
pub struct CreateRequest<'a> {
    /// The token type, such as `rbp`.
    pub token_type: &'a str,
    /// 0 for the first try; each collision with an existing value adds 1.
    pub attempt: u32,
}

/// Something that makes and recognises token values of one format.
pub trait TokenGenerator: Send + Sync {
    /// Makes a new value. No lock of the library is held.
    ///
    /// # Errors
    /// The generator's own; it is passed to the caller unchanged.
    fn create(&self, request: &CreateRequest<'_>, entropy: &dyn Entropy) -> Result<TokenValue>;

    /// Whether a value has this generator's format for a token type.
    ///
    /// # Errors
    /// The generator's own; it is passed to the caller unchanged.
    fn validate(&self, token_type: &str, value: &str) -> Result<bool>;
}

/// The generators that a store knows, the one it uses by default, and those it calls deprecated.
#[derive(Clone)]
pub struct GeneratorRegistry {
    generators: BTreeMap<Text, Arc<dyn TokenGenerator>>,
    default_id: Text,
    deprecated_ids: Arc<BTreeSet<Text>>,
    legacy_sha1_replaced: bool,
}

impl Default for GeneratorRegistry {
    fn default() -> Self {
        let vendor_checksum = Text::new(VENDOR_CHECKSUM);
        let legacy_sha1 = Text::new(LEGACY_SHA1);
        let generators: [(Text, Arc<dyn TokenGenerator>); 2] = [
            (vendor_checksum.clone(), Arc::new(VendorChecksum)),
            (legacy_sha1.clone(), Arc::new(LegacySha1)),
        ];
        Self {
            generators: generators.into(),
            default_id: vendor_checksum,
            deprecated_ids: Arc::new([legacy_sha1].into()),
            legacy_sha1_replaced: false,
        }
    }
}

impl GeneratorRegistry {
    /// The generator of an id, with the registry's own copy of the id.
    ///
    /// # Errors
    /// [`ErrorKind::Generation`] if there is none.
    pub fn get(&self, id: &str) -> Result<(Text, Arc<dyn TokenGenerator>)> {
        match self.generators.get_key_value(id) {
            Some((id, generator)) => Ok((id.clone(), Arc::clone(generator))),
            None => Err(Error::new(ErrorKind::Generation, "no such token generator")),
        }
    }

    /// The id of the generator that is used where none is named.
    pub fn default_id(&self) -> &Text {
        &self.default_id
    }

    /// The ids of the generators whose tokens count as deprecated.
    pub fn deprecated_ids(&self) -> &Arc<BTreeSet<Text>> {
        &self.deprecated_ids
    }

    /// Whether tokens of this generator count as deprecated.
    pub fn is_deprecated(&self, id: &str) -> bool {
        self.deprecated_ids.contains(id)
    }

    /// The registry's own copy of an id, or a new text for one that it does not know.
    pub fn intern(&self, id: &str) -> Text {
        self.generators.get_key_value(id).map_or_else(|| Text::new(id), |(known, _)| known.clone())
    }

    /// Adds a generator of the host's. It may take the place of the built-in `legacy_sha1`, which
    /// cannot generate.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if there is one of that id.
    pub fn add(&mut self, id: &str, generator: Arc<dyn TokenGenerator>) -> Result<()> {
        let replaces_built_in = id == LEGACY_SHA1 && !self.legacy_sha1_replaced;
        if self.generators.contains_key(id) && !replaces_built_in {
            return Err(Error::new(ErrorKind::Exists, "a generator with this id already exists"));
        }
        self.legacy_sha1_replaced |= replaces_built_in;
        self.generators.insert(Text::new(id), generator);
        Ok(())
    }

    /// Takes all generators out. What is the default and what is deprecated stays.
    pub fn take(&mut self) -> BTreeMap<Text, Arc<dyn TokenGenerator>> {
        std::mem::take(&mut self.generators)
    }

    /// Makes another generator the default.
    ///
    /// # Errors
    /// [`ErrorKind::Generation`] if there is none of that id.
    pub fn set_default(&mut self, id: &str) -> Result<()> {
        self.default_id = self.get(id)?.0;
        Ok(())
    }

    /// Replaces the set of deprecated generators. An id may be unknown here: another server may
    /// have made tokens with it.
    pub fn set_deprecated(&mut self, ids: BTreeSet<Text>) {
        self.deprecated_ids = Arc::new(ids);
    }
}
