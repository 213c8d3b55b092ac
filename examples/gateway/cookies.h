/* Session cookies.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef COOKIES_H
#define COOKIES_H

#include <microhttpd.h>
#include <stdbool.h>

enum { MAX_COOKIE = 512 };

/* The cookies of a request. */
typedef struct cookies {
    char *others;                 /* those that are not of sessions, as a header's value */
    char session[MAX_COOKIE + 1]; /* the last session cookie's value; empty: none */
} cookies;

/* Reads all headers `Cookie`. Returns false if memory is exhausted. */
bool read_cookies(struct MHD_Connection *connection, cookies *found);

/* Returns a value for the header `Cookie`, with or without the session; NULL if memory is
 * exhausted. */
char *join_cookies(const cookies *found, bool with_session);

void free_cookies(cookies *found);

/* Reads a header `Set-Cookie`. Returns false if it is about another cookie. `session` is empty if
 * the cookie is removed. */
bool read_set_cookie(const char *header, char session[MAX_COOKIE + 1]);

#endif
