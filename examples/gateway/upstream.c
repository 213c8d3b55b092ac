/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L

#include "upstream.h"

#include "headers.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = CURL_MAX_WRITE_SIZE };

struct upstream {
    CURLM *multi;
    CURL *easy;
    bool running, done, responded;
    CURLcode result;
    struct timespec progress; /* when the upstream last sent or accepted something */
    const char *part;         /* of the body, to be sent */
    size_t part_size;
    bool send_paused, receive_paused;
    size_t received, taken; /* of the block */
    char block[BLOCK];
};

static atomic_bool given_up;
static const char *authorities;
static unsigned timeout_s = 30;

void set_up_upstream(const char *file, unsigned timeout)
{
    authorities = file;
    timeout_s = timeout;
}

upstream *new_upstream(void)
{
    upstream *u = calloc(1, sizeof *u);

    if (u == NULL)
        return NULL;
    u->multi = curl_multi_init();
    u->easy = curl_easy_init();
    if (u->multi == NULL || u->easy == NULL) {
        free_upstream(u);
        return NULL;
    }
    return u;
}

void free_upstream(upstream *u)
{
    if (u == NULL)
        return;
    end_exchange(u);
    curl_easy_cleanup(u->easy);
    curl_multi_cleanup(u->multi);
    free(u);
}

static void note_progress(upstream *u)
{
    clock_gettime(CLOCK_MONOTONIC, &u->progress);
}

static bool is_stalled(const upstream *u)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec - u->progress.tv_sec > (time_t)timeout_s;
}

static size_t send_body(char *to, size_t one, size_t capacity, void *cls)
{
    upstream *u = cls;
    size_t size = one * capacity < u->part_size ? one * capacity : u->part_size;

    if (size == 0) {
        u->send_paused = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(to, u->part, size);
    u->part += size;
    u->part_size -= size;
    note_progress(u);
    return size;
}

static size_t receive_body(char *data, size_t one, size_t size, void *cls)
{
    upstream *u = cls;

    if (u->received > 0) {
        u->receive_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    u->responded = true;
    memcpy(u->block, data, one * size); /* curl passes at most a block */
    u->received = one * size;
    u->taken = 0;
    note_progress(u);
    return size;
}

/* Is called for each line. The empty line ends the headers, which can be those of `100 Continue`. */
static size_t receive_header(char *line, size_t one, size_t size, void *cls)
{
    upstream *u = cls;
    long status = 0;

    note_progress(u);
    if (one * size == 2 && line[0] == '\r') {
        curl_easy_getinfo(u->easy, CURLINFO_RESPONSE_CODE, &status);
        u->responded = u->responded || status >= 200;
    }
    return size;
}

/* Sends and receives until something has happened: a step of a loop. Returns false if the exchange
 * has failed. */
static bool step(upstream *u)
{
    int running, left;
    CURLMsg *message;

    if (curl_multi_perform(u->multi, &running) != CURLM_OK)
        return false;
    while ((message = curl_multi_info_read(u->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE) {
            u->done = true;
            u->result = message->data.result;
        }
    return u->done ? u->result == CURLE_OK : !is_stalled(u) && !atomic_load(&given_up);
}

static bool wait_a_moment(upstream *u)
{
    return curl_multi_poll(u->multi, NULL, 0, 1000, NULL) == CURLM_OK;
}

bool begin_exchange(upstream *u, const outgoing *request)
{
    CURL *c = u->easy;

    end_exchange(u);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, request->url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)timeout_s);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, request->headers);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, u);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, u);
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    if (authorities != NULL)
        curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
    if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->size);
        if (request->body != NULL || request->size == 0) {
            curl_easy_setopt(c, CURLOPT_POSTFIELDS, request->size > 0 ? request->body : "");
        } else {
            curl_easy_setopt(c, CURLOPT_READFUNCTION, send_body);
            curl_easy_setopt(c, CURLOPT_READDATA, u);
            /* A body that is not kept cannot be sent again when an idle connection turns out to be
             * closed. */
            curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
        }
    }
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, request->method);
    u->done = u->responded = u->send_paused = u->receive_paused = false;
    u->received = u->taken = u->part_size = 0;
    u->result = CURLE_OK;
    note_progress(u);
    u->running = curl_multi_add_handle(u->multi, c) == CURLM_OK;
    return u->running;
}

bool send_part(upstream *u, const char *data, size_t size)
{
    u->part = data;
    u->part_size = size;
    note_progress(u); /* the client may have been slow */
    if (u->send_paused) {
        u->send_paused = false;
        curl_easy_pause(u->easy, CURLPAUSE_CONT);
    }
    for (;;) {
        if (!step(u))
            return false;
        if (u->part_size == 0 || u->done || u->responded)
            break;
        if (!wait_a_moment(u))
            return false;
    }
    u->part_size = 0;
    return true;
}

bool await_response(upstream *u, unsigned *status)
{
    long code = 0;

    note_progress(u);
    while (!u->responded && !u->done) {
        if (!step(u))
            break;
        if (!u->responded && !u->done && !wait_a_moment(u))
            break;
    }
    if (!u->responded)
        return false;
    curl_easy_getinfo(u->easy, CURLINFO_RESPONSE_CODE, &code);
    *status = (unsigned)code;
    return code >= 200 && code <= 999;
}

void each_header(upstream *u, void (*take)(void *cls, const char *name, const char *value),
                 void *cls)
{
    struct curl_header *h = NULL;
    const char *listed = NULL;

    /* curl reuses one struct for all headers, but the values stay valid. */
    if (curl_easy_header(u->easy, "Connection", 0, CURLH_HEADER, -1, &h) == CURLHE_OK)
        listed = h->value;
    h = NULL;
    while ((h = curl_easy_nextheader(u->easy, CURLH_HEADER, -1, h)) != NULL)
        if (is_forwarded(h->name, listed))
            take(cls, h->name, h->value);
}

/* Gives the next part of the response's body to the client. */
static ssize_t read_body(void *cls, uint64_t position, char *to, size_t capacity)
{
    upstream *u = cls;
    size_t size;

    (void)position;
    note_progress(u); /* the client may have been slow */
    while (u->received == 0) {
        if (u->done)
            return u->result == CURLE_OK ? MHD_CONTENT_READER_END_OF_STREAM
                                         : MHD_CONTENT_READER_END_WITH_ERROR;
        if (u->receive_paused) {
            u->receive_paused = false;
            curl_easy_pause(u->easy, CURLPAUSE_CONT);
        }
        if (!step(u) || (u->received == 0 && !u->done && !wait_a_moment(u)))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size = u->received - u->taken < capacity ? u->received - u->taken : capacity;
    memcpy(to, u->block + u->taken, size);
    u->taken += size;
    if (u->taken == u->received)
        u->received = u->taken = 0;
    return (ssize_t)size;
}

struct MHD_Response *make_response(upstream *u, unsigned status)
{
    curl_off_t length = -1;

    if (status == 204 || status == 304)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    curl_easy_getinfo(u->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return MHD_create_response_from_callback(length >= 0 ? (uint64_t)length : MHD_SIZE_UNKNOWN,
                                             BLOCK, read_body, u, NULL);
}

const char *exchange_error(const upstream *u)
{
    if (u->done && u->result != CURLE_OK)
        return curl_easy_strerror(u->result);
    return atomic_load(&given_up) ? "the gateway ends" : "the upstream does not respond in time";
}

void give_up_exchanges(void)
{
    atomic_store(&given_up, true);
}

void end_exchange(upstream *u)
{
    if (u->running)
        curl_multi_remove_handle(u->multi, u->easy);
    u->running = false;
}
