//! The shared store of the process.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::Store;
use crate::error::{Error, ErrorKind, Result};

/// Identifies the options that a store is opened with. Has no `Debug`, since a location may contain
/// a password.
#[derive(Default, PartialEq, Eq)]
pub struct OptionsIdentity {
    /// The location.
    pub location: Option<String>,
    /// The settings, as written.
    pub settings: Option<String>,
    /// The clock.
    pub clock: Option<CallbackIdentity>,
    /// The source of random bytes.
    pub entropy: Option<CallbackIdentity>,
    /// The log.
    pub log: Option<CallbackIdentity>,
}

/// Identifies a callback by addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackIdentity {
    /// The function; 0 for none.
    pub function: usize,
    /// The data passed to the function.
    pub user_data: usize,
    /// The function that destroys the data; 0 for none.
    pub destroy: usize,
}

static SHARED: OnceCell<(OptionsIdentity, Arc<Store>)> = OnceCell::new();

/// Returns the shared store of the process. The first call opens it with `open`; if that fails, the
/// next call tries again. The process keeps the store until it ends.
///
/// `identity` identifies the options of the caller, which must be those that the store was opened
/// with. `None` accepts any.
///
/// # Errors
/// `State` if the shared store was opened with other options; those of `open`.
pub fn shared_store(
    mut identity: Option<OptionsIdentity>,
    open: impl FnOnce() -> Result<Arc<Store>>,
) -> Result<Arc<Store>> {
    let (shared_identity, store) = SHARED.get_or_try_init(|| {
        let store = open()?;
        Ok::<_, Error>((identity.take().unwrap_or_default(), store))
    })?;
    if identity.is_some_and(|identity| identity != *shared_identity) {
        return Err(Error::new(
            ErrorKind::State,
            "must be NULL or equal to the options of the shared store",
        )
        .at_argument("options"));
    }
    Ok(Arc::clone(store))
}

/// Returns the options that the shared store was opened with; `None` if it is not open.
pub fn shared_store_identity() -> Option<&'static OptionsIdentity> {
    SHARED.get().map(|(identity, _)| identity)
}
