//! Finding and listing stored tokens.

use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, opt_str_arg, read_options, reject_flags, reject_if_set,
    reject_reserved, str_arg, unknown_mode,
};
use super::token::rbtoken_token_t;
use super::token_list::rbtoken_token_list_t;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::{SiteFilter, TokenFilter, ValidityFilter};

/// Sites whose tokens are listed: the values of `local_site_mode` in `rbtoken_token_filter_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_filter_site_mode {
    /// The global site and all Local Sites.
    RBTOKEN_FILTER_SITE_ALL = 0,
    /// The global site.
    RBTOKEN_FILTER_SITE_GLOBAL = 1,
    /// The Local Site in `local_site`.
    RBTOKEN_FILTER_SITE_NAMED = 2,
}

/// Validity of the tokens that are listed: the values of `validity_mode` in
/// `rbtoken_token_filter_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_filter_validity_mode {
    /// All tokens.
    RBTOKEN_FILTER_VALIDITY_ANY = 0,
    /// Usable tokens: those that are neither invalidated nor expired.
    RBTOKEN_FILTER_VALIDITY_VALID = 1,
    /// Tokens that are invalidated or expired.
    RBTOKEN_FILTER_VALIDITY_DEAD = 2,
}

/// Filter for listing tokens. A token is listed if it matches all fields. After `RBTOKEN_INIT()`,
/// the filter matches all tokens.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_token_filter_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_FILTER_SITE_ALL`, `_GLOBAL` or `_NAMED`.
    pub local_site_mode: i32,
    /// `RBTOKEN_FILTER_VALIDITY_ANY`, `_VALID` or `_DEAD`.
    pub validity_mode: i32,
    /// `RBTOKEN_FILTER_EXPIRES_BEFORE` or 0.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// With `RBTOKEN_FILTER_EXPIRES_BEFORE`: only tokens that expire before this time, in
    /// microseconds since the Unix epoch, UTC. Else 0.
    pub expires_before_us: i64,
    /// With `RBTOKEN_FILTER_SITE_NAMED`: the Local Site. Else NULL.
    pub local_site: *const c_char,
    /// Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// Only tokens of this user. NULL: of all users.
    pub user: *const c_char,
    /// Length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub user_len: usize,
    /// Only tokens of this client. NULL: all tokens, with or without a client.
    pub client_name: *const c_char,
    /// Length of `client_name` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub client_name_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_token_filter_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Flag of `rbtoken_token_filter_t`: lists only tokens that expire before `expires_before_us`.
pub const RBTOKEN_FILTER_EXPIRES_BEFORE: u32 = 1;

/// Finds a token by its value, whether it is usable or not. **This is not a login and checks
/// nothing:** never accept a login because it returns `RBTOKEN_OK`.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the token's value
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was found
/// @retval RBTOKEN_E_NOT_FOUND no token has this value
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_find_token(
    store: *mut rbtoken_store_t,
    value: *const c_char,
    value_len: usize,
    token: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let token = unsafe { Out::clear(token) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, value) =
            unsafe { (rbtoken_store_t::hold_open(store)?, str_arg(value, value_len, "value")?) };
        token.set(rbtoken_token_t::into_handle(store.find_token(value)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Returns the token with an id, whether it is usable or not.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param id the id, as from `rbtoken_token_id()`
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was returned
/// @retval RBTOKEN_E_NOT_FOUND no token has this id, for example because it was deleted
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_get_token(
    store: *mut rbtoken_store_t,
    id: i64,
    token: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let token = unsafe { Out::clear(token) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handle, which it keeps for the duration of the call.
        let store = unsafe { rbtoken_store_t::hold_open(store) }?;
        token.set(rbtoken_token_t::into_handle(store.get_token(id)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Lists the tokens that match a filter, in the order of their ids. The call reads every token of
/// the user or, without a user, of the store.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param filter the tokens to list; NULL: all
/// @param list receives the list, to be freed with `rbtoken_token_list_free()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the list was returned; it can be empty
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
///         field is set that its mode does not use
/// @retval RBTOKEN_E_TIME_RANGE a time is outside the years 1 to 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
///         user
/// @retval other the status of the host's clock, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_list_tokens(
    store: *mut rbtoken_store_t,
    filter: *const rbtoken_token_filter_t,
    list: *mut *mut rbtoken_token_list_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let list = unsafe { Out::clear(list) };
    let body = || {
        let list = list.required("list")?;
        // SAFETY: the host's handle and filter, which it keeps for the duration of the call.
        let (store, filter) =
            unsafe { (rbtoken_store_t::hold_open(store)?, token_filter(filter)?) };
        list.set(rbtoken_token_list_t::into_handle(store.list_tokens(&filter)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `filter` is NULL or a struct as its header describes it.
unsafe fn token_filter<'a>(filter: *const rbtoken_token_filter_t) -> Result<TokenFilter<'a>> {
    use rbtoken_filter_site_mode::*;
    use rbtoken_filter_validity_mode::*;
    const ALL: i32 = RBTOKEN_FILTER_SITE_ALL as i32;
    const GLOBAL: i32 = RBTOKEN_FILTER_SITE_GLOBAL as i32;
    const NAMED: i32 = RBTOKEN_FILTER_SITE_NAMED as i32;
    const ANY: i32 = RBTOKEN_FILTER_VALIDITY_ANY as i32;
    const VALID: i32 = RBTOKEN_FILTER_VALIDITY_VALID as i32;
    const DEAD: i32 = RBTOKEN_FILTER_VALIDITY_DEAD as i32;

    // SAFETY: as promised by the caller.
    let filter = unsafe { read_options(filter, "filter") }?;
    reject_flags(filter.flags & !RBTOKEN_FILTER_EXPIRES_BEFORE)?;
    reject_reserved(filter.reserved)?;
    // SAFETY: as promised by the caller.
    let (local_site, user, client_name) = unsafe {
        (
            opt_str_arg(filter.local_site, filter.local_site_len, "local_site")?,
            opt_str_arg(filter.user, filter.user_len, "user")?,
            opt_str_arg(filter.client_name, filter.client_name_len, "client_name")?,
        )
    };
    if filter.local_site_mode != NAMED {
        reject_if_set(local_site.is_some(), "local_site")?;
    }
    let local_site = match (filter.local_site_mode, local_site) {
        (ALL, _) => SiteFilter::All,
        (GLOBAL, _) => SiteFilter::Global,
        (NAMED, Some(name)) => SiteFilter::Named(name),
        (NAMED, None) => {
            return Err(Error::invalid(
                "local_site",
                "must be set with the mode RBTOKEN_FILTER_SITE_NAMED",
            ));
        }
        _ => return Err(unknown_mode("local_site_mode", filter.local_site_mode)),
    };
    let validity = match filter.validity_mode {
        ANY => ValidityFilter::Any,
        VALID => ValidityFilter::Valid,
        DEAD => ValidityFilter::Unusable,
        _ => return Err(unknown_mode("validity_mode", filter.validity_mode)),
    };
    let expires_before = if filter.flags & RBTOKEN_FILTER_EXPIRES_BEFORE == 0 {
        reject_if_set(filter.expires_before_us != 0, "expires_before_us")?;
        None
    } else {
        let time = Timestamp::from_micros(filter.expires_before_us);
        Some(time.map_err(|error| error.at_argument("expires_before_us"))?)
    };
    Ok(TokenFilter { user, client_name, local_site, validity, expires_before })
}

/// Counts the tokens of the store, usable or not.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param count receives the number; 0 on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the tokens were counted
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_token_count(
    store: *mut rbtoken_store_t,
    count: *mut u64,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let count = unsafe { Out::clear_to(count, 0) };
    let body = || {
        let count = count.required("count")?;
        // SAFETY: the host's handle, which it keeps for the duration of the call.
        let store = unsafe { rbtoken_store_t::hold_open(store) }?;
        count.set(store.token_count()?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Checks whether a value has the format of a generator, including its checksum. **This is not a
/// login:** it does not check whether there is such a token.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_id `vendor_checksum`, `legacy_sha1`, or another generator of the store
/// @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param token_type the token type that the value must have, such as `rbp`
/// @param token_type_len length of `token_type` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param value the value
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param valid receives the result; false on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the value was checked
/// @retval RBTOKEN_E_GENERATION there is no such generator
/// @retval other the status of a generator of the host, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_value_is_valid(
    store: *mut rbtoken_store_t,
    generator_id: *const c_char,
    generator_id_len: usize,
    token_type: *const c_char,
    token_type_len: usize,
    value: *const c_char,
    value_len: usize,
    valid: *mut bool,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let valid = unsafe { Out::clear_to(valid, false) };
    let body = || {
        let valid = valid.required("valid")?;
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, generator_id, token_type, value) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                str_arg(generator_id, generator_id_len, "generator_id")?,
                str_arg(token_type, token_type_len, "token_type")?,
                str_arg(value, value_len, "value")?,
            )
        };
        valid.set(store.value_is_valid(generator_id, token_type, value)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}
