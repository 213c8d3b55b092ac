//! Interface `rbtoken.store/1`.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use std::ffi::c_char;

use crate::ffi::*;

/// Interface `rbtoken.store/1`: the functions for stores, their tokens and logins.
#[repr(C)]
pub struct rbtoken_store_interface_v1_t {
    /// Size of this table in bytes. A member exists if it lies within that size.
    pub struct_size: usize,
    /// `rbtoken_store_open()`
    pub open: unsafe extern "C" fn(
        options: *const rbtoken_store_options_t,
        store: *mut *mut rbtoken_store_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_shared()`
    pub shared: unsafe extern "C" fn(
        options: *const rbtoken_store_options_t,
        store: *mut *mut rbtoken_store_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_retain()`
    pub retain: unsafe extern "C" fn(store: *mut rbtoken_store_t) -> *mut rbtoken_store_t,
    /// `rbtoken_store_release()`
    pub release: unsafe extern "C" fn(store: *mut rbtoken_store_t),
    /// `rbtoken_store_set_setting()`
    pub set_setting: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        name: *const c_char,
        name_len: usize,
        value: *const c_char,
        value_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_get_setting()`
    pub get_setting: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        name: *const c_char,
        name_len: usize,
        value: *mut *mut rbtoken_buffer_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_add_local_site()`
    pub add_local_site: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        local_site: *const c_char,
        local_site_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_remove_local_site()`
    pub remove_local_site: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        local_site: *const c_char,
        local_site_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_set_user_active()`
    pub set_user_active: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        user: *const c_char,
        user_len: usize,
        active: i32,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_set_policy_ids()`
    pub set_policy_ids: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        ids: *const *const c_char,
        count: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_get_or_create_client_token()`
    pub get_or_create_client_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        user: *const c_char,
        user_len: usize,
        client_name: *const c_char,
        client_name_len: usize,
        options: *const rbtoken_client_token_options_t,
        token: *mut *mut rbtoken_token_t,
        created: *mut bool,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_generate_token()`
    pub generate_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        user: *const c_char,
        user_len: usize,
        options: *const rbtoken_generate_options_t,
        token: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_import_token()`
    pub import_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        user: *const c_char,
        user_len: usize,
        value: *const c_char,
        value_len: usize,
        options: *const rbtoken_import_options_t,
        token: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_find_token()`
    pub find_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        value: *const c_char,
        value_len: usize,
        token: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_get_token()`
    pub get_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        id: i64,
        token: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_list_tokens()`
    pub list_tokens: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        filter: *const rbtoken_token_filter_t,
        list: *mut *mut rbtoken_token_list_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_token_count()`
    pub token_count: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_value_is_valid()`
    pub value_is_valid: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        generator_id: *const c_char,
        generator_id_len: usize,
        token_type: *const c_char,
        token_type_len: usize,
        value: *const c_char,
        value_len: usize,
        valid: *mut bool,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_authenticate()`
    pub authenticate: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        value: *const c_char,
        value_len: usize,
        options: *const rbtoken_login_options_t,
        verdict: *mut rbtoken_verdict_t,
        token: *mut *mut rbtoken_token_t,
        refused: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_authenticate_header()`
    pub authenticate_header: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        header: *const c_char,
        header_len: usize,
        options: *const rbtoken_login_options_t,
        verdict: *mut rbtoken_verdict_t,
        token: *mut *mut rbtoken_token_t,
        refused: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_update_token()`
    pub update_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        id: i64,
        update: *const rbtoken_token_update_t,
        token: *mut *mut rbtoken_token_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_invalidate_token()`
    pub invalidate_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        value: *const c_char,
        value_len: usize,
        reason: *const c_char,
        reason_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_invalidate_token_by_id()`
    pub invalidate_token_by_id: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        id: i64,
        reason: *const c_char,
        reason_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_invalidate_user_tokens()`
    pub invalidate_user_tokens: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        user: *const c_char,
        user_len: usize,
        reason: *const c_char,
        reason_len: usize,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_invalidate_all_tokens()`
    pub invalidate_all_tokens: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        reason: *const c_char,
        reason_len: usize,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_delete_token()`
    pub delete_token: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        id: i64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_purge_tokens()`
    pub purge_tokens: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        dead_before_us: i64,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_flush()`
    pub flush: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_backup()`
    pub backup: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        path: *const c_char,
        path_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_export_file()`
    pub export_file: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        path: *const c_char,
        path_len: usize,
        progress: *const rbtoken_progress_t,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_import_file()`
    pub import_file: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        path: *const c_char,
        path_len: usize,
        progress: *const rbtoken_progress_t,
        count: *mut u64,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_statistics()`
    pub statistics: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        statistics: *mut *mut rbtoken_buffer_t,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
    /// `rbtoken_store_forget_logins()`
    pub forget_logins: unsafe extern "C" fn(
        store: *mut rbtoken_store_t,
        value: *const c_char,
        value_len: usize,
        error: *mut *mut rbtoken_error_t,
    ) -> rbtoken_status_t,
}

pub(super) static TABLE: rbtoken_store_interface_v1_t = rbtoken_store_interface_v1_t {
    struct_size: size_of::<rbtoken_store_interface_v1_t>(),
    open: rbtoken_store_open,
    shared: rbtoken_store_shared,
    retain: rbtoken_store_retain,
    release: rbtoken_store_release,
    set_setting: rbtoken_store_set_setting,
    get_setting: rbtoken_store_get_setting,
    add_local_site: rbtoken_store_add_local_site,
    remove_local_site: rbtoken_store_remove_local_site,
    set_user_active: rbtoken_store_set_user_active,
    set_policy_ids: rbtoken_store_set_policy_ids,
    get_or_create_client_token: rbtoken_store_get_or_create_client_token,
    generate_token: rbtoken_store_generate_token,
    import_token: rbtoken_store_import_token,
    find_token: rbtoken_store_find_token,
    get_token: rbtoken_store_get_token,
    list_tokens: rbtoken_store_list_tokens,
    token_count: rbtoken_store_token_count,
    value_is_valid: rbtoken_store_value_is_valid,
    authenticate: rbtoken_store_authenticate,
    authenticate_header: rbtoken_store_authenticate_header,
    update_token: rbtoken_store_update_token,
    invalidate_token: rbtoken_store_invalidate_token,
    invalidate_token_by_id: rbtoken_store_invalidate_token_by_id,
    invalidate_user_tokens: rbtoken_store_invalidate_user_tokens,
    invalidate_all_tokens: rbtoken_store_invalidate_all_tokens,
    delete_token: rbtoken_store_delete_token,
    purge_tokens: rbtoken_store_purge_tokens,
    flush: rbtoken_store_flush,
    backup: rbtoken_store_backup,
    export_file: rbtoken_store_export_file,
    import_file: rbtoken_store_import_file,
    statistics: rbtoken_store_statistics,
    forget_logins: rbtoken_store_forget_logins,
};
