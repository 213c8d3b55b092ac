//! Creating and importing tokens.

use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, opt_str_arg, read_options, reject_flags, reject_if_set,
    reject_reserved, str_arg, unknown_mode,
};
use super::token::rbtoken_token_t;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{ClientTokenRequest, Expires, GenerateRequest, ImportRequest};

/// Expiration of a new token: the values of `expires_mode` in `rbtoken_client_token_options_t` and
/// `rbtoken_generate_options_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_expires_mode {
    /// `get_or_create_client_token`: after `client_token_expiration` days.
    /// `generate_token`: never.
    RBTOKEN_EXPIRES_DEFAULT = 0,
    /// Never.
    RBTOKEN_EXPIRES_NEVER = 1,
    /// At the time in `expires_at_us`.
    RBTOKEN_EXPIRES_AT = 2,
}

/// Minimum validity of an existing token: the values of `min_validity_mode`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_min_validity_mode {
    /// The setting `min_validity_secs`; 2 hours for service accounts.
    RBTOKEN_MIN_VALIDITY_DEFAULT = 0,
    /// The number of seconds in `min_validity_secs`.
    RBTOKEN_MIN_VALIDITY_SECS = 1,
}

/// Options for finding or creating a client token. Initialize with `RBTOKEN_INIT()`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_client_token_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// When a new token expires: `RBTOKEN_EXPIRES_DEFAULT`, `_NEVER` or `_AT`. Not used for the
    /// search.
    pub expires_mode: i32,
    /// `RBTOKEN_MIN_VALIDITY_DEFAULT` (the setting `min_validity_secs`, 300 s by default) or
    /// `_SECS`.
    pub min_validity_mode: i32,
    /// With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC, in the future. Else 0.
    pub expires_at_us: i64,
    /// With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid. 0
    /// or less: it must be valid now. With any other mode: must be 0.
    pub min_validity_secs: i64,
    /// `RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED` or 0.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The Local Site of the token. NULL: the global site.
    pub local_site: *const c_char,
    /// Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// The policy of a new token as JSON. NULL: full access.
    pub default_policy: *const c_char,
    /// Length of `default_policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub default_policy_len: usize,
    /// The extra data of a new token as a JSON object, to which `client_name` is added. NULL: none.
    pub default_extra_data: *const c_char,
    /// Length of `default_extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub default_extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_client_token_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Flag of `rbtoken_client_token_options_t`: skips tokens of deprecated generators.
pub const RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED: u32 = 1;

/// Returns the API token of a client program for a user. It creates one only if there is no
/// suitable token.
///
/// A token is suitable if it belongs to the user, to the client, and to the given Local Site
/// (without one, to the global site), has not been invalidated, and stays valid for longer than the
/// minimum validity. Among suitable tokens, one that never expires comes first, then the one that
/// expires last, then the lowest id. An existing token is returned unchanged: the options for new
/// tokens are not used.
///
/// If several threads call this for the same user, Local Site and client at once, one token is
/// created and all of them get it.
///
/// **Whoever can call this can act as any user, because it returns the secret. Authenticate the
/// caller first.**
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
/// @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param client_name the client's name, 1 to 255 characters, such as `RBTools`
/// @param client_name_len length of `client_name` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param options how to search and create; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param created receives whether the token is new; false on failure; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was returned
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, a
///         field is set that its mode does not use, or the expiration is not in the future
/// @retval RBTOKEN_E_TIME_RANGE the expiration, or the current time plus the minimum validity, is
///         after the year 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
///         user
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @retval RBTOKEN_E_UNSUPPORTED the store's default generator cannot create values
/// @retval RBTOKEN_E_GENERATION no unique value could be generated
/// @retval other the status of a callback of the host, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_get_or_create_client_token(
    store: *mut rbtoken_store_t,
    user: *const c_char,
    user_len: usize,
    client_name: *const c_char,
    client_name_len: usize,
    options: *const rbtoken_client_token_options_t,
    token: *mut *mut rbtoken_token_t,
    created: *mut bool,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's outputs.
    let (token, created) = unsafe { (Out::clear(token), Out::clear_to(created, false)) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handle, texts and options, which it keeps for the duration of the
        // call.
        let (store, request) = unsafe {
            let store = rbtoken_store_t::hold_open(store)?;
            let user = str_arg(user, user_len, "user")?;
            let client_name = str_arg(client_name, client_name_len, "client_name")?;
            (store, client_token_request(user, client_name, options)?)
        };
        let (found, is_new) = store.get_or_create_client_token(&request)?;
        token.set(rbtoken_token_t::into_handle(found));
        created.set(is_new);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `options` is NULL or a struct as its header describes it.
unsafe fn client_token_request<'a>(
    user: &'a str,
    client_name: &'a str,
    options: *const rbtoken_client_token_options_t,
) -> Result<ClientTokenRequest<'a>> {
    // SAFETY: as promised by the caller.
    let options = unsafe { read_options(options, "options") }?;
    reject_flags(options.flags & !RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED)?;
    reject_reserved(options.reserved)?;
    // SAFETY: as promised by the caller.
    let (local_site, default_policy, default_extra_data) = unsafe {
        (
            opt_str_arg(options.local_site, options.local_site_len, "local_site")?,
            opt_str_arg(options.default_policy, options.default_policy_len, "default_policy")?,
            opt_str_arg(
                options.default_extra_data,
                options.default_extra_data_len,
                "default_extra_data",
            )?,
        )
    };
    Ok(ClientTokenRequest {
        expires: expires(options.expires_mode, options.expires_at_us)?,
        min_validity_secs: min_validity_secs(options.min_validity_mode, options.min_validity_secs)?,
        default_extra_data,
        default_policy,
        local_site,
        ignore_deprecated: options.flags & RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED != 0,
        ..ClientTokenRequest::new(user, client_name)
    })
}

/// Options for creating a token. Initialize with `RBTOKEN_INIT()`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_generate_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// When the token expires: `RBTOKEN_EXPIRES_AT`, or `_DEFAULT` or `_NEVER`, which both mean
    /// never.
    pub expires_mode: i32,
    /// `RBTOKEN_GENERATE_INVALID`, `RBTOKEN_GENERATE_AUTO_GENERATED`, both, or 0.
    pub flags: u32,
    /// With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC; can be in the past. Else
    /// 0.
    pub expires_at_us: i64,
    /// The id of the generator. NULL: the store's default generator.
    pub generator_id: *const c_char,
    /// Length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub generator_id_len: usize,
    /// The token type, with which the value starts. NULL: the setting `token_type`.
    pub token_type: *const c_char,
    /// Length of `token_type` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub token_type_len: usize,
    /// The Local Site of the token. NULL: the global site.
    pub local_site: *const c_char,
    /// Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// A note for people, at most 1 MiB. NULL: the empty text.
    pub note: *const c_char,
    /// Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object. If it has a string `client_name`, the token is a client
    /// token. NULL: none.
    pub extra_data: *const c_char,
    /// Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_generate_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Flag of `rbtoken_generate_options_t`: creates a token that is invalid from the start.
pub const RBTOKEN_GENERATE_INVALID: u32 = 1;
/// Flag of `rbtoken_generate_options_t`: tells the *created* callback that no person asked for the
/// token.
pub const RBTOKEN_GENERATE_AUTO_GENERATED: u32 = 2;

/// Creates a token, for a client program or any other purpose.
///
/// **Whoever can call this can act as any user. Authenticate the caller first.**
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
/// @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param options how to create it; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was created
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
///         field is set that its mode does not use
/// @retval RBTOKEN_E_TIME_RANGE the expiration is outside the years 1 to 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
///         user
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @retval RBTOKEN_E_UNSUPPORTED the generator is `legacy_sha1`, which cannot create values
/// @retval RBTOKEN_E_GENERATION there is no such generator, or no unique value could be generated
/// @retval other the status of a callback of the host, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_generate_token(
    store: *mut rbtoken_store_t,
    user: *const c_char,
    user_len: usize,
    options: *const rbtoken_generate_options_t,
    token: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let token = unsafe { Out::clear(token) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handle, text and options, which it keeps for the duration of the
        // call.
        let (store, request) = unsafe {
            let store = rbtoken_store_t::hold_open(store)?;
            (store, generate_request(str_arg(user, user_len, "user")?, options)?)
        };
        token.set(rbtoken_token_t::into_handle(store.generate_token(&request)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `options` is NULL or a struct as its header describes it.
unsafe fn generate_request<'a>(
    user: &'a str,
    options: *const rbtoken_generate_options_t,
) -> Result<GenerateRequest<'a>> {
    // SAFETY: as promised by the caller.
    let o = unsafe { read_options(options, "options") }?;
    reject_flags(o.flags & !(RBTOKEN_GENERATE_INVALID | RBTOKEN_GENERATE_AUTO_GENERATED))?;
    let expires = match expires(o.expires_mode, o.expires_at_us)? {
        Expires::At(time) => Some(time),
        _ => None,
    };
    // SAFETY: as promised by the caller.
    unsafe {
        Ok(GenerateRequest {
            generator_id: opt_str_arg(o.generator_id, o.generator_id_len, "generator_id")?,
            token_type: opt_str_arg(o.token_type, o.token_type_len, "token_type")?,
            local_site: opt_str_arg(o.local_site, o.local_site_len, "local_site")?,
            note: opt_str_arg(o.note, o.note_len, "note")?.unwrap_or_default(),
            policy: opt_str_arg(o.policy, o.policy_len, "policy")?,
            extra_data: opt_str_arg(o.extra_data, o.extra_data_len, "extra_data")?,
            expires,
            valid: o.flags & RBTOKEN_GENERATE_INVALID == 0,
            auto_generated: o.flags & RBTOKEN_GENERATE_AUTO_GENERATED != 0,
            ..GenerateRequest::new(user)
        })
    }
}

/// Fields of a token that exists elsewhere. Initialize with `RBTOKEN_INIT()`. A time is used only
/// if its flag is set, and must be 0 otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_import_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_IMPORT_INVALID`, and a flag `RBTOKEN_IMPORT_…_KNOWN` for each time that is set.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// When the token was created. Without its flag: now.
    pub time_added_us: i64,
    /// When the token was last changed. Without its flag: when it was created.
    pub last_updated_us: i64,
    /// When the token was last used. Without its flag: never.
    pub last_used_us: i64,
    /// When the token expires. Without its flag: never.
    pub expires_at_us: i64,
    /// When the token was invalidated. Requires `RBTOKEN_IMPORT_INVALID`.
    pub invalid_date_us: i64,
    /// Why the token was invalidated. Requires `RBTOKEN_IMPORT_INVALID`, unless the text is empty.
    /// NULL: the empty text.
    pub invalid_reason: *const c_char,
    /// Length of `invalid_reason` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub invalid_reason_len: usize,
    /// The id of the generator that created the value. The store need not have that generator.
    /// NULL: the store's default generator.
    pub generator_id: *const c_char,
    /// Length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub generator_id_len: usize,
    /// The Local Site of the token. NULL: the global site.
    pub local_site: *const c_char,
    /// Length of `local_site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// A note for people, at most 1 MiB. NULL: the empty text.
    pub note: *const c_char,
    /// Length of `note` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Length of `policy` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object. If it has a string `client_name`, the token is a client
    /// token. NULL: none.
    pub extra_data: *const c_char,
    /// Length of `extra_data` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_import_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Flag of `rbtoken_import_options_t`: the token was invalidated.
pub const RBTOKEN_IMPORT_INVALID: u32 = 1;
/// Flag of `rbtoken_import_options_t`: `time_added_us` is set.
pub const RBTOKEN_IMPORT_TIME_ADDED_KNOWN: u32 = 2;
/// Flag of `rbtoken_import_options_t`: `last_updated_us` is set.
pub const RBTOKEN_IMPORT_LAST_UPDATED_KNOWN: u32 = 4;
/// Flag of `rbtoken_import_options_t`: `last_used_us` is set.
pub const RBTOKEN_IMPORT_LAST_USED_KNOWN: u32 = 8;
/// Flag of `rbtoken_import_options_t`: `expires_at_us` is set.
pub const RBTOKEN_IMPORT_EXPIRES_KNOWN: u32 = 16;
/// Flag of `rbtoken_import_options_t`: `invalid_date_us` is set.
pub const RBTOKEN_IMPORT_INVALID_DATE_KNOWN: u32 = 32;

const IMPORT_FLAGS: u32 = 63;

/// Stores a token that exists elsewhere, with its value and all its fields except the id, which is
/// new. No event is fired.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; on Review Board's database it must exist
/// @param user_len length of `user` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param value the token's value, 1 to 255 characters; it need not have its generator's format
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param options the other fields; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the token was stored
/// @retval RBTOKEN_E_EXISTS a token with this value already exists
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value or a name is empty or malformed, a flag is unknown,
///         or a field is set without its flag
/// @retval RBTOKEN_E_TIME_RANGE a time is outside the years 1 to 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site or, on Review Board's database, no such
///         user
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @retval other the status of the host's clock, unchanged
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_import_token(
    store: *mut rbtoken_store_t,
    user: *const c_char,
    user_len: usize,
    value: *const c_char,
    value_len: usize,
    options: *const rbtoken_import_options_t,
    token: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let token = unsafe { Out::clear(token) };
    let body = || {
        let token = token.required("token")?;
        // SAFETY: the host's handle, texts and options, which it keeps for the duration of the
        // call.
        let (store, request) = unsafe {
            let store = rbtoken_store_t::hold_open(store)?;
            let user = str_arg(user, user_len, "user")?;
            let value = str_arg(value, value_len, "value")?;
            (store, import_request(user, value, options)?)
        };
        token.set(rbtoken_token_t::into_handle(store.import_token(&request)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// # Safety
/// `options` is NULL or a struct as its header describes it.
unsafe fn import_request<'a>(
    user: &'a str,
    value: &'a str,
    options: *const rbtoken_import_options_t,
) -> Result<ImportRequest<'a>> {
    // SAFETY: as promised by the caller.
    let o = unsafe { read_options(options, "options") }?;
    reject_flags(o.flags & !IMPORT_FLAGS)?;
    reject_reserved(o.reserved)?;
    let time = |flag: u32, time_us: i64, name: &'static str| {
        if o.flags & flag == 0 {
            reject_if_set(time_us != 0, name)?;
            return Ok(None);
        }
        Timestamp::from_micros(time_us).map(Some).map_err(|error| error.at_argument(name))
    };
    // SAFETY: as promised by the caller.
    let invalid_reason =
        unsafe { opt_str_arg(o.invalid_reason, o.invalid_reason_len, "invalid_reason")? };
    let invalid_date =
        time(RBTOKEN_IMPORT_INVALID_DATE_KNOWN, o.invalid_date_us, "invalid_date_us")?;
    let invalidation = if o.flags & RBTOKEN_IMPORT_INVALID == 0 {
        reject_if_set(invalid_date.is_some(), "invalid_date_us")?;
        // In a server's row of a valid token, the reason is the empty text.
        reject_if_set(invalid_reason.is_some_and(|it| !it.is_empty()), "invalid_reason")?;
        None
    } else {
        Some((invalid_date, invalid_reason.unwrap_or_default()))
    };
    // SAFETY: as promised by the caller.
    unsafe {
        Ok(ImportRequest {
            generator_id: opt_str_arg(o.generator_id, o.generator_id_len, "generator_id")?,
            local_site: opt_str_arg(o.local_site, o.local_site_len, "local_site")?,
            note: opt_str_arg(o.note, o.note_len, "note")?.unwrap_or_default(),
            policy: opt_str_arg(o.policy, o.policy_len, "policy")?,
            extra_data: opt_str_arg(o.extra_data, o.extra_data_len, "extra_data")?,
            time_added: time(RBTOKEN_IMPORT_TIME_ADDED_KNOWN, o.time_added_us, "time_added_us")?,
            last_updated: time(
                RBTOKEN_IMPORT_LAST_UPDATED_KNOWN,
                o.last_updated_us,
                "last_updated_us",
            )?,
            last_used: time(RBTOKEN_IMPORT_LAST_USED_KNOWN, o.last_used_us, "last_used_us")?,
            expires: time(RBTOKEN_IMPORT_EXPIRES_KNOWN, o.expires_at_us, "expires_at_us")?,
            invalidation,
            ..ImportRequest::new(user, value)
        })
    }
}

fn expires(mode: i32, at_us: i64) -> Result<Expires> {
    use rbtoken_expires_mode::*;
    const DEFAULT: i32 = RBTOKEN_EXPIRES_DEFAULT as i32;
    const NEVER: i32 = RBTOKEN_EXPIRES_NEVER as i32;
    const AT: i32 = RBTOKEN_EXPIRES_AT as i32;
    if mode != AT {
        reject_if_set(at_us != 0, "expires_at_us")?;
    }
    match mode {
        DEFAULT => Ok(Expires::Default),
        NEVER => Ok(Expires::Never),
        AT => Timestamp::from_micros(at_us)
            .map(Expires::At)
            .map_err(|error| error.at_argument("expires_at_us")),
        _ => Err(unknown_mode("expires_mode", mode)),
    }
}

pub(super) fn min_validity_secs(mode: i32, secs: i64) -> Result<Option<i64>> {
    use rbtoken_min_validity_mode::*;
    const DEFAULT: i32 = RBTOKEN_MIN_VALIDITY_DEFAULT as i32;
    const SECS: i32 = RBTOKEN_MIN_VALIDITY_SECS as i32;
    match mode {
        DEFAULT => reject_if_set(secs != 0, "min_validity_secs").map(|()| None),
        SECS => Ok(Some(secs)),
        _ => Err(unknown_mode("min_validity_mode", mode)),
    }
}
