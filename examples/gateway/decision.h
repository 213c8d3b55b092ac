/* Decides whether a request may pass, by its credentials.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef DECISION_H
#define DECISION_H

#include "answer.h"
#include "cookies.h"
#include "headers.h"
#include "routes.h"

#include <rbtoken.h>
#include <stdbool.h>

typedef enum credentials {
    NO_CREDENTIALS,
    TOKEN,
    PASSWORD,
    TOKEN_IN_SESSION, /* the cookie of a session that a token opened */
    PASSWORD_IN_SESSION
} credentials;

typedef struct decision {
    credentials by;
    const refusal *why;       /* NULL: the request may pass, as far as its policy allows */
    rbtoken_token_t *token;   /* of TOKEN and TOKEN_IN_SESSION; else NULL */
    rbtoken_token_t *refused; /* the token that explains LOGIN_FAILED, or NULL */
    cookies cookies;
    bool known_session; /* the session's cookie is passed on */
} decision;

/* Judges a request that may have a token, a password, or a session's cookie. */
void judge(decision *d, rbtoken_store_t *store, struct MHD_Connection *connection,
           const request_headers *headers, const target *t);

/* Checks the token's policy. There is none for passwords. */
const refusal *check_policy(const decision *d, const target *t, const char *method);

/* Returns whether all methods are allowed, so that a form may name any. */
bool allows_all_methods(const decision *d, const target *t);

/* Adds and removes sessions as a response of the upstream says. `cookie` is a header `Set-Cookie`. */
void note_cookie(const decision *d, unsigned status, const char *cookie);

/* Returns a name for the log. */
const char *credentials_name(credentials by);

void free_decision(decision *d);

#endif
