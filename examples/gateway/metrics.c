/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "metrics.h"

#include "sessions.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CLIENTS = 16, CLIENT_TIMEOUT_S = 10, LEVELS = 5 };

static atomic_int in_flight;
static atomic_bool draining;
static atomic_ulong outcomes[OUTCOMES], statuses[6], messages[LEVELS];
static atomic_ullong microseconds;

void count_begin(void)
{
    atomic_fetch_add(&in_flight, 1);
}

void count_end(void)
{
    atomic_fetch_sub(&in_flight, 1);
}

int requests_in_flight(void)
{
    return atomic_load(&in_flight);
}

void count_response(outcome what, unsigned status, double seconds)
{
    atomic_fetch_add(&outcomes[what], 1);
    atomic_fetch_add(&statuses[status / 100 < 6 ? status / 100 : 0], 1);
    atomic_fetch_add(&microseconds, (unsigned long long)(seconds * 1e6));
}

void count_message(int level)
{
    atomic_fetch_add(&messages[level > 0 && level < LEVELS ? level : 0], 1);
}

const char *outcome_name(outcome what)
{
    static const char *const names[OUTCOMES] = {"forwarded", "refused", "redirected",
                                                "upstream failed"};

    return names[what];
}

void report_draining(void)
{
    atomic_store(&draining, true);
}

static void describe(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP rbtoken_gateway_%s %s\n# TYPE rbtoken_gateway_%s %s\n", name, help, name,
            type);
}

static void print_metrics(FILE *out)
{
    static const char *const labels[OUTCOMES] = {"forwarded", "refused", "redirected",
                                                 "upstream_failed"};
    static const char *const levels[LEVELS] = {"other", "error", "warning", "info", "debug"};
    unsigned long total = 0;

    describe(out, "requests_total", "counter", "Requests, by what became of them.");
    for (int i = 0; i < OUTCOMES; i++) {
        total += atomic_load(&outcomes[i]);
        fprintf(out, "rbtoken_gateway_requests_total{outcome=\"%s\"} %lu\n", labels[i],
                atomic_load(&outcomes[i]));
    }
    describe(out, "responses_total", "counter", "Responses, by the first digit of their status.");
    for (int i = 2; i < 6; i++)
        fprintf(out, "rbtoken_gateway_responses_total{status=\"%dxx\"} %lu\n", i,
                atomic_load(&statuses[i]));
    describe(out, "request_seconds", "summary",
             "Time from the first byte of a request to the headers of its response.");
    fprintf(out, "rbtoken_gateway_request_seconds_sum %.6f\n",
            (double)atomic_load(&microseconds) / 1e6);
    fprintf(out, "rbtoken_gateway_request_seconds_count %lu\n", total);
    describe(out, "requests_in_flight", "gauge", "Requests that have begun and not ended.");
    fprintf(out, "rbtoken_gateway_requests_in_flight %d\n", requests_in_flight());
    describe(out, "sessions", "gauge", "Sessions whose cookies are known.");
    fprintf(out, "rbtoken_gateway_sessions %zu\n", count_sessions());
    describe(out, "library_messages_total", "counter", "Messages of librbtoken, by severity.");
    for (int i = 1; i < LEVELS; i++)
        fprintf(out, "rbtoken_gateway_library_messages_total{level=\"%s\"} %lu\n", levels[i],
                atomic_load(&messages[i]));
}

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              const char *body, size_t size)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(size, (void *)(uintptr_t)body,
                                                                    MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    static const char plain[] = "text/plain; charset=utf-8";
    const char *state = atomic_load(&draining) ? "draining\n" : "ok\n";
    enum MHD_Result result = MHD_NO;
    char *body = NULL;
    size_t length;
    FILE *out;

    (void)cls, (void)version, (void)data, (void)context;
    if (*size > 0 || (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
        return MHD_NO;
    if (strcmp(path, "/healthz") == 0)
        return answer(connection, atomic_load(&draining) ? 503 : 200, plain, state, strlen(state));
    if (strcmp(path, "/metrics") != 0)
        return answer(connection, 404, plain, "not found\n", 10);
    out = open_memstream(&body, &length);
    if (out == NULL)
        return MHD_NO;
    print_metrics(out);
    if (fclose(out) == 0)
        result = answer(connection, 200, "text/plain; version=0.0.4; charset=utf-8", body, length);
    free(body);
    return result;
}

struct MHD_Daemon *serve_metrics(int listener)
{
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, handle,
                            NULL, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)MAX_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)CLIENT_TIMEOUT_S, MHD_OPTION_END);
}
