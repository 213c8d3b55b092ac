//! The store: all rules for tokens, on top of a backend that stores them.

mod change;
mod find;
mod hooks;
mod inspect;
mod issue;
mod log;
mod login;
mod service_account;
mod settings;
mod shared_store;
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
    ClientTokenRequest, Expires, Finding, GenerateRequest, ImportRequest, Progress, SiteFilter,
    TokenFilter, TokenUpdate, ValidityFilter,
};
use hooks::HookList;
pub use hooks::{Event, Hooks};
pub(crate) use log::EventLog;
pub use log::{Log, LogLevel};
pub use login::{Login, RequestSite};
pub use service_account::{ServiceAccount, ServiceAccountOptions};
use settings::Settings;
pub use settings::{SETTINGS_SCHEMA, SettingsDocument};
pub use shared_store::{CallbackIdentity, OptionsIdentity, shared_store, shared_store_identity};
pub use transfer::{Copied, CopyOptions};
pub use verdict::Verdict;

/// Options for opening a store.
#[derive(Default)]
pub struct StoreOptions<'a> {
    /// Where tokens are stored; `None` is in memory.
    pub location: Option<&'a str>,
    /// The clock; `None` is the system clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// The source of random bytes; `None` is [`SystemEntropy`].
    pub entropy: Option<Arc<dyn Entropy>>,
    /// Settings as a JSON object with the names of [`Store::set_setting`].
    pub settings: Option<&'a str>,
    /// Receives a message for each event of a token.
    pub log: Option<Arc<dyn Log>>,
}

/// A token store. All methods can be called from any thread.
pub struct Store {
    backend: Box<dyn Backend>,
    /// `None` is the system clock.
    clock: Option<Arc<dyn Clock>>,
    entropy: Arc<dyn Entropy>,
    settings: RwLock<Settings>,
    connections: ConnectionSettings,
    trusted_owners: TrustedOwners,
    generators: RwLock<GeneratorRegistry>,
    /// Incremented when the deprecated generators change. Lets a login use a cached result without
    /// taking the lock.
    deprecation_version: AtomicU64,
    policy_ids: Arc<PolicyIds>,
    documents: Arc<Documents>,
    /// The location without secrets; `None` for a store in memory.
    location: Option<Text>,
    hooks: HookList,
    closed: AtomicBool,
}

impl Store {
    /// Opens a store.
    ///
    /// # Errors
    /// `InvalidArgument` for an invalid location, `Unsupported` if this build does not support it;
    /// for settings, those of [`Store::set_setting`]. For a Review Board database: `Io` if it
    /// cannot be reached, `Timeout` if it does not respond, `Database` if it refuses, and `Version`
    /// if it is not that of Review Board 5.0 or newer.
    pub fn open(options: StoreOptions<'_>) -> Result<Arc<Self>> {
        let settings = options.settings.map_or_else(
            || Ok(SettingsDocument::default()),
            |text| SettingsDocument::parse(text).map_err(|error| error.at_argument("settings")),
        )?;
        let StoreOptions { location, clock, entropy, log, .. } = options;
        let opened = match location {
            Some(_) => Self::open_at(location, clock, entropy, settings),
            None => Self::open_from_settings(clock, entropy, settings),
        };
        let store = opened.map_err(|error| match error.json_path() {
            Some(_) => error.at_argument("settings"),
            None => error,
        })?;
        if let Some(log) = log {
            store.add_hooks(Box::new(EventLog::new(log)))?;
        }
        Ok(store)
    }

    /// Opens a store at the location in its settings.
    ///
    /// # Errors
    /// Those of [`Store::open`], with the JSON path of the setting.
    pub fn open_from_settings(
        clock: Option<Arc<dyn Clock>>,
        entropy: Option<Arc<dyn Entropy>>,
        settings: SettingsDocument,
    ) -> Result<Arc<Self>> {
        let location = settings.location().map(str::to_owned);
        Self::open_at(location.as_deref(), clock, entropy, settings).map_err(|error| {
            match error.argument() {
                Some(Argument::Location) => error.moved_to_path("$.location"),
                _ => error,
            }
        })
    }

    /// Opens a store at a given location, which overrides the one in the settings.
    ///
    /// # Errors
    /// Those of [`Store::open`].
    pub fn open_at(
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
            location: location.display().map(Text::new),
            hooks: HookList::default(),
            closed: AtomicBool::new(false),
        };
        settings.apply(&store)?;
        Ok(Arc::new(store))
    }

    /// Closes the store for all its users. Concurrent calls complete normally or fail because it is
    /// closed. Hooks and generators are removed. Most methods do not check whether the store is
    /// closed, so the C functions call [`Store::check_open`] first.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.remove_all_hooks();
        let generators = self.generators.write().take();
        // Dropped after unlocking, since that calls the host.
        drop(generators);
    }

    /// Checks that the store can be used.
    ///
    /// # Errors
    /// `State` if it is closed; `Forked` in a child process, unless it is in memory.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(
                Error::new(ErrorKind::State, "the store was shut down").at_argument("store")
            );
        }
        self.backend.check()
    }

    /// Makes the times of last use durable. All other changes are durable when their calls return.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn flush(&self) -> Result<()> {
        self.backend.flush()
    }

    /// Adds a Local Site: 1 to 32 characters of `A-Z a-z 0-9 _ . -`.
    ///
    /// # Errors
    /// `Exists`; `InvalidArgument` and `TooLong` for an invalid name.
    pub fn add_local_site(&self, local_site: &str) -> Result<()> {
        names::check_local_site(local_site)?;
        self.backend.change(Operation::AddLocalSite(Text::new(local_site)))?;
        Ok(())
    }

    /// Removes a Local Site and, like Review Board, its tokens.
    ///
    /// # Errors
    /// `NotFound`; `InvalidArgument` and `TooLong` for an invalid name.
    pub fn remove_local_site(self: &Arc<Self>, local_site: &str) -> Result<()> {
        names::check_local_site(local_site)?;
        let records = self.change(Operation::RemoveLocalSite(Text::new(local_site)))?;
        self.fire_each(Event::Deleted, &records);
        Ok(())
    }

    /// Returns the names of the Local Sites, sorted.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn local_sites(&self) -> Result<Vec<Text>> {
        self.backend.local_sites()
    }

    /// Returns the names of the users whose login is disabled, sorted.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn inactive_users(&self) -> Result<Vec<Text>> {
        self.backend.inactive_users()
    }

    /// Enables or disables login for a user. Unknown users are enabled.
    ///
    /// # Errors
    /// Those of an invalid name.
    pub fn set_user_active(&self, user: &str, active: bool) -> Result<()> {
        names::check_user(user)?;
        self.backend.change(Operation::SetUserActive(Text::new(user), active))?;
        Ok(())
    }

    /// Registers the policy ids that policies may contain; `None` allows every id.
    ///
    /// # Errors
    /// `InvalidArgument` if an id is empty or `*`.
    pub fn set_policy_ids(&self, ids: Option<Vec<String>>) -> Result<()> {
        self.policy_ids.set(ids).map_err(|error| error.moved_to_argument("ids"))
    }

    /// Registers a token generator with an id of 1 to 255 characters. It may replace `legacy_sha1`,
    /// which cannot generate values.
    ///
    /// # Errors
    /// `Exists`; those of an invalid id.
    pub fn add_generator(&self, id: &str, generator: Arc<dyn TokenGenerator>) -> Result<()> {
        names::check_generator_id(id)?;
        let mut generators = self.generators.write();
        // Checked under the lock, so that `close` removes generators that are added concurrently. A
        // rejected generator is dropped with this reference after unlocking, since that calls the
        // host.
        let added = self.check_open().and_then(|()| generators.add(id, Arc::clone(&generator)));
        drop(generators);
        added.map_err(|error| error.at_argument("generator_id"))
    }

    /// Returns a generator and the registry's copy of its id.
    ///
    /// # Errors
    /// `Generation` if the id is unknown; `State` if the store is closed.
    fn generator(&self, id: &str) -> Result<(Text, Arc<dyn TokenGenerator>)> {
        let found = self.generators.read().get(id);
        if found.is_err() {
            self.check_open()?;
        }
        found.map_err(|error| error.at_argument("generator_id"))
    }

    /// Sets the default generator.
    ///
    /// # Errors
    /// `Generation` if the id is unknown.
    pub fn set_default_generator(&self, id: &str) -> Result<()> {
        let set = self.generators.write().set_default(id);
        if set.is_err() {
            self.check_open()?;
        }
        set.map_err(|error| error.at_argument("generator_id"))
    }

    /// Sets the deprecated generators, which may be unknown.
    ///
    /// # Errors
    /// Those of an invalid id.
    pub fn set_deprecated_generators(&self, ids: &[&str]) -> Result<()> {
        ids.iter()
            .try_for_each(|id| names::check_generator_id(id))
            .map_err(|error| error.moved_to_argument("generator_ids"))?;
        // Inserted one by one, since `collect` would first allocate a vector for sorting.
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

    /// Returns the current time.
    fn now(&self) -> Result<Timestamp> {
        self.clock.as_ref().map_or_else(|| SystemClock.now(), |clock| clock.now())
    }

    /// Returns whether the clock is the system's, so that reading it calls no host function.
    pub(crate) fn has_system_clock(&self) -> bool {
        self.clock.is_none()
    }

    /// Returns the registered policy ids.
    pub fn policy_ids(&self) -> &Arc<PolicyIds> {
        &self.policy_ids
    }

    /// Applies an operation and returns the records that it inserted, changed or removed.
    fn change(&self, operation: Operation) -> Result<Vec<SharedRecord>> {
        Ok(match self.backend.change(operation)? {
            Outcome::Done(records) => records,
            Outcome::Inserted(record) | Outcome::Found(record) => vec![record],
            Outcome::ValueTaken(_) => Vec::new(),
        })
    }

    /// Creates a snapshot of a record.
    fn snapshot(&self, record: SharedRecord) -> SharedToken {
        let last_used = record.last_used();
        self.snapshot_used(record, last_used)
    }

    /// Creates a snapshot of a record with the given time of last use.
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

    struct IgnoreEvents;

    impl Hooks for IgnoreEvents {
        fn call(&self, _: &Arc<Store>, _: Event, _: &SharedToken) {}
    }

    /// Another thread may close the store after a call has checked that it is open.
    #[test]
    fn closed_store_accepts_no_hooks_or_generators() {
        let store = Store::open(StoreOptions::default()).unwrap();
        store.close();
        let refused = |result: Result<()>| result.unwrap_err().kind() == ErrorKind::State;
        assert!(refused(store.add_hooks(Box::new(IgnoreEvents)).map(drop)));
        assert!(refused(store.add_generator("new", Arc::new(VendorChecksum))));
        assert!(refused(store.set_default_generator("vendor_checksum")));
        assert!(refused(store.generate_token(&GenerateRequest::new("alice")).map(drop)));
    }
}
