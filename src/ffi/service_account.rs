use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::issue::min_validity_secs;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, HandleKind, Out, SizedStruct, guard_value, optional_text, read_options, read_required,
    reject_unset, text,
};
use super::token::rbtoken_token_t;
use crate::error::{Error, Result};
use crate::store::{ServiceAccount, ServiceAccountOptions};

/// A service account: a user that only ever logs in with a token of its own. It belongs to no
/// store and never changes. The host frees it with `rbtoken_service_account_free()`.
pub struct rbtoken_service_account_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_service_account_t {
    type Owner = Box<ServiceAccount>;

    const KIND: HandleKind = HandleKind::ServiceAccount;
}

/// For how long a service account's new tokens are valid: the values of `expiration_mode` in
/// `rbtoken_service_account_options_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_expiration_mode {
    /// 30 days.
    RBTOKEN_EXPIRATION_DEFAULT = 0,
    /// For ever.
    RBTOKEN_EXPIRATION_NEVER = 1,
    /// As many seconds as `expiration_secs` says.
    RBTOKEN_EXPIRATION_SECS = 2,
}

/// What a service account is made of. Set up with `RBTOKEN_INIT()`; then at least `id` is set.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_service_account_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_EXPIRATION_DEFAULT`, `_NEVER` or `_SECS`.
    pub expiration_mode: i32,
    /// Versions count from 1, and 0 is 1. A higher version makes a new token, for instance when
    /// the policy has changed.
    pub token_version: u32,
    /// With `RBTOKEN_EXPIRATION_SECS`: seconds, more than 0. Else 0.
    pub expiration_secs: i64,
    /// The account's id: letters, digits, `_` and `-`. Must be set.
    pub id: *const c_char,
    /// Bytes of `id`, or `RBTOKEN_NUL_TERMINATED`.
    pub id_len: usize,
    /// The user that owns the tokens. NULL: the user whose name is the account's id.
    pub user: *const c_char,
    /// Bytes of `user`, or `RBTOKEN_NUL_TERMINATED`.
    pub user_len: usize,
    /// A new token's policy as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_service_account_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Which token of a service account is asked for. Set up with `RBTOKEN_INIT()`, which leaves all
/// defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_service_token_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_MIN_VALIDITY_DEFAULT` (2 hours) or `_SECS`.
    pub min_validity_mode: i32,
    /// Must be 0.
    pub reserved: u32,
    /// With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid;
    /// 0 and less: it must be valid now. Else 0.
    pub min_validity_secs: i64,
    /// The Local Site that the token belongs to. NULL: the global site.
    pub local_site: *const c_char,
    /// Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_service_token_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Describes a service account.
///
/// `[thread-safe]`
///
/// @param options what it is made of
/// @param account receives the account, to be freed with `rbtoken_service_account_free()`; NULL on
///        failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the account is described
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT the id is malformed, the user's name is empty, the expiration
///         is not positive, a mode is unknown, or a field is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY the policy is bad; the error's path tells where
/// @retval RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
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
        account.set(rbtoken_service_account_t::give(ServiceAccount::new(&options)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
            text(o.id, o.id_len, "id")?,
            optional_text(o.user, o.user_len, "user")?,
            optional_text(o.policy, o.policy_len, "policy")?,
        )
    };
    if o.expiration_mode != SECS {
        reject_unset(o.expiration_secs != 0, "expiration_secs")?;
    }
    let defaults = ServiceAccountOptions::new(id);
    let expiration_secs = match o.expiration_mode {
        DEFAULT => defaults.expiration_secs,
        NEVER => None,
        SECS => Some(o.expiration_secs),
        _ => return Err(Error::invalid("expiration_mode", "the mode is not known")),
    };
    let token_version = o.token_version.max(1);
    Ok(ServiceAccountOptions { user, policy, expiration_secs, token_version, ..defaults })
}

/// Gives a service account's token: the existing one, or a new one if none will do. This is
/// `rbtoken_store_get_or_create_client_token()` for the client `ID_vVERSION`, passing over tokens
/// of deprecated generators. Where new tokens live for less than the minimum validity, an existing
/// one must only be valid now.
///
/// **Whoever may call this may act as the account's user, for it gives out the secret.**
///
/// `[thread-safe]`
///
/// @param account the account
/// @param store the store
/// @param options which token; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param created receives whether the token is new; false on failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is there
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, a mode is unknown, or a field
///         is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_TIME_RANGE the expiration, or the minimum validity, leads beyond the year 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
/// @retval RBTOKEN_E_POLICY the account's policy names an id that the store does not know
/// @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot generate
/// @retval RBTOKEN_E_GENERATION no value that is new could be generated
/// @retval RBTOKEN_E_CALLBACK a callback of the host broke its contract; its own failures are
///         passed on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
                optional_text(options.local_site, options.local_site_len, "local_site")?,
            )
        };
        reject_unset(options.reserved != 0, "reserved")?;
        let min_validity_secs =
            min_validity_secs(options.min_validity_mode, options.min_validity_secs)?;
        let (found, is_new) = account.get_api_token(&store, local_site, min_validity_secs)?;
        token.set(rbtoken_token_t::give(found));
        created.set(is_new);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Frees a service account. Its tokens stay.
///
/// `[exclusive]`
///
/// @param account an account, which is not used again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_service_account_free(account: *mut rbtoken_service_account_t) {
    // SAFETY: the host gives its account up.
    guard_value((), || drop(unsafe { rbtoken_service_account_t::take(account) }));
}
