/* After fork(), no two processes generate the same value, and the store continues to work.
 *
 * Each round forks a child, which forks a grandchild. Each of the three processes generates a
 * value in the inherited store. The rounds run on the main thread, then on another one.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1000, PROCESSES = 3, VALUE_SIZE = 256, VALUES = 2 * ROUNDS * PROCESSES };

static char values[VALUES][VALUE_SIZE];
static size_t value_count;
static rbtoken_store_t *store;

static void generate(char value[VALUE_SIZE])
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    size_t len;

    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, &error));
    CHECK(strlen(rbtoken_token_value(token, &len)) < VALUE_SIZE);
    memcpy(value, rbtoken_token_value(token, NULL), len + 1);
    rbtoken_token_release(token);
}

/* The inherited store finds existing tokens and creates missing ones. */
static void use_the_store(void)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("before"), NULL, &token, &created, &error));
    CHECK(!created);
    rbtoken_token_release(token);

    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("in the child"), NULL, &token, &created, &error));
    CHECK(created);
    rbtoken_token_release(token);
}

static void send_value(int pipe_end)
{
    char value[VALUE_SIZE] = {0};

    generate(value);
    CHECK(write(pipe_end, value, sizeof value) == (ssize_t)sizeof value);
}

static void wait_for(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void be_the_child(int pipe_end)
{
    pid_t grandchild;

    use_the_store();
    send_value(pipe_end);
    grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild == 0) {
        send_value(pipe_end);
        rbtoken_store_release(store);
        _exit(0);
    }
    wait_for(grandchild);
    rbtoken_store_release(store);
    _exit(0);
}

static void fork_once(void)
{
    int ends[2];
    pid_t child;
    int i;

    CHECK(pipe(ends) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0)
        be_the_child(ends[1]);
    generate(values[value_count++]);
    wait_for(child);
    for (i = 1; i < PROCESSES; i++)
        CHECK(read(ends[0], values[value_count++], VALUE_SIZE) == VALUE_SIZE);
    close(ends[0]);
    close(ends[1]);
}

static void *rounds(void *unused)
{
    char first[VALUE_SIZE];
    int round;

    (void)unused;
    /* Makes this thread buffer random bytes, which a child could reuse. */
    generate(first);
    for (round = 0; round < ROUNDS; round++)
        fork_once();
    return NULL;
}

static int by_text(const void *left, const void *right)
{
    return strcmp((const char *)left, (const char *)right);
}

static void check_that_all_differ(void)
{
    size_t i;

    CHECK(value_count == VALUES);
    qsort(values, VALUES, VALUE_SIZE, by_text);
    for (i = 1; i < VALUES; i++)
        CHECK(strcmp(values[i - 1], values[i]) != 0);
}

int main(void)
{
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    pthread_t thread;

    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("before"), NULL, &token, NULL, &error));
    rbtoken_token_release(token);

    rounds(NULL);
    OK("children and grandchildren of the main thread");
    CHECK(pthread_create(&thread, NULL, rounds, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    OK("children and grandchildren of another thread");
    check_that_all_differ();
    OK("all values differ");
    rbtoken_store_release(store);
    return 0;
}
