/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *path;
static int descriptor = STDERR_FILENO;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;

enum { END = 3 }; /* "}\n" */

void complain(const char *format, ...)
{
    char text[1024] = "rbtoken-gateway: ";
    size_t size = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + size, sizeof text - size, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", text);
}

bool reopen_log(void)
{
    int opened;

    if (path == NULL)
        return true;
    opened = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (opened < 0) {
        complain("%s: the log cannot be opened: %s", path, strerror(errno));
        return false;
    }
    pthread_rwlock_wrlock(&lock);
    if (descriptor != STDERR_FILENO)
        close(descriptor);
    descriptor = opened;
    pthread_rwlock_unlock(&lock);
    return true;
}

bool open_log(const char *file)
{
    path = file;
    return reopen_log();
}

void close_log(void)
{
    if (descriptor != STDERR_FILENO)
        close(descriptor);
    descriptor = STDERR_FILENO;
}

/* Appends text, if it fits. */
static void put(log_line *line, const char *text, size_t size)
{
    if (size >= sizeof line->text - END - line->size)
        return;
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

/* Appends text in quotes. Bytes that are not ASCII are escaped one by one: the text need not be
 * UTF-8. */
static void put_quoted(log_line *line, const char *text)
{
    char quoted[2048];
    size_t size = 0;

    quoted[size++] = '"';
    for (; *text != '\0' && size < sizeof quoted - 8; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            quoted[size++] = '\\';
            quoted[size++] = *text;
        } else if (c < ' ' || c >= 0x7f) {
            size += (size_t)snprintf(quoted + size, 7, "\\u%04x", (unsigned)c);
        } else {
            quoted[size++] = *text;
        }
    }
    quoted[size++] = '"';
    put(line, quoted, size);
}

static void put_name(log_line *line, const char *name)
{
    char text[64];

    put(line, text, (size_t)snprintf(text, sizeof text, ",\"%s\":", name));
}

/* Removes a field that did not fit completely. */
static void end_field(log_line *line, size_t start)
{
    if (line->text[line->size - 1] == ':')
        line->size = start;
}

void add_text(log_line *line, const char *name, const char *text)
{
    size_t start = line->size;

    put_name(line, name);
    if (line->size == start)
        return;
    if (text != NULL)
        put_quoted(line, text);
    else
        put(line, "null", 4);
    end_field(line, start);
}

void add_number(log_line *line, const char *name, int64_t number)
{
    char text[32];
    size_t start = line->size;

    put_name(line, name);
    if (line->size == start)
        return;
    put(line, text, (size_t)snprintf(text, sizeof text, "%" PRId64, number));
    end_field(line, start);
}

void begin_line(log_line *line, const char *event)
{
    struct timespec now;
    struct tm t;
    char text[80];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &t);
    line->size = 0;
    strftime(text, sizeof text, "{\"time\":\"%Y-%m-%dT%H:%M:%S", &t);
    put(line, text, strlen(text));
    put(line, text, (size_t)snprintf(text, sizeof text, ".%03ldZ\"", now.tv_nsec / 1000000));
    add_text(line, "event", event);
}

void write_line(log_line *line)
{
    ssize_t written;

    memcpy(line->text + line->size, "}\n", 2);
    pthread_rwlock_rdlock(&lock);
    /* One call, so that lines of several threads do not mix. If it fails, no one can be told. */
    written = write(descriptor, line->text, line->size + 2);
    pthread_rwlock_unlock(&lock);
    (void)written;
}
