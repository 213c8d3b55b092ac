use std::ffi::c_char;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, optional_text, read_options, reject_flags, reject_unset, text,
};
use super::token::rbtoken_token_t;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::store::{ClientTokenRequest, Expires, GenerateRequest, ImportRequest};

/// When a new token expires: the values of a field `expires_mode`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_expires_mode {
    /// As the store's `client_token_expiration` says for client tokens; never for others.
    RBTOKEN_EXPIRES_DEFAULT = 0,
    /// Never.
    RBTOKEN_EXPIRES_NEVER = 1,
    /// At the time in `expires_at_us`.
    RBTOKEN_EXPIRES_AT = 2,
}

/// For how long an existing token must still be valid: the values of a field
/// `min_validity_mode`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_min_validity_mode {
    /// As long as the default says.
    RBTOKEN_MIN_VALIDITY_DEFAULT = 0,
    /// As many seconds as `min_validity_secs` says.
    RBTOKEN_MIN_VALIDITY_SECS = 1,
}

/// How to search for, or make, a client's token. Set up with `RBTOKEN_INIT()`, which leaves all
/// defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_client_token_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// When a new token expires: one of `RBTOKEN_EXPIRES_DEFAULT`, `_NEVER`, `_AT`. Plays no part
    /// in the search.
    pub expires_mode: i32,
    /// `RBTOKEN_MIN_VALIDITY_DEFAULT` (the store's setting, 300 s at first) or `_SECS`.
    pub min_validity_mode: i32,
    /// With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC, after now. Else 0.
    pub expires_at_us: i64,
    /// With `RBTOKEN_MIN_VALIDITY_SECS`: seconds for which an existing token must still be valid;
    /// 0 and less: it must be valid now. Else 0.
    pub min_validity_secs: i64,
    /// `RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED` or 0.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// The Local Site that the token belongs to. NULL: the global site.
    pub local_site: *const c_char,
    /// Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// A new token's policy as JSON. NULL: full access.
    pub default_policy: *const c_char,
    /// Bytes of `default_policy`, or `RBTOKEN_NUL_TERMINATED`.
    pub default_policy_len: usize,
    /// A new token's extra data as a JSON object, to which `client_name` is added. NULL: none.
    pub default_extra_data: *const c_char,
    /// Bytes of `default_extra_data`, or `RBTOKEN_NUL_TERMINATED`.
    pub default_extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_client_token_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// A flag of `rbtoken_client_token_options_t`: tokens of deprecated generators are passed over.
pub const RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED: u32 = 1;

/// Gives a client's API token for a user: the existing one that is valid for the longest, or a new
/// one if none will do.
///
/// An existing token will do if it is the user's, belongs to the given Local Site (or to none),
/// names the client in its extra data, was not invalidated, and is valid for longer than the
/// minimum validity. One that never expires comes first, then the one that expires last, then the
/// lowest id. It is given back as it is: the options for new tokens play no part.
///
/// However many threads ask for the same user, Local Site and client at once, one token is made
/// and all get it.
///
/// **Whoever may call this may act as any user, for it gives out the secret: authenticate who asks
/// before you call it.**
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; any name is a user
/// @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
/// @param client_name the client's name, 1 to 255 characters, such as `RBTools`
/// @param client_name_len bytes of `client_name`, or `RBTOKEN_NUL_TERMINATED`
/// @param options how to search and make; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param created receives whether the token is new; false on failure; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is there
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, a
///         field is set that its mode ignores, or the expiration is not after now
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_TIME_RANGE the expiration, or the minimum validity, leads beyond the year 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
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
            let user = text(user, user_len, "user")?;
            let client_name = text(client_name, client_name_len, "client_name")?;
            (store, client_token_request(user, client_name, options)?)
        };
        let (found, is_new) = store.get_or_create_client_token(&request)?;
        token.set(rbtoken_token_t::give(found));
        created.set(is_new);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
    reject_unset(options.reserved != 0, "reserved")?;
    // SAFETY: as promised by the caller.
    let (local_site, default_policy, default_extra_data) = unsafe {
        (
            optional_text(options.local_site, options.local_site_len, "local_site")?,
            optional_text(options.default_policy, options.default_policy_len, "default_policy")?,
            optional_text(
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

/// How to make a token that need not be a client's. Set up with `RBTOKEN_INIT()`, which leaves
/// all defaults.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_generate_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// When the token expires: `RBTOKEN_EXPIRES_DEFAULT` and `_NEVER` are never, or `_AT`.
    pub expires_mode: i32,
    /// `RBTOKEN_GENERATE_INVALID`, `RBTOKEN_GENERATE_AUTO_GENERATED`, or 0.
    pub flags: u32,
    /// With `RBTOKEN_EXPIRES_AT`: microseconds since the Unix epoch, UTC; the past is accepted.
    /// Else 0.
    pub expires_at_us: i64,
    /// The generator's id. NULL: the store's default generator.
    pub generator_id: *const c_char,
    /// Bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`.
    pub generator_id_len: usize,
    /// What the value starts with. NULL: the store's `token_type`.
    pub token_type: *const c_char,
    /// Bytes of `token_type`, or `RBTOKEN_NUL_TERMINATED`.
    pub token_type_len: usize,
    /// The Local Site that the token belongs to. NULL: the global site.
    pub local_site: *const c_char,
    /// Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// A note for people, at most 1 MiB. NULL: the empty text.
    pub note: *const c_char,
    /// Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object; a string `client_name` in it makes this a client's token.
    /// NULL: none.
    pub extra_data: *const c_char,
    /// Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_generate_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// A flag of `rbtoken_generate_options_t`: the token is invalid from the start.
pub const RBTOKEN_GENERATE_INVALID: u32 = 1;
/// A flag of `rbtoken_generate_options_t`: the *created* event says that no person asked for it.
pub const RBTOKEN_GENERATE_AUTO_GENERATED: u32 = 2;

/// Makes a new token, a client's or any other.
///
/// **Whoever may call this may act as any user: authenticate who asks before you call it.**
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; any name is a user
/// @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
/// @param options how to make it; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is there
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name is empty or malformed, a mode or flag is unknown, or a
///         field is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_TIME_RANGE the expiration lies outside the years 1 to 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
/// @retval RBTOKEN_E_UNSUPPORTED the generator is `legacy_sha1`, which cannot generate
/// @retval RBTOKEN_E_GENERATION there is no such generator, or no value that is new could be
///         generated
/// @retval RBTOKEN_E_CALLBACK a callback of the host broke its contract; its own failures are
///         passed on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
            (store, generate_request(text(user, user_len, "user")?, options)?)
        };
        token.set(rbtoken_token_t::give(store.generate_token(&request)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
            generator_id: optional_text(o.generator_id, o.generator_id_len, "generator_id")?,
            token_type: optional_text(o.token_type, o.token_type_len, "token_type")?,
            local_site: optional_text(o.local_site, o.local_site_len, "local_site")?,
            note: optional_text(o.note, o.note_len, "note")?.unwrap_or_default(),
            policy: optional_text(o.policy, o.policy_len, "policy")?,
            extra_data: optional_text(o.extra_data, o.extra_data_len, "extra_data")?,
            expires,
            valid: o.flags & RBTOKEN_GENERATE_INVALID == 0,
            auto_generated: o.flags & RBTOKEN_GENERATE_AUTO_GENERATED != 0,
            ..GenerateRequest::new(user)
        })
    }
}

/// The fields of a token that exists elsewhere. Set up with `RBTOKEN_INIT()`, which leaves all
/// defaults. A time counts only if its flag is set; it is 0 otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_import_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Which of the times are known, as `RBTOKEN_IMPORT_…_KNOWN`, and `RBTOKEN_IMPORT_INVALID`.
    pub flags: u32,
    /// Must be 0.
    pub reserved: u32,
    /// When the token was made. Unknown: now.
    pub time_added_us: i64,
    /// When the token was changed last. Unknown: when it was made.
    pub last_updated_us: i64,
    /// When the token was used last. Unknown: never.
    pub last_used_us: i64,
    /// When the token expires. Unknown: never.
    pub expires_at_us: i64,
    /// When the token was invalidated; needs `RBTOKEN_IMPORT_INVALID`.
    pub invalid_date_us: i64,
    /// Why the token was invalidated; needs `RBTOKEN_IMPORT_INVALID` unless it is empty, as in a
    /// server's row of a valid token. NULL: the empty text.
    pub invalid_reason: *const c_char,
    /// Bytes of `invalid_reason`, or `RBTOKEN_NUL_TERMINATED`.
    pub invalid_reason_len: usize,
    /// The generator that made the value; it need not be known here. NULL: the store's default.
    pub generator_id: *const c_char,
    /// Bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`.
    pub generator_id_len: usize,
    /// The Local Site that the token belongs to. NULL: the global site.
    pub local_site: *const c_char,
    /// Bytes of `local_site`, or `RBTOKEN_NUL_TERMINATED`.
    pub local_site_len: usize,
    /// A note for people, at most 1 MiB. NULL: the empty text.
    pub note: *const c_char,
    /// Bytes of `note`, or `RBTOKEN_NUL_TERMINATED`.
    pub note_len: usize,
    /// The policy as JSON. NULL: full access.
    pub policy: *const c_char,
    /// Bytes of `policy`, or `RBTOKEN_NUL_TERMINATED`.
    pub policy_len: usize,
    /// The extra data as a JSON object; a string `client_name` in it makes this a client's token.
    /// NULL: none.
    pub extra_data: *const c_char,
    /// Bytes of `extra_data`, or `RBTOKEN_NUL_TERMINATED`.
    pub extra_data_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_import_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// A flag of `rbtoken_import_options_t`: the token was invalidated.
pub const RBTOKEN_IMPORT_INVALID: u32 = 1;
/// A flag of `rbtoken_import_options_t`: `time_added_us` is known.
pub const RBTOKEN_IMPORT_TIME_ADDED_KNOWN: u32 = 2;
/// A flag of `rbtoken_import_options_t`: `last_updated_us` is known.
pub const RBTOKEN_IMPORT_LAST_UPDATED_KNOWN: u32 = 4;
/// A flag of `rbtoken_import_options_t`: `last_used_us` is known.
pub const RBTOKEN_IMPORT_LAST_USED_KNOWN: u32 = 8;
/// A flag of `rbtoken_import_options_t`: `expires_at_us` is known.
pub const RBTOKEN_IMPORT_EXPIRES_KNOWN: u32 = 16;
/// A flag of `rbtoken_import_options_t`: `invalid_date_us` is known.
pub const RBTOKEN_IMPORT_INVALID_DATE_KNOWN: u32 = 32;

const IMPORT_FLAGS: u32 = 63;

/// Stores a token that exists elsewhere, with its value and all its fields but the id, which is
/// new. No event is fired: the token is not a new one.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param user the owner's name, 1 to 150 characters; any name is a user
/// @param user_len bytes of `user`, or `RBTOKEN_NUL_TERMINATED`
/// @param value the token's value, 1 to 255 characters; it is not checked against its generator's
///        format
/// @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
/// @param options the other fields; NULL: all defaults
/// @param token receives the token, to be released with `rbtoken_token_release()`; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the token is there
/// @retval RBTOKEN_E_EXISTS there is a token of this value already
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INVALID_ARGUMENT a name or the value is empty or malformed, a flag is unknown,
///         or a field is set without its flag
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_TIME_RANGE a time lies outside the years 1 to 9999
/// @retval RBTOKEN_E_NOT_FOUND there is no such Local Site, or on a server's database no such user
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER, RBTOKEN_E_POLICY a document is bad; the error's path tells where
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL,
///         RBTOKEN_E_LOCKED, RBTOKEN_E_IO, RBTOKEN_E_CORRUPT, RBTOKEN_E_DATABASE,
///         RBTOKEN_E_NO_MEMORY see "Errors"
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
            let user = text(user, user_len, "user")?;
            let value = text(value, value_len, "value")?;
            (store, import_request(user, value, options)?)
        };
        token.set(rbtoken_token_t::give(store.import_token(&request)?));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
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
    reject_unset(o.reserved != 0, "reserved")?;
    let time = |flag: u32, time_us: i64, name: &'static str| {
        if o.flags & flag == 0 {
            reject_unset(time_us != 0, name)?;
            return Ok(None);
        }
        Timestamp::from_micros(time_us).map(Some).map_err(|error| error.at_argument(name))
    };
    // SAFETY: as promised by the caller.
    let invalid_reason =
        unsafe { optional_text(o.invalid_reason, o.invalid_reason_len, "invalid_reason")? };
    let invalid_date =
        time(RBTOKEN_IMPORT_INVALID_DATE_KNOWN, o.invalid_date_us, "invalid_date_us")?;
    let invalidation = if o.flags & RBTOKEN_IMPORT_INVALID == 0 {
        reject_unset(invalid_date.is_some(), "invalid_date_us")?;
        // A server's row of a valid token has the empty text.
        reject_unset(invalid_reason.is_some_and(|it| !it.is_empty()), "invalid_reason")?;
        None
    } else {
        Some((invalid_date, invalid_reason.unwrap_or_default()))
    };
    // SAFETY: as promised by the caller.
    unsafe {
        Ok(ImportRequest {
            generator_id: optional_text(o.generator_id, o.generator_id_len, "generator_id")?,
            local_site: optional_text(o.local_site, o.local_site_len, "local_site")?,
            note: optional_text(o.note, o.note_len, "note")?.unwrap_or_default(),
            policy: optional_text(o.policy, o.policy_len, "policy")?,
            extra_data: optional_text(o.extra_data, o.extra_data_len, "extra_data")?,
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
        reject_unset(at_us != 0, "expires_at_us")?;
    }
    match mode {
        DEFAULT => Ok(Expires::Default),
        NEVER => Ok(Expires::Never),
        AT => Timestamp::from_micros(at_us)
            .map(Expires::At)
            .map_err(|error| error.at_argument("expires_at_us")),
        _ => Err(Error::invalid("expires_mode", "the mode is not known")),
    }
}

pub(super) fn min_validity_secs(mode: i32, secs: i64) -> Result<Option<i64>> {
    use rbtoken_min_validity_mode::*;
    const DEFAULT: i32 = RBTOKEN_MIN_VALIDITY_DEFAULT as i32;
    const SECS: i32 = RBTOKEN_MIN_VALIDITY_SECS as i32;
    match mode {
        DEFAULT => reject_unset(secs != 0, "min_validity_secs").map(|()| None),
        SECS => Ok(Some(secs)),
        _ => Err(Error::invalid("min_validity_mode", "the mode is not known")),
    }
}
