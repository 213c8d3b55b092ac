/* Children that are forked while threads of the parent open, write and close stores can always
 * open their own store.
 *
 *     fork_open FOLDER CHILDREN
 */
#define _GNU_SOURCE
#include "host.h"

#include <pthread.h>
#include <signal.h>

enum { THREADS = 4 };

static const char *folder;
static volatile sig_atomic_t stop;

static void *open_and_write(void *number)
{
    char path[4096];
    int round;

    snprintf(path, sizeof path, "%s/parent-%d.db", folder, *(int *)number);
    while (!stop) {
        rbtoken_store_t *store = open_store(path);

        for (round = 0; round < 5; round++) {
            rbtoken_token_t *token;
            rbtoken_error_t *refusal;

            CHECK(rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), NULL, &token, &refusal) ==
                  RBTOKEN_OK);
            rbtoken_token_release(token);
        }
        rbtoken_store_release(store);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int numbers[THREADS], i, children;

    CHECK(argc == 3);
    folder = argv[1];
    children = atoi(argv[2]);
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, open_and_write, &numbers[i]) == 0);
    }
    for (i = 0; i < children; i++) {
        int status;
        pid_t child = fork();

        CHECK(child >= 0);
        if (child == 0) {
            char path[4096];
            rbtoken_store_t *store;

            alarm(60); /* ends a hanging child */
            snprintf(path, sizeof path, "%s/child-%d.db", folder, i);
            store = open_store(path);
            CHECK(create(store, "a") == RBTOKEN_OK);
            rbtoken_store_release(store);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "child %d hung or failed: %x\n", i, (unsigned)status);
            return 1;
        }
        usleep(1000);
    }
    stop = 1;
    for (i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    printf("ok %d children opened a store of their own\n", children);
    return 0;
}
