/* Responses of Review Board's API to rejected requests.
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

extern const refusal NOT_FOUND, DENIED, NOT_LOGGED_IN, LOGIN_FAILED, BAD_FORM, BAD_METHOD,
    TOO_LARGE, FAILED, NO_UPSTREAM;

/* Responds to a request. `refused` is the token that explains LOGIN_FAILED, or NULL. */
enum MHD_Result refuse(struct MHD_Connection *connection, const refusal *why,
                       const rbtoken_token_t *refused);

#endif
