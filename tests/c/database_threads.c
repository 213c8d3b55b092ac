/* Checks that a store on a database starts no thread: a process with a single thread still has
 * one after each kind of call.
 *
 *     database_threads LOCATION
 *
 * The database has the user alice.
 */
#define _GNU_SOURCE
#include "check.h"

#include <dirent.h>

static void check_threads(const char *when)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    CHECK(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    if (count != 1) {
        fprintf(stderr, "%d threads after %s\n", count, when);
        exit(EXIT_FAILURE);
    }
}

int main(int count, char **arguments)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token, *accepted, *refused;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    uint64_t changed;

    CHECK(count == 2);
    check_threads("the start");
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, arguments[1]);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    check_threads("open");
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("threads"), NULL, &token, NULL, &error));
    check_threads("a new token");
    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)), NULL,
                                        &verdict, &accepted, &refused, &error));
    CHECK(verdict == RBTOKEN_VERDICT_OK);
    rbtoken_token_release(accepted);
    rbtoken_token_release(refused);
    check_threads("a login");
    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    rbtoken_token_list_free(list);
    check_threads("a list");
    CHECK_OK(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("alice"), RBTOKEN_STR("lost"),
                                                  &changed, &error));
    CHECK_OK(rbtoken_store_purge_tokens(store, 0, &changed, &error));
    CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(token), &error));
    check_threads("revocation");
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    check_threads("close");
    printf("ok no call started a thread\n");
    return 0;
}
