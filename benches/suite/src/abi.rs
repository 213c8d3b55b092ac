//! The C ABI of the shared object, as far as it is measured: `include/rbtoken.h` in Rust's words.
//! The library checks the sizes of the structs.

use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// A handle of the library's, or a pointer of ours that it passes back.
pub type Handle = *mut c_void;
/// `rbtoken_status_t`.
pub type Status = i32;
/// `RBTOKEN_E_UNSUPPORTED`.
pub const UNSUPPORTED: Status = 83;
/// `RBTOKEN_VERDICT_OK`.
pub const VERDICT_OK: i32 = 1;

/// `rbtoken_store_options_t`.
#[repr(C)]
pub struct StoreOptions {
    struct_size: usize,
    location: *const c_char,
    location_len: usize,
    settings: *const c_char,
    settings_len: usize,
    clock: *const c_void,
    entropy: *const c_void,
}

/// `rbtoken_client_token_options_t`.
#[repr(C)]
pub struct ClientTokenOptions {
    struct_size: usize,
    expires_mode: i32,
    min_validity_mode: i32,
    expires_at_us: i64,
    min_validity_secs: i64,
    flags: u32,
    reserved: u32,
    local_site: *const c_char,
    local_site_len: usize,
    default_policy: *const c_char,
    default_policy_len: usize,
    default_extra_data: *const c_char,
    default_extra_data_len: usize,
}

/// `rbtoken_generate_options_t`.
#[repr(C)]
pub struct GenerateOptions {
    struct_size: usize,
    expires_mode: i32,
    flags: u32,
    expires_at_us: i64,
    generator_id: *const c_char,
    generator_id_len: usize,
    token_type: *const c_char,
    token_type_len: usize,
    local_site: *const c_char,
    local_site_len: usize,
    note: *const c_char,
    note_len: usize,
    policy: *const c_char,
    policy_len: usize,
    extra_data: *const c_char,
    extra_data_len: usize,
}

/// `rbtoken_import_options_t`.
#[repr(C)]
pub struct ImportOptions {
    struct_size: usize,
    flags: u32,
    reserved: u32,
    time_added_us: i64,
    last_updated_us: i64,
    last_used_us: i64,
    expires_at_us: i64,
    invalid_date_us: i64,
    invalid_reason: *const c_char,
    invalid_reason_len: usize,
    generator_id: *const c_char,
    generator_id_len: usize,
    local_site: *const c_char,
    local_site_len: usize,
    note: *const c_char,
    note_len: usize,
    policy: *const c_char,
    policy_len: usize,
    extra_data: *const c_char,
    extra_data_len: usize,
}

/// `rbtoken_token_filter_t`.
#[repr(C)]
pub struct TokenFilter {
    struct_size: usize,
    local_site_mode: i32,
    validity_mode: i32,
    flags: u32,
    reserved: u32,
    expires_before_us: i64,
    local_site: *const c_char,
    local_site_len: usize,
    user: *const c_char,
    user_len: usize,
    client_name: *const c_char,
    client_name_len: usize,
}

/// `rbtoken_token_update_t`.
#[repr(C)]
pub struct TokenUpdate {
    struct_size: usize,
    expires_mode: i32,
    note_mode: i32,
    policy_mode: i32,
    extra_data_mode: i32,
    expires_at_us: i64,
    note: *const c_char,
    note_len: usize,
    policy: *const c_char,
    policy_len: usize,
    extra_data: *const c_char,
    extra_data_len: usize,
}

/// `rbtoken_generator_t`.
#[repr(C)]
pub struct Generator {
    pub struct_size: usize,
    pub user_data: Handle,
    pub create: unsafe extern "C" fn(
        Handle,
        token_type: *const c_char,
        attempt: u32,
        value: *mut c_char,
        capacity: usize,
        value_len: *mut usize,
    ) -> Status,
    pub validate:
        unsafe extern "C" fn(Handle, *const c_char, *const c_char, usize, *mut bool) -> Status,
    pub destroy: Option<unsafe extern "C" fn(Handle)>,
}

/// What `RBTOKEN_INIT()` does.
fn init<T>() -> T {
    // SAFETY: only used for the structs above, where zeroes are values of all fields; each starts
    // with its size.
    unsafe {
        let mut options: T = std::mem::zeroed();
        (&raw mut options).cast::<usize>().write(size_of::<T>());
        options
    }
}

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Pointers to the library's functions.
        pub struct Api {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            fn load(library: &libloading::Library) -> Result<Self> {
                // SAFETY: the functions are declared as the header declares them.
                unsafe {
                    Ok(Self { $($name: *library.get(concat!("rbtoken_", stringify!($name)))?,)* })
                }
            }
        }
    };
}

type Text = *const c_char;
type Error = *mut Handle;

functions! {
    version: fn() -> Text;
    status_name: fn(Status) -> Text;
    store_open: fn(*const StoreOptions, *mut Handle, Error) -> Status;
    store_release: fn(Handle);
    store_get_or_create_client_token: fn(
        Handle, Text, usize, Text, usize, *const ClientTokenOptions, *mut Handle, *mut bool, Error
    ) -> Status;
    store_generate_token: fn(
        Handle, Text, usize, *const GenerateOptions, *mut Handle, Error
    ) -> Status;
    store_import_token: fn(
        Handle, Text, usize, Text, usize, *const ImportOptions, *mut Handle, Error
    ) -> Status;
    store_find_token: fn(Handle, Text, usize, *mut Handle, Error) -> Status;
    store_get_token: fn(Handle, i64, *mut Handle, Error) -> Status;
    store_list_tokens: fn(Handle, *const TokenFilter, *mut Handle, Error) -> Status;
    store_token_count: fn(Handle, *mut u64, Error) -> Status;
    store_authenticate: fn(
        Handle, Text, usize, *const c_void, *mut i32, *mut Handle, *mut Handle, Error
    ) -> Status;
    store_update_token: fn(Handle, i64, *const TokenUpdate, *mut Handle, Error) -> Status;
    store_invalidate_token_by_id: fn(Handle, i64, Text, usize, Error) -> Status;
    store_invalidate_all_tokens: fn(Handle, Text, usize, *mut u64, Error) -> Status;
    store_delete_token: fn(Handle, i64, Error) -> Status;
    store_purge_tokens: fn(Handle, i64, *mut u64, Error) -> Status;
    store_add_generator: fn(Handle, Text, usize, *const Generator, Error) -> Status;
    token_release: fn(Handle);
    token_id: fn(Handle) -> i64;
    token_value: fn(Handle, *mut usize) -> Text;
    token_list_count: fn(Handle) -> usize;
    token_list_free: fn(Handle);
    policy_parse: fn(Handle, Text, usize, *mut Handle, Error) -> Status;
    policy_allows: fn(
        Handle, Text, usize, Text, usize, Text, usize, *mut bool, Error
    ) -> Status;
    policy_free: fn(Handle);
}

static API: OnceLock<Api> = OnceLock::new();

/// Loads the shared object.
pub fn load(path: &std::path::Path) -> Result<()> {
    // SAFETY: the library has no initialisers.
    let library = unsafe { libloading::Library::new(path) }
        .with_context(|| format!("{} cannot be loaded", path.display()))?;
    API.set(Api::load(&library)?).map_err(|_| anyhow!("it is loaded already"))?;
    // It cannot be unloaded anyway.
    std::mem::forget(library);
    Ok(())
}

/// The library's functions.
pub fn api() -> &'static Api {
    API.get().expect("the library is loaded first of all")
}

/// The library's version.
pub fn version() -> String {
    // SAFETY: a C string that lives as long as the library.
    unsafe { std::ffi::CStr::from_ptr((api().version)()) }.to_string_lossy().into_owned()
}

/// Fails unless a status is `RBTOKEN_OK`.
pub fn check(status: Status) -> Result<()> {
    // SAFETY: a C string that lives as long as the library; NULL is not among the answers.
    let name = || unsafe { std::ffi::CStr::from_ptr((api().status_name)(status)) };
    ensure!(status == 0, "the library answered {}", name().to_string_lossy());
    Ok(())
}

fn text(text: &str) -> (Text, usize) {
    (text.as_ptr().cast(), text.len())
}

/// A store's handle.
pub struct Store(Handle);

// SAFETY: the library's functions are thread-safe.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own.
        unsafe { (api().store_release)(self.0) };
    }
}

/// A token's handle.
pub struct Token(Handle);

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own.
        unsafe { (api().token_release)(self.0) };
    }
}

impl Token {
    pub fn id(&self) -> i64 {
        // SAFETY: the handle is this value's own.
        unsafe { (api().token_id)(self.0) }
    }

    pub fn value(&self) -> &[u8] {
        let mut len = 0;
        // SAFETY: the text lives as long as the handle.
        unsafe {
            let value = (api().token_value)(self.0, &raw mut len);
            std::slice::from_raw_parts(value.cast(), len)
        }
    }
}

// Each function below hands the library its own handle, and texts and structs that live for the
// duration of the call: that is the SAFETY of them all.
impl Store {
    /// A store in memory.
    pub fn in_memory() -> Result<Self> {
        let mut store = null_mut();
        check(unsafe { (api().store_open)(null(), &raw mut store, null_mut()) })?;
        Ok(Self(store))
    }

    /// A store at a location; `None` if this build has no such stores.
    pub fn at(location: &str) -> Result<Option<Self>> {
        let mut options: StoreOptions = init();
        (options.location, options.location_len) = text(location);
        let mut store = null_mut();
        let status = unsafe { (api().store_open)(&raw const options, &raw mut store, null_mut()) };
        if status == UNSUPPORTED {
            return Ok(None);
        }
        check(status)?;
        Ok(Some(Self(store)))
    }

    /// The client token of a user, and whether it was created.
    #[inline]
    pub fn client_token(
        &self,
        user: &str,
        client: &str,
        policy: Option<&str>,
    ) -> Result<(Token, bool)> {
        let mut options: ClientTokenOptions;
        let mut chosen = null();
        if let Some(policy) = policy {
            options = init();
            (options.default_policy, options.default_policy_len) = text(policy);
            chosen = &raw mut options;
        }
        let (mut token, mut created) = (null_mut(), false);
        let ((user, user_len), (client, client_len)) = (text(user), text(client));
        check(unsafe {
            (api().store_get_or_create_client_token)(
                self.0,
                user,
                user_len,
                client,
                client_len,
                chosen.cast(),
                &raw mut token,
                &raw mut created,
                null_mut(),
            )
        })?;
        Ok((Token(token), created))
    }

    /// A new token of a user, by a generator; none is the built-in one.
    #[inline]
    pub fn generate(&self, user: &str, generator: Option<&str>) -> Result<Token> {
        let mut options: GenerateOptions = init();
        if let Some(generator) = generator {
            (options.generator_id, options.generator_id_len) = text(generator);
        }
        let mut token = null_mut();
        let (user, user_len) = text(user);
        check(unsafe {
            (api().store_generate_token)(
                self.0,
                user,
                user_len,
                &raw const options,
                &raw mut token,
                null_mut(),
            )
        })?;
        Ok(Token(token))
    }

    /// Takes a token in; with a time, one that was invalidated then.
    pub fn import(&self, user: &str, value: &[u8], invalid_date_us: Option<i64>) -> Result<Token> {
        // RBTOKEN_IMPORT_INVALID and RBTOKEN_IMPORT_INVALID_DATE_KNOWN.
        const INVALIDATED: u32 = 1 | 32;
        let mut options: ImportOptions = init();
        if let Some(date) = invalid_date_us {
            options.flags = INVALIDATED;
            options.invalid_date_us = date;
        }
        let mut token = null_mut();
        let (user, user_len) = text(user);
        check(unsafe {
            (api().store_import_token)(
                self.0,
                user,
                user_len,
                value.as_ptr().cast(),
                value.len(),
                &raw const options,
                &raw mut token,
                null_mut(),
            )
        })?;
        Ok(Token(token))
    }

    /// Logs in: whether the verdict is OK. The handle is given out and back.
    #[inline]
    pub fn log_in(&self, value: &[u8]) -> bool {
        let (mut verdict, mut token) = (0, null_mut());
        unsafe {
            (api().store_authenticate)(
                self.0,
                value.as_ptr().cast(),
                value.len(),
                null(),
                &raw mut verdict,
                &raw mut token,
                null_mut(),
                null_mut(),
            );
            if !token.is_null() {
                (api().token_release)(token);
            }
        }
        verdict == VERDICT_OK
    }

    /// Finds a token by its value, and gives the handle back: whether there is one.
    #[inline]
    pub fn find(&self, value: &[u8]) -> bool {
        let mut token = null_mut();
        unsafe {
            (api().store_find_token)(
                self.0,
                value.as_ptr().cast(),
                value.len(),
                &raw mut token,
                null_mut(),
            );
            (api().token_release)(token);
        }
        !token.is_null()
    }

    /// The token of an id.
    pub fn get(&self, id: i64) -> Result<Token> {
        let mut token = null_mut();
        check(unsafe { (api().store_get_token)(self.0, id, &raw mut token, null_mut()) })?;
        Ok(Token(token))
    }

    /// How many tokens a list of a user's tokens, or of all, has.
    pub fn list(&self, user: Option<&str>) -> Result<usize> {
        let mut filter: TokenFilter = init();
        if let Some(user) = user {
            (filter.user, filter.user_len) = text(user);
        }
        let mut list = null_mut();
        unsafe {
            check((api().store_list_tokens)(self.0, &raw const filter, &raw mut list, null_mut()))?;
            let count = (api().token_list_count)(list);
            (api().token_list_free)(list);
            Ok(count)
        }
    }

    pub fn count(&self) -> Result<u64> {
        let mut count = 0;
        check(unsafe { (api().store_token_count)(self.0, &raw mut count, null_mut()) })?;
        Ok(count)
    }

    /// Replaces a token's note.
    pub fn set_note(&self, id: i64, note: &str) -> Result<()> {
        // RBTOKEN_FIELD_SET.
        const SET: i32 = 2;
        let mut update: TokenUpdate = init();
        update.note_mode = SET;
        (update.note, update.note_len) = text(note);
        let mut token = null_mut();
        check(unsafe {
            (api().store_update_token)(self.0, id, &raw const update, &raw mut token, null_mut())
        })?;
        drop(Token(token));
        Ok(())
    }

    pub fn invalidate(&self, id: i64) -> Result<()> {
        let (reason, len) = text("");
        check(unsafe { (api().store_invalidate_token_by_id)(self.0, id, reason, len, null_mut()) })
    }

    pub fn invalidate_all(&self) -> Result<u64> {
        let (reason, len) = text("");
        let mut count = 0;
        check(unsafe {
            (api().store_invalidate_all_tokens)(self.0, reason, len, &raw mut count, null_mut())
        })?;
        Ok(count)
    }

    pub fn delete(&self, id: i64) -> Result<()> {
        check(unsafe { (api().store_delete_token)(self.0, id, null_mut()) })
    }

    /// Removes the tokens that were dead before a time, and tells how many.
    pub fn purge(&self, dead_before_us: i64) -> Result<u64> {
        let mut count = 0;
        check(unsafe {
            (api().store_purge_tokens)(self.0, dead_before_us, &raw mut count, null_mut())
        })?;
        Ok(count)
    }

    /// Adds a generator, whose functions must keep to the header.
    pub fn add_generator(&self, id: &str, generator: &Generator) -> Result<()> {
        let (id, len) = text(id);
        check(unsafe { (api().store_add_generator)(self.0, id, len, generator, null_mut()) })
    }
}

/// A policy's handle.
pub struct Policy(Handle);

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: the handle is this value's own.
        unsafe { (api().policy_free)(self.0) };
    }
}

impl Policy {
    pub fn parse(document: &str) -> Result<Self> {
        let mut policy = null_mut();
        let (document, len) = text(document);
        // SAFETY: the document lives for the duration of the call.
        check(unsafe {
            (api().policy_parse)(null_mut(), document, len, &raw mut policy, null_mut())
        })?;
        Ok(Self(policy))
    }

    #[inline]
    pub fn allows(&self, id: &str, method: &str, resource: Option<&str>) -> bool {
        let ((id, id_len), (method, method_len)) = (text(id), text(method));
        let (resource, resource_len) = resource.map_or((null(), 0), text);
        let mut allowed = false;
        // SAFETY: the texts live for the duration of the call.
        unsafe {
            (api().policy_allows)(
                self.0,
                id,
                id_len,
                method,
                method_len,
                resource,
                resource_len,
                &raw mut allowed,
                null_mut(),
            );
        }
        allowed
    }
}
