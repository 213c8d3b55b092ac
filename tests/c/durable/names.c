/* The names of a store's file and of SQLite's files beside it are redirected, or other programs
 * left files there. Only the store's own files may be replayed, removed or written.
 *
 *     names FOLDER
 *     names mount FOLDER     as root
 *     names hot LOCATION     stores TOKENS tokens, and dies with them in the log
 */
#define _GNU_SOURCE
#include "host.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { TOKENS = 5 };

static const char *self, *folder;

static const char *in_folder(const char *name)
{
    static char paths[8][4096];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static bool has_text(const char *path, const char *text)
{
    char found[64] = "";
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        return false;
    CHECK(read(fd, found, sizeof found - 1) >= 0 && close(fd) == 0);
    return strcmp(found, text) == 0;
}

static off_t size_of(const char *path)
{
    struct stat file;

    return stat(path, &file) == 0 ? file.st_size : -1;
}

static void fill(rbtoken_store_t *store, int tokens)
{
    char client[32];
    int i;

    for (i = 0; i < tokens; i++) {
        snprintf(client, sizeof client, "client %d", i);
        CHECK(create(store, client) == RBTOKEN_OK);
    }
}

static uint64_t count_in(const char *location)
{
    rbtoken_store_t *store = open_store(location);
    uint64_t count = count_tokens(store);

    rbtoken_store_release(store);
    return count;
}

static void directory_is_moved(void)
{
    rbtoken_store_t *store;

    CHECK(mkdir(in_folder("a"), 0700) == 0);
    store = open_store(in_folder("a/tokens.db"));
    fill(store, TOKENS);
    CHECK(rename(in_folder("a"), in_folder("b")) == 0);
    CHECK(create(store, "astray") == RBTOKEN_E_IO);
    CHECK(mkdir(in_folder("a"), 0700) == 0);
    write_file(in_folder("a/tokens.db-wal"), "another store's log", 0600);
    rbtoken_store_release(store);
    CHECK(has_text(in_folder("a/tokens.db-wal"), "another store's log"));
    CHECK(size_of(in_folder("b/tokens.db-wal")) <= 0);
    CHECK(count_in(in_folder("b/tokens.db")) == TOKENS);
    OK("a store whose directory was moved writes nothing, and removes no other log");
}

static void file_is_replaced_by_a_backup(void)
{
    rbtoken_store_t *store = open_store(in_folder("tokens.db"));

    fill(store, 2);
    CHECK_OK(rbtoken_store_backup(store, RBTOKEN_STR(in_folder("good.db")), &error));
    fill(store, TOKENS);
    CHECK(rename(in_folder("tokens.db"), in_folder("bad.db")) == 0);
    CHECK(rename(in_folder("good.db"), in_folder("tokens.db")) == 0);
    rbtoken_store_release(store);
    CHECK(count_in(in_folder("tokens.db")) == 2);
    CHECK(count_in(in_folder("bad.db")) == TOKENS);
    OK("no log is left beside a file that was put in the store's place");
}

/* Runs `main_hot` until it dies. */
static void make_hot(const char *location)
{
    int status;
    pid_t child = fork();

    CHECK(child >= 0);
    if (child == 0) {
        execl(self, self, "hot", location, (char *)NULL);
        _exit(127);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static int main_hot(const char *location)
{
    fill(open_store(location), TOKENS);
    raise(SIGKILL);
    return 1;
}

static void log_waits_for_its_file(void)
{
    const char *location = in_folder("late.db"), *log = in_folder("late.db-wal");
    rbtoken_store_t *store;
    off_t size;

    make_hot(location);
    size = size_of(log);
    CHECK(size > 0 && rename(location, in_folder("aside.db")) == 0);
    CHECK(try_open(location, &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(size_of(log) == size && size_of(location) < 0);
    write_file(location, "", 0600);
    CHECK(try_open(location, &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(size_of(log) == size);
    CHECK(rename(in_folder("aside.db"), location) == 0);
    CHECK(count_in(location) == TOKENS);
    OK("the log of a file that is not there yet is left alone");
}

static void log_of_others_is_refused(void)
{
    const char *location = in_folder("mine.db"), *log = in_folder("mine.db-wal");
    rbtoken_store_t *store = open_store(location);

    fill(store, TOKENS);
    rbtoken_store_release(store);
    CHECK(size_of(log) < 0);
    write_file(log, "", 0666);
    CHECK(try_open(location, &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(unlink(log) == 0 && symlink("/dev/null", log) == 0);
    CHECK(try_open(location, &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(unlink(log) == 0);
    write_file(in_folder("mine.db-journal"), "", 0666);
    CHECK(try_open(location, &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(unlink(in_folder("mine.db-journal")) == 0);
    CHECK(count_in(location) == TOKENS);
    OK("a log that others may write to is not read");
}

static int main_mount(void)
{
    rbtoken_store_t *store;

    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
    CHECK(mkdir(in_folder("inside"), 0700) == 0);
    CHECK(count_in(in_folder("outside.db")) == 0);
    write_file(in_folder("inside/tokens.db"), "", 0600);
    CHECK(mount(in_folder("outside.db"), in_folder("inside/tokens.db"), NULL, MS_BIND, NULL) == 0);
    CHECK(try_open(in_folder("inside/tokens.db"), &store) == RBTOKEN_E_INVALID_ARGUMENT);
    CHECK(count_in(in_folder("outside.db")) == 0);
    OK("a file that is a mount of its own is refused");
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "hot") == 0)
        return main_hot(argv[2]);
    folder = argv[argc - 1];
    if (argc == 3)
        return main_mount();
    directory_is_moved();
    file_is_replaced_by_a_backup();
    log_waits_for_its_file();
    log_of_others_is_refused();
    return 0;
}
