//! Reads and checks what is stored at a location.

use std::sync::Arc;

use super::find::check_filter;
use super::{Finding, SettingsDocument, Store, StoreOptions, TokenFilter};
use crate::backend::Location;
#[cfg(feature = "sqlite")]
use crate::backend::{Part, durable};
use crate::error::{Argument, Result};
#[cfg(feature = "sqlite")]
use crate::error::{Error, ErrorKind};
#[cfg(feature = "sqlite")]
use crate::model::connection::TrustedOwners;
use crate::model::documents::Documents;
#[cfg(feature = "sqlite")]
use crate::model::requests::SiteFilter;
use crate::policy::PolicyIds;
use crate::token::SharedToken;

impl Store {
    /// Passes the matching tokens to `visit`, ordered by id. In a database, each of several parts
    /// is read at a different point in time.
    ///
    /// # Errors
    /// Those of [`Store::list_tokens`] and of `visit`, which end the iteration.
    pub fn for_each_token(
        &self,
        filter: &TokenFilter<'_>,
        visit: &mut dyn FnMut(&SharedToken) -> Result<()>,
    ) -> Result<()> {
        check_filter(filter)?;
        self.backend.for_each(filter, self.now()?, &mut |records| {
            records.iter().try_for_each(|record| visit(&self.snapshot(record.clone())))
        })
    }

    /// Passes the matching tokens at a location to `visit`, ordered by id. Unlike
    /// [`Store::for_each_token`], does not load a file into memory: the memory that this needs does
    /// not depend on the number of tokens.
    ///
    /// # Errors
    /// Those of [`Store::open`] and [`Store::for_each_token`].
    pub fn scan(
        options: StoreOptions<'_>,
        filter: &TokenFilter<'_>,
        visit: &mut dyn FnMut(&SharedToken) -> Result<()>,
    ) -> Result<()> {
        check_filter(filter)?;
        match At::of(options)? {
            #[cfg(feature = "sqlite")]
            At::File { path, trusted, frame } => {
                let now = frame.now()?;
                let mut has_site = !matches!(filter.local_site, SiteFilter::Named(_));
                let mut visit_part = |part: Part<'_>| match part {
                    Part::LocalSites(names) => {
                        has_site |= names
                            .iter()
                            .any(|name| filter.local_site == SiteFilter::Named(name.as_str()));
                        Ok(())
                    }
                    // Comes after all Local Sites.
                    Part::Total(_) if !has_site => {
                        let message = "no such Local Site";
                        Err(Error::new(ErrorKind::NotFound, message).at_argument("local_site"))
                    }
                    Part::Records(records) => records
                        .iter()
                        .filter(|record| filter.matches(record, now))
                        .try_for_each(|record| visit(&frame.snapshot(record.clone()))),
                    _ => Ok(()),
                };
                durable::scan(&path, &frame.documents, &trusted, &mut visit_part)
                    .map_err(|error| error.at_argument(Argument::Location))
            }
            At::Other(store) => store.for_each_token(filter, visit),
        }
    }

    /// Checks what is stored at a location. A file: its structure, and that every row can be read.
    /// A database: its tables, the account's privileges, the server's clock, the character set, and
    /// that every row can be read.
    ///
    /// # Errors
    /// Those of [`Store::open`], except for damage, missing tables and missing privileges.
    pub fn check(options: StoreOptions<'_>) -> Result<Vec<Finding>> {
        let settings = SettingsDocument::parse(options.settings.unwrap_or("{}"))
            .map_err(|error| error.at_argument("settings"))?;
        let location = Location::parse(options.location.or(settings.location()))?;
        let documents = Arc::new(Documents::new(Arc::new(PolicyIds::default())));
        location
            .inspect(&documents, settings.connections(), &settings.trusted_owners())
            .map_err(|error| error.at_argument(Argument::Location))
    }
}

/// What is at a location.
enum At {
    /// A file, which is not open, and a store in memory with the settings.
    #[cfg(feature = "sqlite")]
    File { path: String, trusted: TrustedOwners, frame: Arc<Store> },
    /// An open store.
    Other(Arc<Store>),
}

impl At {
    fn of(options: StoreOptions<'_>) -> Result<Self> {
        let StoreOptions { location, clock, entropy, settings, .. } = options;
        let settings = SettingsDocument::parse(settings.unwrap_or("{}"))
            .map_err(|error| error.at_argument("settings"))?;
        let location = location.or(settings.location()).map(str::to_owned);
        #[cfg(feature = "sqlite")]
        if let Location::File(path) = Location::parse(location.as_deref())? {
            let (path, trusted) = (path.to_owned(), settings.trusted_owners());
            let frame = Store::open_at(None, clock, entropy, settings)?;
            return Ok(Self::File { path, trusted, frame });
        }
        Store::open_at(location.as_deref(), clock, entropy, settings).map(Self::Other)
    }
}
