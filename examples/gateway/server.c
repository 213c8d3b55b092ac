/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "server.h"

#include "answer.h"
#include "log.h"
#include "metrics.h"
#include "request.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GRACE_S = 30,
    ANSWERS_S = 3,
    MAX_HELD = 1 << 20,    /* longer bodies are sent on as they arrive */
    MAX_FORM = 16 << 20,   /* of a token that may not use all methods: is held until judged */
    MAX_DROPPED = 1 << 20, /* of a refused request: a longer body is not read */
};

static atomic_bool draining;

/* Writes the request's line of the log, and counts it. */
static void report(const request *r, outcome what, unsigned status)
{
    const rbtoken_token_t *token = r->decision.token != NULL ? r->decision.token
                                                             : r->decision.refused;
    char address[NI_MAXHOST];
    struct timespec now;
    log_line line;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (double)(now.tv_sec - r->start.tv_sec) +
              (double)(now.tv_nsec - r->start.tv_nsec) / 1e9;
    count_response(what, status, seconds);
    client_address(r, address);
    begin_line(&line, "request");
    add_text(&line, "client", address);
    add_text(&line, "method", r->method);
    add_text(&line, "path", r->path);
    add_text(&line, "outcome", outcome_name(what));
    add_number(&line, "status", status);
    add_text(&line, "credentials", credentials_name(r->decision.by));
    add_text(&line, "user", rbtoken_token_user(token, NULL));
    add_text(&line, "token", rbtoken_token_redacted(token, NULL));
    add_text(&line, "local_site", r->target.site[0] != '\0' ? r->target.site : NULL);
    add_text(&line, "policy_id", r->target.policy_id[0] != '\0' ? r->target.policy_id : NULL);
    add_text(&line, "resource_id", r->target.resource_id[0] != '\0' ? r->target.resource_id : NULL);
    add_text(&line, "reason", r->why != NULL ? r->why->message : NULL);
    add_text(&line, "error", r->error);
    add_number(&line, "microseconds", (int64_t)(seconds * 1e6));
    write_line(&line);
}

/* Returns whether curl passes a URI on as it is: it refuses blanks and control characters, and
 * drops a fragment. */
static bool is_uri(const char *uri)
{
    for (; *uri != '\0'; uri++)
        if ((unsigned char)*uri <= (unsigned)' ' || *uri == '\x7f' || *uri == '#')
            return false;
    return true;
}

/* Judges a request by its headers. */
static const refusal *judge_headers(request *r)
{
    found where = find_target(r->path, &r->target);
    const char *method = r->method;

    r->headers = read_headers(r->connection);
    if (r->headers.malformed || r->headers.authorizations > 1)
        return &BAD_REQUEST;
    if (!is_uri(r->uri))
        return &BAD_URI;
    if (r->headers.chunked)
        return &NO_LENGTH;
    if (where != FOUND) {
        r->elsewhere = where == ELSEWHERE && r->service->public_url != NULL && r->uri[0] == '/' &&
                       (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0);
        return &NOT_FOUND;
    }
    judge(&r->decision, r->service->store, r->connection, &r->headers, &r->target);
    if (r->decision.why != NULL)
        return r->decision.why;
    if (strcmp(method, "POST") == 0 && !allows_all_methods(&r->decision, &r->target)) {
        begin_form(&r->form, r->connection, r->headers.type);
        if (r->form.state != FORM_READ)
            return &BAD_FORM;
        if (r->form.parser != NULL)
            return r->headers.length > MAX_FORM ? &TOO_LARGE : NULL;
    }
    if (strcmp(method, "GET") == 0 && r->headers.length > MAX_DROPPED)
        return &TOO_LARGE;
    return check_policy(&r->decision, &r->target, method);
}

/* Responds without the upstream. */
static enum MHD_Result answer_alone(const request *r)
{
    outcome what = r->why == &NO_UPSTREAM ? UPSTREAM_FAILED : r->elsewhere ? REDIRECTED : REFUSED;

    report(r, what, r->elsewhere ? 302 : r->why->status);
    return r->elsewhere ? redirect(r->connection, r->service->public_url, r->uri)
                        : refuse(r->connection, r->why, r->method, r->decision.refused);
}

/* Called when the headers of a request have arrived. */
static enum MHD_Result begin(request *r)
{
    r->begun = true;
    r->why = judge_headers(r);
    r->streams = r->form.parser == NULL && r->headers.length > MAX_HELD;
    if (r->why == NULL && r->streams)
        send_on(r);
    /* Without reading the body; the connection is then closed. */
    if (r->why != NULL && (r->headers.chunked || r->headers.length > MAX_DROPPED))
        return answer_alone(r);
    return MHD_YES;
}

/* Called with each part of the body. That of a refused request is dropped. */
static void take_part(request *r, const char *data, size_t size)
{
    if (r->why != NULL || strcmp(r->method, "GET") == 0)
        return;
    if (r->streams)
        send_on_part(r, data, size);
    else if (r->body.size + size > MAX_FORM || !append(&r->body, data, size))
        r->why = &FAILED;
    else
        read_form(&r->form, data, size);
}

/* Judges the method of a form, whose body is complete. */
static void judge_form(request *r)
{
    const char *method;

    if (r->form.state == FORM_READ) {
        method = seal_form(&r->form, &r->body);
        r->why = method != NULL ? check_policy(&r->decision, &r->target, method) : &FAILED;
    }
    if (r->form.state != FORM_READ) /* ending it can change the state */
        r->why = r->form.state == FORM_MALFORMED ? &BAD_FORM : &BAD_METHOD;
}

/* Called when the request is complete. */
static enum MHD_Result finish(request *r)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result;
    unsigned status = 0;

    if (r->why == NULL && r->form.parser != NULL)
        judge_form(r);
    if (r->why == NULL && !r->streams)
        send_on(r);
    if (r->why == NULL)
        response = get_response(r, atomic_load(&draining), &status);
    if (response == NULL)
        return answer_alone(r);
    report(r, FORWARDED, status);
    result = MHD_queue_response(r->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called for each request when its headers have arrived, with each part of its body, and at its
 * end. */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    request *r = *context;

    (void)version;
    if (r == NULL)
        return MHD_NO;
    r->service = cls;
    r->connection = connection;
    r->path = path;
    r->method = method;
    if (!r->begun)
        return begin(r);
    if (*size == 0)
        return finish(r);
    take_part(r, data, *size);
    *size = 0;
    return MHD_YES;
}

static void *begin_request(void *cls, const char *uri, struct MHD_Connection *connection)
{
    request *r = calloc(1, sizeof *r);

    (void)cls, (void)connection;
    count_begin();
    if (r != NULL && (r->uri = strdup(uri)) == NULL) {
        free(r);
        r = NULL;
    }
    if (r != NULL) {
        r->connection = connection;
        clock_gettime(CLOCK_MONOTONIC, &r->start);
    }
    return r;
}

static void end_request(void *cls, struct MHD_Connection *connection, void **context,
                        enum MHD_RequestTerminationCode why)
{
    request *r = *context;

    (void)cls, (void)connection, (void)why;
    count_end();
    if (r == NULL)
        return;
    end_forwarding(r);
    free_form(&r->form);
    free_decision(&r->decision);
    curl_slist_free_all(r->list);
    free(r->url);
    free(r->uri);
    free(r->body.data);
    free(r);
    *context = NULL;
}

/* Each client's connection has one to the upstream. */
static void notice_connection(void *cls, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode what)
{
    (void)cls, (void)connection;
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        *context = new_upstream();
    else
        free_upstream(*context);
}

struct MHD_Daemon *serve(const service *s, int listener)
{
    return MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
                                MHD_USE_POLL | MHD_USE_ITC,
                            0, NULL, NULL, handle, (void *)(uintptr_t)s, MHD_OPTION_LISTEN_SOCKET,
                            listener, MHD_OPTION_URI_LOG_CALLBACK, begin_request, NULL,
                            MHD_OPTION_NOTIFY_COMPLETED, end_request, NULL,
                            MHD_OPTION_NOTIFY_CONNECTION, notice_connection, NULL,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, s->timeout, MHD_OPTION_END);
}

void drain(struct MHD_Daemon *daemon)
{
    const struct timespec moment = {0, 10000000};

    sigset_t ends;
    bool hurried = false;

    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    atomic_store(&draining, true);
    close(MHD_quiesce_daemon(daemon));
    for (int i = 0; i < GRACE_S * 100 && requests_in_flight() > 0 && !hurried; i++)
        hurried = sigtimedwait(&ends, NULL, &moment) > 0;
    give_up_exchanges(); /* or stopping would wait for them; the clients are answered 502 */
    for (int i = 0; i < ANSWERS_S * 100 && requests_in_flight() > 0; i++)
        nanosleep(&moment, NULL);
    MHD_stop_daemon(daemon);
}
