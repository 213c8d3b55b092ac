//! Token generators of the host.

use std::ffi::{CString, c_char, c_void};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::callbacks::{missing, rbtoken_destroy_fn};
use super::error::{rbtoken_error_t, rbtoken_status_t};
use super::guard::catch_error;
use super::store::rbtoken_store_t;
use super::support::{SizedStruct, UserData, check_status, read_published, str_arg, str_list_arg};
use crate::error::{Error, ErrorKind, Result};
use crate::token::{Entropy, GeneratorInput, TokenGenerator, TokenValue};

/// Creates a token value: writes at most `capacity` bytes of UTF-8 to `value`, without a NUL, sets
/// `*value_len` to their number, and returns `RBTOKEN_OK`. A value has 1 to 255 characters, for
/// which `capacity` is always enough. `token_type` is NUL-terminated. `attempt` starts at 0 and
/// grows by 1 with each value that already exists, up to 19. With any other status, the call that
/// needed the value fails with that status. Must not throw.
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

/// Checks a token value: sets `*valid` to whether the `value_len` bytes have the generator's format
/// for a token type, which is NUL-terminated, and returns `RBTOKEN_OK`. With any other status, the
/// call that needed the check fails with that status. Must not throw.
pub type rbtoken_generator_validate_fn = Option<
    unsafe extern "C-unwind" fn(
        user_data: *mut c_void,
        token_type: *const c_char,
        value: *const c_char,
        value_len: usize,
        valid: *mut bool,
    ) -> rbtoken_status_t,
>;

/// Token generator of the host. Initialize it with `RBTOKEN_INIT()`; it is copied when it is added.
/// The callbacks can be called by several threads at once, with no lock held, and can use the
/// store.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct rbtoken_generator_t {
    /// Set by `RBTOKEN_INIT()`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub user_data: *mut c_void,
    /// Creates a value. Must be set.
    pub create: rbtoken_generator_create_fn,
    /// Checks the format of a value. Must be set.
    pub validate: rbtoken_generator_validate_fn,
    /// Frees `user_data`. May be NULL.
    pub destroy: rbtoken_destroy_fn,
}

// SAFETY: plain C data that starts with its size; NULL stands for no function and no data.
unsafe impl SizedStruct for rbtoken_generator_t {
    const PUBLISHED: &'static [usize] = &[size_of::<Self>()];
}

/// Size of the buffer for a value: 255 characters of UTF-8.
const CAPACITY: usize = 4 * 255;

/// Generator of the host.
struct HostGenerator {
    create: rbtoken_generator_create_fn,
    validate: rbtoken_generator_validate_fn,
    user_data: UserData,
}

impl TokenGenerator for HostGenerator {
    fn create(&self, input: &GeneratorInput<'_>, _: &dyn Entropy) -> Result<TokenValue> {
        let Some(create) = self.create else { return Err(missing("generator", "create")) };
        let token_type = terminated(input.token_type)?;
        let mut value = Zeroizing::new([0_u8; CAPACITY]);
        let mut len = usize::MAX;
        // SAFETY: the host's function, with its own data, a text, and places that can be written.
        let status = unsafe {
            create(
                self.user_data.get(),
                token_type.as_ptr(),
                input.attempt,
                value.as_mut_ptr().cast(),
                CAPACITY,
                &raw mut len,
            )
        };
        check_status(status, "token generator")?;
        let value = value
            .get(..len)
            .ok_or_else(|| contract_violation("*value_len must be set, to at most the capacity"));
        let value = std::str::from_utf8(value?)
            .map_err(|_| contract_violation("value must be valid UTF-8"))?;
        TokenValue::new(value)
            .map_err(|error| contract_violation(&error.at_argument("value").message()))
    }

    fn validate(&self, token_type: &str, value: &str) -> Result<bool> {
        let Some(validate) = self.validate else { return Err(missing("generator", "validate")) };
        let token_type = terminated(token_type)?;
        // Not a Rust `bool`, because the host can write any byte.
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
        check_status(status, "token generator")?;
        match valid {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(contract_violation("*valid must be true or false")),
        }
    }
}

fn terminated(token_type: &str) -> Result<CString> {
    CString::new(token_type).map_err(|_| {
        Error::new(ErrorKind::EmbeddedNul, "must not contain a NUL character")
            .at_argument("token_type")
    })
}

fn contract_violation(what: &str) -> Error {
    Error::new(
        ErrorKind::Callback,
        format!("the host's token generator broke its contract: {what}"),
    )
}

/// Adds a token generator to a store. It is used when `rbtoken_generate_options_t` names its id, or
/// after it was made the default.
///
/// `destroy` is called exactly once. If this function fails, `destroy` is called before the
/// function returns. Otherwise it is called after the store has closed or its instance has shut
/// down, as soon as no call of the generator is running.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_id the id, 1 to 255 characters, which no other generator of the store may have.
///         An exception is `legacy_sha1`: the library's own generator of that name cannot create
///         values, and can be replaced once.
/// @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param generator the callbacks
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the generator was added
/// @retval RBTOKEN_E_EXISTS a generator with this id already exists
/// @retval RBTOKEN_E_INVALID_ARGUMENT the id is empty
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
        let (fields, known) = unsafe { read_published(generator, "generator") }?;
        // From here on the data is destroyed even on failure.
        let generator = Arc::new(HostGenerator {
            create: fields.create,
            validate: fields.validate,
            user_data: UserData::new(fields.user_data, fields.destroy),
        });
        known?;
        generator.create.ok_or_else(|| missing("generator", "create"))?;
        generator.validate.ok_or_else(|| missing("generator", "validate"))?;
        // SAFETY: the host's handle and text, which it keeps for the duration of the call.
        let (store, generator_id) = unsafe {
            (
                rbtoken_store_t::hold_open(store)?,
                str_arg(generator_id, generator_id_len, "generator_id")?,
            )
        };
        store.add_generator(generator_id, generator)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Sets the default generator. It creates the values of client tokens, and of other tokens if their
/// options have no `generator_id`.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_id the id of a generator that the store has
/// @param generator_id_len length of `generator_id` in bytes, or `RBTOKEN_NUL_TERMINATED`
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the default was changed
/// @retval RBTOKEN_E_GENERATION the store has no such generator
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
                str_arg(generator_id, generator_id_len, "generator_id")?,
            )
        };
        store.set_default_generator(generator_id)
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}

/// Sets the deprecated generators, and replaces those that were set before. The default is
/// `legacy_sha1`. Tokens of deprecated generators can still be used.
///
/// `[thread-safe]`
///
/// @param store the store
/// @param generator_ids `count` NUL-terminated ids, which need not be known; NULL with a `count` of
///         0: none
/// @param count the number of ids, at most 65536
/// @param error receives the error on failure; may be NULL
/// @retval RBTOKEN_OK the deprecated generators were changed
/// @retval RBTOKEN_E_INVALID_ARGUMENT an id is empty
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
            (
                rbtoken_store_t::hold_open(store)?,
                str_list_arg(generator_ids, count, "generator_ids")?,
            )
        };
        store.set_deprecated_generators(&ids.unwrap_or_default())
    };
    // SAFETY: the host's output.
    unsafe { catch_error(error, body) }
}
