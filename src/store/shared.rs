//! The one store that the parts of a process can share.

use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::Store;
use crate::error::{Error, ErrorKind, Result};

static SHARED: OnceCell<(String, Arc<Store>)> = OnceCell::new();

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
    identity: Option<&str>,
    open: impl FnOnce() -> Result<Arc<Store>>,
) -> Result<Arc<Store>> {
    let (shared_identity, store) = SHARED
        .get_or_try_init(|| Ok::<_, Error>((identity.unwrap_or_default().to_owned(), open()?)))?;
    if identity.is_some_and(|identity| identity != shared_identity) {
        return Err(Error::new(ErrorKind::State, "the shared store was opened with other options")
            .at_argument("options"));
    }
    Ok(Arc::clone(store))
}
