/* Calls every main function on a thread with a small stack:
 *
 *     stack KIBIBYTES [FILE]
 *
 * with documents of the maximum depth. A stack that is too small ends the process.
 */
#define _GNU_SOURCE
#include "../check.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 128 };

static const char *path;
static char deep[4096], deep_policy[4096], too_deep[4096], copy[4096];

/* An object with nested levels in a member, objects and lists in turn. */
static void nest(char *text, const char *start, int levels, const char *end)
{
    int i;

    text += sprintf(text, "%s", start);
    for (i = 0; i < levels; i++)
        text += sprintf(text, i % 2 == 0 ? "[" : "{\"a\": ");
    text += sprintf(text, "\"x\"");
    while (i-- > 0)
        text += sprintf(text, i % 2 == 0 ? "]" : "}");
    sprintf(text, "%s", end);
}

static void use(const char *location)
{
    rbtoken_store_options_t options;
    rbtoken_client_token_options_t client;
    rbtoken_generate_options_t generate;
    rbtoken_token_update_t update;
    rbtoken_store_t *store;
    rbtoken_token_t *token, *other;
    rbtoken_token_list_t *list;
    rbtoken_policy_t *policy;
    rbtoken_buffer_t *buffer;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    uint64_t count;
    bool allowed;

    RBTOKEN_INIT(&options);
    if (location != NULL)
        RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    RBTOKEN_INIT(&client);
    RBTOKEN_SET_STR(&client, default_policy, deep_policy);
    RBTOKEN_SET_STR(&client, default_extra_data, deep);
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("tool"), &client, &token, NULL, &error));
    RBTOKEN_INIT(&generate);
    RBTOKEN_SET_STR(&generate, extra_data, deep);
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), &generate, &other, &error));
    rbtoken_token_release(other);
    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)), NULL,
                                        &verdict, &other, NULL, &error));
    CHECK(verdict == RBTOKEN_VERDICT_OK);
    rbtoken_token_release(other);
    CHECK_OK(rbtoken_token_to_json(token, 0, RBTOKEN_JSON_WITH_VALUE, &buffer, &error));
    rbtoken_buffer_free(buffer);
    CHECK_OK(rbtoken_policy_parse(store, RBTOKEN_STR(deep_policy), &policy, &error));
    CHECK_OK(rbtoken_policy_allows(policy, RBTOKEN_STR("diff"), RBTOKEN_STR("GET"), NULL, 0,
                                   &allowed, &error));
    rbtoken_policy_free(policy);
    CHECK(rbtoken_policy_parse(store, RBTOKEN_STR(too_deep), &policy, &error) ==
          RBTOKEN_E_JSON_TOO_DEEP);
    rbtoken_error_free(error);
    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    rbtoken_token_list_free(list);
    RBTOKEN_INIT(&update);
    update.extra_data_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&update, extra_data, deep);
    CHECK_OK(rbtoken_store_update_token(store, rbtoken_token_id(token), &update, &other, &error));
    rbtoken_token_release(other);
    (void)unlink(copy);
    CHECK_OK(rbtoken_store_export_file(store, RBTOKEN_STR(copy), NULL, NULL, &error));
    CHECK_OK(rbtoken_store_invalidate_token_by_id(store, rbtoken_token_id(token),
                                                  RBTOKEN_STR("lost"), &error));
    CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(token), &error));
    rbtoken_token_release(token);
    CHECK_OK(rbtoken_store_invalidate_all_tokens(store, RBTOKEN_STR(""), &count, &error));
    rbtoken_store_release(store);
    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK_OK(rbtoken_store_import_file(store, RBTOKEN_STR(copy), NULL, &count, &error));
    CHECK(count == 2);
    (void)unlink(copy);
    CHECK_OK(rbtoken_store_backup(store, RBTOKEN_STR(copy), &error));
    (void)unlink(copy);
    rbtoken_store_release(store);
    if (location != NULL) {
        CHECK_OK(rbtoken_store_open(&options, &store, &error));
        rbtoken_store_release(store);
    }
}

static void *on_small_stack(void *unused)
{
    use(NULL);
    if (path != NULL)
        use(path);
    return unused;
}

int main(int count, char **arguments)
{
    pthread_attr_t attributes;
    pthread_t thread;

    CHECK(count == 3);
    path = arguments[2];
    snprintf(copy, sizeof copy, "%s.copy", path);
    nest(deep, "{\"a\": ", LEVELS - 1, "}");
    nest(deep_policy, "{\"resources\": {\"*\": {\"allow\": [], \"a\": ", LEVELS - 3, "}}}");
    nest(too_deep, "{\"resources\": {\"*\": {\"allow\": [], \"a\": ", LEVELS - 2, "}}}");
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstacksize(&attributes, (size_t)atol(arguments[1]) << 10) == 0);
    CHECK(pthread_create(&thread, &attributes, on_small_stack, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    printf("ok every function works on a stack of %s KiB\n", arguments[1]);
    return 0;
}
