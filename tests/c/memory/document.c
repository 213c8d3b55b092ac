/* A document that is too large for the available memory: a list fails with RBTOKEN_E_NO_MEMORY
 * instead of being incomplete, and every revocation succeeds, also that of the document's token.
 *
 *     document LOCATION ID VALUE USER KIBIBYTES
 *
 * The database has a token with a large document, of another user than alice, and a token of
 * alice. The limit grows by KIBIBYTES at a time until a list is complete; each attempt runs in
 * another process.
 */
#define _GNU_SOURCE
#include "limits.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WHOLE = 10, REFUSED, MOST = 100 };

static const char *location, *value, *user;
static int64_t id;

static void on_event(void *events, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)store, (void)token;
    ++*(int *)events;
}

static rbtoken_store_t *open_within(unsigned long kibibytes, int *events)
{
    rbtoken_store_options_t options;
    rbtoken_hooks_t hooks;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    uint64_t hooks_id;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    if (events) {
        RBTOKEN_INIT(&hooks);
        hooks.user_data = events;
        hooks.invalidated = on_event;
        hooks.deleted = on_event;
        CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &hooks_id, &error));
    }
    /* Memory for the first call on a connection. */
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("small"), NULL, &token, NULL, &error));
    rbtoken_token_release(token);
    limit_memory(kibibytes << 10);
    return store;
}

static int revoke_within(unsigned long kibibytes, int *events)
{
    rbtoken_store_t *store = open_within(kibibytes, events);
    rbtoken_token_t *token;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    rbtoken_status_t status;
    uint64_t count;

    status = rbtoken_store_list_tokens(store, NULL, &list, &error);
    if (status == RBTOKEN_OK)
        CHECK(rbtoken_token_list_count(list) == 2);
    else if (status != RBTOKEN_E_NO_MEMORY)
        CHECK_OK(status);
    rbtoken_token_list_free(list);
    rbtoken_error_free(error);

    /* Another user's token is not affected. */
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("small"), NULL, &token, NULL, &error));
    rbtoken_token_release(token);
    CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), RBTOKEN_STR("lost"),
                                            &error));
    CHECK_OK(rbtoken_store_invalidate_token_by_id(store, id, RBTOKEN_STR("lost"), &error));
    CHECK_OK(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR(user), RBTOKEN_STR("lost"),
                                                  &count, &error));
    CHECK(count == 1);
    rbtoken_store_release(store);
    return status == RBTOKEN_OK ? WHOLE : REFUSED;
}

static int delete_within(unsigned long kibibytes, int *events)
{
    rbtoken_store_t *store = open_within(kibibytes, events);
    rbtoken_error_t *error;
    uint64_t count;

    CHECK_OK(rbtoken_store_delete_token(store, id, &error));
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    CHECK(count == 1);
    rbtoken_store_release(store);
    return WHOLE;
}

static int in_child(int (*work)(unsigned long, int *), unsigned long kibibytes, bool has_hooks)
{
    int events = 0, ending;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0)
        _exit(work(kibibytes, has_hooks ? &events : NULL));
    CHECK(waitpid(child, &ending, 0) == child);
    if (!WIFEXITED(ending) || (WEXITSTATUS(ending) != WHOLE && WEXITSTATUS(ending) != REFUSED)) {
        fprintf(stderr, "within %lu KiB: ended with %#x\n", kibibytes, (unsigned)ending);
        exit(EXIT_FAILURE);
    }
    return WEXITSTATUS(ending);
}

int main(int count, char **arguments)
{
    const struct rlimit none = {0, 0};
    unsigned long kibibytes = 0, step;
    int refused = 0, ending;

    CHECK(count == 6);
    location = arguments[1];
    id = atoll(arguments[2]);
    value = arguments[3];
    user = arguments[4];
    step = (unsigned long)atol(arguments[5]);
    CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
    do {
        kibibytes += step;
        ending = in_child(revoke_within, kibibytes, false);
        refused += ending == REFUSED;
        in_child(revoke_within, kibibytes, true);
        CHECK(refused < MOST);
    } while (ending == REFUSED);
    CHECK(refused > 0);
    in_child(delete_within, step, true);
    printf("ok %d lists were refused, one was whole within %lu KiB, and all was revoked\n", refused,
           kibibytes);
    return 0;
}
