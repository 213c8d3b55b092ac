use std::ffi::c_char;
use std::sync::Arc;

use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{Handle, HandleKind, Out, bytes, guard_value, optional_text, text};
use super::token::rbtoken_token_t;
use crate::error::Result;
use crate::policy::{Method, Policy, PolicyIds};

/// A policy of its own, for hosts that ask one without a token. The host frees it with
/// `rbtoken_policy_free()`.
pub struct rbtoken_policy_t {
    _opaque: [u8; 0],
}

impl Handle for rbtoken_policy_t {
    type Owner = Box<Policy>;

    const KIND: HandleKind = HandleKind::Policy;
}

/// Tells whether a token's policy allows an HTTP method on a resource, as the policy was when the
/// handle was given out. It says nothing of whether the token is valid:
/// `rbtoken_store_authenticate()` does.
///
/// The rules of the resource are asked first, then those of any resource of the policy id, then
/// those of everything; the first that have an opinion decide, a block before an allow of the same
/// method, a named method before `*`. Without an opinion the method is allowed. How long the answer
/// takes does not depend on the size of the policy.
///
/// A token of Review Board's database whose stored policy is malformed, or whose row cannot be
/// read, is allowed nothing: the answer is `RBTOKEN_E_CORRUPT`, and the message names the token and
/// the column.
///
/// `[immutable]`
///
/// @param token the token
/// @param policy_id the policy id of the resource, such as `review_request`
/// @param policy_id_len bytes of `policy_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param method the HTTP method in letters A to Z, such as `GET`
/// @param method_len bytes of `method`, or `RBTOKEN_NUL_TERMINATED`
/// @param resource_id the resource's id; NULL with a length of 0: none
/// @param resource_id_len bytes of `resource_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param allowed receives the answer; false on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the question is answered
/// @retval RBTOKEN_E_INVALID_ARGUMENT the method is not written in letters A to Z, or the policy id
///         is empty, `*`, or not one that the host registered
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_CORRUPT the stored policy is malformed, or the token's row cannot be read
/// @retval RBTOKEN_E_INTERNAL see "Errors"
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
        let (token, question) = unsafe {
            (
                rbtoken_token_t::required(token, "token")?,
                Question::read(
                    (policy_id, policy_id_len),
                    (method, method_len),
                    (resource_id, resource_id_len),
                )?,
            )
        };
        let Question { policy_id, method, resource_id } = question;
        allowed.set(token.record().allows(policy_id, method, resource_id)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Reads and checks a policy document.
///
/// `[thread-safe]`
///
/// @param store the store whose registered policy ids the document, and later questions, are
///        checked against; NULL: any id is known
/// @param document the policy as JSON; `{}` is full access
/// @param document_len bytes of `document`, or `RBTOKEN_NUL_TERMINATED`
/// @param policy receives the policy, to be freed with `rbtoken_policy_free()`; NULL on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the policy is valid
/// @retval RBTOKEN_E_POLICY it breaks a rule of policies; the error's path tells where
/// @retval RBTOKEN_E_JSON_SYNTAX, RBTOKEN_E_JSON_TYPE, RBTOKEN_E_JSON_TOO_DEEP,
///         RBTOKEN_E_JSON_NUMBER it is no JSON object that is accepted
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
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
            (store.transpose()?, text(document, document_len, "document")?)
        };
        let any = Arc::new(PolicyIds::default());
        let ids = store.as_ref().map_or(&any, |store| store.policy_ids());
        let parsed = Policy::parse(document, ids).map_err(|error| error.at_argument("document"))?;
        policy.set(rbtoken_policy_t::give(parsed));
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Tells whether a policy allows an HTTP method on a resource, as `rbtoken_token_allows()` does.
///
/// `[immutable]`
///
/// @param policy the policy
/// @param policy_id the policy id of the resource, such as `review_request`
/// @param policy_id_len bytes of `policy_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param method the HTTP method in letters A to Z, such as `GET`
/// @param method_len bytes of `method`, or `RBTOKEN_NUL_TERMINATED`
/// @param resource_id the resource's id; NULL with a length of 0: none
/// @param resource_id_len bytes of `resource_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param allowed receives the answer; false on failure
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the question is answered
/// @retval RBTOKEN_E_INVALID_ARGUMENT the method is not written in letters A to Z, or the policy id
///         is empty, `*`, or not one that the host registered
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_INTERNAL see "Errors"
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
        let (policy, question) = unsafe {
            (
                rbtoken_policy_t::required(policy, "policy")?,
                Question::read(
                    (policy_id, policy_id_len),
                    (method, method_len),
                    (resource_id, resource_id_len),
                )?,
            )
        };
        allowed.set(question.ask(policy)?);
        Ok(())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Frees a policy.
///
/// `[exclusive]`
///
/// @param policy a policy, which is not used again; NULL does nothing
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rbtoken_policy_free(policy: *mut rbtoken_policy_t) {
    // SAFETY: the host gives its policy up.
    guard_value((), || drop(unsafe { rbtoken_policy_t::take(policy) }));
}

/// What a policy is asked.
struct Question<'a> {
    policy_id: &'a str,
    method: Method<'a>,
    resource_id: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// # Safety
    /// The texts of the host, which it keeps for the duration of the call.
    #[inline(always)]
    unsafe fn read(
        policy_id: (*const c_char, usize),
        method: (*const c_char, usize),
        resource_id: (*const c_char, usize),
    ) -> Result<Self> {
        // SAFETY: as promised by the caller.
        unsafe {
            Ok(Self {
                policy_id: text(policy_id.0, policy_id.1, "policy_id")?,
                method: match Method::common(bytes(method.0, method.1, "method")?) {
                    Some(usual) => usual,
                    None => Method::new(text(method.0, method.1, "method")?),
                },
                resource_id: optional_text(resource_id.0, resource_id.1, "resource_id")?,
            })
        }
    }

    #[inline(always)]
    fn ask(&self, policy: &Policy) -> Result<bool> {
        policy.allows(self.policy_id, self.method, self.resource_id)
    }
}
