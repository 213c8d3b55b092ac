// Constants of the C ABI of librbtoken.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
//
// SPDX-License-Identifier: MIT

/** The statuses. Values are never reused; later versions may add some. */
export const Status = {
  /** The call did what it says. */
  OK: 0,
  /** A required argument is NULL, or a text is NULL though its length is not 0. */
  NULL_ARGUMENT: 1,
  /** An argument has a value that is not allowed. */
  INVALID_ARGUMENT: 2,
  /** A text is not UTF-8. */
  INVALID_UTF8: 3,
  /** A text contains a NUL character. */
  EMBEDDED_NUL: 4,
  /** A text is longer than its field allows. */
  TOO_LONG: 5,
  /** `struct_size` is no size that the struct ever had: `RBTOKEN_INIT` was forgotten. */
  STRUCT_SIZE: 6,
  /** A newer header's field is set, which this library does not know. */
  UNSUPPORTED_OPTION: 7,
  /** A time lies outside the years 1 to 9999, or leads there. */
  TIME_RANGE: 8,
  /** A document is not JSON. */
  JSON_SYNTAX: 40,
  /** A JSON value has another type than the one that belongs there. */
  JSON_TYPE: 41,
  /** A document is nested more than 128 levels deep. */
  JSON_TOO_DEEP: 42,
  /** A number is neither an integer of 64 bits nor a finite float. */
  JSON_NUMBER: 43,
  /** A policy breaks a rule of policies; the error tells where. */
  POLICY: 44,
  /** There is no such token, Local Site or setting. */
  NOT_FOUND: 80,
  /** There is such an object already. */
  EXISTS: 81,
  /** The object is in a state that does not allow the call. */
  STATE: 82,
  /** This build, or this kind of store, cannot do that. */
  UNSUPPORTED: 83,
  /** The process was forked after the store was opened. */
  FORKED: 84,
  /** An earlier `RBTOKEN_E_INTERNAL` may have left the store half-changed; it refuses everything. */
  POISONED: 85,
  /**
   * No token value could be generated: no such generator, no entropy, or 20 values in a row that
   * exist already.
   */
  GENERATION: 120,
  /** A callback of the host broke its contract. */
  CALLBACK: 121,
  /** Another process, or another store of this one, owns the file. */
  LOCKED: 160,
  /** The operating system refused an input or output operation. */
  IO: 161,
  /** Stored data is damaged. */
  CORRUPT: 162,
  /** Stored data was written by an incompatible version. */
  VERSION: 163,
  /** The database refused or failed. */
  DATABASE: 164,
  /** The operation did not end in its time. */
  TIMEOUT: 165,
  /** The memory is exhausted. */
  NO_MEMORY: 200,
  /**
   * A defect of the library. Nothing was changed, or the store says `RBTOKEN_E_POISONED` from
   * now on.
   */
  INTERNAL: 201,
} as const;

/** When a new token expires: the values of a field `expires_mode`. */
export const ExpiresMode = {
  /** As the store's `client_token_expiration` says for client tokens; never for others. */
  DEFAULT: 0,
  /** Never. */
  NEVER: 1,
  /** At the time in `expires_at_us`. */
  AT: 2,
} as const;

/**
 * For how long an existing token must still be valid: the values of a field
 * `min_validity_mode`.
 */
export const MinValidityMode = {
  /** As long as the default says. */
  DEFAULT: 0,
  /** As many seconds as `min_validity_secs` says. */
  SECS: 1,
} as const;

/** Whose tokens a list shows: the values of `local_site_mode` in `rbtoken_token_filter_t`. */
export const FilterSiteMode = {
  /** Those of the global site and of every Local Site. */
  ALL: 0,
  /** Those of the global site. */
  GLOBAL: 1,
  /** Those of the Local Site in `local_site`. */
  NAMED: 2,
} as const;

/**
 * Whether a list shows the tokens that can be used: the values of `validity_mode` in
 * `rbtoken_token_filter_t`.
 */
export const FilterValidityMode = {
  /** All tokens. */
  ANY: 0,
  /** Those that are neither invalidated nor expired. */
  VALID: 1,
  /** Those that are invalidated or expired. */
  DEAD: 2,
} as const;

/** The verdicts. */
export const Verdict = {
  /** Nobody was judged: the call failed, or is not over. */
  REFUSED: 0,
  /** The caller is the token's user. */
  OK: 1,
  /** There is no such token, or the header has no value. */
  UNKNOWN: 2,
  /** The token was invalidated. */
  INVALID: 3,
  /** The token is expired. */
  EXPIRED: 4,
  /** The token's user is not active. Answer the caller as for an unknown token. */
  INACTIVE_USER: 5,
  /** The token belongs to a Local Site, and the request is for another site. */
  WRONG_SITE: 6,
  /** The header asks for another kind of login, which this library does not judge. */
  NOT_A_TOKEN: 7,
} as const;

/** The site that a request is for: the values of `site_mode` in `rbtoken_login_options_t`. */
export const SiteMode = {
  /** The root, outside every Local Site: tokens of Local Sites are refused. */
  GLOBAL: 0,
  /** The Local Site in `site`: tokens of others are refused. */
  NAMED: 1,
  /** Any: the host checks `rbtoken_token_local_site()` itself. */
  ANY: 2,
} as const;

/** What an update does to a field: the values of the fields `…_mode` in `rbtoken_token_update_t`. */
export const FieldMode = {
  /** The field stays as it is. */
  KEEP: 0,
  /**
   * The token never expires, the note is empty, the policy gives full access, the extra data is
   * `{}`.
   */
  NONE: 1,
  /** The field takes the given value. */
  SET: 2,
} as const;

/**
 * For how long a service account's new tokens are valid: the values of `expiration_mode` in
 * `rbtoken_service_account_options_t`.
 */
export const ExpirationMode = {
  /** 30 days. */
  DEFAULT: 0,
  /** For ever. */
  NEVER: 1,
  /** As many seconds as `expiration_secs` says. */
  SECS: 2,
} as const;

/** How important a message to the host's log is. */
export const LogLevel = {
  /** Something failed. */
  ERROR: 1,
  /** Something was refused. */
  WARN: 2,
  /** The life of an instance. */
  INFO: 3,
  /** The life of each token. */
  DEBUG: 4,
} as const;

// Flags.

/** A flag of `rbtoken_client_token_options_t`: tokens of deprecated generators are passed over. */
export const CLIENT_TOKEN_IGNORE_DEPRECATED = 1;
/** A flag of `rbtoken_generate_options_t`: the token is invalid from the start. */
export const GENERATE_INVALID = 1;
/** A flag of `rbtoken_generate_options_t`: the *created* event says that no person asked for it. */
export const GENERATE_AUTO_GENERATED = 2;
/** A flag of `rbtoken_import_options_t`: the token was invalidated. */
export const IMPORT_INVALID = 1;
/** A flag of `rbtoken_import_options_t`: `time_added_us` is known. */
export const IMPORT_TIME_ADDED_KNOWN = 2;
/** A flag of `rbtoken_import_options_t`: `last_updated_us` is known. */
export const IMPORT_LAST_UPDATED_KNOWN = 4;
/** A flag of `rbtoken_import_options_t`: `last_used_us` is known. */
export const IMPORT_LAST_USED_KNOWN = 8;
/** A flag of `rbtoken_import_options_t`: `expires_at_us` is known. */
export const IMPORT_EXPIRES_KNOWN = 16;
/** A flag of `rbtoken_import_options_t`: `invalid_date_us` is known. */
export const IMPORT_INVALID_DATE_KNOWN = 32;
/** A flag of `rbtoken_token_filter_t`: only tokens that expire before `expires_before_us`. */
export const FILTER_EXPIRES_BEFORE = 1;
/** A flag of `rbtoken_token_to_json()`: the document has the token's value. */
export const JSON_WITH_VALUE = 1;
/** The minor version of the tables that this header describes, for `rbtoken_extension_entry_v1()`. */
export const EXTENSION_MINOR = 0;

/** The functions of the library, and the members of its extension table. */
export const FUNCTIONS: readonly string[] = [
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
  "rbtoken_extension_v1_t.get_interface",
];
