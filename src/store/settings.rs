//! Settings: named JSON values.

use std::collections::{BTreeSet, HashSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::Store;
use crate::backend::Location;
use crate::error::{Error, ErrorKind, Result};
use crate::json::{self, Path, Value};
use crate::memory::{self, OVERHEAD};
use crate::model::connection::{ConnectionSettings, TrustedOwners};
use crate::model::names;
use crate::policy::PolicyIds;
use crate::text::Text;
use crate::token::{GeneratorRegistry, check_token_type};

/// Settings that are plain values. The generator registry and the list of policy ids store theirs.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// Days until a client token expires, unless its request says otherwise; 0 is never.
    pub client_token_expiration: i64,
    /// Minimum remaining validity of an existing client token in seconds.
    pub min_validity_secs: i64,
    /// Token type passed to generators.
    pub token_type: Text,
}

impl Default for Settings {
    fn default() -> Self {
        Self { client_token_expiration: 365, min_validity_secs: 300, token_type: Text::new("rbp") }
    }
}

/// Conversion from and to the setting `trusted_owners`.
impl TrustedOwners {
    fn read(value: &Value, path: &Path<'_>) -> Result<Self> {
        let members = value.as_object().ok_or_else(|| wrong_type("an object", value, path))?;
        let mut owners = Self::default();
        for (name, value) in members {
            let path = path.member(name);
            match name.as_str() {
                "users" => owners.users = ids(value, &path)?,
                "groups" => owners.groups = ids(value, &path)?,
                _ => {
                    let message = "unknown member (expected users or groups)";
                    return Err(Error::new(ErrorKind::NotFound, message).at_path(path));
                }
            }
        }
        Ok(owners)
    }

    fn to_value(&self) -> Value {
        let list = |ids: &BTreeSet<u32>| ids.iter().copied().collect::<Value>();
        let members = [("groups", list(&self.groups)), ("users", list(&self.users))];
        members.into_iter().collect()
    }
}

/// Maximum id of a user or group. The system reserves the next one for "none".
const MAX_ID: i64 = u32::MAX as i64 - 1;

/// An integer setting for connections to a database.
struct ConnectionSetting {
    name: &'static str,
    range: RangeInclusive<i64>,
    get: fn(&ConnectionSettings) -> i64,
    set: fn(&mut ConnectionSettings, i64),
}

/// Maximum interval between two writes of `last_used`: one year.
const MAX_INTERVAL_SECS: i64 = 31_536_000;

const TIMEOUT_SECS: RangeInclusive<i64> = 1..=3600;

const CONNECTION_SETTINGS: [ConnectionSetting; 7] = [
    ConnectionSetting {
        name: "bulk_timeout_secs",
        range: TIMEOUT_SECS,
        get: |it| secs(it.bulk_timeout),
        set: |it, value| it.bulk_timeout = duration(value),
    },
    ConnectionSetting {
        name: "call_timeout_secs",
        range: TIMEOUT_SECS,
        get: |it| secs(it.call_timeout),
        set: |it, value| it.call_timeout = duration(value),
    },
    ConnectionSetting {
        name: "connect_timeout_secs",
        range: TIMEOUT_SECS,
        get: |it| secs(it.connect_timeout),
        set: |it, value| it.connect_timeout = duration(value),
    },
    ConnectionSetting {
        name: "login_cache_entries",
        range: 1..=1_000_000,
        get: |it| number(it.login_cache_entries),
        set: |it, value| it.login_cache_entries = usize::try_from(value).unwrap_or(1),
    },
    ConnectionSetting {
        name: "login_cache_secs",
        range: 0..=3600,
        get: |it| secs(it.login_cache_age),
        set: |it, value| it.login_cache_age = duration(value),
    },
    ConnectionSetting {
        name: "pool_size",
        range: 1..=1024,
        get: |it| number(it.pool_size),
        set: |it, value| it.pool_size = usize::try_from(value).unwrap_or(1),
    },
    ConnectionSetting {
        name: "statement_timeout_secs",
        range: TIMEOUT_SECS,
        get: |it| secs(it.statement_timeout),
        set: |it, value| it.statement_timeout = duration(value),
    },
];

fn duration(secs: i64) -> Duration {
    Duration::from_secs(secs.unsigned_abs())
}

fn secs(duration: Duration) -> i64 {
    duration.as_secs().try_into().unwrap_or(i64::MAX)
}

fn number(number: usize) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}

/// Number of days in the years 1 to 9999, which is an upper bound of every lifetime.
const MAX_DAYS: i64 = 3_652_059;
const MAX_SECS: i64 = MAX_DAYS * 86_400;

/// One parsed and validated setting.
enum Setting {
    ClientTokenExpiration(i64),
    MinValiditySecs(i64),
    TokenType(Text),
    DefaultGenerator(Text),
    DeprecatedGenerators(BTreeSet<Text>),
    PolicyIds(Option<Vec<String>>),
    /// Accepted only when a store is opened.
    LocalSites(Vec<String>),
    /// Accepted only when a store is opened.
    Location(Option<String>),
    /// Accepted only when a store is opened.
    Connection(&'static ConnectionSetting, i64),
    /// Accepted only when a store is opened.
    LastUsedIntervalSecs(Option<i64>),
    /// Accepted only when a store is opened.
    TrustedOwners(TrustedOwners),
}

/// Parsed and validated settings that have not been applied.
#[derive(Default)]
pub struct SettingsDocument {
    settings: Vec<Setting>,
}

impl SettingsDocument {
    /// Parses the settings for opening a store. Names and values are those of
    /// [`Store::set_setting`], and:
    ///
    /// | name | value | default |
    /// | --- | --- | --- |
    /// | `local_sites` | list of Local Sites to add | `[]` |
    /// | `location` | where tokens are stored; null is in memory | null |
    /// | `pool_size` | maximum number of connections to a database, 1 to 1024 | `8` |
    /// | `connect_timeout_secs` | time limit for opening a connection, 1 to 3600 | `5` |
    /// | `statement_timeout_secs` | time limit for a statement, including locks, 1 to 3600 | `30` |
    /// | `trusted_owners` | ids of users and groups, `{"users": [1000], "groups": [2000]}` | none |
    /// | `call_timeout_secs` | time limit for a call about one token, 1 to 3600 | `30` |
    /// | `bulk_timeout_secs` | limit for a call about any number of tokens, 1 to 3600 | `600` |
    /// | `last_used_interval_secs` | minimum age to update `last_used`; null: never | `0` |
    /// | `login_cache_secs` | maximum age of a cached login, 0 to 3600; 0 is no cache | `0` |
    /// | `login_cache_entries` | maximum number of cached logins, 1 to 1000000 | `10000` |
    ///
    /// # Errors
    /// Those of [`Store::set_setting`], with a JSON path; `Unsupported` for a location that this
    /// build does not support.
    pub fn parse(document: &str) -> Result<Self> {
        let document = json::parse_object(document)?;
        let generators = GeneratorRegistry::default();
        let settings = document
            .iter()
            .map(|(name, value)| Setting::read(name, value, &generators, &Path::Root.member(name)));
        let document = Self { settings: settings.collect::<Result<_>>()? };
        if let Some(location) = document.location() {
            let path = Path::Root.member("location").to_string();
            Location::parse(Some(location)).map_err(|error| error.moved_to_path(path))?;
        }
        Ok(document)
    }

    /// Returns the location, if the document has one.
    pub fn location(&self) -> Option<&str> {
        self.settings.iter().find_map(|setting| match setting {
            Setting::Location(location) => location.as_deref(),
            _ => None,
        })
    }

    /// Returns the settings for connections to a database.
    pub(super) fn connections(&self) -> ConnectionSettings {
        let mut connections = ConnectionSettings::default();
        for setting in &self.settings {
            match setting {
                Setting::Connection(setting, value) => (setting.set)(&mut connections, *value),
                Setting::LastUsedIntervalSecs(secs) => {
                    connections.last_used_interval = secs.map(duration);
                }
                _ => {}
            }
        }
        connections
    }

    /// Returns the trusted owners of directories and files.
    pub(super) fn trusted_owners(&self) -> TrustedOwners {
        let owners = self.settings.iter().find_map(|setting| match setting {
            Setting::TrustedOwners(owners) => Some(owners.clone()),
            _ => None,
        });
        owners.unwrap_or_default()
    }

    /// Applies the settings to a new store, which is not shared yet.
    pub(super) fn apply(self, store: &Store) -> Result<()> {
        self.settings.into_iter().try_for_each(|setting| {
            // Only these settings can fail here: a store in a server's database rejects them.
            let path = match &setting {
                Setting::ClientTokenExpiration(_) => "$.client_token_expiration",
                Setting::LocalSites(_) => "$.local_sites",
                _ => "$",
            };
            setting.apply(store).map_err(|error| error.moved_to_path(path))
        })
    }
}

impl Setting {
    fn read(
        name: &str,
        value: &Value,
        generators: &GeneratorRegistry,
        path: &Path<'_>,
    ) -> Result<Self> {
        let at = |path: &Path<'_>| {
            let path = path.to_string();
            move |error: Error| error.moved_to_path(path)
        };
        Ok(match name {
            "client_token_expiration" => {
                Self::ClientTokenExpiration(integer(value, 0..=MAX_DAYS, path)?)
            }
            "min_validity_secs" => Self::MinValiditySecs(integer(value, 0..=MAX_SECS, path)?),
            "token_type" => {
                let token_type = text(value, path)?;
                check_token_type(token_type).map_err(at(path))?;
                Self::TokenType(Text::new(token_type))
            }
            "default_generator" => {
                Self::DefaultGenerator(generators.get(text(value, path)?).map_err(at(path))?.0)
            }
            "deprecated_generators" => {
                let ids = texts(value, path)?;
                for (index, id) in ids.iter().enumerate() {
                    names::check_generator_id(id).map_err(at(&path.item(index)))?;
                }
                memory::check_room(ids.iter().map(|id| 2 * id.len() + 4 * OVERHEAD).sum())?;
                let mut deprecated = BTreeSet::new();
                ids.iter().for_each(|id| _ = deprecated.insert(Text::new(id)));
                Self::DeprecatedGenerators(deprecated)
            }
            "policy_ids" if value.is_null() => Self::PolicyIds(None),
            "policy_ids" => {
                let ids = texts(value, path)?;
                for (index, id) in ids.iter().enumerate() {
                    PolicyIds::check(id).map_err(at(&path.item(index)))?;
                }
                Self::PolicyIds(Some(ids))
            }
            "local_sites" => {
                let sites = texts(value, path)?;
                let mut seen = HashSet::new();
                seen.try_reserve(sites.len()).map_err(memory::exhausted)?;
                for (index, site) in sites.iter().enumerate() {
                    let path = path.item(index);
                    names::check_local_site(site).map_err(at(&path))?;
                    if !seen.insert(site) {
                        let message = "must not be listed twice";
                        return Err(Error::new(ErrorKind::Exists, message).at_path(path));
                    }
                }
                Self::LocalSites(sites)
            }
            "location" if value.is_null() => Self::Location(None),
            "location" => Self::Location(Some(memory::string(text(value, path)?)?)),
            "last_used_interval_secs" if value.is_null() => Self::LastUsedIntervalSecs(None),
            "last_used_interval_secs" => {
                Self::LastUsedIntervalSecs(Some(integer(value, 0..=MAX_INTERVAL_SECS, path)?))
            }
            "trusted_owners" => Self::TrustedOwners(TrustedOwners::read(value, path)?),
            _ => {
                let setting = CONNECTION_SETTINGS.iter().find(|setting| setting.name == name);
                let setting = setting.ok_or_else(|| unknown_setting().at_path(path))?;
                Self::Connection(setting, integer(value, setting.range.clone(), path)?)
            }
        })
    }

    /// Returns whether the setting is accepted only when a store is opened.
    fn is_for_opening(&self) -> bool {
        matches!(
            self,
            Self::LocalSites(_)
                | Self::Location(_)
                | Self::Connection(..)
                | Self::LastUsedIntervalSecs(_)
                | Self::TrustedOwners(_)
        )
    }

    fn apply(self, store: &Store) -> Result<()> {
        match self {
            Self::ClientTokenExpiration(days) => {
                if store.backend.client_token_expiration()?.is_some() {
                    return Err(Error::new(ErrorKind::Unsupported, SERVER_EXPIRATION));
                }
                store.settings.write().client_token_expiration = days;
            }
            Self::MinValiditySecs(secs) => store.settings.write().min_validity_secs = secs,
            Self::TokenType(token_type) => store.settings.write().token_type = token_type,
            Self::DefaultGenerator(id) => store.generators.write().set_default(&id)?,
            Self::DeprecatedGenerators(ids) => store.deprecate(ids),
            Self::PolicyIds(ids) => store.policy_ids.set(ids)?,
            Self::LocalSites(sites) => sites.iter().try_for_each(|site| {
                match store.add_local_site(site) {
                    // An existing store may have the site already.
                    Err(error) if error.kind() == ErrorKind::Exists => Ok(()),
                    added => added,
                }
            })?,
            // Used when the store was opened.
            Self::Location(_)
            | Self::Connection(..)
            | Self::LastUsedIntervalSecs(_)
            | Self::TrustedOwners(_) => {}
        }
        Ok(())
    }
}

impl Store {
    /// Sets a setting from a JSON value. Names and values:
    ///
    /// | name | value | default |
    /// | --- | --- | --- |
    /// | `client_token_expiration` | days, 0 to 3652059; 0 is never | `365` |
    /// | `min_validity_secs` | seconds, 0 to 315537897600 | `300` |
    /// | `token_type` | 1 to 216 letters and digits | `"rbp"` |
    /// | `default_generator` | id of a generator of the store | `"vendor_checksum"` |
    /// | `deprecated_generators` | list of generator ids | `["legacy_sha1"]` |
    /// | `policy_ids` | list of policy ids; null is any | null |
    ///
    /// # Errors
    /// `NotFound` for an unknown name; `State` for a setting that is accepted only when a store is
    /// opened; those of [`json::parse`]; `JsonType`; `InvalidArgument` for a value out of range;
    /// `Generation` for an unknown generator. The setting is unchanged then.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let value = json::parse(value).map_err(|error| error.at_argument("value"))?;
        let generators = self.generators.read().clone();
        let setting = Setting::read(name, &value, &generators, &Path::Root).map_err(|error| {
            match error.kind() {
                ErrorKind::NotFound => error.moved_to_argument("name"),
                _ => error.prefixed(name).at_argument("value"),
            }
        })?;
        if setting.is_for_opening() {
            let message = format!("{name} can be set only when the store is opened");
            return Err(Error::new(ErrorKind::State, message).at_argument("name"));
        }
        setting.apply(self).map_err(|error| error.at_argument("name"))
    }

    /// Returns the JSON value of a setting.
    ///
    /// # Errors
    /// `NotFound` for an unknown name.
    pub fn get_setting(&self, name: &str) -> Result<String> {
        json::to_text(&self.setting(name)?)
    }

    /// Returns all settings as a JSON object.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn effective_settings(&self) -> Result<String> {
        let settings = NAMES.iter().map(|name| Ok(((*name).to_owned(), self.setting(name)?)));
        json::object_to_text(&settings.collect::<Result<_>>()?)
    }

    /// Returns the days until a client token expires: the Review Board server's setting if the
    /// store is in its database, otherwise the store's.
    pub(super) fn client_token_expiration(&self) -> Result<i64> {
        match self.backend.client_token_expiration()? {
            Some(days) => Ok(days),
            None => Ok(self.settings.read().client_token_expiration),
        }
    }

    fn setting(&self, name: &str) -> Result<Value> {
        Ok(match name {
            "client_token_expiration" => self.client_token_expiration()?.into(),
            "min_validity_secs" => self.settings.read().min_validity_secs.into(),
            "token_type" => self.settings.read().token_type.as_str().into(),
            "default_generator" => self.generators.read().default_id().as_str().into(),
            "deprecated_generators" => {
                let generators = self.generators.read();
                list(generators.deprecated_ids().iter().map(Text::as_str))?
            }
            "policy_ids" => match self.policy_ids.get()? {
                Some(ids) => list(ids.iter().map(String::as_str))?,
                None => Value::Null,
            },
            "local_sites" => list(self.backend.local_sites()?.iter().map(Text::as_str))?,
            "location" => self.location.as_ref().map_or(Value::Null, |it| it.as_str().into()),
            "last_used_interval_secs" => {
                self.connections.last_used_interval.map_or(Value::Null, |it| secs(it).into())
            }
            "trusted_owners" => self.trusted_owners.to_value(),
            _ => {
                let setting = CONNECTION_SETTINGS.iter().find(|setting| setting.name == name);
                let setting = setting.ok_or_else(|| unknown_setting().at_argument("name"))?;
                (setting.get)(&self.connections).into()
            }
        })
    }
}

const SERVER_EXPIRATION: &str =
    "client_token_expiration is managed by the Review Board server and cannot be set here";

/// Names of all settings, sorted.
const NAMES: [&str; 17] = [
    "bulk_timeout_secs",
    "call_timeout_secs",
    "client_token_expiration",
    "connect_timeout_secs",
    "default_generator",
    "deprecated_generators",
    "last_used_interval_secs",
    "local_sites",
    "location",
    "login_cache_entries",
    "login_cache_secs",
    "min_validity_secs",
    "policy_ids",
    "pool_size",
    "statement_timeout_secs",
    "token_type",
    "trusted_owners",
];

/// JSON Schema of the document that [`SettingsDocument::parse`] accepts, with a terminating NUL.
pub const SETTINGS_SCHEMA: &str = concat!(include_str!("settings.schema.json"), "\0");

fn unknown_setting() -> Error {
    Error::new(ErrorKind::NotFound, "unknown setting")
}

fn integer(value: &Value, range: RangeInclusive<i64>, path: &Path<'_>) -> Result<i64> {
    let integer = match value {
        Value::Number(number) if !number.is_f64() => number.as_i64().unwrap_or(i64::MAX),
        _ => return Err(wrong_type("an integer", value, path)),
    };
    if range.contains(&integer) {
        Ok(integer)
    } else {
        let message = format!("must be from {} to {}", range.start(), range.end());
        Err(Error::new(ErrorKind::InvalidArgument, message).at_path(path))
    }
}

fn ids(value: &Value, path: &Path<'_>) -> Result<BTreeSet<u32>> {
    let items = value.as_array().ok_or_else(|| wrong_type("a list of ids", value, path))?;
    let items = items.iter().enumerate();
    items
        .map(|(index, item)| {
            let path = path.item(index);
            let id = integer(item, 0..=MAX_ID, &path)?;
            u32::try_from(id).map_err(|_| wrong_type("an id", item, &path))
        })
        .collect()
}

fn text<'a>(value: &'a Value, path: &Path<'_>) -> Result<&'a str> {
    value.as_str().ok_or_else(|| wrong_type("a string", value, path))
}

fn texts(value: &Value, path: &Path<'_>) -> Result<Vec<String>> {
    let items = value.as_array().ok_or_else(|| wrong_type("a list", value, path))?;
    let items = items.iter().enumerate();
    memory::try_collect(items.map(|(index, it)| memory::string(text(it, &path.item(index))?)))
}

/// Creates a JSON array of strings.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Value> {
    memory::try_collect(texts.map(|it| memory::string(it).map(Value::String))).map(Value::Array)
}

fn wrong_type(expected: &str, found: &Value, path: &Path<'_>) -> Error {
    Error::new(ErrorKind::JsonType, json::expected(expected, found)).at_path(path)
}
