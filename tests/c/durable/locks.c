/* Whatever the host opens, closes and forks, no other process can open the file of an open
 * store, and every process can open the file of a closed one.
 *
 *     locks FOLDER
 *     locks sqlite FOLDER    with the system's SQLite loaded into this process
 *     locks refused FOLDER   with a filter that blocks open file description locks
 *     locks open LOCATION    run by `open_elsewhere`
 */
#define _GNU_SOURCE
#include "host.h"
#include "filter.h"

#include <dlfcn.h>
#include <signal.h>

static const char *self;
static char location[4096];

/* Opens and closes the file, like a copy, a checksum or another library in the host. */
static void open_and_close(void)
{
    int fd = open(location, O_RDONLY);

    CHECK(fd >= 0 && close(fd) == 0);
}

/* Returns whether SQLite's write lock, a POSIX record lock, is refused. */
static bool is_locked(void)
{
    struct flock request = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(location, O_RDWR), answer;

    request.l_start = 0x40000000;
    request.l_len = 512;
    CHECK(fd >= 0);
    answer = fcntl(fd, F_SETLK, &request);
    CHECK(answer == 0 || errno == EAGAIN || errno == EACCES);
    close(fd);
    return answer != 0;
}

static bool is_locked_elsewhere(void)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0)
        _exit(is_locked() ? 1 : 0);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status) == 1;
}

static void closing_the_file_releases_no_lock(void)
{
    rbtoken_store_t *store = open_store(location);

    CHECK(create(store, "a") == RBTOKEN_OK);
    open_and_close();
    CHECK(is_locked_elsewhere());
    CHECK(is_locked());
    CHECK(is_locked_elsewhere());
    CHECK(open_elsewhere(self, location) == RBTOKEN_E_LOCKED);
    CHECK(create(store, "b") == RBTOKEN_OK);
    rbtoken_store_release(store);
    CHECK(!is_locked());
    OK("a host that opens and closes the file lets nobody in");
}

static void child_keeps_no_lock_of_a_killed_parent(void)
{
    rbtoken_store_t *store;
    int ready[2], status;
    pid_t parent, worker = 0;

    CHECK(pipe(ready) == 0);
    parent = fork();
    CHECK(parent >= 0);
    if (parent == 0) {
        store = open_store(location);
        CHECK(create(store, "c") == RBTOKEN_OK);
        worker = fork();
        CHECK(worker >= 0);
        if (worker == 0)
            worker = getpid();
        else
            for (;;)
                pause();
        CHECK(write(ready[1], &worker, sizeof worker) == sizeof worker);
        for (;;)
            pause();
    }
    CHECK(read(ready[0], &worker, sizeof worker) == sizeof worker);
    CHECK(open_elsewhere(self, location) == RBTOKEN_E_LOCKED);
    CHECK(kill(parent, SIGKILL) == 0 && waitpid(parent, &status, 0) == parent);
    CHECK(kill(worker, 0) == 0);
    CHECK(open_elsewhere(self, location) == RBTOKEN_OK);
    CHECK(kill(worker, SIGKILL) == 0);
    close(ready[0]);
    close(ready[1]);
    OK("a restart opens the file of a killed host whose worker lives");
}

static void child_that_releases_unlocks_nothing(void)
{
    rbtoken_store_t *store = open_store(location);
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        rbtoken_store_release(store);
        exit(0);
    }
    wait_for(child);
    CHECK(is_locked_elsewhere());
    CHECK(open_elsewhere(self, location) == RBTOKEN_E_LOCKED);
    CHECK(create(store, "d") == RBTOKEN_OK);
    rbtoken_store_release(store);
    OK("a child that releases the store leaves the parent's lock");
}

static void child_outlives_the_parent_and_opens(void)
{
    int done[2];
    pid_t parent;
    char byte;

    CHECK(pipe(done) == 0);
    parent = fork();
    CHECK(parent >= 0);
    if (parent == 0) {
        rbtoken_store_t *store = open_store(location), *own;
        rbtoken_status_t status;
        int over[2];
        pid_t child;

        CHECK(create(store, "e") == RBTOKEN_OK);
        CHECK(pipe(over) == 0);
        child = fork();
        CHECK(child >= 0);
        if (child > 0) {
            close(over[0]);
            _exit(0); /* without releasing the store; `over` closes */
        }
        close(over[1]);
        CHECK(read(over[0], &byte, 1) == 0);
        /* The system closes the parent's descriptors one after the other. */
        while ((status = try_open(location, &own)) == RBTOKEN_E_LOCKED)
            usleep(1000);
        CHECK(status == RBTOKEN_OK);
        CHECK(create(own, "f") == RBTOKEN_OK);
        rbtoken_store_release(own);
        CHECK(write(done[1], "k", 1) == 1);
        _exit(0);
    }
    close(done[1]);
    wait_for(parent);
    CHECK(read(done[0], &byte, 1) == 1 && byte == 'k');
    close(done[0]);
    OK("a child whose parent has ended opens the same file");
}

/* The part of SQLite's interface that is used here. */
typedef int open_fn(const char *, void **);
typedef int exec_fn(void *, const char *, void *, void *, char **);
typedef int close_fn(void *);

static int main_sqlite(void)
{
    enum { SQLITE_BUSY = 5 };
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL), *database;
    open_fn *sqlite_open;
    exec_fn *sqlite_exec;
    close_fn *sqlite_close;
    rbtoken_store_t *store = open_store(location);
    int round;

    CHECK(library != NULL);
    *(void **)&sqlite_open = dlsym(library, "sqlite3_open");
    *(void **)&sqlite_exec = dlsym(library, "sqlite3_exec");
    *(void **)&sqlite_close = dlsym(library, "sqlite3_close");
    CHECK(sqlite_open && sqlite_exec && sqlite_close);
    for (round = 0; round < 3; round++) {
        CHECK(create(store, round ? "again" : "first") == RBTOKEN_OK);
        CHECK(sqlite_open(location, &database) == 0);
        CHECK(sqlite_exec(database, "DELETE FROM webapi_webapitoken", NULL, NULL, NULL) ==
              SQLITE_BUSY);
        CHECK(sqlite_exec(database, "SELECT count(*) FROM webapi_webapitoken", NULL, NULL, NULL) ==
              SQLITE_BUSY);
        CHECK(sqlite_close(database) == 0);
        open_and_close();
    }
    CHECK(create(store, "last") == RBTOKEN_OK && count_tokens(store) == 3);
    rbtoken_store_release(store);
    store = open_store(location);
    CHECK(count_tokens(store) == 3);
    rbtoken_store_release(store);
    OK("another SQLite in the process stays out of the file");
    return 0;
}

static int main_refused(void)
{
    rbtoken_store_t *store;

    refuse(SYS_fcntl, 1, F_OFD_SETLK, EINVAL);
    store = open_store(location);
    CHECK(create(store, "a") == RBTOKEN_OK);
    CHECK(is_locked_elsewhere());
    CHECK(open_elsewhere(self, location) == RBTOKEN_E_LOCKED);
    CHECK(create(store, "b") == RBTOKEN_OK);
    rbtoken_store_release(store);
    store = open_store(location);
    CHECK(count_tokens(store) == 2);
    rbtoken_store_release(store);
    OK("where there are no such locks, SQLite's own keep other processes out");
    return 0;
}

int main(int argc, char **argv)
{
    const char *verb = argc == 3 ? argv[1] : "all";

    CHECK(argc == 2 || argc == 3);
    setvbuf(stdout, NULL, _IONBF, 0); /* unbuffered, since children call exit() */
    self = argv[0];
    if (strcmp(verb, "open") == 0)
        return main_open(argv[2]);
    snprintf(location, sizeof location, "%s/tokens.db", argv[argc - 1]);
    if (strcmp(verb, "sqlite") == 0)
        return main_sqlite();
    if (strcmp(verb, "refused") == 0)
        return main_refused();
    closing_the_file_releases_no_lock();
    child_keeps_no_lock_of_a_killed_parent();
    child_that_releases_unlocks_nothing();
    child_outlives_the_parent_and_opens();
    return 0;
}
