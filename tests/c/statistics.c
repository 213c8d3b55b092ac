/* Statistics of a store: live handles by kind, on one thread and on many, and the backend's
 * counters. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define NUL RBTOKEN_NUL_TERMINATED

enum { THREADS = 200, ROUNDS = 50 };

static rbtoken_error_t *error;

/* Returns the number after a key in the store's statistics, or -1 without the key. The last
 * match counts, since `handles`, which comes before `tokens`, also contains the key `token`. */
static long long counter(rbtoken_store_t *store, const char *key)
{
    rbtoken_buffer_t *buffer;
    const char *found;
    char quoted[64];
    long long number = -1;

    CHECK_OK(rbtoken_store_statistics(store, &buffer, &error));
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    found = strstr(rbtoken_buffer_data(buffer, NULL), quoted);
    if (found)
        number = strtoll(found + strlen(quoted), NULL, 10);
    rbtoken_buffer_free(buffer);
    return number;
}

static rbtoken_token_t *token_of(rbtoken_store_t *store, const char *user)
{
    rbtoken_token_t *token;

    CHECK_OK(rbtoken_store_generate_token(store, user, NUL, NULL, &token, &error));
    return token;
}

static void handles_are_counted_by_kind(rbtoken_store_t *store)
{
    const rbtoken_extension_v1_t *extension;
    rbtoken_service_account_options_t account_options;
    rbtoken_service_account_t *account;
    rbtoken_instance_t *instance;
    rbtoken_token_list_t *list;
    rbtoken_policy_t *policy;
    rbtoken_token_t *token, *same;
    rbtoken_error_t *not_found;
    rbtoken_buffer_t *buffer;
    rbtoken_store_t *retained;

    CHECK(counter(store, "store") == 1);
    CHECK(counter(store, "token") == 0);
    token = token_of(store, "alice");
    CHECK(counter(store, "token") == 1);
    same = rbtoken_token_retain(token);
    CHECK(counter(store, "token") == 2);
    rbtoken_token_release(same);
    retained = rbtoken_store_retain(store);
    CHECK(counter(store, "store") == 2);
    rbtoken_store_release(retained);
    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    CHECK(counter(store, "token_list") == 1);
    CHECK(counter(store, "token") == 1);
    CHECK_OK(rbtoken_store_statistics(store, &buffer, &error));
    CHECK(counter(store, "buffer") == 1);
    CHECK_OK(rbtoken_policy_parse(store, "{}", NUL, &policy, &error));
    CHECK(counter(store, "policy") == 1);
    CHECK(rbtoken_store_get_token(store, 99, &same, &not_found) == RBTOKEN_E_NOT_FOUND);
    CHECK(counter(store, "error") == 1);
    rbtoken_error_free(not_found);
    RBTOKEN_INIT(&account_options);
    RBTOKEN_SET_STR(&account_options, id, "robot");
    RBTOKEN_SET_STR(&account_options, user, "robot");
    CHECK_OK(rbtoken_service_account_new(&account_options, &account, &error));
    CHECK(counter(store, "service_account") == 1);
    CHECK_OK(rbtoken_extension_entry_v1(RBTOKEN_EXTENSION_MINOR, &extension));
    CHECK_OK(extension->create(NULL, &instance, &error));
    CHECK(counter(store, "instance") == 1);

    extension->destroy(instance);
    rbtoken_service_account_free(account);
    rbtoken_policy_free(policy);
    rbtoken_buffer_free(buffer);
    rbtoken_token_list_free(list);
    rbtoken_token_release(token);
    CHECK(counter(store, "instance") == 0 && counter(store, "service_account") == 0);
    CHECK(counter(store, "policy") == 0 && counter(store, "buffer") == 0);
    CHECK(counter(store, "token_list") == 0 && counter(store, "token") == 0);
    CHECK(counter(store, "error") == 0 && counter(store, "store") == 1);
    OK("handles are counted by their kind");
}

static void *take_and_release(void *store)
{
    for (int round = 0; round < ROUNDS; round++)
        rbtoken_token_release(token_of(store, "alice"));
    return token_of(store, "alice");
}

static void handles_of_ended_threads_stay_counted(rbtoken_store_t *store)
{
    static pthread_t threads[THREADS];
    static void *tokens[THREADS];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, take_and_release, store) == 0);
        for (int i = 0; i < THREADS; i++)
            CHECK(pthread_join(threads[i], &tokens[i]) == 0);
        CHECK(counter(store, "token") == THREADS);
        for (int i = 0; i < THREADS; i++)
            rbtoken_token_release(tokens[i]);
        CHECK(counter(store, "token") == 0);
    }
    OK("handles of threads that ended stay counted");
}

static void memory_and_file_are_counted(rbtoken_store_t *store)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *file;
    char folder[] = "/tmp/rbtoken-statistics-XXXXXX", path[64], log[80];
    rbtoken_buffer_t *buffer;
    long long commits;

    CHECK(counter(store, "record_bytes") > 0 && counter(store, "commits") == -1);
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tokens.db", folder);
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, path);
    CHECK_OK(rbtoken_store_open(&options, &file, &error));
    CHECK_OK(rbtoken_store_statistics(file, &buffer, &error));
    CHECK(strstr(rbtoken_buffer_data(buffer, NULL), "\"kind\": \"file\"") != NULL);
    rbtoken_buffer_free(buffer);
    commits = counter(file, "commits");
    rbtoken_token_release(token_of(file, "alice"));
    CHECK(counter(file, "commits") == commits + 1);
    CHECK(counter(file, "tokens") == 1 && counter(file, "log_bytes") > 0);
    rbtoken_store_release(file);
    snprintf(log, sizeof log, "%s-wal", path);
    unlink(log);
    snprintf(log, sizeof log, "%s-shm", path);
    unlink(log);
    unlink(path);
    CHECK(rmdir(folder) == 0);
    OK("a file's commits and sizes are counted");
}

int main(void)
{
    rbtoken_store_t *store;

    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    handles_are_counted_by_kind(store);
    handles_of_ended_threads_stay_counted(store);
    memory_and_file_are_counted(store);
    rbtoken_store_release(store);
    return EXIT_SUCCESS;
}
