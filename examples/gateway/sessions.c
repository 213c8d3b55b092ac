/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE

#include "sessions.h"

#include "session_file.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1 << 15 }; /* more than twice MAX_SESSIONS */

typedef struct slot {
    session_key key;
    uint64_t used; /* when; 0: the slot is empty */
    session value;
} slot;

/* A hash table with linear probing. */
static slot slots[SLOTS];
static size_t count;
static uint64_t uses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static session_key key_of(const char *cookie)
{
    session_key key;

    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, cookie, strlen(cookie), key.bytes) < 0)
        abort();
    return key;
}

/* Returns the slot of a key, or the empty slot where it would be. */
static slot *find_slot(const session_key *key)
{
    size_t i;

    memcpy(&i, key->bytes, sizeof i);
    for (i %= SLOTS; slots[i].used != 0; i = (i + 1) % SLOTS)
        if (memcmp(&slots[i].key, key, sizeof *key) == 0)
            break;
    return &slots[i];
}

/* Empties a slot, and moves those that were displaced by it. */
static void empty_slot(slot *emptied)
{
    size_t i = (size_t)(emptied - slots);

    rbtoken_token_release(emptied->value.token);
    memset(emptied, 0, sizeof *emptied);
    count--;
    for (i = (i + 1) % SLOTS; slots[i].used != 0; i = (i + 1) % SLOTS) {
        slot moved = slots[i];

        memset(&slots[i], 0, sizeof slots[i]);
        *find_slot(&moved.key) = moved;
    }
}

static void drop_oldest(void)
{
    slot *oldest = NULL;

    for (slot *s = slots; s < slots + SLOTS; s++)
        if (s->used != 0 && (oldest == NULL || s->used < oldest->used))
            oldest = s;
    if (oldest != NULL)
        empty_slot(oldest);
}

/* Puts a session in the table, as of now. */
static void put(const session_key *key, int64_t token_id)
{
    slot *s = find_slot(key);

    if (s->used == 0) {
        if (count == MAX_SESSIONS) {
            drop_oldest();
            s = find_slot(key);
        }
        count++;
    }
    rbtoken_token_release(s->value.token);
    *s = (slot){.key = *key, .used = ++uses, .value = {token_id, NULL}};
}

static void take(const session_key *key)
{
    slot *s = find_slot(key);

    if (s->used != 0)
        empty_slot(s);
}

static int by_use(const void *a, const void *b)
{
    const slot *const *first = a, *const *second = b;

    return ((*first)->used > (*second)->used) - ((*first)->used < (*second)->used);
}

/* Writes all sessions to the file, in the order of their use. */
static bool rewrite(void)
{
    slot **sorted = malloc((count + 1) * sizeof *sorted);
    session_line *lines = malloc((count + 1) * sizeof *lines);
    size_t n = 0;
    bool done = sorted != NULL && lines != NULL;

    for (slot *s = slots; done && s < slots + SLOTS; s++)
        if (s->used != 0)
            sorted[n++] = s;
    if (done)
        qsort(sorted, n, sizeof *sorted, by_use);
    for (size_t i = 0; done && i < n; i++)
        lines[i] = (session_line){sorted[i]->key, sorted[i]->value.token_id, true};
    done = done && rewrite_session_file(lines, n);
    free(sorted);
    free(lines);
    return done;
}

static void take_line(const session_line *line)
{
    if (line->added)
        put(&line->key, line->token_id);
    else
        take(&line->key);
}

bool open_sessions(const char *file)
{
    return file == NULL || (open_session_file(file, take_line) && rewrite());
}

void close_sessions(void)
{
    for (slot *s = slots; s < slots + SLOTS; s++)
        rbtoken_token_release(s->value.token);
    memset(slots, 0, sizeof slots);
    count = 0;
    close_session_file();
}

bool find_session(const char *cookie, session *found)
{
    session_key key = key_of(cookie);
    slot *s;
    bool known;

    memset(found, 0, sizeof *found);
    pthread_mutex_lock(&lock);
    s = find_slot(&key);
    known = s->used != 0;
    if (known) {
        s->used = ++uses;
        *found = s->value;
        rbtoken_token_retain(found->token);
    }
    pthread_mutex_unlock(&lock);
    return known;
}

/* Appends a line. When most lines of the file are of sessions that are gone, writes it anew. */
static bool append_line(const session_line *line)
{
    if (session_file_lines() > 2 * MAX_SESSIONS && rewrite())
        return true;
    return append_session_line(line);
}

bool add_session(const char *cookie, int64_t token_id)
{
    session_line line = {key_of(cookie), token_id, true};
    bool written;

    pthread_mutex_lock(&lock);
    put(&line.key, token_id);
    written = append_line(&line);
    pthread_mutex_unlock(&lock);
    return written;
}

void set_session_token(const char *cookie, const rbtoken_token_t *token)
{
    session_key key = key_of(cookie);
    slot *s;

    pthread_mutex_lock(&lock);
    s = find_slot(&key);
    if (s->used != 0 && s->value.token == NULL && s->value.token_id == rbtoken_token_id(token)) {
        s->value.token = (rbtoken_token_t *)token;
        rbtoken_token_retain(s->value.token);
    }
    pthread_mutex_unlock(&lock);
}

void remove_session(const char *cookie)
{
    session_line line = {key_of(cookie), 0, false};

    pthread_mutex_lock(&lock);
    take(&line.key);
    append_line(&line);
    pthread_mutex_unlock(&lock);
}

size_t count_sessions(void)
{
    size_t n;

    pthread_mutex_lock(&lock);
    n = count;
    pthread_mutex_unlock(&lock);
    return n;
}
