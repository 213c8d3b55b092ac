/* A host with closed standard streams, which prints and logs nevertheless and is killed. It must
 * lose no acknowledged token.
 *
 *     closed_streams write LOCATION MASK COPY   closes the streams whose bits are set in MASK (1
 *                                               stdin, 2 stdout, 4 stderr), stores TOKENS tokens,
 *                                               exports to COPY.jsonl, backs up to COPY.db, and
 *                                               kills itself
 *     closed_streams read LOCATION              prints "N tokens" of the store
 *     closed_streams import FILE                prints "N tokens" of an export
 */
#define _GNU_SOURCE
#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

enum { TOKENS = 5 };

static rbtoken_error_t *error;
static rbtoken_store_t *store;

static void open_store(const char *location)
{
    rbtoken_store_options_t options;

    RBTOKEN_INIT(&options);
    if (location)
        RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
}

/* Writes to a standard stream like a host. If it is a file, at its start. */
static void print_and_log(void)
{
    static const char LINE[] = "2026-11-27 12:00:00 INFO the host says something, as hosts do\n";
    char byte;
    int fd;

    for (fd = 0; fd < 3; fd++) {
        if (write(fd, LINE, sizeof LINE - 1) < 0)
            continue;
        (void)!pwrite(fd, LINE, sizeof LINE - 1, 0);
    }
    (void)!read(0, &byte, 1);
}

static int32_t on_progress(void *user_data, uint64_t done, uint64_t total)
{
    (void)user_data, (void)done, (void)total;
    print_and_log();
    return RBTOKEN_OK;
}

static void check_descriptors(void)
{
    char link[64], path[4096];
    int fd;

    /* The placeholder of a closed stream is not a file of the store. */
    for (fd = 0; fd < 3; fd++) {
        ssize_t len;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        len = readlink(link, path, sizeof path - 1);
        if (len < 0)
            continue;
        path[len] = '\0';
        CHECK(strstr(path, "tokens.db") == NULL && strstr(path, "socket:") == NULL);
    }
}

static int write_and_die(const char *location, int mask, const char *copy)
{
    char path[4096];
    rbtoken_progress_t progress;
    uint64_t count;
    int fd, i;

    for (fd = 0; fd < 3; fd++)
        if (mask >> fd & 1)
            close(fd);
    open_store(location);
    check_descriptors();
    for (i = 0; i < TOKENS; i++) {
        rbtoken_token_t *token;
        rbtoken_verdict_t verdict;
        char client[32];

        snprintf(client, sizeof client, "client %d", i);
        print_and_log();
        CHECK_OK(rbtoken_store_get_or_create_client_token(
            store, RBTOKEN_STR("admin"), RBTOKEN_STR(client), NULL, &token, NULL, &error));
        print_and_log();
        rbtoken_token_release(token);
        CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR("none"), NULL, &verdict, &token,
                                            NULL, &error));
    }
    check_descriptors();
    if (copy) {
        RBTOKEN_INIT(&progress);
        progress.progress = on_progress;
        snprintf(path, sizeof path, "%s.jsonl", copy);
        CHECK_OK(rbtoken_store_export_file(store, RBTOKEN_STR(path), &progress, &count, &error));
        CHECK(count == TOKENS);
        snprintf(path, sizeof path, "%s.db", copy);
        CHECK_OK(rbtoken_store_backup(store, RBTOKEN_STR(path), &error));
        print_and_log();
    }
    raise(SIGKILL);
    return 1;
}

static int count_tokens(void)
{
    uint64_t count;

    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    printf("%d tokens\n", (int)count);
    rbtoken_store_release(store);
    return 0;
}

int main(int count, char **arguments)
{
    uint64_t imported;

    CHECK(count >= 3);
    if (strcmp(arguments[1], "write") == 0)
        return write_and_die(arguments[2], atoi(arguments[3]), count > 4 ? arguments[4] : NULL);
    if (strcmp(arguments[1], "read") == 0) {
        open_store(arguments[2]);
        return count_tokens();
    }
    open_store(NULL);
    CHECK_OK(rbtoken_store_import_file(store, RBTOKEN_STR(arguments[2]), NULL, &imported, &error));
    return count_tokens();
}
