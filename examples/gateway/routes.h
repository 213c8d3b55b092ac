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
    char policy_id[64];
} target;

typedef enum found {
    FOUND,
    UNKNOWN, /* a path of the API that the table does not have, or a malformed one */
    ELSEWHERE /* a path outside of the API */
} found;

/* Reads the table, and replaces the one that was read before. On failure prints the reason, keeps
 * the table, and returns false. */
bool load_routes(const char *file);
void free_routes(void);

/* Finds the resource of a path. */
found find_target(const char *path, target *t);

#endif
