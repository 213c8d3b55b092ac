//! The structs of the header and their fields, for a test that knows their layout in Rust.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated

use rbtoken::extension::*;
use rbtoken::ffi::*;

layouts! {
    rbtoken_clock_t {
        struct_size,
        user_data,
        now,
        destroy,
    }
    rbtoken_entropy_t {
        struct_size,
        user_data,
        fill,
        destroy,
    }
    rbtoken_log_t {
        struct_size,
        user_data,
        log,
        destroy,
    }
    rbtoken_store_options_t {
        struct_size,
        location,
        location_len,
        settings,
        settings_len,
        clock,
        entropy,
        log,
    }
    rbtoken_progress_t {
        struct_size,
        user_data,
        progress,
        destroy,
    }
    rbtoken_client_token_options_t {
        struct_size,
        expires_mode,
        min_validity_mode,
        expires_at_us,
        min_validity_secs,
        flags,
        reserved,
        local_site,
        local_site_len,
        default_policy,
        default_policy_len,
        default_extra_data,
        default_extra_data_len,
    }
    rbtoken_generate_options_t {
        struct_size,
        expires_mode,
        flags,
        expires_at_us,
        generator_id,
        generator_id_len,
        token_type,
        token_type_len,
        local_site,
        local_site_len,
        note,
        note_len,
        policy,
        policy_len,
        extra_data,
        extra_data_len,
    }
    rbtoken_import_options_t {
        struct_size,
        flags,
        reserved,
        time_added_us,
        last_updated_us,
        last_used_us,
        expires_at_us,
        invalid_date_us,
        invalid_reason,
        invalid_reason_len,
        generator_id,
        generator_id_len,
        local_site,
        local_site_len,
        note,
        note_len,
        policy,
        policy_len,
        extra_data,
        extra_data_len,
    }
    rbtoken_token_filter_t {
        struct_size,
        local_site_mode,
        validity_mode,
        flags,
        reserved,
        expires_before_us,
        local_site,
        local_site_len,
        user,
        user_len,
        client_name,
        client_name_len,
    }
    rbtoken_login_options_t {
        struct_size,
        site_mode,
        reserved,
        site,
        site_len,
    }
    rbtoken_token_update_t {
        struct_size,
        expires_mode,
        note_mode,
        policy_mode,
        extra_data_mode,
        expires_at_us,
        note,
        note_len,
        policy,
        policy_len,
        extra_data,
        extra_data_len,
    }
    rbtoken_hooks_t {
        struct_size,
        user_data,
        created,
        updated,
        invalidated,
        expired,
        used,
        deleted,
        destroy,
    }
    rbtoken_generator_t {
        struct_size,
        user_data,
        create,
        validate,
        destroy,
    }
    rbtoken_service_account_options_t {
        struct_size,
        expiration_mode,
        token_version,
        expiration_secs,
        id,
        id_len,
        user,
        user_len,
        policy,
        policy_len,
    }
    rbtoken_service_token_options_t {
        struct_size,
        min_validity_mode,
        reserved,
        min_validity_secs,
        local_site,
        local_site_len,
    }
    rbtoken_host_v1_t {
        struct_size,
        user_data,
        log,
        now,
        fill,
    }
    rbtoken_extension_v1_t {
        struct_size,
        id,
        name,
        version,
        author,
        license,
        summary,
        url,
        create,
        configure,
        initialize,
        shutdown,
        destroy,
        get_store,
        get_settings,
        get_settings_schema,
        get_interface,
    }
    rbtoken_about_interface_v1_t {
        struct_size,
        version,
        abi_version,
        abi_is_compatible,
        status_name,
        verdict_name,
    }
    rbtoken_error_interface_v1_t {
        struct_size,
        status,
        message,
        argument,
        json_path,
        free,
    }
    rbtoken_buffer_interface_v1_t {
        struct_size,
        data,
        free,
    }
    rbtoken_store_interface_v1_t {
        struct_size,
        open,
        shared,
        retain,
        release,
        set_setting,
        get_setting,
        add_local_site,
        remove_local_site,
        set_user_active,
        set_policy_ids,
        get_or_create_client_token,
        generate_token,
        import_token,
        find_token,
        get_token,
        list_tokens,
        token_count,
        value_is_valid,
        authenticate,
        authenticate_header,
        update_token,
        invalidate_token,
        invalidate_token_by_id,
        invalidate_user_tokens,
        invalidate_all_tokens,
        delete_token,
        purge_tokens,
        flush,
        backup,
        export_file,
        import_file,
        statistics,
        forget_logins,
    }
    rbtoken_hooks_interface_v1_t {
        struct_size,
        add_hooks,
        remove_hooks,
    }
    rbtoken_generator_interface_v1_t {
        struct_size,
        add_generator,
        set_default_generator,
        set_deprecated_generators,
    }
    rbtoken_service_account_interface_v1_t {
        struct_size,
        create,
        get_api_token,
        free,
    }
    rbtoken_token_interface_v1_t {
        struct_size,
        retain,
        release,
        id,
        value,
        redacted,
        user,
        local_site,
        client_name,
        note,
        generator_id,
        policy,
        extra_data,
        invalid_reason,
        expires,
        time_added,
        last_updated,
        last_used,
        invalid_date,
        is_invalidated,
        is_expired,
        is_deprecated,
        to_json,
        allows,
    }
    rbtoken_token_list_interface_v1_t {
        struct_size,
        count,
        get,
        free,
    }
    rbtoken_policy_interface_v1_t {
        struct_size,
        parse,
        allows,
        free,
    }
}
