/* A small request loop of a host: authentication and permissions.
 *
 * Shows how to check an Authorization header and the token's policy, respond like an HTTP server,
 * import tokens that exist elsewhere, revoke and change tokens, and observe events.
 *
 * SPDX-License-Identifier: MIT
 */
#include "rbtoken.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADER_SIZE = 300 };

static const int64_t SECOND_US = 1000000;
static const int64_t DAY_US = 86400 * (int64_t)1000000;

/* A request, as the host received it. */
typedef struct request {
    const char *what;
    const char *authorization;
    const char *site; /* NULL: the global site */
    const char *method;
    const char *policy_id;
    const char *resource_id;
} request;

/* The tokens of the callers. */
typedef struct tokens {
    rbtoken_token_t *full;       /* full access, for 365 days */
    rbtoken_token_t *read_only;  /* its policy allows GET only */
    rbtoken_token_t *north;      /* for the Local Site north */
    rbtoken_token_t *short_lived; /* expires after a day */
    rbtoken_token_t *legacy;     /* imported from an old server */
} tokens;

/* Prints and frees an error. Returns false: `return failed("...", error);` */
static bool failed(const char *what, rbtoken_error_t *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, rbtoken_status_name(rbtoken_error_status(error)),
            rbtoken_error_message(error));
    rbtoken_error_free(error);
    return false;
}

/* Writes a time as ISO 8601 in UTC. */
static const char *iso_time(int64_t time_us, char *text, size_t size)
{
    time_t seconds = (time_t)(time_us / SECOND_US);
    struct tm *utc = gmtime(&seconds);

    if (utc == NULL || strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", utc) == 0)
        return "-";
    return text;
}

/* Clock of the host. The host sets the time, so that every run prints the same. */
static rbtoken_status_t tell_time(void *user_data, int64_t *now_us)
{
    *now_us = *(const int64_t *)user_data;
    return RBTOKEN_OK;
}

/* The hooks print each event. A log must contain the redacted name, never the value. */
static void print_event(const char *event, const rbtoken_token_t *token)
{
    printf("  event: %s %s of %s\n", event, rbtoken_token_redacted(token, NULL),
           rbtoken_token_user(token, NULL));
}

static void on_created(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token,
                       bool auto_generated)
{
    (void)user_data;
    (void)store;
    print_event(auto_generated ? "created (auto-generated)" : "created", token);
}

static void on_updated(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)user_data;
    (void)store;
    print_event("updated", token);
}

static void on_invalidated(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)user_data;
    (void)store;
    print_event("invalidated", token);
}

static void on_expired(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)user_data;
    (void)store;
    print_event("expired", token);
}

static void on_used(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    ++*(int *)user_data;
    (void)store;
    print_event("used", token);
}

static void on_deleted(void *user_data, rbtoken_store_t *store, const rbtoken_token_t *token)
{
    (void)user_data;
    (void)store;
    print_event("deleted", token);
}

/* Called once, when the store no longer needs the hooks' data. */
static void on_destroy(void *user_data)
{
    printf("  hooks gone after %d logins\n", *(int *)user_data);
}

static bool add_hooks(rbtoken_store_t *store, int *logins)
{
    rbtoken_hooks_t hooks;
    rbtoken_error_t *error;
    uint64_t id;

    RBTOKEN_INIT(&hooks);
    hooks.user_data = logins;
    hooks.created = on_created;
    hooks.updated = on_updated;
    hooks.invalidated = on_invalidated;
    hooks.expired = on_expired;
    hooks.used = on_used;
    hooks.deleted = on_deleted;
    hooks.destroy = on_destroy;
    return rbtoken_store_add_hooks(store, &hooks, &id, &error) == RBTOKEN_OK ||
           failed("add hooks", error);
}

/* Responds to a rejected login. The response gives no details for unknown tokens and inactive
 * users. The holder of a token that was valid once gets the reason. */
static void print_refusal(rbtoken_verdict_t verdict, const rbtoken_token_t *refused)
{
    char text[32];
    int64_t time_us;

    switch (verdict) {
    case RBTOKEN_VERDICT_INVALID:
        printf("  401 Unauthorized: revoked");
        if (rbtoken_token_invalid_date(refused, &time_us))
            printf(" at %s", iso_time(time_us, text, sizeof text));
        printf(": %s\n", rbtoken_token_invalid_reason(refused, NULL));
        break;
    case RBTOKEN_VERDICT_EXPIRED:
        rbtoken_token_expires(refused, &time_us);
        printf("  401 Unauthorized: expired at %s\n", iso_time(time_us, text, sizeof text));
        break;
    case RBTOKEN_VERDICT_WRONG_SITE:
        printf("  403 Forbidden: the token is good on %s only\n",
               rbtoken_token_local_site(refused, NULL));
        break;
    case RBTOKEN_VERDICT_NOT_A_TOKEN:
        printf("  401 Unauthorized: no token; a real host tries its other logins\n");
        break;
    default: /* UNKNOWN, INACTIVE_USER, and verdicts of later versions */
        printf("  401 Unauthorized\n");
        break;
    }
}

/* Responds to a request with an accepted token: its policy decides. */
static bool answer_user(const request *r, const rbtoken_token_t *token)
{
    rbtoken_error_t *error;
    bool allowed;

    if (rbtoken_token_allows(token, RBTOKEN_STR(r->policy_id), RBTOKEN_STR(r->method),
                             r->resource_id, r->resource_id != NULL ? strlen(r->resource_id) : 0,
                             &allowed, &error) != RBTOKEN_OK)
        return failed("ask the policy", error);

    if (rbtoken_token_is_deprecated(token))
        printf("  X-API-Token-Deprecated: %s\n", rbtoken_token_generator_id(token, NULL));
    if (allowed)
        printf("  200 OK: hello, %s\n", rbtoken_token_user(token, NULL));
    else
        printf("  403 Forbidden: the token's policy blocks it\n");
    return true;
}

/* Responds to one request. */
static bool answer(rbtoken_store_t *store, const request *r)
{
    rbtoken_login_options_t options;
    rbtoken_token_t *token, *refused;
    rbtoken_error_t *error;
    rbtoken_verdict_t verdict;
    bool done = true;

    printf("\n%s\n  %s /%s%s%s", r->what, r->method, r->site != NULL ? "s/" : "",
           r->site != NULL ? r->site : "", r->site != NULL ? "/" : "");
    printf("%s/%s\n", r->policy_id, r->resource_id != NULL ? r->resource_id : "");

    RBTOKEN_INIT(&options);
    if (r->site != NULL) {
        options.site_mode = RBTOKEN_SITE_NAMED;
        RBTOKEN_SET_STR(&options, site, r->site);
    }
    /* The status shows whether there is a verdict; the verdict, whether the login is accepted. */
    if (rbtoken_store_authenticate_header(store, RBTOKEN_STR(r->authorization), &options, &verdict,
                                          &token, &refused, &error) != RBTOKEN_OK) {
        printf("  500 Internal Server Error\n");
        return failed("judge a login", error);
    }
    if (verdict == RBTOKEN_VERDICT_OK)
        done = answer_user(r, token);
    else
        print_refusal(verdict, refused);
    rbtoken_token_release(token);
    rbtoken_token_release(refused);
    return done;
}

/* Responds to a request with a token. */
static bool answer_token(rbtoken_store_t *store, const char *what, const rbtoken_token_t *token,
                         const char *site, const char *method)
{
    char header[HEADER_SIZE];
    request r;

    memset(&r, 0, sizeof r);
    snprintf(header, sizeof header, "token %s", rbtoken_token_value(token, NULL));
    r.what = what;
    r.authorization = header;
    r.site = site;
    r.method = method;
    r.policy_id = "review_request";
    r.resource_id = "42";
    return answer(store, &r);
}

static bool make_tokens(rbtoken_store_t *store, int64_t now_us, tokens *made)
{
    rbtoken_client_token_options_t client;
    rbtoken_generate_options_t generate;
    rbtoken_import_options_t import;
    rbtoken_error_t *error;

    printf("Tokens\n");
    if (rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error) != RBTOKEN_OK)
        return failed("add a Local Site", error);
    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &made->full, NULL,
                                                 &error) != RBTOKEN_OK)
        return failed("make a token", error);

    RBTOKEN_INIT(&generate);
    generate.flags = RBTOKEN_GENERATE_AUTO_GENERATED;
    RBTOKEN_SET_STR(&generate, note, "for the dashboard");
    RBTOKEN_SET_STR(&generate, policy,
                    "{\"resources\": {\"*\": {\"allow\": [\"GET\"], \"block\": [\"*\"]}}}");
    if (rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), &generate, &made->read_only,
                                     &error) != RBTOKEN_OK)
        return failed("make a token that only reads", error);

    RBTOKEN_INIT(&client);
    RBTOKEN_SET_STR(&client, local_site, "north");
    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("carol"),
                                                 RBTOKEN_STR("RBTools"), &client, &made->north,
                                                 NULL, &error) != RBTOKEN_OK)
        return failed("make a token on a Local Site", error);

    RBTOKEN_INIT(&client);
    client.expires_mode = RBTOKEN_EXPIRES_AT;
    client.expires_at_us = now_us + DAY_US;
    if (rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("dave"), RBTOKEN_STR("RBTools"),
                                                 &client, &made->short_lived, NULL,
                                                 &error) != RBTOKEN_OK)
        return failed("make a token for a day", error);

    /* No event is fired, because the token is not new. */
    RBTOKEN_INIT(&import);
    import.flags = RBTOKEN_IMPORT_TIME_ADDED_KNOWN;
    import.time_added_us = now_us - 4000 * DAY_US;
    RBTOKEN_SET_STR(&import, generator_id, "legacy_sha1");
    if (rbtoken_store_import_token(store, RBTOKEN_STR("erin"),
                                   RBTOKEN_STR("2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"), &import,
                                   &made->legacy, &error) != RBTOKEN_OK)
        return failed("import a token", error);
    return true;
}

static bool answer_callers(rbtoken_store_t *store, const tokens *t)
{
    static const request strangers[] = {
        {"An unknown token", "token rbp_no_such_token", NULL, "GET", "review_request", NULL},
        {"Another scheme", "Basic YWxpY2U6c2VjcmV0", NULL, "GET", "review_request", NULL},
        {"No value", "token", NULL, "GET", "review_request", NULL},
    };
    size_t i;

    for (i = 0; i < sizeof strangers / sizeof *strangers; i++)
        if (!answer(store, &strangers[i]))
            return false;
    return answer_token(store, "A good token", t->full, NULL, "POST") &&
           answer_token(store, "A global token on a Local Site", t->full, "north", "GET") &&
           answer_token(store, "A token that may read, reads", t->read_only, NULL, "GET") &&
           answer_token(store, "A token that may read, deletes", t->read_only, NULL, "DELETE") &&
           answer_token(store, "A Local Site's token there", t->north, "north", "GET") &&
           answer_token(store, "A Local Site's token at the root", t->north, NULL, "GET") &&
           answer_token(store, "A Local Site's token elsewhere", t->north, "south", "GET") &&
           answer_token(store, "An old token", t->legacy, NULL, "GET") &&
           answer_token(store, "A token for a day, now", t->short_lived, NULL, "GET");
}

/* Shows expiration, invalidation, updates and deletion. */
static bool answer_later(rbtoken_store_t *store, const tokens *t, int64_t *now_us)
{
    rbtoken_token_update_t update;
    rbtoken_error_t *error;
    uint64_t count;

    *now_us += DAY_US;
    if (!answer_token(store, "A token for a day, a day later", t->short_lived, NULL, "GET"))
        return false;

    printf("\nThe owner prolongs it\n");
    RBTOKEN_INIT(&update);
    update.expires_mode = RBTOKEN_FIELD_SET;
    update.expires_at_us = *now_us + DAY_US;
    if (rbtoken_store_update_token(store, rbtoken_token_id(t->short_lived), &update, NULL,
                                   &error) != RBTOKEN_OK)
        return failed("prolong a token", error);
    if (!answer_token(store, "A token that was prolonged", t->short_lived, NULL, "GET"))
        return false;

    printf("\nAlice loses her laptop\n");
    *now_us += 3600 * SECOND_US;
    if (rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("alice"),
                                             RBTOKEN_STR("The laptop was stolen."), &count,
                                             &error) != RBTOKEN_OK)
        return failed("revoke a user's tokens", error);
    printf("  %" PRIu64 " revoked\n", count);
    if (!answer_token(store, "A token that was revoked", t->full, NULL, "GET"))
        return false;

    printf("\nBob leaves\n");
    if (rbtoken_store_set_user_active(store, RBTOKEN_STR("bob"), 0, &error) != RBTOKEN_OK)
        return failed("make a user inactive", error);
    if (!answer_token(store, "A token of a user who left", t->read_only, NULL, "GET"))
        return false;

    printf("\nA month later, what is dead is purged\n");
    *now_us += 30 * DAY_US;
    if (rbtoken_store_purge_tokens(store, *now_us - 7 * DAY_US, &count, &error) != RBTOKEN_OK)
        return failed("purge tokens", error);
    printf("  %" PRIu64 " purged\n", count);
    return answer_token(store, "A token that was purged", t->full, NULL, "GET");
}

static bool serve(rbtoken_store_t *store, int64_t *now_us)
{
    tokens made;
    bool done;

    memset(&made, 0, sizeof made);
    done = make_tokens(store, *now_us, &made) && answer_callers(store, &made) &&
           answer_later(store, &made, now_us);
    rbtoken_token_release(made.full);
    rbtoken_token_release(made.read_only);
    rbtoken_token_release(made.north);
    rbtoken_token_release(made.short_lived);
    rbtoken_token_release(made.legacy);
    return done;
}

int main(void)
{
    int64_t now_us = 1767225600 * SECOND_US; /* 2026-01-01 */
    int logins = 0;
    rbtoken_store_options_t options;
    rbtoken_clock_t clock;
    rbtoken_store_t *store;
    rbtoken_error_t *error;
    bool done;

    RBTOKEN_INIT(&clock);
    clock.user_data = &now_us;
    clock.now = tell_time;
    RBTOKEN_INIT(&options);
    options.clock = &clock;
    if (rbtoken_store_open(&options, &store, &error) != RBTOKEN_OK) {
        failed("open a store", error);
        return EXIT_FAILURE;
    }

    done = add_hooks(store, &logins) && serve(store, &now_us);
    printf("\nThe end\n");
    rbtoken_store_release(store);
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
