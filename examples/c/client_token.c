/* Gets an API token for a user and a client, and prints it.
 *
 * Shows how to open a store, get a token, get the same token again, create a token for a Local Site
 * with options, read the fields of a token, read an error, and free everything.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rbtoken.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Prints and frees an error. Returns false: `return failed("...", error);` */
static bool failed(const char *what, rbtoken_error_t *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, rbtoken_status_name(rbtoken_error_status(error)),
            rbtoken_error_message(error));
    rbtoken_error_free(error);
    return false;
}

static const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static const char *yes_or_no(bool value)
{
    return value ? "yes" : "no";
}

/* Prints a time as ISO 8601 in UTC, to the microsecond. */
static void print_time(const char *label, bool known, int64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    struct tm *utc = known ? gmtime(&seconds) : NULL;
    char text[32];

    if (utc == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", utc) == 0)
        printf("  %-12s -\n", label);
    else
        printf("  %-12s %s.%06" PRId64 "Z\n", label, text, time_us % 1000000);
}

/* Prints every field except the value, which is a secret: the redacted name replaces it. */
static void print_fields(const rbtoken_token_t *token)
{
    int64_t now_us = (int64_t)time(NULL) * 1000000;
    int64_t time_us;
    bool known;

    printf("  %-12s %s\n", "token", rbtoken_token_redacted(token, NULL));
    printf("  %-12s %s\n", "user", rbtoken_token_user(token, NULL));
    printf("  %-12s %s\n", "local site", or_dash(rbtoken_token_local_site(token, NULL)));
    printf("  %-12s %s\n", "client", or_dash(rbtoken_token_client_name(token, NULL)));
    printf("  %-12s %s\n", "note", rbtoken_token_note(token, NULL));
    printf("  %-12s %s\n", "generator", rbtoken_token_generator_id(token, NULL));
    printf("  %-12s %s\n", "policy", rbtoken_token_policy(token, NULL));
    printf("  %-12s %s\n", "extra data", rbtoken_token_extra_data(token, NULL));

    known = rbtoken_token_time_added(token, &time_us);
    print_time("added", known, time_us);
    known = rbtoken_token_last_updated(token, &time_us);
    print_time("updated", known, time_us);
    known = rbtoken_token_last_used(token, &time_us);
    print_time("last used", known, time_us);
    known = rbtoken_token_expires(token, &time_us);
    print_time("expires", known, time_us);

    printf("  %-12s %s\n", "invalidated", yes_or_no(rbtoken_token_is_invalidated(token)));
    printf("  %-12s %s\n", "expired", yes_or_no(rbtoken_token_is_expired(token, now_us)));
    printf("  %-12s %s\n", "deprecated", yes_or_no(rbtoken_token_is_deprecated(token)));
}

/* Gets the token of RBTools for alice and prints it. Whoever can do this can act as alice, so a
 * real host authenticates the caller first. */
static bool print_token(rbtoken_store_t *store)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &token, &created,
                                                 &error) != RBTOKEN_OK)
        return failed("get a token", error);

    puts(rbtoken_token_value(token, NULL));
    printf("\nA token for alice, created: %s\n", yes_or_no(created));
    print_fields(token);
    rbtoken_token_release(token);
    return true;
}

/* Gets a token twice and shows that it is the same one. */
static bool get_it_again(rbtoken_store_t *store)
{
    rbtoken_token_t *first, *second;
    rbtoken_error_t *error;
    bool created;

    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &first, NULL,
                                                 &error) != RBTOKEN_OK)
        return failed("get the token again", error);
    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &second, &created,
                                                 &error) != RBTOKEN_OK) {
        rbtoken_token_release(first);
        return failed("get the token again", error);
    }

    printf("\nAgain, created: %s, same id: %s\n", yes_or_no(created),
           yes_or_no(rbtoken_token_id(first) == rbtoken_token_id(second)));
    rbtoken_token_release(first);
    rbtoken_token_release(second);
    return true;
}

/* Creates a token for a Local Site, with a policy, extra data, and a minimum validity of 1 h. */
static bool print_site_token(rbtoken_store_t *store)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    if (rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error) != RBTOKEN_OK)
        return failed("add a Local Site", error);

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, local_site, "north");
    RBTOKEN_SET_STR(&options, default_policy, "{\"resources\": {\"*\": {\"allow\": [\"GET\"]}}}");
    RBTOKEN_SET_STR(&options, default_extra_data, "{\"machine\": \"build-7\"}");
    options.min_validity_mode = RBTOKEN_MIN_VALIDITY_SECS;
    options.min_validity_secs = 60 * 60;

    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), &options, &token, &created,
                                                 &error) != RBTOKEN_OK)
        return failed("get a token on a Local Site", error);

    printf("\nA token on the Local Site north, created: %s\n", yes_or_no(created));
    print_fields(token);
    rbtoken_token_release(token);
    return true;
}

/* Shows the error for a malformed policy: `allow` must be a list. */
static bool show_a_refusal(rbtoken_store_t *store)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    rbtoken_status_t status;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, default_policy,
                    "{\"resources\": {\"review_request\": {\"*\": {\"allow\": \"GET\"}}}}");

    status = rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("bob"),
                                                      RBTOKEN_STR("RBTools"), &options, &token,
                                                      NULL, &error);
    if (status == RBTOKEN_OK) {
        rbtoken_token_release(token);
        fputs("a bad policy was accepted\n", stderr);
        return false;
    }

    printf("\nA bad policy is refused\n");
    printf("  %-12s %s\n", "status", rbtoken_status_name(status));
    printf("  %-12s %s\n", "message", rbtoken_error_message(error));
    printf("  %-12s %s\n", "argument", or_dash(rbtoken_error_argument(error)));
    printf("  %-12s %s\n", "path", or_dash(rbtoken_error_json_path(error)));
    rbtoken_error_free(error);
    return true;
}

int main(void)
{
    rbtoken_store_t *store;
    rbtoken_error_t *error;
    bool done;

    if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION)) {
        fprintf(stderr, "compiled with rbtoken %s, but this is %s\n", RBTOKEN_VERSION,
                rbtoken_version());
        return EXIT_FAILURE;
    }
    if (rbtoken_store_open(NULL, &store, &error) != RBTOKEN_OK) {
        failed("open a store", error);
        return EXIT_FAILURE;
    }

    done = print_token(store) && get_it_again(store) && print_site_token(store) &&
           show_a_refusal(store);
    rbtoken_store_release(store);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
