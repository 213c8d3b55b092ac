/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* strsep */

#include "store.h"

#include "log.h"
#include "metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a message belongs: a file and a line of it, or a file alone. */
typedef struct place {
    const char *file;
    unsigned line;
} place;

static bool failed(place at, const char *message)
{
    complain("%s:%u: %s", at.file, at.line, message);
    return false;
}

/* As failed(), with the message of an error, which is freed. */
static bool failed_with(place at, rbtoken_error_t *error)
{
    failed(at, rbtoken_error_message(error));
    rbtoken_error_free(error);
    return false;
}

static bool add_site(rbtoken_store_t *store, place at, const char *site)
{
    rbtoken_error_t *error;
    rbtoken_status_t status = rbtoken_store_add_local_site(store, RBTOKEN_STR(site), &error);

    if (status != RBTOKEN_OK && status != RBTOKEN_E_EXISTS)
        return failed_with(at, error);
    rbtoken_error_free(error);
    return true;
}

/* Imports a token: a line of the file, split at its tabs. Existing tokens are kept. */
static bool import_token(rbtoken_store_t *store, place at, char *line)
{
    enum { USER, VALUE, SITE, EXPIRES, REASON, POLICY, FIELDS };
    char *field[FIELDS], *rest = line, *end;
    rbtoken_import_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    rbtoken_status_t status;

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < FIELDS; i++)
        if ((field[i] = strsep(&rest, "\t")) == NULL)
            return failed(at, "a token has six fields, which are separated by tabs");
    RBTOKEN_INIT(&options);
    if (strcmp(field[SITE], "-") != 0) {
        RBTOKEN_SET_STR(&options, local_site, field[SITE]);
        if (!add_site(store, at, field[SITE]))
            return false;
    }
    if (strcmp(field[EXPIRES], "-") != 0) {
        options.flags |= RBTOKEN_IMPORT_EXPIRES_KNOWN;
        errno = 0;
        options.expires_at_us = strtoll(field[EXPIRES], &end, 10);
        if (*field[EXPIRES] == '\0' || *end != '\0' || errno != 0)
            return failed(at, "the expiration must be microseconds since 1970, or `-`");
    }
    if (strcmp(field[REASON], "-") != 0) {
        options.flags |= RBTOKEN_IMPORT_INVALID;
        RBTOKEN_SET_STR(&options, invalid_reason, field[REASON]);
    }
    if (strcmp(field[POLICY], "-") != 0)
        RBTOKEN_SET_STR(&options, policy, field[POLICY]);
    /* Values of old servers are 40 hexadecimal digits. */
    if (strspn(field[VALUE], "0123456789abcdefABCDEF") == 40 && field[VALUE][40] == '\0')
        RBTOKEN_SET_STR(&options, generator_id, "legacy_sha1");
    status = rbtoken_store_import_token(store, RBTOKEN_STR(field[USER]), RBTOKEN_STR(field[VALUE]),
                                        &options, &token, &error);
    rbtoken_token_release(token);
    if (status != RBTOKEN_OK && status != RBTOKEN_E_EXISTS)
        return failed_with(at, error);
    rbtoken_error_free(error);
    return true;
}

static bool import_tokens(rbtoken_store_t *store, const char *file)
{
    FILE *in = fopen(file, "r");
    char *line = NULL;
    size_t size = 0;
    bool done = in != NULL;

    for (unsigned number = 1; done && getline(&line, &size, in) > 0; number++)
        done = import_token(store, (place){file, number}, line);
    if (in == NULL || ferror(in)) {
        complain("%s: the tokens cannot be read: %s", file, strerror(errno));
        done = false;
    }
    if (in != NULL)
        fclose(in);
    if (line != NULL)
        explicit_bzero(line, size);
    free(line);
    return done;
}

/* Takes a message of the library, on any thread. */
static void take_message(void *verbose, int32_t level, const char *target, const char *message)
{
    log_line line;

    count_message(level);
    if (!*(const bool *)verbose)
        return;
    begin_line(&line, "library");
    add_number(&line, "level", level);
    add_text(&line, "target", target);
    add_text(&line, "message", message);
    write_line(&line);
}

rbtoken_store_t *open_store(const char *location, const char *settings, const char *tokens,
                            bool verbose)
{
    static bool logged;
    rbtoken_store_options_t options;
    rbtoken_log_t log;
    rbtoken_store_t *store;
    rbtoken_error_t *error;

    if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION)) {
        complain("librbtoken %s does not fit this program, which needs %s", rbtoken_version(),
                 RBTOKEN_VERSION);
        return NULL;
    }
    logged = verbose;
    RBTOKEN_INIT(&log);
    log.user_data = &logged;
    log.log = take_message;
    RBTOKEN_INIT(&options);
    options.log = &log;
    if (location != NULL)
        RBTOKEN_SET_STR(&options, location, location);
    if (settings != NULL)
        RBTOKEN_SET_STR(&options, settings, settings);
    if (rbtoken_store_open(&options, &store, &error) != RBTOKEN_OK) {
        /* The message never has the location, which can have a password. */
        complain("the store of --location cannot be opened: %s", rbtoken_error_message(error));
        rbtoken_error_free(error);
        return NULL;
    }
    if (tokens != NULL && !import_tokens(store, tokens)) {
        rbtoken_store_release(store);
        return NULL;
    }
    return store;
}
