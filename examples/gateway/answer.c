/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "answer.h"

#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const refusal NOT_FOUND = {404, 100, "resource-does-not-exist", "Object does not exist"},
              DENIED = {403, 101, "resource-permission-denied",
                        "You don't have permission for this"},
              NOT_LOGGED_IN = {401, 103, "auth-not-logged-in", "You are not logged in"},
              LOGIN_FAILED = {401, 104, "auth-login-failed",
                              "The username or password was not correct"},
              BAD_REQUEST = {400, 400, "gateway", "The headers are ambiguous"},
              BAD_URI = {400, 400, "gateway", "The URL has characters that it may not have"},
              BAD_FORM = {400, 400, "gateway", "The form cannot be read"},
              BAD_METHOD = {405, 405, "gateway", "There is no such method"},
              NO_LENGTH = {411, 411, "gateway", "A body needs a Content-Length"},
              TOO_LARGE = {413, 413, "gateway", "The body is too large"},
              FAILED = {500, 500, "gateway", "The request could not be judged"},
              NO_UPSTREAM = {502, 502, "gateway", "The upstream did not answer"};

/* Prints a time as Review Board does in English: `Nov. 24, 2026, 9:52 p.m.` */
static void print_time(FILE *out, bool known, int64_t time_us)
{
    static const char months[12][6] = {"Jan.", "Feb.", "March", "April", "May",  "June",
                                       "July", "Aug.", "Sept.", "Oct.",  "Nov.", "Dec."};
    time_t seconds = (time_t)(time_us / 1000000 - (time_us % 1000000 < 0));
    struct tm t;

    if (!known || gmtime_r(&seconds, &t) == NULL) {
        fputs("None", out);
        return;
    }
    fprintf(out, "%.5s %d, %d, ", months[t.tm_mon], t.tm_mday, t.tm_year + 1900);
    if (t.tm_hour % 12 == 0 && t.tm_min == 0) {
        fputs(t.tm_hour == 0 ? "midnight" : "noon", out);
        return;
    }
    fprintf(out, "%d", t.tm_hour % 12 == 0 ? 12 : t.tm_hour % 12);
    if (t.tm_min != 0)
        fprintf(out, ":%02d", t.tm_min);
    fputs(t.tm_hour < 12 ? " a.m." : " p.m.", out);
}

/* The response gives no details for unknown tokens and inactive users. The holder of a token that
 * was valid once gets the reason. */
static void print_message(FILE *out, const refusal *why, const rbtoken_token_t *refused)
{
    const char *reason = rbtoken_token_invalid_reason(refused, NULL);
    bool known;
    int64_t time_us;

    if (why != &LOGIN_FAILED || refused == NULL) {
        fputs(why->message, out);
    } else if (rbtoken_token_is_invalidated(refused)) {
        known = rbtoken_token_invalid_date(refused, &time_us);
        fputs("This API token became invalid on ", out);
        print_time(out, known, time_us);
        fputs(*reason != '\0' ? ": " : ".", out);
        for (; *reason != '\0'; reason++)
            fprintf(out,
                    strchr("\"\\", *reason) != NULL          ? "\\%c"
                    : (unsigned char)*reason < (unsigned)' ' ? "\\u%04x"
                                                             : "%c",
                    *reason);
    } else {
        known = rbtoken_token_expires(refused, &time_us);
        fputs("This API token expired on ", out);
        print_time(out, known, time_us);
        fputs(".", out);
    }
}

/* Adds what Review Board adds to its own refusals. */
static void add_headers(struct MHD_Response *response, const refusal *why, const char *method,
                        const char *body, size_t size)
{
    static const char *const headers[][2] = {{"Content-Type",
                                              "application/vnd.reviewboard.org.error+json"},
                                             {"Vary", "Accept, Cookie, Accept-Language, Origin"},
                                             {"Content-Language", "en"},
                                             {"X-Content-Type-Options", "nosniff"},
                                             {"X-Frame-Options", "DENY"},
                                             {"Referrer-Policy", "same-origin"},
                                             {"Cross-Origin-Opener-Policy", "same-origin"}};
    unsigned char digest[16];
    char tag[2 * sizeof digest + 3] = "\"";

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (why->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"Web API\"");
    /* What follows on the connection may be the body. */
    if (why == &BAD_REQUEST || why == &NO_LENGTH)
        MHD_add_response_header(response, "Connection", "close");
    if (why->status == 405)
        MHD_add_response_header(response, "Allow", "GET, POST, PUT, DELETE");
    /* Not for security: Django's entity tags are MD5. */
    if (strcmp(method, "GET") == 0 && gnutls_hash_fast(GNUTLS_DIG_MD5, body, size, digest) >= 0) {
        for (size_t i = 0; i < sizeof digest; i++)
            sprintf(tag + 1 + 2 * i, "%02x\"", digest[i]);
        MHD_add_response_header(response, "ETag", tag);
    }
}

enum MHD_Result refuse(struct MHD_Connection *connection, const refusal *why, const char *method,
                       const rbtoken_token_t *refused)
{
    struct MHD_Response *response = NULL;
    enum MHD_Result result;
    char *body = NULL;
    size_t size;
    FILE *out = open_memstream(&body, &size);

    if (out == NULL)
        return MHD_NO;
    fprintf(out, "{\"err\": {\"code\": %d, \"msg\": \"", why->code);
    print_message(out, why, refused);
    fprintf(out, "\", \"type\": \"%s\"}, \"stat\": \"fail\"}", why->type);
    if (fclose(out) == 0)
        response = MHD_create_response_from_buffer(size, body, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        free(body);
        return MHD_NO;
    }
    add_headers(response, why, method, body, size);
    free(body);
    result = MHD_queue_response(connection, why->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result redirect(struct MHD_Connection *connection, const char *base, const char *rest)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL,
                                                                    MHD_RESPMEM_PERSISTENT);
    size_t size = strlen(base) + strlen(rest) + 1;
    char *location = malloc(size);
    enum MHD_Result result = MHD_NO;

    if (response != NULL && location != NULL) {
        snprintf(location, size, "%s%s", base, rest);
        if (MHD_add_response_header(response, "Location", location) == MHD_YES)
            result = MHD_queue_response(connection, 302, response);
    }
    free(location);
    MHD_destroy_response(response);
    return result;
}
