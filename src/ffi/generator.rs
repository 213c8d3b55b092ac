use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::callbacks::{missing, rbtoken_destroy_fn};
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::guard;
use super::store::rbtoken_store_t;
use super::support::{SizedStruct, UserData, check_answer, read_published, text, text_list};
use crate::error::{Error, ErrorKind, Result};
use crate::token::{CreateRequest, Entropy, TokenGenerator, TokenValue};

/// Makes a new token value: writes at most `capacity` bytes of UTF-8 to `value`, without a NUL,
/// sets `*value_len` to how many, and returns `RBTOKEN_OK`. A value has 1 to 255 characters, for
/// which `capacity` is always enough. `attempt` is 0 at first; each collision with an existing
/// value adds 1, up to 19. Any other status makes the call that asked fail with it. Must not throw.
pub type rbtoken_generator_create_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        token_type: *const c_char,
        attempt: u32,
        value: *mut c_char,
        capacity: usize,
        value_len: *mut usize,
    ) -> rbtoken_status_t,
>;

/// Sets `*valid` to whether a value of `value_len` bytes has the generator's format for a token
/// type, and returns `RBTOKEN_OK`. Any other status makes the call that asked fail with it. Must
/// not throw.
pub type rbtoken_generator_validate_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        token_type: *const c_char,
        value: *const c_char,
        value_len: usize,
        valid: *mut bool,
    ) -> rbtoken_status_t,
>;

/// A token generator of the host's. Set up with `RBTOKEN_INIT()`; copied when it is added. Its
/// functions are called from any thread, several at a time, and never while the library holds a
/// lock; they may use the store.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_generator_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the functions.
    pub user_data: *mut c_void,
    /// Makes a value; must be set.
    pub create: rbtoken_generator_create_fn,
    /// Recognises a value; must be set.
    pub validate: rbtoken_generator_validate_fn,
    /// Called when `user_data` is needed no more; may be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_generator_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// 255 characters of UTF-8.
const CAPACITY: usize = 4 * 255;

/// The host's generator.
struct HostGenerator {
    create: rbtoken_generator_create_fn,
    validate: rbtoken_generator_validate_fn,
    user_data: UserData,
}

impl TokenGenerator for HostGenerator {
    fn create(&self, request: &CreateRequest<'_>, _: &dyn Entropy) -> Result<TokenValue> {
        let Some(create) = self.create else { return Err(missing("generator", "create")) };
        let token_type = terminated(request.token_type)?;
        let mut value = Zeroizing::new([0_u8; CAPACITY]);
        let mut len = usize::MAX;
        // SAFETY: the host's function, with its own data, a text, and places that can be written.
        let status = unsafe {
            create(
                self.user_data.get(),
                token_type.as_ptr(),
                request.attempt,
                value.as_mut_ptr().cast(),
                CAPACITY,
                &raw mut len,
            )
        };
        check_answer(status, "the token generator")?;
        let value = value.get(..len).ok_or_else(|| broken("it wrote no length, or too long a one"));
        let value = std::str::from_utf8(value?).map_err(|_| broken("its value is not UTF-8"))?;
        TokenValue::new(value).map_err(|error| broken(error.message()))
    }

    fn validate(&self, token_type: &str, value: &str) -> Result<bool> {
        let Some(validate) = self.validate else { return Err(missing("generator", "validate")) };
        let token_type = terminated(token_type)?;
        // Not a Rust `bool` yet: who knows what the host writes.
        let mut valid = 0_u8;
        // SAFETY: the host's function, with its own data, texts, and a place that can be written.
        let status = unsafe {
            validate(
                self.user_data.get(),
                token_type.as_ptr(),
                value.as_ptr().cast(),
                value.len(),
                (&raw mut valid).cast(),
            )
        };
        check_answer(status, "the token generator")?;
        match valid {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(broken("its answer is neither true nor false")),
        }
    }
}

fn terminated(token_type: &str) -> Result<CString> {
    CString::new(token_type).map_err(|_| {
        Error::new(ErrorKind::EmbeddedNul, "a token type contains no NUL").at_argument("token_type")
    })
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Callback, format!("the token generator broke its contract: {what}"))
}

/// Adds a token generator to a store, under an id of its own. It makes values once
/// `rbtoken_generate_options_t` names it, or it is made the default.
///
/// `destroy` is called exactly once: when the store closes, or is shut down with its instance, and
/// no call of the generator is in flight; or before this function returns if it fails.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_id the id, 1 to 255 characters, that no generator of the store has; but
///        `legacy_sha1`, which cannot generate by itself, may be replaced once
/// @param generator_id_len bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param generator its functions
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK the store has the generator
/// @retval RBTOKEN_E_EXISTS the store has a generator of this id already
/// @retval RBTOKEN_E_NULL_ARGUMENT an argument, or a function of `generator`, is NULL
/// @retval RBTOKEN_E_STRUCT_SIZE, RBTOKEN_E_UNSUPPORTED_OPTION see "Options structs"
/// @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG the id is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_add_generator(
    store: *mut rbtoken_store_t,
    generator_id: *const c_char,
    generator_id_len: usize,
    generator: *const rbtoken_generator_t,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's struct, as the header describes it.
        let (given, known) = unsafe { read_published(generator, "generator") }?;
        // From here on the data is destroyed, whatever is wrong.
        let generator = Arc::new(HostGenerator {
            create: given.create,
            validate: given.validate,
            user_data: UserData::new(given.user_data, given.destroy),
        });
        known?;
        generator.create.ok_or_else(|| missing("generator", "create"))?;
        generator.validate.ok_or_else(|| missing("generator", "validate"))?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, generator_id) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                text(generator_id, generator_id_len, "generator_id")?,
            )
        };
        store.add_generator(generator_id, generator)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Makes a generator the one that makes client tokens, and others where none is named.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_id the id of a generator that the store has
/// @param generator_id_len bytes of `generator_id`, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK it is the default from now on
/// @retval RBTOKEN_E_GENERATION the store has no such generator
/// @retval RBTOKEN_E_NULL_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_EMBEDDED_NUL,
///         RBTOKEN_E_TOO_LONG an argument is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_set_default_generator(
    store: *mut rbtoken_store_t,
    generator_id: *const c_char,
    generator_id_len: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, generator_id) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                text(generator_id, generator_id_len, "generator_id")?,
            )
        };
        store.set_default_generator(generator_id)
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}

/// Says which generators are deprecated, in place of those that were: at first `legacy_sha1`. Their
/// tokens can still be used.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_ids `count` NUL-terminated ids, known here or not; NULL with a `count` of 0:
///        none
/// @param count how many, at most 65536
/// @param error receives the details of a failure; may be NULL
/// @retval RBTOKEN_OK it is so from now on
/// @retval RBTOKEN_E_NULL_ARGUMENT `store`, or an id, or `generator_ids` with a `count`, is NULL
/// @retval RBTOKEN_E_INVALID_ARGUMENT, RBTOKEN_E_INVALID_UTF8, RBTOKEN_E_TOO_LONG an id, or the
///         list, is bad
/// @retval RBTOKEN_E_STATE, RBTOKEN_E_FORKED, RBTOKEN_E_INTERNAL, RBTOKEN_E_NO_MEMORY see "Errors"
/// @since 0.1.0
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn rbtoken_store_set_deprecated_generators(
    store: *mut rbtoken_store_t,
    generator_ids: *const *const c_char,
    count: usize,
    error: *mut *mut rbtoken_error_t,
) -> rbtoken_status_t {
    let body = || {
        // SAFETY: the host's handle and texts, which it keeps for the duration of the call.
        let (store, ids) = unsafe {
            (rbtoken_store_t::hold_open(store)?, text_list(generator_ids, count, "generator_ids")?)
        };
        store.set_deprecated_generators(&ids.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { guard(error, body) }
}
