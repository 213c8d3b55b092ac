/* Forwards a request, and receives the response.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE

#include "request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEADERS = 24 << 10 }; /* of a response: libmicrohttpd cannot send 32 KiB */

static upstream *upstream_of(const request *r)
{
    return MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
        ->socket_context;
}

void client_address(const request *r, char text[NI_MAXHOST])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    socklen_t size = sizeof(struct sockaddr_in);

    strcpy(text, "?");
    if (info == NULL || info->client_addr == NULL)
        return;
    if (info->client_addr->sa_family == AF_INET6)
        size = sizeof(struct sockaddr_in6);
    if (getnameinfo(info->client_addr, size, text, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) != 0)
        strcpy(text, "?");
}

typedef struct header_copy {
    request *request;
    bool failed;
} header_copy;

static void copy_one(header_copy *copy, const char *name, const char *value)
{
    if (!copy->failed)
        copy->failed = (copy->request->list = add_header(copy->request->list, name, value)) == NULL;
}

static enum MHD_Result find_forwarded(void *cls, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    bytes *list = cls;

    (void)kind;
    if (strcasecmp(name, "X-Forwarded-For") != 0 || value == NULL || *value == '\0')
        return MHD_YES;
    return append(list, value, strlen(value)) && append(list, ", ", 2) ? MHD_YES : MHD_NO;
}

/* Appends the client to the addresses of all headers `X-Forwarded-For`: the last one can be that of
 * the proxy in front, after one that the client has made up. */
static void add_forwarded(header_copy *copy)
{
    struct MHD_Connection *connection = copy->request->connection;
    int headers = MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL);
    char client[NI_MAXHOST];
    bytes list = {NULL, 0, 0};

    client_address(copy->request, client);
    if (MHD_get_connection_values(connection, MHD_HEADER_KIND, find_forwarded, &list) != headers ||
        !append(&list, client, strlen(client)))
        copy->failed = true;
    else
        copy_one(copy, "X-Forwarded-For", list.data);
    free(list.data);
}

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    static const char *const own[] = {"Authorization", "Content-Type", "Cookie", "X-Forwarded-For"};
    header_copy *copy = cls;
    bool forwarded = is_forwarded(name, copy->request->headers.connection);

    (void)kind;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        forwarded = forwarded && strcasecmp(name, own[i]) != 0;
    if (forwarded)
        copy_one(copy, name, value != NULL ? value : "");
    return MHD_YES;
}

/* Makes the headers for the upstream. The credentials that were judged are the only ones. */
static bool make_headers(request *r)
{
    char *cookie = join_cookies(&r->decision.cookies, r->decision.known_session);
    header_copy copy = {r, cookie == NULL};
    struct curl_slist *longer;

    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, copy_header, &copy);
    if (r->headers.authorization != NULL)
        copy_one(&copy, "Authorization", r->headers.authorization);
    if (cookie != NULL && *cookie != '\0')
        copy_one(&copy, "Cookie", cookie);
    /* The type that was checked, or none: curl would add one. */
    copy_one(&copy, "Content-Type", r->headers.type != NULL ? r->headers.type : "");
    add_forwarded(&copy);
    free(cookie);
    if (copy.failed)
        return false;
    /* Without this, curl would wait for permission to send a long body. */
    longer = curl_slist_append(r->list, "Expect:");
    r->list = longer != NULL ? longer : r->list;
    return longer != NULL;
}

void send_on(request *r)
{
    const char *base = r->service->upstream, *query = strchr(r->uri, '?');
    size_t size = strlen(base) + strlen(r->path) + strlen(r->uri) + 1;
    outgoing out = {NULL, r->method, NULL, r->body.size, r->body.data};
    upstream *u = upstream_of(r);

    r->url = malloc(size);
    if (r->url == NULL || u == NULL || !make_headers(r)) {
        r->why = &FAILED;
        return;
    }
    snprintf(r->url, size, "%s%s%s", base, r->path, query != NULL ? query : "");
    out.url = r->url;
    out.headers = r->list;
    if (r->streams)
        out.size = r->headers.length;
    if (!begin_exchange(u, &out))
        r->why = &FAILED;
}

static void fail(request *r)
{
    r->error = exchange_error(upstream_of(r));
    r->why = &NO_UPSTREAM;
}

void send_on_part(request *r, const char *data, size_t size)
{
    if (!send_part(upstream_of(r), data, size))
        fail(r);
}

typedef struct relay {
    const request *request;
    struct MHD_Response *response;
    unsigned status;
} relay;

static void relay_header(void *cls, const char *name, const char *value)
{
    relay *to = cls;

    MHD_add_response_header(to->response, name, value);
    if (strcasecmp(name, "Set-Cookie") == 0)
        note_cookie(&to->request->decision, to->status, value);
}

static void add_length(void *cls, const char *name, const char *value)
{
    *(size_t *)cls += strlen(name) + strlen(value) + 4;
}

struct MHD_Response *get_response(request *r, bool last, unsigned *status)
{
    upstream *u = upstream_of(r);
    relay to = {r, NULL, 0};
    size_t length = 0;

    if (!await_response(u, &to.status)) {
        fail(r);
        return NULL;
    }
    each_header(u, add_length, &length);
    if (length > MAX_HEADERS) {
        r->error = "the headers of the response are too long";
        r->why = &NO_UPSTREAM;
        return NULL;
    }
    to.response = make_response(u, to.status);
    if (to.response == NULL) {
        r->why = &FAILED;
        return NULL;
    }
    each_header(u, relay_header, &to);
    if (last)
        MHD_add_response_header(to.response, "Connection", "close");
    *status = to.status;
    return to.response;
}

void end_forwarding(const request *r)
{
    upstream *u = upstream_of(r);

    if (u != NULL)
        end_exchange(u);
}
