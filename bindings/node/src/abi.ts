// Constants of the C ABI of librbtoken.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
//
// SPDX-License-Identifier: MIT

/** Statuses. Later versions can add statuses, but never use a number for another one. */
export const Status = {
  /** The call succeeded. */
  OK: 0,
  /** A required argument is NULL, or a text is NULL and its length is not 0. */
  NULL_ARGUMENT: 1,
  /** An argument has a value that is not allowed. */
  INVALID_ARGUMENT: 2,
  /** A text is not valid UTF-8. */
  INVALID_UTF8: 3,
  /** A text contains a NUL character. */
  EMBEDDED_NUL: 4,
  /** A text or a list is longer than allowed. */
  TOO_LONG: 5,
  /**
   * `struct_size` is not a possible size of the struct, for example because it was not set with
   * `RBTOKEN_INIT`.
   */
  STRUCT_SIZE: 6,
  /** A field of a newer header is set, which this library does not know. */
  UNSUPPORTED_OPTION: 7,
  /** A time is outside the years 1 to 9999. */
  TIME_RANGE: 8,
  /** A document is not valid JSON. */
  JSON_SYNTAX: 40,
  /** A JSON value has the wrong type. */
  JSON_TYPE: 41,
  /** A document is nested more than 128 levels deep. */
  JSON_TOO_DEEP: 42,
  /** A number is neither a 64-bit integer nor a finite float. */
  JSON_NUMBER: 43,
  /** A policy breaks a rule; the error's JSON path shows where. */
  POLICY: 44,
  /** There is no such token, user, Local Site, setting or hooks. */
  NOT_FOUND: 80,
  /** The object already exists. */
  EXISTS: 81,
  /** The object is in a state that does not allow the call. */
  STATE: 82,
  /** This build, or this kind of store, does not support the call. */
  UNSUPPORTED: 83,
  /** The store was opened before fork(), and this process is the child. */
  FORKED: 84,
  /**
   * An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
   * calls.
   */
  POISONED: 85,
  /**
   * No token value could be generated: there is no such generator, no random bytes are
   * available, or 20 values in a row already exist.
   */
  GENERATION: 120,
  /** A callback of the host broke its contract. */
  CALLBACK: 121,
  /** Another store, in this process or another, has the file open. */
  LOCKED: 160,
  /** The operating system reported an input or output error. */
  IO: 161,
  /** Stored data is damaged. */
  CORRUPT: 162,
  /** Stored data has an incompatible version. */
  VERSION: 163,
  /** The database reported an error. */
  DATABASE: 164,
  /** The operation exceeded its time limit. */
  TIMEOUT: 165,
  /** Memory is exhausted. */
  NO_MEMORY: 200,
  /**
   * There is a bug in the library. Nothing was changed, or the store returns
   * `RBTOKEN_E_POISONED` from now on.
   */
  INTERNAL: 201,
} as const;

/** Severity of a log message. */
export const LogLevel = {
  /** No message has this level yet. */
  ERROR: 1,
  /** An instance could not be configured, initialized or shut down. */
  WARN: 2,
  /** An instance changed its state. */
  INFO: 3,
  /** An event of a token, as in `rbtoken_hooks_t`. */
  DEBUG: 4,
} as const;

/**
 * Expiration of a new token: the values of `expires_mode` in `rbtoken_client_token_options_t` and
 * `rbtoken_generate_options_t`.
 */
export const ExpiresMode = {
  /**
   * `get_or_create_client_token`: after `client_token_expiration` days.
   * `generate_token`: never.
   */
  DEFAULT: 0,
  /** Never. */
  NEVER: 1,
  /** At the time in `expires_at_us`. */
  AT: 2,
} as const;

/** Minimum validity of an existing token: the values of `min_validity_mode`. */
export const MinValidityMode = {
  /** The setting `min_validity_secs`; 2 hours for service accounts. */
  DEFAULT: 0,
  /** The number of seconds in `min_validity_secs`. */
  SECS: 1,
} as const;

/** Sites whose tokens are listed: the values of `local_site_mode` in `rbtoken_token_filter_t`. */
export const FilterSiteMode = {
  /** The global site and all Local Sites. */
  ALL: 0,
  /** The global site. */
  GLOBAL: 1,
  /** The Local Site in `local_site`. */
  NAMED: 2,
} as const;

/**
 * Validity of the tokens that are listed: the values of `validity_mode` in
 * `rbtoken_token_filter_t`.
 */
export const FilterValidityMode = {
  /** All tokens. */
  ANY: 0,
  /** Usable tokens: those that are neither invalidated nor expired. */
  VALID: 1,
  /** Tokens that are invalidated or expired. */
  DEAD: 2,
} as const;

/** Verdicts: the results of a login. */
export const Verdict = {
  /** No verdict: the call failed. */
  REFUSED: 0,
  /** The caller is the token's user. */
  OK: 1,
  /** There is no such token, or the token's value in the header is missing or contains spaces. */
  UNKNOWN: 2,
  /** The token was invalidated. */
  INVALID: 3,
  /** The token has expired. */
  EXPIRED: 4,
  /** The token's user is not active. Respond as for an unknown token. */
  INACTIVE_USER: 5,
  /** The token belongs to a Local Site, and the request is for another site. */
  WRONG_SITE: 6,
  /** The header is for another kind of login, which this library does not handle. */
  NOT_A_TOKEN: 7,
} as const;

/** Site of a request: the values of `site_mode` in `rbtoken_login_options_t`. */
export const SiteMode = {
  /** The global site: tokens of Local Sites are rejected. */
  GLOBAL: 0,
  /** The Local Site in `site`: tokens of other Local Sites are rejected. */
  NAMED: 1,
  /** Any site: the host checks `rbtoken_token_local_site()` itself. */
  ANY: 2,
} as const;

/** Change of a field: the values of the fields `…_mode` in `rbtoken_token_update_t`. */
export const FieldMode = {
  /** Keeps the field. */
  KEEP: 0,
  /**
   * Clears the field: the token never expires, has an empty note, a policy for full access, or
   * the extra data `{}`.
   */
  NONE: 1,
  /** Sets the field to the given value. */
  SET: 2,
} as const;

/**
 * Lifetime of a service account's new tokens: the values of `expiration_mode` in
 * `rbtoken_service_account_options_t`.
 */
export const ExpirationMode = {
  /** 30 days. */
  DEFAULT: 0,
  /** Unlimited: the tokens never expire. */
  NEVER: 1,
  /** The number of seconds in `expiration_secs`. */
  SECS: 2,
} as const;

// Flags.

/** Flag of `rbtoken_client_token_options_t`: skips tokens of deprecated generators. */
export const CLIENT_TOKEN_IGNORE_DEPRECATED = 1;
/** Flag of `rbtoken_generate_options_t`: creates a token that is invalid from the start. */
export const GENERATE_INVALID = 1;
/**
 * Flag of `rbtoken_generate_options_t`: tells the *created* callback that no person asked for the
 * token.
 */
export const GENERATE_AUTO_GENERATED = 2;
/** Flag of `rbtoken_import_options_t`: the token was invalidated. */
export const IMPORT_INVALID = 1;
/** Flag of `rbtoken_import_options_t`: `time_added_us` is set. */
export const IMPORT_TIME_ADDED_KNOWN = 2;
/** Flag of `rbtoken_import_options_t`: `last_updated_us` is set. */
export const IMPORT_LAST_UPDATED_KNOWN = 4;
/** Flag of `rbtoken_import_options_t`: `last_used_us` is set. */
export const IMPORT_LAST_USED_KNOWN = 8;
/** Flag of `rbtoken_import_options_t`: `expires_at_us` is set. */
export const IMPORT_EXPIRES_KNOWN = 16;
/** Flag of `rbtoken_import_options_t`: `invalid_date_us` is set. */
export const IMPORT_INVALID_DATE_KNOWN = 32;
/** Flag of `rbtoken_token_filter_t`: lists only tokens that expire before `expires_before_us`. */
export const FILTER_EXPIRES_BEFORE = 1;
/** Flag of `rbtoken_token_to_json()`: includes the token's value. */
export const JSON_WITH_VALUE = 1;
/** Minor version of the tables in this header, for `rbtoken_extension_entry_v1()`. */
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
