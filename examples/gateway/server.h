/* Takes requests, judges them, and forwards those that may pass.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SERVER_H
#define SERVER_H

#include <microhttpd.h>
#include <rbtoken.h>

enum { MAX_CONNECTIONS = 256 };

/* What requests need. It must outlive the server. */
typedef struct service {
    rbtoken_store_t *store;
    const char *upstream;   /* a URL without a slash at the end */
    const char *public_url; /* likewise, or NULL */
    unsigned timeout;       /* of idle clients, in seconds */
} service;

/* Serves on a socket that listens. Returns NULL on failure. */
struct MHD_Daemon *serve(const service *s, int listener);

/* Stops taking connections, and stops when the requests in progress have been answered: after 30 s,
 * or when SIGTERM or SIGINT arrives, which must be blocked. */
void drain(struct MHD_Daemon *daemon);

#endif
