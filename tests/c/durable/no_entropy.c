/* A host without system entropy (a chroot without /dev/urandom, and a filter that blocks
 * getrandom). Operations without entropy work, others fail, and nothing hangs.
 *
 *     no_entropy FOLDER
 */
#define _GNU_SOURCE
#include "host.h"
#include "filter.h"

int main(int argc, char **argv)
{
    char location[4096];
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_status_t status;

    CHECK(argc == 2);
    snprintf(location, sizeof location, "%s/tokens.db", argv[1]);
    store = open_store(location);
    CHECK(create(store, "a") == RBTOKEN_OK && create(store, "b") == RBTOKEN_OK);
    CHECK_OK(rbtoken_store_get_token(store, 1, &token, &error));
    rbtoken_store_release(store);

    /* A store whose writer thread has not needed entropy yet. */
    store = open_store(location);
    refuse(SYS_getrandom, -1, 0, ENOSYS);
    refuse(SYS_openat, -1, 0, EACCES);

    CHECK_OK(rbtoken_store_add_local_site(store, RBTOKEN_STR("north"), &error));
    CHECK_OK(rbtoken_store_set_user_active(store, RBTOKEN_STR("bob"), 0, &error));
    CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(rbtoken_token_value(token, NULL)),
                                            NULL, 0, &error));
    CHECK_OK(rbtoken_store_delete_token(store, 2, &error));
    /* This thread still has its key; another cannot get one. Both results are correct. */
    status = create(store, "c");
    CHECK(status == RBTOKEN_OK || status == RBTOKEN_E_GENERATION || status == RBTOKEN_E_IO);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("revocation needs no entropy");
    return 0;
}
