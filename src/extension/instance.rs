//! Life cycle of an instance: created → configured → initialized ⇄ shut down → destroyed.

use std::sync::Arc;

use parking_lot::Mutex;

use super::host::Host;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::store::{Log, LogLevel, SettingsDocument, Store};

const TARGET: &str = "rbtoken.extension";

/// Instance of the extension, with its own store and settings.
pub(crate) struct Instance {
    host: Host,
    state: Mutex<State>,
}

enum State {
    Created,
    /// With validated settings.
    Configured(String),
    Initialized(String, Arc<Store>),
    ShutDown(String),
}

impl Instance {
    pub fn new(host: Host) -> Self {
        host.log(LogLevel::Info, TARGET, "instance created");
        Self { host, state: Mutex::new(State::Created) }
    }

    /// Replaces the settings, if the whole document is valid.
    pub fn configure(&self, settings: &str) -> Result<()> {
        let checked = SettingsDocument::parse(settings).and_then(|_| memory::string(settings));
        let configured = {
            let mut state = self.state.lock();
            match (&*state, checked) {
                (State::Initialized(..), _) => Err(wrong_state("must not be initialized")),
                (_, Err(error)) => Err(error.at_argument("settings")),
                (_, Ok(settings)) => {
                    *state = State::Configured(settings);
                    Ok(())
                }
            }
        };
        self.log_outcome("configured", configured)
    }

    /// Opens the instance's store.
    pub fn initialize(&self) -> Result<()> {
        let initialized = {
            let mut state = self.state.lock();
            match &*state {
                State::Created => Err(wrong_state("must be configured")),
                State::Initialized(..) => Err(wrong_state("must not be initialized")),
                State::Configured(settings) | State::ShutDown(settings) => memory::string(settings)
                    .and_then(|settings| {
                        let store = self.open(&settings)?;
                        *state = State::Initialized(settings, store);
                        Ok(())
                    }),
            }
        };
        self.log_outcome("initialized", initialized)
    }

    /// Opens a store. It calls no callback of the host, so it can run under the lock.
    fn open(&self, settings: &str) -> Result<Arc<Store>> {
        let settings = SettingsDocument::parse(settings)?;
        let (clock, entropy) = (self.host.clock(), self.host.entropy());
        let store = Store::open_from_settings(clock, entropy, settings)?;
        if let Some(hooks) = self.host.hooks() {
            store.add_hooks(hooks)?;
        }
        Ok(store)
    }

    /// Closes the instance's store. Running calls finish.
    pub fn shut_down(&self) -> Result<()> {
        let shut_down = {
            let mut state = self.state.lock();
            match std::mem::replace(&mut *state, State::Created) {
                State::Initialized(settings, store) => {
                    *state = State::ShutDown(settings);
                    Ok(store)
                }
                other => {
                    *state = other;
                    Err(wrong_state("must be initialized"))
                }
            }
        };
        // Closing removes hooks, which calls the host, so the lock must not be held.
        self.log_outcome("shut down", shut_down.map(|store| store.close()))
    }

    /// Returns the store of an initialized instance.
    pub fn store(&self) -> Result<Arc<Store>> {
        match &*self.state.lock() {
            State::Initialized(_, store) => Ok(Arc::clone(store)),
            _ => Err(wrong_state("must be initialized")),
        }
    }

    /// Returns the effective settings: those of the store, or those that it would be opened with.
    pub fn settings(&self) -> Result<String> {
        let settings = match &*self.state.lock() {
            State::Initialized(_, store) => return store.effective_settings(),
            State::Created => "{}".to_owned(),
            State::Configured(settings) | State::ShutDown(settings) => memory::string(settings)?,
        };
        let settings = SettingsDocument::parse(&settings)?;
        Store::open_at(None, None, None, settings)?.effective_settings()
    }

    fn log_outcome(&self, what: &str, done: Result<()>) -> Result<()> {
        match &done {
            Ok(()) => {
                let message = format!("instance {what}");
                self.host.log(LogLevel::Info, TARGET, &message);
            }
            Err(error) => {
                let message = format!("instance not {what}: {error}");
                self.host.log(LogLevel::Warn, TARGET, &message);
            }
        }
        done
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if matches!(&*self.state.lock(), State::Initialized(..)) {
            // An initialized instance can always be shut down.
            let _ = self.shut_down();
        }
        self.host.log(LogLevel::Info, TARGET, "instance destroyed");
    }
}

fn wrong_state(problem: &'static str) -> Error {
    Error::new(ErrorKind::State, problem).at_argument("instance")
}
