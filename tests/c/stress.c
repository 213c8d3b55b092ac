/* Threads that run all operations concurrently. Afterwards, every index must agree with a plain
 * scan.
 *
 *   stress [operations of each thread [seed]]
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    THREADS = 8,
    USERS = 5,
    SITES = 3, /* the first is the global one */
    CLIENTS = 4,
    SLOTS = 64,
    IMPORTED_VALUES = 300,
    MAX_ID = 1 << 20
};

static const int64_t SECOND_US = 1000000;
static const int64_t START_US = 1767225600 * (int64_t)1000000;
static const char *const SITE_NAMES[SITES] = {NULL, "north", "south"};
static const char READ_ONLY[] =
    "{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}";

static rbtoken_store_t *store;

/* Counts of events, by the results of operations and by hooks. */
static atomic_llong created_events, deleted_events, updated_events, used_events, expired_events,
    invalidated_events, tokens_made, tokens_imported, visitors, visitors_gone, hooks_gone;
static atomic_uchar deleted[MAX_ID];

/* ---------------------------------------------------------------- the clock */

static atomic_llong clock_us;
static atomic_llong clock_step_us;

static rbtoken_status_t tell_time(void *user_data, int64_t *now_us)
{
    (void)user_data;
    *now_us = (int64_t)atomic_fetch_add(&clock_us, atomic_load(&clock_step_us));
    return RBTOKEN_OK;
}

static int64_t now(void)
{
    return (int64_t)atomic_load(&clock_us);
}

/* ---------------------------------------------------------------- random numbers */

typedef struct worker {
    uint64_t state;
    pthread_t thread;
    int operations;
} worker;

/* splitmix64 */
static uint64_t chance(worker *w, uint64_t bound)
{
    uint64_t z = (w->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

static const char *some_user(worker *w)
{
    static const char *const names[USERS] = {"alice", "bob", "carol", "dave", "erin"};

    return names[chance(w, USERS)];
}

static const char *client(int number)
{
    static const char *const names[CLIENTS] = {"RBTools", "bot", "ide", "mobile"};

    return names[number];
}

static const char *user(int number)
{
    static const char *const names[USERS] = {"alice", "bob", "carol", "dave", "erin"};

    return names[number];
}

/* ---------------------------------------------------------------- shared handles */

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static rbtoken_token_t *slots[SLOTS];

/* A token that a thread left, with its own reference; or NULL. */
static rbtoken_token_t *borrow(worker *w)
{
    rbtoken_token_t *token;

    CHECK(pthread_mutex_lock(&slots_lock) == 0);
    token = rbtoken_token_retain(slots[chance(w, SLOTS)]);
    CHECK(pthread_mutex_unlock(&slots_lock) == 0);
    return token;
}

/* Leaves a token for other threads, and releases the previous one. */
static void leave(worker *w, rbtoken_token_t *token)
{
    size_t slot = (size_t)chance(w, SLOTS);
    rbtoken_token_t *old;

    CHECK(pthread_mutex_lock(&slots_lock) == 0);
    old = slots[slot];
    slots[slot] = token;
    CHECK(pthread_mutex_unlock(&slots_lock) == 0);
    rbtoken_token_release(old);
}

/* ---------------------------------------------------------------- hooks */

/* Hooks call the store, but the events of these calls are only counted. */
static _Thread_local int depth;

static void call_back(rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    rbtoken_token_t *found;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    uint64_t count;
    rbtoken_status_t status;
    int64_t id = rbtoken_token_id(token);

    CHECK(id > 0 && id < MAX_ID);
    if (depth > 0)
        return;
    depth++;
    status = rbtoken_store_find_token(lent, RBTOKEN_STR(rbtoken_token_value(token, NULL)), &found,
                                      NULL);
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_NOT_FOUND);
    rbtoken_token_release(found);
    switch (id % 16) {
    case 0: CHECK_OK(rbtoken_store_token_count(lent, &count, &error)); break;
    case 1: {
        rbtoken_token_filter_t filter;

        RBTOKEN_INIT(&filter);
        RBTOKEN_SET_STR(&filter, user, rbtoken_token_user(token, NULL));
        CHECK_OK(rbtoken_store_list_tokens(lent, &filter, &list, &error));
        rbtoken_token_list_free(list);
        break;
    }
    case 2: {
        rbtoken_token_update_t update;

        RBTOKEN_INIT(&update);
        update.note_mode = RBTOKEN_FIELD_SET;
        RBTOKEN_SET_STR(&update, note, "seen by a hook");
        status = rbtoken_store_update_token(lent, id, &update, NULL, NULL);
        CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_NOT_FOUND);
        break;
    }
    case 3:
        status = rbtoken_store_invalidate_token_by_id(lent, id, RBTOKEN_STR("by a hook"), NULL);
        CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_NOT_FOUND);
        break;
    case 4:
        status = rbtoken_store_delete_token(lent, id, NULL);
        CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_NOT_FOUND);
        break;
    default: break;
    }
    depth--;
}

static void on_created(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token,
                       bool auto_generated)
{
    (void)user_data;
    (void)auto_generated;
    atomic_fetch_add(&created_events, 1);
    call_back(lent, token);
}

static void on_updated(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)user_data;
    atomic_fetch_add(&updated_events, 1);
    call_back(lent, token);
}

static void on_invalidated(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)user_data;
    CHECK(rbtoken_token_is_invalidated(token));
    atomic_fetch_add(&invalidated_events, 1);
    call_back(lent, token);
}

static void on_expired(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)user_data;
    CHECK(rbtoken_token_is_expired(token, now()));
    atomic_fetch_add(&expired_events, 1);
    call_back(lent, token);
}

static void on_used(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)user_data;
    CHECK(rbtoken_token_last_used(token, NULL));
    atomic_fetch_add(&used_events, 1);
    call_back(lent, token);
}

static void on_deleted(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)user_data;
    /* Each token is deleted once. */
    CHECK(rbtoken_token_id(token) < MAX_ID);
    CHECK(atomic_fetch_add(&deleted[rbtoken_token_id(token)], 1) == 0);
    atomic_fetch_add(&deleted_events, 1);
    call_back(lent, token);
}

static void on_hooks_gone(void *user_data)
{
    CHECK(user_data == &hooks_gone);
    atomic_fetch_add(&hooks_gone, 1);
}

/* Hooks that a thread adds and removes while others cause events. Their data is freed with them. */
static void visit(void *user_data, rbtoken_store_t *lent, const rbtoken_token_t *token)
{
    (void)lent;
    (void)token;
    CHECK(atomic_load((atomic_int *)user_data) == 1);
}

static void end_visit(void *user_data)
{
    CHECK(atomic_exchange((atomic_int *)user_data, 0) == 1);
    atomic_fetch_add(&visitors_gone, 1);
    free(user_data);
}

/* ---------------------------------------------------------------- the operations */

static void expect(rbtoken_status_t status, rbtoken_status_t other, const char *what)
{
    if (status != RBTOKEN_OK && status != other) {
        fprintf(stderr, "%s: %s\n", what, rbtoken_status_name(status));
        exit(EXIT_FAILURE);
    }
}

static void get_or_create(worker *w)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    const char *site = SITE_NAMES[chance(w, SITES)];
    const char *name = some_user(w);
    const char *its_client = client((int)chance(w, CLIENTS));
    rbtoken_status_t status;
    bool created;

    RBTOKEN_INIT(&options);
    if (site != NULL)
        RBTOKEN_SET_STR(&options, local_site, site);
    options.expires_mode = (int32_t)chance(w, 3);
    if (options.expires_mode == RBTOKEN_EXPIRES_AT)
        options.expires_at_us = now() + (int64_t)(1 + chance(w, 20000)) * SECOND_US;
    if (chance(w, 2) == 0) {
        options.min_validity_mode = RBTOKEN_MIN_VALIDITY_SECS;
        options.min_validity_secs = (int64_t)chance(w, 5000);
    }
    if (chance(w, 2) == 0)
        options.flags = RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED;
    if (chance(w, 3) == 0)
        RBTOKEN_SET_STR(&options, default_policy, READ_ONLY);
    if (chance(w, 3) == 0)
        RBTOKEN_SET_STR(&options, default_extra_data, "{\"machine\": \"build-7\"}");

    status = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR(name),
                                                      RBTOKEN_STR(its_client), &options, &token,
                                                      &created, NULL);
    /* The clock may have passed the expiry meanwhile. */
    if (status == RBTOKEN_E_INVALID_ARGUMENT && options.expires_mode == RBTOKEN_EXPIRES_AT &&
        now() >= options.expires_at_us)
        return;
    expect(status, site != NULL ? RBTOKEN_E_NOT_FOUND : RBTOKEN_OK, "get_or_create");
    if (token == NULL)
        return;
    CHECK(strcmp(rbtoken_token_user(token, NULL), name) == 0);
    CHECK(strcmp(rbtoken_token_client_name(token, NULL), its_client) == 0);
    CHECK((rbtoken_token_local_site(token, NULL) == NULL) == (site == NULL));
    CHECK(!rbtoken_token_is_invalidated(token));
    if (created)
        atomic_fetch_add(&tokens_made, 1);
    leave(w, token);
}

static void generate(worker *w)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    const char *site = SITE_NAMES[chance(w, SITES)];
    char extra_data[64];

    RBTOKEN_INIT(&options);
    if (site != NULL)
        RBTOKEN_SET_STR(&options, local_site, site);
    if (chance(w, 2) == 0) {
        options.expires_mode = RBTOKEN_EXPIRES_AT;
        options.expires_at_us = now() + ((int64_t)chance(w, 20000) - 2000) * SECOND_US;
    }
    if (chance(w, 4) == 0)
        options.flags = RBTOKEN_GENERATE_INVALID;
    if (chance(w, 2) == 0) {
        snprintf(extra_data, sizeof extra_data, "{\"client_name\": \"%s\"}",
                 client((int)chance(w, CLIENTS)));
        RBTOKEN_SET_STR(&options, extra_data, extra_data);
    }
    if (chance(w, 3) == 0)
        RBTOKEN_SET_STR(&options, policy, READ_ONLY);
    expect(rbtoken_store_generate_token(store, RBTOKEN_STR(some_user(w)), &options, &token, NULL),
           site != NULL ? RBTOKEN_E_NOT_FOUND : RBTOKEN_OK, "generate");
    if (token == NULL)
        return;
    atomic_fetch_add(&tokens_made, 1);
    leave(w, token);
}

static void import(worker *w)
{
    rbtoken_import_options_t options;
    rbtoken_token_t *token;
    rbtoken_status_t status;
    const char *site = SITE_NAMES[chance(w, SITES)];
    char value[64], extra_data[64];

    snprintf(value, sizeof value, "%040" PRIu64, chance(w, IMPORTED_VALUES));
    snprintf(extra_data, sizeof extra_data, "{\"client_name\": \"%s\"}",
             client((int)chance(w, CLIENTS)));
    RBTOKEN_INIT(&options);
    if (site != NULL)
        RBTOKEN_SET_STR(&options, local_site, site);
    RBTOKEN_SET_STR(&options, generator_id, "legacy_sha1");
    RBTOKEN_SET_STR(&options, extra_data, extra_data);
    if (chance(w, 2) == 0) {
        options.flags = RBTOKEN_IMPORT_EXPIRES_KNOWN;
        options.expires_at_us = now() + (int64_t)chance(w, 20000) * SECOND_US;
    }
    status = rbtoken_store_import_token(store, RBTOKEN_STR(some_user(w)), RBTOKEN_STR(value),
                                        &options, &token, NULL);
    if (status == RBTOKEN_E_EXISTS)
        return;
    expect(status, site != NULL ? RBTOKEN_E_NOT_FOUND : RBTOKEN_OK, "import");
    if (token == NULL)
        return;
    atomic_fetch_add(&tokens_imported, 1);
    leave(w, token);
}

static void service_account(worker *w)
{
    rbtoken_service_account_options_t options;
    rbtoken_service_account_t *account;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, id, "ci-runner");
    options.token_version = (uint32_t)chance(w, 3);
    CHECK_OK(rbtoken_service_account_new(&options, &account, &error));
    CHECK_OK(rbtoken_service_account_get_api_token(account, store, NULL, &token, &created, &error));
    rbtoken_service_account_free(account);
    if (created)
        atomic_fetch_add(&tokens_made, 1);
    leave(w, token);
}

static void log_in(worker *w)
{
    rbtoken_token_t *known = borrow(w);
    rbtoken_token_t *token, *refused;
    rbtoken_login_options_t options;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    char header[300];

    if (known == NULL)
        return;
    RBTOKEN_INIT(&options);
    options.site_mode = (int32_t)chance(w, 3);
    if (options.site_mode == RBTOKEN_SITE_NAMED)
        RBTOKEN_SET_STR(&options, site, "north");
    if (chance(w, 2) == 0) {
        CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(rbtoken_token_value(known, NULL)),
                                            &options, &verdict, &token, &refused, &error));
    } else {
        snprintf(header, sizeof header, "token %s", rbtoken_token_value(known, NULL));
        CHECK_OK(rbtoken_store_authenticate_header(store, RBTOKEN_STR(header), &options, &verdict,
                                                   &token, &refused, &error));
    }
    CHECK((verdict == RBTOKEN_VERDICT_OK) == (token != NULL));
    CHECK((verdict == RBTOKEN_VERDICT_INVALID || verdict == RBTOKEN_VERDICT_EXPIRED ||
           verdict == RBTOKEN_VERDICT_WRONG_SITE) == (refused != NULL));
    CHECK(verdict != RBTOKEN_VERDICT_REFUSED && verdict != RBTOKEN_VERDICT_NOT_A_TOKEN);
    /* An invalid token never becomes valid again. */
    if (rbtoken_token_is_invalidated(known))
        CHECK(verdict == RBTOKEN_VERDICT_INVALID || verdict == RBTOKEN_VERDICT_UNKNOWN ||
              rbtoken_token_id(known) != rbtoken_token_id(token != NULL ? token : refused));
    rbtoken_token_release(token);
    rbtoken_token_release(refused);
    rbtoken_token_release(known);
}

static void find(worker *w)
{
    rbtoken_token_t *known = borrow(w);
    rbtoken_token_t *found;
    bool valid;

    if (known == NULL)
        return;
    expect(rbtoken_store_find_token(store, RBTOKEN_STR(rbtoken_token_value(known, NULL)), &found,
                                    NULL),
           RBTOKEN_E_NOT_FOUND, "find");
    if (found != NULL)
        CHECK(strcmp(rbtoken_token_value(known, NULL), rbtoken_token_value(found, NULL)) == 0);
    rbtoken_token_release(found);
    expect(rbtoken_store_get_token(store, rbtoken_token_id(known), &found, NULL),
           RBTOKEN_E_NOT_FOUND, "get");
    if (found != NULL)
        CHECK(strcmp(rbtoken_token_value(known, NULL), rbtoken_token_value(found, NULL)) == 0);
    rbtoken_token_release(found);
    expect(rbtoken_store_value_is_valid(store, RBTOKEN_STR(rbtoken_token_generator_id(known, NULL)),
                                        RBTOKEN_STR("rbp"),
                                        RBTOKEN_STR(rbtoken_token_value(known, NULL)), &valid,
                                        NULL),
           RBTOKEN_OK, "value_is_valid");
    CHECK(valid);
    rbtoken_token_release(known);
}

static void list(worker *w)
{
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *tokens;
    rbtoken_error_t *error;
    int64_t last = 0;
    size_t i;
    uint64_t count;
    const char *name = chance(w, 4) == 0 ? NULL : some_user(w);

    RBTOKEN_INIT(&filter);
    if (name != NULL)
        RBTOKEN_SET_STR(&filter, user, name);
    filter.validity_mode = (int32_t)chance(w, 3);
    filter.local_site_mode = (int32_t)chance(w, 2);
    if (chance(w, 2) == 0)
        RBTOKEN_SET_STR(&filter, client_name, client((int)chance(w, CLIENTS)));
    CHECK_OK(rbtoken_store_list_tokens(store, &filter, &tokens, &error));
    for (i = 0; i < rbtoken_token_list_count(tokens); i++) {
        const rbtoken_token_t *token = rbtoken_token_list_get(tokens, i);

        CHECK(rbtoken_token_id(token) > last);
        last = rbtoken_token_id(token);
        CHECK(name == NULL || strcmp(rbtoken_token_user(token, NULL), name) == 0);
        if (i == 0)
            leave(w, rbtoken_token_retain(token));
    }
    rbtoken_token_list_free(tokens);
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
}

static void change(worker *w)
{
    rbtoken_token_t *known = borrow(w);
    rbtoken_token_t *changed;
    rbtoken_token_update_t update;
    char extra_data[64];

    if (known == NULL)
        return;
    RBTOKEN_INIT(&update);
    update.expires_mode = (int32_t)chance(w, 3);
    if (update.expires_mode == RBTOKEN_FIELD_SET)
        update.expires_at_us = now() + ((int64_t)chance(w, 20000) - 1000) * SECOND_US;
    update.policy_mode = (int32_t)chance(w, 3);
    if (update.policy_mode == RBTOKEN_FIELD_SET)
        RBTOKEN_SET_STR(&update, policy, READ_ONLY);
    if (chance(w, 3) == 0) {
        update.extra_data_mode = RBTOKEN_FIELD_SET;
        snprintf(extra_data, sizeof extra_data, "{\"client_name\": \"%s\"}",
                 client((int)chance(w, CLIENTS)));
        RBTOKEN_SET_STR(&update, extra_data, extra_data);
    }
    expect(rbtoken_store_update_token(store, rbtoken_token_id(known), &update, &changed, NULL),
           RBTOKEN_E_NOT_FOUND, "update");
    if (changed != NULL)
        leave(w, changed);
    rbtoken_token_release(known);
}

static void invalidate(worker *w)
{
    rbtoken_token_t *known = borrow(w);
    rbtoken_error_t *error;
    uint64_t count;

    if (known == NULL)
        return;
    switch (chance(w, 40)) {
    case 0:
        CHECK_OK(rbtoken_store_invalidate_all_tokens(store, RBTOKEN_STR("leak"), &count, &error));
        break;
    case 1:
    case 2:
        CHECK_OK(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR(some_user(w)),
                                                      RBTOKEN_STR("left"), &count, &error));
        break;
    default:
        if (chance(w, 2) == 0)
            expect(rbtoken_store_invalidate_token(store,
                                                  RBTOKEN_STR(rbtoken_token_value(known, NULL)),
                                                  RBTOKEN_STR("lost"), NULL),
                   RBTOKEN_E_NOT_FOUND, "invalidate");
        else
            expect(rbtoken_store_invalidate_token_by_id(store, rbtoken_token_id(known), NULL, 0,
                                                        NULL),
                   RBTOKEN_E_NOT_FOUND, "invalidate by id");
        break;
    }
    rbtoken_token_release(known);
}

static void delete(worker *w)
{
    rbtoken_token_t *known = borrow(w);
    rbtoken_error_t *error;
    uint64_t count;

    if (known == NULL)
        return;
    if (chance(w, 20) == 0)
        CHECK_OK(rbtoken_store_purge_tokens(store, now() - (int64_t)chance(w, 3000) * SECOND_US,
                                            &count, &error));
    else
        expect(rbtoken_store_delete_token(store, rbtoken_token_id(known), NULL),
               RBTOKEN_E_NOT_FOUND, "delete");
    rbtoken_token_release(known);
}

static void administer(worker *w)
{
    static const char *const ids[] = {"review_request"};
    rbtoken_error_t *error;
    rbtoken_buffer_t *value;
    const char *site = SITE_NAMES[1 + chance(w, SITES - 1)];
    rbtoken_status_t status;

    switch (chance(w, 8)) {
    case 0:
        if (chance(w, 8) == 0)
            expect(rbtoken_store_remove_local_site(store, RBTOKEN_STR(site), NULL),
                   RBTOKEN_E_NOT_FOUND, "remove a site");
        break;
    case 1:
        status = rbtoken_store_add_local_site(store, RBTOKEN_STR(site), NULL);
        expect(status, RBTOKEN_E_EXISTS, "add a site");
        break;
    case 2:
    case 3:
        CHECK_OK(rbtoken_store_set_user_active(store, RBTOKEN_STR(some_user(w)), chance(w, 3) != 0,
                                               &error));
        break;
    case 4:
        CHECK_OK(rbtoken_store_set_setting(store, RBTOKEN_STR("client_token_expiration"),
                                           chance(w, 2) == 0 ? "1" : "0", 1, &error));
        break;
    case 5:
        CHECK_OK(rbtoken_store_set_setting(
            store, RBTOKEN_STR("deprecated_generators"),
            RBTOKEN_STR(chance(w, 2) == 0 ? "[]" : "[\"legacy_sha1\"]"), &error));
        break;
    case 6:
        CHECK_OK(rbtoken_store_get_setting(store, RBTOKEN_STR("min_validity_secs"), &value,
                                           &error));
        CHECK(strcmp(rbtoken_buffer_data(value, NULL), "300") == 0);
        rbtoken_buffer_free(value);
        break;
    default:
        if (chance(w, 2) == 0)
            CHECK_OK(rbtoken_store_set_policy_ids(store, ids, 1, &error));
        else
            CHECK_OK(rbtoken_store_set_policy_ids(store, NULL, 0, &error));
        break;
    }
}

static void read_token(worker *w)
{
    rbtoken_token_t *token = borrow(w);
    rbtoken_error_t *error;
    rbtoken_buffer_t *json;
    rbtoken_policy_t *policy;
    size_t len;
    bool read, written, full;

    if (token == NULL)
        return;
    full = strcmp(rbtoken_token_policy(token, NULL), "{}") == 0;
    CHECK_OK(rbtoken_token_allows(token, RBTOKEN_STR("review_request"), RBTOKEN_STR("GET"), NULL, 0,
                                  &read, &error));
    CHECK_OK(rbtoken_token_allows(token, RBTOKEN_STR("review_request"), RBTOKEN_STR("PUT"), NULL, 0,
                                  &written, &error));
    CHECK(read && written == full);
    CHECK_OK(rbtoken_policy_parse(store, RBTOKEN_STR(READ_ONLY), &policy, &error));
    CHECK_OK(rbtoken_policy_allows(policy, RBTOKEN_STR("review_request"), RBTOKEN_STR("PUT"),
                                   RBTOKEN_STR("7"), &written, &error));
    CHECK(!written);
    rbtoken_policy_free(policy);
    CHECK_OK(rbtoken_token_to_json(token, now(), 0, &json, &error));
    CHECK(rbtoken_buffer_data(json, &len)[0] == '{' && len > 100);
    rbtoken_buffer_free(json);
    CHECK(strstr(rbtoken_token_redacted(token, NULL), "***#") != NULL);
    rbtoken_token_release(token);
}

static void come_and_go(worker *w)
{
    atomic_int *alive = (atomic_int *)malloc(sizeof *alive);
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;
    uint64_t id;

    CHECK(alive != NULL);
    atomic_init(alive, 1);
    RBTOKEN_INIT(&hooks);
    hooks.user_data = alive;
    hooks.updated = hooks.invalidated = hooks.expired = hooks.used = hooks.deleted = visit;
    hooks.destroy = end_visit;
    CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &id, &error));
    atomic_fetch_add(&visitors, 1);
    change(w);
    CHECK_OK(rbtoken_store_remove_hooks(store, id, &error));
}

static void *work(void *data)
{
    worker *w = (worker *)data;
    int i;

    for (i = 0; i < w->operations; i++) {
        rbtoken_store_t *handle = rbtoken_store_retain(store);
        uint64_t which = chance(w, 100);

        if (which < 18)
            get_or_create(w);
        else if (which < 28)
            generate(w);
        else if (which < 34)
            import(w);
        else if (which < 36)
            service_account(w);
        else if (which < 56)
            log_in(w);
        else if (which < 64)
            find(w);
        else if (which < 67)
            list(w);
        else if (which < 75)
            change(w);
        else if (which < 81)
            invalidate(w);
        else if (which < 87)
            delete(w);
        else if (which < 91)
            administer(w);
        else if (which < 98)
            read_token(w);
        else
            come_and_go(w);
        rbtoken_store_release(handle);
    }
    return NULL;
}

/* ---------------------------------------------------------------- the scan */

static rbtoken_token_list_t *all_tokens(void)
{
    rbtoken_token_list_t *tokens;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &tokens, &error));
    return tokens;
}

static bool same(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* The rule spelled out: is `one` better than `other`? */
static bool is_better(const rbtoken_token_t *one, const rbtoken_token_t *other)
{
    int64_t expires_one, expires_other;
    bool ends_one = rbtoken_token_expires(one, &expires_one);
    bool ends_other = rbtoken_token_expires(other, &expires_other);

    if (ends_one != ends_other)
        return !ends_one;
    if (ends_one && expires_one != expires_other)
        return expires_one > expires_other;
    return rbtoken_token_id(one) < rbtoken_token_id(other);
}

static const rbtoken_token_t *best_of(const rbtoken_token_list_t *tokens, const char *owner,
                                      const char *site, const char *its_client,
                                      bool ignore_deprecated, int64_t valid_until)
{
    const rbtoken_token_t *best = NULL;
    size_t i;

    for (i = 0; i < rbtoken_token_list_count(tokens); i++) {
        const rbtoken_token_t *token = rbtoken_token_list_get(tokens, i);

        if (same(rbtoken_token_user(token, NULL), owner) &&
            same(rbtoken_token_local_site(token, NULL), site) &&
            same(rbtoken_token_client_name(token, NULL), its_client) &&
            !rbtoken_token_is_invalidated(token) && !rbtoken_token_is_expired(token, valid_until) &&
            !(ignore_deprecated && rbtoken_token_is_deprecated(token)) &&
            (best == NULL || is_better(token, best)))
            best = token;
    }
    return best;
}

/* Requests a client's token, and compares it with the result of the scan. */
static bool check_client(const char *owner, const char *site, const char *its_client,
                         bool ignore_deprecated, int64_t min_validity_secs)
{
    rbtoken_token_list_t *tokens = all_tokens();
    size_t count = rbtoken_token_list_count(tokens);
    const rbtoken_token_t *last = count > 0 ? rbtoken_token_list_get(tokens, count - 1) : NULL;
    const rbtoken_token_t *best = best_of(tokens, owner, site, its_client, ignore_deprecated,
                                          now() + min_validity_secs * SECOND_US);
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    RBTOKEN_INIT(&options);
    if (site != NULL)
        RBTOKEN_SET_STR(&options, local_site, site);
    options.min_validity_mode = RBTOKEN_MIN_VALIDITY_SECS;
    options.min_validity_secs = min_validity_secs;
    if (ignore_deprecated)
        options.flags = RBTOKEN_CLIENT_TOKEN_IGNORE_DEPRECATED;
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR(owner), RBTOKEN_STR(its_client), &options, &token, &created, &error));
    if (created)
        atomic_fetch_add(&tokens_made, 1);
    CHECK(created == (best == NULL));
    CHECK(created ? rbtoken_token_id(token) > rbtoken_token_id(last)
                  : rbtoken_token_id(token) == rbtoken_token_id(best));
    rbtoken_token_release(token);
    rbtoken_token_list_free(tokens);
    return created;
}

static void check_clients(void)
{
    int u, s, c, ignore, found = 0, made = 0;

    for (u = 0; u < USERS; u++)
        for (s = 0; s < SITES; s++)
            for (c = 0; c < CLIENTS; c++)
                for (ignore = 1; ignore >= 0; ignore--) {
                    made += check_client(user(u), SITE_NAMES[s], client(c), ignore == 1, 10000);
                    made += check_client(user(u), SITE_NAMES[s], client(c), ignore == 1, 0);
                    found += 2;
                }
    found -= made;
    CHECK(found > 0 && made > 0);
    printf("ok of %d questions for a client's token, the scan's answer came %d times and a new "
           "one %d times\n",
           found + made, found, made);
}

static size_t count_listed(const char *owner, int32_t validity, const char *its_client)
{
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *tokens;
    rbtoken_error_t *error;
    size_t count;

    RBTOKEN_INIT(&filter);
    if (owner != NULL)
        RBTOKEN_SET_STR(&filter, user, owner);
    if (its_client != NULL)
        RBTOKEN_SET_STR(&filter, client_name, its_client);
    filter.validity_mode = validity;
    CHECK_OK(rbtoken_store_list_tokens(store, &filter, &tokens, &error));
    count = rbtoken_token_list_count(tokens);
    rbtoken_token_list_free(tokens);
    return count;
}

static void check_token(const rbtoken_token_t *token)
{
    rbtoken_token_t *found, *refused;
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *tokens;
    rbtoken_login_options_t options;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    int64_t id = rbtoken_token_id(token);
    size_t i, times = 0;

    CHECK(id < MAX_ID && atomic_load(&deleted[id]) == 0);
    CHECK_OK(rbtoken_store_find_token(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)), &found,
                                      &error));
    CHECK(rbtoken_token_id(found) == id);
    rbtoken_token_release(found);
    CHECK_OK(rbtoken_store_get_token(store, id, &found, &error));
    CHECK(rbtoken_token_id(found) == id);
    CHECK(same(rbtoken_token_value(found, NULL), rbtoken_token_value(token, NULL)));
    rbtoken_token_release(found);

    RBTOKEN_INIT(&filter);
    RBTOKEN_SET_STR(&filter, user, rbtoken_token_user(token, NULL));
    CHECK_OK(rbtoken_store_list_tokens(store, &filter, &tokens, &error));
    for (i = 0; i < rbtoken_token_list_count(tokens); i++)
        times += rbtoken_token_id(rbtoken_token_list_get(tokens, i)) == id;
    CHECK(times == 1);
    rbtoken_token_list_free(tokens);

    RBTOKEN_INIT(&options);
    options.site_mode = RBTOKEN_SITE_ANY;
    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)),
                                        &options, &verdict, &found, &refused, &error));
    CHECK(verdict == (rbtoken_token_is_invalidated(token)      ? RBTOKEN_VERDICT_INVALID
                      : rbtoken_token_is_expired(token, now()) ? RBTOKEN_VERDICT_EXPIRED
                                                               : RBTOKEN_VERDICT_OK));
    CHECK(rbtoken_token_id(found != NULL ? found : refused) == id);
    rbtoken_token_release(found);
    rbtoken_token_release(refused);
}

static void check_indexes(void)
{
    rbtoken_token_list_t *tokens = all_tokens();
    rbtoken_error_t *error;
    uint64_t count;
    size_t i, sum = 0, listed = rbtoken_token_list_count(tokens);
    int64_t id, last = 0;
    int u;

    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    CHECK(count == listed);
    for (i = 0; i < listed; i++) {
        check_token(rbtoken_token_list_get(tokens, i));
        CHECK(rbtoken_token_id(rbtoken_token_list_get(tokens, i)) > last);
        last = rbtoken_token_id(rbtoken_token_list_get(tokens, i));
    }
    for (u = 0; u < USERS; u++)
        sum += count_listed(user(u), RBTOKEN_FILTER_VALIDITY_ANY, NULL);
    sum += count_listed("ci-runner", RBTOKEN_FILTER_VALIDITY_ANY, NULL);
    CHECK(sum == listed);
    CHECK(count_listed(NULL, RBTOKEN_FILTER_VALIDITY_VALID, NULL) +
              count_listed(NULL, RBTOKEN_FILTER_VALIDITY_DEAD, NULL) ==
          listed);

    /* Every assigned id is listed or deleted. */
    CHECK(atomic_load(&tokens_made) + atomic_load(&tokens_imported) ==
          (long long)listed + atomic_load(&deleted_events));
    for (id = 1, i = 0; id <= last; id++) {
        rbtoken_token_t *found;
        rbtoken_status_t status = rbtoken_store_get_token(store, id, &found, NULL);

        if (i < listed && rbtoken_token_id(rbtoken_token_list_get(tokens, i)) == id) {
            CHECK(status == RBTOKEN_OK);
            i++;
        } else {
            CHECK(status == RBTOKEN_E_NOT_FOUND && atomic_load(&deleted[id]) == 1);
        }
        rbtoken_token_release(found);
    }
    CHECK(i == listed);
    rbtoken_token_list_free(tokens);

    /* Deleted tokens are not found by values that threads still have. */
    for (i = 0; i < SLOTS; i++) {
        rbtoken_token_t *found;

        if (slots[i] == NULL || atomic_load(&deleted[rbtoken_token_id(slots[i])]) == 0)
            continue;
        expect(rbtoken_store_find_token(store, RBTOKEN_STR(rbtoken_token_value(slots[i], NULL)),
                                        &found, NULL),
               RBTOKEN_E_NOT_FOUND, "find a deleted token");
        /* Its value may have been imported again. */
        CHECK(found == NULL || atomic_load(&deleted[rbtoken_token_id(found)]) == 0);
        rbtoken_token_release(found);
    }
    printf("ok %zu tokens are found by value, by id and by user, and %lld deleted ones are not\n",
           listed, atomic_load(&deleted_events));
}

int main(int argc, char **argv)
{
    int operations = argc > 1 ? atoi(argv[1]) : 1000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    static worker workers[THREADS];
    rbtoken_store_options_t options;
    rbtoken_clock_t clock;
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;
    uint64_t hooks_id;
    int i;

    CHECK(operations > 0 && operations <= MAX_ID / THREADS / 2);
    printf("%d threads, %d operations each, seed %" PRIu64 "\n", THREADS, operations, seed);
    fflush(stdout);

    atomic_store(&clock_us, START_US);
    atomic_store(&clock_step_us, SECOND_US);
    RBTOKEN_INIT(&clock);
    clock.now = tell_time;
    RBTOKEN_INIT(&options);
    options.clock = &clock;
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    CHECK_OK(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error));
    RBTOKEN_INIT(&hooks);
    hooks.user_data = &hooks_gone;
    hooks.created = on_created;
    hooks.updated = on_updated;
    hooks.invalidated = on_invalidated;
    hooks.expired = on_expired;
    hooks.used = on_used;
    hooks.deleted = on_deleted;
    hooks.destroy = on_hooks_gone;
    CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &hooks_id, &error));

    for (i = 0; i < THREADS; i++) {
        workers[i].state = seed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)i * 0x10001;
        workers[i].operations = operations;
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(workers[i].thread, NULL) == 0);

    /* From here on the clock is stopped, all users are active, and every site exists. */
    atomic_store(&clock_step_us, 0);
    CHECK_OK(rbtoken_store_remove_hooks(store, hooks_id, &error));
    CHECK(atomic_load(&hooks_gone) == 1);
    CHECK(atomic_load(&visitors_gone) == atomic_load(&visitors));
    CHECK(atomic_load(&created_events) == atomic_load(&tokens_made));
    for (i = 0; i < USERS; i++)
        CHECK_OK(rbtoken_store_set_user_active(store, RBTOKEN_STR(user(i)), 1, &error));
    for (i = 1; i < SITES; i++)
        expect(rbtoken_store_add_local_site(store, RBTOKEN_STR(SITE_NAMES[i]), NULL),
               RBTOKEN_E_EXISTS, "add a site");
    printf("ok events: %lld created, %lld updated, %lld invalidated, %lld expired, %lld used, "
           "%lld deleted\n",
           atomic_load(&created_events), atomic_load(&updated_events),
           atomic_load(&invalidated_events), atomic_load(&expired_events),
           atomic_load(&used_events), atomic_load(&deleted_events));

    check_indexes();
    check_clients();
    check_indexes();

    for (i = 0; i < SLOTS; i++)
        rbtoken_token_release(slots[i]);
    rbtoken_store_release(store);
    return 0;
}
