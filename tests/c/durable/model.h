/* A store and its expected contents from acknowledged changes; for a single thread. */
#ifndef MODEL_H
#define MODEL_H

#include "../check.h"

#include <unistd.h>

enum { TOKENS = 8, JSON_SIZE = 1 << 15, NOTE_SIZE = 20000 };

/* The expected contents of the store; shared between processes. */
typedef struct model {
    size_t count;
    int64_t ids[TOKENS];
    char jsons[TOKENS][JSON_SIZE];
    bool bob_is_inactive;
    bool has_north; /* whether the Local Site exists */
    int64_t used_id, used_us; /* a login that was flushed */
    uint64_t copied, exported; /* tokens in completed copies */
    bool refused; /* whether the last change was refused */
} model;

static model *expected;
static rbtoken_store_t *store;
static char location[4096], note[NOTE_SIZE + 1];

/* Returns the status of a call, and frees its error. After a fault, the message must contain the
 * system's error. */
static rbtoken_status_t answer(rbtoken_status_t status, rbtoken_error_t **place)
{
    rbtoken_error_t *error = *place;

    if (status != RBTOKEN_OK && status != RBTOKEN_E_IO) {
        fprintf(stderr, "%s: %s\n", rbtoken_status_name(status), rbtoken_error_message(error));
        CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_IO);
    }
    expected->refused = status != RBTOKEN_OK;
    CHECK(!expected->refused || rbtoken_error_message(error)[0] != '\0');
    rbtoken_error_free(error);
    return status;
}

static rbtoken_status_t open_store(void)
{
    rbtoken_store_options_t options;
    rbtoken_error_t *error;
    rbtoken_status_t status;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    status = answer(rbtoken_store_open(&options, &store, &error), &error);
    CHECK((store != NULL) == (status == RBTOKEN_OK));
    return status;
}

/* Returns a token as JSON without `last_used`, which may be lost. */
static void describe(const rbtoken_token_t *token, char json[JSON_SIZE])
{
    rbtoken_buffer_t *buffer;
    rbtoken_error_t *error;
    const char *whole, *used, *behind;

    CHECK_OK(rbtoken_token_to_json(token, 0, RBTOKEN_JSON_WITH_VALUE, &buffer, &error));
    whole = rbtoken_buffer_data(buffer, NULL);
    used = strstr(whole, "\"last_used\": ");
    CHECK(used != NULL && (behind = strstr(used, "\"note\": ")) != NULL);
    snprintf(json, JSON_SIZE, "%s %.*s%s", rbtoken_token_user(token, NULL), (int)(used - whole),
             whole, behind);
    CHECK(strlen(json) < JSON_SIZE - 1);
    rbtoken_buffer_free(buffer);
}

static size_t place_of(int64_t id)
{
    size_t i;

    for (i = 0; i < expected->count && expected->ids[i] != id; i++)
        ;
    return i;
}

static void expect(rbtoken_token_t *token)
{
    size_t place = place_of(rbtoken_token_id(token));

    CHECK(place < TOKENS);
    if (place == expected->count)
        expected->count++;
    expected->ids[place] = rbtoken_token_id(token);
    describe(token, expected->jsons[place]);
    rbtoken_token_release(token);
}

static void expect_no(int64_t id)
{
    size_t place = place_of(id), last = --expected->count;

    CHECK(place <= last);
    expected->ids[place] = expected->ids[last];
    memcpy(expected->jsons[place], expected->jsons[last], JSON_SIZE);
}

/* Returns whether the store has the Local Site north. */
static bool has_north(void)
{
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    rbtoken_status_t status;

    RBTOKEN_INIT(&filter);
    filter.local_site_mode = RBTOKEN_FILTER_SITE_NAMED;
    RBTOKEN_SET_STR(&filter, local_site, "north");
    status = rbtoken_store_list_tokens(store, &filter, &list, &error);
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_NOT_FOUND);
    rbtoken_token_list_free(list);
    rbtoken_error_free(error);
    return status == RBTOKEN_OK;
}

static rbtoken_verdict_t verdict_on(const rbtoken_token_t *token)
{
    rbtoken_verdict_t verdict;
    rbtoken_token_t *user;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_authenticate(store, rbtoken_token_value(token, NULL),
                                        RBTOKEN_NUL_TERMINATED, NULL, &verdict, &user, NULL,
                                        &error));
    rbtoken_token_release(user);
    return verdict;
}

/* Returns the number of differences between the store and the acknowledged contents. */
static size_t differences(void)
{
    static char json[JSON_SIZE];
    rbtoken_token_list_t *list;
    rbtoken_token_t *found;
    rbtoken_error_t *error;
    size_t i, place, count, same = 0, different = 0;

    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    count = rbtoken_token_list_count(list);
    for (i = 0; i < count; i++) {
        const rbtoken_token_t *token = rbtoken_token_list_get(list, i);

        CHECK_OK(rbtoken_store_find_token(store, rbtoken_token_value(token, NULL),
                                          RBTOKEN_NUL_TERMINATED, &found, &error));
        CHECK(rbtoken_token_id(found) == rbtoken_token_id(token));
        rbtoken_token_release(found);
        describe(token, json);
        place = place_of(rbtoken_token_id(token));
        if (place < expected->count && strcmp(json, expected->jsons[place]) == 0)
            same++;
        if (strcmp(rbtoken_token_user(token, NULL), "bob") == 0 &&
            (verdict_on(token) == RBTOKEN_VERDICT_INACTIVE_USER) != expected->bob_is_inactive)
            different++;
    }
    rbtoken_token_list_free(list);
    different += has_north() != expected->has_north;
    return different + (count > expected->count ? count : expected->count) - same;
}

static rbtoken_status_t create(const char *client)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, default_extra_data, "{\"made\": [1, 2, 3]}");
    if (answer(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                        RBTOKEN_STR(client), &options, &token,
                                                        &created, &error),
               &error) != RBTOKEN_OK)
        return RBTOKEN_E_IO;
    expect(token);
    return RBTOKEN_OK;
}

static void generate(void)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, note, note);
    if (answer(rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), &options, &token, &error),
               &error) == RBTOKEN_OK)
        expect(token);
}

static void update(int64_t id)
{
    rbtoken_token_update_t changes;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&changes);
    changes.note_mode = changes.policy_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&changes, note, "another note");
    RBTOKEN_SET_STR(&changes, policy, "{\"resources\": {\"*\": {\"allow\": [\"GET\"]}}}");
    if (answer(rbtoken_store_update_token(store, id, &changes, &token, &error), &error) ==
        RBTOKEN_OK)
        expect(token);
}

static void invalidate(int64_t id)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    if (answer(rbtoken_store_invalidate_token_by_id(store, id, RBTOKEN_STR("lost"), &error),
               &error) != RBTOKEN_OK)
        return;
    CHECK_OK(rbtoken_store_get_token(store, id, &token, &error));
    expect(token);
}

static void delete(int64_t id)
{
    rbtoken_error_t *error;

    if (answer(rbtoken_store_delete_token(store, id, &error), &error) == RBTOKEN_OK)
        expect_no(id);
}

static void set_others(void)
{
    rbtoken_error_t *error;

    if (answer(rbtoken_store_set_user_active(store, RBTOKEN_STR("bob"), 0, &error), &error) ==
        RBTOKEN_OK)
        expected->bob_is_inactive = true;
    CHECK(differences() == 0);
    if (!expected->has_north &&
        answer(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error), &error) ==
            RBTOKEN_OK)
        expected->has_north = true;
}

/* A login succeeds during faults, and is durable after a flush. */
static void log_in(int64_t id)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    int64_t used_us;

    CHECK_OK(rbtoken_store_get_token(store, id, &token, &error));
    CHECK(verdict_on(token) == RBTOKEN_VERDICT_OK);
    rbtoken_token_release(token);
    CHECK_OK(rbtoken_store_get_token(store, id, &token, &error));
    CHECK(rbtoken_token_last_used(token, &used_us));
    rbtoken_token_release(token);
    if (answer(rbtoken_store_flush(store, &error), &error) == RBTOKEN_OK)
        expected->used_id = id, expected->used_us = used_us;
}

/* Returns whether the flushed login is there, if its token still exists. */
static bool knows_login(void)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    int64_t used_us;
    bool used;

    if (place_of(expected->used_id) == expected->count)
        return true;
    CHECK_OK(rbtoken_store_get_token(store, expected->used_id, &token, &error));
    used = rbtoken_token_last_used(token, &used_us);
    rbtoken_token_release(token);
    return used && used_us >= expected->used_us;
}

static const char *beside(const char *end)
{
    static char path[4200];

    snprintf(path, sizeof path, "%s%s", location, end);
    return path;
}

/* The files of the store and of its copies from an earlier case. */
static void remove_files(void)
{
    static const char *const ENDS[] = {"", ".away", ".copy", ".lines"};
    static const char *const SQLITES[] = {"", "-wal", "-shm", "-journal"};
    char end[32];
    size_t i, j;

    for (i = 0; i < sizeof ENDS / sizeof *ENDS; i++)
        for (j = 0; j < sizeof SQLITES / sizeof *SQLITES; j++) {
            snprintf(end, sizeof end, "%s%s", ENDS[i], SQLITES[j]);
            unlink(beside(end));
        }
}

#endif
