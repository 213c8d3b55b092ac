/* Opens the store at a path, creates a token, and holds the file until it is killed. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    CHECK(argc == 2);
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, location, argv[1]);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, &error));
    puts("ok it has the file");
    fflush(stdout);
    for (;;) {
        pause();
    }
}
