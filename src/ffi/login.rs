//! Logging callers in with a token.

use std::ffi::c_char;

use super::codes::{verdict_code, verdict_name};
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{
    Handle, Out, SizedStruct, bytes_arg, catch_panic_or, opt_str_arg, read_options, reject_if_set,
    reject_reserved, unknown_mode,
};
use super::token::rbtoken_token_t;
use crate::error::{Error, Result};
use crate::store::{Login, RequestSite, Store, Verdict};

/// Result of a login: one of the values of `rbtoken_verdict_code`. Later versions can add verdicts.
/// Every verdict other than `RBTOKEN_VERDICT_OK` rejects the login.
pub type rbtoken_verdict_t = i32;

/// Verdicts: the results of a login.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_verdict_code {
    /// No verdict: the call failed.
    RBTOKEN_VERDICT_REFUSED = 0,
    /// The caller is the token's user.
    RBTOKEN_VERDICT_OK = 1,
    /// There is no such token, or the token's value in the header is missing or contains spaces.
    RBTOKEN_VERDICT_UNKNOWN = 2,
    /// The token was invalidated.
    RBTOKEN_VERDICT_INVALID = 3,
    /// The token has expired.
    RBTOKEN_VERDICT_EXPIRED = 4,
    /// The token's user is not active. Respond as for an unknown token.
    RBTOKEN_VERDICT_INACTIVE_USER = 5,
    /// The token belongs to a Local Site, and the request is for another site.
    RBTOKEN_VERDICT_WRONG_SITE = 6,
    /// The header is for another kind of login, which this library does not handle.
    RBTOKEN_VERDICT_NOT_A_TOKEN = 7,
}

/// Site of a request: the values of `site_mode` in `rbtoken_login_options_t`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum rbtoken_site_mode {
    /// The global site: tokens of Local Sites are rejected.
    RBTOKEN_SITE_GLOBAL = 0,
    /// The Local Site in `site`: tokens of other Local Sites are rejected.
    RBTOKEN_SITE_NAMED = 1,
    /// Any site: the host checks `rbtoken_token_local_site()` itself.
    RBTOKEN_SITE_ANY = 2,
}

/// Options for a login. Initialize with `RBTOKEN_INIT()`, which means the global site.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_login_options_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// `RBTOKEN_SITE_GLOBAL`, `_NAMED` or `_ANY`.
    pub site_mode: i32,
    /// Must be 0.
    pub reserved: u32,
    /// With `RBTOKEN_SITE_NAMED`: the name of the Local Site. Else NULL.
    pub site: *const c_char,
    /// Length of `site` in bytes, or `RBTOKEN_NUL_TERMINATED`.
    pub site_len: usize,
}

// SAFETY: plain C data that starts with its size; NULL and 0 are values of all fields.
unsafe impl SizedStruct for rbtoken_login_options_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Returns the name of a verdict, such as `"RBTOKEN_VERDICT_EXPIRED"`.
///
/// `[thread-safe]`
///
/// @param verdict a verdict
/// @return the name; a constant that is never freed; `"unknown verdict"` for other numbers
/// @since 0.1.0
#[unsafe(no_mangle)]
pub extern "C" fn rbtoken_verdict_name(verdict: rbtoken_verdict_t) -> *const c_char {
    catch_panic_or(std::ptr::null(), || verdict_name(verdict).as_ptr().cast())
}

/// Logs a caller in with a token's value.
///
/// **The status is not the verdict:** `RBTOKEN_OK` means that there is a verdict, not that the
/// caller is logged in. Check `*verdict`. The caller is the token's user only if the verdict is
/// `RBTOKEN_VERDICT_OK`. If the call fails, the verdict is `RBTOKEN_VERDICT_REFUSED`.
///
/// The checks are, in this order: whether the value is known, whether the token was invalidated,
/// whether it has expired, whether its user is active, and whether it is for the request's site. An
/// accepted login sets `last_used`, and so does one that is rejected only because of its site.
/// Bytes that cannot be a value (not UTF-8, a NUL, too long, or empty) count as an unknown value,
/// not as an error. The time of a comparison does not reveal where two values differ.
///
/// The host must check whether the user has access to the Local Site. If
/// `rbtoken_token_is_deprecated()` returns true, ask the user to replace the token.
///
/// On Review Board's database, `last_used_interval_secs` and `login_cache_secs` determine when
/// `last_used` is written and whether the database is queried: see "Review Board's database".
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the token's value
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param options the site of the request; NULL: the global site
/// @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
/// @param token receives the token if the verdict is `RBTOKEN_VERDICT_OK`, else NULL; to be
///         released with `rbtoken_token_release()`
/// @param refused receives the rejected token if the verdict is `RBTOKEN_VERDICT_INVALID`,
///         `_EXPIRED` or `_WRONG_SITE`, else NULL; to be released in the same way; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK there is a verdict
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
///         is set that its mode does not use
/// @retval other the status of the host's clock, unchanged
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
            (store, bytes_arg(value, value_len, "value")?, request_site(options)?)
        };
        #[cfg(rbtoken_planted_race)]
        plant_a_race();
        outputs.set(Store::authenticate(&store, value, site)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Removes the cached logins of a token, so that the next login with it queries the database. Call
/// it when another program has revoked the token, as soon as the database that the store uses has
/// that change. Revocation through this store does the same automatically. Without
/// `login_cache_secs` there is nothing to remove.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param value the value of the token; NULL with a length of 0: all cached logins are removed
/// @param value_len length of `value` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the cached logins were removed
/// @retval RBTOKEN_E_INVALID_ARGUMENT the value is empty
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
            (store, opt_str_arg(value, value_len, "value")?)
        };
        store.forget_logins(value)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Logs a caller in with the value of an `Authorization` header: the word `token` in lower case,
/// one space, and the token's value, without spaces. If the first word is another one, the verdict
/// is `RBTOKEN_VERDICT_NOT_A_TOKEN`, and the host can try other kinds of login. If the value is
/// missing or contains spaces, the verdict is `RBTOKEN_VERDICT_UNKNOWN`.
///
/// **The status is not the verdict:** `RBTOKEN_OK` means that there is a verdict, not that the
/// caller is logged in. Check `*verdict`. Everything else is the same as for
/// `rbtoken_store_authenticate()`.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param header the value of the header, as received
/// @param header_len length of `header` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param options the site of the request; NULL: the global site
/// @param verdict receives the verdict; `RBTOKEN_VERDICT_REFUSED` on failure
/// @param token receives the token if the verdict is `RBTOKEN_VERDICT_OK`, else NULL; to be
///         released with `rbtoken_token_release()`
/// @param refused receives the rejected token if the verdict is `RBTOKEN_VERDICT_INVALID`,
///         `_EXPIRED` or `_WRONG_SITE`, else NULL; to be released in the same way; may be NULL
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK there is a verdict
/// @retval RBTOKEN_E_INVALID_ARGUMENT the site's name is malformed, the mode is unknown, or a field
///         is set that its mode does not use
/// @retval other the status of the host's clock, unchanged
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
            (store, bytes_arg(header, header_len, "header")?, request_site(options)?)
        };
        outputs.set(Store::authenticate_header(&store, header, site)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Outputs of a login.
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
            place.set_if_wanted(|| rbtoken_token_t::into_handle(token));
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
    reject_reserved(options.reserved)?;
    // SAFETY: as promised by the caller.
    let site = unsafe { opt_str_arg(options.site, options.site_len, "site") }?;
    if options.site_mode != NAMED {
        reject_if_set(site.is_some(), "site")?;
    }
    match (options.site_mode, site) {
        (GLOBAL, _) => Ok(RequestSite::Global),
        (ANY, _) => Ok(RequestSite::Any),
        (NAMED, Some(name)) => Ok(RequestSite::Named(name)),
        (NAMED, None) => {
            Err(Error::invalid("site", "must be set with the mode RBTOKEN_SITE_NAMED"))
        }
        _ => Err(unknown_mode("site_mode", options.site_mode)),
    }
}

/// Plants a data race, only in a build in which the thread sanitizer must find it: see `.ci/tsan`.
#[cfg(rbtoken_planted_race)]
fn plant_a_race() {
    static mut LOGINS: u64 = 0;
    // SAFETY: none, on purpose: several threads are here at once.
    unsafe { LOGINS += 1 };
}
