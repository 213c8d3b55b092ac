/* Gets an API token from a store in a file. Run it again to get the same token.
 *
 *     durable PATH     opens the store at PATH, which is created if it does not exist
 *     durable          does so twice in a new directory, as two runs would, and removes it
 *
 * SPDX-License-Identifier: MIT
 */
#define _POSIX_C_SOURCE 200809L
#include "rbtoken.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Prints and frees an error. Returns false. */
static bool failed(const char *what, rbtoken_error_t *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, rbtoken_status_name(rbtoken_error_status(error)),
            rbtoken_error_message(error));
    rbtoken_error_free(error);
    return false;
}

/* Opens the store, gets the token, and closes the store. */
static bool run(const char *path)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    uint64_t count = 0;
    bool created, ok;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, path);
    if (rbtoken_store_open(&options, &store, &error) != RBTOKEN_OK)
        return failed("the store cannot be opened", error);

    /* When this returns, the token is on the disk. */
    ok = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                  RBTOKEN_STR("RBTools"), NULL, &token, &created,
                                                  &error) == RBTOKEN_OK;
    if (!ok)
        failed("there is no token", error);
    else {
        ok = rbtoken_store_token_count(store, &count, &error) == RBTOKEN_OK ||
             failed("count", error);
        printf("%s %s, %" PRIu64 " in the store\n", created ? "created" : "found",
               rbtoken_token_redacted(token, NULL), count);
        rbtoken_token_release(token);
    }
    rbtoken_store_release(store);
    return ok;
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/rbtoken-durable-XXXXXX";
    char path[sizeof folder + sizeof "/tokens.db"];
    bool ok;

    if (argc > 1)
        return run(argv[1]) ? EXIT_SUCCESS : EXIT_FAILURE;

    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof path, "%s/tokens.db", folder);
    ok = run(path) && run(path);
    unlink(path);
    rmdir(folder);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
