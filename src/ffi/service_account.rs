//! Service accounts.

use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::issue::min_validity_secs;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, HandleKind, Out, SizedStruct, catch_panic_or, opt_str_arg, read_options, read_required,
    reject_if_set, reject_reserved, str_arg, unknown_mode,
};
use super::token::rbtoken_token_t;
use crate::error::Result;
use crate::store::{ServiceAccount, ServiceAccountOptions};

/// Service account: a user that logs in only with API tokens of its own. It belongs to no store and
/// never changes. Free it with `rbtoken_service_account_free()`.
pub struct rbtoken_service_account_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_service_account_t {
    type Owner = Box<ServiceAccount>;

    const KIND: HandleKind = HandleKind::ServiceAccount;
}

/// Lifetime of a service account's new tokens: the values of `expiration_mode` in
/// `rbtoken_service_account_options_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_expiration_mode {
    /// 30 days.
    RBTOKEN_EXPIRATION_DEFAULT = 0,
    /// Unlimited: the tokens never expire.
    RBTOKEN_EXPIRATION_NEVER = 1,
    /// The number of seconds in `expiration_secs`.
    RBTOKEN_EXPIRATION_SECS = 2,
}

/// Options for a service account. Initialize with `RBTOKEN_INIT()`, then set at least `id`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_service_account_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_EXPIRATION_DEFAULT`, `_NEVER` or `_SECS`.
    pub expiration_mode: i32,
    /// The version of the tokens, from 1; 0 means 1. A higher version makes the account use a new
    /// token, for example after a change of the policy.
    pub token_version: u32,
    /// With `RBTOKEN_EXPIRATION_SECS`: the lifetime in seconds, greater than 0. Else 0.
    pub expiration_secs: i64,
    /// The id of the account: letters, digits, `_` and `-`. Must be set.
    pub id: *const c_char,
    /// Length of `id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub id_len: usize,
    /// The user that owns the tokens. NULL: the user with the account's id as its name.
    pub user: *const c_char,
    /// Length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub user_len: usize,
    /// The policy of a new token as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_service_account_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Options for the token of a service account. Initialize with `RBTOKEN_INIT()`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_service_token_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_MIN_VALIDITY_DEFAULT` (2 hours) or `_SECS`.
    pub min_validity_mode: i32,
    /// Must be 0.
    pub reserved: u32,
    /// With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid. 0
    /// or less: it must be valid now. With any other mode: must be 0.
    pub min_validity_secs: i64,
    /// The Local Site of the token. NULL: the global site.
    pub local_site: *const c_char,
    /// Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_service_token_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Creates a service account. It is not stored anywhere.
///
/// `[thread-safe]`
///
/// @param options the account's properties
/// @param account receives the account, to be freed with `rbtoken_service_account_free()`; NULL on
///         failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the account was created
/// @retval RBTOKEN_E_INVALID_ARGUMENT the id is malformed, the user's name is empty, the expiration
///         is not positive, a mode is unknown, or a field is set that its mode does not use
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_service_account_new(
    options: *const rbtoken_service_account_options_t,
    account: *mut *mut rbtoken_service_account_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let account = unsafe { Out::clear(account) };
    let body = || {
        let account = account.required("account")?;
        // SAFETY: the host's struct, as the header describes it.
        let options = unsafe { account_options(options) }?;
        account.set(rbtoken_service_account_t::into_handle(ServiceAccount::new(&options)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `options` is NULL or a struct as its header describes it.
unsafe fn account_options<'a>(
    options: *const rbtoken_service_account_options_t,
) -> Result<ServiceAccountOptions<'a>> {
    use rbtoken_expiration_mode::*;
    const DEFAULT: i32 = RBTOKEN_EXPIRATION_DEFAULT as i32;
    const NEVER: i32 = RBTOKEN_EXPIRATION_NEVER as i32;
    const SECS: i32 = RBTOKEN_EXPIRATION_SECS as i32;
    // SAFETY: as promised by the caller.
    let o = unsafe { read_required(options, "options") }?;
    // SAFETY: as promised by the caller.
    let (id, user, policy) = unsafe {
        (
            str_arg(o.id, o.id_len, "id")?,
            opt_str_arg(o.user, o.user_len, "user")?,
            opt_str_arg(o.policy, o.policy_len, "policy")?,
        )
    };
    if o.expiration_mode != SECS {
        reject_if_set(o.expiration_secs != 0, "expiration_secs")?;
    }
    let defaults = ServiceAccountOptions::new(id);
    let expiration_secs = match o.expiration_mode {
        DEFAULT => defaults.expiration_secs,
        NEVER => None,
        SECS => Some(o.expiration_secs),
        _ => return Err(unknown_mode("expiration_mode", o.expiration_mode)),
    };
    let token_version = o.token_version.max(1);
    Ok(ServiceAccountOptions { user, policy, expiration_secs, token_version, ..defaults })
}

/// Returns the API token of a service account. It creates one only if there is no suitable token,
/// as `rbtoken_store_get_or_create_client_token()` does for a client named `ID_vVERSION`, such as
/// `bot_v1`. Tokens of deprecated generators are skipped. If the lifetime of new tokens is shorter
/// than the minimum validity, an existing token only has to be valid now.
///
/// **Whoever can call this can act as the account's user, because it returns the secret.**
///
/// `[thread-safe]`
///
/// @param account the account
/// @param store the store
/// @param options the Local Site and the minimum validity; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param created receives whether the token is new; false on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was returned
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, a mode is unknown, or a field
///         is set that its mode does not use
/// @retval RBTOKEN_E_TIME_RANGE the expiration, or the current time plus the minimum validity, is
///         after the year 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
///         user
/// @retval RBTOKEN_E_POLICY the account's policy has an id that is not registered in the store
/// @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot create values
/// @retval RBTOKEN_E_GENERATION no unique value could be generated
/// @retval other the status of a callback of the host, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_service_account_get_api_token(
    account: *const rbtoken_service_account_t,
    store: *mut rbtoken_store_t,
    options: *const rbtoken_service_token_options_t,
    token: *mut *mut rbtoken_token_t,
    created: *mut bool,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's outputs.
    let (token, created) = unsafe { (Out::clear(token), Out::clear_to(created, false)) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handles and options, which it keeps for the duration of the call.
        let (account, store, options, local_site) = unsafe {
            let options = read_options(options, "options")?;
            (
                rbtoken_service_account_t::required(account, "account")?,
                rbtoken_store_t::hold_open(store)?,
                options,
                opt_str_arg(options.local_site, options.local_site_len, "local_site")?,
            )
        };
        reject_reserved(options.reserved)?;
        let min_validity_secs =
            min_validity_secs(options.min_validity_mode, options.min_validity_secs)?;
        let (found, is_new) = account.get_api_token(&store, local_site, min_validity_secs)?;
        token.set(rbtoken_token_t::into_handle(found));
        created.set(is_new);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Frees a service account. Its tokens are kept.
///
/// `[exclusive]`
///
/// @param account an account, which must not be used afterwards; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_service_account_free(account: *mut rbtoken_service_account_t) {
    // SAFETY: the host gives its account up.
    catch_panic_or((), || drop(unsafe { rbtoken_service_account_t::take(account) }));
}
