/* An open that fails leaves no new file, and an existing empty file empty.
 *
 *     failed_open FOLDER
 */
#define _GNU_SOURCE
#include "../check.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static enum { NO_THREAD, NO_LOCK, NO_SPACE, FAULTS } fault;

/* These replace the functions of the C library, also in the library under test. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (fault == NO_THREAD)
        return EAGAIN;
    *(void **)&create = dlsym(RTLD_NEXT, "pthread_create");
    return create(thread, attributes, start, argument);
}

int flock(int fd, int operation)
{
    (void)fd, (void)operation;
    if (fault != NO_LOCK)
        return 0;
    errno = ENOLCK;
    return -1;
}

static void no_space(void)
{
    struct rlimit limit = {0, 0};

    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void check_refused(const char *path)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, path);
    CHECK(rbtoken_store_open(&options, &store, &error) == RBTOKEN_E_IO);
    CHECK(store == NULL && rbtoken_error_message(error) != NULL);
    rbtoken_error_free(error);
}

int main(int count, char **arguments)
{
    char path[4096], beside[4200];
    struct stat found;

    CHECK(count == 2);
    for (fault = 0; fault < FAULTS; fault++) {
        FILE *file;

        if (fault == NO_SPACE)
            no_space();
        snprintf(path, sizeof path, "%s/%d-new", arguments[1], (int)fault);
        check_refused(path);
        CHECK(access(path, F_OK) != 0);
        snprintf(path, sizeof path, "%s/%d-empty", arguments[1], (int)fault);
        file = fopen(path, "w");
        CHECK(file != NULL && fclose(file) == 0);
        check_refused(path);
        CHECK(stat(path, &found) == 0 && found.st_size == 0);
        snprintf(beside, sizeof beside, "%s-wal", path);
        CHECK(access(beside, F_OK) != 0);
        snprintf(beside, sizeof beside, "%s-journal", path);
        CHECK(access(beside, F_OK) != 0);
    }
    OK("an open that fails leaves every file as it was");
    return 0;
}
