/* Repeats one operation, for a tool that counts instructions: `instructions WHAT COUNT`. Setup
 * and cleanup cost the same for every count, so the difference between two runs is the cost of
 * the additional operations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "rbtoken.h"

#define TOKENS 1000

static rbtoken_store_t *store;
static char values[TOKENS][256];

static void client_token(size_t client, char *value)
{
    char name[32];
    size_t len;
    rbtoken_token_t *token;

    snprintf(name, sizeof name, "client %zu", client);
    CHECK(rbtoken_store_get_or_create_client_token(store, "alice", RBTOKEN_NUL_TERMINATED, name,
                                                   RBTOKEN_NUL_TERMINATED, NULL, &token, NULL,
                                                   NULL) == RBTOKEN_OK);
    if (value != NULL) {
        const char *text = rbtoken_token_value(token, &len);
        memcpy(value, text, len + 1);
    }
    rbtoken_token_release(token);
}

static void login(size_t client)
{
    rbtoken_verdict_t verdict;
    rbtoken_token_t *token;

    CHECK(rbtoken_store_authenticate(store, values[client], 255, NULL, &verdict, &token, NULL,
                                     NULL) == RBTOKEN_OK);
    CHECK(verdict == RBTOKEN_VERDICT_OK);
    rbtoken_token_release(token);
}

static void generate(void)
{
    rbtoken_token_t *token;

    CHECK(rbtoken_store_generate_token(store, "alice", RBTOKEN_NUL_TERMINATED, NULL, &token,
                                       NULL) == RBTOKEN_OK);
    rbtoken_token_release(token);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    CHECK(rbtoken_store_open(NULL, &store, NULL) == RBTOKEN_OK);
    for (size_t client = 0; client < TOKENS; client++)
        client_token(client, values[client]);

    size_t count = (size_t)strtoul(argv[2], NULL, 10);
    for (size_t step = 0; step < count; step++) {
        if (strcmp(argv[1], "login") == 0)
            login(step % TOKENS);
        else if (strcmp(argv[1], "existing") == 0)
            client_token(step % TOKENS, NULL);
        else
            generate();
    }
    rbtoken_store_release(store);
    return 0;
}
