/* Unusual hosts. */
#define _GNU_SOURCE
#include "check.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static rbtoken_status_t seen;
static rbtoken_error_t *error;

/* A destroy callback that uses the store whose last release calls it. */
static void ask_the_store(void *user_data)
{
    rbtoken_store_t *store = user_data;
    rbtoken_policy_t *policy;
    uint64_t count = 7;

    seen = rbtoken_store_token_count(store, &count, NULL);
    CHECK(count == 0 || seen == RBTOKEN_OK);
    CHECK(rbtoken_policy_parse(store, RBTOKEN_STR("{\"resources\": {\"review\": {}}}"), &policy,
                               NULL) == seen);
    rbtoken_policy_free(policy);
}

static rbtoken_status_t create(void *user_data, const char *token_type, uint32_t attempt,
                               char *value, size_t capacity, size_t *value_len)
{
    (void)user_data, (void)token_type, (void)attempt, (void)value, (void)capacity;
    *value_len = 0;
    return RBTOKEN_OK;
}

/* A result that is not a valid bool. */
static rbtoken_status_t validate(void *user_data, const char *token_type, const char *value,
                                 size_t value_len, bool *valid)
{
    (void)user_data, (void)token_type, (void)value, (void)value_len;
    memset(valid, 0x5a, 1);
    return RBTOKEN_OK;
}

static void a_destroy_may_ask_the_store_that_is_closing(void)
{
    rbtoken_store_t *store;
    rbtoken_hooks_t hooks;
    rbtoken_generator_t generator;
    uint64_t id;

    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    RBTOKEN_INIT(&hooks);
    hooks.user_data = store;
    hooks.destroy = ask_the_store;
    CHECK_OK(rbtoken_store_add_hooks(store, &hooks, &id, NULL));
    seen = RBTOKEN_OK;
    rbtoken_store_release(store);
    CHECK(seen == RBTOKEN_E_STATE);

    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    RBTOKEN_INIT(&generator);
    generator.user_data = store;
    generator.create = create;
    generator.validate = validate;
    generator.destroy = ask_the_store;
    CHECK_OK(rbtoken_store_add_generator(store, RBTOKEN_STR("odd"), &generator, NULL));
    seen = RBTOKEN_OK;
    rbtoken_store_release(store);
    CHECK(seen == RBTOKEN_E_STATE);
    OK("a destroy may ask the store that is closing: it answers E_STATE");
}

static void an_answer_that_is_no_bool_is_told(void)
{
    rbtoken_store_t *store;
    rbtoken_generator_t generator;
    bool valid = true;

    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    RBTOKEN_INIT(&generator);
    generator.create = create;
    generator.validate = validate;
    CHECK_OK(rbtoken_store_add_generator(store, RBTOKEN_STR("odd"), &generator, NULL));
    CHECK(rbtoken_store_value_is_valid(store, RBTOKEN_STR("odd"), RBTOKEN_STR("rbp"),
                                       RBTOKEN_STR("x"), &valid, NULL) == RBTOKEN_E_CALLBACK);
    CHECK(!valid);
    rbtoken_store_release(store);
    OK("an answer that is no bool is E_CALLBACK");
}

static void generate(rbtoken_store_t *store, char value[256])
{
    rbtoken_token_t *token;

    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, NULL));
    strcpy(value, rbtoken_token_value(token, NULL));
    rbtoken_token_release(token);
}

/* A fork without handlers: parent and child must still not generate the same value. */
static void a_bare_fork_is_noticed_too(void)
{
    rbtoken_store_t *store;
    char own[256], childs[256] = "";
    int pipes[2], status;
    pid_t child;

    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    generate(store, own);
    CHECK(pipe(pipes) == 0);
    child = (pid_t)syscall(SYS_fork);
    CHECK(child >= 0);
    if (child == 0) {
        generate(store, childs);
        rbtoken_store_release(store);
        _exit(write(pipes[1], childs, sizeof childs) != (ssize_t)sizeof childs);
    }
    generate(store, own);
    CHECK(read(pipes[0], childs, sizeof childs) == (ssize_t)sizeof childs);
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(strncmp(childs, "rbp_", 4) == 0 && strcmp(own, childs) != 0);
    rbtoken_store_release(store);
    OK("a fork without handlers is noticed too");
}

static void what_is_alive_is_never_purged(void)
{
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    uint64_t count = 7;

    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"), NULL, &token, NULL, NULL));
    CHECK_OK(rbtoken_store_purge_tokens(store, INT64_C(253402300799999999), &count, NULL));
    CHECK(count == 0);
    CHECK_OK(rbtoken_store_invalidate_token_by_id(store, rbtoken_token_id(token), NULL, 0, NULL));
    CHECK_OK(rbtoken_store_purge_tokens(store, INT64_C(253402300799999999), &count, NULL));
    CHECK(count == 1);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("what is alive is never purged, and what is dead now is");
}

static void a_redacted_name_has_nothing_of_a_foreign_value(void)
{
    rbtoken_store_t *store;
    rbtoken_token_t *token;
    char value[256];

    memset(value, 'A', 255);
    value[255] = '\0';
    memcpy(value, "x\nFORGED_", 9);
    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    CHECK_OK(rbtoken_store_import_token(store, RBTOKEN_STR("alice"), value, 255, NULL, &token,
                                        NULL));
    CHECK(strcmp(rbtoken_token_redacted(token, NULL), "***#1") == 0);
    rbtoken_token_release(token);
    rbtoken_store_release(store);
    OK("a redacted name has nothing of a foreign value");
}

int main(void)
{
    a_destroy_may_ask_the_store_that_is_closing();
    an_answer_that_is_no_bool_is_told();
    a_bare_fork_is_noticed_too();
    what_is_alive_is_never_purged();
    a_redacted_name_has_nothing_of_a_foreign_value();
    return 0;
}
