/* The log: one line of JSON for each event. It never has the value of a token, a password, or a
 * cookie.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of the log. Lines that do not fit are cut at a field. */
typedef struct log_line {
    size_t size;
    char text[4096];
} log_line;

/* Opens the file to append to; NULL: the standard error stream. Prints the reason on failure. */
bool open_log(const char *file);

/* Opens the file again, which may have been renamed. On failure the old one is kept. */
bool reopen_log(void);
void close_log(void);

/* A line has the time and the event's name, then fields, each of which has a JSON name without
 * special characters. */
void begin_line(log_line *line, const char *event);
void add_text(log_line *line, const char *name, const char *text); /* NULL: null */
void add_number(log_line *line, const char *name, int64_t number);
void write_line(log_line *line);

/* Writes a message for people to the standard error stream. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void complain(const char *format, ...);

#endif
