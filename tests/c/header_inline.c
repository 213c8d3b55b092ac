/* Initializes options with the inline functions, for languages without C macros. */
#include "check.h"

int main(void)
{
    rbtoken_store_options_t by_function, by_macro;
    rbtoken_import_options_t import_options;
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error = NULL;

    memset(&by_function, 0x5a, sizeof by_function);
    memset(&by_macro, 0x5a, sizeof by_macro);
    rbtoken_options_init(&by_function, sizeof by_function);
    RBTOKEN_INIT(&by_macro);
    CHECK(memcmp(&by_function, &by_macro, sizeof by_macro) == 0);
    rbtoken_text_set(&by_function.settings, &by_function.settings_len,
                     "{\"local_sites\": [\"north\"]}");
    RBTOKEN_SET_STR(&by_macro, settings, by_function.settings);
    CHECK(memcmp(&by_function, &by_macro, sizeof by_macro) == 0);

    CHECK_OK(rbtoken_store_open(&by_function, &store, &error));
    rbtoken_options_init(&import_options, sizeof import_options);
    rbtoken_text_set(&import_options.local_site, &import_options.local_site_len, "north");
    CHECK_OK(rbtoken_store_import_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR("a value"),
                                        &import_options, &token, &error));
    CHECK(strcmp(rbtoken_token_local_site(token, NULL), "north") == 0);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("inline functions do what the macros do");
    return 0;
}
