/* A host that closes descriptors of an open store and reuses their numbers, truncates its files,
 * or changes the root directory. The store must not write to any file of the host, must keep
 * acknowledged changes, and can still be read.
 *
 *     descriptors FOLDER
 *     descriptors chroot FOLDER   as root
 *     descriptors open LOCATION   run by `open_elsewhere`
 */
#define _GNU_SOURCE
#include "host.h"

#include <sys/stat.h>

enum { TOKENS = 4, MOST = 16 };

static const char HOSTS[] = "the host's own file, which nobody else may write to\n";
static const char *folder, *self;
static char location[4096], log_path[4100], hosts_path[4096];

static rbtoken_store_t *open_with_tokens(void)
{
    rbtoken_store_t *store;
    char client[16];
    int i;

    unlink(location);
    unlink(log_path);
    store = open_store(location);
    for (i = 0; i < TOKENS; i++) {
        snprintf(client, sizeof client, "client %d", i);
        CHECK(create(store, client) == RBTOKEN_OK);
    }
    return store;
}

/* Returns the descriptors that are open on a path, terminated by -1. */
static void find_descriptors(const char *path, int found[MOST])
{
    struct stat file, other;
    int fd, count = 0;

    CHECK(stat(path, &file) == 0);
    for (fd = 0; fd < 256; fd++)
        if (fstat(fd, &other) == 0 && other.st_dev == file.st_dev && other.st_ino == file.st_ino) {
            CHECK(count < MOST - 1);
            found[count++] = fd;
        }
    found[count] = -1;
}

static void check_copies(rbtoken_store_t *store)
{
    rbtoken_store_t *copy;
    char path[4096];
    uint64_t count;

    snprintf(path, sizeof path, "%s/export.jsonl", folder);
    unlink(path);
    CHECK_OK(rbtoken_store_export_file(store, RBTOKEN_STR(path), NULL, &count, &error));
    CHECK(count == TOKENS);
    snprintf(path, sizeof path, "%s/backup.db", folder);
    unlink(path);
    CHECK_OK(rbtoken_store_backup(store, RBTOKEN_STR(path), &error));
    copy = open_store(path);
    CHECK(count_tokens(copy) == TOKENS);
    rbtoken_store_release(copy);
}

static void check_refused(rbtoken_store_t *store)
{
    rbtoken_token_t *token;
    rbtoken_status_t status;
    int i;

    for (i = 0; i < 3; i++)
        CHECK(create(store, "too late") == RBTOKEN_E_IO);
    CHECK(rbtoken_store_delete_token(store, 1, NULL) == RBTOKEN_E_IO);
    CHECK_OK(rbtoken_store_get_token(store, 1, &token, &error));
    status = rbtoken_store_invalidate_token(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)),
                                            NULL, 0, NULL);
    CHECK(status == RBTOKEN_E_IO);
    rbtoken_token_release(token);
    CHECK(count_tokens(store) == TOKENS);
}

static void check_hosts_file(int fd)
{
    char found[2 * sizeof HOSTS] = "";
    struct stat file;

    CHECK(fstat(fd, &file) == 0 && file.st_size == (off_t)strlen(HOSTS));
    CHECK(pread(fd, found, sizeof found, 0) == (ssize_t)strlen(HOSTS) && strcmp(found, HOSTS) == 0);
}

/* Closes the n-th descriptor of a path, and opens the host's file with its number. */
static bool steal(const char *path, int n)
{
    rbtoken_store_t *store = open_with_tokens();
    int found[MOST], fd, i;

    find_descriptors(path, found);
    for (i = 0; i < n && found[i] >= 0; i++)
        ;
    fd = found[i];
    if (fd >= 0) {
        int file = open(hosts_path, O_RDWR | O_CREAT | O_TRUNC, 0600);

        CHECK(file >= 0 && write(file, HOSTS, strlen(HOSTS)) == (ssize_t)strlen(HOSTS));
        CHECK(dup2(file, fd) == fd && close(file) == 0);
        check_refused(store);
        check_copies(store);
        check_hosts_file(fd);
    }
    rbtoken_store_release(store);
    if (fd >= 0) {
        check_hosts_file(fd);
        CHECK(close(fd) == 0);
        store = open_store(location);
        CHECK(count_tokens(store) == TOKENS);
        CHECK(create(store, "again") == RBTOKEN_OK);
        rbtoken_store_release(store);
    }
    return fd >= 0;
}

static void stolen_descriptors(void)
{
    int n, total = 0;

    for (n = 0; steal(location, n); n++)
        total++;
    for (n = 0; steal(log_path, n); n++)
        total++;
    for (n = 0; steal(folder, n); n++)
        total++;
    CHECK(total >= 4);
    printf("ok %d descriptors of the store were stolen one by one, and nothing was lost\n", total);
}

/* A daemon that closes every descriptor and then opens its own files. */
static void daemon_closes_everything(void)
{
    rbtoken_store_t *store = open_with_tokens();
    int fd, first = 0, last = 0;

    for (fd = 3; fd < 256; fd++)
        close(fd);
    for (last = first = open(hosts_path, O_RDWR | O_CREAT | O_TRUNC, 0600); last < 40;
         last = open(hosts_path, O_RDWR))
        CHECK(last >= 0);
    CHECK(write(first, HOSTS, strlen(HOSTS)) == (ssize_t)strlen(HOSTS));
    check_refused(store);
    check_copies(store);
    rbtoken_store_release(store);
    for (fd = first; fd <= last; fd++) {
        check_hosts_file(fd);
        CHECK(close(fd) == 0);
    }
    store = open_store(location);
    CHECK(count_tokens(store) == TOKENS);
    rbtoken_store_release(store);
    OK("a daemon that closed every descriptor lost nothing of its own nor of the store");
}

/* The contents of this file are undefined now; the export must be complete. */
static void cut_short(const char *path)
{
    rbtoken_store_t *store = open_with_tokens();

    CHECK(truncate(path, 100) == 0);
    check_refused(store);
    check_copies(store);
    rbtoken_store_release(store);
    /* Nothing was written to it, and no file of the store is open any more. */
    CHECK(try_open(location, &store) != RBTOKEN_E_LOCKED);
    rbtoken_store_release(store);
}

/* The host reuses a descriptor of the store for the store's own file: the lock was released. */
static void steal_by_own_file(void)
{
    int found[MOST], n;

    for (n = 0;; n++) {
        rbtoken_store_t *store = open_with_tokens();
        int fd, file;

        find_descriptors(location, found);
        for (fd = 0; fd < n && found[fd] >= 0; fd++)
            ;
        fd = found[fd];
        if (fd < 0) {
            rbtoken_store_release(store);
            break;
        }
        file = open(location, O_RDWR);
        CHECK(file >= 0 && dup2(file, fd) == fd && close(file) == 0);
        /* If SQLite had the descriptor, the lock is still held, and it is the same file. */
        if (create(store, "later") == RBTOKEN_OK)
            CHECK(open_elsewhere(self, location) == RBTOKEN_E_LOCKED);
        rbtoken_store_release(store);
    }
    CHECK(n >= 2);
    OK("a store that lost its lock to another descriptor of its file refuses to write");
}

static void make_parents(char *path)
{
    char *slash;

    for (slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        CHECK(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

static int main_chroot(void)
{
    rbtoken_store_t *store = open_with_tokens();
    char jail[4096], inside[8300];
    int outside = open("/", O_RDONLY | O_DIRECTORY);

    snprintf(jail, sizeof jail, "%s/jail", folder);
    CHECK(outside >= 0 && (mkdir(jail, 0700) == 0 || errno == EEXIST));
    snprintf(inside, sizeof inside, "%s%s", jail, log_path);
    make_parents(inside);
    close(open(inside, O_WRONLY | O_CREAT, 0600));
    CHECK(access(inside, F_OK) == 0);
    CHECK(chroot(jail) == 0 && chdir("/") == 0);
    CHECK(create(store, "in the jail") == RBTOKEN_OK);
    CHECK_OK(rbtoken_store_flush(store, &error));
    rbtoken_store_release(store);
    CHECK(fchdir(outside) == 0 && chroot(".") == 0);
    CHECK(access(inside, F_OK) == 0 && access(log_path, F_OK) != 0);
    store = open_store(location);
    CHECK(count_tokens(store) == TOKENS + 1);
    rbtoken_store_release(store);
    OK("a store goes on after a chroot, and removes its own log");
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "open") == 0)
        return main_open(argv[2]);
    folder = argv[argc - 1];
    snprintf(location, sizeof location, "%s/tokens.db", folder);
    snprintf(log_path, sizeof log_path, "%s-wal", location);
    snprintf(hosts_path, sizeof hosts_path, "%s/host.log", folder);
    if (argc == 3)
        return main_chroot();
    stolen_descriptors();
    steal_by_own_file();
    daemon_closes_everything();
    cut_short(location);
    cut_short(log_path);
    OK("a file that was cut short is not written to");
    return 0;
}
