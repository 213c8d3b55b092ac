// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
// SPDX-License-Identifier: MIT
package rbtoken;

import com.sun.jna.Callback;

/**
 * The C ABI of librbtoken: constants, layouts and signatures of rbtoken.h, for 64-bit
 * systems. A pointer and a {@code size_t} are a long.
 */
final class Abi {
    static {
        LibraryFile.register(Abi.class);
    }

    /** The version for {@code rbtoken_abi_is_compatible()}. */
    static final int ABI_VERSION = 0 << 16 | 2;
    static final int EXPIRES_DEFAULT = 0;
    static final int EXPIRES_NEVER = 1;
    static final int EXPIRES_AT = 2;
    static final int MIN_VALIDITY_DEFAULT = 0;
    static final int MIN_VALIDITY_SECS = 1;
    static final int FILTER_SITE_ALL = 0;
    static final int FILTER_SITE_GLOBAL = 1;
    static final int FILTER_SITE_NAMED = 2;
    static final int FILTER_VALIDITY_ANY = 0;
    static final int FILTER_VALIDITY_VALID = 1;
    static final int FILTER_VALIDITY_DEAD = 2;
    static final int SITE_GLOBAL = 0;
    static final int SITE_NAMED = 1;
    static final int SITE_ANY = 2;
    static final int FIELD_KEEP = 0;
    static final int FIELD_NONE = 1;
    static final int FIELD_SET = 2;
    static final int EXPIRATION_DEFAULT = 0;
    static final int EXPIRATION_NEVER = 1;
    static final int EXPIRATION_SECS = 2;
    static final int CLIENT_TOKEN_IGNORE_DEPRECATED = 1;
    static final int GENERATE_INVALID = 1;
    static final int GENERATE_AUTO_GENERATED = 2;
    static final int IMPORT_INVALID = 1;
    static final int IMPORT_TIME_ADDED_KNOWN = 2;
    static final int IMPORT_LAST_UPDATED_KNOWN = 4;
    static final int IMPORT_LAST_USED_KNOWN = 8;
    static final int IMPORT_EXPIRES_KNOWN = 16;
    static final int IMPORT_INVALID_DATE_KNOWN = 32;
    static final int FILTER_EXPIRES_BEFORE = 1;
    static final int JSON_WITH_VALUE = 1;
    static final int EXTENSION_MINOR = 0;

    /** The size and the offsets of {@code rbtoken_clock_t}. */
    static final class Clock {
        static final int SIZE = 32;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int NOW = 16;
        static final int DESTROY = 24;
    }

    /** The size and the offsets of {@code rbtoken_entropy_t}. */
    static final class Entropy {
        static final int SIZE = 32;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int FILL = 16;
        static final int DESTROY = 24;
    }

    /** The size and the offsets of {@code rbtoken_log_t}. */
    static final class Log {
        static final int SIZE = 32;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int LOG = 16;
        static final int DESTROY = 24;
    }

    /** The size and the offsets of {@code rbtoken_store_options_t}. */
    static final class StoreOptions {
        static final int SIZE = 64;
        static final int STRUCT_SIZE = 0;
        static final int LOCATION = 8;
        static final int LOCATION_LEN = 16;
        static final int SETTINGS = 24;
        static final int SETTINGS_LEN = 32;
        static final int CLOCK = 40;
        static final int ENTROPY = 48;
        static final int LOG = 56;
    }

    /** The size and the offsets of {@code rbtoken_progress_t}. */
    static final class Progress {
        static final int SIZE = 32;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int PROGRESS = 16;
        static final int DESTROY = 24;
    }

    /** The size and the offsets of {@code rbtoken_client_token_options_t}. */
    static final class ClientTokenOptions {
        static final int SIZE = 88;
        static final int STRUCT_SIZE = 0;
        static final int EXPIRES_MODE = 8;
        static final int MIN_VALIDITY_MODE = 12;
        static final int EXPIRES_AT_US = 16;
        static final int MIN_VALIDITY_SECS = 24;
        static final int FLAGS = 32;
        static final int RESERVED = 36;
        static final int LOCAL_SITE = 40;
        static final int LOCAL_SITE_LEN = 48;
        static final int DEFAULT_POLICY = 56;
        static final int DEFAULT_POLICY_LEN = 64;
        static final int DEFAULT_EXTRA_DATA = 72;
        static final int DEFAULT_EXTRA_DATA_LEN = 80;
    }

    /** The size and the offsets of {@code rbtoken_generate_options_t}. */
    static final class GenerateOptions {
        static final int SIZE = 120;
        static final int STRUCT_SIZE = 0;
        static final int EXPIRES_MODE = 8;
        static final int FLAGS = 12;
        static final int EXPIRES_AT_US = 16;
        static final int GENERATOR_ID = 24;
        static final int GENERATOR_ID_LEN = 32;
        static final int TOKEN_TYPE = 40;
        static final int TOKEN_TYPE_LEN = 48;
        static final int LOCAL_SITE = 56;
        static final int LOCAL_SITE_LEN = 64;
        static final int NOTE = 72;
        static final int NOTE_LEN = 80;
        static final int POLICY = 88;
        static final int POLICY_LEN = 96;
        static final int EXTRA_DATA = 104;
        static final int EXTRA_DATA_LEN = 112;
    }

    /** The size and the offsets of {@code rbtoken_import_options_t}. */
    static final class ImportOptions {
        static final int SIZE = 152;
        static final int STRUCT_SIZE = 0;
        static final int FLAGS = 8;
        static final int RESERVED = 12;
        static final int TIME_ADDED_US = 16;
        static final int LAST_UPDATED_US = 24;
        static final int LAST_USED_US = 32;
        static final int EXPIRES_AT_US = 40;
        static final int INVALID_DATE_US = 48;
        static final int INVALID_REASON = 56;
        static final int INVALID_REASON_LEN = 64;
        static final int GENERATOR_ID = 72;
        static final int GENERATOR_ID_LEN = 80;
        static final int LOCAL_SITE = 88;
        static final int LOCAL_SITE_LEN = 96;
        static final int NOTE = 104;
        static final int NOTE_LEN = 112;
        static final int POLICY = 120;
        static final int POLICY_LEN = 128;
        static final int EXTRA_DATA = 136;
        static final int EXTRA_DATA_LEN = 144;
    }

    /** The size and the offsets of {@code rbtoken_token_filter_t}. */
    static final class TokenFilter {
        static final int SIZE = 80;
        static final int STRUCT_SIZE = 0;
        static final int LOCAL_SITE_MODE = 8;
        static final int VALIDITY_MODE = 12;
        static final int FLAGS = 16;
        static final int RESERVED = 20;
        static final int EXPIRES_BEFORE_US = 24;
        static final int LOCAL_SITE = 32;
        static final int LOCAL_SITE_LEN = 40;
        static final int USER = 48;
        static final int USER_LEN = 56;
        static final int CLIENT_NAME = 64;
        static final int CLIENT_NAME_LEN = 72;
    }

    /** The size and the offsets of {@code rbtoken_login_options_t}. */
    static final class LoginOptions {
        static final int SIZE = 32;
        static final int STRUCT_SIZE = 0;
        static final int SITE_MODE = 8;
        static final int RESERVED = 12;
        static final int SITE = 16;
        static final int SITE_LEN = 24;
    }

    /** The size and the offsets of {@code rbtoken_token_update_t}. */
    static final class TokenUpdate {
        static final int SIZE = 80;
        static final int STRUCT_SIZE = 0;
        static final int EXPIRES_MODE = 8;
        static final int NOTE_MODE = 12;
        static final int POLICY_MODE = 16;
        static final int EXTRA_DATA_MODE = 20;
        static final int EXPIRES_AT_US = 24;
        static final int NOTE = 32;
        static final int NOTE_LEN = 40;
        static final int POLICY = 48;
        static final int POLICY_LEN = 56;
        static final int EXTRA_DATA = 64;
        static final int EXTRA_DATA_LEN = 72;
    }

    /** The size and the offsets of {@code rbtoken_hooks_t}. */
    static final class Hooks {
        static final int SIZE = 72;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int CREATED = 16;
        static final int UPDATED = 24;
        static final int INVALIDATED = 32;
        static final int EXPIRED = 40;
        static final int USED = 48;
        static final int DELETED = 56;
        static final int DESTROY = 64;
    }

    /** The size and the offsets of {@code rbtoken_generator_t}. */
    static final class Generator {
        static final int SIZE = 40;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int CREATE = 16;
        static final int VALIDATE = 24;
        static final int DESTROY = 32;
    }

    /** The size and the offsets of {@code rbtoken_service_account_options_t}. */
    static final class ServiceAccountOptions {
        static final int SIZE = 72;
        static final int STRUCT_SIZE = 0;
        static final int EXPIRATION_MODE = 8;
        static final int TOKEN_VERSION = 12;
        static final int EXPIRATION_SECS = 16;
        static final int ID = 24;
        static final int ID_LEN = 32;
        static final int USER = 40;
        static final int USER_LEN = 48;
        static final int POLICY = 56;
        static final int POLICY_LEN = 64;
    }

    /** The size and the offsets of {@code rbtoken_service_token_options_t}. */
    static final class ServiceTokenOptions {
        static final int SIZE = 40;
        static final int STRUCT_SIZE = 0;
        static final int MIN_VALIDITY_MODE = 8;
        static final int RESERVED = 12;
        static final int MIN_VALIDITY_SECS = 16;
        static final int LOCAL_SITE = 24;
        static final int LOCAL_SITE_LEN = 32;
    }

    /** The size and the offsets of {@code rbtoken_host_v1_t}. */
    static final class HostV1 {
        static final int SIZE = 40;
        static final int STRUCT_SIZE = 0;
        static final int USER_DATA = 8;
        static final int LOG = 16;
        static final int NOW = 24;
        static final int FILL = 32;
    }

    /** The size and the offsets of {@code rbtoken_extension_v1_t}. */
    static final class ExtensionV1 {
        static final int SIZE = 136;
        static final int STRUCT_SIZE = 0;
        static final int ID = 8;
        static final int NAME = 16;
        static final int VERSION = 24;
        static final int AUTHOR = 32;
        static final int LICENSE = 40;
        static final int SUMMARY = 48;
        static final int URL = 56;
        static final int CREATE = 64;
        static final int CONFIGURE = 72;
        static final int INITIALIZE = 80;
        static final int SHUTDOWN = 88;
        static final int DESTROY = 96;
        static final int GET_STORE = 104;
        static final int GET_SETTINGS = 112;
        static final int GET_SETTINGS_SCHEMA = 120;
        static final int GET_INTERFACE = 128;
    }

    interface DestroyFn extends Callback {
        void call(long userData);
    }

    interface ClockFn extends Callback {
        int call(long userData, long nowUs);
    }

    interface EntropyFn extends Callback {
        int call(long userData, long bytes, long len);
    }

    interface LogFn extends Callback {
        void call(long userData, int level, long target, long message);
    }

    interface ProgressFn extends Callback {
        int call(long userData, long done, long total);
    }

    interface EventFn extends Callback {
        void call(long userData, long store, long token);
    }

    interface CreatedFn extends Callback {
        void call(long userData, long store, long token, byte autoGenerated);
    }

    interface GeneratorCreateFn extends Callback {
        int call(long userData, long tokenType, int attempt, long value, long capacity,
                long valueLen);
    }

    interface GeneratorValidateFn extends Callback {
        int call(long userData, long tokenType, long value, long valueLen, long valid);
    }

    private Abi() {}

    static native long rbtoken_version();
    static native int rbtoken_abi_version();
    static native byte rbtoken_abi_is_compatible(int abiVersion);
    static native long rbtoken_status_name(int status);
    static native int rbtoken_error_status(long error);
    static native long rbtoken_error_message(long error);
    static native long rbtoken_error_argument(long error);
    static native long rbtoken_error_json_path(long error);
    static native void rbtoken_error_free(long error);
    static native long rbtoken_buffer_data(long buffer, long len);
    static native void rbtoken_buffer_free(long buffer);
    static native int rbtoken_store_open(long options, long store, long error);
    static native int rbtoken_store_shared(long options, long store, long error);
    static native long rbtoken_store_retain(long store);
    static native void rbtoken_store_release(long store);
    static native int rbtoken_store_flush(long store, long error);
    static native int rbtoken_store_set_setting(long store, long name, long nameLen, long value,
            long valueLen, long error);
    static native int rbtoken_store_get_setting(long store, long name, long nameLen, long value,
            long error);
    static native int rbtoken_store_statistics(long store, long statistics, long error);
    static native int rbtoken_store_add_local_site(long store, long localSite, long localSiteLen,
            long error);
    static native int rbtoken_store_remove_local_site(long store, long localSite, long localSiteLen,
            long error);
    static native int rbtoken_store_set_user_active(long store, long user, long userLen, int active,
            long error);
    static native int rbtoken_store_set_policy_ids(long store, long ids, long count, long error);
    static native int rbtoken_store_backup(long store, long path, long pathLen, long error);
    static native int rbtoken_store_export_file(long store, long path, long pathLen, long progress,
            long count, long error);
    static native int rbtoken_store_import_file(long store, long path, long pathLen, long progress,
            long count, long error);
    static native int rbtoken_store_get_or_create_client_token(long store, long user, long userLen,
            long clientName, long clientNameLen, long options, long token, long created,
            long error);
    static native int rbtoken_store_generate_token(long store, long user, long userLen,
            long options, long token, long error);
    static native int rbtoken_store_import_token(long store, long user, long userLen, long value,
            long valueLen, long options, long token, long error);
    static native int rbtoken_store_find_token(long store, long value, long valueLen, long token,
            long error);
    static native int rbtoken_store_get_token(long store, long id, long token, long error);
    static native int rbtoken_store_list_tokens(long store, long filter, long list, long error);
    static native int rbtoken_store_token_count(long store, long count, long error);
    static native int rbtoken_store_value_is_valid(long store, long generatorId,
            long generatorIdLen, long tokenType, long tokenTypeLen, long value, long valueLen,
            long valid, long error);
    static native long rbtoken_verdict_name(int verdict);
    static native int rbtoken_store_authenticate(long store, long value, long valueLen,
            long options, long verdict, long token, long refused, long error);
    static native int rbtoken_store_forget_logins(long store, long value, long valueLen,
            long error);
    static native int rbtoken_store_authenticate_header(long store, long header, long headerLen,
            long options, long verdict, long token, long refused, long error);
    static native int rbtoken_store_update_token(long store, long id, long update, long token,
            long error);
    static native int rbtoken_store_invalidate_token(long store, long value, long valueLen,
            long reason, long reasonLen, long error);
    static native int rbtoken_store_invalidate_token_by_id(long store, long id, long reason,
            long reasonLen, long error);
    static native int rbtoken_store_invalidate_user_tokens(long store, long user, long userLen,
            long reason, long reasonLen, long count, long error);
    static native int rbtoken_store_invalidate_all_tokens(long store, long reason, long reasonLen,
            long count, long error);
    static native int rbtoken_store_delete_token(long store, long id, long error);
    static native int rbtoken_store_purge_tokens(long store, long deadBeforeUs, long count,
            long error);
    static native int rbtoken_store_add_hooks(long store, long hooks, long hooksId, long error);
    static native int rbtoken_store_remove_hooks(long store, long hooksId, long error);
    static native int rbtoken_store_add_generator(long store, long generatorId, long generatorIdLen,
            long generator, long error);
    static native int rbtoken_store_set_default_generator(long store, long generatorId,
            long generatorIdLen, long error);
    static native int rbtoken_store_set_deprecated_generators(long store, long generatorIds,
            long count, long error);
    static native int rbtoken_service_account_new(long options, long account, long error);
    static native int rbtoken_service_account_get_api_token(long account, long store, long options,
            long token, long created, long error);
    static native void rbtoken_service_account_free(long account);
    static native long rbtoken_token_retain(long token);
    static native void rbtoken_token_release(long token);
    static native long rbtoken_token_id(long token);
    static native long rbtoken_token_value(long token, long len);
    static native long rbtoken_token_redacted(long token, long len);
    static native long rbtoken_token_user(long token, long len);
    static native long rbtoken_token_local_site(long token, long len);
    static native long rbtoken_token_client_name(long token, long len);
    static native long rbtoken_token_note(long token, long len);
    static native long rbtoken_token_generator_id(long token, long len);
    static native long rbtoken_token_policy(long token, long len);
    static native long rbtoken_token_extra_data(long token, long len);
    static native long rbtoken_token_invalid_reason(long token, long len);
    static native byte rbtoken_token_expires(long token, long timeUs);
    static native byte rbtoken_token_time_added(long token, long timeUs);
    static native byte rbtoken_token_last_updated(long token, long timeUs);
    static native byte rbtoken_token_last_used(long token, long timeUs);
    static native byte rbtoken_token_invalid_date(long token, long timeUs);
    static native byte rbtoken_token_is_invalidated(long token);
    static native byte rbtoken_token_is_expired(long token, long atUs);
    static native byte rbtoken_token_is_deprecated(long token);
    static native int rbtoken_token_to_json(long token, long atUs, int flags, long json,
            long error);
    static native long rbtoken_token_list_count(long list);
    static native long rbtoken_token_list_get(long list, long index);
    static native void rbtoken_token_list_free(long list);
    static native int rbtoken_token_allows(long token, long policyId, long policyIdLen, long method,
            long methodLen, long resourceId, long resourceIdLen, long allowed, long error);
    static native int rbtoken_policy_parse(long store, long document, long documentLen, long policy,
            long error);
    static native int rbtoken_policy_allows(long policy, long policyId, long policyIdLen,
            long method, long methodLen, long resourceId, long resourceIdLen, long allowed,
            long error);
    static native void rbtoken_policy_free(long policy);
    static native int rbtoken_extension_entry_v1(int minor, long extension);
}
