/* SPDX-License-Identifier: MIT */
#include "headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_token_text(const char *text, size_t size)
{
    static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return size > 0 && strspn(text, allowed) >= size;
}

/* Returns whether a value has no control characters other than tabs. */
static bool is_value_text(const char *value)
{
    for (; *value != '\0'; value++)
        if (((unsigned char)*value < (unsigned)' ' && *value != '\t') || *value == '\x7f')
            return false;
    return true;
}

/* Returns whether a name is that of a folded header about the length of the body: libmicrohttpd
 * appends the second line to the name, and then finds no length. */
static bool is_folded_length(const char *name)
{
    static const char *const lengths[] = {"Content-Length", "Transfer-Encoding"};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (strncasecmp(name, lengths[i], strlen(lengths[i])) == 0 &&
            name[strlen(lengths[i])] != '\0')
            return true;
    return false;
}

typedef struct reading {
    request_headers headers;
    unsigned lengths, hosts, connections;
} reading;

static enum MHD_Result read_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    reading *r = cls;
    request_headers *h = &r->headers;
    char *end;

    (void)kind;
    value = value != NULL ? value : "";
    if (!is_token_text(name, strlen(name)) || !is_value_text(value) || is_folded_length(name))
        h->malformed = true;
    if (strcasecmp(name, "Authorization") == 0) {
        h->authorization = value;
        h->authorizations++;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        h->length = strtoull(value, &end, 10);
        h->malformed = h->malformed || r->lengths++ > 0 || *value < '0' || *value > '9' ||
                       *end != '\0' || h->length > INT64_MAX / 2;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        h->chunked = true;
    } else if (strcasecmp(name, "Host") == 0) {
        h->malformed = h->malformed || r->hosts++ > 0;
    } else if (strcasecmp(name, "Connection") == 0) {
        h->connection = value;
        h->malformed = h->malformed || r->connections++ > 0;
    } else if (strcasecmp(name, "Content-Type") == 0 && h->type == NULL) {
        h->type = value;
    }
    return MHD_YES;
}

request_headers read_headers(struct MHD_Connection *connection)
{
    reading r;

    memset(&r, 0, sizeof r);
    MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header, &r);
    if (r.headers.chunked && r.lengths > 0)
        r.headers.malformed = true;
    return r.headers;
}

bool is_forwarded(const char *name, const char *connection)
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

struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    struct curl_slist *longer = NULL;
    size_t size = strlen(name) + strlen(value) + 3;
    char *line = malloc(size);

    if (line != NULL) {
        /* curl writes an empty header as `Name;`. */
        if (*value != '\0')
            snprintf(line, size, "%s: %s", name, value);
        else
            snprintf(line, size, "%s;", name);
        longer = curl_slist_append(list, line);
    }
    free(line);
    if (longer == NULL)
        curl_slist_free_all(list);
    return longer;
}
