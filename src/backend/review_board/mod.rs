//! Review Board's own database. Users, Local Sites and the server's settings are Review Board's,
//! and only read here; tokens are everybody's.

mod address;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod driver;
mod fault;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod files;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod hosts;
mod insert;
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
mod revoke;
mod rows;
mod search;
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "mysql"))]
mod tls;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub(crate) use address::Address;
use fault::Fault;
use limits::Limits;
use login_cache::{Concerned, LoginCache};
use pool::{Attempt, Lease, Pool, Texts};
use rows::Reader;
use sql::{Connection, Param, Query};

use super::{
    Backend, CallScope, Change, ClientQuery, ForParts, ForRecords, Judge, Judgment, Operation,
    Outcome, Part, PoolUse, Searched, Selection, Statistics,
};
use crate::clock::Timestamp;
use crate::error::{Argument, Error, ErrorKind, Result};
use crate::json::StoredDocument;
use crate::memory;
use crate::model::connection::ConnectionSettings;
use crate::model::documents::Documents;
use crate::model::requests::{SiteFilter, TokenFilter};
use crate::text::Text;
use crate::token::{Record, SharedRecord, TokenValue};

/// Days until a client token expires, where the server's settings do not say.
const DEFAULT_EXPIRATION_DAYS: i64 = 365;

/// How often a change is tried that gave way to others.
const ATTEMPTS: u32 = 5;

/// Tokens in the tables of a Review Board server.
pub(crate) struct ReviewBoard {
    /// The kind of database.
    kind: &'static str,
    pool: Pool,
    settings: ConnectionSettings,
    documents: Arc<Documents>,
    /// `None` if logins are not cached.
    login_cache: Option<LoginCache>,
    /// Calls that ended because of a timeout, so far.
    timeouts: AtomicU64,
    /// Repeated questions and transactions, so far.
    retries: AtomicU64,
}

impl ReviewBoard {
    /// Connects to a database and sees that it is one of Review Board's.
    ///
    /// # Errors
    /// `Io` if it cannot be reached, `Timeout` if it does not answer, `Database` if it refuses,
    /// `Version` if it is none of Review Board 5.0 or newer.
    pub fn open(
        address: Address,
        settings: ConnectionSettings,
        documents: &Arc<Documents>,
    ) -> Result<Self> {
        let kind = match &address {
            Address::Sqlite(_) => "sqlite",
            Address::Postgres(_) => "postgresql",
            Address::Mysql(_) => "mysql",
        };
        #[cfg(feature = "postgres")]
        let address = address.with_environment();
        let connect = move |attempt: &Attempt<'_>| -> Result<Box<dyn Connection>, Fault> {
            match &address {
                #[cfg(feature = "sqlite")]
                Address::Sqlite(path) => sqlite::connect(path, &attempt.limits),
                #[cfg(feature = "postgres")]
                Address::Postgres(server) => {
                    let ConnectionSettings { call_timeout, statement_timeout, .. } = settings;
                    // Of the session, whichever call is the first to use it.
                    let session = Limits::of_call(call_timeout, statement_timeout).statement;
                    postgres::connect(server, attempt, session, settings.connect_timeout)
                }
                #[cfg(feature = "mysql")]
                Address::Mysql(server) => mysql::connect(server, attempt, settings.connect_timeout),
                // No such address is read without its feature.
                #[allow(unreachable_patterns)]
                _ => Err(Fault::Refused("this build has no driver for it".to_owned())),
            }
        };
        let pool = Pool::new(Box::new(connect), settings.connect_timeout, settings.pool_size);
        // Where every login writes, every login asks the server.
        let is_cached = !settings.login_cache_age.is_zero()
            && settings.last_used_interval != Some(Duration::ZERO);
        let login_cache = is_cached
            .then(|| LoginCache::new(settings.login_cache_age, settings.login_cache_entries));
        let store = Self {
            kind,
            pool,
            settings,
            documents: Arc::clone(documents),
            login_cache,
            timeouts: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        };
        store.check_schema().map_err(|error| error.at_argument(Argument::Location))?;
        Ok(store)
    }

    fn check_schema(&self) -> Result<()> {
        let required = self.ask(|lease| {
            lease.query(&format!("{} WHERE 1 = 0", rows::SELECT), &[])?;
            lease.query(
                "SELECT site_id, settings FROM siteconfig_siteconfiguration WHERE 1 = 0",
                &[],
            )?;
            lease.required_columns()
        })?;
        let is_inserted = |name: &str| rows::INSERTED.split(' ').any(|own| own == name);
        match required.iter().find(|name| !is_inserted(name)) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::Version,
                format!(
                    "webapi_webapitoken.{name} needs a value that this version does not know of: \
                     the server is newer than the library"
                ),
            )),
        }
    }

    fn reader(&self) -> Reader<'_> {
        Reader { documents: &self.documents }
    }

    /// What tells this store's calls from those of others.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The limits of a call about one token.
    fn limits(&self) -> Limits {
        let ConnectionSettings { call_timeout, statement_timeout, .. } = self.settings;
        let limits = Limits::of_call(call_timeout, statement_timeout);
        let deadline = CallScope::deadline(self.address());
        Limits { deadline: deadline.unwrap_or(limits.deadline), ..limits }
    }

    /// The limits of a call about any number of tokens.
    fn bulk_limits(&self) -> Limits {
        Limits::of_call(self.settings.bulk_timeout, self.settings.bulk_timeout)
    }

    /// Asks what may be asked twice, about one token.
    fn ask<T>(&self, question: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>) -> Result<T> {
        self.ask_within(self.limits(), question)
    }

    /// Asks what may be asked twice: once more if the connection had died while it idled.
    fn ask_within<T>(
        &self,
        limits: Limits,
        question: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T> {
        let answer = self.ask_again(limits, question);
        answer.map_err(|fault| self.counted(fault).into())
    }

    fn ask_again<T>(
        &self,
        limits: Limits,
        mut question: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut lease = self.pool.lease(limits)?;
        let mut answer = question(&mut lease);
        if answer.as_ref().is_err_and(Fault::is_gone) && !lease.is_new {
            drop(lease);
            self.count_retry();
            lease = self.pool.lease_new(limits)?;
            answer = question(&mut lease);
        }
        if matches!(answer, Err(Fault::Unconvertible)) {
            lease.texts = Texts::RowByRow;
            self.count_retry();
            answer = question(&mut lease);
        }
        answer
    }

    fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the fault that ends a call if a limit of time was the reason.
    fn counted(&self, fault: Fault) -> Fault {
        if fault.is_timeout() {
            self.timeouts.fetch_add(1, Ordering::Relaxed);
        }
        fault
    }

    /// Makes a change that happens whole or not at all. It is tried again if it gave way to others,
    /// lost a connection that had idled, or found no memory and the driver has emptied its cache
    /// since, before the commit: then it is sure that it has not happened.
    fn transact<T>(
        &self,
        limits: Limits,
        mut work: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.transact_as(limits, |lease| lease.transaction(&mut work))
    }

    /// The same with a transaction of the caller's.
    fn transact_as<T>(
        &self,
        limits: Limits,
        transaction: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.transact_again(limits, transaction);
        if matches!(done, Err(Fault::Unknown { .. }))
            && let Some(cache) = &self.login_cache
        {
            // It may happen until the server must have ended it.
            cache.block_until(Instant::now() + limits.statement + limits::MAX_GRACE);
        }
        done.map_err(|fault| self.counted(fault))
    }

    fn transact_again<T>(
        &self,
        limits: Limits,
        mut transaction: impl FnMut(&mut Lease<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut lease = self.pool.lease(limits)?;
        for attempt in 1.. {
            match transaction(&mut lease) {
                Err(Fault::Conflict) if attempt < ATTEMPTS => {}
                Err(Fault::Own(error))
                    if attempt == 1 && error.kind() == ErrorKind::NoMemory && lease.is_usable() => {
                }
                Err(Fault::Unconvertible) if lease.texts == Texts::All => {
                    lease.texts = Texts::Ascii;
                }
                Err(fault) if fault.is_gone() && !lease.is_new => {}
                done => return done,
            }
            self.count_retry();
            if !lease.is_usable() {
                let texts = lease.texts;
                drop(lease);
                lease = self.pool.lease_new(limits)?;
                lease.texts = texts;
            }
        }
        Err(Fault::Conflict)
    }

    /// The error of a change. If a text cannot be stored and the server has not said which one, it
    /// is asked, within the limits of the change.
    fn name_text(&self, limits: Limits, fault: Fault, texts: &[(&'static str, &str)]) -> Error {
        let refused = |text: &str| {
            let params = [Param::Text(text)];
            let asked =
                self.ask_within(limits, |lease| lease.query("SELECT CAST(? AS text)", &params));
            asked.is_err_and(|error| error.kind() == ErrorKind::InvalidArgument)
        };
        if !matches!(fault, Fault::Unstorable(None)) {
            return fault.into();
        }
        let argument = texts.iter().find(|(_, text)| !text.is_ascii() && refused(text));
        Fault::Unstorable(argument.map(|(argument, _)| *argument)).into()
    }

    /// Writes the columns that a change is about, and no others.
    fn update(&self, id: i64, change: &Change) -> Result<Outcome> {
        let mut columns = vec!["last_updated = ?"];
        let mut params = vec![Param::Time(change.last_updated)];
        if let Some(expires) = change.expires {
            columns.push("expires = ?");
            params.push(Param::time(expires));
        }
        if let Some(note) = &change.note {
            columns.push("note = ?");
            params.push(Param::Text(note));
        }
        if let Some(policy) = &change.policy {
            columns.push("policy = ?");
            params.push(Param::Text(policy.text()));
        }
        if let Some(extra_data) = &change.extra_data {
            columns.push("extra_data = ?");
            params.push(Param::Text(extra_data.text()));
        }
        let update = format!("UPDATE webapi_webapitoken SET {} WHERE id = ?", columns.join(", "));
        let id = [Param::Int(id)];
        params.extend(id);
        let limits = self.limits();
        let changed = self.transact_as(limits, |lease| {
            let lock =
                format!("SELECT t.id FROM webapi_webapitoken t WHERE t.id = ?{}", lease.lock());
            let select = format!("{} WHERE t.id = ?", rows::select(lease.texts));
            let queries = [
                Query { statement: &lock, params: &id },
                Query { statement: &select, params: &id },
            ];
            let read = |found: &mut Option<SharedRecord>, query, row| {
                if query == 1 {
                    *found = self.reader().read(row)?.map(|(record, _)| record);
                }
                Ok(())
            };
            lease.transaction_after(&queries, None, read, |lease, found| {
                let Some(record) = found else { return Ok(Vec::new()) };
                lease.execute(&update, &params)?;
                if record.unreadable().is_none() {
                    return Ok(vec![Record::alone(record.id(), change.applied_to(&record))]);
                }
                // The change may have mended it.
                let mut records = Vec::new();
                self.reader().select(lease, "t.id = ?", &id, &mut records)?;
                Ok(records)
            })
        });
        let texts = [("note", change.note.as_deref().unwrap_or_default())];
        changed.map(Outcome::Done).map_err(|fault| self.name_text(limits, fault, &texts))
    }

    fn limits_of(&self, which: &Selection) -> Limits {
        match which {
            Selection::Value(_) | Selection::Id(_) => self.limits(),
            Selection::User(_) | Selection::Everyone => self.bulk_limits(),
        }
    }

    fn count_within(&self, limits: Limits) -> Result<u64> {
        let statement = "SELECT COUNT(*) FROM webapi_webapitoken";
        let rows = self.ask_within(limits, |lease| lease.query(statement, &[]))?;
        let count = rows.into_iter().next().and_then(|mut row| row.id());
        Ok(count.ok_or_else(sql::unreadable)?.unsigned_abs())
    }
}

/// Returns the days until a client token expires, by the text of the server's settings.
fn expiration_days(settings: &str) -> Result<i64> {
    let settings = StoredDocument::read(settings)?;
    Ok(match settings.root().get("client_token_expiration") {
        None => DEFAULT_EXPIRATION_DAYS,
        // A flag is an integer in Python, and what is none stands for never.
        Some(days) => days.as_int().unwrap_or(0),
    })
}

/// Keeps records, as far as there is memory: what they are about has happened.
fn keep(kept: &mut Vec<SharedRecord>, records: &[SharedRecord]) {
    if kept.try_reserve(records.len()).is_ok() {
        kept.extend_from_slice(records);
    }
}

impl Backend for ReviewBoard {
    fn begin_call(&self) -> CallScope {
        CallScope::until(self.address(), Instant::now() + self.settings.call_timeout)
    }

    fn local_sites(&self) -> Result<Vec<Text>> {
        let mut names = Vec::new();
        self.for_names(self.limits(), &names::LOCAL_SITES, &mut |page| {
            page.iter().try_for_each(|name| memory::push(&mut names, name.clone()))
        })?;
        names.sort_unstable();
        Ok(names)
    }

    fn statistics(&self) -> Result<Statistics> {
        let pool = PoolUse {
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

    fn knows_expiration(&self) -> bool {
        true
    }

    fn best_client_token(
        &self,
        query: &ClientQuery<'_>,
        searched: &mut Option<Searched>,
    ) -> Result<Option<SharedRecord>> {
        self.ask(|lease| {
            if lease.texts == Texts::All {
                let found = self.reader().search(lease, query)?;
                return Ok(found.map_err(|it| *searched = Some(it)).ok());
            }
            *searched = None;
            let best = self.reader().best(lease, query)?;
            if best.is_none() {
                rows::user_id(lease, query.user, false)?;
                rows::local_site_id(lease, query.local_site)?;
            }
            Ok(best)
        })
    }

    fn by_value(&self, value: &str) -> Result<Option<SharedRecord>> {
        let found = self.ask(|lease| self.reader().by_value(lease, value))?;
        Ok(found.map(|(record, _)| record))
    }

    fn by_id(&self, id: i64) -> Result<Option<SharedRecord>> {
        self.ask(|lease| {
            let mut found = Vec::new();
            self.reader().select(lease, "t.id = ?", &[Param::Int(id)], &mut found)?;
            Ok(found.into_iter().next())
        })
    }

    fn list(&self, filter: &TokenFilter<'_>, now: Timestamp) -> Result<Vec<SharedRecord>> {
        self.ask_within(self.bulk_limits(), |lease| {
            let (mut condition, mut params) = ("1 = 1".to_owned(), Vec::new());
            if let Some(user) = filter.user {
                condition += " AND t.user_id = ?";
                params.push(Param::Int(rows::user_id(lease, user, false)?));
            }
            match filter.local_site {
                SiteFilter::All => {}
                SiteFilter::Global => condition += " AND t.local_site_id IS NULL",
                SiteFilter::Named(name) => {
                    condition += " AND t.local_site_id = ?";
                    params.push(Param::int(rows::local_site_id(lease, Some(name))?));
                }
            }
            let mut records = Vec::new();
            self.reader().each(lease, &condition, &params, None, &mut |record| {
                if filter.matches(&record, now) {
                    memory::push(&mut records, record)
                } else {
                    Ok(())
                }
            })?;
            Ok(records)
        })
    }

    fn count(&self) -> Result<u64> {
        self.count_within(self.limits())
    }

    fn log_in(&self, value: &[u8], judge: Judge<'_>) -> Result<Option<(SharedRecord, Judgment)>> {
        // Bytes that are no text are no token's value.
        let Ok(value) = std::str::from_utf8(value) else { return Ok(None) };
        match &self.login_cache {
            Some(cache) => self.log_in_cached(cache, value, judge),
            None => self.ask(|lease| self.log_in_on(lease, value, judge)),
        }
    }

    fn forget_logins(&self, value: Option<TokenValue>) {
        if let Some(cache) = &self.login_cache {
            cache.forget(value);
        }
    }

    fn change(&self, operation: Operation) -> Result<Outcome> {
        let _change = self.begin_change(|| Concerned::by(&operation));
        match operation {
            Operation::AddLocalSite(_) | Operation::RemoveLocalSite(_) => {
                Err(theirs("Local Sites").at_argument("local_site"))
            }
            Operation::SetUserActive(..) => Err(theirs("users").at_argument("user")),
            Operation::Insert(fields, unless) => self.insert(*fields, unless.as_ref()),
            Operation::Update(id, change) => self.update(id, &change),
            operation @ (Operation::Invalidate(..) | Operation::Delete(_)) => {
                let mut changed = Vec::new();
                self.revoke(operation, Some(&mut |records| keep(&mut changed, records)))?;
                Ok(Outcome::Done(changed))
            }
            Operation::Import(_) => Err(Error::new(
                ErrorKind::Unsupported,
                "a store on Review Board's database cannot import a file",
            )
            .at_argument("store")),
            Operation::Purge(before) => {
                let mut purged = Vec::new();
                self.purge(before, Some(&mut |records| keep(&mut purged, records)))?;
                Ok(Outcome::Done(purged))
            }
        }
    }

    fn revoke(&self, operation: Operation, changed: Option<ForRecords<'_>>) -> Result<u64> {
        match operation {
            Operation::Invalidate(which, invalidation) => {
                let limits = self.limits_of(&which);
                let change = self.begin_change(|| Some(Concerned::by_selection(&which)));
                let (count, ids) =
                    self.invalidate(limits, &which, &invalidation, changed.is_some())?;
                // Before the host hears of it.
                drop(change);
                if let Some(changed) = changed {
                    self.tell(&which, limits, &ids, changed);
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

    fn purge(&self, before: Timestamp, mut purged: Option<ForRecords<'_>>) -> Result<u64> {
        let _change = self.begin_change(|| Some(Concerned::Everyone));
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

    /// Each page is as of a moment of its own: a transaction around all of them would be in the
    /// server's way.
    fn for_all(&self, give: ForParts<'_>) -> Result<()> {
        let limits = self.bulk_limits();
        give(Part::Total(self.count_within(limits)?))?;
        self.for_names(limits, &names::LOCAL_SITES, &mut |names| give(Part::LocalSites(names)))?;
        self.for_names(limits, &names::INACTIVE_USERS, &mut |names| {
            give(Part::InactiveUsers(names))
        })?;
        let mut last_id = rows::BEFORE_ALL;
        loop {
            let page = self.ask_within(limits, |lease| self.reader().page_after(lease, last_id))?;
            let Some(last) = page.last() else { return Ok(()) };
            last_id = last.id();
            give(Part::Records(&page))?;
        }
    }

    fn check(&self) -> Result<()> {
        if self.pool.was_forked() { Err(super::forked()) } else { Ok(()) }
    }
}

fn theirs(what: &str) -> Error {
    let message =
        format!("{what} are managed by the Review Board server and cannot be changed here");
    Error::new(ErrorKind::Unsupported, message)
}
