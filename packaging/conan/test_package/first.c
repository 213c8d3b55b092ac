/* Creates a token and prints it without its secret. */
#include <rbtoken.h>
#include <stdio.h>

int main(void)
{
    rbtoken_store_t *store;
    rbtoken_token_t *token = NULL;
    rbtoken_error_t *error;

    if (rbtoken_store_open(NULL, &store, &error) == RBTOKEN_OK &&
        rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                 RBTOKEN_STR("RBTools"), NULL, &token, NULL,
                                                 &error) == RBTOKEN_OK)
        printf("%s with rbtoken %s\n", rbtoken_token_redacted(token, NULL), rbtoken_version());
    else
        fprintf(stderr, "%s\n", rbtoken_error_message(error));
    rbtoken_error_free(error);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    return token == NULL;
}
