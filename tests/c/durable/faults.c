/* Lets every file operation fail once and permanently, and checks the store: a failed change had
 * no effect, acknowledged changes are kept, reads continue, and writes continue when the fault
 * is over. Run with disk.c preloaded.
 *
 *     faults FOLDER all|some PART PARTS
 *
 * A case is a short-lived store in a separate process, in which the n-th call that opens,
 * changes or syncs a file fails; its end is one of `enum ending`. Another process then checks
 * the file. `all` runs all cases of each n, `some` two with alternating properties. Of PARTS
 * parallel processes, each runs its PART, counted from 0.
 */
#define _GNU_SOURCE
#include "disk.h"
#include "model.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit status of a process that made fewer calls. */
enum { NOT_REACHED = 8 };

enum ending { WRITE_AND_CLOSE, WRITE_AND_DIE, CLOSE_WHILE_ILL, DIE_WHILE_ILL, ENDINGS };
static const char *const ENDING_NAMES[] = {"write and close", "write and die", "close while ill",
                                           "die while ill"};

typedef struct scenario {
    long call;
    int error;
    bool stays;
    bool exists; /* whether the file exists before the fault */
    enum ending ending;
} scenario;

/* A failed copy leaves no file, unless files cannot be removed any more. */
static void check_nothing_left(const scenario *with, const char *end)
{
    char wal[32], journal[32];

    snprintf(wal, sizeof wal, "%s-wal", end);
    snprintf(journal, sizeof journal, "%s-journal", end);
    if (!with->stays)
        CHECK(access(beside(end), F_OK) != 0 && access(beside(wal), F_OK) != 0 &&
              access(beside(journal), F_OK) != 0);
}

static void copy(const scenario *with)
{
    rbtoken_error_t *error;
    bool refused = expected->refused;

    if (answer(rbtoken_store_backup(store, RBTOKEN_STR(beside(".copy")), &error), &error) ==
        RBTOKEN_OK)
        expected->copied = expected->count;
    else
        check_nothing_left(with, ".copy");
    if (answer(rbtoken_store_export_file(store, RBTOKEN_STR(beside(".lines")), NULL, NULL, &error),
               &error) == RBTOKEN_OK)
        expected->exported = expected->count;
    else
        check_nothing_left(with, ".lines");
    expected->refused = refused;
}

/* A completed copy is complete. */
static void look_at_copies(void)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *other;
    rbtoken_error_t *error;
    uint64_t found;

    RBTOKEN_INIT(&options);
    if (expected->copied != 0) {
        RBTOKEN_SET_STR(&options, location, beside(".copy"));
        CHECK_OK(rbtoken_store_open(&options, &other, &error));
        CHECK_OK(rbtoken_store_token_count(other, &found, &error));
        CHECK(found == expected->copied);
        rbtoken_store_release(other);
    }
    if (expected->exported != 0) {
        CHECK_OK(rbtoken_store_open(NULL, &other, &error));
        CHECK_OK(rbtoken_store_import_file(other, RBTOKEN_STR(beside(".lines")), NULL, &found,
                                           &error));
        CHECK(found == expected->exported);
        rbtoken_store_release(other);
    }
}

/* Checks the store. Returns whether a process that must end during the fault should end now. */
static bool ends(const scenario *with)
{
    CHECK(differences() == 0);
    return expected->refused && (with->ending == CLOSE_WHILE_ILL || with->ending == DIE_WHILE_ILL);
}

static void live(const scenario *with)
{
    int64_t first;

    (void)create("one");
    if (ends(with))
        return;
    generate();
    if (ends(with) || expected->count == 0)
        return;
    first = expected->ids[0];
    log_in(expected->ids[expected->count - 1]);
    if (ends(with))
        return;
    update(first);
    if (ends(with))
        return;
    invalidate(first);
    if (ends(with))
        return;
    delete(first);
    if (ends(with))
        return;
    set_others();
    if (ends(with))
        return;
    (void)create("two");
    if (ends(with))
        return;
    copy(with);
    CHECK(differences() == 0);
}

/* The first process of a case. Its status is NOT_REACHED if it makes fewer calls. */
static void suffer(const scenario *with)
{
    bool ill;

    if (with->exists) {
        CHECK(open_store() == RBTOKEN_OK);
        CHECK(create("before") == RBTOKEN_OK);
        rbtoken_store_release(store);
    }
    disk_fail(with->call, with->error, with->stays);
    if (open_store() == RBTOKEN_OK)
        live(with);
    if (with->ending == DIE_WHILE_ILL)
        _exit(disk_heal() ? 0 : NOT_REACHED);
    if (with->ending == CLOSE_WHILE_ILL) {
        rbtoken_store_release(store);
        exit(disk_heal() ? 0 : NOT_REACHED);
    }
    ill = disk_heal();
    if (store == NULL)
        CHECK(open_store() == RBTOKEN_OK);
    CHECK(differences() == 0);
    CHECK(create("healed") == RBTOKEN_OK);
    CHECK(differences() == 0);
    if (with->ending == WRITE_AND_DIE)
        _exit(ill ? 0 : NOT_REACHED);
    rbtoken_store_release(store);
    exit(ill ? 0 : NOT_REACHED);
}

/* The second process of a case. If the fault lasted until the end, the last failed change may
 * have been kept, since it could not be undone. Otherwise it must have had no effect. */
static void look(const scenario *with)
{
    bool ended_ill = with->ending == DIE_WHILE_ILL || with->ending == CLOSE_WHILE_ILL;
    size_t in_doubt = ended_ill && with->stays && expected->refused ? 1 : 0;
    size_t different;

    CHECK(open_store() == RBTOKEN_OK);
    different = differences();
    if (different > in_doubt)
        fprintf(stderr, "%zu tokens differ after all\n", different);
    CHECK(different <= in_doubt);
    CHECK(knows_login());
    look_at_copies();
    CHECK(create("after all") == RBTOKEN_OK);
    rbtoken_store_release(store);
    exit(0);
}

static int run(void (*process)(const scenario *), const scenario *with)
{
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0)
        process(with);
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) != EXIT_FAILURE)
        return WEXITSTATUS(status);
    fprintf(stderr, "in the case: call %ld fails %s with %s, the file %s, the end is: %s\n",
            with->call, with->stays ? "from then on" : "once", strerror(with->error),
            with->exists ? "exists" : "is new", ENDING_NAMES[with->ending]);
    exit(EXIT_FAILURE);
}

/* Runs a case. Returns false if the failing call was not reached. */
static bool try_case(const scenario *with)
{
    int status;

    remove_files();
    memset(expected, 0, sizeof *expected);
    status = run(suffer, with);
    CHECK(run(look, with) == 0);
    return status != NOT_REACHED;
}

int main(int count, char **arguments)
{
    static const int ERRORS[] = {ENOSPC, EIO};
    long part, parts, cases = 0, misses = 0;
    scenario with;
    int each, i;

    CHECK(count == 5);
    CHECK(&disk_fail != NULL);
    snprintf(location, sizeof location, "%s/tokens.db", arguments[1]);
    each = strcmp(arguments[2], "all") == 0 ? 32 : 2;
    part = atol(arguments[3]), parts = atol(arguments[4]);
    memset(note, 'n', NOTE_SIZE);
    expected = mmap(NULL, sizeof *expected, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                    0);
    CHECK(expected != MAP_FAILED);

    /* The number of calls depends on the case. */
    for (with.call = 1 + part; misses < (each == 32 ? 3 : 16) * each; with.call += parts) {
        for (i = 0; i < each; i++) {
            long turn = each == 32 ? i : with.call * 2 + i;

            with.stays = turn % 2 != 0;
            with.error = ERRORS[turn / 2 % 2];
            with.ending = (enum ending)(turn / 4 % ENDINGS);
            with.exists = turn / 16 % 2 != 0;
            cases++;
            misses = try_case(&with) ? 0 : misses + 1;
        }
    }
    printf("ok each of %ld calls failed, in %ld cases, and the store stayed right\n",
           with.call - 1 - misses / each * parts, cases);
    return 0;
}
