//! The one store that the parts of a process can share.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::Store;
use crate::error::{Error, ErrorKind, Result};

/// What tells the options that a store is opened with from others. A location may hold a password,
/// so it has no `Debug`.
#[derive(Default, PartialEq, Eq)]
pub struct OptionsIdentity {
    /// Where tokens are kept.
    pub location: Option<String>,
    /// The settings, as they are written.
    pub settings: Option<String>,
    /// The clock.
    pub clock: Option<CallbackIdentity>,
    /// The source of entropy.
    pub entropy: Option<CallbackIdentity>,
}

/// What tells a callback from others, by addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackIdentity {
    /// Its function; 0 for none.
    pub function: usize,
    /// The data that the function is given.
    pub user_data: usize,
    /// The function that destroys the data; 0 for none.
    pub destroy: usize,
}

static SHARED: OnceCell<(OptionsIdentity, Arc<Store>)> = OnceCell::new();

/// The process's shared store, opened by `open` if no call before has succeeded. The process
/// keeps it until it ends.
///
/// `identity` tells what the caller would open; a later caller that would open something else is
/// refused, one that gives none takes what there is.
///
/// # Errors
/// `State` if the shared store has another identity; those of `open`, and the next call tries
/// again.
pub fn shared(
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

/// What the shared store was opened with; `None` before it is open.
pub fn shared_identity() -> Option<&'static OptionsIdentity> {
    SHARED.get().map(|(identity, _)| identity)
}
