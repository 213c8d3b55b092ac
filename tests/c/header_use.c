/* The first of two translation units: uses each macro, and includes the header twice. */
#include "rbtoken.h"
#include "rbtoken.h"

#include <stdio.h>

const char *header_other(rbtoken_client_token_options_t *options);

int main(void)
{
    rbtoken_store_options_t store_options;
    rbtoken_client_token_options_t options;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error = NULL;
    bool created;
    bool good;

    if (!rbtoken_abi_is_compatible(RBTOKEN_ABI_VERSION) || RBTOKEN_VERSION_PATCH < 0)
        return 1;

    RBTOKEN_INIT(&store_options);
    RBTOKEN_SET_STR(&store_options, settings, "{\"min_validity_secs\": 60}");
    if (rbtoken_store_open(&store_options, &store, &error) != RBTOKEN_OK)
        return 2;
    if (rbtoken_store_add_local_site(store, RBTOKEN_STR(header_other(&options)), &error) !=
        RBTOKEN_OK)
        return 3;
    if (rbtoken_store_get_or_create_client_token(store, "alice and bob", 5, RBTOKEN_STR("RBTools"),
                                                 &options, &token, &created, &error) != RBTOKEN_OK)
        return 4;

    good = created && strcmp(rbtoken_token_user(token, NULL), "alice") == 0 &&
           strcmp(rbtoken_token_local_site(token, NULL), "north") == 0;
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    if (good)
        puts("ok the header's macros work");
    return good ? 0 : 5;
}
