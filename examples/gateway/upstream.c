/* Forwards requests to the upstream, with curl.
 *
 * SPDX-License-Identifier: MIT
 */
#define _DEFAULT_SOURCE

#include "upstream.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TIMEOUT_S = 30 };

/* Appends to a bounded buffer, and terminates it with a NUL. */
bool append(bytes *b, const char *data, size_t size)
{
    char *grown = b->data;

    if (size > MAX_BODY - b->size)
        return false;
    if (b->size + size >= b->capacity) {
        b->capacity = 2 * (b->size + size) + 1;
        grown = realloc(b->data, b->capacity);
    }
    if (grown == NULL)
        return false;
    memcpy(grown + b->size, data, size);
    b->data = grown;
    b->size += size;
    grown[b->size] = '\0';
    return true;
}

/* Drops headers of one connection, and headers that the gateway or curl writes. */
static bool is_forwarded(const char *name, const char *connection)
{
    static const char *const own[] = {"Connection",
                                      "Keep-Alive",
                                      "Proxy-Authenticate",
                                      "Proxy-Authorization",
                                      "Proxy-Connection",
                                      "TE",
                                      "Trailer",
                                      "Transfer-Encoding",
                                      "Upgrade",
                                      "Content-Length",
                                      "Expect",
                                      "Authorization",
                                      "X-Forwarded-User"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcasecmp(name, own[i]) == 0)
            return false;
    for (; connection != NULL && *connection != '\0'; connection += strspn(connection, ", \t")) {
        if (strncasecmp(connection, name, length) == 0 && strchr(", \t", connection[length]))
            return false;
        connection += strcspn(connection, ", \t");
    }
    return strchr(name, '_') == NULL;
}

typedef struct header_copy {
    struct curl_slist *list;
    const char *connection;
    bool failed;
} header_copy;

/* curl writes an empty header as `Name;`. */
static void add_header(header_copy *copy, const char *name, const char *value)
{
    struct curl_slist *longer = NULL;
    bytes line = {NULL, 0, 0};

    if (append(&line, name, strlen(name)) &&
        append(&line, *value != '\0' ? ": " : ";", *value != '\0' ? 2 : 1) &&
        append(&line, value, strlen(value)))
        longer = curl_slist_append(copy->list, line.data);
    free(line.data);
    copy->failed = copy->failed || longer == NULL;
    copy->list = longer != NULL ? longer : copy->list;
}

static enum MHD_Result copy_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    header_copy *copy = cls;

    (void)kind;
    if (strcasecmp(name, "Content-Type") != 0 && is_forwarded(name, copy->connection))
        add_header(copy, name, value != NULL ? value : "");
    return MHD_YES;
}

static size_t take_body(char *data, size_t one, size_t size, void *cls)
{
    return append(cls, data, one * size) ? size : 0;
}

/* Returns the upstream's response; NULL if there is none. */
static struct MHD_Response *fetch(CURL *curl, bytes *body, unsigned *status)
{
    struct curl_header *h = NULL;
    struct MHD_Response *response;
    const char *listed = NULL;
    long code = 0;

    if (curl_easy_perform(curl) != CURLE_OK)
        return NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    *status = (unsigned)code;
    response = MHD_create_response_from_buffer(body->size, body->data, MHD_RESPMEM_MUST_COPY);
    /* curl reuses one struct for all headers, but the values stay valid. */
    if (curl_easy_header(curl, "Connection", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
        listed = h->value;
    h = NULL;
    while (response != NULL && (h = curl_easy_nextheader(curl, CURLH_HEADER, -1, h)) != NULL)
        if (is_forwarded(h->name, listed))
            MHD_add_response_header(response, h->name, h->value);
    return response;
}

struct MHD_Response *forward(struct MHD_Connection *connection, const char *url, const char *method,
                             const char *user, const bytes *sent, unsigned *status)
{
    CURL *curl =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    const char *listed = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Connection");
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    header_copy copy = {NULL, listed, false};
    struct MHD_Response *response = NULL;
    bytes body = {NULL, 0, 0};

    MHD_get_connection_values(connection, MHD_HEADER_KIND, copy_header, &copy);
    add_header(&copy, "X-Forwarded-User", user);
    /* The type that was checked, or none: curl would add one. */
    add_header(&copy, "Content-Type", type != NULL ? type : "");
    if (!copy.failed && curl != NULL) {
        curl_easy_reset(curl);
        curl_easy_setopt(curl, CURLOPT_URL, url);
        curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)TIMEOUT_S);
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, copy.list);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
        if (strcmp(method, "GET") != 0) {
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)sent->size);
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, sent->size > 0 ? sent->data : "");
        }
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        response = fetch(curl, &body, status);
    }
    curl_slist_free_all(copy.list);
    free(body.data);
    return response;
}
