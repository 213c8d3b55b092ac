/* A simulated disk that records a journal and injects faults: a library to be preloaded
 * (LD_PRELOAD) into the process under test. It intercepts the C library's file operations, so it
 * sees those of SQLite and of the library in order, from all threads.
 *
 * Environment variables, read at the first call:
 *   RBTOKEN_DISK_FOLDER   the folder to watch: an absolute path without symbolic links; its files
 *                         must be created while it is watched
 *   RBTOKEN_DISK_JOURNAL  a file outside of it that receives the journal; not set: no journal
 *   RBTOKEN_DISK_TELL     if set, failing calls are reported on standard error
 *
 * The journal is a sequence of entries in native byte order, each a `struct entry` and its text:
 *   create  file, its name         write     file, offset, bytes        mark  text written to the
 *   unlink  its name               truncate  file, its size             standard output
 *   rename  old name, NUL, new     sync      file                       folder  folder was synced
 * Other calls are not recorded, so their effects count as lost, and no fault is injected into
 * them. A file is identified by its inode number. Writes to standard output are recorded as
 * marks: a host prints what was acknowledged, which is thereby ordered with the system calls.
 */
#define _GNU_SOURCE
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(off_t) == 8, "offsets of 64 bits");

enum { FILES = 64 };

struct entry {
    uint64_t kind, file, offset, length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool ready;
static char folder[PATH_MAX];
static size_t folder_len;
static struct stat folder_stat;
static ino_t files[FILES];
static int journal = -1;

static long calls, nth;
static int nth_error;
static bool stays;

static void give_up(const char *why)
{
    fprintf(stderr, "disk: %s\n", why);
    abort();
}

/* The original system calls; `syscall` sets errno. */
static int real_open(const char *path, int flags, mode_t mode)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t len)
{
    return syscall(SYS_write, fd, bytes, len);
}

static ssize_t real_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

/* This and the following functions need the lock. */
static void prepare(void)
{
    const char *path;

    if (ready)
        return;
    ready = true;
    path = getenv("RBTOKEN_DISK_FOLDER");
    if (path == NULL)
        return;
    if (strlen(path) >= sizeof folder || stat(path, &folder_stat) != 0)
        give_up("RBTOKEN_DISK_FOLDER is no folder");
    strcpy(folder, path);
    folder_len = strlen(folder);
    path = getenv("RBTOKEN_DISK_JOURNAL");
    if (path != NULL) {
        journal = real_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (journal < 0)
            give_up("RBTOKEN_DISK_JOURNAL cannot be made");
    }
}

static void begin(void)
{
    pthread_mutex_lock(&lock);
    prepare();
}

static long end(long result)
{
    int error = errno;

    pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

/* Returns the name of a path in the watched folder, or NULL. */
static const char *name_of(const char *path)
{
    if (folder_len == 0 || strncmp(path, folder, folder_len) != 0 || path[folder_len] != '/')
        return NULL;
    return path + folder_len + 1;
}

static ino_t *slot_of(ino_t file)
{
    size_t i;

    for (i = 0; i < FILES; i++)
        if (files[i] == file)
            return &files[i];
    return NULL;
}

/* Returns the inode number of a watched open file, or 0. */
static ino_t file_of(int fd)
{
    struct stat found;

    if (folder_len == 0 || fstat(fd, &found) != 0 || found.st_dev != folder_stat.st_dev)
        return 0;
    return slot_of(found.st_ino) != NULL ? found.st_ino : 0;
}

static bool is_folder(int fd)
{
    struct stat found;

    return folder_len != 0 && fstat(fd, &found) == 0 && found.st_dev == folder_stat.st_dev &&
           found.st_ino == folder_stat.st_ino;
}

static void record(char kind, ino_t file, off_t offset, const void *text, size_t length)
{
    struct entry entry = {(uint64_t)kind, file, (uint64_t)offset, length};
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)(uintptr_t)text, length}};
    ssize_t whole = (ssize_t)(sizeof entry + length);

    if (journal >= 0 && syscall(SYS_writev, journal, parts, 2) != whole)
        give_up("the journal cannot be written");
}

/* Counts a call on watched files. Returns true and sets errno if it must fail. */
static bool fails(const char *call, const char *name)
{
    calls++;
    if (nth == 0 || (calls != nth && !(stays && calls > nth)))
        return false;
    if (getenv("RBTOKEN_DISK_TELL") != NULL)
        fprintf(stderr, "disk: call %ld fails: %s %s\n", calls, call, name);
    errno = nth_error;
    return true;
}

void disk_fail(long call, int error, bool from_then_on)
{
    begin();
    calls = 0;
    nth = call;
    nth_error = error;
    stays = from_then_on;
    end(0);
}

bool disk_heal(void)
{
    bool failed;

    begin();
    failed = nth != 0 && calls >= nth;
    nth = 0;
    return end(failed);
}

static int watched_open(const char *path, int flags, mode_t mode)
{
    const char *name;
    struct stat found;
    ino_t *slot;
    bool existed;
    int fd;

    begin();
    name = name_of(path);
    if (name == NULL)
        return (int)end(real_open(path, flags, mode));
    if (fails("open", name))
        return (int)end(-1);
    existed = stat(path, &found) == 0;
    fd = real_open(path, flags, mode);
    if (fd < 0 || fstat(fd, &found) != 0 || !S_ISREG(found.st_mode))
        return (int)end(fd);
    if (slot_of(found.st_ino) == NULL) {
        slot = slot_of(0);
        if (slot == NULL)
            give_up("too many files");
        *slot = found.st_ino;
    }
    if (!existed)
        record('c', found.st_ino, 0, name, strlen(name));
    else if (flags & O_TRUNC)
        record('t', found.st_ino, 0, NULL, 0);
    return (int)end(fd);
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                              \
    int name(const char *path, int flags, ...)  \
    {                                           \
        va_list arguments;                      \
        mode_t mode;                            \
                                                \
        va_start(arguments, flags);             \
        mode = mode_of(flags, arguments);       \
        va_end(arguments);                      \
        return watched_open(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

/* Writes at an offset, or at the current position if it is negative. Without disk space, nothing
 * is written; with another fault, the first half is, which the caller is not told. */
static ssize_t watched_write(int fd, const void *bytes, size_t len, off_t offset)
{
    struct stat found;
    bool stands = offset < 0;
    ssize_t written;
    ino_t file;

    begin();
    file = file_of(fd);
    if (file == 0) {
        written = stands ? real_write(fd, bytes, len) : real_pwrite(fd, bytes, len, offset);
        if (fd == STDOUT_FILENO && written > 0)
            record('m', 0, 0, bytes, (size_t)written);
        return end(written);
    }
    if (stands) {
        offset = fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &found) == 0 ? found.st_size
                                                                         : lseek(fd, 0, SEEK_CUR);
    }
    if (fails("write", "")) {
        if (errno != ENOSPC && len > 1) {
            written = real_pwrite(fd, bytes, len / 2, offset);
            if (written > 0)
                record('w', file, offset, bytes, (size_t)written);
            errno = nth_error;
        }
        return end(-1);
    }
    written = stands ? real_write(fd, bytes, len) : real_pwrite(fd, bytes, len, offset);
    if (written > 0)
        record('w', file, offset, bytes, (size_t)written);
    return end(written);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return watched_write(fd, bytes, len, -1);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return watched_write(fd, bytes, len, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
    return watched_write(fd, bytes, len, offset);
}

int ftruncate(int fd, off_t size)
{
    ino_t file;
    long result;

    begin();
    file = file_of(fd);
    if (file != 0 && fails("truncate", ""))
        return (int)end(-1);
    result = syscall(SYS_ftruncate, fd, size);
    if (file != 0 && result == 0)
        record('t', file, size, NULL, 0);
    return (int)end(result);
}

int ftruncate64(int fd, off_t size)
{
    return ftruncate(fd, size);
}

static int watched_sync(int fd, long call)
{
    ino_t file;
    bool whole;
    long result;

    begin();
    file = file_of(fd);
    whole = is_folder(fd);
    if ((file != 0 || whole) && fails("sync", whole ? "the folder" : ""))
        return (int)end(-1);
    result = syscall(call, fd);
    if (result == 0 && whole)
        record('f', 0, 0, NULL, 0);
    else if (result == 0 && file != 0)
        record('s', file, 0, NULL, 0);
    return (int)end(result);
}

int fsync(int fd)
{
    return watched_sync(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return watched_sync(fd, SYS_fdatasync);
}

int unlink(const char *path)
{
    const char *name;
    struct stat found;
    ino_t *slot;
    long result;

    begin();
    name = name_of(path);
    if (name != NULL && fails("unlink", name))
        return (int)end(-1);
    if (name != NULL && stat(path, &found) == 0 && found.st_nlink == 1) {
        slot = slot_of(found.st_ino);
        if (slot != NULL)
            *slot = 0;
    }
    result = syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    if (name != NULL && result == 0)
        record('u', 0, 0, name, strlen(name));
    return (int)end(result);
}

int unlinkat(int directory, const char *path, int flags)
{
    char whole[PATH_MAX];
    struct stat found;

    if (flags != 0 || directory == AT_FDCWD || path[0] == '/' || fstat(directory, &found) != 0 ||
        found.st_dev != folder_stat.st_dev || found.st_ino != folder_stat.st_ino)
        return (int)syscall(SYS_unlinkat, directory, path, flags);
    if (snprintf(whole, sizeof whole, "%s/%s", folder, path) >= (int)sizeof whole)
        give_up("a path is too long");
    return unlink(whole);
}

int rename(const char *old_path, const char *new_path)
{
    char names[2 * NAME_MAX + 2];
    const char *old_name, *new_name;
    int length = 0;
    long result;

    begin();
    old_name = name_of(old_path);
    new_name = name_of(new_path);
    if ((old_name == NULL) != (new_name == NULL))
        give_up("a file is moved into or out of the watched folder");
    if (old_name != NULL && fails("rename", old_name))
        return (int)end(-1);
    result = syscall(SYS_renameat2, AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
    if (old_name != NULL && result == 0) {
        length = snprintf(names, sizeof names, "%s%c%s", old_name, 0, new_name);
        record('r', 0, 0, names, (size_t)length);
    }
    return (int)end(result);
}

/* Calls that are not recorded must not be used on a watched file. */
void *mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    bool writes = (flags & MAP_SHARED) && (protection & PROT_WRITE);

    if (fd >= 0 && writes) {
        begin();
        if (file_of(fd) != 0)
            give_up("a watched file is mapped for writing");
        end(0);
    }
    return (void *)syscall(SYS_mmap, address, len, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
    return mmap(address, len, protection, flags, fd, offset);
}
