//! Policies, with or without a token.

use std::ffi::c_char;
use std::sync::Arc;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{Handle, HandleKind, Out, bytes_arg, catch_panic_or, opt_str_arg, str_arg};
use super::token::rbtoken_token_t;
use crate::error::Result;
use crate::policy::{Method, Policy, PolicyIds};

/// Policy that does not belong to a token. Free it with `rbtoken_policy_free()`.
pub struct rbtoken_policy_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_policy_t {
    type Owner = Box<Policy>;

    const KIND: HandleKind = HandleKind::Policy;
}

/// Checks whether a token's policy allows an HTTP method on a resource. It uses the policy of the
/// snapshot, and does not check whether the token is usable: `rbtoken_store_authenticate()` does
/// that.
///
/// In this policy, the resource `42` has rules, `*` under the policy id `review_request` has rules,
/// and `*` at the top has rules:
///
/// ```json
/// {"resources": {"review_request": {"42": {"block": ["DELETE"]}, "*": {"allow": ["GET"]}},
///                "*": {"block": ["*"]}}}
/// ```
///
/// The rules are checked in this order: those of the resource, those of `*` under the policy id,
/// those of `*` at the top. The first of them that mention the method or `*` decide. Their entries
/// are checked in this order: the method in `block`, the method in `allow`, `*` in `block`, `*` in
/// `allow`. If no rules mention the method or `*`, the method is allowed. The time of a check does
/// not depend on the size of the policy.
///
/// A token that is or was in Review Board's database can have a malformed policy, or a row that
/// cannot be read. Such a token is allowed nothing: the status is `RBTOKEN_E_CORRUPT`, and the
/// message names the token and the column.
///
/// `[immutable]`
///
/// @param token the token
/// @param policy_id the policy id of the resource, such as `review_request`
/// @param policy_id_len length of `policy_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param method the HTTP method in upper-case letters, such as `GET`
/// @param method_len length of `method` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param resource_id the resource's id; NULL with a length of 0: none
/// @param resource_id_len length of `resource_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param allowed receives the result; false on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the policy was checked
/// @retval RBTOKEN_E_INVALID_ARGUMENT the method has characters other than A to Z, or the policy id
///         is empty, `*`, or not registered
/// @retval RBTOKEN_E_CORRUPT the stored policy is malformed, or the token's row cannot be read
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_token_allows(
    token: *const rbtoken_token_t,
    policy_id: *const c_char,
    policy_id_len: usize,
    method: *const c_char,
    method_len: usize,
    resource_id: *const c_char,
    resource_id_len: usize,
    allowed: *mut bool,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let allowed = unsafe { Out::clear_to(allowed, false) };
    let body = || {
        let allowed = allowed.required("allowed")?;
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (token, check) = unsafe {
            (
                rbtoken_token_t::required(token, "token")?,
                AccessCheck::read(
                    (policy_id, policy_id_len),
                    (method, method_len),
                    (resource_id, resource_id_len),
                )?,
            )
        };
        let AccessCheck { policy_id, method, resource_id } = check;
        allowed.set(token.record().allows(policy_id, method, resource_id)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Parses and validates a policy document.
///
/// `[thread-safe]`
///
/// @param store the store whose registered policy ids are allowed, in the document and for
///         `rbtoken_policy_allows()`; NULL: any id is allowed
/// @param document the policy as JSON; `{}` is full access
/// @param document_len length of `document` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param policy receives the policy, to be freed with `rbtoken_policy_free()`; NULL on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the policy is valid
/// @retval RBTOKEN_E_POLICY the policy breaks a rule; the error's JSON path shows where
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_policy_parse(
    store: *mut rbtoken_store_t,
    document: *const c_char,
    document_len: usize,
    policy: *mut *mut rbtoken_policy_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let policy = unsafe { Out::clear(policy) };
    let body = || {
        let policy = policy.required("policy")?;
        // SAFETY: the host's handle, if it is one, and text, which it keeps for the duration of the
        // call.
        let (store, document) = unsafe {
            let store = (!store.is_null()).then(|| rbtoken_store_t::hold_open(store));
            (store.transpose()?, str_arg(document, document_len, "document")?)
        };
        let any = Arc::new(PolicyIds::default());
        let ids = store.as_ref().map_or(&any, |store| store.policy_ids());
        let parsed = Policy::parse(document, ids).map_err(|error| error.at_argument("document"))?;
        policy.set(rbtoken_policy_t::into_handle(parsed));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Checks whether a policy allows an HTTP method on a resource, as `rbtoken_token_allows()` does.
///
/// `[immutable]`
///
/// @param policy the policy
/// @param policy_id the policy id of the resource, such as `review_request`
/// @param policy_id_len length of `policy_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param method the HTTP method in upper-case letters, such as `GET`
/// @param method_len length of `method` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param resource_id the resource's id; NULL with a length of 0: none
/// @param resource_id_len length of `resource_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param allowed receives the result; false on failure
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the policy was checked
/// @retval RBTOKEN_E_INVALID_ARGUMENT the method has characters other than A to Z, or the policy id
///         is empty, `*`, or not registered
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_policy_allows(
    policy: *const rbtoken_policy_t,
    policy_id: *const c_char,
    policy_id_len: usize,
    method: *const c_char,
    method_len: usize,
    resource_id: *const c_char,
    resource_id_len: usize,
    allowed: *mut bool,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    // SAFETY: the host's output.
    let allowed = unsafe { Out::clear_to(allowed, false) };
    let body = || {
        let allowed = allowed.required("allowed")?;
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (policy, check) = unsafe {
            (
                rbtoken_policy_t::required(policy, "policy")?,
                AccessCheck::read(
                    (policy_id, policy_id_len),
                    (method, method_len),
                    (resource_id, resource_id_len),
                )?,
            )
        };
        allowed.set(check.run(policy)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Frees a policy.
///
/// `[exclusive]`
///
/// @param policy a policy, which must not be used afterwards; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_policy_free(policy: *mut rbtoken_policy_t) {
    // SAFETY: the host gives its policy up.
    catch_panic_or((), || drop(unsafe { rbtoken_policy_t::take(policy) }));
}

/// Arguments of a permission check.
struct AccessCheck<'a> {
    policy_id: &'a str,
    method: Method<'a>,
    resource_id: Option<&'a str>,
}

impl<'a> AccessCheck<'a> {
    /// # Safety
    /// The texts are valid during the call.
    #[inline(always)]
    unsafe fn read(
        policy_id: (*const c_char, usize),
        method: (*const c_char, usize),
        resource_id: (*const c_char, usize),
    ) -> Result<Self> {
        // SAFETY: as promised by the caller.
        unsafe {
            Ok(Self {
                policy_id: str_arg(policy_id.0, policy_id.1, "policy_id")?,
                method: match Method::common(bytes_arg(method.0, method.1, "method")?) {
                    Some(usual) => usual,
                    None => Method::new(str_arg(method.0, method.1, "method")?),
                },
                resource_id: opt_str_arg(resource_id.0, resource_id.1, "resource_id")?,
            })
        }
    }

    #[inline(always)]
    fn run(&self, policy: &Policy) -> Result<bool> {
        policy.allows(self.policy_id, self.method, self.resource_id)
    }
}
