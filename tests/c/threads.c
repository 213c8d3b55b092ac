/* Threads that request the same token concurrently get one token, which one of them created. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>

enum { THREADS = 64, ROUNDS = 200 };

typedef struct answer {
    int64_t id;
    bool created;
} answer;

static rbtoken_store_t *store;
static pthread_barrier_t start, end;
static answer answers[THREADS];

static void ask(int round, answer *result)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    char client[32];

    RBTOKEN_INIT(&options);
    if (round % 2 == 1)
        RBTOKEN_SET_STR(&options, local_site, "north");
    snprintf(client, sizeof client, "client %d", round);
    CHECK_OK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                      RBTOKEN_STR(client), &options, &token,
                                                      &result->created, &error));
    result->id = rbtoken_token_id(token);
    rbtoken_token_release(token);
}

static void check_answers(int round)
{
    int creators = 0;
    int i;

    for (i = 0; i < THREADS; i++) {
        CHECK(answers[i].id == answers[0].id);
        creators += answers[i].created;
    }
    if (creators != 1)
        fprintf(stderr, "round %d: %d threads created the token\n", round, creators);
    CHECK(creators == 1);
}

static void *work(void *data)
{
    answer *result = (answer *)data;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&start);
        ask(round, result);
        if (pthread_barrier_wait(&end) == PTHREAD_BARRIER_SERIAL_THREAD)
            check_answers(round);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    rbtoken_error_t *error;
    uint64_t count;
    int i;

    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK_OK(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error));
    CHECK(pthread_barrier_init(&start, NULL, THREADS) == 0);
    CHECK(pthread_barrier_init(&end, NULL, THREADS) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, &answers[i]) == 0);
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);

    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    CHECK(count == ROUNDS);
    OK("one token is created once and all threads get it");
    rbtoken_store_release(store);
    return 0;
}
