//! Event callbacks.

use std::ffi::c_void;
use std::sync::Arc;

use super::callbacks::rbtoken_destroy_fn;
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{ArcHandle, Out, SizedStruct, UserData, read_published};
use super::token::rbtoken_token_t;
use crate::store::{Event, Hooks, Store};
use crate::token::SharedToken;

/// Reports an event. `store` and `token` are valid during the call; retain them to keep them. The
/// fields of the token are those after the event. Must not throw.
pub type rbtoken_event_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        store: *mut rbtoken_store_t,
        token: *const rbtoken_token_t,
    ),
>;

/// Reports that a token was created. `auto_generated` is true if it was created with
/// `RBTOKEN_GENERATE_AUTO_GENERATED`. `store` and `token` are valid during the call; retain them to
/// keep them. Must not throw.
pub type rbtoken_created_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        store: *mut rbtoken_store_t,
        token: *const rbtoken_token_t,
        auto_generated: bool,
    ),
>;

/// Event callbacks. Initialize with `RBTOKEN_INIT()`; they are copied when they are added. Each
/// callback may be NULL. They are called after the event, on the thread that caused it, with no
/// lock held, in the order in which hooks were added. They can use the store, and can remove hooks,
/// including themselves. They cannot prevent an event.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_hooks_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// A token was created. An import does not cause this event.
    pub created: rbtoken_created_fn,
    /// The fields of a token were changed.
    pub updated: rbtoken_event_fn,
    /// A token was invalidated, for the first time or again.
    pub invalidated: rbtoken_event_fn,
    /// A login with an expired token was rejected.
    pub expired: rbtoken_event_fn,
    /// A login was accepted, or rejected only because of its site.
    pub used: rbtoken_event_fn,
    /// A token was deleted, purged, or removed with its Local Site.
    pub deleted: rbtoken_event_fn,
    /// Frees `user_data`. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_hooks_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Hooks of the host.
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

/// Adds event callbacks to a store, after those that it already has.
///
/// `destroy` is called exactly once: when the hooks are removed and their last running call has
/// ended, when the store closes, or before this function returns if it fails. Hooks that hold a
/// reference to their own store keep it open until they are removed.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param hooks the callbacks
/// @param hooks_id receives the id for `rbtoken_store_remove_hooks()`, 1 or more; 0 on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the hooks are registered
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
        // From here on the data is destroyed even on failure.
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
    unsafe { catch_error(error, body) }
}

/// Removes event callbacks from a store. They are not called for events that happen after this
/// function has returned. It does not wait for running calls, so it can be called from a callback.
/// A thread may still call one for an event that happened before. `destroy` is called when the last
/// running call ends, or before this returns if there is none.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param hooks_id an id from `rbtoken_store_add_hooks()`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the hooks were removed
/// @retval RBTOKEN_E_NOT_FOUND the store has no hooks with this id
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
    unsafe { catch_error(error, body) }
}
