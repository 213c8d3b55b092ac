/* Forwards requests to the upstream.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <curl/curl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

enum { MAX_BODY = 16 << 20 };

typedef struct bytes {
    char *data;
    size_t size, capacity;
} bytes;

/* Appends to a buffer of at most MAX_BODY bytes, and terminates it with a NUL. */
bool append(bytes *b, const char *data, size_t size);

/* Forwards a request of `connection` with its headers, and `user` as `X-Forwarded-User`. The
 * connection's socket context is a curl handle. Returns the response and its status, or NULL. */
struct MHD_Response *forward(struct MHD_Connection *connection, const char *url, const char *method,
                             const char *user, const bytes *sent, unsigned *status);

#endif
