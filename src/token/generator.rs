//! Token generators and their registry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Entropy, LEGACY_SHA1, LegacySha1, TokenValue, VENDOR_CHECKSUM, VendorChecksum};
use crate::error::{Error, ErrorKind, Result};
use crate::text::Text;

/// Input of a generator.
#[derive(Clone, Copy, Debug)]
pub struct GeneratorInput<'a> {
    /// The token type, such as `rbp`.
    pub token_type: &'a str,
    /// 0 for the first attempt; incremented after a collision with an existing value.
    pub attempt: u32,
}

/// Generates and recognizes token values of one format.
pub trait TokenGenerator: Send + Sync {
    /// Generates a value. Called without any lock of the library.
    ///
    /// # Errors
    /// Any error of the generator, which is returned to the caller unchanged.
    fn create(&self, input: &GeneratorInput<'_>, entropy: &dyn Entropy) -> Result<TokenValue>;

    /// Returns whether a value has this generator's format for a token type.
    ///
    /// # Errors
    /// Any error of the generator, which is returned to the caller unchanged.
    fn validate(&self, token_type: &str, value: &str) -> Result<bool>;
}

/// The generators of a store, its default generator, and its deprecated generators.
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
    /// Returns a generator and the registry's copy of its id.
    ///
    /// # Errors
    /// [`ErrorKind::Generation`] if the id is unknown.
    pub fn get(&self, id: &str) -> Result<(Text, Arc<dyn TokenGenerator>)> {
        match self.generators.get_key_value(id) {
            Some((id, generator)) => Ok((id.clone(), Arc::clone(generator))),
            None => Err(Error::new(ErrorKind::Generation, "no such token generator")),
        }
    }

    /// Returns the id of the default generator.
    pub fn default_id(&self) -> &Text {
        &self.default_id
    }

    /// Returns the ids of the deprecated generators.
    pub fn deprecated_ids(&self) -> &Arc<BTreeSet<Text>> {
        &self.deprecated_ids
    }

    /// Returns whether a generator is deprecated.
    pub fn is_deprecated(&self, id: &str) -> bool {
        self.deprecated_ids.contains(id)
    }

    /// Returns the registry's copy of an id, or a new text if the id is unknown.
    pub fn intern(&self, id: &str) -> Text {
        self.generators.get_key_value(id).map_or_else(|| Text::new(id), |(known, _)| known.clone())
    }

    /// Adds a generator of the host. It may replace the built-in `legacy_sha1`, which cannot
    /// generate values.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] if the id is taken.
    pub fn add(&mut self, id: &str, generator: Arc<dyn TokenGenerator>) -> Result<()> {
        let replaces_built_in = id == LEGACY_SHA1 && !self.legacy_sha1_replaced;
        if self.generators.contains_key(id) && !replaces_built_in {
            return Err(Error::new(ErrorKind::Exists, "a generator with this id already exists"));
        }
        self.legacy_sha1_replaced |= replaces_built_in;
        self.generators.insert(Text::new(id), generator);
        Ok(())
    }

    /// Removes and returns all generators. The default and the deprecated ids stay.
    pub fn take(&mut self) -> BTreeMap<Text, Arc<dyn TokenGenerator>> {
        std::mem::take(&mut self.generators)
    }

    /// Sets the default generator.
    ///
    /// # Errors
    /// [`ErrorKind::Generation`] if the id is unknown.
    pub fn set_default(&mut self, id: &str) -> Result<()> {
        self.default_id = self.get(id)?.0;
        Ok(())
    }

    /// Sets the deprecated generators. Ids may be unknown, since another server may have created
    /// tokens with them.
    pub fn set_deprecated(&mut self, ids: BTreeSet<Text>) {
        self.deprecated_ids = Arc::new(ids);
    }
}
