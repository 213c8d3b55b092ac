/* In a child of fork(), every call on a store in a file returns RBTOKEN_E_FORKED, releasing it
 * returns, and the file is unchanged. The parent continues to work. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static rbtoken_store_t *store;
static rbtoken_token_t *token;
static const char *path;

static rbtoken_store_t *open_store(void)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *opened;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, path);
    CHECK_OK(rbtoken_store_open(&options, &opened, &error));
    return opened;
}

#define FORKED(call)                                            \
    do {                                                        \
        CHECK((call) == RBTOKEN_E_FORKED);                      \
        CHECK(rbtoken_error_status(error) == RBTOKEN_E_FORKED); \
        rbtoken_error_free(error);                              \
    } while (0)

static void in_the_child(void)
{
    const char *value = rbtoken_token_value(token, NULL);
    rbtoken_error_t *error;
    rbtoken_token_t *other, *refused;
    rbtoken_token_list_t *list;
    rbtoken_buffer_t *buffer;
    rbtoken_verdict_t verdict;
    rbtoken_store_options_t options;
    rbtoken_store_t *again;
    uint64_t count;
    bool created, valid;

    FORKED(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR("a"),
                                                    NULL, &other, &created, &error));
    FORKED(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &other, &error));
    FORKED(rbtoken_store_import_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR("v"), NULL, &other,
                                      &error));
    FORKED(rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict, &other, &refused,
                                      &error));
    CHECK(verdict == RBTOKEN_VERDICT_REFUSED);
    FORKED(rbtoken_store_find_token(store, RBTOKEN_STR(value), &other, &error));
    FORKED(rbtoken_store_get_token(store, 1, &other, &error));
    FORKED(rbtoken_store_list_tokens(store, NULL, &list, &error));
    FORKED(rbtoken_store_token_count(store, &count, &error));
    FORKED(rbtoken_store_value_is_valid(store, RBTOKEN_STR("vendor_checksum"), RBTOKEN_STR("rbp"),
                                        RBTOKEN_STR(value), &valid, &error));
    FORKED(rbtoken_store_update_token(store, 1, NULL, &other, &error));
    FORKED(rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), NULL, 0, &error));
    FORKED(rbtoken_store_invalidate_user_tokens(store, RBTOKEN_STR("alice"), NULL, 0, &count,
                                                &error));
    FORKED(rbtoken_store_invalidate_all_tokens(store, NULL, 0, &count, &error));
    FORKED(rbtoken_store_delete_token(store, 1, &error));
    FORKED(rbtoken_store_purge_tokens(store, 0, &count, &error));
    FORKED(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error));
    FORKED(rbtoken_store_remove_local_site(store, RBTOKEN_STR("north"), &error));
    FORKED(rbtoken_store_set_user_active(store, RBTOKEN_STR("alice"), 0, &error));
    FORKED(rbtoken_store_set_setting(store, RBTOKEN_STR("min_validity_secs"), RBTOKEN_STR("1"),
                                     &error));
    FORKED(rbtoken_store_get_setting(store, RBTOKEN_STR("min_validity_secs"), &buffer, &error));
    FORKED(rbtoken_store_set_policy_ids(store, NULL, 0, &error));
    FORKED(rbtoken_store_flush(store, &error));
    FORKED(rbtoken_store_backup(store, RBTOKEN_STR("/nonexistent/backup"), &error));
    FORKED(rbtoken_store_export_file(store, RBTOKEN_STR("/nonexistent/export"), NULL, &count,
                                     &error));
    FORKED(rbtoken_store_import_file(store, RBTOKEN_STR("/nonexistent/export"), NULL, &count,
                                     &error));

    /* The parent owns the file. */
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, path);
    CHECK(rbtoken_store_open(&options, &again, NULL) == RBTOKEN_E_LOCKED);

    rbtoken_token_release(token);
    rbtoken_store_release(store);
}

static void wait_for(pid_t child)
{
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Threads write and log in while the process forks, so that locks are held at that time. */
static volatile sig_atomic_t stop;

static void *write_on(void *unused)
{
    rbtoken_token_t *made;
    rbtoken_error_t *error;

    while (!stop) {
        CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("bob"), NULL, &made, &error));
        rbtoken_token_release(made);
    }
    return unused;
}

int main(int argc, char **argv)
{
    rbtoken_error_t *error;
    rbtoken_token_t *found;
    struct stat before, after;
    pthread_t threads[2];
    uint64_t count;
    pid_t child;
    int round, thread;

    CHECK(argc == 2);
    path = argv[1];
    store = open_store();
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, &error));

    CHECK(stat(path, &before) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        in_the_child();
        /* exit(), not _exit(), so that handlers and destructors run. */
        exit(0);
    }
    wait_for(child);
    CHECK(stat(path, &after) == 0);
    CHECK(before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
          before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    puts("ok every call in the child answers RBTOKEN_E_FORKED, and the file is as it was");

    CHECK_OK(rbtoken_store_get_token(store, 1, &found, &error));
    rbtoken_token_release(found);
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &found, &error));
    rbtoken_token_release(found);
    puts("ok the parent goes on");

    for (thread = 0; thread < 2; thread++) {
        CHECK(pthread_create(&threads[thread], NULL, write_on, NULL) == 0);
    }
    for (round = 0; round < 50; round++) {
        child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            rbtoken_store_release(store);
            _exit(0);
        }
        wait_for(child);
    }
    stop = 1;
    for (thread = 0; thread < 2; thread++) {
        CHECK(pthread_join(threads[thread], NULL) == 0);
    }
    puts("ok a child that releases the store never waits");

    /* A child that lives on inherits the descriptor, but not the lock. */
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (;;) {
            pause();
        }
    }
    CHECK_OK(rbtoken_store_token_count(store, &count, &error));
    rbtoken_store_release(store);
    store = open_store();
    puts("ok a file that the parent gave up is free, whatever children live");
    kill(child, SIGKILL);
    CHECK(waitpid(child, NULL, 0) == child);

    {
        uint64_t counted;
        CHECK_OK(rbtoken_store_token_count(store, &counted, &error));
        CHECK(counted == count && counted >= 2);
    }
    puts("ok all tokens are found again");
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    return 0;
}
