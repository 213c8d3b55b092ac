use std::ffi::c_char;

use super::codes::{verdict_code, verdict_name};
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, bytes, guard_value, optional_text, read_options, reject_unset,
};
use super::token::rbtoken_token_t;
use crate::error::{Error, Result};
use crate::store::{Login, RequestSite, Store, Verdict};

/// What came of a login: one of the values of `rbtoken_verdict_code`. Later versions may add
/// some: whatever is not `RBTOKEN_VERDICT_OK` is a refusal.
pub type rbtoken_verdict_t = i32;

/// The verdicts.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_verdict_code {
    /// Nobody was judged: the call failed, or is not over.
    RBTOKEN_VERDICT_REFUSED = 0,
    /// The caller is the token's user.
    RBTOKEN_VERDICT_OK = 1,
    /// There is no such token, or the header has no value.
    RBTOKEN_VERDICT_UNKNOWN = 2,
    /// The token was invalidated.
    RBTOKEN_VERDICT_INVALID = 3,
    /// The token is expired.
    RBTOKEN_VERDICT_EXPIRED = 4,
    /// The token's user is not active. Answer the caller as for an unknown token.
    RBTOKEN_VERDICT_INACTIVE_USER = 5,
    /// The token belongs to a Local Site, and the request is for another site.
    RBTOKEN_VERDICT_WRONG_SITE = 6,
    /// The header asks for another kind of login, which this library does not judge.
    RBTOKEN_VERDICT_NOT_A_TOKEN = 7,
}

/// The site that a request is for: the values of `site_mode` in `rbtoken_login_options_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_site_mode {
    /// The root, outside every Local Site: tokens of Local Sites are refused.
    RBTOKEN_SITE_GLOBAL = 0,
    /// The Local Site in `site`: tokens of others are refused.
    RBTOKEN_SITE_NAMED = 1,
    /// Any: the host checks `rbtoken_token_local_site()` itself.
    RBTOKEN_SITE_ANY = 2,
}

/// What is known of a request that comes with a token. Set up with `RBTOKEN_INIT()`, which leaves
/// the global site.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_login_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_SITE_GLOBAL`, `_NAMED` or `_ANY`.
    pub site_mode: i32,
    /// Must be 0.
    pub reserved: u32,
    /// With `RBTOKEN_SITE_NAMED`: the Local Site's name. Else NULL.
    pub site: *const c_char,
    /// Bytes of `site`, or `RBTOKEN_NUL_TERMINATED`.
    pub site_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_login_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// The name of a verdict, such as `"RBTOKEN_VERDICT_EXPIRED"`.
///
/// `[thread-safe]`
///
/// @param verdict a verdict
/// @return the name; a constant that is never freed; `"unknown verdict"` for other numbers
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_verdict_name(verdict: rbtoken_verdict_t) -> *const c_char {
    guard_value(std::ptr::null(), || verdict_name(verdict).as_ptr().cast())
}

/// Judges a login with a token's value.
///
/// **`RBTOKEN_OK` means that there is a verdict, not that anybody is logged in: look at
/// `*verdict`.** It is `RBTOKEN_VERDICT_OK` for the caller that is the token's user, and a failure
/// leaves `RBTOKEN_VERDICT_REFUSED`.
///
/// The value is judged in this order: unknown, invalidated, expired, of an inactive user, of
/// another site. A value that is accepted so far as its site sets `last_used`. Bytes that cannot
/// be a value (not UTF-8, a NUL, too long, none at all) are an unknown one, never an error. What a
/// comparison with a known value costs does not tell where the two differ.
///
/// Whether the user may enter the site is for the host to check, and
/// `rbtoken_token_is_deprecated()` tells whether to ask the user for a new token.
///
/// On Review Board's database, the settings `last_used_interval_secs` and `login_cache_secs` say
/// when `last_used` is written, and whether the server is asked: see "Review Board's database".
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the value
/// @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
/// @param options the request's site; NULL: the global site
/// @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
/// @param token receives the token with `RBTOKEN_VERDICT_OK`, else NULL; to be released with
///        `rbtoken_token_release()`
/// @param refused receives the token that explains `RBTOKEN_VERDICT_INVALID`, `_EXPIRED` or
///        `_WRONG_SITE`, else NULL; to be released likewise; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK there is a verdict
/// @retval RBTOKEN_E_NULL_ARGUMENT `store`, `value`, `verdict` or `token` is NULL
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
///         is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the site's name is
///         bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_authenticate(
    store: *mut rbtoken_store_t,
    value: *const c_char,
    value_len: usize,
    options: *const rbtoken_login_options_t,
    verdict: *mut rbtoken_verdict_t,
    token: *mut *mut rbtoken_token_t,
    refused: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's outputs.
    let outputs = unsafe { Outputs::clear(verdict, token, refused) };
    let body = || {
        let outputs = outputs.required()?;
        // SAFETY: the host's handle, bytes and options, which it keeps for the duration of the
        // call.
        let (store, value, site) = unsafe {
            let store = rbtoken_store_t::hold_for_login(store)?;
            (store, bytes(value, value_len, "value")?, request_site(options)?)
        };
        #[cfg(rbtoken_planted_race)]
        plant_a_race();
        outputs.set(Store::authenticate(&store, value, site)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Removes cached logins, so that the next login with the value asks the server. Call it when a
/// host learns that others have revoked a token, after that change has reached the server that the
/// store reads. Revocations through this store do it by themselves. Without `login_cache_secs`,
/// there is nothing to remove.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the value of the token; NULL with a length of 0: all cached logins are removed
/// @param value_len bytes of `value`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK no login that was cached before is used any more
/// @retval RBTOKEN_E_NULL_ARGUMENT `store` is NULL, or `value` with another length
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
/// @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the value is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.2.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_forget_logins(
    store: *mut rbtoken_store_t,
    value: *const c_char,
    value_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and bytes, which it keeps for the duration of the call.
        let (store, value) = unsafe {
            let store = rbtoken_store_t::hold_open(store)?;
            (store, optional_text(value, value_len, "value")?)
        };
        store.forget_logins(value)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Judges a login with the value of an `Authorization` header: the word `token` in lower case, one
/// space, and the token's value, without spaces. Another word is `RBTOKEN_VERDICT_NOT_A_TOKEN`, and
/// the host tries its other logins; `token` without a value, or with spaces in it, is
/// `RBTOKEN_VERDICT_UNKNOWN`.
///
/// **`RBTOKEN_OK` means that there is a verdict, not that anybody is logged in: look at
/// `*verdict`.** All else is as for `rbtoken_store_authenticate()`.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param header the header's value, as it came
/// @param header_len bytes of `header`, or `RBTOKEN_NUL_TERMINATED`
/// @param options the request's site; NULL: the global site
/// @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
/// @param token receives the token with `RBTOKEN_VERDICT_OK`, else NULL; to be released with
///        `rbtoken_token_release()`
/// @param refused receives the token that explains `RBTOKEN_VERDICT_INVALID`, `_EXPIRED` or
///        `_WRONG_SITE`, else NULL; to be released likewise; may be NULL
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK there is a verdict
/// @retval RBTOKEN_E_NULL_ARGUMENT `store`, `header`, `verdict` or `token` is NULL
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
///         is set that its mode ignores
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL, RBTOKEN_E_TOO_LONG the site's name is
///         bad
/// @retval RBTOKEN_E_CALLBACK the clock of the host broke its contract; its own failures are passed
///         on unchanged
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_POISONED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_authenticate_header(
    store: *mut rbtoken_store_t,
    header: *const c_char,
    header_len: usize,
    options: *const rbtoken_login_options_t,
    verdict: *mut rbtoken_verdict_t,
    token: *mut *mut rbtoken_token_t,
    refused: *mut *mut rbtoken_token_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's outputs.
    let outputs = unsafe { Outputs::clear(verdict, token, refused) };
    let body = || {
        let outputs = outputs.required()?;
        // SAFETY: the host's handle, bytes and options, which it keeps for the duration of the
        // call.
        let (store, header, site) = unsafe {
            let store = rbtoken_store_t::hold_for_login(store)?;
            (store, bytes(header, header_len, "header")?, request_site(options)?)
        };
        outputs.set(Store::authenticate_header(&store, header, site)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Where a login goes.
struct Outputs {
    verdict: Out<rbtoken_verdict_t>,
    token: Out<*mut rbtoken_token_t>,
    refused: Out<*mut rbtoken_token_t>,
}

impl Outputs {
    /// # Safety
    /// Each is NULL, or can be written until the call returns.
    unsafe fn clear(
        verdict: *mut rbtoken_verdict_t,
        token: *mut *mut rbtoken_token_t,
        refused: *mut *mut rbtoken_token_t,
    ) -> Self {
        // SAFETY: as promised by the caller.
        unsafe {
            Self {
                verdict: Out::clear_to(verdict, 0),
                token: Out::clear(token),
                refused: Out::clear(refused),
            }
        }
    }

    fn required(self) -> Result<Self> {
        Ok(Self {
            verdict: self.verdict.required("verdict")?,
            token: self.token.required("token")?,
            refused: self.refused,
        })
    }

    fn set(self, login: Login) {
        if let Some(token) = login.token {
            let place = if login.verdict == Verdict::Ok { &self.token } else { &self.refused };
            place.set_if_wanted(|| rbtoken_token_t::give(token));
        }
        self.verdict.set(verdict_code(login.verdict));
    }
}

/// # Safety
/// `options` is NULL or a struct as its header describes it.
#[inline]
unsafe fn request_site<'a>(options: *const rbtoken_login_options_t) -> Result<RequestSite<'a>> {
    use rbtoken_site_mode::*;
    const GLOBAL: i32 = RBTOKEN_SITE_GLOBAL as i32;
    const NAMED: i32 = RBTOKEN_SITE_NAMED as i32;
    const ANY: i32 = RBTOKEN_SITE_ANY as i32;
    if options.is_null() {
        return Ok(RequestSite::Global);
    }
    // SAFETY: as promised by the caller.
    let options = unsafe { read_options(options, "options") }?;
    reject_unset(options.reserved != 0, "reserved")?;
    // SAFETY: as promised by the caller.
    let site = unsafe { optional_text(options.site, options.site_len, "site") }?;
    if options.site_mode != NAMED {
        reject_unset(site.is_some(), "site")?;
    }
    match (options.site_mode, site) {
        (GLOBAL, _) => Ok(RequestSite::Global),
        (ANY, _) => Ok(RequestSite::Any),
        (NAMED, Some(name)) => Ok(RequestSite::Named(name)),
        (NAMED, None) => Err(Error::invalid("site", "the mode asks for a name")),
        _ => Err(Error::invalid("site_mode", "the mode is not known")),
    }
}

/// Only in a build that the thread sanitizer must find fault with: see `.ci/tsan`.
#[cfg(rbtoken_planted_race)]
fn plant_a_race() {
    static mut LOGINS: u64 = 0;
    // SAFETY: none, on purpose: several threads are here at once.
    unsafe { LOGINS += 1 };
}
