/* Which policy is asked for a path of Review Board's API.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdbool.h>

/* What a request is about. */
typedef struct target {
    char site[33];         /* the Local Site; empty: the root */
    char resource_id[256]; /* empty: none, as for a list */
    const char *policy_id;
} target;

/* Reads the table, once. */
bool load_routes(const char *file);

/* Finds what a path is about. False: it is nothing that the table knows. */
bool find_target(const char *path, target *t);

#endif
