/* Rendered from src/extension by build.rs. Do not edit: change the source, then run
 *     RBTOKEN_UPDATE=1 cargo build
 * SPDX-License-Identifier: MIT
 */

/**
 * @file rbtoken_extension.h
 * Function tables for hosts that load the library at run time.
 *
 * A host that links the library calls the functions of rbtoken.h and does not need this header. A
 * host that loads the library with dlopen() looks up one symbol, rbtoken_extension_entry_v1(),
 * which returns the extension table:
 *
 * 1. `create` makes an instance. The host can pass a table of services: a log, a clock, and a
 *    source of random bytes.
 * 2. `configure` takes the settings as a JSON object; `initialize` opens the store.
 * 3. `get_store` returns the store, and `get_interface` returns tables of the functions of
 *    rbtoken.h, one for each kind of object: `get_interface("rbtoken.store/1")` returns an
 *    rbtoken_store_interface_v1_t.
 * 4. `shutdown` closes the store, and `destroy` frees the instance.
 *
 * examples/host/minimal.c is a whole program. Statuses, errors, text and ownership are as in
 * rbtoken.h. The library stays loaded after dlclose().
 */

#ifndef RBTOKEN_EXTENSION_H
#define RBTOKEN_EXTENSION_H

#include "rbtoken.h"

/**
 * Minor version of the tables in this header, for `rbtoken_extension_entry_v1()`.
 *
 * @ingroup extension
 */
#define RBTOKEN_EXTENSION_MINOR 0

/**
 * Instance of the extension, with its own store and settings. Free it with `destroy` of the
 * extension table.
 *
 * @ingroup extension
 */
typedef struct rbtoken_instance_t rbtoken_instance_t;

/**
 * Services of the host for an instance. Initialize with `RBTOKEN_INIT()`; the table is copied when
 * the instance is created. Each callback may be NULL. `struct_size` can be that of an older or
 * newer table: the library reads the members that it knows and that exist.
 *
 * `user_data` must stay valid until `destroy` has returned and no call on a store of the instance
 * is running.
 *
 * @ingroup extension
 */
typedef struct rbtoken_host_v1_t {
  /**
   * Set by `RBTOKEN_INIT()`.
   */
  size_t struct_size;
  /**
   * Passed to the callbacks.
   */
  void *user_data;
  /**
   * Writes to the host's log. NULL: no log.
   */
  rbtoken_log_fn log;
  /**
   * Returns the time. NULL: the system clock is used.
   */
  rbtoken_clock_fn now;
  /**
   * Fills a buffer with random bytes. NULL: the same as for `entropy` of
   * `rbtoken_store_options_t`.
   */
  rbtoken_entropy_fn fill;
} rbtoken_host_v1_t;

/**
 * Extension table: metadata, and the life cycle of instances.
 *
 * An instance is created, configured, initialized, shut down (and perhaps initialized again), and
 * destroyed. A call in the wrong order returns `RBTOKEN_E_STATE` and changes nothing. Instances
 * are independent of each other. The functions can be called from any thread, but `destroy` only
 * while no other call on the instance is running. Statuses, errors, text and ownership are as in
 * rbtoken.h.
 *
 * @ingroup extension
 */
typedef struct rbtoken_extension_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `"rbtoken"`.
   */
  const char *id;
  /**
   * Name of the extension, for people.
   */
  const char *name;
  /**
   * Version of the library, as from `rbtoken_version()`.
   */
  const char *version;
  /**
   * Authors of the library.
   */
  const char *author;
  /**
   * License, as an SPDX identifier.
   */
  const char *license;
  /**
   * Purpose of the extension, in one sentence.
   */
  const char *summary;
  /**
   * URL of the documentation of Review Board's web API.
   */
  const char *url;
  /**
   * Creates an instance. `host` has services, each optional; NULL: none.
   */
  rbtoken_status_t (*create)(const struct rbtoken_host_v1_t *host,
                             struct rbtoken_instance_t **instance,
                             struct rbtoken_error_t **error);
  /**
   * Configures an instance with a JSON object of settings, with the names of
   * `rbtoken_store_set_setting()`. It replaces earlier settings. The whole object is validated
   * before any setting applies. On failure the error has the JSON path, and the instance is
   * unchanged. NULL with a length of 0: all defaults. The instance must not be initialized.
   * Returns the same statuses for settings as `rbtoken_store_open()`.
   */
  rbtoken_status_t (*configure)(struct rbtoken_instance_t *instance,
                                const char *settings,
                                size_t settings_len,
                                struct rbtoken_error_t **error);
  /**
   * Opens the store of a configured instance. After a shutdown this is a new store; one in
   * memory is empty. A file is unlocked when the last handle of its old store is released; until
   * then, this function returns `RBTOKEN_E_LOCKED` for it. Its other statuses are those of
   * `rbtoken_store_open()`.
   */
  rbtoken_status_t (*initialize)(struct rbtoken_instance_t *instance, struct rbtoken_error_t **error);
  /**
   * Closes the store of an initialized instance, and removes its hooks and the host's
   * generators, which are destroyed when their last running call ends. The function does not
   * wait for running calls: they finish normally or return `RBTOKEN_E_STATE`, as do all later
   * calls on any handle of the store.
   */
  rbtoken_status_t (*shutdown)(struct rbtoken_instance_t *instance, struct rbtoken_error_t **error);
  /**
   * Destroys an instance, after shutting it down if it is initialized. NULL does nothing.
   */
  void (*destroy)(struct rbtoken_instance_t *instance);
  /**
   * Returns a reference to the store of an initialized instance. Release it with
   * `rbtoken_store_release()`.
   */
  rbtoken_status_t (*get_store)(struct rbtoken_instance_t *instance,
                                struct rbtoken_store_t **store,
                                struct rbtoken_error_t **error);
  /**
   * Returns all effective settings as a JSON object, to be freed with `rbtoken_buffer_free()`:
   * those of the store, or those that it would be opened with.
   */
  rbtoken_status_t (*get_settings)(struct rbtoken_instance_t *instance,
                                   struct rbtoken_buffer_t **settings,
                                   struct rbtoken_error_t **error);
  /**
   * Returns a JSON Schema of the settings, a constant that is never freed.
   */
  const char *(*get_settings_schema)(void);
  /**
   * Returns a table of functions by name, such as `"rbtoken.store/1"` for an
   * `rbtoken_store_interface_v1_t`. It is a constant that is never freed. Returns NULL if the
   * library has no table with that name.
   */
  const void *(*get_interface)(const char *name);
} rbtoken_extension_v1_t;

/**
 * Interface `rbtoken.about/1`: the functions for the library itself.
 *
 * @ingroup extension
 */
typedef struct rbtoken_about_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_version()`
   */
  const char *(*version)(void);
  /**
   * `rbtoken_abi_version()`
   */
  uint32_t (*abi_version)(void);
  /**
   * `rbtoken_abi_is_compatible()`
   */
  bool (*abi_is_compatible)(uint32_t abi_version);
  /**
   * `rbtoken_status_name()`
   */
  const char *(*status_name)(rbtoken_status_t status);
  /**
   * `rbtoken_verdict_name()`
   */
  const char *(*verdict_name)(rbtoken_verdict_t verdict);
} rbtoken_about_interface_v1_t;

/**
 * Interface `rbtoken.error/1`: the functions for errors.
 *
 * @ingroup extension
 */
typedef struct rbtoken_error_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_error_status()`
   */
  rbtoken_status_t (*status)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_message()`
   */
  const char *(*message)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_argument()`
   */
  const char *(*argument)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_json_path()`
   */
  const char *(*json_path)(const struct rbtoken_error_t *error);
  /**
   * `rbtoken_error_free()`
   */
  void (*free)(struct rbtoken_error_t *error);
} rbtoken_error_interface_v1_t;

/**
 * Interface `rbtoken.buffer/1`: the functions for buffers.
 *
 * @ingroup extension
 */
typedef struct rbtoken_buffer_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_buffer_data()`
   */
  const char *(*data)(const struct rbtoken_buffer_t *buffer, size_t *len);
  /**
   * `rbtoken_buffer_free()`
   */
  void (*free)(struct rbtoken_buffer_t *buffer);
} rbtoken_buffer_interface_v1_t;

/**
 * Interface `rbtoken.store/1`: the functions for stores, their tokens and logins.
 *
 * @ingroup extension
 */
typedef struct rbtoken_store_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_open()`
   */
  rbtoken_status_t (*open)(const struct rbtoken_store_options_t *options,
                           struct rbtoken_store_t **store,
                           struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_shared()`
   */
  rbtoken_status_t (*shared)(const struct rbtoken_store_options_t *options,
                             struct rbtoken_store_t **store,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_retain()`
   */
  struct rbtoken_store_t *(*retain)(struct rbtoken_store_t *store);
  /**
   * `rbtoken_store_release()`
   */
  void (*release)(struct rbtoken_store_t *store);
  /**
   * `rbtoken_store_set_setting()`
   */
  rbtoken_status_t (*set_setting)(struct rbtoken_store_t *store,
                                  const char *name,
                                  size_t name_len,
                                  const char *value,
                                  size_t value_len,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_setting()`
   */
  rbtoken_status_t (*get_setting)(struct rbtoken_store_t *store,
                                  const char *name,
                                  size_t name_len,
                                  struct rbtoken_buffer_t **value,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_add_local_site()`
   */
  rbtoken_status_t (*add_local_site)(struct rbtoken_store_t *store,
                                     const char *local_site,
                                     size_t local_site_len,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_remove_local_site()`
   */
  rbtoken_status_t (*remove_local_site)(struct rbtoken_store_t *store,
                                        const char *local_site,
                                        size_t local_site_len,
                                        struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_user_active()`
   */
  rbtoken_status_t (*set_user_active)(struct rbtoken_store_t *store,
                                      const char *user,
                                      size_t user_len,
                                      int32_t active,
                                      struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_policy_ids()`
   */
  rbtoken_status_t (*set_policy_ids)(struct rbtoken_store_t *store,
                                     const char *const *ids,
                                     size_t count,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_or_create_client_token()`
   */
  rbtoken_status_t (*get_or_create_client_token)(struct rbtoken_store_t *store,
                                                 const char *user,
                                                 size_t user_len,
                                                 const char *client_name,
                                                 size_t client_name_len,
                                                 const struct rbtoken_client_token_options_t *options,
                                                 struct rbtoken_token_t **token,
                                                 bool *created,
                                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_generate_token()`
   */
  rbtoken_status_t (*generate_token)(struct rbtoken_store_t *store,
                                     const char *user,
                                     size_t user_len,
                                     const struct rbtoken_generate_options_t *options,
                                     struct rbtoken_token_t **token,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_import_token()`
   */
  rbtoken_status_t (*import_token)(struct rbtoken_store_t *store,
                                   const char *user,
                                   size_t user_len,
                                   const char *value,
                                   size_t value_len,
                                   const struct rbtoken_import_options_t *options,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_find_token()`
   */
  rbtoken_status_t (*find_token)(struct rbtoken_store_t *store,
                                 const char *value,
                                 size_t value_len,
                                 struct rbtoken_token_t **token,
                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_get_token()`
   */
  rbtoken_status_t (*get_token)(struct rbtoken_store_t *store,
                                int64_t id,
                                struct rbtoken_token_t **token,
                                struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_list_tokens()`
   */
  rbtoken_status_t (*list_tokens)(struct rbtoken_store_t *store,
                                  const struct rbtoken_token_filter_t *filter,
                                  struct rbtoken_token_list_t **list,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_token_count()`
   */
  rbtoken_status_t (*token_count)(struct rbtoken_store_t *store,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_value_is_valid()`
   */
  rbtoken_status_t (*value_is_valid)(struct rbtoken_store_t *store,
                                     const char *generator_id,
                                     size_t generator_id_len,
                                     const char *token_type,
                                     size_t token_type_len,
                                     const char *value,
                                     size_t value_len,
                                     bool *valid,
                                     struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_authenticate()`
   */
  rbtoken_status_t (*authenticate)(struct rbtoken_store_t *store,
                                   const char *value,
                                   size_t value_len,
                                   const struct rbtoken_login_options_t *options,
                                   rbtoken_verdict_t *verdict,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_token_t **refused,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_authenticate_header()`
   */
  rbtoken_status_t (*authenticate_header)(struct rbtoken_store_t *store,
                                          const char *header,
                                          size_t header_len,
                                          const struct rbtoken_login_options_t *options,
                                          rbtoken_verdict_t *verdict,
                                          struct rbtoken_token_t **token,
                                          struct rbtoken_token_t **refused,
                                          struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_update_token()`
   */
  rbtoken_status_t (*update_token)(struct rbtoken_store_t *store,
                                   int64_t id,
                                   const struct rbtoken_token_update_t *update,
                                   struct rbtoken_token_t **token,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_token()`
   */
  rbtoken_status_t (*invalidate_token)(struct rbtoken_store_t *store,
                                       const char *value,
                                       size_t value_len,
                                       const char *reason,
                                       size_t reason_len,
                                       struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_token_by_id()`
   */
  rbtoken_status_t (*invalidate_token_by_id)(struct rbtoken_store_t *store,
                                             int64_t id,
                                             const char *reason,
                                             size_t reason_len,
                                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_user_tokens()`
   */
  rbtoken_status_t (*invalidate_user_tokens)(struct rbtoken_store_t *store,
                                             const char *user,
                                             size_t user_len,
                                             const char *reason,
                                             size_t reason_len,
                                             uint64_t *count,
                                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_invalidate_all_tokens()`
   */
  rbtoken_status_t (*invalidate_all_tokens)(struct rbtoken_store_t *store,
                                            const char *reason,
                                            size_t reason_len,
                                            uint64_t *count,
                                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_delete_token()`
   */
  rbtoken_status_t (*delete_token)(struct rbtoken_store_t *store,
                                   int64_t id,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_purge_tokens()`
   */
  rbtoken_status_t (*purge_tokens)(struct rbtoken_store_t *store,
                                   int64_t dead_before_us,
                                   uint64_t *count,
                                   struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_flush()`
   */
  rbtoken_status_t (*flush)(struct rbtoken_store_t *store, struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_backup()`
   */
  rbtoken_status_t (*backup)(struct rbtoken_store_t *store,
                             const char *path,
                             size_t path_len,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_export_file()`
   */
  rbtoken_status_t (*export_file)(struct rbtoken_store_t *store,
                                  const char *path,
                                  size_t path_len,
                                  const struct rbtoken_progress_t *progress,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_import_file()`
   */
  rbtoken_status_t (*import_file)(struct rbtoken_store_t *store,
                                  const char *path,
                                  size_t path_len,
                                  const struct rbtoken_progress_t *progress,
                                  uint64_t *count,
                                  struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_statistics()`
   */
  rbtoken_status_t (*statistics)(struct rbtoken_store_t *store,
                                 struct rbtoken_buffer_t **statistics,
                                 struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_forget_logins()`
   */
  rbtoken_status_t (*forget_logins)(struct rbtoken_store_t *store,
                                    const char *value,
                                    size_t value_len,
                                    struct rbtoken_error_t **error);
} rbtoken_store_interface_v1_t;

/**
 * Interface `rbtoken.hooks/1`: the functions for events.
 *
 * @ingroup extension
 */
typedef struct rbtoken_hooks_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_add_hooks()`
   */
  rbtoken_status_t (*add_hooks)(struct rbtoken_store_t *store,
                                const struct rbtoken_hooks_t *hooks,
                                uint64_t *hooks_id,
                                struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_remove_hooks()`
   */
  rbtoken_status_t (*remove_hooks)(struct rbtoken_store_t *store,
                                   uint64_t hooks_id,
                                   struct rbtoken_error_t **error);
} rbtoken_hooks_interface_v1_t;

/**
 * Interface `rbtoken.generator/1`: the functions for token generators.
 *
 * @ingroup extension
 */
typedef struct rbtoken_generator_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_store_add_generator()`
   */
  rbtoken_status_t (*add_generator)(struct rbtoken_store_t *store,
                                    const char *generator_id,
                                    size_t generator_id_len,
                                    const struct rbtoken_generator_t *generator,
                                    struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_default_generator()`
   */
  rbtoken_status_t (*set_default_generator)(struct rbtoken_store_t *store,
                                            const char *generator_id,
                                            size_t generator_id_len,
                                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_store_set_deprecated_generators()`
   */
  rbtoken_status_t (*set_deprecated_generators)(struct rbtoken_store_t *store,
                                                const char *const *generator_ids,
                                                size_t count,
                                                struct rbtoken_error_t **error);
} rbtoken_generator_interface_v1_t;

/**
 * Interface `rbtoken.service_account/1`: the functions for service accounts.
 *
 * @ingroup extension
 */
typedef struct rbtoken_service_account_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_service_account_new()`
   */
  rbtoken_status_t (*create)(const struct rbtoken_service_account_options_t *options,
                             struct rbtoken_service_account_t **account,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_service_account_get_api_token()`
   */
  rbtoken_status_t (*get_api_token)(const struct rbtoken_service_account_t *account,
                                    struct rbtoken_store_t *store,
                                    const struct rbtoken_service_token_options_t *options,
                                    struct rbtoken_token_t **token,
                                    bool *created,
                                    struct rbtoken_error_t **error);
  /**
   * `rbtoken_service_account_free()`
   */
  void (*free)(struct rbtoken_service_account_t *account);
} rbtoken_service_account_interface_v1_t;

/**
 * Interface `rbtoken.token/1`: the functions for tokens.
 *
 * @ingroup extension
 */
typedef struct rbtoken_token_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_token_retain()`
   */
  struct rbtoken_token_t *(*retain)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_release()`
   */
  void (*release)(struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_id()`
   */
  int64_t (*id)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_value()`
   */
  const char *(*value)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_redacted()`
   */
  const char *(*redacted)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_user()`
   */
  const char *(*user)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_local_site()`
   */
  const char *(*local_site)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_client_name()`
   */
  const char *(*client_name)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_note()`
   */
  const char *(*note)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_generator_id()`
   */
  const char *(*generator_id)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_policy()`
   */
  const char *(*policy)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_extra_data()`
   */
  const char *(*extra_data)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_invalid_reason()`
   */
  const char *(*invalid_reason)(const struct rbtoken_token_t *token, size_t *len);
  /**
   * `rbtoken_token_expires()`
   */
  bool (*expires)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_time_added()`
   */
  bool (*time_added)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_last_updated()`
   */
  bool (*last_updated)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_last_used()`
   */
  bool (*last_used)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_invalid_date()`
   */
  bool (*invalid_date)(const struct rbtoken_token_t *token, int64_t *time_us);
  /**
   * `rbtoken_token_is_invalidated()`
   */
  bool (*is_invalidated)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_is_expired()`
   */
  bool (*is_expired)(const struct rbtoken_token_t *token, int64_t at_us);
  /**
   * `rbtoken_token_is_deprecated()`
   */
  bool (*is_deprecated)(const struct rbtoken_token_t *token);
  /**
   * `rbtoken_token_to_json()`
   */
  rbtoken_status_t (*to_json)(const struct rbtoken_token_t *token,
                              int64_t at_us,
                              uint32_t flags,
                              struct rbtoken_buffer_t **json,
                              struct rbtoken_error_t **error);
  /**
   * `rbtoken_token_allows()`
   */
  rbtoken_status_t (*allows)(const struct rbtoken_token_t *token,
                             const char *policy_id,
                             size_t policy_id_len,
                             const char *method,
                             size_t method_len,
                             const char *resource_id,
                             size_t resource_id_len,
                             bool *allowed,
                             struct rbtoken_error_t **error);
} rbtoken_token_interface_v1_t;

/**
 * Interface `rbtoken.token_list/1`: the functions for token lists.
 *
 * @ingroup extension
 */
typedef struct rbtoken_token_list_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_token_list_count()`
   */
  size_t (*count)(const struct rbtoken_token_list_t *list);
  /**
   * `rbtoken_token_list_get()`
   */
  const struct rbtoken_token_t *(*get)(const struct rbtoken_token_list_t *list, size_t index);
  /**
   * `rbtoken_token_list_free()`
   */
  void (*free)(struct rbtoken_token_list_t *list);
} rbtoken_token_list_interface_v1_t;

/**
 * Interface `rbtoken.policy/1`: the functions for policies.
 *
 * @ingroup extension
 */
typedef struct rbtoken_policy_interface_v1_t {
  /**
   * Size of this table in bytes. A member exists if it lies within that size.
   */
  size_t struct_size;
  /**
   * `rbtoken_policy_parse()`
   */
  rbtoken_status_t (*parse)(struct rbtoken_store_t *store,
                            const char *document,
                            size_t document_len,
                            struct rbtoken_policy_t **policy,
                            struct rbtoken_error_t **error);
  /**
   * `rbtoken_policy_allows()`
   */
  rbtoken_status_t (*allows)(const struct rbtoken_policy_t *policy,
                             const char *policy_id,
                             size_t policy_id_len,
                             const char *method,
                             size_t method_len,
                             const char *resource_id,
                             size_t resource_id_len,
                             bool *allowed,
                             struct rbtoken_error_t **error);
  /**
   * `rbtoken_policy_free()`
   */
  void (*free)(struct rbtoken_policy_t *policy);
} rbtoken_policy_interface_v1_t;

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Returns the extension table. This is the only symbol that a host looks up if it loads the
 * library at run time. Its name has the major version of the tables.
 *
 * `[thread-safe]`
 *
 * @param minor the lowest minor version of the tables that the host can use, usually
 *         `RBTOKEN_EXTENSION_MINOR`
 * @param extension receives the table, a constant that is never freed; NULL on failure
 * @retval RBTOKEN_OK the table was returned
 * @retval RBTOKEN_E_UNSUPPORTED the library's tables have a lower minor version
 * @since 0.1.0
 * @ingroup extension
 */
RBTOKEN_API
RBTOKEN_NODISCARD
rbtoken_status_t rbtoken_extension_entry_v1(uint32_t minor,
                                            const struct rbtoken_extension_v1_t **extension);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RBTOKEN_EXTENSION_H */
