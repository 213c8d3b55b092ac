//! The C ABI of the shared object, as far as it is measured: `include/rbtoken.h` in Rust's words.
//! The library checks the sizes of the structs.

use std::ffi::{c_char, c_void};
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
    pub struct_size: usize,
    pub location: *const c_char,
    pub location_len: usize,
    pub settings: *const c_char,
    pub settings_len: usize,
    pub clock: *const c_void,
    pub entropy: *const c_void,
}

/// `rbtoken_client_token_options_t`.
#[repr(C)]
pub struct ClientTokenOptions {
    pub struct_size: usize,
    pub expires_mode: i32,
    pub min_validity_mode: i32,
    pub expires_at_us: i64,
    pub min_validity_secs: i64,
    pub flags: u32,
    pub reserved: u32,
    pub local_site: *const c_char,
    pub local_site_len: usize,
    pub default_policy: *const c_char,
    pub default_policy_len: usize,
    pub default_extra_data: *const c_char,
    pub default_extra_data_len: usize,
}

/// `rbtoken_import_options_t`.
#[repr(C)]
pub struct ImportOptions {
    pub struct_size: usize,
    pub flags: u32,
    pub reserved: u32,
    pub time_added_us: i64,
    pub last_updated_us: i64,
    pub last_used_us: i64,
    pub expires_at_us: i64,
    pub invalid_date_us: i64,
    pub invalid_reason: *const c_char,
    pub invalid_reason_len: usize,
    pub generator_id: *const c_char,
    pub generator_id_len: usize,
    pub local_site: *const c_char,
    pub local_site_len: usize,
    pub note: *const c_char,
    pub note_len: usize,
    pub policy: *const c_char,
    pub policy_len: usize,
    pub extra_data: *const c_char,
    pub extra_data_len: usize,
}

/// `rbtoken_token_filter_t`.
#[repr(C)]
pub struct TokenFilter {
    pub struct_size: usize,
    pub local_site_mode: i32,
    pub validity_mode: i32,
    pub flags: u32,
    pub reserved: u32,
    pub expires_before_us: i64,
    pub local_site: *const c_char,
    pub local_site_len: usize,
    pub user: *const c_char,
    pub user_len: usize,
    pub client_name: *const c_char,
    pub client_name_len: usize,
}

/// `rbtoken_token_update_t`.
#[repr(C)]
pub struct TokenUpdate {
    pub struct_size: usize,
    pub expires_mode: i32,
    pub note_mode: i32,
    pub policy_mode: i32,
    pub extra_data_mode: i32,
    pub expires_at_us: i64,
    pub note: *const c_char,
    pub note_len: usize,
    pub policy: *const c_char,
    pub policy_len: usize,
    pub extra_data: *const c_char,
    pub extra_data_len: usize,
}

/// What `RBTOKEN_INIT()` does.
pub fn init<T>() -> T {
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

/// A text's first byte.
pub type Text = *const c_char;
/// Where an error goes: here always NULL.
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
        Handle, Text, usize, *const c_void, *mut Handle, Error
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
    store_invalidate_user_tokens: fn(
        Handle, Text, usize, Text, usize, *mut u64, Error
    ) -> Status;
    store_invalidate_all_tokens: fn(Handle, Text, usize, *mut u64, Error) -> Status;
    store_delete_token: fn(Handle, i64, Error) -> Status;
    store_purge_tokens: fn(Handle, i64, *mut u64, Error) -> Status;
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
