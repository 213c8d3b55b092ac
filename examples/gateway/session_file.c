/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "session_file.h"

#include "log.h"
#include "sessions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path;
static int descriptor = -1;
static size_t lines_written;

enum { KEY_DIGITS = 2 * sizeof(session_key), MAX_LINE = KEY_DIGITS + 24 };

static bool failed(const char *what)
{
    complain("%s: %s: %s", path, what, strerror(errno));
    return false;
}

static bool wrong(const char *what)
{
    complain("%s: %s", path, what);
    return false;
}

static bool read_key(const char *line, session_key *key)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < sizeof key->bytes; i++) {
        const char *high = line[2 * i] != '\0' ? strchr(digits, line[2 * i]) : NULL;
        const char *low = high != NULL && line[2 * i + 1] != '\0' ? strchr(digits, line[2 * i + 1])
                                                                  : NULL;

        if (low == NULL)
            return false;
        key->bytes[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

/* Reads a line without its line break. */
static bool read_line(const char *text, session_line *line)
{
    char *end;

    memset(line, 0, sizeof *line);
    if (!read_key(text, &line->key) || text[KEY_DIGITS] != ' ')
        return false;
    text += KEY_DIGITS + 1;
    line->added = strcmp(text, "-") != 0;
    if (!line->added || strcmp(text, "password") == 0)
        return true;
    errno = 0;
    line->token_id = strtoll(text, &end, 10);
    return *text >= '1' && *text <= '9' && *end == '\0' && errno == 0;
}

static size_t print_line(const session_line *line, char text[MAX_LINE + 2])
{
    for (size_t i = 0; i < sizeof line->key.bytes; i++)
        sprintf(text + 2 * i, "%02x", line->key.bytes[i]);
    if (!line->added)
        strcpy(text + KEY_DIGITS, " -\n");
    else if (line->token_id == PASSWORD_SESSION)
        strcpy(text + KEY_DIGITS, " password\n");
    else
        sprintf(text + KEY_DIGITS, " %" PRId64 "\n", line->token_id);
    return strlen(text);
}

/* Only the gateway's own user may be able to change the file: who can write it can open sessions. */
static bool check_file(int fd)
{
    struct stat status;

    if (fstat(fd, &status) != 0)
        return failed("cannot be examined");
    if (!S_ISREG(status.st_mode))
        return wrong("is not a file");
    if (status.st_uid != geteuid())
        return wrong("belongs to another user");
    if ((status.st_mode & 077) != 0)
        return wrong("must have the mode 0600");
    return true;
}

static bool read_lines(void (*take)(const session_line *line))
{
    char text[MAX_LINE + 2];
    session_line line;
    int copy = dup(descriptor);
    FILE *in = copy >= 0 ? fdopen(copy, "r") : NULL;
    bool done = in != NULL;

    if (in == NULL)
        return failed("cannot be read");
    while (done && fgets(text, sizeof text, in) != NULL) {
        size_t length = strcspn(text, "\n");

        if (text[length] == '\0' && feof(in))
            break; /* was not written completely before the gateway ended */
        text[length] = '\0';
        lines_written++;
        done = read_line(text, &line);
        if (done)
            take(&line);
        else
            complain("%s:%zu: is not a line of a file of sessions", path, lines_written);
    }
    if (ferror(in))
        done = failed("cannot be read");
    fclose(in);
    return done;
}

/* Returns whether the path is still that of the open file. Another gateway may have replaced the
 * file after it was opened here and before it was locked. */
static bool is_named(void)
{
    struct stat opened, named;

    return fstat(descriptor, &opened) == 0 && lstat(path, &named) == 0 &&
           opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

bool open_session_file(const char *file, void (*take)(const session_line *line))
{
    path = file;
    descriptor = open(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return failed("cannot be opened");
    if (!check_file(descriptor))
        return false;
    if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? wrong("is used by another process")
                                    : failed("cannot be locked");
    if (!is_named())
        return wrong("is used by another process");
    return read_lines(take);
}

void close_session_file(void)
{
    if (descriptor >= 0)
        close(descriptor);
    descriptor = -1;
}

size_t session_file_lines(void)
{
    return lines_written;
}

bool append_session_line(const session_line *line)
{
    char text[MAX_LINE + 2];
    size_t size = print_line(line, text);
    off_t end;
    ssize_t written;

    if (descriptor < 0)
        return true;
    end = lseek(descriptor, 0, SEEK_END);
    written = end >= 0 ? write(descriptor, text, size) : -1;
    if (written == (ssize_t)size) {
        lines_written++;
        return true;
    }
    if (written >= 0)
        errno = ENOSPC;
    failed("cannot be written");
    /* Another line must not follow a part of one. */
    if (written > 0 && ftruncate(descriptor, end) != 0)
        failed("cannot be shortened");
    return false;
}

bool rewrite_session_file(const session_line *lines, size_t n)
{
    char name[4096], text[MAX_LINE + 2];
    FILE *out;
    int fd;
    bool done = true;

    if (descriptor < 0)
        return true;
    if (snprintf(name, sizeof name, "%s.new", path) >= (int)sizeof name)
        return wrong("has too long a name");
    unlink(name);
    fd = open(name, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    out = fd >= 0 ? fdopen(dup(fd), "a") : NULL;
    if (out == NULL) {
        if (fd >= 0)
            close(fd);
        return failed("cannot be written anew");
    }
    for (size_t i = 0; done && i < n; i++)
        done = fwrite(text, print_line(&lines[i], text), 1, out) == 1;
    done = fclose(out) == 0 && done && fsync(fd) == 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
           rename(name, path) == 0;
    if (!done) {
        failed("cannot be written anew");
        unlink(name);
        close(fd);
        return false;
    }
    close(descriptor);
    descriptor = fd;
    lines_written = n;
    return true;
}
