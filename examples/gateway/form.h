/* Forms that can override the method of a POST with their field `_method`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef FORM_H
#define FORM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

/* A body in memory. */
typedef struct bytes {
    char *data;
    size_t size, capacity;
} bytes;

/* Appends to a buffer, and terminates it with a NUL. Returns false if memory is exhausted. */
bool append(bytes *b, const char *data, size_t size);

typedef enum form_state { FORM_READ, FORM_MALFORMED, FORM_NOT_A_METHOD } form_state;

typedef struct form {
    struct MHD_PostProcessor *parser; /* NULL: the body is not a form */
    const char *boundary;             /* NULL: URL-encoded */
    bytes line_breaks;                /* at the end of what was read, not parsed yet */
    char method[16];
    bool overridden;
    form_state state;
} form;

/* Prepares to read the body of a POST. A type that two programs could read differently is
 * malformed. */
void begin_form(form *f, struct MHD_Connection *connection, const char *type);

/* Reads a part of the body. */
void read_form(form *f, const char *data, size_t size);

/* Ends the form, and appends the method that was read from it. The upstream uses the last one, so
 * it cannot read another method than the gateway. Returns the method; NULL if memory is
 * exhausted. */
const char *seal_form(form *f, bytes *body);

void free_form(form *f);

#endif
