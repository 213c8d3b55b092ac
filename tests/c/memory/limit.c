/* Fills a store until the memory limit of the process is reached. New tokens fail with
 * RBTOKEN_E_NO_MEMORY; logins, invalidations and deletions continue to work.
 *
 *     limit MEBIBYTES NOTE [FILE]
 *
 * MEBIBYTES is the memory left to the process. Each token has a different note of NOTE bytes, or
 * is a client token without a note if NOTE is 0. The store is in memory, or in FILE.
 */
#define _GNU_SOURCE
#include "limits.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FIRST = 3000, MOST = 1 << 20, AFTER = 2000, NOTE = 4000 };

static rbtoken_store_t *store;
static char values[FIRST][256];
static int64_t ids[FIRST], newest[MOST];
static char note[NOTE + 1];
static size_t note_size;

static rbtoken_status_t create(size_t number, int64_t *id, char *value)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    rbtoken_status_t status;
    char name[32];

    snprintf(name, sizeof name, "number %zu", number);
    if (note_size == 0) {
        status = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR(name),
                                                          RBTOKEN_STR(name), NULL, &token, NULL,
                                                          &error);
    } else {
        rbtoken_generate_options_t options;

        memcpy(note, name, strlen(name));
        RBTOKEN_INIT(&options);
        options.note = note;
        options.note_len = note_size;
        status = rbtoken_store_generate_token(store, RBTOKEN_STR(name), &options, &token, &error);
    }
    if (status == RBTOKEN_OK) {
        *id = rbtoken_token_id(token);
        if (value != NULL)
            snprintf(value, 256, "%s", rbtoken_token_value(token, NULL));
        rbtoken_token_release(token);
    } else if (status != RBTOKEN_E_NO_MEMORY) {
        fprintf(stderr, "%s: %s\n", rbtoken_status_name(status), rbtoken_error_message(error));
        CHECK(status == RBTOKEN_E_NO_MEMORY);
    }
    rbtoken_error_free(error);
    return status;
}

static rbtoken_verdict_t log_in(const char *value)
{
    rbtoken_verdict_t verdict;
    rbtoken_token_t *token, *refused;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict, &token, &refused,
                                        &error));
    rbtoken_token_release(token);
    rbtoken_token_release(refused);
    return verdict;
}

static void lift_limit(void)
{
    const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

    CHECK(setrlimit(RLIMIT_AS, &none) == 0);
}

int main(int count, char **arguments)
{
    rbtoken_store_options_t options;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    uint64_t found;
    size_t i, created = 0, refused = 0, again = 0;
    rbtoken_status_t status;

    CHECK(count >= 3);
    note_size = (size_t)atol(arguments[2]);
    CHECK(note_size <= NOTE);
    memset(note, 'n', NOTE);
    RBTOKEN_INIT(&options);
    if (count > 3)
        RBTOKEN_SET_STR(&options, location, arguments[3]);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    for (i = 0; i < FIRST; i++)
        CHECK(create(i, &ids[i], values[i]) == RBTOKEN_OK);
    CHECK(log_in(values[0]) == RBTOKEN_VERDICT_OK);
    limit_memory((unsigned long)atol(arguments[1]) << 20);

    while (refused == 0) {
        CHECK(created < MOST);
        if (create(FIRST + created, &newest[created], NULL) == RBTOKEN_OK)
            created++;
        else
            refused++;
    }
    for (i = 0; i < AFTER; i++) {
        if (create(FIRST + created, &newest[created], NULL) == RBTOKEN_OK)
            created++;
        else
            refused++;
    }

    /* Existing tokens can still be used. */
    for (i = 0; i < FIRST; i++)
        CHECK(log_in(values[i]) == RBTOKEN_VERDICT_OK);
    for (i = 0; i < FIRST / 3; i++) {
        CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(values[i]), RBTOKEN_STR("lost"),
                                                &error));
        CHECK(log_in(values[i]) == RBTOKEN_VERDICT_INVALID);
    }
    for (i = FIRST / 3; i < FIRST / 3 * 2; i++) {
        CHECK_OK(rbtoken_store_invalidate_token_by_id(store, ids[i], RBTOKEN_STR(""), &error));
        CHECK(log_in(values[i]) == RBTOKEN_VERDICT_INVALID);
    }
    for (i = 0; i < FIRST / 2; i++) {
        CHECK_OK(rbtoken_store_delete_token(store, ids[i], &error));
        CHECK(log_in(values[i]) == RBTOKEN_VERDICT_UNKNOWN);
    }
    for (i = FIRST / 3 * 2; i < FIRST; i++)
        CHECK(log_in(values[i]) == RBTOKEN_VERDICT_OK);
    CHECK_OK(rbtoken_store_token_count(store, &found, &error));
    CHECK(found == FIRST + created - FIRST / 2);

    /* A list of all tokens fails or is complete. */
    status = rbtoken_store_list_tokens(store, NULL, &list, &error);
    CHECK(status == RBTOKEN_E_NO_MEMORY || status == RBTOKEN_OK);
    CHECK(status != RBTOKEN_OK || rbtoken_token_list_count(list) == found);
    rbtoken_token_list_free(list);
    rbtoken_error_free(error);

    /* Deletions free memory for new tokens. */
    for (i = 0; i < created; i++)
        CHECK_OK(rbtoken_store_delete_token(store, newest[i], &error));
    for (i = 0; i < FIRST / 4; i++)
        again += create(i, &newest[i], NULL) == RBTOKEN_OK;
    CHECK(again > 0);
    rbtoken_store_release(store);
    lift_limit();
    if (count > 3) {
        CHECK_OK(rbtoken_store_open(&options, &store, &error));
        CHECK_OK(rbtoken_store_token_count(store, &found, &error));
        CHECK(found == FIRST - FIRST / 2 + again);
        rbtoken_store_release(store);
    }
    printf("ok %zu tokens filled the memory, %zu more were refused, and revocation went on\n",
           FIRST + created, refused);
    return 0;
}
