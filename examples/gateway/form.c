/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool append(bytes *b, const char *data, size_t size)
{
    char *grown = b->data;

    if (b->size + size >= b->capacity) {
        b->capacity = 2 * (b->size + size) + 1;
        grown = realloc(b->data, b->capacity);
    }
    if (grown == NULL)
        return false;
    memcpy(grown + b->size, data, size);
    b->data = grown;
    b->size += size;
    grown[b->size] = '\0';
    return true;
}

/* Reads `_method` of a form: the last one counts, as in Django. */
static enum MHD_Result read_field(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *file, const char *type, const char *encoding,
                                  const char *data, uint64_t offset, size_t size)
{
    form *f = cls;

    (void)kind, (void)file, (void)type, (void)encoding;
    if (strcmp(key != NULL ? key : "", "_method") != 0)
        return MHD_YES;
    f->overridden = true;
    if (offset + size >= sizeof f->method) {
        f->state = FORM_NOT_A_METHOD;
        return MHD_YES;
    }
    memcpy(f->method + offset, data, size);
    f->method[offset + size] = '\0';
    return MHD_YES;
}

void begin_form(form *f, struct MHD_Connection *connection, const char *type)
{
    static const char coded[] = "application/x-www-form-urlencoded", parts[] = "multipart/",
                      plain[] = "multipart/form-data; boundary=";

    if (type == NULL || *type == '\0')
        return;
    if (strncasecmp(type, coded, sizeof coded - 1) == 0) {
        type += sizeof coded - 1;
        if (*type != '\0' && strcasecmp(type, "; charset=utf-8") != 0)
            f->state = FORM_MALFORMED;
    } else if (strncasecmp(type, parts, sizeof parts - 1) == 0) {
        f->boundary = type + sizeof plain - 1;
        if (strncmp(type, plain, sizeof plain - 1) != 0 || *f->boundary == '\0' ||
            strlen(f->boundary) > 70 || strpbrk(f->boundary, ";, \"\t") != NULL)
            f->state = FORM_MALFORMED;
    } else {
        /* Python strips more than blanks from the start of a type. */
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *type) == NULL)
            f->state = FORM_MALFORMED;
        return;
    }
    if (f->state == FORM_READ &&
        (f->parser = MHD_create_post_processor(connection, 4096, read_field, f)) == NULL)
        f->state = FORM_MALFORMED;
}

static void parse(form *f, const char *data, size_t size)
{
    if (size > 0 && f->state == FORM_READ && MHD_post_process(f->parser, data, size) != MHD_YES)
        f->state = FORM_MALFORMED;
}

void read_form(form *f, const char *data, size_t size)
{
    size_t kept = size;

    if (f->parser == NULL)
        return;
    /* RBTools ends a form with two line breaks, of which the parser reads only one: those at the end
     * of the data are kept until more follows. */
    while (f->boundary != NULL && kept > 0 && strchr("\r\n", data[kept - 1]) != NULL)
        kept--;
    if (kept > 0) {
        parse(f, f->line_breaks.data, f->line_breaks.size);
        f->line_breaks.size = 0;
        parse(f, data, kept);
    }
    if (!append(&f->line_breaks, data + kept, size - kept))
        f->state = FORM_MALFORMED;
}

const char *seal_form(form *f, bytes *body)
{
    const char *method = "POST";
    char field[256];

    if (f->line_breaks.size >= 2)
        parse(f, f->line_breaks.data, 2);
    MHD_destroy_post_processor(f->parser); /* the last field can be reported only now */
    f->parser = NULL;
    if (f->overridden)
        method = f->method;
    if (f->boundary == NULL)
        snprintf(field, sizeof field, "&_method=%s", method);
    else
        snprintf(
            field, sizeof field,
            "\r\n--%s\r\nContent-Disposition: form-data; name=\"_method\"\r\n\r\n%s\r\n--%s--\r\n",
            f->boundary, method, f->boundary);
    return append(body, field, strlen(field)) ? method : NULL;
}

void free_form(form *f)
{
    if (f->parser != NULL)
        MHD_destroy_post_processor(f->parser);
    f->parser = NULL;
    free(f->line_breaks.data);
}
