// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Pointer;
import com.sun.jna.Structure;
import com.sun.jna.Structure.FieldOrder;
import java.util.List;

/** The functions and structs of the header. */
final class Header {
    /** The functions, and the members of the extension table. */
    static final List<String> FUNCTIONS = List.of(
            "rbtoken_version",
            "rbtoken_abi_version",
            "rbtoken_abi_is_compatible",
            "rbtoken_status_name",
            "rbtoken_error_status",
            "rbtoken_error_message",
            "rbtoken_error_argument",
            "rbtoken_error_json_path",
            "rbtoken_error_free",
            "rbtoken_buffer_data",
            "rbtoken_buffer_free",
            "rbtoken_store_open",
            "rbtoken_store_shared",
            "rbtoken_store_retain",
            "rbtoken_store_release",
            "rbtoken_store_flush",
            "rbtoken_store_set_setting",
            "rbtoken_store_get_setting",
            "rbtoken_store_statistics",
            "rbtoken_store_add_local_site",
            "rbtoken_store_remove_local_site",
            "rbtoken_store_set_user_active",
            "rbtoken_store_set_policy_ids",
            "rbtoken_store_backup",
            "rbtoken_store_export_file",
            "rbtoken_store_import_file",
            "rbtoken_store_get_or_create_client_token",
            "rbtoken_store_generate_token",
            "rbtoken_store_import_token",
            "rbtoken_store_find_token",
            "rbtoken_store_get_token",
            "rbtoken_store_list_tokens",
            "rbtoken_store_token_count",
            "rbtoken_store_value_is_valid",
            "rbtoken_verdict_name",
            "rbtoken_store_authenticate",
            "rbtoken_store_forget_logins",
            "rbtoken_store_authenticate_header",
            "rbtoken_store_update_token",
            "rbtoken_store_invalidate_token",
            "rbtoken_store_invalidate_token_by_id",
            "rbtoken_store_invalidate_user_tokens",
            "rbtoken_store_invalidate_all_tokens",
            "rbtoken_store_delete_token",
            "rbtoken_store_purge_tokens",
            "rbtoken_store_add_hooks",
            "rbtoken_store_remove_hooks",
            "rbtoken_store_add_generator",
            "rbtoken_store_set_default_generator",
            "rbtoken_store_set_deprecated_generators",
            "rbtoken_service_account_new",
            "rbtoken_service_account_get_api_token",
            "rbtoken_service_account_free",
            "rbtoken_token_retain",
            "rbtoken_token_release",
            "rbtoken_token_id",
            "rbtoken_token_value",
            "rbtoken_token_redacted",
            "rbtoken_token_user",
            "rbtoken_token_local_site",
            "rbtoken_token_client_name",
            "rbtoken_token_note",
            "rbtoken_token_generator_id",
            "rbtoken_token_policy",
            "rbtoken_token_extra_data",
            "rbtoken_token_invalid_reason",
            "rbtoken_token_expires",
            "rbtoken_token_time_added",
            "rbtoken_token_last_updated",
            "rbtoken_token_last_used",
            "rbtoken_token_invalid_date",
            "rbtoken_token_is_invalidated",
            "rbtoken_token_is_expired",
            "rbtoken_token_is_deprecated",
            "rbtoken_token_to_json",
            "rbtoken_token_list_count",
            "rbtoken_token_list_get",
            "rbtoken_token_list_free",
            "rbtoken_token_allows",
            "rbtoken_policy_parse",
            "rbtoken_policy_allows",
            "rbtoken_policy_free",
            "rbtoken_extension_entry_v1",
            "rbtoken_extension_v1_t.create",
            "rbtoken_extension_v1_t.configure",
            "rbtoken_extension_v1_t.initialize",
            "rbtoken_extension_v1_t.shutdown",
            "rbtoken_extension_v1_t.destroy",
            "rbtoken_extension_v1_t.get_store",
            "rbtoken_extension_v1_t.get_settings",
            "rbtoken_extension_v1_t.get_settings_schema",
            "rbtoken_extension_v1_t.get_interface");

    private Header() {}

    @FieldOrder({
        "struct_size",
        "user_data",
        "now",
        "destroy"
    })
    public static final class Clock extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer now;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "fill",
        "destroy"
    })
    public static final class Entropy extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer fill;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "log",
        "destroy"
    })
    public static final class Log extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer log;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "location",
        "location_len",
        "settings",
        "settings_len",
        "clock",
        "entropy",
        "log"
    })
    public static final class StoreOptions extends Structure {
        public long struct_size;
        public Pointer location;
        public long location_len;
        public Pointer settings;
        public long settings_len;
        public Pointer clock;
        public Pointer entropy;
        public Pointer log;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "progress",
        "destroy"
    })
    public static final class Progress extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer progress;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "expires_mode",
        "min_validity_mode",
        "expires_at_us",
        "min_validity_secs",
        "flags",
        "reserved",
        "local_site",
        "local_site_len",
        "default_policy",
        "default_policy_len",
        "default_extra_data",
        "default_extra_data_len"
    })
    public static final class ClientTokenOptions extends Structure {
        public long struct_size;
        public int expires_mode;
        public int min_validity_mode;
        public long expires_at_us;
        public long min_validity_secs;
        public int flags;
        public int reserved;
        public Pointer local_site;
        public long local_site_len;
        public Pointer default_policy;
        public long default_policy_len;
        public Pointer default_extra_data;
        public long default_extra_data_len;
    }

    @FieldOrder({
        "struct_size",
        "expires_mode",
        "flags",
        "expires_at_us",
        "generator_id",
        "generator_id_len",
        "token_type",
        "token_type_len",
        "local_site",
        "local_site_len",
        "note",
        "note_len",
        "policy",
        "policy_len",
        "extra_data",
        "extra_data_len"
    })
    public static final class GenerateOptions extends Structure {
        public long struct_size;
        public int expires_mode;
        public int flags;
        public long expires_at_us;
        public Pointer generator_id;
        public long generator_id_len;
        public Pointer token_type;
        public long token_type_len;
        public Pointer local_site;
        public long local_site_len;
        public Pointer note;
        public long note_len;
        public Pointer policy;
        public long policy_len;
        public Pointer extra_data;
        public long extra_data_len;
    }

    @FieldOrder({
        "struct_size",
        "flags",
        "reserved",
        "time_added_us",
        "last_updated_us",
        "last_used_us",
        "expires_at_us",
        "invalid_date_us",
        "invalid_reason",
        "invalid_reason_len",
        "generator_id",
        "generator_id_len",
        "local_site",
        "local_site_len",
        "note",
        "note_len",
        "policy",
        "policy_len",
        "extra_data",
        "extra_data_len"
    })
    public static final class ImportOptions extends Structure {
        public long struct_size;
        public int flags;
        public int reserved;
        public long time_added_us;
        public long last_updated_us;
        public long last_used_us;
        public long expires_at_us;
        public long invalid_date_us;
        public Pointer invalid_reason;
        public long invalid_reason_len;
        public Pointer generator_id;
        public long generator_id_len;
        public Pointer local_site;
        public long local_site_len;
        public Pointer note;
        public long note_len;
        public Pointer policy;
        public long policy_len;
        public Pointer extra_data;
        public long extra_data_len;
    }

    @FieldOrder({
        "struct_size",
        "local_site_mode",
        "validity_mode",
        "flags",
        "reserved",
        "expires_before_us",
        "local_site",
        "local_site_len",
        "user",
        "user_len",
        "client_name",
        "client_name_len"
    })
    public static final class TokenFilter extends Structure {
        public long struct_size;
        public int local_site_mode;
        public int validity_mode;
        public int flags;
        public int reserved;
        public long expires_before_us;
        public Pointer local_site;
        public long local_site_len;
        public Pointer user;
        public long user_len;
        public Pointer client_name;
        public long client_name_len;
    }

    @FieldOrder({
        "struct_size",
        "site_mode",
        "reserved",
        "site",
        "site_len"
    })
    public static final class LoginOptions extends Structure {
        public long struct_size;
        public int site_mode;
        public int reserved;
        public Pointer site;
        public long site_len;
    }

    @FieldOrder({
        "struct_size",
        "expires_mode",
        "note_mode",
        "policy_mode",
        "extra_data_mode",
        "expires_at_us",
        "note",
        "note_len",
        "policy",
        "policy_len",
        "extra_data",
        "extra_data_len"
    })
    public static final class TokenUpdate extends Structure {
        public long struct_size;
        public int expires_mode;
        public int note_mode;
        public int policy_mode;
        public int extra_data_mode;
        public long expires_at_us;
        public Pointer note;
        public long note_len;
        public Pointer policy;
        public long policy_len;
        public Pointer extra_data;
        public long extra_data_len;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "created",
        "updated",
        "invalidated",
        "expired",
        "used",
        "deleted",
        "destroy"
    })
    public static final class Hooks extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer created;
        public Pointer updated;
        public Pointer invalidated;
        public Pointer expired;
        public Pointer used;
        public Pointer deleted;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "create",
        "validate",
        "destroy"
    })
    public static final class Generator extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer create;
        public Pointer validate;
        public Pointer destroy;
    }

    @FieldOrder({
        "struct_size",
        "expiration_mode",
        "token_version",
        "expiration_secs",
        "id",
        "id_len",
        "user",
        "user_len",
        "policy",
        "policy_len"
    })
    public static final class ServiceAccountOptions extends Structure {
        public long struct_size;
        public int expiration_mode;
        public int token_version;
        public long expiration_secs;
        public Pointer id;
        public long id_len;
        public Pointer user;
        public long user_len;
        public Pointer policy;
        public long policy_len;
    }

    @FieldOrder({
        "struct_size",
        "min_validity_mode",
        "reserved",
        "min_validity_secs",
        "local_site",
        "local_site_len"
    })
    public static final class ServiceTokenOptions extends Structure {
        public long struct_size;
        public int min_validity_mode;
        public int reserved;
        public long min_validity_secs;
        public Pointer local_site;
        public long local_site_len;
    }

    @FieldOrder({
        "struct_size",
        "user_data",
        "log",
        "now",
        "fill"
    })
    public static final class HostV1 extends Structure {
        public long struct_size;
        public Pointer user_data;
        public Pointer log;
        public Pointer now;
        public Pointer fill;
    }

    @FieldOrder({
        "struct_size",
        "id",
        "name",
        "version",
        "author",
        "license",
        "summary",
        "url",
        "create",
        "configure",
        "initialize",
        "shutdown",
        "destroy",
        "get_store",
        "get_settings",
        "get_settings_schema",
        "get_interface"
    })
    public static final class ExtensionV1 extends Structure {
        public long struct_size;
        public Pointer id;
        public Pointer name;
        public Pointer version;
        public Pointer author;
        public Pointer license;
        public Pointer summary;
        public Pointer url;
        public Pointer create;
        public Pointer configure;
        public Pointer initialize;
        public Pointer shutdown;
        public Pointer destroy;
        public Pointer get_store;
        public Pointer get_settings;
        public Pointer get_settings_schema;
        public Pointer get_interface;
    }
}
