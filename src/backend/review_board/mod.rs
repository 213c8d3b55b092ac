//! The backend for Review Board databases. Users, Local Sites and server settings are only read;
//! tokens are read and written by the server and by this library.

mod address;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod driver;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod files;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod hosts;
mod import;
mod insert;
mod inspect;
mod limits;
mod login;
mod login_cache;
#[cfg(feature = "mysql")]
mod mysql;
mod names;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod passwords;
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
mod retry;
mod revoke;
mod rows;
mod search;
mod sql;
mod sql_error;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod tls;
mod update;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) use address::Address;
use limits::Limits;
use login_cache::{AffectedEntries, LoginCache};
use pool::{Attempt, Pool, PooledConnection, TextMode};
use rows::{Condition, TokenReader};
use sql::{Connection, Param};
use sql_error::SqlError;

use super::{
    Backend, CallScope, ClientQuery, FailedSearch, ImportData, Judge, Judgment, Operation, Outcome,
    Part, PartVisitor, PoolStatistics, RecordVisitor, Selection, Statistics,
};
use crate::clock::Timestamp;
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::json::StoredDocument;
use crate::memory;
use crate::model::connection::ConnectionSettings;
use crate::model::documents::Documents;
use crate::model::requests::{Progress, SiteFilter, TokenFilter};
use crate::text::Text;
use crate::token::{SharedRecord, TokenValue};

/// Default of the server's setting `client_token_expiration`, in days.
const DEFAULT_EXPIRATION_DAYS: i64 = 365;

/// The tokens in a Review Board database.
pub(crate) struct ReviewBoard {
    /// The kind of database.
    kind: &'static str,
    pool: Pool,
    settings: ConnectionSettings,
    documents: Arc<Documents>,
    /// `None` if logins are not cached.
    login_cache: Option<LoginCache>,
    /// Number of calls that failed because of a time limit.
    timeouts: AtomicU64,
    /// Number of repeated queries and transactions.
    retries: AtomicU64,
}

impl ReviewBoard {
    /// Connects to a database and checks that it belongs to a Review Board server.
    ///
    /// # Errors
    /// `Io` if it cannot be reached, `Timeout` if it does not respond, `Database` if it refuses,
    /// `Version` if it is not that of Review Board 5.0 or newer.
    pub fn open(
        address: Address,
        settings: ConnectionSettings,
        documents: &Arc<Documents>,
    ) -> Result<Self> {
        let store = Self::unchecked(address, settings, documents);
        let at_location = |error| Error::from(error).at_argument(Argument::Location);
        store.check_schema().map_err(at_location)?;
        Ok(store)
    }

    /// Creates a store without connecting to the database.
    pub fn unchecked(
        address: Address,
        settings: ConnectionSettings,
        documents: &Arc<Documents>,
    ) -> Self {
        let kind = match &address {
            Address::Sqlite(_) => "sqlite",
            Address::Postgres(_) => "postgresql",
            Address::Mysql(_) => "mysql",
        };
        #[cfg(feature = "postgres")]
        let address = address.with_environment();
        let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, SqlError> {
            match &address {
                #[cfg(feature = "sqlite")]
                Address::Sqlite(path) => sqlite::connect(path, &attempt.limits),
                #[cfg(feature = "postgres")]
                Address::Postgres(server) => {
                    let ConnectionSettings { call_timeout, statement_timeout, .. } = settings;
                    // A limit of the session, independent of the call that opens it.
                    let session = Limits::of_call(call_timeout, statement_timeout).statement;
                    postgres::connect(server, attempt, session, settings.connect_timeout)
                }
                #[cfg(feature = "mysql")]
                Address::Mysql(server) => mysql::connect(server, attempt, settings.connect_timeout),
                // Such an address is not parsed without its feature.
                #[allow(unreachable_patterns)]
                _ => Err(SqlError::Refused(
                    "this build has no driver for this kind of database".to_owned(),
                )),
            }
        };
        let pool = Pool::new(Box::new(connect), settings.connect_timeout, settings.pool_size);
        // If every login updates its row, every login queries the server.
        let is_cached = !settings.login_cache_age.is_zero()
            && settings.last_used_interval != Some(Duration::ZERO);
        let login_cache = is_cached
            .then(|| LoginCache::new(settings.login_cache_age, settings.login_cache_entries));
        Self {
            kind,
            pool,
            settings,
            documents: Arc::clone(documents),
            login_cache,
            timeouts: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    fn check_schema(&self) -> Result<(), SqlError> {
        let required = self.try_read(self.limits(), |connection| {
            connection.query(&format!("{} WHERE 1 = 0", rows::SELECT), &[])?;
            connection.query(
                "SELECT site_id, settings FROM siteconfig_siteconfiguration WHERE 1 = 0",
                &[],
            )?;
            connection.required_columns()
        })?;
        let is_inserted = |name: &str| rows::INSERTED.split(' ').any(|own| own == name);
        match required.iter().find(|name| !is_inserted(name)) {
            None => Ok(()),
            Some(name) => Err(SqlError::Library(Error::new(
                ErrorKind::Version,
                format!(
                    "webapi_webapitoken.{name} needs a value that this version does not know of: \
                     the server is newer than the library"
                ),
            ))),
        }
    }

    fn reader(&self) -> TokenReader<'_> {
        TokenReader { documents: &self.documents }
    }

    /// Returns the key that identifies this store in a [`CallScope`].
    fn scope_key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Returns the limits of a call about one token.
    fn limits(&self) -> Limits {
        let ConnectionSettings { call_timeout, statement_timeout, .. } = self.settings;
        let limits = Limits::of_call(call_timeout, statement_timeout);
        let deadline = CallScope::deadline(self.scope_key());
        Limits { deadline: deadline.unwrap_or(limits.deadline), ..limits }
    }

    /// Returns the limits of a call about any number of tokens.
    fn bulk_limits(&self) -> Limits {
        Limits::of_call(self.settings.bulk_timeout, self.settings.bulk_timeout)
    }

    fn limits_of(&self, selection: &Selection) -> Limits {
        match selection {
            Selection::Value(_) | Selection::Id(_) => self.limits(),
            Selection::Ids(_) | Selection::User(_) | Selection::Everyone => self.bulk_limits(),
        }
    }

    fn count_within(&self, limits: Limits) -> Result<u64> {
        let statement = "SELECT COUNT(*) FROM webapi_webapitoken";
        let rows = self.read_within(limits, |connection| connection.query(statement, &[]))?;
        let count = rows.into_iter().next().and_then(|mut row| row.int_or_none());
        Ok(count.ok_or_else(sql::unreadable)?.unsigned_abs())
    }
}

/// Returns the days until a client token expires, according to the text of the server's settings.
fn expiration_days(settings: &str) -> Result<i64> {
    let settings = StoredDocument::read(settings)?;
    Ok(match settings.root().get("client_token_expiration") {
        None => DEFAULT_EXPIRATION_DAYS,
        // In Python, booleans are integers. Any other value means never.
        Some(days) => days.as_int().unwrap_or(0),
    })
}

/// Appends records if there is memory for them. Does not fail, since their change is already
/// committed.
fn append_if_room(all: &mut Vec<SharedRecord>, records: &[SharedRecord]) {
    if all.try_reserve(records.len()).is_ok() {
        all.extend_from_slice(records);
    }
}

impl Backend for ReviewBoard {
    fn begin_call(&self) -> CallScope {
        CallScope::until(self.scope_key(), Instant::now() + self.settings.call_timeout)
    }

    fn local_sites(&self) -> Result<Vec<Text>> {
        self.sorted_names(&names::LOCAL_SITES)
    }

    fn statistics(&self) -> Result<Statistics> {
        let pool = PoolStatistics {
            timeouts: self.timeouts.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            ..self.pool.statistics()
        };
        let login_cache = self.login_cache.as_ref().map(LoginCache::statistics);
        let kind = self.kind;
        Ok(Statistics { kind, pool: Some(pool), login_cache, ..Statistics::default() })
    }

    fn client_token_expiration(&self) -> Result<Option<i64>> {
        match self.settings_text()? {
            Some(text) => expiration_days(&text).map(Some),
            None => Ok(Some(DEFAULT_EXPIRATION_DAYS)),
        }
    }

    fn looks_up_expiration(&self) -> bool {
        true
    }

    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        failed_search: &mut Option<FailedSearch>,
    ) -> Result<Option<SharedRecord>> {
        self.read_retrying(|connection| {
            if connection.text_mode == TextMode::All {
                let found = self.reader().search(connection, query)?;
                return Ok(found.map_err(|it| *failed_search = Some(it)).ok());
            }
            *failed_search = None;
            let best = self.reader().best(connection, query)?;
            if best.is_none() {
                rows::user_id(connection, query.user, false)?;
                rows::local_site_id(connection, query.local_site)?;
            }
            Ok(best)
        })
    }

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>> {
        let found = self.read_retrying(|connection| self.reader().by_value(connection, value))?;
        Ok(found.map(|(record, _)| record))
    }

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>> {
        self.read_retrying(|connection| {
            let mut found = Vec::new();
            self.reader().select(connection, "t.id = ?", &[Param::Int(id)], &mut found)?;
            Ok(found.into_iter().next())
        })
    }

    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>> {
        self.read_within(self.bulk_limits(), |connection| {
            let (condition, mut records) = (condition_of(connection, filter)?, Vec::new());
            let Condition { text, params } = &condition;
            self.reader().each(connection, text, params, None, &mut |record| {
                if filter.matches(&record, now) {
                    memory::push(&mut records, record)
                } else {
                    Ok(())
                }
            })?;
            Ok(records)
        })
    }

    /// Each page has its own time limit, since `visit` may take long.
    fn for_each(
        &self,
        filter: &TokenFilter<'_>,
        now: Timestamp,
        visit: &mut dyn FnMut(&[SharedRecord]) -> Result<()>,
    ) -> Result<()> {
        let mut last_id = rows::BEFORE_ALL;
        loop {
            let mut page = self.read_within(self.bulk_limits(), |connection| {
                let condition = condition_of(connection, filter)?;
                self.reader().page_after(connection, &condition, last_id)
            })?;
            let Some(last) = page.last() else { return Ok(()) };
            last_id = last.id();
            page.retain(|record| filter.matches(record, now));
            visit(&page)?;
        }
    }

    fn count(&self) -> Result<u64> {
        self.count_within(self.limits())
    }

    fn inactive_users(&self) -> Result<Vec<Text>> {
        self.sorted_names(&names::INACTIVE_USERS)
    }

    fn import(&self, data: ImportData, is_trial: bool, progress: Progress<'_>) -> Result<u64> {
        self.import_all(&data, is_trial, progress)
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        // Invalid UTF-8 never matches a token value.
        let Ok(value) = std::str::from_utf8(value) else { return Ok(None) };
        match &self.login_cache {
            Some(cache) => self.log_in_cached(cache, value, judge),
            None => self.read_retrying(|connection| self.log_in_on(connection, value, judge)),
        }
    }

    fn forget_logins(&self, value: Option<TokenValue>) {
        if let Some(cache) = &self.login_cache {
            cache.forget(value);
        }
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        let _change = self.begin_change(|| AffectedEntries::by(&operation));
        match operation {
            Operation::AddLocalSite(_) | Operation::RemoveLocalSite(_) => {
                Err(managed_by_review_board("Local Sites").at_argument("local_site"))
            }
            Operation::SetUserActive(..) => {
                Err(managed_by_review_board("users").at_argument("user"))
            }
            Operation::Insert(fields, unless) => self.insert(*fields, unless.as_ref()),
            Operation::Update(id, change) => self.update(id, &change),
            operation @ (Operation::Invalidate(..) | Operation::Delete(_)) => {
                let mut changed = Vec::new();
                self.revoke(operation, Some(&mut |records| append_if_room(&mut changed, records)))?;
                Ok(Outcome::Done(changed))
            }
            Operation::Import(_) => Err(Error::new(
                ErrorKind::Unsupported,
                "a store on Review Board's database cannot import a file",
            )
            .at_argument("store")),
            Operation::Purge(before) => {
                let mut purged = Vec::new();
                self.purge(before, Some(&mut |records| append_if_room(&mut purged, records)))?;
                Ok(Outcome::Done(purged))
            }
        }
    }

    fn revoke(&self, operation: Operation, changed: Option<RecordVisitor<'_>>) -> Result<u64> {
        match operation {
            Operation::Invalidate(selection, invalidation) => {
                let limits = self.limits_of(&selection);
                let change = self.begin_change(|| Some(AffectedEntries::by_selection(&selection)));
                let (count, ids) =
                    self.invalidate(limits, &selection, &invalidation, changed.is_some())?;
                // Evicts cached logins before the host is notified.
                drop(change);
                if let Some(changed) = changed {
                    self.notify(&selection, limits, &ids, changed);
                }
                Ok(count)
            }
            Operation::Delete(id) => self.delete(id, changed),
            operation => match self.change(operation)? {
                Outcome::Done(records) => Ok(records.len() as u64),
                _ => Ok(0),
            },
        }
    }

    fn purge(&self, before: Timestamp, mut purged: Option<RecordVisitor<'_>>) -> Result<u64> {
        let _change = self.begin_change(|| Some(AffectedEntries::Everyone));
        let limits = self.bulk_limits();
        let (mut count, mut last_id) = (0, rows::BEFORE_ALL);
        loop {
            let (found, removed) = self.purge_some(limits, before, last_id, &mut purged)?;
            count += removed;
            match found.last() {
                Some(id) => last_id = *id,
                None => return Ok(count),
            }
        }
    }

    /// Reads each page at a different point in time: one transaction for all pages would block the
    /// server.
    fn for_each_part(&self, visit: PartVisitor<'_>) -> Result<()> {
        let limits = self.bulk_limits();
        visit(Part::Total(self.count_within(limits)?))?;
        self.for_each_name_page(limits, &names::LOCAL_SITES, &mut |names| {
            visit(Part::LocalSites(names))
        })?;
        self.for_each_name_page(limits, &names::INACTIVE_USERS, &mut |names| {
            visit(Part::InactiveUsers(names))
        })?;
        let mut last_id = rows::BEFORE_ALL;
        loop {
            let page = self.read_within(limits, |connection| {
                self.reader().page_after(connection, &Condition::all(), last_id)
            })?;
            let Some(last) = page.last() else { return Ok(()) };
            last_id = last.id();
            visit(Part::Records(&page))?;
        }
    }

    fn check(&self) -> Result<()> {
        if self.pool.was_forked() { Err(super::forked()) } else { Ok(()) }
    }
}

/// Returns the condition for tokens of the user and the site of a filter.
fn condition_of(
    connection: &mut PooledConnection<'_>,
    filter: &TokenFilter<'_>,
) -> Result<Condition, SqlError> {
    let Condition { mut text, mut params } = Condition::all();
    if let Some(user) = filter.user {
        text += " AND t.user_id = ?";
        params.push(Param::Int(rows::user_id(connection, user, false)?));
    }
    match filter.local_site {
        SiteFilter::All => {}
        SiteFilter::Global => text += " AND t.local_site_id IS NULL",
        SiteFilter::Named(name) => {
            text += " AND t.local_site_id = ?";
            params.push(Param::int(rows::local_site_id(connection, Some(name))?));
        }
    }
    Ok(Condition { text, params })
}

fn managed_by_review_board(what: &str) -> Error {
    let message =
        format!("{what} are managed by the Review Board server and cannot be changed here");
    Error::new(ErrorKind::Unsupported, message)
}
