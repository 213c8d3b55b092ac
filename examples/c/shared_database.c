/* A host that shares the database of a Review Board server.
 *
 *     shared_database LOCATION USER
 *
 * prints a token of the user, with which RBTools can log in to the server. */
#include <rbtoken.h>

#include <stdio.h>

static int fail(rbtoken_error_t *error)
{
    fprintf(stderr, "%s: %s\n", rbtoken_status_name(rbtoken_error_status(error)),
            rbtoken_error_message(error));
    rbtoken_error_free(error);
    return 1;
}

int main(int argc, char **argv)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    bool created;

    if (argc != 3) {
        puts("usage: shared_database LOCATION USER\n"
             "LOCATION is the database of a Review Board server, such as\n"
             "  reviewboard+sqlite:///var/www/reviewboard/data/reviewboard.db\n"
             "  postgresql://reviewboard:password@db.example.com/reviewboard\n"
             "  mysql://reviewboard:password@db.example.com/reviewboard");
        return 0;
    }

    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, argv[1]);
    if (rbtoken_store_open(&options, &store, &error) != RBTOKEN_OK)
        return fail(error);

    /* The user must exist on the server. Authenticate the caller before returning a token. */
    if (rbtoken_store_get_or_create_client_token(store, argv[2], RBTOKEN_NUL_TERMINATED,
                                                 RBTOKEN_STR("RBTools"), NULL, &token, &created,
                                                 &error) != RBTOKEN_OK) {
        rbtoken_store_release(store);
        return fail(error);
    }
    printf("%s token %s:\n%s\n", created ? "new" : "existing", rbtoken_token_redacted(token, NULL),
           rbtoken_token_value(token, NULL));
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    return 0;
}
