/* Responses of the gateway itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ANSWER_H
#define ANSWER_H

#include <microhttpd.h>
#include <rbtoken.h>

/* `code` is that of Review Board, if it has one. */
typedef struct refusal {
    unsigned status;
    int code;
    const char *type, *message;
} refusal;

extern const refusal NOT_FOUND, DENIED, NOT_LOGGED_IN, LOGIN_FAILED, BAD_REQUEST, BAD_URI, BAD_FORM,
    BAD_METHOD, NO_LENGTH, TOO_LARGE, FAILED, NO_UPSTREAM;

/* Responds to a request as Review Board does. `refused` is the token that explains LOGIN_FAILED, or
 * NULL. */
enum MHD_Result refuse(struct MHD_Connection *connection, const refusal *why, const char *method,
                       const rbtoken_token_t *refused);

/* Responds with a redirection to another server's URL: a base and the rest, as it was received. */
enum MHD_Result redirect(struct MHD_Connection *connection, const char *base, const char *rest);

#endif
