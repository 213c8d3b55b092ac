/* A store in a file, for hosts that mistreat its descriptors, locks and process. */
#ifndef HOST_H
#define HOST_H

#include "../check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static rbtoken_error_t *error;

static rbtoken_status_t try_open(const char *location, rbtoken_store_t **store)
{
    rbtoken_store_options_t options;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    return rbtoken_store_open(&options, store, NULL);
}

static rbtoken_store_t *open_store(const char *location)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    return store;
}

static rbtoken_status_t create(rbtoken_store_t *store, const char *client)
{
    rbtoken_token_t *token;
    rbtoken_status_t status = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                                       RBTOKEN_STR(client), NULL,
                                                                       &token, NULL, &error);

    if (status != RBTOKEN_OK && status != RBTOKEN_E_IO)
        fprintf(stderr, "%s\n", rbtoken_error_message(error));
    rbtoken_error_free(error);
    rbtoken_token_release(token);
    return status;
}

static __attribute__((unused)) uint64_t count_tokens(rbtoken_store_t *store)
{
    uint64_t count;

    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    return count;
}

/* Returns the status of opening the store in another process. */
static __attribute__((unused)) rbtoken_status_t open_elsewhere(const char *program,
                                                               const char *location)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        execl(program, program, "open", location, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 127);
    return WEXITSTATUS(status);
}

/* The program that `open_elsewhere` runs. */
static __attribute__((unused)) int main_open(const char *location)
{
    rbtoken_store_t *store;
    rbtoken_status_t status = try_open(location, &store);

    rbtoken_store_release(store);
    return (int)status;
}

static __attribute__((unused)) void wait_for(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#endif
