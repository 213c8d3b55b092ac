/* The calls of the library that Go makes, with Go's strings and without a struct in Go's memory.
 *
 * A result is a struct, and options are built on C's stack: an output in Go's memory would be
 * allocated for each call, and C must not be given Go's memory with Go's pointers in it.
 *
 * Included in the preambles of Go files, where `_GoString_` is known.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef RBTOKEN_GO_CALLS_H
#define RBTOKEN_GO_CALLS_H

#include "callbacks.h"

/* What a call came to. Each call sets the members that it has outputs for. */
typedef struct {
    rbtoken_status_t status;
    bool flag;
    uint64_t number;
    rbtoken_token_t *token;
    /* A handle of another kind. */
    void *object;
    rbtoken_error_t *error;
    /* The handle of what a callback returned or panicked with. */
    uintptr_t failure;
} go_result;

/* What a login came to: a struct of its own, since it is copied for each. */
typedef struct {
    rbtoken_status_t status;
    rbtoken_verdict_t verdict;
    rbtoken_token_t *token;
    rbtoken_token_t *refused;
    rbtoken_error_t *error;
    uintptr_t failure;
} go_login;

/* A text that the library owns. */
typedef struct {
    const char *data;
    size_t len;
} go_text;

/* A time, if there is one. */
typedef struct {
    int64_t us;
    bool is_known;
} go_time;

/* Runs the statement of a call, and takes what a callback of Go returned meanwhile. The thread
 * makes no other call until then: what a callback does is on the goroutine of guard(), for which
 * the thread waits. */
#define GO_CALL(statement) GO_CALL_FOR(go_result, statement)
#define GO_CALL_FOR(type, statement)                    \
    type result = {0};                                  \
    statement;                                          \
    if (__builtin_expect(rbtoken_go_failure != 0, 0)) { \
        result.failure = rbtoken_go_failure;            \
        rbtoken_go_failure = 0;                         \
    }                                                   \
    return result

/* The two arguments of a text. An empty Go string may have no address, and would be absent. */
#define GO_TEXT(text) (_GoStringLen(text) ? _GoStringPtr(text) : ""), _GoStringLen(text)
/* The two arguments of a text that is absent if it is empty. */
#define GO_OPTIONAL(text) (_GoStringLen(text) ? _GoStringPtr(text) : NULL), _GoStringLen(text)
/* Sets a field, and the one of its length, to a text that is absent if it is empty. */
#define GO_SET(options, field, text)                                   \
    ((options).field = _GoStringLen(text) ? _GoStringPtr(text) : NULL, \
     (options).field##_len = _GoStringLen(text))

/* Names, versions, errors, buffers. */

static inline go_text go_text_of(const char *data, size_t len)
{
    go_text text = {data, data ? len : 0};
    return text;
}

static inline go_text go_c_text(const char *data)
{
    return go_text_of(data, data ? strlen(data) : 0);
}

static inline bool go_is_compatible(void)
{
    return rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION);
}

typedef struct {
    rbtoken_status_t status;
    go_text message, argument, json_path;
} go_error;

static inline go_error go_read_error(const rbtoken_error_t *error)
{
    go_error read = {rbtoken_error_status(error), go_c_text(rbtoken_error_message(error)),
                     go_c_text(rbtoken_error_argument(error)),
                     go_c_text(rbtoken_error_json_path(error))};
    return read;
}

static inline go_text go_buffer_data(void *buffer)
{
    size_t len = 0;
    const char *data = rbtoken_buffer_data((const rbtoken_buffer_t *)buffer, &len);
    return go_text_of(data, len);
}

static inline void go_buffer_free(void *buffer)
{
    rbtoken_buffer_free((rbtoken_buffer_t *)buffer);
}

/* Stores. */

typedef rbtoken_status_t (*go_open_fn)(const rbtoken_store_options_t *, rbtoken_store_t **,
                                       rbtoken_error_t **);

static inline rbtoken_status_t go_open_with(go_open_fn open, bool is_shared, go_result *result,
                                            _GoString_ location, _GoString_ settings,
                                            uintptr_t clock_data, uintptr_t entropy_data)
{
    rbtoken_store_options_t options;
    rbtoken_clock_t clock;
    rbtoken_entropy_t entropy;
    rbtoken_store_t *store = NULL;
    rbtoken_status_t status;
    bool is_default = !_GoStringLen(location) && !_GoStringLen(settings) && !clock_data &&
                      !entropy_data;

    RBTOKEN_INIT(&options);
    GO_SET(options, location, location);
    GO_SET(options, settings, settings);
    if (clock_data) {
        rbtoken_go_clock(&clock, clock_data, is_shared);
        options.clock = &clock;
    }
    if (entropy_data) {
        rbtoken_go_entropy(&entropy, entropy_data, is_shared);
        options.entropy = &entropy;
    }
    /* For the shared store, no options are those that it was opened with. */
    status = open(is_default ? NULL : &options, &store, &result->error);
    result->object = store;
    return status;
}

static inline go_result go_store_open(_GoString_ location, _GoString_ settings, uintptr_t clock,
                                      uintptr_t entropy)
{
    GO_CALL(result.status = go_open_with(rbtoken_store_open, false, &result, location, settings,
                                         clock, entropy));
}

static inline go_result go_store_shared(_GoString_ location, _GoString_ settings, uintptr_t clock,
                                        uintptr_t entropy)
{
    GO_CALL(result.status = go_open_with(rbtoken_store_shared, true, &result, location, settings,
                                         clock, entropy));
}

static inline go_result go_store_release(void *store)
{
    GO_CALL(rbtoken_store_release((rbtoken_store_t *)store));
}

static inline go_result go_store_flush(rbtoken_store_t *store)
{
    GO_CALL(result.status = rbtoken_store_flush(store, &result.error));
}

static inline go_result go_store_set_setting(rbtoken_store_t *store, _GoString_ name,
                                             _GoString_ value)
{
    GO_CALL(result.status = rbtoken_store_set_setting(store, GO_TEXT(name), GO_TEXT(value),
                                                      &result.error));
}

static inline go_result go_store_get_setting(rbtoken_store_t *store, _GoString_ name)
{
    rbtoken_buffer_t *value = NULL;
    GO_CALL(result.status = rbtoken_store_get_setting(store, GO_TEXT(name), &value, &result.error);
            result.object = value);
}

static inline go_result go_store_statistics(rbtoken_store_t *store)
{
    rbtoken_buffer_t *statistics = NULL;
    GO_CALL(result.status = rbtoken_store_statistics(store, &statistics, &result.error);
            result.object = statistics);
}

static inline go_result go_store_add_local_site(rbtoken_store_t *store, _GoString_ local_site)
{
    GO_CALL(result.status = rbtoken_store_add_local_site(store, GO_TEXT(local_site),
                                                         &result.error));
}

static inline go_result go_store_remove_local_site(rbtoken_store_t *store, _GoString_ local_site)
{
    GO_CALL(result.status = rbtoken_store_remove_local_site(store, GO_TEXT(local_site),
                                                            &result.error));
}

static inline go_result go_store_set_user_active(rbtoken_store_t *store, _GoString_ user,
                                                 bool active)
{
    GO_CALL(result.status = rbtoken_store_set_user_active(store, GO_TEXT(user), active,
                                                          &result.error));
}

/* The texts of a list are in C's memory; NULL: no list. */
static inline go_result go_store_set_policy_ids(rbtoken_store_t *store, char **ids, size_t count)
{
    GO_CALL(result.status = rbtoken_store_set_policy_ids(store, (const char *const *)ids, count,
                                                         &result.error));
}

static inline go_result go_store_backup(rbtoken_store_t *store, _GoString_ path)
{
    GO_CALL(result.status = rbtoken_store_backup(store, GO_TEXT(path), &result.error));
}

static inline go_result go_store_export_file(rbtoken_store_t *store, _GoString_ path,
                                             uintptr_t progress_data)
{
    rbtoken_progress_t progress;
    rbtoken_go_progress(&progress, progress_data);
    GO_CALL(result.status = rbtoken_store_export_file(store, GO_TEXT(path),
                                                      progress_data ? &progress : NULL,
                                                      &result.number, &result.error));
}

static inline go_result go_store_import_file(rbtoken_store_t *store, _GoString_ path,
                                             uintptr_t progress_data)
{
    rbtoken_progress_t progress;
    rbtoken_go_progress(&progress, progress_data);
    GO_CALL(result.status = rbtoken_store_import_file(store, GO_TEXT(path),
                                                      progress_data ? &progress : NULL,
                                                      &result.number, &result.error));
}

/* Tokens. */

static inline go_result go_store_get_or_create_client_token(
    rbtoken_store_t *store, _GoString_ user, _GoString_ client_name, int32_t expires_mode,
    int64_t expires_at_us, int32_t min_validity_mode, int64_t min_validity_secs, uint32_t flags,
    _GoString_ local_site, _GoString_ default_policy, _GoString_ default_extra_data)
{
    rbtoken_client_token_options_t options;
    RBTOKEN_INIT(&options);
    options.expires_mode = expires_mode;
    options.expires_at_us = expires_at_us;
    options.min_validity_mode = min_validity_mode;
    options.min_validity_secs = min_validity_secs;
    options.flags = flags;
    GO_SET(options, local_site, local_site);
    GO_SET(options, default_policy, default_policy);
    GO_SET(options, default_extra_data, default_extra_data);
    GO_CALL(result.status = rbtoken_store_get_or_create_client_token(store, GO_TEXT(user),
                                                                     GO_TEXT(client_name), &options,
                                                                     &result.token, &result.flag,
                                                                     &result.error));
}

static inline go_result go_store_generate_token(
    rbtoken_store_t *store, _GoString_ user, int32_t expires_mode, int64_t expires_at_us,
    uint32_t flags, _GoString_ generator_id, _GoString_ token_type, _GoString_ local_site,
    _GoString_ note, _GoString_ policy, _GoString_ extra_data)
{
    rbtoken_generate_options_t options;
    RBTOKEN_INIT(&options);
    options.expires_mode = expires_mode;
    options.expires_at_us = expires_at_us;
    options.flags = flags;
    GO_SET(options, generator_id, generator_id);
    GO_SET(options, token_type, token_type);
    GO_SET(options, local_site, local_site);
    GO_SET(options, note, note);
    GO_SET(options, policy, policy);
    GO_SET(options, extra_data, extra_data);
    GO_CALL(result.status = rbtoken_store_generate_token(store, GO_TEXT(user), &options,
                                                         &result.token, &result.error));
}

static inline go_result go_store_import_token(
    rbtoken_store_t *store, _GoString_ user, _GoString_ value, uint32_t flags,
    int64_t time_added_us, int64_t last_updated_us, int64_t last_used_us, int64_t expires_at_us,
    int64_t invalid_date_us, _GoString_ invalid_reason, _GoString_ generator_id,
    _GoString_ local_site, _GoString_ note, _GoString_ policy, _GoString_ extra_data)
{
    rbtoken_import_options_t options;
    RBTOKEN_INIT(&options);
    options.flags = flags;
    options.time_added_us = time_added_us;
    options.last_updated_us = last_updated_us;
    options.last_used_us = last_used_us;
    options.expires_at_us = expires_at_us;
    options.invalid_date_us = invalid_date_us;
    GO_SET(options, invalid_reason, invalid_reason);
    GO_SET(options, generator_id, generator_id);
    GO_SET(options, local_site, local_site);
    GO_SET(options, note, note);
    GO_SET(options, policy, policy);
    GO_SET(options, extra_data, extra_data);
    GO_CALL(result.status = rbtoken_store_import_token(store, GO_TEXT(user), GO_TEXT(value),
                                                       &options, &result.token, &result.error));
}

static inline go_result go_store_find_token(rbtoken_store_t *store, _GoString_ value)
{
    GO_CALL(result.status = rbtoken_store_find_token(store, GO_TEXT(value), &result.token,
                                                     &result.error));
}

static inline go_result go_store_get_token(rbtoken_store_t *store, int64_t id)
{
    GO_CALL(result.status = rbtoken_store_get_token(store, id, &result.token, &result.error));
}

static inline go_result go_store_list_tokens(rbtoken_store_t *store, int32_t local_site_mode,
                                             int32_t validity_mode, uint32_t flags,
                                             int64_t expires_before_us, _GoString_ local_site,
                                             _GoString_ user, _GoString_ client_name)
{
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *list = NULL;
    RBTOKEN_INIT(&filter);
    filter.local_site_mode = local_site_mode;
    filter.validity_mode = validity_mode;
    filter.flags = flags;
    filter.expires_before_us = expires_before_us;
    GO_SET(filter, local_site, local_site);
    GO_SET(filter, user, user);
    GO_SET(filter, client_name, client_name);
    GO_CALL(result.status = rbtoken_store_list_tokens(store, &filter, &list, &result.error);
            result.object = list);
}

static inline go_result go_store_token_count(rbtoken_store_t *store)
{
    GO_CALL(result.status = rbtoken_store_token_count(store, &result.number, &result.error));
}

static inline go_result go_store_value_is_valid(rbtoken_store_t *store, _GoString_ generator_id,
                                                _GoString_ token_type, _GoString_ value)
{
    GO_CALL(result.status = rbtoken_store_value_is_valid(store, GO_TEXT(generator_id),
                                                         GO_TEXT(token_type), GO_TEXT(value),
                                                         &result.flag, &result.error));
}

/* The modes of an update keep a field, empty it, or set it. */
static inline go_result go_store_update_token(rbtoken_store_t *store, int64_t id,
                                              int32_t expires_mode, int64_t expires_at_us,
                                              int32_t note_mode, _GoString_ note,
                                              int32_t policy_mode, _GoString_ policy,
                                              int32_t extra_data_mode, _GoString_ extra_data)
{
    rbtoken_token_update_t update;
    RBTOKEN_INIT(&update);
    update.expires_mode = expires_mode;
    update.expires_at_us = expires_at_us;
    update.note_mode = note_mode;
    update.policy_mode = policy_mode;
    update.extra_data_mode = extra_data_mode;
    GO_SET(update, note, note);
    GO_SET(update, policy, policy);
    GO_SET(update, extra_data, extra_data);
    GO_CALL(result.status = rbtoken_store_update_token(store, id, &update, &result.token,
                                                       &result.error));
}

static inline go_result go_store_invalidate_token(rbtoken_store_t *store, _GoString_ value,
                                                  _GoString_ reason)
{
    GO_CALL(result.status = rbtoken_store_invalidate_token(store, GO_TEXT(value), GO_TEXT(reason),
                                                           &result.error));
}

static inline go_result go_store_invalidate_token_by_id(rbtoken_store_t *store, int64_t id,
                                                        _GoString_ reason)
{
    GO_CALL(result.status = rbtoken_store_invalidate_token_by_id(store, id, GO_TEXT(reason),
                                                                 &result.error));
}

static inline go_result go_store_invalidate_user_tokens(rbtoken_store_t *store, _GoString_ user,
                                                        _GoString_ reason)
{
    GO_CALL(result.status = rbtoken_store_invalidate_user_tokens(
                store, GO_TEXT(user), GO_TEXT(reason), &result.number, &result.error));
}

static inline go_result go_store_invalidate_all_tokens(rbtoken_store_t *store, _GoString_ reason)
{
    GO_CALL(result.status = rbtoken_store_invalidate_all_tokens(store, GO_TEXT(reason),
                                                                &result.number, &result.error));
}

static inline go_result go_store_delete_token(rbtoken_store_t *store, int64_t id)
{
    GO_CALL(result.status = rbtoken_store_delete_token(store, id, &result.error));
}

static inline go_result go_store_purge_tokens(rbtoken_store_t *store, int64_t dead_before_us)
{
    GO_CALL(result.status = rbtoken_store_purge_tokens(store, dead_before_us, &result.number,
                                                       &result.error));
}

/* Logins. */

typedef rbtoken_status_t (*go_login_fn)(rbtoken_store_t *, const char *, size_t,
                                        const rbtoken_login_options_t *, rbtoken_verdict_t *,
                                        rbtoken_token_t **, rbtoken_token_t **, rbtoken_error_t **);

static inline rbtoken_status_t go_login_with(go_login_fn login, go_login *result, uintptr_t store,
                                             _GoString_ text, int32_t site_mode, _GoString_ site)
{
    rbtoken_login_options_t options;
    bool is_default = site_mode == RBTOKEN_SITE_GLOBAL && !_GoStringLen(site);
    if (!is_default) {
        RBTOKEN_INIT(&options);
        options.site_mode = site_mode;
        GO_SET(options, site, site);
    }
    return login((rbtoken_store_t *)store, GO_TEXT(text), is_default ? NULL : &options,
                 &result->verdict, &result->token, &result->refused, &result->error);
}

/* Handles of frequent calls are numbers: cgo would check an address for Go's pointers. */
static inline go_login go_store_authenticate(uintptr_t store, _GoString_ value, int32_t site_mode,
                                             _GoString_ site)
{
    GO_CALL_FOR(go_login, result.status = go_login_with(rbtoken_store_authenticate, &result, store,
                                                        value, site_mode, site));
}

static inline go_login go_store_authenticate_header(uintptr_t store, _GoString_ header,
                                                    int32_t site_mode, _GoString_ site)
{
    GO_CALL_FOR(go_login, result.status = go_login_with(rbtoken_store_authenticate_header, &result,
                                                        store, header, site_mode, site));
}

static inline go_result go_store_forget_logins(rbtoken_store_t *store)
{
    GO_CALL(result.status = rbtoken_store_forget_logins(store, NULL, 0, &result.error));
}

static inline go_result go_store_forget_login(rbtoken_store_t *store, _GoString_ value)
{
    GO_CALL(result.status = rbtoken_store_forget_logins(store, GO_TEXT(value), &result.error));
}

/* Callbacks. */

static inline go_result go_store_add_hooks(rbtoken_store_t *store, uintptr_t data, unsigned events)
{
    rbtoken_hooks_t hooks;
    rbtoken_go_hooks(&hooks, data, events);
    GO_CALL(result.status = rbtoken_store_add_hooks(store, &hooks, &result.number, &result.error));
}

static inline go_result go_store_remove_hooks(rbtoken_store_t *store, uint64_t hooks_id)
{
    GO_CALL(result.status = rbtoken_store_remove_hooks(store, hooks_id, &result.error));
}

static inline go_result go_store_add_generator(rbtoken_store_t *store, _GoString_ generator_id,
                                               uintptr_t data)
{
    rbtoken_generator_t generator;
    rbtoken_go_generator(&generator, data);
    GO_CALL(result.status = rbtoken_store_add_generator(store, GO_TEXT(generator_id), &generator,
                                                        &result.error));
}

static inline go_result go_store_set_default_generator(rbtoken_store_t *store,
                                                       _GoString_ generator_id)
{
    GO_CALL(result.status = rbtoken_store_set_default_generator(store, GO_TEXT(generator_id),
                                                                &result.error));
}

static inline go_result go_store_set_deprecated_generators(rbtoken_store_t *store, char **ids,
                                                           size_t count)
{
    GO_CALL(result.status = rbtoken_store_set_deprecated_generators(store, (const char *const *)ids,
                                                                    count, &result.error));
}

/* Service accounts and policies. */

static inline go_result go_service_account_new(int32_t expiration_mode, uint32_t token_version,
                                               int64_t expiration_secs, _GoString_ id,
                                               _GoString_ user, _GoString_ policy)
{
    rbtoken_service_account_options_t options;
    rbtoken_service_account_t *account = NULL;
    RBTOKEN_INIT(&options);
    options.expiration_mode = expiration_mode;
    options.token_version = token_version;
    options.expiration_secs = expiration_secs;
    /* Required: an empty id must not be an absent one. */
    options.id = _GoStringLen(id) ? _GoStringPtr(id) : "";
    options.id_len = _GoStringLen(id);
    GO_SET(options, user, user);
    GO_SET(options, policy, policy);
    GO_CALL(result.status = rbtoken_service_account_new(&options, &account, &result.error);
            result.object = account);
}

static inline void go_service_account_free(void *account)
{
    rbtoken_service_account_free((rbtoken_service_account_t *)account);
}

static inline go_result go_service_account_get_api_token(
    const rbtoken_service_account_t *account, rbtoken_store_t *store, int32_t min_validity_mode,
    int64_t min_validity_secs, _GoString_ local_site)
{
    rbtoken_service_token_options_t options;
    RBTOKEN_INIT(&options);
    options.min_validity_mode = min_validity_mode;
    options.min_validity_secs = min_validity_secs;
    GO_SET(options, local_site, local_site);
    GO_CALL(result.status = rbtoken_service_account_get_api_token(
                account, store, &options, &result.token, &result.flag, &result.error));
}

static inline go_result go_policy_parse(rbtoken_store_t *store, _GoString_ document)
{
    rbtoken_policy_t *policy = NULL;
    GO_CALL(result.status = rbtoken_policy_parse(store, GO_TEXT(document), &policy, &result.error);
            result.object = policy);
}

static inline void go_policy_free(void *policy)
{
    rbtoken_policy_free((rbtoken_policy_t *)policy);
}

static inline go_result go_policy_allows(const rbtoken_policy_t *policy, _GoString_ policy_id,
                                         _GoString_ method, _GoString_ resource_id)
{
    GO_CALL(result.status = rbtoken_policy_allows(policy, GO_TEXT(policy_id), GO_TEXT(method),
                                                  GO_OPTIONAL(resource_id), &result.flag,
                                                  &result.error));
}

/* A token's fields. */

static inline void go_token_release(uintptr_t token)
{
    rbtoken_token_release((rbtoken_token_t *)token);
}

typedef const char *(*go_field_fn)(const rbtoken_token_t *, size_t *);
typedef bool (*go_time_fn)(const rbtoken_token_t *, int64_t *);

#define GO_FIELD(name)                                                  \
    static inline go_text go_token_##name(const rbtoken_token_t *token) \
    {                                                                   \
        size_t len = 0;                                                 \
        const char *data = rbtoken_token_##name(token, &len);           \
        return go_text_of(data, len);                                   \
    }
GO_FIELD(value)
GO_FIELD(redacted)
GO_FIELD(user)
GO_FIELD(local_site)
GO_FIELD(client_name)
GO_FIELD(note)
GO_FIELD(generator_id)
GO_FIELD(policy)
GO_FIELD(extra_data)
GO_FIELD(invalid_reason)

#define GO_TIME(name)                                                   \
    static inline go_time go_token_##name(const rbtoken_token_t *token) \
    {                                                                   \
        go_time time = {0, false};                                      \
        time.is_known = rbtoken_token_##name(token, &time.us);          \
        return time;                                                    \
    }
GO_TIME(expires)
GO_TIME(time_added)
GO_TIME(last_updated)
GO_TIME(last_used)
GO_TIME(invalid_date)

static inline go_result go_token_allows(const rbtoken_token_t *token, _GoString_ policy_id,
                                        _GoString_ method, _GoString_ resource_id)
{
    GO_CALL(result.status = rbtoken_token_allows(token, GO_TEXT(policy_id), GO_TEXT(method),
                                                 GO_OPTIONAL(resource_id), &result.flag,
                                                 &result.error));
}

static inline go_result go_token_to_json(const rbtoken_token_t *token, int64_t at_us,
                                         uint32_t flags)
{
    rbtoken_buffer_t *json = NULL;
    GO_CALL(result.status = rbtoken_token_to_json(token, at_us, flags, &json, &result.error);
            result.object = json);
}

static inline void go_token_list_free(void *list)
{
    rbtoken_token_list_free((rbtoken_token_list_t *)list);
}

/* Returns a token of a list as a handle of its own. */
static inline rbtoken_token_t *go_token_list_get(const rbtoken_token_list_t *list, size_t index)
{
    return rbtoken_token_retain(rbtoken_token_list_get(list, index));
}

/* The plugin interface. */

static inline go_result go_extension(void)
{
    const rbtoken_extension_v1_t *table = NULL;
    GO_CALL(result.status = rbtoken_extension_entry_v1(RBTOKEN_EXTENSION_MINOR, &table);
            result.object = (void *)table);
}

static inline const char *go_settings_schema(const rbtoken_extension_v1_t *table)
{
    return table->get_settings_schema();
}

static inline bool go_has_interface(const rbtoken_extension_v1_t *table, const char *name)
{
    return table->get_interface(name) != NULL;
}

static inline go_result go_instance_create(const rbtoken_extension_v1_t *table, uintptr_t data,
                                           bool has_log, bool has_clock, bool has_entropy)
{
    rbtoken_host_v1_t host;
    rbtoken_instance_t *instance = NULL;
    rbtoken_go_host(&host, data, has_log, has_clock, has_entropy);
    GO_CALL(result.status = table->create(&host, &instance, &result.error);
            result.object = instance);
}

static inline go_result go_instance_configure(const rbtoken_extension_v1_t *table,
                                              rbtoken_instance_t *instance, _GoString_ settings)
{
    GO_CALL(result.status = table->configure(instance, GO_OPTIONAL(settings), &result.error));
}

static inline go_result go_instance_initialize(const rbtoken_extension_v1_t *table,
                                               rbtoken_instance_t *instance)
{
    GO_CALL(result.status = table->initialize(instance, &result.error));
}

static inline go_result go_instance_shutdown(const rbtoken_extension_v1_t *table,
                                             rbtoken_instance_t *instance)
{
    GO_CALL(result.status = table->shutdown(instance, &result.error));
}

static inline go_result go_instance_destroy(const rbtoken_extension_v1_t *table, void *instance)
{
    GO_CALL(table->destroy((rbtoken_instance_t *)instance));
}

static inline go_result go_instance_store(const rbtoken_extension_v1_t *table,
                                          rbtoken_instance_t *instance)
{
    rbtoken_store_t *store = NULL;
    GO_CALL(result.status = table->get_store(instance, &store, &result.error);
            result.object = store);
}

static inline go_result go_instance_settings(const rbtoken_extension_v1_t *table,
                                             rbtoken_instance_t *instance)
{
    rbtoken_buffer_t *settings = NULL;
    GO_CALL(result.status = table->get_settings(instance, &settings, &result.error);
            result.object = settings);
}

#endif
