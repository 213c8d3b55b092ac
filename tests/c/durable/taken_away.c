/* The file of an open store is renamed, removed or replaced. The store refuses to write, and
 * continues to answer.
 *
 *     taken_away FOLDER
 */
#define _GNU_SOURCE
#include "model.h"

#include <fcntl.h>

static char away[4200];

static void open_with_tokens(void)
{
    remove_files();
    memset(expected, 0, sizeof *expected);
    CHECK(open_store() == RBTOKEN_OK);
    CHECK(create("before") == RBTOKEN_OK);
    generate();
    CHECK(expected->count == 2);
    log_in(expected->ids[0]);
    CHECK(expected->used_us != 0);
}

static void refuses_to_write(void)
{
    size_t count = expected->count;

    CHECK(create("while it is away") != RBTOKEN_OK);
    update(expected->ids[0]);
    CHECK(expected->refused);
    invalidate(expected->ids[0]);
    CHECK(expected->refused);
    delete(expected->ids[0]);
    CHECK(expected->refused && expected->count == count);
    set_others();
    CHECK(expected->refused && !expected->bob_is_inactive && !expected->has_north);
    CHECK(differences() == 0);
    log_in(expected->ids[0]);
    CHECK(expected->refused);
}

static void file_comes_back(void)
{
    open_with_tokens();
    CHECK(rename(location, away) == 0);
    refuses_to_write();
    CHECK(access(location, F_OK) != 0);
    CHECK(rename(away, location) == 0);
    CHECK(create("back again") == RBTOKEN_OK);
    rbtoken_store_release(store);
    CHECK(open_store() == RBTOKEN_OK);
    CHECK(differences() == 0 && knows_login());
    rbtoken_store_release(store);
    OK("a file that was away and came back has all that was acknowledged");
}

static void file_is_removed(void)
{
    open_with_tokens();
    CHECK(unlink(location) == 0);
    refuses_to_write();
    rbtoken_store_release(store);
    CHECK(access(location, F_OK) != 0);
    OK("a file that was removed is not written to");
}

static void file_is_replaced(void)
{
    static const char OTHER[] = "somebody else's";
    char found[sizeof OTHER] = "";
    int fd;

    open_with_tokens();
    CHECK(rename(location, away) == 0);
    fd = open(location, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0 && write(fd, OTHER, sizeof OTHER) == sizeof OTHER);
    refuses_to_write();
    rbtoken_store_release(store);
    CHECK(pread(fd, found, sizeof found, 0) == sizeof found && strcmp(found, OTHER) == 0);
    CHECK(lseek(fd, 0, SEEK_END) == sizeof OTHER);
    close(fd);
    CHECK(unlink(location) == 0 && rename(away, location) == 0);
    CHECK(open_store() == RBTOKEN_OK);
    CHECK(differences() == 0 && knows_login());
    rbtoken_store_release(store);
    OK("a file that was put in the place of the store's is left alone");
}

int main(int count, char **arguments)
{
    static model the_model;

    CHECK(count == 2);
    expected = &the_model;
    snprintf(location, sizeof location, "%s/tokens.db", arguments[1]);
    snprintf(away, sizeof away, "%s.away", location);
    memset(note, 'n', NOTE_SIZE);
    file_comes_back();
    file_is_removed();
    file_is_replaced();
    return 0;
}
