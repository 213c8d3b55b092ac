/* A request while it is answered.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "decision.h"
#include "form.h"
#include "headers.h"
#include "routes.h"
#include "server.h"
#include "upstream.h"

#include <netdb.h>
#include <time.h>

typedef struct request {
    struct MHD_Connection *connection;
    const service *service;
    char *uri; /* as received */
    const char *path, *method;
    struct timespec start;
    target target;
    request_headers headers;
    decision decision;
    const refusal *why; /* NULL: allowed so far */
    form form;
    bytes body;
    char *url;               /* of the upstream */
    struct curl_slist *list; /* the headers for the upstream */
    const char *error;       /* of the upstream */
    bool begun;
    bool elsewhere; /* to be redirected */
    bool streams;   /* the body is sent on as it arrives */
} request;

/* Writes the client's address, or `?`. */
void client_address(const request *r, char text[NI_MAXHOST]);

/* Begins to forward a request, with its body unless it streams. On failure sets `why`, as the
 * functions below do. */
void send_on(request *r);

/* Sends a part of the body. */
void send_on_part(request *r, const char *data, size_t size);

/* Returns the upstream's response, with `last` if the connection is to be closed after it, or
 * NULL. */
struct MHD_Response *get_response(request *r, bool last, unsigned *status);

/* Ends the exchange with the upstream, if there is one. */
void end_forwarding(const request *r);

#endif
