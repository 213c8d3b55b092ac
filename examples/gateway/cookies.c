/* SPDX-License-Identifier: MIT */
#include "cookies.h"

#include "headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char SESSION[] = "rbsessionid";

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Copies a session's value. Other characters than these could be read in several ways. */
static bool copy_value(char to[MAX_COOKIE + 1], const char *value, size_t size)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  ":_=.-";

    if (size >= 2 && value[0] == '"' && value[size - 1] == '"') {
        value++;
        size -= 2;
    }
    *to = '\0';
    if (size > MAX_COOKIE || strspn(value, allowed) < size)
        return false;
    memcpy(to, value, size);
    to[size] = '\0';
    return true;
}

/* Sorts the cookies of a header. A cookie whose name has other characters than a name may have is
 * dropped: the upstream could strip them, and find the name of the session cookie. */
static enum MHD_Result read_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    cookies *found = cls;
    size_t used = strlen(found->others), more = value != NULL ? strlen(value) : 0;
    char *grown;

    (void)kind;
    if (strcasecmp(name, "Cookie") != 0 || value == NULL)
        return MHD_YES;
    /* Each cookie gets a separator of two characters, and had one of at least one. */
    grown = realloc(found->others, used + 2 * more + 3);
    if (grown == NULL)
        return MHD_NO;
    found->others = grown;
    while (*(value = skip_blanks(value)) != '\0') {
        size_t size = strcspn(value, ";"), length = strcspn(value, "=;");

        for (size_t end = size; end > 0 && strchr(" \t", value[end - 1]) != NULL; end--)
            size = end - 1;
        if (length < size && is_token_text(value, length)) {
            if (length != sizeof SESSION - 1 || strncasecmp(value, SESSION, length) != 0)
                used += (size_t)sprintf(grown + used, "%s%.*s", used > 0 ? "; " : "", (int)size,
                                        value);
            else if (memcmp(value, SESSION, length) == 0)
                copy_value(found->session, value + length + 1, size - length - 1);
        }
        value += strcspn(value, ";");
        value += *value == ';';
    }
    return MHD_YES;
}

bool read_cookies(struct MHD_Connection *connection, cookies *found)
{
    int headers = MHD_get_connection_values(connection, MHD_HEADER_KIND, NULL, NULL);

    memset(found, 0, sizeof *found);
    found->others = calloc(1, 1);
    return found->others != NULL &&
           MHD_get_connection_values(connection, MHD_HEADER_KIND, read_header, found) == headers;
}

char *join_cookies(const cookies *found, bool with_session)
{
    size_t size = strlen(found->others) + strlen(found->session) + sizeof SESSION + 4;
    char *joined = malloc(size);

    if (joined == NULL)
        return NULL;
    if (with_session && *found->session != '\0')
        snprintf(joined, size, "%s%s%s=%s", found->others, *found->others != '\0' ? "; " : "",
                 SESSION, found->session);
    else
        snprintf(joined, size, "%s", found->others);
    return joined;
}

void free_cookies(cookies *found)
{
    free(found->others);
    memset(found, 0, sizeof *found);
}

bool read_set_cookie(const char *header, char session[MAX_COOKIE + 1])
{
    size_t length, size;

    header = skip_blanks(header);
    length = strcspn(header, "=;");
    *session = '\0';
    if (length != sizeof SESSION - 1 || memcmp(header, SESSION, length) != 0 ||
        header[length] != '=')
        return false;
    header += length + 1;
    size = strcspn(header, ";");
    while (size > 0 && strchr(" \t", header[size - 1]) != NULL)
        size--;
    copy_value(session, header, size);
    for (header += strcspn(header, ";"); *header == ';'; header += strcspn(header, ";")) {
        header = skip_blanks(header + 1);
        if (strncasecmp(header, "max-age=", 8) == 0 && strtoll(header + 8, NULL, 10) <= 0)
            *session = '\0';
    }
    return true;
}
