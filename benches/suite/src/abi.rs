//! The C ABI of the shared library: `include/rbtoken.h` in Rust's words.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
#![allow(dead_code)]

use std::ffi::{c_char, c_void};

/// A handle of the library's, or a pointer of the host's.
pub type Handle = *mut c_void;

/// The version of the ABI that this file describes, for `rbtoken_abi_is_compatible()`.
pub const ABI_VERSION: u32 = 2;

/// `RBTOKEN_OK`.
pub const OK: i32 = 0;
/// `RBTOKEN_E_NULL_ARGUMENT`.
pub const E_NULL_ARGUMENT: i32 = 1;
/// `RBTOKEN_E_INVALID_ARGUMENT`.
pub const E_INVALID_ARGUMENT: i32 = 2;
/// `RBTOKEN_E_INVALID_UTF8`.
pub const E_INVALID_UTF8: i32 = 3;
/// `RBTOKEN_E_EMBEDDED_NUL`.
pub const E_EMBEDDED_NUL: i32 = 4;
/// `RBTOKEN_E_TOO_LONG`.
pub const E_TOO_LONG: i32 = 5;
/// `RBTOKEN_E_STRUCT_SIZE`.
pub const E_STRUCT_SIZE: i32 = 6;
/// `RBTOKEN_E_UNSUPPORTED_OPTION`.
pub const E_UNSUPPORTED_OPTION: i32 = 7;
/// `RBTOKEN_E_TIME_RANGE`.
pub const E_TIME_RANGE: i32 = 8;
/// `RBTOKEN_E_JSON_SYNTAX`.
pub const E_JSON_SYNTAX: i32 = 40;
/// `RBTOKEN_E_JSON_TYPE`.
pub const E_JSON_TYPE: i32 = 41;
/// `RBTOKEN_E_JSON_TOO_DEEP`.
pub const E_JSON_TOO_DEEP: i32 = 42;
/// `RBTOKEN_E_JSON_NUMBER`.
pub const E_JSON_NUMBER: i32 = 43;
/// `RBTOKEN_E_POLICY`.
pub const E_POLICY: i32 = 44;
/// `RBTOKEN_E_NOT_FOUND`.
pub const E_NOT_FOUND: i32 = 80;
/// `RBTOKEN_E_EXISTS`.
pub const E_EXISTS: i32 = 81;
/// `RBTOKEN_E_STATE`.
pub const E_STATE: i32 = 82;
/// `RBTOKEN_E_UNSUPPORTED`.
pub const E_UNSUPPORTED: i32 = 83;
/// `RBTOKEN_E_FORKED`.
pub const E_FORKED: i32 = 84;
/// `RBTOKEN_E_POISONED`.
pub const E_POISONED: i32 = 85;
/// `RBTOKEN_E_GENERATION`.
pub const E_GENERATION: i32 = 120;
/// `RBTOKEN_E_CALLBACK`.
pub const E_CALLBACK: i32 = 121;
/// `RBTOKEN_E_LOCKED`.
pub const E_LOCKED: i32 = 160;
/// `RBTOKEN_E_IO`.
pub const E_IO: i32 = 161;
/// `RBTOKEN_E_CORRUPT`.
pub const E_CORRUPT: i32 = 162;
/// `RBTOKEN_E_VERSION`.
pub const E_VERSION: i32 = 163;
/// `RBTOKEN_E_DATABASE`.
pub const E_DATABASE: i32 = 164;
/// `RBTOKEN_E_TIMEOUT`.
pub const E_TIMEOUT: i32 = 165;
/// `RBTOKEN_E_NO_MEMORY`.
pub const E_NO_MEMORY: i32 = 200;
/// `RBTOKEN_E_INTERNAL`.
pub const E_INTERNAL: i32 = 201;
/// `RBTOKEN_LOG_ERROR`.
pub const LOG_ERROR: i32 = 1;
/// `RBTOKEN_LOG_WARN`.
pub const LOG_WARN: i32 = 2;
/// `RBTOKEN_LOG_INFO`.
pub const LOG_INFO: i32 = 3;
/// `RBTOKEN_LOG_DEBUG`.
pub const LOG_DEBUG: i32 = 4;
/// `RBTOKEN_EXPIRES_DEFAULT`.
pub const EXPIRES_DEFAULT: i32 = 0;
/// `RBTOKEN_EXPIRES_NEVER`.
pub const EXPIRES_NEVER: i32 = 1;
/// `RBTOKEN_EXPIRES_AT`.
pub const EXPIRES_AT: i32 = 2;
/// `RBTOKEN_MIN_VALIDITY_DEFAULT`.
pub const MIN_VALIDITY_DEFAULT: i32 = 0;
/// `RBTOKEN_MIN_VALIDITY_SECS`.
pub const MIN_VALIDITY_SECS: i32 = 1;
/// `RBTOKEN_FILTER_SITE_ALL`.
pub const FILTER_SITE_ALL: i32 = 0;
/// `RBTOKEN_FILTER_SITE_GLOBAL`.
pub const FILTER_SITE_GLOBAL: i32 = 1;
/// `RBTOKEN_FILTER_SITE_NAMED`.
pub const FILTER_SITE_NAMED: i32 = 2;
/// `RBTOKEN_FILTER_VALIDITY_ANY`.
pub const FILTER_VALIDITY_ANY: i32 = 0;
/// `RBTOKEN_FILTER_VALIDITY_VALID`.
pub const FILTER_VALIDITY_VALID: i32 = 1;
/// `RBTOKEN_FILTER_VALIDITY_DEAD`.
pub const FILTER_VALIDITY_DEAD: i32 = 2;
/// `RBTOKEN_VERDICT_REFUSED`.
pub const VERDICT_REFUSED: i32 = 0;
/// `RBTOKEN_VERDICT_OK`.
pub const VERDICT_OK: i32 = 1;
/// `RBTOKEN_VERDICT_UNKNOWN`.
pub const VERDICT_UNKNOWN: i32 = 2;
/// `RBTOKEN_VERDICT_INVALID`.
pub const VERDICT_INVALID: i32 = 3;
/// `RBTOKEN_VERDICT_EXPIRED`.
pub const VERDICT_EXPIRED: i32 = 4;
/// `RBTOKEN_VERDICT_INACTIVE_USER`.
pub const VERDICT_INACTIVE_USER: i32 = 5;
/// `RBTOKEN_VERDICT_WRONG_SITE`.
pub const VERDICT_WRONG_SITE: i32 = 6;
/// `RBTOKEN_VERDICT_NOT_A_TOKEN`.
pub const VERDICT_NOT_A_TOKEN: i32 = 7;
/// `RBTOKEN_SITE_GLOBAL`.
pub const SITE_GLOBAL: i32 = 0;
/// `RBTOKEN_SITE_NAMED`.
pub const SITE_NAMED: i32 = 1;
/// `RBTOKEN_SITE_ANY`.
pub const SITE_ANY: i32 = 2;
/// `RBTOKEN_FIELD_KEEP`.
pub const FIELD_KEEP: i32 = 0;
/// `RBTOKEN_FIELD_NONE`.
pub const FIELD_NONE: i32 = 1;
/// `RBTOKEN_FIELD_SET`.
pub const FIELD_SET: i32 = 2;
/// `RBTOKEN_EXPIRATION_DEFAULT`.
pub const EXPIRATION_DEFAULT: i32 = 0;
/// `RBTOKEN_EXPIRATION_NEVER`.
pub const EXPIRATION_NEVER: i32 = 1;
/// `RBTOKEN_EXPIRATION_SECS`.
pub const EXPIRATION_SECS: i32 = 2;
/// `RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED`.
pub const CLIENT_TOKEN_IGNORE_DEPRECATED: u32 = 1;
/// `RBTOKEN_GENERATE_INVALID`.
pub const GENERATE_INVALID: u32 = 1;
/// `RBTOKEN_GENERATE_AUTO_GENERATED`.
pub const GENERATE_AUTO_GENERATED: u32 = 2;
/// `RBTOKEN_IMPORT_INVALID`.
pub const IMPORT_INVALID: u32 = 1;
/// `RBTOKEN_IMPORT_TIME_ADDED_KNOWN`.
pub const IMPORT_TIME_ADDED_KNOWN: u32 = 2;
/// `RBTOKEN_IMPORT_LAST_UPDATED_KNOWN`.
pub const IMPORT_LAST_UPDATED_KNOWN: u32 = 4;
/// `RBTOKEN_IMPORT_LAST_USED_KNOWN`.
pub const IMPORT_LAST_USED_KNOWN: u32 = 8;
/// `RBTOKEN_IMPORT_EXPIRES_KNOWN`.
pub const IMPORT_EXPIRES_KNOWN: u32 = 16;
/// `RBTOKEN_IMPORT_INVALID_DATE_KNOWN`.
pub const IMPORT_INVALID_DATE_KNOWN: u32 = 32;
/// `RBTOKEN_FILTER_EXPIRES_BEFORE`.
pub const FILTER_EXPIRES_BEFORE: u32 = 1;
/// `RBTOKEN_JSON_WITH_VALUE`.
pub const JSON_WITH_VALUE: u32 = 1;

/// `rbtoken_clock_t`.
#[repr(C)]
pub struct Clock {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub now: *const c_void,
    pub destroy: *const c_void,
}

/// `rbtoken_entropy_t`.
#[repr(C)]
pub struct Entropy {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub fill: *const c_void,
    pub destroy: *const c_void,
}

/// `rbtoken_log_t`.
#[repr(C)]
pub struct Log {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub log: *const c_void,
    pub destroy: *const c_void,
}

/// `rbtoken_store_options_t`.
#[repr(C)]
pub struct StoreOptions {
    pub struct_size: usize,
    pub location: *const c_char,
    pub location_len: usize,
    pub settings: *const c_char,
    pub settings_len: usize,
    pub clock: *const Clock,
    pub entropy: *const Entropy,
    pub log: *const Log,
}

/// `rbtoken_progress_t`.
#[repr(C)]
pub struct Progress {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub progress: *const c_void,
    pub destroy: *const c_void,
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

/// `rbtoken_generate_options_t`.
#[repr(C)]
pub struct GenerateOptions {
    pub struct_size: usize,
    pub expires_mode: i32,
    pub flags: u32,
    pub expires_at_us: i64,
    pub generator_id: *const c_char,
    pub generator_id_len: usize,
    pub token_type: *const c_char,
    pub token_type_len: usize,
    pub local_site: *const c_char,
    pub local_site_len: usize,
    pub note: *const c_char,
    pub note_len: usize,
    pub policy: *const c_char,
    pub policy_len: usize,
    pub extra_data: *const c_char,
    pub extra_data_len: usize,
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

/// `rbtoken_login_options_t`.
#[repr(C)]
pub struct LoginOptions {
    pub struct_size: usize,
    pub site_mode: i32,
    pub reserved: u32,
    pub site: *const c_char,
    pub site_len: usize,
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

/// `rbtoken_hooks_t`.
#[repr(C)]
pub struct Hooks {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub created: *const c_void,
    pub updated: *const c_void,
    pub invalidated: *const c_void,
    pub expired: *const c_void,
    pub used: *const c_void,
    pub deleted: *const c_void,
    pub destroy: *const c_void,
}

/// `rbtoken_generator_t`.
#[repr(C)]
pub struct Generator {
    pub struct_size: usize,
    pub user_data: *mut c_void,
    pub create: *const c_void,
    pub validate: *const c_void,
    pub destroy: *const c_void,
}

/// `rbtoken_service_account_options_t`.
#[repr(C)]
pub struct ServiceAccountOptions {
    pub struct_size: usize,
    pub expiration_mode: i32,
    pub token_version: u32,
    pub expiration_secs: i64,
    pub id: *const c_char,
    pub id_len: usize,
    pub user: *const c_char,
    pub user_len: usize,
    pub policy: *const c_char,
    pub policy_len: usize,
}

/// `rbtoken_service_token_options_t`.
#[repr(C)]
pub struct ServiceTokenOptions {
    pub struct_size: usize,
    pub min_validity_mode: i32,
    pub reserved: u32,
    pub min_validity_secs: i64,
    pub local_site: *const c_char,
    pub local_site_len: usize,
}

/// Declares pointers to the library's functions, and loads them.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// Pointers to the library's functions.
        pub struct Api {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Api {
            /// Looks every function up.
            pub fn load(library: &libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: the functions are declared as the header declares them.
                unsafe {
                    Ok(Self { $($name: *library.get(concat!("rbtoken_", stringify!($name)))?,)* })
                }
            }
        }
    };
}

functions! {
    version: fn() -> *const c_char;
    abi_version: fn() -> u32;
    abi_is_compatible: fn(u32) -> bool;
    status_name: fn(i32) -> *const c_char;
    error_status: fn(Handle) -> i32;
    error_message: fn(Handle) -> *const c_char;
    error_argument: fn(Handle) -> *const c_char;
    error_json_path: fn(Handle) -> *const c_char;
    error_free: fn(Handle);
    buffer_data: fn(Handle, *mut usize) -> *const c_char;
    buffer_free: fn(Handle);
    store_open: fn(*const StoreOptions, *mut Handle, *mut Handle) -> i32;
    store_shared: fn(*const StoreOptions, *mut Handle, *mut Handle) -> i32;
    store_retain: fn(Handle) -> Handle;
    store_release: fn(Handle);
    store_flush: fn(Handle, *mut Handle) -> i32;
    store_set_setting: fn(Handle, *const c_char, usize, *const c_char, usize, *mut Handle) -> i32;
    store_get_setting: fn(Handle, *const c_char, usize, *mut Handle, *mut Handle) -> i32;
    store_statistics: fn(Handle, *mut Handle, *mut Handle) -> i32;
    store_add_local_site: fn(Handle, *const c_char, usize, *mut Handle) -> i32;
    store_remove_local_site: fn(Handle, *const c_char, usize, *mut Handle) -> i32;
    store_set_user_active: fn(Handle, *const c_char, usize, i32, *mut Handle) -> i32;
    store_set_policy_ids: fn(Handle, *const *const c_char, usize, *mut Handle) -> i32;
    store_backup: fn(Handle, *const c_char, usize, *mut Handle) -> i32;
    store_export_file: fn(Handle, *const c_char, usize, *const Progress, *mut u64, *mut Handle) -> i32;
    store_import_file: fn(Handle, *const c_char, usize, *const Progress, *mut u64, *mut Handle) -> i32;
    store_get_or_create_client_token: fn(Handle, *const c_char, usize, *const c_char, usize, *const ClientTokenOptions, *mut Handle, *mut bool, *mut Handle) -> i32;
    store_generate_token: fn(Handle, *const c_char, usize, *const GenerateOptions, *mut Handle, *mut Handle) -> i32;
    store_import_token: fn(Handle, *const c_char, usize, *const c_char, usize, *const ImportOptions, *mut Handle, *mut Handle) -> i32;
    store_find_token: fn(Handle, *const c_char, usize, *mut Handle, *mut Handle) -> i32;
    store_get_token: fn(Handle, i64, *mut Handle, *mut Handle) -> i32;
    store_list_tokens: fn(Handle, *const TokenFilter, *mut Handle, *mut Handle) -> i32;
    store_token_count: fn(Handle, *mut u64, *mut Handle) -> i32;
    store_value_is_valid: fn(Handle, *const c_char, usize, *const c_char, usize, *const c_char, usize, *mut bool, *mut Handle) -> i32;
    verdict_name: fn(i32) -> *const c_char;
    store_authenticate: fn(Handle, *const c_char, usize, *const LoginOptions, *mut i32, *mut Handle, *mut Handle, *mut Handle) -> i32;
    store_forget_logins: fn(Handle, *const c_char, usize, *mut Handle) -> i32;
    store_authenticate_header: fn(Handle, *const c_char, usize, *const LoginOptions, *mut i32, *mut Handle, *mut Handle, *mut Handle) -> i32;
    store_update_token: fn(Handle, i64, *const TokenUpdate, *mut Handle, *mut Handle) -> i32;
    store_invalidate_token: fn(Handle, *const c_char, usize, *const c_char, usize, *mut Handle) -> i32;
    store_invalidate_token_by_id: fn(Handle, i64, *const c_char, usize, *mut Handle) -> i32;
    store_invalidate_user_tokens: fn(Handle, *const c_char, usize, *const c_char, usize, *mut u64, *mut Handle) -> i32;
    store_invalidate_all_tokens: fn(Handle, *const c_char, usize, *mut u64, *mut Handle) -> i32;
    store_delete_token: fn(Handle, i64, *mut Handle) -> i32;
    store_purge_tokens: fn(Handle, i64, *mut u64, *mut Handle) -> i32;
    store_add_hooks: fn(Handle, *const Hooks, *mut u64, *mut Handle) -> i32;
    store_remove_hooks: fn(Handle, u64, *mut Handle) -> i32;
    store_add_generator: fn(Handle, *const c_char, usize, *const Generator, *mut Handle) -> i32;
    store_set_default_generator: fn(Handle, *const c_char, usize, *mut Handle) -> i32;
    store_set_deprecated_generators: fn(Handle, *const *const c_char, usize, *mut Handle) -> i32;
    service_account_new: fn(*const ServiceAccountOptions, *mut Handle, *mut Handle) -> i32;
    service_account_get_api_token: fn(Handle, Handle, *const ServiceTokenOptions, *mut Handle, *mut bool, *mut Handle) -> i32;
    service_account_free: fn(Handle);
    token_retain: fn(Handle) -> Handle;
    token_release: fn(Handle);
    token_id: fn(Handle) -> i64;
    token_value: fn(Handle, *mut usize) -> *const c_char;
    token_redacted: fn(Handle, *mut usize) -> *const c_char;
    token_user: fn(Handle, *mut usize) -> *const c_char;
    token_local_site: fn(Handle, *mut usize) -> *const c_char;
    token_client_name: fn(Handle, *mut usize) -> *const c_char;
    token_note: fn(Handle, *mut usize) -> *const c_char;
    token_generator_id: fn(Handle, *mut usize) -> *const c_char;
    token_policy: fn(Handle, *mut usize) -> *const c_char;
    token_extra_data: fn(Handle, *mut usize) -> *const c_char;
    token_invalid_reason: fn(Handle, *mut usize) -> *const c_char;
    token_expires: fn(Handle, *mut i64) -> bool;
    token_time_added: fn(Handle, *mut i64) -> bool;
    token_last_updated: fn(Handle, *mut i64) -> bool;
    token_last_used: fn(Handle, *mut i64) -> bool;
    token_invalid_date: fn(Handle, *mut i64) -> bool;
    token_is_invalidated: fn(Handle) -> bool;
    token_is_expired: fn(Handle, i64) -> bool;
    token_is_deprecated: fn(Handle) -> bool;
    token_to_json: fn(Handle, i64, u32, *mut Handle, *mut Handle) -> i32;
    token_list_count: fn(Handle) -> usize;
    token_list_get: fn(Handle, usize) -> Handle;
    token_list_free: fn(Handle);
    token_allows: fn(Handle, *const c_char, usize, *const c_char, usize, *const c_char, usize, *mut bool, *mut Handle) -> i32;
    policy_parse: fn(Handle, *const c_char, usize, *mut Handle, *mut Handle) -> i32;
    policy_allows: fn(Handle, *const c_char, usize, *const c_char, usize, *const c_char, usize, *mut bool, *mut Handle) -> i32;
    policy_free: fn(Handle);
}
