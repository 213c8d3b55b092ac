/* Headers of requests and responses.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef HEADERS_H
#define HEADERS_H

#include <curl/curl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the gateway reads from the headers of a request. The pointers are valid as long as the
 * request. */
typedef struct request_headers {
    bool malformed; /* two servers could read the request differently */
    bool chunked;   /* a body without `Content-Length` */
    unsigned authorizations;
    const char *authorization, *type, *connection;
    uint64_t length; /* of the body */
} request_headers;

request_headers read_headers(struct MHD_Connection *connection);

/* Returns whether a header is passed on: it belongs to the message rather than to one connection,
 * and the gateway and curl do not write it themselves. `connection` is the value of the header
 * `Connection`, or NULL. */
bool is_forwarded(const char *name, const char *connection);

/* Appends a header to a list for curl, and returns the list; NULL, and the list is freed, if memory
 * is exhausted. An empty value sends the header without a value. */
struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value);

/* Returns whether all characters are those of a header's or cookie's name. */
bool is_token_text(const char *text, size_t size);

#endif
