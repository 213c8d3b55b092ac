//! The store: every rule of tokens, over a backend that keeps them.

mod change;
mod find;
mod hooks;
mod issue;
mod login;
mod service_account;
mod settings;
mod shared;
mod statistics;
mod transfer;
mod verdict;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::memory;
use crate::policy::PolicyIds;
use crate::text::Text;
use crate::token::{
    Entropy, GeneratorRegistry, SharedRecord, SharedToken, SystemEntropy, Token, TokenGenerator,
};

use crate::backend::Location;
use crate::backend::{Backend, Operation, Outcome};
use crate::model::connection::{ConnectionSettings, TrustedOwners};
use crate::model::documents::Documents;
use crate::model::names;
pub use crate::model::requests::{
    ClientTokenRequest, Expires, GenerateRequest, ImportRequest, SiteFilter, TokenFilter,
    TokenUpdate, ValidityFilter,
};
use hooks::HookList;
pub use hooks::{Event, Hooks};
pub use login::{Login, RequestSite};
pub use service_account::{ServiceAccount, ServiceAccountOptions};
use settings::Settings;
pub use settings::{SETTINGS_SCHEMA, SettingsDocument};
pub use shared::{CallbackIdentity, OptionsIdentity, shared, shared_identity};
pub use transfer::Progress;
pub use verdict::Verdict;

/// What a store is opened with.
#[derive(Default)]
pub struct StoreOptions<'a> {
    /// Where tokens are kept; none is in memory.
    pub location: Option<&'a str>,
    /// Where the time comes from; none is the system's clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// Where token values come from; none is [`SystemEntropy`].
    pub entropy: Option<Arc<dyn Entropy>>,
    /// Settings as a JSON object, by the names of [`Store::set_setting`].
    pub settings: Option<&'a str>,
}

/// A store of tokens, for any number of threads.
pub struct Store {
    backend: Box<dyn Backend>,
    /// None is the system's.
    clock: Option<Arc<dyn Clock>>,
    entropy: Arc<dyn Entropy>,
    settings: RwLock<Settings>,
    connections: ConnectionSettings,
    trusted_owners: TrustedOwners,
    generators: RwLock<GeneratorRegistry>,
    /// Counts the changes of what is deprecated, so that a login need not take the lock to ask.
    deprecation_version: AtomicU64,
    policy_ids: Arc<PolicyIds>,
    documents: Arc<Documents>,
    /// As it may be shown; none for the memory.
    location: Option<Text>,
    hooks: HookList,
    closed: AtomicBool,
}

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no location, `Unsupported` for one that this build cannot keep
    /// tokens at; for settings, those of [`Store::set_setting`]. For Review Board's database, `Io`
    /// if it cannot be reached, `Timeout` if it does not answer, `Database` if it refuses, and
    /// `Version` if it is none of Review Board 5.0 or newer.
    pub fn open(options: StoreOptions<'_>) -> Result<Arc<Self>> {
        let settings = options.settings.map_or_else(
            || Ok(SettingsDocument::default()),
            |text| SettingsDocument::parse(text).map_err(|error| error.at_argument("settings")),
        )?;
        let StoreOptions { location, clock, entropy, .. } = options;
        let opened = match location {
            Some(_) => Self::open_with(location, clock, entropy, settings),
            None => Self::open_as_set(clock, entropy, settings),
        };
        opened.map_err(|error| match error.json_path() {
            Some(_) => error.at_argument("settings"),
            None => error,
        })
    }

    /// Opens a store where its settings say, which were read before.
    ///
    /// # Errors
    /// As [`Store::open`], with the path of what is wrong.
    pub fn open_as_set(
        clock: Option<Arc<dyn Clock>>,
        entropy: Option<Arc<dyn Entropy>>,
        settings: SettingsDocument,
    ) -> Result<Arc<Self>> {
        let location = settings.location().map(str::to_owned);
        Self::open_with(location.as_deref(), clock, entropy, settings).map_err(|error| match error
            .argument()
        {
            Some(Argument::Location) => error.moved_to_path("$.location"),
            _ => error,
        })
    }

    /// Opens a store elsewhere than its settings may say, which were read before.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(
        location: Option<&str>,
        clock: Option<Arc<dyn Clock>>,
        entropy: Option<Arc<dyn Entropy>>,
        settings: SettingsDocument,
    ) -> Result<Arc<Self>> {
        let policy_ids = Arc::new(PolicyIds::default());
        let documents = Arc::new(Documents::new(Arc::clone(&policy_ids)));
        let connections = settings.connections();
        let location = Location::parse(location)?;
        let trusted_owners = settings.trusted_owners();
        let backend = location.open(&documents, connections, &trusted_owners)?;
        let store = Self {
            backend,
            clock,
            entropy: entropy.unwrap_or_else(|| Arc::new(SystemEntropy)),
            settings: RwLock::default(),
            connections,
            trusted_owners,
            generators: RwLock::default(),
            deprecation_version: AtomicU64::new(1),
            documents,
            policy_ids,
            location: location.shown().map(Text::new),
            hooks: HookList::default(),
            closed: AtomicBool::new(false),
        };
        settings.apply(&store)?;
        Ok(Arc::new(store))
    }

    /// Closes the store for all who hold it. Calls in flight end as they would have, or find it
    /// closed; its hooks and generators are removed. Who calls a store on behalf of others asks
    /// [`Store::check_open`] first.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.remove_all_hooks();
        let generators = self.generators.write().take();
        // Dropping them calls the host: after the lock.
        drop(generators);
    }

    /// Whether the store may still be used.
    ///
    /// # Errors
    /// `State` once it was closed; `Forked` in a child of the process that opened it, unless it is
    /// in memory.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(
                Error::new(ErrorKind::State, "the store was shut down").at_argument("store")
            );
        }
        self.backend.check()
    }

    /// Makes last what was done before this. All but the times of the last logins does already.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn flush(&self) -> Result<()> {
        self.backend.flush()
    }

    /// Adds a Local Site: 1 to 32 characters of `A-Z a-z 0-9 _ . -`.
    ///
    /// # Errors
    /// `Exists` if there is one of that name; `InvalidArgument`, `TooLong` for a bad name.
    pub fn add_local_site(&self, local_site: &str) -> Result<()> {
        names::check_local_site(local_site)?;
        self.backend.change(Operation::AddLocalSite(Text::new(local_site)))?;
        Ok(())
    }

    /// Removes a Local Site and, as Review Board does, its tokens.
    ///
    /// # Errors
    /// `NotFound` if there is none of that name; `InvalidArgument`, `TooLong` for a bad name.
    pub fn remove_local_site(self: &Arc<Self>, local_site: &str) -> Result<()> {
        names::check_local_site(local_site)?;
        let records = self.change(Operation::RemoveLocalSite(Text::new(local_site)))?;
        self.fire_each(Event::Deleted, &records);
        Ok(())
    }

    /// Says whether a user may log in. Users may until a host says otherwise.
    ///
    /// # Errors
    /// Those of bad names.
    pub fn set_user_active(&self, user: &str, active: bool) -> Result<()> {
        names::check_user(user)?;
        self.backend.change(Operation::SetUserActive(Text::new(user), active))?;
        Ok(())
    }

    /// Registers the policy ids that policies can name; none makes every id known.
    ///
    /// # Errors
    /// `InvalidArgument` if an id is empty or `*`.
    pub fn set_policy_ids(&self, ids: Option<Vec<String>>) -> Result<()> {
        self.policy_ids.set(ids).map_err(|error| error.moved_to_argument("ids"))
    }

    /// Adds a token generator under an id of 1 to 255 characters. The host may replace
    /// `legacy_sha1`, which cannot generate by itself.
    ///
    /// # Errors
    /// `Exists` if there is one of that id; those of bad names.
    pub fn add_generator(&self, id: &str, generator: Arc<dyn TokenGenerator>) -> Result<()> {
        names::check_generator_id(id)?;
        let mut generators = self.generators.write();
        // Asked under the lock, or a generator could slip in behind those that closing removes. One
        // that is refused goes with this reference, after the lock: dropping it calls the host.
        let added = self.check_open().and_then(|()| generators.add(id, Arc::clone(&generator)));
        drop(generators);
        added.map_err(|error| error.at_argument("generator_id"))
    }

    /// The generator of an id, with the registry's own copy of the id.
    ///
    /// # Errors
    /// `Generation` if there is none; `State` once the store was closed.
    fn generator(&self, id: &str) -> Result<(Text, Arc<dyn TokenGenerator>)> {
        let found = self.generators.read().get(id);
        if found.is_err() {
            self.check_open()?;
        }
        found.map_err(|error| error.at_argument("generator_id"))
    }

    /// Makes a generator the one that is used where none is named.
    ///
    /// # Errors
    /// `Generation` if the store has none of that id.
    pub fn set_default_generator(&self, id: &str) -> Result<()> {
        let set = self.generators.write().set_default(id);
        if set.is_err() {
            self.check_open()?;
        }
        set.map_err(|error| error.at_argument("generator_id"))
    }

    /// Replaces the set of generators whose tokens count as deprecated. They need not be known.
    ///
    /// # Errors
    /// Those of bad names.
    pub fn set_deprecated_generators(&self, ids: &[&str]) -> Result<()> {
        ids.iter()
            .try_for_each(|id| names::check_generator_id(id))
            .map_err(|error| error.moved_to_argument("generator_ids"))?;
        // Added one by one: collected, they would be sorted in one piece of memory first.
        let mut deprecated = BTreeSet::new();
        memory::check_room(ids.iter().map(|id| 2 * id.len() + 4 * memory::OVERHEAD).sum())?;
        ids.iter().for_each(|id| _ = deprecated.insert(Text::new(id)));
        self.deprecate(deprecated);
        Ok(())
    }

    fn deprecate(&self, ids: BTreeSet<Text>) {
        let mut generators = self.generators.write();
        generators.set_deprecated(ids);
        self.deprecation_version.fetch_add(1, Ordering::Release);
    }

    /// The time now.
    fn now(&self) -> Result<Timestamp> {
        self.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }

    /// Whether the time is the system's, so that to tell it calls nobody.
    pub(crate) fn has_system_clock(&self) -> bool {
        self.clock.is_none()
    }

    /// The list that policies are checked against.
    pub fn policy_ids(&self) -> &Arc<PolicyIds> {
        &self.policy_ids
    }

    /// Changes the backend, and gives the records that were changed or removed.
    fn change(&self, operation: Operation) -> Result<Vec<SharedRecord>> {
        Ok(match self.backend.change(operation)? {
            Outcome::Done(records) => records,
            Outcome::Inserted(record) | Outcome::Found(record) => vec![record],
            Outcome::ValueTaken(_) => Vec::new(),
        })
    }

    /// A snapshot of a record.
    fn snapshot(&self, record: SharedRecord) -> SharedToken {
        let last_used = record.last_used();
        self.snapshot_used(record, last_used)
    }

    /// A snapshot of a record as it was used last at a time.
    fn snapshot_used(&self, record: SharedRecord, last_used: Option<Timestamp>) -> SharedToken {
        let version = self.deprecation_version.load(Ordering::Acquire);
        let deprecated = record.is_deprecated(version, || {
            let generators = self.generators.read();
            let version = self.deprecation_version.load(Ordering::Acquire);
            (version, generators.is_deprecated(record.generator_id()))
        });
        Token::new(record, last_used, deprecated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::VendorChecksum;

    struct Deaf;

    impl Hooks for Deaf {
        fn call(&self, _: &Arc<Store>, _: Event, _: &SharedToken) {}
    }

    /// A call may have found the store open just before it was closed.
    #[test]
    fn nothing_is_added_to_a_store_that_is_closed() {
        let store = Store::open(StoreOptions::default()).unwrap();
        store.close();
        let refused = |result: Result<()>| result.unwrap_err().kind() == ErrorKind::State;
        assert!(refused(store.add_hooks(Box::new(Deaf)).map(drop)));
        assert!(refused(store.add_generator("new", Arc::new(VendorChecksum))));
        assert!(refused(store.set_default_generator("vendor_checksum")));
        assert!(refused(store.generate_token(&GenerateRequest::new("alice")).map(drop)));
    }
}
