/* The file of sessions. Each line is the SHA-256 of a cookie in hexadecimal digits, and a token's
 * id, `password`, or `-` for a session that is gone. A later line about a cookie replaces an earlier
 * one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef SESSION_FILE_H
#define SESSION_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct session_key {
    unsigned char bytes[32];
} session_key;

typedef struct session_line {
    session_key key;
    int64_t token_id;
    bool added;
} session_line;

/* Opens the file, or creates it, and passes each line to `take`. On failure prints the reason and
 * returns false. */
bool open_session_file(const char *file, void (*take)(const session_line *line));
void close_session_file(void);

/* These do nothing, and return true, without a file. The caller has a lock. */
bool append_session_line(const session_line *line);
bool rewrite_session_file(const session_line *lines, size_t n);

/* Returns the number of lines of the file. */
size_t session_file_lines(void);

#endif
