/* A program with its own SQLite and the static library: neither sees the other's. The store is
 * in the file given as argument, if the library supports that. */
#include <rbtoken.h>
#include <sqlite3.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    rbtoken_store_options_t options;
    rbtoken_status_t status;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    sqlite3 *database;

    if (argc < 2)
        return 4;
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, argv[1]);
    status = rbtoken_store_open(&options, &store, NULL);
    if (status == RBTOKEN_E_UNSUPPORTED)
        status = rbtoken_store_open(NULL, &store, NULL);
    if (status != RBTOKEN_OK ||
        rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &token, NULL,
                                                 NULL) != RBTOKEN_OK)
        return 1;
    if (sqlite3_open(":memory:", &database) != SQLITE_OK ||
        sqlite3_exec(database, "CREATE TABLE t (x)", NULL, NULL, NULL) != SQLITE_OK)
        return 2;
    /* The version that was compiled is the one that runs. */
    if (strcmp(sqlite3_sourceid(), SQLITE_SOURCE_ID) != 0) {
        fprintf(stderr, "compiled with %s, linked with %s\n", SQLITE_SOURCE_ID, sqlite3_sourceid());
        return 3;
    }
    printf("%s\n", rbtoken_token_redacted(token, NULL));
    sqlite3_close(database);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    return 0;
}
