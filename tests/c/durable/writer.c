/* A host that changes a store as fast as it can and reports the results.
 *
 *     writer LOCATION SEED STEPS ROUNDS LARGEST USED
 *
 * In each round it opens the store, runs STEPS steps (0: until it is killed) on each of 4
 * threads, and closes the store. Each thread has its own users, so that no other changes its
 * tokens. LARGEST is the maximum size of extra data in bytes.
 *
 * A line is printed before and after each call, each with a single `write`:
 *
 *     THREAD try KIND JSON      before the call; the JSON is the request
 *     THREAD did KIND JSON      after success; the JSON is the token in its new state
 *
 * The kinds are create, update, invalidate, delete and purge; `did found` is an existing token.
 */
#define _GNU_SOURCE
#include "../check.h"

#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

enum { THREADS = 4, USERS = 3, MOST_TOKENS = 30, LINE_SIZE = 1 << 17 };

typedef struct worker {
    int number;
    uint64_t random;
    long steps;
    char *line, *ask, *padding;
} worker;

static rbtoken_store_t *store;
static size_t largest, used;
static const char *const POLICIES[] = {
    "{}",
    "{\"resources\": {\"*\": {\"allow\": [\"*\"], \"block\": [\"DELETE\"]}}}",
    "{\"resources\": {\"*\": {\"allow\": [\"GET\"]}, \"review_request\": {\"*\": {\"allow\": "
    "[\"*\"]}, \"42\": {\"block\": [\"*\"]}}}}",
};

static uint64_t next(worker *self, uint64_t below)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return (self->random >> 11) % below;
}

/* Prints a line with a single `write`, so that a killed process can truncate only the last one. */
static void tell(worker *self, const char *format, ...)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    va_list arguments;
    const char *rest = self->line;
    size_t left;
    ssize_t written;
    int length;

    va_start(arguments, format);
    length = vsnprintf(self->line, LINE_SIZE, format, arguments);
    va_end(arguments);
    CHECK(length > 0 && length < LINE_SIZE);
    pthread_mutex_lock(&lock);
    for (left = (size_t)length; left > 0; left -= (size_t)written, rest += written) {
        written = write(STDOUT_FILENO, rest, left);
        CHECK(written > 0);
    }
    pthread_mutex_unlock(&lock);
}

static void tell_token(worker *self, const char *kind, const rbtoken_token_t *token)
{
    const char *site = rbtoken_token_local_site(token, NULL);
    rbtoken_buffer_t *json;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_token_to_json(token, 0, RBTOKEN_JSON_WITH_VALUE, &json, &error));
    tell(self, "%d did %s {\"user\": \"%s\", \"local_site\": \"%s\", \"token\": %s}\n",
         self->number, kind, rbtoken_token_user(token, NULL), site == NULL ? "" : site,
         rbtoken_buffer_data(json, NULL));
    rbtoken_buffer_free(json);
}

/* Extra data: usually short, sometimes of the maximum size. */
static const char *extra_data(worker *self)
{
    size_t length = next(self, 4) == 0 ? next(self, largest) : next(self, 40);

    memset(self->padding, 'a' + (int)next(self, 26), length);
    self->padding[length] = '\0';
    return self->padding;
}

static void create_client_token(worker *self, const char *user)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    char client[32];
    bool created;

    RBTOKEN_INIT(&options);
    snprintf(client, sizeof client, "client %d", (int)next(self, 200));
    RBTOKEN_SET_STR(&options, default_policy, POLICIES[next(self, 3)]);
    snprintf(self->ask, LINE_SIZE, "{\"client_name\": \"%s\", \"by\": \"%s\"}", client,
             extra_data(self));
    RBTOKEN_SET_STR(&options, default_extra_data, self->ask);
    if (next(self, 2) == 0)
        RBTOKEN_SET_STR(&options, local_site, "north");
    tell(self,
         "%d try create {\"user\": \"%s\", \"local_site\": \"%s\", \"token\": "
         "{\"note\": \"API token automatically created for %s.\", \"policy\": %s, "
         "\"extra_data\": %s}}\n",
         self->number, user, options.local_site == NULL ? "" : "north", client,
         options.default_policy, self->ask);
    CHECK_OK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR(user), RBTOKEN_STR(client),
                                                      &options, &token, &created, &error));
    tell_token(self, created ? "create" : "found", token);
    rbtoken_token_release(token);
}

static void generate(worker *self, const char *user)
{
    rbtoken_generate_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    char note[32];

    RBTOKEN_INIT(&options);
    snprintf(note, sizeof note, "note %d", (int)next(self, 1000));
    RBTOKEN_SET_STR(&options, note, note);
    RBTOKEN_SET_STR(&options, policy, POLICIES[next(self, 3)]);
    snprintf(self->ask, LINE_SIZE, "{\"padding\": \"%s\"}", extra_data(self));
    RBTOKEN_SET_STR(&options, extra_data, self->ask);
    tell(self,
         "%d try create {\"user\": \"%s\", \"local_site\": \"\", \"token\": "
         "{\"note\": \"%s\", \"policy\": %s, \"extra_data\": %s}}\n",
         self->number, user, note, options.policy, self->ask);
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR(user), &options, &token, &error));
    tell_token(self, "create", token);
    rbtoken_token_release(token);
}

static void update(worker *self, int64_t id)
{
    rbtoken_token_update_t changes;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    char note[32];

    RBTOKEN_INIT(&changes);
    snprintf(note, sizeof note, "new note %d", (int)next(self, 1000));
    changes.note_mode = changes.policy_mode = changes.extra_data_mode = RBTOKEN_FIELD_SET;
    RBTOKEN_SET_STR(&changes, note, note);
    RBTOKEN_SET_STR(&changes, policy, POLICIES[next(self, 3)]);
    snprintf(self->ask, LINE_SIZE, "{\"updated\": \"%s\"}", extra_data(self));
    RBTOKEN_SET_STR(&changes, extra_data, self->ask);
    tell(self,
         "%d try update {\"id\": %lld, \"note\": \"%s\", \"policy\": %s, "
         "\"extra_data\": %s}\n",
         self->number, (long long)id, note, changes.policy, self->ask);
    CHECK_OK(rbtoken_store_update_token(store, id, &changes, &token, &error));
    tell_token(self, "update", token);
    rbtoken_token_release(token);
}

static void invalidate(worker *self, int64_t id)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    char reason[32];

    snprintf(reason, sizeof reason, "reason %d", (int)next(self, 1000));
    tell(self, "%d try invalidate {\"id\": %lld, \"invalid_reason\": \"%s\"}\n", self->number,
         (long long)id, reason);
    CHECK_OK(rbtoken_store_invalidate_token_by_id(store, id, RBTOKEN_STR(reason), &error));
    CHECK_OK(rbtoken_store_get_token(store, id, &token, &error));
    tell_token(self, "invalidate", token);
    rbtoken_token_release(token);
}

static void delete(worker *self, int64_t id)
{
    rbtoken_error_t *error;

    tell(self, "%d try delete {\"id\": %lld}\n", self->number, (long long)id);
    CHECK_OK(rbtoken_store_delete_token(store, id, &error));
    tell(self, "%d did delete {\"id\": %lld}\n", self->number, (long long)id);
}

static void log_in(const rbtoken_token_t *token)
{
    rbtoken_verdict_t verdict;
    rbtoken_token_t *user;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_authenticate(store, rbtoken_token_value(token, NULL),
                                        RBTOKEN_NUL_TERMINATED, NULL, &verdict, &user, NULL,
                                        &error));
    CHECK(verdict != RBTOKEN_VERDICT_REFUSED && verdict != RBTOKEN_VERDICT_UNKNOWN);
    rbtoken_token_release(user);
}

static void take_a_step(worker *self)
{
    rbtoken_token_filter_t filter;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    const rbtoken_token_t *token = NULL;
    uint64_t choice = next(self, 100);
    char user[32];
    size_t count;

    snprintf(user, sizeof user, "user %d of %d", (int)next(self, USERS), self->number);
    RBTOKEN_INIT(&filter);
    RBTOKEN_SET_STR(&filter, user, user);
    CHECK_OK(rbtoken_store_list_tokens(store, &filter, &list, &error));
    count = rbtoken_token_list_count(list);
    if (count > 0)
        token = rbtoken_token_list_get(list, next(self, count));

    if (count < MOST_TOKENS && (token == NULL || choice < 35))
        create_client_token(self, user);
    else if (count < MOST_TOKENS && choice < 50)
        generate(self, user);
    else if (choice < 70)
        update(self, rbtoken_token_id(token));
    else if (choice < 80)
        invalidate(self, rbtoken_token_id(token));
    else if (choice < 90)
        log_in(token);
    else
        delete(self, rbtoken_token_id(token));
    rbtoken_token_list_free(list);
}

static void *work(void *data)
{
    worker *self = data;
    long step;

    for (step = 0; self->steps == 0 || step < self->steps; step++)
        take_a_step(self);
    return NULL;
}

/* In the last round, logs in with all tokens until the library had to write USED times of last
 * use: it checkpoints its log after about 1000 rows. Not reported, since times of last use may
 * be lost. */
static void use_all(void)
{
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;
    size_t count, i, rows = 0;

    CHECK_OK(rbtoken_store_list_tokens(store, NULL, &list, &error));
    count = rbtoken_token_list_count(list);
    while (count > 0 && rows < used) {
        for (i = 0; i < count; i++)
            log_in(rbtoken_token_list_get(list, i));
        CHECK_OK(rbtoken_store_flush(store, &error));
        rows += count;
    }
    rbtoken_token_list_free(list);
}

/* Purges tokens that became unusable earlier, while no other thread works. */
static void purge(worker *self)
{
    rbtoken_error_t *error;

    tell(self, "%d try purge {}\n", self->number);
    CHECK_OK(rbtoken_store_purge_tokens(store, INT64_C(4000000000000000), NULL, &error));
    tell(self, "%d did purge {}\n", self->number);
}

static void open_store(const char *location)
{
    rbtoken_store_options_t options;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    if (rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error) == RBTOKEN_E_EXISTS)
        rbtoken_error_free(error);
    else
        CHECK(error == NULL);
}

int main(int count, char **arguments)
{
    worker workers[THREADS];
    pthread_t threads[THREADS];
    int rounds, i;

    CHECK(count == 7);
    largest = strtoul(arguments[5], NULL, 10);
    used = strtoul(arguments[6], NULL, 10);
    CHECK(largest > 0 && 2 * largest < LINE_SIZE - 4096);
    for (i = 0; i < THREADS; i++) {
        workers[i].number = i;
        workers[i].random = (uint64_t)strtoull(arguments[2], NULL, 10) * THREADS +
                            (uint64_t)(i + 1);
        workers[i].steps = atol(arguments[3]);
        workers[i].line = malloc(LINE_SIZE);
        workers[i].ask = malloc(LINE_SIZE);
        workers[i].padding = malloc(largest + 40);
        CHECK(workers[i].line != NULL && workers[i].ask != NULL && workers[i].padding != NULL);
    }
    for (rounds = atoi(arguments[4]); rounds > 0; rounds--) {
        open_store(arguments[1]);
        purge(&workers[0]);
        if (rounds == 1)
            use_all();
        for (i = 0; i < THREADS; i++)
            CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
        for (i = 0; i < THREADS; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
        rbtoken_store_release(store);
    }
    for (i = 0; i < THREADS; i++) {
        free(workers[i].line);
        free(workers[i].ask);
        free(workers[i].padding);
    }
    return 0;
}
