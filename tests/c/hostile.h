/* What the generated programs of tests/it/hostile.rs and tests/it/panic.rs share: good objects, fresh for
 * each call, and what every call must keep. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rbtoken.h>

#include "deadline.h"

#define ANY (-1000)
#define FAILURE (-1001)
#define GARBAGE 0xA5

static const char *label;
static int calls, failures;
static char *mebibyte;
static rbtoken_store_t *g_store;
static rbtoken_token_t *g_token;
static rbtoken_token_list_t *g_list;
static rbtoken_buffer_t *g_buffer;
static rbtoken_error_t *g_error;
static rbtoken_policy_t *g_policy;
static rbtoken_service_account_t *g_account;
static uint64_t g_hooks_id;
static char g_value[300], g_header[310];
static const char *const g_ids[] = {"review_request"};

static void fail(const char *why, int32_t status)
{
    failures++;
    printf("FAILED %s: %s (%s)\n", label, why, rbtoken_status_name(status));
}

static void must(int32_t status)
{
    if (status != RBTOKEN_OK) {
        printf("the objects cannot be made: %s\n", rbtoken_status_name(status));
        exit(2);
    }
}

static rbtoken_status_t host_create(void *data, const char *type, uint32_t attempt, char *value,
                                    size_t capacity, size_t *len)
{
    (void)data, (void)type, (void)attempt, (void)capacity;
    *value = 'x';
    *len = 1;
    return RBTOKEN_OK;
}

static rbtoken_status_t host_validate(void *data, const char *type, const char *value, size_t len,
                                      bool *valid)
{
    (void)data, (void)type, (void)value, (void)len;
    *valid = true;
    return RBTOKEN_OK;
}

static rbtoken_status_t host_progress(void *data, uint64_t done, uint64_t total)
{
    (void)data, (void)done, (void)total;
    return RBTOKEN_OK;
}

/* A path where there is no file; end() removes one that a call has made. */
static char g_path[64];

static const char *new_path(void)
{
    snprintf(g_path, sizeof g_path, "/tmp/rbtoken-hostile-%ld", (long)getpid());
    remove(g_path);
    return g_path;
}

/* The path of an export without tokens. */
static const char *exported_path(void)
{
    FILE *file = fopen(new_path(), "w");

    must(file == NULL);
    fputs("{\"format\": \"rbtoken export\", \"version\": 1, \"local_sites\": 0, \"users\": 0, "
          "\"tokens\": 0}\n",
          file);
    must(fclose(file));
    return g_path;
}

/* Whether the store of the next begin() is in a file. */
static bool g_in_file;

static void begin(const char *what)
{
    rbtoken_service_account_options_t account;
    rbtoken_store_options_t options;
    rbtoken_hooks_t hooks;
    label = what;
    RBTOKEN_INIT(&options);
    if (g_in_file) {
        new_path();
        RBTOKEN_SET_STR(&options, location, g_path);
    }
    must(rbtoken_store_open(&options, &g_store, NULL));
    must(rbtoken_store_add_local_site(g_store, RBTOKEN_STR("north"), NULL));
    must(rbtoken_store_generate_token(g_store, RBTOKEN_STR("alice"), NULL, &g_token, NULL));
    must(rbtoken_store_list_tokens(g_store, NULL, &g_list, NULL));
    must(rbtoken_store_get_setting(g_store, RBTOKEN_STR("token_type"), &g_buffer, NULL));
    must(rbtoken_store_delete_token(g_store, 99, &g_error) == RBTOKEN_E_NOT_FOUND ? RBTOKEN_OK : 1);
    must(rbtoken_policy_parse(NULL, RBTOKEN_STR("{}"), &g_policy, NULL));
    RBTOKEN_INIT(&account);
    RBTOKEN_SET_STR(&account, id, "robot");
    must(rbtoken_service_account_new(&account, &g_account, NULL));
    RBTOKEN_INIT(&hooks);
    must(rbtoken_store_add_hooks(g_store, &hooks, &g_hooks_id, NULL));
    snprintf(g_value, sizeof g_value, "%s", rbtoken_token_value(g_token, NULL));
    snprintf(g_header, sizeof g_header, "token %s", g_value);
}

static void end(void)
{
    rbtoken_service_account_free(g_account);
    rbtoken_policy_free(g_policy);
    rbtoken_error_free(g_error);
    rbtoken_buffer_free(g_buffer);
    rbtoken_token_list_free(g_list);
    rbtoken_token_release(g_token);
    rbtoken_store_release(g_store);
    if (*g_path != '\0')
        remove(g_path);
    *g_path = '\0';
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

/* Judges a status and the error object, if the function makes one. */
static void judge(int32_t status, int32_t expected, const int32_t *documented,
                  const char *const *names, const char *argument, bool has_error,
                  rbtoken_error_t *error)
{
    bool known = false;
    const char *at = rbtoken_error_argument(error);
    calls++;
    for (; *documented != ANY; documented++)
        known = known || status == *documented;
    if (!known)
        fail("the header does not document the status", status);
    if (expected == FAILURE ? status == RBTOKEN_OK : expected != ANY && status != expected)
        fail("another status was expected", status);
    if (!has_error)
        return;
    if ((status == RBTOKEN_OK) != (error == NULL) || rbtoken_error_status(error) != status)
        fail("the error object is not that of the status", status);
    if (error && (!rbtoken_error_message(error) || !*rbtoken_error_message(error)))
        fail("the error has no message", status);
    if (error && status != RBTOKEN_E_INTERNAL && status != RBTOKEN_E_STATE &&
        status != RBTOKEN_E_POISONED && (!at || !is_one_of(at, names)))
        fail("the error names no argument of the function", status);
    if (error && at && argument && expected != ANY && strcmp(at, argument) != 0) {
        fail("the error names another argument", status);
        printf("  %s instead of %s\n", at, argument);
    }
    rbtoken_error_free(error);
}

static inline bool is_clear(const void *bytes, size_t len)
{
    const unsigned char *byte = bytes;
    for (; len; len--)
        if (*byte++)
            return false;
    return true;
}
