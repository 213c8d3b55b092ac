/* Policy ids for the paths of Review Board's API.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef ROUTES_H
#define ROUTES_H

#include <stdbool.h>

/* The resource of a request. */
typedef struct target {
    char site[33];         /* the Local Site; empty: the global site */
    char resource_id[256]; /* empty: none, as for a list */
    const char *policy_id;
} target;

/* Reads the table, once. */
bool load_routes(const char *file);

/* Finds the resource of a path. Returns false if the table does not have the path. */
bool find_target(const char *path, target *t);

#endif
