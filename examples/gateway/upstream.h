/* Forwards requests to the upstream, with curl.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <curl/curl.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connection of a client, which has one exchange at a time. It keeps its own connection to the
 * upstream open. */
typedef struct upstream upstream;

typedef struct outgoing {
    const char *url, *method;
    struct curl_slist *headers; /* stays the caller's; valid until end_exchange() */
    uint64_t size;              /* of the body */
    const char *body;           /* NULL: the body comes with send_part() */
} outgoing;

/* `authorities` is a file of certificates, or NULL for those of the system. `timeout` is the time
 * in seconds after which an upstream that sends and accepts nothing has failed. */
void set_up_upstream(const char *authorities, unsigned timeout);

upstream *new_upstream(void);
void free_upstream(upstream *u);

bool begin_exchange(upstream *u, const outgoing *request);

/* Waits until the upstream has accepted a part of the body. A part that comes after the response is
 * dropped. */
bool send_part(upstream *u, const char *data, size_t size);

/* Waits for the headers of the response. */
bool await_response(upstream *u, unsigned *status);

/* Calls a function for each header of the response that is passed on. */
void each_header(upstream *u, void (*take)(void *cls, const char *name, const char *value),
                 void *cls);

/* Returns the response, whose body is received as it is sent on. It must be destroyed before the
 * next exchange. */
struct MHD_Response *make_response(upstream *u, unsigned status);

/* Returns why the exchange failed. */
const char *exchange_error(const upstream *u);

void end_exchange(upstream *u);

/* Lets all exchanges in progress fail within a second. */
void give_up_exchanges(void);

#endif
