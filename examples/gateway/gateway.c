/* A gateway in front of Review Board. It forwards requests that an API token and its policy allow,
 * and responds to others with 401 or 403, as Review Board 8.1 does.
 *
 *     gateway PORT UPSTREAM ROUTES [TOKENS [LOCATION]]
 *
 * It listens on 127.0.0.1 (PORT 0: any free port), prints its port, and on SIGTERM exits when the
 * running requests have finished. ROUTES is a file like routes.txt. Each line of TOKENS is a token
 * to import, separated by tabs: user, value, Local Site, expiration in microseconds since 1970,
 * reason of its invalidation, policy; `-` means none. LOCATION is the location for
 * rbtoken_store_open().
 *
 * The upstream must accept requests only from the gateway, which sends the user's name as
 * `X-Forwarded-User`, and never the token. Headers with `_` in their names are dropped, because
 * WSGI treats it as `-`. A form can override the method of a POST with `_method`; the gateway
 * appends the method that the policy was checked for. Unlike Review Board, the gateway has no
 * anonymous users, responds only in JSON, and writes times in UTC.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE /* strsep */

#include "answer.h"
#include "routes.h"
#include "upstream.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 256, TIMEOUT_S = 30, GRACE_S = 10 };

typedef struct request {
    char *query; /* as received, with its `?`, or empty */
    target target;
    const refusal *why;       /* NULL: allowed so far */
    rbtoken_token_t *token;   /* the caller's token */
    rbtoken_token_t *refused; /* the token that explains LOGIN_FAILED */
    struct MHD_PostProcessor *form;
    const char *boundary; /* of the form; NULL: URL-encoded */
    char method[16];      /* the form's `_method` */
    bool begun, overridden;
    bytes body;
} request;

static rbtoken_store_t *store;
static const char *upstream;
static atomic_int under_way;

/* Authenticates the caller for the request's site. */
static const refusal *log_in(request *r, const char *header)
{
    const char *space = header != NULL ? strchr(header, ' ') : NULL;
    rbtoken_login_options_t options;
    rbtoken_verdict_t verdict;
    rbtoken_status_t status;

    if (space == NULL || strchr(space + 1, ' ') != NULL)
        return &NOT_LOGGED_IN;
    RBTOKEN_INIT(&options);
    if (r->target.site[0] != '\0') {
        options.site_mode = RBTOKEN_SITE_NAMED;
        RBTOKEN_SET_STR(&options, site, r->target.site);
    }
    status = rbtoken_store_authenticate_header(store, RBTOKEN_STR(header), &options, &verdict,
                                               &r->token, &r->refused, NULL);
    if (status != RBTOKEN_OK)
        return &FAILED;
    if (verdict == RBTOKEN_VERDICT_WRONG_SITE)
        return &DENIED;
    if (verdict == RBTOKEN_VERDICT_NOT_A_TOKEN)
        return &NOT_LOGGED_IN;
    return verdict == RBTOKEN_VERDICT_OK ? NULL : &LOGIN_FAILED;
}

/* Reads `_method` of a form: the last one counts, as in Django. */
static enum MHD_Result read_field(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *file, const char *type, const char *encoding,
                                  const char *data, uint64_t offset, size_t size)
{
    request *r = cls;

    (void)kind, (void)file, (void)type, (void)encoding;
    if (strcmp(key != NULL ? key : "", "_method") != 0)
        return MHD_YES;
    r->overridden = true;
    if (offset + size >= sizeof r->method) {
        r->why = &BAD_METHOD;
        return MHD_YES;
    }
    memcpy(r->method + offset, data, size);
    r->method[offset + size] = '\0';
    return MHD_YES;
}

/* Prepares to read the body of a POST if it is a form with an unambiguous type. */
static const refusal *begin_form(struct MHD_Connection *connection, request *r)
{
    static const char coded[] = "application/x-www-form-urlencoded", parts[] = "multipart/",
                      plain[] = "multipart/form-data; boundary=";
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");

    if (type == NULL)
        return NULL;
    if (strncasecmp(type, coded, sizeof coded - 1) == 0) {
        type += sizeof coded - 1;
        if (*type != '\0' && strcasecmp(type, "; charset=utf-8") != 0)
            return &BAD_FORM;
    } else if (strncasecmp(type, parts, sizeof parts - 1) == 0) {
        r->boundary = type + sizeof plain - 1;
        if (strncmp(type, plain, sizeof plain - 1) != 0 || strlen(r->boundary) > 70 ||
            strpbrk(r->boundary, ";, \"") != NULL)
            return &BAD_FORM;
    } else {
        return NULL;
    }
    r->form = MHD_create_post_processor(connection, 4096, read_field, r);
    return r->form != NULL ? NULL : &BAD_FORM;
}

/* Ends the form, and appends the method that was read from it. The upstream uses the last one, so
 * it cannot read another method than the gateway. */
static const char *seal_form(request *r)
{
    const char *method = "POST";
    char field[256];

    MHD_destroy_post_processor(r->form); /* the last field can be reported only now */
    r->form = NULL;
    if (r->overridden)
        method = r->method;
    if (r->boundary == NULL)
        snprintf(field, sizeof field, "&_method=%s", method);
    else
        snprintf(
            field, sizeof field,
            "\r\n--%s\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n%s\r\n--%s--\r\n",
            r->boundary, method, r->boundary);
    if (!append(&r->body, field, strlen(field)))
        r->why = &TOO_LARGE;
    return method;
}

/* Checks the policy. */
static const refusal *ask_policy(request *r, const char *method)
{
    const char *id = r->target.resource_id;
    bool allowed;

    if (r->form != NULL)
        method = seal_form(r);
    if (r->why != NULL)
        return r->why;
    if (strcmp(method, "GET") != 0 && strcmp(method, "POST") != 0 && strcmp(method, "PUT") != 0 &&
        strcmp(method, "DELETE") != 0)
        return &BAD_METHOD;
    if (rbtoken_token_allows(r->token, RBTOKEN_STR(r->target.policy_id), RBTOKEN_STR(method),
                             *id != '\0' ? id : NULL, strlen(id), &allowed, NULL) != RBTOKEN_OK)
        return &FAILED;
    return allowed ? NULL : &DENIED;
}

static enum MHD_Result send_on(struct MHD_Connection *connection, const request *r,
                               const char *path, const char *method)
{
    static const char deprecated[] =
        "This token uses a deprecated format. The token can still be used, but you should remove "
        "it and generate a new one to take advantage of security improvements.";
    const char *user = rbtoken_token_user(r->token, NULL);
    struct MHD_Response *response = NULL;
    enum MHD_Result result;
    bytes url = {NULL, 0, 0};
    unsigned status;

    /* A user name can be any text, but a line break in it would start a header. */
    if (strpbrk(user, "\r\n") != NULL)
        return refuse(connection, &FAILED, NULL);
    if (append(&url, upstream, strlen(upstream)) && append(&url, path, strlen(path)) &&
        append(&url, r->query, strlen(r->query)))
        response = forward(connection, url.data, method, user, &r->body, &status);
    free(url.data);
    if (response == NULL)
        return refuse(connection, &NO_UPSTREAM, NULL);
    if (rbtoken_token_is_deprecated(r->token))
        MHD_add_response_header(response, "X-API-Token-Deprecated", deprecated);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called for each request when its headers have arrived, with each part of its body, and at its
 * end. The body of a rejected request is dropped. */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    request *r = *context;

    (void)cls, (void)version;
    if (r == NULL)
        return MHD_NO;
    if (!r->begun) {
        r->begun = true;
        r->why = !find_target(path, &r->target)
                     ? &NOT_FOUND
                     : log_in(r, MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                             "Authorization"));
        if (r->why == NULL && strcmp(method, "POST") == 0)
            r->why = begin_form(connection, r);
        return MHD_YES;
    }
    if (*size > 0) {
        if (r->why == NULL && !append(&r->body, data, *size))
            r->why = &TOO_LARGE;
        if (r->why == NULL && r->form != NULL && MHD_post_process(r->form, data, *size) != MHD_YES)
            r->why = &BAD_FORM;
        *size = 0;
        return MHD_YES;
    }
    if (r->why == NULL)
        r->why = ask_policy(r, method);
    return r->why != NULL ? refuse(connection, r->why, r->refused)
                          : send_on(connection, r, path, method);
}

static void *begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
    request *r = calloc(1, sizeof *r);
    const char *query = strchr(uri, '?');

    (void)cls, (void)connection;
    atomic_fetch_add(&under_way, 1);
    if (r != NULL && (r->query = strdup(query != NULL ? query : "")) == NULL) {
        free(r);
        r = NULL;
    }
    return r;
}

static void end_request(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode why)
{
    request *r = *context;

    (void)cls, (void)connection, (void)why;
    atomic_fetch_sub(&under_way, 1);
    if (r == NULL)
        return;
    if (r->form != NULL)
        MHD_destroy_post_processor(r->form);
    rbtoken_token_release(r->token);
    rbtoken_token_release(r->refused);
    free(r->query);
    free(r->body.data);
    free(r);
    *context = NULL;
}

/* Each connection has a curl handle, which keeps a connection to the upstream open. */
static void notice_connection(void *cls, struct MHD_Connection *connection, void **curl,
                              enum MHD_ConnectionNotificationCode what)
{
    (void)cls, (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *curl = curl_easy_init();
    else
        curl_easy_cleanup(*curl);
}

static bool failed(const char *what, rbtoken_error_t *error)
{
    fprintf(stderr, "%s: %s\n", what, rbtoken_error_message(error));
    rbtoken_error_free(error);
    return false;
}

/* Imports a token: a line of the file, split at its tabs. Existing tokens are kept. */
static bool import_token(char *line)
{
    enum { USER, VALUE, SITE, EXPIRES, REASON, POLICY, FIELDS };
    char *field[FIELDS], *rest = line;
    rbtoken_import_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    rbtoken_status_t status;

    for (int i = 0; i < FIELDS; i++)
        if ((field[i] = strsep(&rest, "\t\n")) == NULL)
            return failed("a token has six fields", NULL);
    RBTOKEN_INIT(&options);
    if (strcmp(field[SITE], "-") != 0) {
        RBTOKEN_SET_STR(&options, local_site, field[SITE]);
        status = rbtoken_store_add_local_site(store, RBTOKEN_STR(field[SITE]), &error);
        if (status != RBTOKEN_OK && status != RBTOKEN_E_EXISTS)
            return failed("add a Local Site", error);
        rbtoken_error_free(error);
    }
    if (strcmp(field[EXPIRES], "-") != 0) {
        options.flags |= RBTOKEN_IMPORT_EXPIRES_KNOWN;
        options.expires_at_us = strtoll(field[EXPIRES], NULL, 10);
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
        return failed("bring in a token", error);
    rbtoken_error_free(error);
    return true;
}

static bool open_store(const char *tokens, const char *location)
{
    rbtoken_store_options_t options;
    rbtoken_error_t *error;
    FILE *in = tokens != NULL ? fopen(tokens, "r") : NULL;
    char *line = NULL;
    size_t size = 0;
    bool done;

    RBTOKEN_INIT(&options);
    if (location != NULL)
        RBTOKEN_SET_STR(&options, location, location);
    if (rbtoken_store_open(&options, &store, &error) != RBTOKEN_OK)
        return failed("open the store", error);
    done = tokens == NULL || in != NULL;
    while (done && in != NULL && getline(&line, &size, in) > 0)
        done = import_token(line);
    if (line != NULL)
        memset(line, 0, size); /* a secret */
    free(line);
    return (in == NULL || fclose(in) == 0) && done;
}

/* Serves until a signal arrives, and then until the running requests have finished. */
static bool serve(uint16_t port, const sigset_t *signals)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timespec moment = {0, 10000000};
    struct MHD_Daemon *daemon;
    int received;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                  MHD_USE_POLL | MHD_USE_ITC,
                              port, NULL, NULL, handle, NULL, MHD_OPTION_SOCK_ADDR, &address,
                              MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
                              MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
                              MHD_OPTION_NOTIFY_CONNECTION, notice_connection, NULL,
                              MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
                              MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    if (daemon == NULL)
        return false;
    printf("listening on 127.0.0.1:%u\n",
           (unsigned)MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(signals, &received);
    close(MHD_quiesce_daemon(daemon));
    for (int i = 0; i < GRACE_S * 100 && atomic_load(&under_way) > 0; i++)
        nanosleep(&moment, NULL);
    MHD_stop_daemon(daemon);
    return true;
}

int main(int argc, char **argv)
{
    sigset_t signals;
    bool done;

    if (argc < 4 || argc > 6 || !load_routes(argv[3])) {
        fprintf(stderr, "usage: %s PORT UPSTREAM ROUTES [TOKENS [LOCATION]]\n", argv[0]);
        return EXIT_FAILURE;
    }
    /* The threads inherit the mask, so that only sigwait() gets the signals. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    upstream = argv[2];
    curl_global_init(CURL_GLOBAL_DEFAULT);
    done = open_store(argc > 4 ? argv[4] : NULL, argc > 5 ? argv[5] : NULL) &&
           serve((uint16_t)atoi(argv[1]), &signals);
    rbtoken_store_release(store);
    curl_global_cleanup();
    return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
