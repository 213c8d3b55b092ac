/* A host with a deliberate fault, which AddressSanitizer must detect:
 *
 *   planted none        no fault
 *   planted over-read   a text's length exceeds its memory, so that the library reads after it
 *   planted after-free  a token's text is read after the token was released
 *   planted leak        a token is never released
 */
#include "check.h"

#include <string.h>

int main(int argc, char **argv)
{
    const char *fault = argc > 1 ? argv[1] : "none";
    size_t lie = strcmp(fault, "over-read") == 0;
    char *user = (char *)malloc(5);
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    rbtoken_error_t *error;
    const char *note;
    size_t len;

    CHECK(user != NULL);
    memcpy(user, "alice", 5);
    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    CHECK_OK(rbtoken_store_get_or_create_client_token(store, user, 5 + lie, RBTOKEN_STR("RBTools"),
                                                      NULL, &token, NULL, &error));
    free(user);
    rbtoken_store_release(store);
    note = rbtoken_token_note(token, &len);
    if (strcmp(fault, "leak") != 0)
        rbtoken_token_release(token);
    if (strcmp(fault, "after-free") == 0)
        printf("%c\n", note[len - 1]);
    token = NULL;
    note = NULL;
    OK("the host ends");
    return 0;
}
