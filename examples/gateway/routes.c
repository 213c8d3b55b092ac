/* SPDX-License-Identifier: MIT */
#include "routes.h"

#include <stdio.h>
#include <string.h>

enum { MAX_ROUTES = 256 };

static struct route {
    char pattern[128], policy_id[64];
} routes[MAX_ROUTES];
static size_t count;

bool load_routes(const char *file)
{
    FILE *in = fopen(file, "r");
    char line[256];

    for (; in != NULL && count < MAX_ROUTES && fgets(line, sizeof line, in) != NULL;)
        if (*line == '/' &&
            sscanf(line, "%127s %63s", routes[count].pattern, routes[count].policy_id) == 2)
            count++;
    return in != NULL && fclose(in) == 0 && count > 0 && count < MAX_ROUTES;
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

bool find_target(const char *path, target *t)
{
    memset(t, 0, sizeof *t);
    if (!is_plain(path))
        return false;
    if (strncmp(path, "/s/", 3) == 0) {
        size_t length = strcspn(path + 3, "/");

        if (!copy(t->site, sizeof t->site, path + 3, length) || strpbrk(t->site, "@'+") != NULL)
            return false;
        path += 3 + length;
    }
    for (size_t i = 0; i < count && strncmp(path, "/api/", 5) == 0; i++) {
        t->policy_id = routes[i].policy_id;
        if (fits(routes[i].pattern, path + 4, t))
            return true;
    }
    return false;
}
