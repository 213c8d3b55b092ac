use std::ffi::c_void;
use std::sync::Arc;

use super::callbacks::rbtoken_destroy_fn;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{Out, Shared, SizedStruct, UserData, read_published};
use super::token::rbtoken_token_t;
use crate::store::{Event, Hooks, Store};
use crate::token::SharedToken;

/// Told of an event. `store` and `token` are lent for the call; retain what is to be kept. The
/// token shows the fields as they are after the event. Must not throw.
pub type rbtoken_event_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        store: *mut rbtoken_store_t,
        token: *const rbtoken_token_t,
    ),
>;

/// Told that a token was made. `auto_generated` is what the caller said: no person asked for it.
/// `store` and `token` are lent for the call; retain what is to be kept. Must not throw.
pub type rbtoken_created_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        store: *mut rbtoken_store_t,
        token: *const rbtoken_token_t,
        auto_generated: bool,
    ),
>;

/// Whom to tell of events. Set up with `RBTOKEN_INIT()`; copied when it is added. Each function may
/// be NULL. They are called after the event, on the thread that caused it, with no lock held, in
/// the order in which hooks were added; they may use the store, and remove hooks, these too. They
/// cannot prevent what has happened.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_hooks_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the functions.
    pub user_data: *mut c_void,
    /// A token was made (not: imported).
    pub created: rbtoken_created_fn,
    /// A token's fields were changed.
    pub updated: rbtoken_event_fn,
    /// A token was made invalid, for the first time or again.
    pub invalidated: rbtoken_event_fn,
    /// Somebody tried to log in with a token that is expired.
    pub expired: rbtoken_event_fn,
    /// Somebody logged in with a token.
    pub used: rbtoken_event_fn,
    /// A token was deleted, purged, or removed with its Local Site.
    pub deleted: rbtoken_event_fn,
    /// Called when `user_data` is needed no more; may be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_hooks_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// The host's hooks.
struct HostHooks {
    created: rbtoken_created_fn,
    updated: rbtoken_event_fn,
    invalidated: rbtoken_event_fn,
    expired: rbtoken_event_fn,
    used: rbtoken_event_fn,
    deleted: rbtoken_event_fn,
    user_data: UserData,
}

impl Hooks for HostHooks {
    fn call(&self, store: &Arc<Store>, event: Event, token: &SharedToken) {
        let user_data = self.user_data.get();
        let store = rbtoken_store_t::lend(store);
        let token = rbtoken_token_t::lend(token).cast_const();
        let function = match event {
            Event::Created { auto_generated } => {
                if let Some(created) = self.created {
                    // SAFETY: the host's function, with its own data and handles that live
                    // during the call.
                    unsafe { created(user_data, store, token, auto_generated) };
                }
                return;
            }
            Event::Updated => self.updated,
            Event::Invalidated => self.invalidated,
            Event::ExpiredUse => self.expired,
            Event::Used => self.used,
            Event::Deleted => self.deleted,
        };
        if let Some(function) = function {
            // SAFETY: as above.
            unsafe { function(user_data, store, token) };
        }
    }
}

/// Adds hooks to a store, behind those that it has.
///
/// `destroy` is called exactly once: when the hooks are removed and their last call in flight has
/// ended, when the store closes, or before this function returns if it fails. Hooks that hold a
/// reference to their own store keep it open until they are removed.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param hooks the functions to call
/// @param hooks_id receives the id to remove them by, 1 or more; 0 on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK they are called from now on
/// @retval RBTOKEN_E_NULL_ARGUMENT an argument is NULL
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_add_hooks(
    store: *mut rbtoken_store_t,
    hooks: *const rbtoken_hooks_t,
    hooks_id: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let hooks_id = unsafe { Out::clear_to(hooks_id, 0) };
    let body = || {
        // SAFETY: the host's struct, as the header describes it.
        let (hooks, known) = unsafe { read_published(hooks, "hooks") }?;
        // From here on the data is destroyed, whatever is wrong.
        let hooks = Box::new(HostHooks {
            created: hooks.created,
            updated: hooks.updated,
            invalidated: hooks.invalidated,
            expired: hooks.expired,
            used: hooks.used,
            deleted: hooks.deleted,
            user_data: UserData::new(hooks.user_data, hooks.destroy),
        });
        known?;
        let hooks_id = hooks_id.required("hooks_id")?;
        // SAFETY: the host's handle, which it keeps for the duration of the call.
        let store = unsafe { rbtoken_store_t::hold_open(store) }?;
        hooks_id.set(store.add_hooks(hooks)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Removes hooks from a store. What happens to tokens once this has returned is not told to them
/// any more. It does not wait for calls in flight, so it may be called from inside one; a thread
/// that was on its way into a hook may still reach it. `destroy` is called when the last of them
/// ends: before this returns, if there are none.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param hooks_id an id from `rbtoken_store_add_hooks()`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK they are removed
/// @retval RBTOKEN_E_NOT_FOUND the store has no hooks of this id, or no more
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_remove_hooks(
    store: *mut rbtoken_store_t,
    hooks_id: u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's handle, which it keeps for the duration of the call.
    let body = || unsafe { rbtoken_store_t::hold_open(store) }?.remove_hooks(hooks_id);
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
