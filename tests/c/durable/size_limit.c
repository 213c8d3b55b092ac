/* A host with a file size limit, whose SIGXFSZ has its default action: a write beyond the limit is
 * an error, and the process continues. A SIGXFSZ that was pending for the host stays pending.
 *
 *     size_limit FOLDER
 */
#define _GNU_SOURCE
#include "host.h"

#include <signal.h>
#include <sys/resource.h>

enum { LIMIT = 400 * 1024, MOST = 10000 };

static rbtoken_store_t *store;
static uint64_t created;

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};

    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static bool is_pending(void)
{
    sigset_t pending;

    CHECK(sigpending(&pending) == 0);
    return sigismember(&pending, SIGXFSZ) == 1;
}

static rbtoken_status_t create_next(void)
{
    char client[32];
    rbtoken_status_t status;

    snprintf(client, sizeof client, "client %u", (unsigned)created);
    status = create(store, client);
    created += status == RBTOKEN_OK;
    return status;
}

/* Creates tokens until a write exceeds the limit. */
static void exceed_limit(void)
{
    rbtoken_status_t status = RBTOKEN_OK;
    int i;

    limit_files(LIMIT);
    for (i = 0; i < MOST && status == RBTOKEN_OK; i++)
        status = create_next();
    CHECK(status == RBTOKEN_E_IO);
    CHECK(count_tokens(store) == created);
    limit_files(RLIM_INFINITY);
}

int main(int count, char **arguments)
{
    char path[5000];
    sigset_t set;

    CHECK(count == 2);
    snprintf(path, sizeof path, "%s/tokens.db", arguments[1]);
    CHECK(signal(SIGXFSZ, SIG_DFL) != SIG_ERR);
    store = open_store(path);
    exceed_limit();
    CHECK(!is_pending());
    CHECK(create_next() == RBTOKEN_OK);
    OK("a write beyond the file size limit is an error");

    sigemptyset(&set);
    sigaddset(&set, SIGXFSZ);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGXFSZ) == 0);
    exceed_limit();
    CHECK(is_pending());
    rbtoken_store_release(store);
    OK("a signal that was pending before stays pending");
    return 0;
}
