/* Lists of a Review Board database with little memory: each is complete or fails with
 * RBTOKEN_E_NO_MEMORY, no policy in it is reported as malformed, and revocation works.
 *
 *     rows LOCATION KIBIBYTES
 *
 * The database has many tokens, and the user alice. The limit grows by KIBIBYTES at a time until
 * several lists are complete; each list runs in another process.
 */
#define _GNU_SOURCE
#include "limits.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WHOLE = 10, REFUSED, LISTS = 4, MOST = 200 };

static const char *location;

static int list_within(unsigned long kibibytes)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token, *accepted, *refused;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    rbtoken_status_t status;
    const char *value;
    uint64_t count;
    size_t i;
    bool allowed;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("limited"), NULL, &token, NULL, &error));
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    value = rbtoken_token_value(token, NULL);
    limit_memory(kibibytes << 10);

    status = rbtoken_store_list_tokens(store, NULL, &list, &error);
    if (status == RBTOKEN_OK) {
        CHECK(rbtoken_token_list_count(list) == count);
        for (i = 0; i < count; i++)
            CHECK_OK(rbtoken_token_allows(rbtoken_token_list_get(list, i), RBTOKEN_STR("user"),
                                          RBTOKEN_STR("GET"), NULL, 0, &allowed, &error));
    } else if (status != RBTOKEN_E_NO_MEMORY)
        CHECK_OK(status);
    rbtoken_token_list_free(list);
    rbtoken_error_free(error);

    CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), RBTOKEN_STR("lost"),
                                            &error));
    CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict, &accepted,
                                        &refused, &error));
    CHECK(verdict == RBTOKEN_VERDICT_INVALID);
    rbtoken_token_release(accepted);
    rbtoken_token_release(refused);
    CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(token), &error));
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    return status == RBTOKEN_OK ? WHOLE : REFUSED;
}

int main(int count, char **arguments)
{
    const struct rlimit none = {0, 0};
    int whole = 0, refused = 0, ending;
    unsigned long kibibytes = 0, step;

    CHECK(count == 3);
    location = arguments[1];
    step = (unsigned long)atol(arguments[2]);
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    while (whole < LISTS) {
        pid_t child;

        kibibytes += step;
        child = fork();
        CHECK(child >= 0 && whole + refused < MOST);
        if (child == 0)
            _exit(list_within(kibibytes));
        CHECK(waitpid(child, &ending, 0) == child);
        if (!WIFEXITED(ending) ||
            (WEXITSTATUS(ending) != WHOLE && WEXITSTATUS(ending) != REFUSED)) {
            fprintf(stderr, "within %lu KiB: ended with %#x\n", kibibytes, (unsigned)ending);
            return EXIT_FAILURE;
        }
        if (WEXITSTATUS(ending) == WHOLE)
            whole++;
        else
            refused++;
    }
    CHECK(refused > 0);
    printf("ok %d lists were refused, and %d were whole, within %lu KiB at most\n", refused, whole,
           kibibytes);
    return 0;
}
