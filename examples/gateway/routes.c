/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "routes.h"

#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUTES = 1024 };

typedef struct route {
    char pattern[128], policy_id[64];
} route;

static route *routes;
static size_t count;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

/* Reads a line: a pattern and a policy id, or a comment. */
static bool read_route(const char *file, unsigned number, char *line, route *to)
{
    char *rest = line, *pattern = strtok_r(line, " \t\r\n", &rest);
    char *id = strtok_r(NULL, " \t\r\n", &rest);

    if (pattern == NULL || *pattern == '#')
        return true;
    if (*pattern != '/')
        complain("%s:%u: a path must begin with `/`", file, number);
    else if (id == NULL || strtok_r(NULL, " \t\r\n", &rest) != NULL)
        complain("%s:%u: expected a path and a policy id", file, number);
    else if (strlen(pattern) >= sizeof to->pattern || strlen(id) >= sizeof to->policy_id)
        complain("%s:%u: the path or the policy id is too long", file, number);
    else
        return snprintf(to->pattern, sizeof to->pattern, "%s", pattern) > 0 &&
               snprintf(to->policy_id, sizeof to->policy_id, "%s", id) > 0;
    return false;
}

static bool read_routes(const char *file, FILE *in, route *table, size_t *n)
{
    char *line = NULL;
    size_t size = 0;
    bool done = true;

    for (unsigned number = 1; done && getline(&line, &size, in) > 0; number++) {
        if (*n == MAX_ROUTES) {
            complain("%s:%u: more than %d paths", file, number, (int)MAX_ROUTES);
            done = false;
        } else if ((done = read_route(file, number, line, &table[*n]))) {
            *n += table[*n].pattern[0] == '/';
        }
    }
    if (done && ferror(in)) {
        complain("%s: cannot be read: %s", file, strerror(errno));
        done = false;
    }
    if (done && *n == 0) {
        complain("%s: has no paths", file);
        done = false;
    }
    free(line);
    return done;
}

bool load_routes(const char *file)
{
    FILE *in = fopen(file, "r");
    route *table = calloc(MAX_ROUTES, sizeof *table);
    size_t n = 0;
    bool done;

    if (in == NULL)
        complain("%s: the paths cannot be read: %s", file, strerror(errno));
    done = in != NULL && table != NULL && read_routes(file, in, table, &n);
    if (in != NULL)
        fclose(in);
    if (done) {
        route *old = routes;

        pthread_rwlock_wrlock(&lock);
        routes = table;
        count = n;
        pthread_rwlock_unlock(&lock);
        table = old;
    }
    free(table);
    return done;
}

void free_routes(void)
{
    free(routes);
    routes = NULL;
    count = 0;
}

/* Returns whether a path has only the characters of Review Board's URLs and no empty segment, `.`
 * or `..`, so that the upstream reads it in the same way. A slash at the end is allowed. */
static bool is_plain(const char *path)
{
    static const char allowed[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@._'+-";

    while (*path == '/') {
        size_t length = strcspn(++path, "/");

        if (length == 0)
            break;
        if (strspn(path, allowed) < length || (length <= 2 && strspn(path, ".") == length))
            return false;
        path += length;
    }
    return *path == '\0';
}

static bool copy(char *to, size_t size, const char *from, size_t length)
{
    return length < size && snprintf(to, size, "%.*s", (int)length, from) >= 0;
}

static bool fits(const char *pattern, const char *path, target *t)
{
    while (*pattern == '/') {
        size_t wanted = strcspn(++pattern, "/");
        size_t length = strcspn(path += *path == '/', "/");

        if (*pattern == '[') {
            if (pattern[1] == '*' && *path != '\0') /* except for a slash at the end */
                length = strlen(path) - (path[strlen(path) - 1] == '/');
            return path[length + (path[length] == '/')] == '\0' &&
                   copy(t->resource_id, sizeof t->resource_id, path, length);
        }
        if (*pattern == '{' ? length == 0 : length != wanted || memcmp(pattern, path, length) != 0)
            return false;
        pattern += wanted;
        path += length;
    }
    return path[*path == '/'] == '\0';
}

/* Finds the first route that fits a path below `/api`. */
static bool find_route(const char *path, target *t)
{
    bool fitting = false;

    pthread_rwlock_rdlock(&lock);
    for (size_t i = 0; i < count && !fitting; i++) {
        fitting = fits(routes[i].pattern, path, t);
        if (fitting)
            memcpy(t->policy_id, routes[i].policy_id, sizeof t->policy_id);
    }
    pthread_rwlock_unlock(&lock);
    return fitting;
}

found find_target(const char *path, target *t)
{
    memset(t, 0, sizeof *t);
    if (!is_plain(path))
        return *path == '/' && strstr(path, "/api") == NULL ? ELSEWHERE : UNKNOWN;
    if (strncmp(path, "/s/", 3) == 0) {
        size_t length = strcspn(path + 3, "/");

        if (!copy(t->site, sizeof t->site, path + 3, length) || strpbrk(t->site, "@'+") != NULL)
            return UNKNOWN;
        path += 3 + length;
    }
    if (strncmp(path, "/api", 4) != 0 || (path[4] != '/' && path[4] != '\0'))
        return ELSEWHERE;
    return path[4] == '/' && find_route(path + 4, t) ? FOUND : UNKNOWN;
}
