// The C ABI of librbtoken for koffi: constants, layouts and signatures of rbtoken.h.
// Generated; do not edit. Update with: RBTOKEN_UPDATE=1 cargo test --test generated
//
// SPDX-License-Identifier: MIT

import koffi from "koffi";

/** Statuses. A number never gets a second meaning. Later versions can add some. */
export const Status = Object.freeze({
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
  /** A text is longer than its field allows. */
  TOO_LONG: 5,
  /** `struct_size` is not a size of the struct: `RBTOKEN_INIT` was not called. */
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
  /** There is no such token, user, Local Site or setting. */
  NOT_FOUND: 80,
  /** The object already exists. */
  EXISTS: 81,
  /** The object is in a state that does not allow the call. */
  STATE: 82,
  /** This build, or this kind of store, does not support the call. */
  UNSUPPORTED: 83,
  /** The process was forked after the store was opened. */
  FORKED: 84,
  /** An earlier `RBTOKEN_E_INTERNAL` may have left the store inconsistent, so that it rejects all
   * calls. */
  POISONED: 85,
  /** No token value could be generated: there is no such generator, there are no random bytes, or
   * 20 values in a row already exist. */
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
  /** There is a bug in the library. Nothing was changed, or the store returns
   * `RBTOKEN_E_POISONED` from now on. */
  INTERNAL: 201,
});

/** Expiration of a new token: the values of `expires_mode`. */
export const ExpiresMode = Object.freeze({
  /** After `client_token_expiration` for client tokens; never for other tokens. */
  DEFAULT: 0,
  /** Never. */
  NEVER: 1,
  /** At the time in `expires_at_us`. */
  AT: 2,
});

/** Minimum validity of an existing token: the values of `min_validity_mode`. */
export const MinValidityMode = Object.freeze({
  /** The default. */
  DEFAULT: 0,
  /** The number of seconds in `min_validity_secs`. */
  SECS: 1,
});

/** Sites whose tokens are listed: the values of `local_site_mode` in `rbtoken_token_filter_t`. */
export const FilterSiteMode = Object.freeze({
  /** The global site and all Local Sites. */
  ALL: 0,
  /** The global site. */
  GLOBAL: 1,
  /** The Local Site in `local_site`. */
  NAMED: 2,
});

/** Validity of the tokens that are listed: the values of `validity_mode` in
 * `rbtoken_token_filter_t`. */
export const FilterValidityMode = Object.freeze({
  /** All tokens. */
  ANY: 0,
  /** Tokens that are neither invalidated nor expired. */
  VALID: 1,
  /** Tokens that are invalidated or expired. */
  DEAD: 2,
});

/** Verdicts: the results of a login. */
export const Verdict = Object.freeze({
  /** No verdict: the call failed. */
  REFUSED: 0,
  /** The caller is the token's user. */
  OK: 1,
  /** There is no such token, or the header has no value. */
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
});

/** Site of a request: the values of `site_mode` in `rbtoken_login_options_t`. */
export const SiteMode = Object.freeze({
  /** The global site: tokens of Local Sites are rejected. */
  GLOBAL: 0,
  /** The Local Site in `site`: tokens of other Local Sites are rejected. */
  NAMED: 1,
  /** Any site: the host checks `rbtoken_token_local_site()` itself. */
  ANY: 2,
});

/** Change of a field: the values of the fields `…_mode` in `rbtoken_token_update_t`. */
export const FieldMode = Object.freeze({
  /** Keeps the field. */
  KEEP: 0,
  /** Clears the field: the token never expires, has an empty note, a policy for full access, or
   * the extra data `{}`. */
  NONE: 1,
  /** Sets the field to the given value. */
  SET: 2,
});

/** Lifetime of a service account's new tokens: the values of `expiration_mode` in
 * `rbtoken_service_account_options_t`. */
export const ExpirationMode = Object.freeze({
  /** 30 days. */
  DEFAULT: 0,
  /** Unlimited: the tokens never expire. */
  NEVER: 1,
  /** The number of seconds in `expiration_secs`. */
  SECS: 2,
});

// Flags.
export const CLIENT_TOKEN_IGNORE_DEPRECATED = 1;
export const GENERATE_INVALID = 1;
export const GENERATE_AUTO_GENERATED = 2;
export const IMPORT_INVALID = 1;
export const IMPORT_TIME_ADDED_KNOWN = 2;
export const IMPORT_LAST_UPDATED_KNOWN = 4;
export const IMPORT_LAST_USED_KNOWN = 8;
export const IMPORT_EXPIRES_KNOWN = 16;
export const IMPORT_INVALID_DATE_KNOWN = 32;
export const FILTER_EXPIRES_BEFORE = 1;
export const JSON_WITH_VALUE = 1;

// Handles.
koffi.opaque("rbtoken_error_t");
koffi.opaque("rbtoken_buffer_t");
koffi.opaque("rbtoken_store_t");
koffi.opaque("rbtoken_service_account_t");
koffi.opaque("rbtoken_token_t");
koffi.opaque("rbtoken_token_list_t");
koffi.opaque("rbtoken_policy_t");

// Callbacks.
koffi.proto("void rbtoken_destroy_fn(void *user_data)");
koffi.proto("int32_t rbtoken_clock_fn(void *user_data, int64_t *now_us)");
koffi.proto("int32_t rbtoken_entropy_fn(void *user_data, void *bytes, size_t len)");
koffi.proto("int32_t rbtoken_progress_fn(void *user_data, uint64_t done, uint64_t total)");
koffi.proto("void rbtoken_event_fn(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)");
koffi.proto("void rbtoken_created_fn(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token, bool auto_generated)");
koffi.proto("int32_t rbtoken_generator_create_fn(void *user_data, const char *token_type, uint32_t attempt, void *value, size_t capacity, size_t *value_len)");
koffi.proto("int32_t rbtoken_generator_validate_fn(void *user_data, const char *token_type, const uint8_t *value, size_t value_len, bool *valid)");

// Structs. A text is a pointer to bytes and their number.
export const Clock = koffi.struct("rbtoken_clock_t", {
  struct_size: "size_t",
  user_data: "void *",
  now: "rbtoken_clock_fn *",
  destroy: "rbtoken_destroy_fn *",
});
export const Entropy = koffi.struct("rbtoken_entropy_t", {
  struct_size: "size_t",
  user_data: "void *",
  fill: "rbtoken_entropy_fn *",
  destroy: "rbtoken_destroy_fn *",
});
export const StoreOptions = koffi.struct("rbtoken_store_options_t", {
  struct_size: "size_t",
  location: "const uint8_t *",
  location_len: "size_t",
  settings: "const uint8_t *",
  settings_len: "size_t",
  clock: "const rbtoken_clock_t *",
  entropy: "const rbtoken_entropy_t *",
});
export const Progress = koffi.struct("rbtoken_progress_t", {
  struct_size: "size_t",
  user_data: "void *",
  progress: "rbtoken_progress_fn *",
  destroy: "rbtoken_destroy_fn *",
});
export const ClientTokenOptions = koffi.struct("rbtoken_client_token_options_t", {
  struct_size: "size_t",
  expires_mode: "int32_t",
  min_validity_mode: "int32_t",
  expires_at_us: "int64_t",
  min_validity_secs: "int64_t",
  flags: "uint32_t",
  reserved: "uint32_t",
  local_site: "const uint8_t *",
  local_site_len: "size_t",
  default_policy: "const uint8_t *",
  default_policy_len: "size_t",
  default_extra_data: "const uint8_t *",
  default_extra_data_len: "size_t",
});
export const GenerateOptions = koffi.struct("rbtoken_generate_options_t", {
  struct_size: "size_t",
  expires_mode: "int32_t",
  flags: "uint32_t",
  expires_at_us: "int64_t",
  generator_id: "const uint8_t *",
  generator_id_len: "size_t",
  token_type: "const uint8_t *",
  token_type_len: "size_t",
  local_site: "const uint8_t *",
  local_site_len: "size_t",
  note: "const uint8_t *",
  note_len: "size_t",
  policy: "const uint8_t *",
  policy_len: "size_t",
  extra_data: "const uint8_t *",
  extra_data_len: "size_t",
});
export const ImportOptions = koffi.struct("rbtoken_import_options_t", {
  struct_size: "size_t",
  flags: "uint32_t",
  reserved: "uint32_t",
  time_added_us: "int64_t",
  last_updated_us: "int64_t",
  last_used_us: "int64_t",
  expires_at_us: "int64_t",
  invalid_date_us: "int64_t",
  invalid_reason: "const uint8_t *",
  invalid_reason_len: "size_t",
  generator_id: "const uint8_t *",
  generator_id_len: "size_t",
  local_site: "const uint8_t *",
  local_site_len: "size_t",
  note: "const uint8_t *",
  note_len: "size_t",
  policy: "const uint8_t *",
  policy_len: "size_t",
  extra_data: "const uint8_t *",
  extra_data_len: "size_t",
});
export const TokenFilter = koffi.struct("rbtoken_token_filter_t", {
  struct_size: "size_t",
  local_site_mode: "int32_t",
  validity_mode: "int32_t",
  flags: "uint32_t",
  reserved: "uint32_t",
  expires_before_us: "int64_t",
  local_site: "const uint8_t *",
  local_site_len: "size_t",
  user: "const uint8_t *",
  user_len: "size_t",
  client_name: "const uint8_t *",
  client_name_len: "size_t",
});
export const LoginOptions = koffi.struct("rbtoken_login_options_t", {
  struct_size: "size_t",
  site_mode: "int32_t",
  reserved: "uint32_t",
  site: "const uint8_t *",
  site_len: "size_t",
});
export const TokenUpdate = koffi.struct("rbtoken_token_update_t", {
  struct_size: "size_t",
  expires_mode: "int32_t",
  note_mode: "int32_t",
  policy_mode: "int32_t",
  extra_data_mode: "int32_t",
  expires_at_us: "int64_t",
  note: "const uint8_t *",
  note_len: "size_t",
  policy: "const uint8_t *",
  policy_len: "size_t",
  extra_data: "const uint8_t *",
  extra_data_len: "size_t",
});
export const Hooks = koffi.struct("rbtoken_hooks_t", {
  struct_size: "size_t",
  user_data: "void *",
  created: "rbtoken_created_fn *",
  updated: "rbtoken_event_fn *",
  invalidated: "rbtoken_event_fn *",
  expired: "rbtoken_event_fn *",
  used: "rbtoken_event_fn *",
  deleted: "rbtoken_event_fn *",
  destroy: "rbtoken_destroy_fn *",
});
export const Generator = koffi.struct("rbtoken_generator_t", {
  struct_size: "size_t",
  user_data: "void *",
  create: "rbtoken_generator_create_fn *",
  validate: "rbtoken_generator_validate_fn *",
  destroy: "rbtoken_destroy_fn *",
});
export const ServiceAccountOptions = koffi.struct("rbtoken_service_account_options_t", {
  struct_size: "size_t",
  expiration_mode: "int32_t",
  token_version: "uint32_t",
  expiration_secs: "int64_t",
  id: "const uint8_t *",
  id_len: "size_t",
  user: "const uint8_t *",
  user_len: "size_t",
  policy: "const uint8_t *",
  policy_len: "size_t",
});
export const ServiceTokenOptions = koffi.struct("rbtoken_service_token_options_t", {
  struct_size: "size_t",
  min_validity_mode: "int32_t",
  reserved: "uint32_t",
  min_validity_secs: "int64_t",
  local_site: "const uint8_t *",
  local_site_len: "size_t",
});

/** Declares every function of a library, such as `storeOpen`. */
export function declare(library) {
  return {
    version: library.func(
      "const char *rbtoken_version()"),
    abiVersion: library.func(
      "uint32_t rbtoken_abi_version()"),
    abiIsCompatible: library.func(
      "bool rbtoken_abi_is_compatible(uint32_t abi_version)"),
    statusName: library.func(
      "const char *rbtoken_status_name(int32_t status)"),
    errorStatus: library.func(
      "int32_t rbtoken_error_status(const rbtoken_error_t *error)"),
    errorMessage: library.func(
      "const char *rbtoken_error_message(const rbtoken_error_t *error)"),
    errorArgument: library.func(
      "const char *rbtoken_error_argument(const rbtoken_error_t *error)"),
    errorJsonPath: library.func(
      "const char *rbtoken_error_json_path(const rbtoken_error_t *error)"),
    errorFree: library.func(
      "void rbtoken_error_free(rbtoken_error_t *error)"),
    bufferData: library.func(
      "const uint8_t *rbtoken_buffer_data(const rbtoken_buffer_t *buffer, _Out_ size_t *len)"),
    bufferFree: library.func(
      "void rbtoken_buffer_free(rbtoken_buffer_t *buffer)"),
    storeOpen: library.func(
      "int32_t rbtoken_store_open(const rbtoken_store_options_t *options, _Out_ rbtoken_store_t **store, _Out_ rbtoken_error_t **error)"),
    storeShared: library.func(
      "int32_t rbtoken_store_shared(const rbtoken_store_options_t *options, _Out_ rbtoken_store_t **store, _Out_ rbtoken_error_t **error)"),
    storeRetain: library.func(
      "rbtoken_store_t *rbtoken_store_retain(rbtoken_store_t *store)"),
    storeRelease: library.func(
      "void rbtoken_store_release(rbtoken_store_t *store)"),
    storeFlush: library.func(
      "int32_t rbtoken_store_flush(rbtoken_store_t *store, _Out_ rbtoken_error_t **error)"),
    storeSetSetting: library.func(
      "int32_t rbtoken_store_set_setting(rbtoken_store_t *store, const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len, _Out_ rbtoken_error_t **error)"),
    storeGetSetting: library.func(
      "int32_t rbtoken_store_get_setting(rbtoken_store_t *store, const uint8_t *name, size_t name_len, _Out_ rbtoken_buffer_t **value, _Out_ rbtoken_error_t **error)"),
    storeStatistics: library.func(
      "int32_t rbtoken_store_statistics(rbtoken_store_t *store, _Out_ rbtoken_buffer_t **statistics, _Out_ rbtoken_error_t **error)"),
    storeAddLocalSite: library.func(
      "int32_t rbtoken_store_add_local_site(rbtoken_store_t *store, const uint8_t *local_site, size_t local_site_len, _Out_ rbtoken_error_t **error)"),
    storeRemoveLocalSite: library.func(
      "int32_t rbtoken_store_remove_local_site(rbtoken_store_t *store, const uint8_t *local_site, size_t local_site_len, _Out_ rbtoken_error_t **error)"),
    storeSetUserActive: library.func(
      "int32_t rbtoken_store_set_user_active(rbtoken_store_t *store, const uint8_t *user, size_t user_len, int32_t active, _Out_ rbtoken_error_t **error)"),
    storeSetPolicyIds: library.func(
      "int32_t rbtoken_store_set_policy_ids(rbtoken_store_t *store, const char **ids, size_t count, _Out_ rbtoken_error_t **error)"),
    storeBackup: library.func(
      "int32_t rbtoken_store_backup(rbtoken_store_t *store, const uint8_t *path, size_t path_len, _Out_ rbtoken_error_t **error)"),
    storeExportFile: library.func(
      "int32_t rbtoken_store_export_file(rbtoken_store_t *store, const uint8_t *path, size_t path_len, const rbtoken_progress_t *progress, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeImportFile: library.func(
      "int32_t rbtoken_store_import_file(rbtoken_store_t *store, const uint8_t *path, size_t path_len, const rbtoken_progress_t *progress, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeGetOrCreateClientToken: library.func(
      "int32_t rbtoken_store_get_or_create_client_token(rbtoken_store_t *store, const uint8_t *user, size_t user_len, const uint8_t *client_name, size_t client_name_len, const rbtoken_client_token_options_t *options, _Out_ rbtoken_token_t **token, _Out_ bool *created, _Out_ rbtoken_error_t **error)"),
    storeGenerateToken: library.func(
      "int32_t rbtoken_store_generate_token(rbtoken_store_t *store, const uint8_t *user, size_t user_len, const rbtoken_generate_options_t *options, _Out_ rbtoken_token_t **token, _Out_ rbtoken_error_t **error)"),
    storeImportToken: library.func(
      "int32_t rbtoken_store_import_token(rbtoken_store_t *store, const uint8_t *user, size_t user_len, const uint8_t *value, size_t value_len, const rbtoken_import_options_t *options, _Out_ rbtoken_token_t **token, _Out_ rbtoken_error_t **error)"),
    storeFindToken: library.func(
      "int32_t rbtoken_store_find_token(rbtoken_store_t *store, const uint8_t *value, size_t value_len, _Out_ rbtoken_token_t **token, _Out_ rbtoken_error_t **error)"),
    storeGetToken: library.func(
      "int32_t rbtoken_store_get_token(rbtoken_store_t *store, int64_t id, _Out_ rbtoken_token_t **token, _Out_ rbtoken_error_t **error)"),
    storeListTokens: library.func(
      "int32_t rbtoken_store_list_tokens(rbtoken_store_t *store, const rbtoken_token_filter_t *filter, _Out_ rbtoken_token_list_t **list, _Out_ rbtoken_error_t **error)"),
    storeTokenCount: library.func(
      "int32_t rbtoken_store_token_count(rbtoken_store_t *store, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeValueIsValid: library.func(
      "int32_t rbtoken_store_value_is_valid(rbtoken_store_t *store, const uint8_t *generator_id, size_t generator_id_len, const uint8_t *token_type, size_t token_type_len, const uint8_t *value, size_t value_len, _Out_ bool *valid, _Out_ rbtoken_error_t **error)"),
    verdictName: library.func(
      "const char *rbtoken_verdict_name(int32_t verdict)"),
    storeAuthenticate: library.func(
      "int32_t rbtoken_store_authenticate(rbtoken_store_t *store, const uint8_t *value, size_t value_len, const rbtoken_login_options_t *options, _Out_ int32_t *verdict, _Out_ rbtoken_token_t **token, _Out_ rbtoken_token_t **refused, _Out_ rbtoken_error_t **error)"),
    storeForgetLogins: library.func(
      "int32_t rbtoken_store_forget_logins(rbtoken_store_t *store, const uint8_t *value, size_t value_len, _Out_ rbtoken_error_t **error)"),
    storeAuthenticateHeader: library.func(
      "int32_t rbtoken_store_authenticate_header(rbtoken_store_t *store, const uint8_t *header, size_t header_len, const rbtoken_login_options_t *options, _Out_ int32_t *verdict, _Out_ rbtoken_token_t **token, _Out_ rbtoken_token_t **refused, _Out_ rbtoken_error_t **error)"),
    storeUpdateToken: library.func(
      "int32_t rbtoken_store_update_token(rbtoken_store_t *store, int64_t id, const rbtoken_token_update_t *update, _Out_ rbtoken_token_t **token, _Out_ rbtoken_error_t **error)"),
    storeInvalidateToken: library.func(
      "int32_t rbtoken_store_invalidate_token(rbtoken_store_t *store, const uint8_t *value, size_t value_len, const uint8_t *reason, size_t reason_len, _Out_ rbtoken_error_t **error)"),
    storeInvalidateTokenById: library.func(
      "int32_t rbtoken_store_invalidate_token_by_id(rbtoken_store_t *store, int64_t id, const uint8_t *reason, size_t reason_len, _Out_ rbtoken_error_t **error)"),
    storeInvalidateUserTokens: library.func(
      "int32_t rbtoken_store_invalidate_user_tokens(rbtoken_store_t *store, const uint8_t *user, size_t user_len, const uint8_t *reason, size_t reason_len, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeInvalidateAllTokens: library.func(
      "int32_t rbtoken_store_invalidate_all_tokens(rbtoken_store_t *store, const uint8_t *reason, size_t reason_len, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeDeleteToken: library.func(
      "int32_t rbtoken_store_delete_token(rbtoken_store_t *store, int64_t id, _Out_ rbtoken_error_t **error)"),
    storePurgeTokens: library.func(
      "int32_t rbtoken_store_purge_tokens(rbtoken_store_t *store, int64_t dead_before_us, _Out_ uint64_t *count, _Out_ rbtoken_error_t **error)"),
    storeAddHooks: library.func(
      "int32_t rbtoken_store_add_hooks(rbtoken_store_t *store, const rbtoken_hooks_t *hooks, _Out_ uint64_t *hooks_id, _Out_ rbtoken_error_t **error)"),
    storeRemoveHooks: library.func(
      "int32_t rbtoken_store_remove_hooks(rbtoken_store_t *store, uint64_t hooks_id, _Out_ rbtoken_error_t **error)"),
    storeAddGenerator: library.func(
      "int32_t rbtoken_store_add_generator(rbtoken_store_t *store, const uint8_t *generator_id, size_t generator_id_len, const rbtoken_generator_t *generator, _Out_ rbtoken_error_t **error)"),
    storeSetDefaultGenerator: library.func(
      "int32_t rbtoken_store_set_default_generator(rbtoken_store_t *store, const uint8_t *generator_id, size_t generator_id_len, _Out_ rbtoken_error_t **error)"),
    storeSetDeprecatedGenerators: library.func(
      "int32_t rbtoken_store_set_deprecated_generators(rbtoken_store_t *store, const char **generator_ids, size_t count, _Out_ rbtoken_error_t **error)"),
    serviceAccountNew: library.func(
      "int32_t rbtoken_service_account_new(const rbtoken_service_account_options_t *options, _Out_ rbtoken_service_account_t **account, _Out_ rbtoken_error_t **error)"),
    serviceAccountGetApiToken: library.func(
      "int32_t rbtoken_service_account_get_api_token(const rbtoken_service_account_t *account, rbtoken_store_t *store, const rbtoken_service_token_options_t *options, _Out_ rbtoken_token_t **token, _Out_ bool *created, _Out_ rbtoken_error_t **error)"),
    serviceAccountFree: library.func(
      "void rbtoken_service_account_free(rbtoken_service_account_t *account)"),
    tokenRetain: library.func(
      "rbtoken_token_t *rbtoken_token_retain(const rbtoken_token_t *token)"),
    tokenRelease: library.func(
      "void rbtoken_token_release(rbtoken_token_t *token)"),
    tokenId: library.func(
      "int64_t rbtoken_token_id(const rbtoken_token_t *token)"),
    tokenValue: library.func(
      "const uint8_t *rbtoken_token_value(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenRedacted: library.func(
      "const uint8_t *rbtoken_token_redacted(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenUser: library.func(
      "const uint8_t *rbtoken_token_user(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenLocalSite: library.func(
      "const uint8_t *rbtoken_token_local_site(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenClientName: library.func(
      "const uint8_t *rbtoken_token_client_name(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenNote: library.func(
      "const uint8_t *rbtoken_token_note(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenGeneratorId: library.func(
      "const uint8_t *rbtoken_token_generator_id(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenPolicy: library.func(
      "const uint8_t *rbtoken_token_policy(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenExtraData: library.func(
      "const uint8_t *rbtoken_token_extra_data(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenInvalidReason: library.func(
      "const uint8_t *rbtoken_token_invalid_reason(const rbtoken_token_t *token, _Out_ size_t *len)"),
    tokenExpires: library.func(
      "bool rbtoken_token_expires(const rbtoken_token_t *token, _Out_ int64_t *time_us)"),
    tokenTimeAdded: library.func(
      "bool rbtoken_token_time_added(const rbtoken_token_t *token, _Out_ int64_t *time_us)"),
    tokenLastUpdated: library.func(
      "bool rbtoken_token_last_updated(const rbtoken_token_t *token, _Out_ int64_t *time_us)"),
    tokenLastUsed: library.func(
      "bool rbtoken_token_last_used(const rbtoken_token_t *token, _Out_ int64_t *time_us)"),
    tokenInvalidDate: library.func(
      "bool rbtoken_token_invalid_date(const rbtoken_token_t *token, _Out_ int64_t *time_us)"),
    tokenIsInvalidated: library.func(
      "bool rbtoken_token_is_invalidated(const rbtoken_token_t *token)"),
    tokenIsExpired: library.func(
      "bool rbtoken_token_is_expired(const rbtoken_token_t *token, int64_t at_us)"),
    tokenIsDeprecated: library.func(
      "bool rbtoken_token_is_deprecated(const rbtoken_token_t *token)"),
    tokenToJson: library.func(
      "int32_t rbtoken_token_to_json(const rbtoken_token_t *token, int64_t at_us, uint32_t flags, _Out_ rbtoken_buffer_t **json, _Out_ rbtoken_error_t **error)"),
    tokenListCount: library.func(
      "size_t rbtoken_token_list_count(const rbtoken_token_list_t *list)"),
    tokenListGet: library.func(
      "const rbtoken_token_t *rbtoken_token_list_get(const rbtoken_token_list_t *list, size_t index)"),
    tokenListFree: library.func(
      "void rbtoken_token_list_free(rbtoken_token_list_t *list)"),
    tokenAllows: library.func(
      "int32_t rbtoken_token_allows(const rbtoken_token_t *token, const uint8_t *policy_id, size_t policy_id_len, const uint8_t *method, size_t method_len, const uint8_t *resource_id, size_t resource_id_len, _Out_ bool *allowed, _Out_ rbtoken_error_t **error)"),
    policyParse: library.func(
      "int32_t rbtoken_policy_parse(rbtoken_store_t *store, const uint8_t *document, size_t document_len, _Out_ rbtoken_policy_t **policy, _Out_ rbtoken_error_t **error)"),
    policyAllows: library.func(
      "int32_t rbtoken_policy_allows(const rbtoken_policy_t *policy, const uint8_t *policy_id, size_t policy_id_len, const uint8_t *method, size_t method_len, const uint8_t *resource_id, size_t resource_id_len, _Out_ bool *allowed, _Out_ rbtoken_error_t **error)"),
    policyFree: library.func(
      "void rbtoken_policy_free(rbtoken_policy_t *policy)"),
  };
}
