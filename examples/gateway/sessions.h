/* The sessions that were opened through the gateway: for each session cookie, as SHA-256, the token
 * that opened it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SESSIONS_H
#define SESSIONS_H

#include <rbtoken.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_SESSIONS = 10000 };

/* Instead of a token's id: the session was opened with a password. */
#define PASSWORD_SESSION INT64_C(0)

typedef struct session {
    int64_t token_id; /* or PASSWORD_SESSION */
    rbtoken_token_t *token; /* if it was set with set_session_token(); else NULL */
} session;

/* Reads the file, and creates it if it does not exist. NULL: sessions are kept in memory only. On
 * failure prints the reason and returns false. */
bool open_sessions(const char *file);
void close_sessions(void);

/* Finds a session by its cookie. The caller releases the token. */
bool find_session(const char *cookie, session *found);

/* Adds a session; of more than MAX_SESSIONS, the one that was used least recently is dropped.
 * Returns false if it could not be written to the file; it is then valid until the end. */
bool add_session(const char *cookie, int64_t token_id);

/* Keeps the token of a session, so that it need not be looked up again. */
void set_session_token(const char *cookie, const rbtoken_token_t *token);

void remove_session(const char *cookie);
size_t count_sessions(void);

#endif
