/* Nothing is read after a struct or a text: each ends at the start of an unreadable page. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <sys/mman.h>
#include <unistd.h>

static char *page_end;

static void map_pages(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                               -1, 0);

    CHECK(pages != MAP_FAILED);
    page_end = pages + page;
    CHECK(mprotect(page_end, page, PROT_NONE) == 0);
}

/* Returns a copy of `len` bytes that ends at the page's end. */
static void *at_page_end(const void *bytes, size_t len)
{
    return memcpy(page_end - len, bytes, len);
}

static rbtoken_status_t tell_time(void *user_data, int64_t *now_us)
{
    (void)user_data;
    *now_us = 1000000;
    return RBTOKEN_OK;
}

static rbtoken_status_t fill(void *user_data, uint8_t *bytes, size_t len)
{
    static uint32_t next;

    (void)user_data;
    while (len-- > 0)
        *bytes++ = (uint8_t)((++next * 2654435761u) >> 24);
    return RBTOKEN_OK;
}

static void options_of_calls(rbtoken_store_t *store)
{
    rbtoken_client_token_options_t client;
    rbtoken_generate_options_t generate;
    rbtoken_import_options_t import;
    rbtoken_token_filter_t filter;
    rbtoken_token_t *token;
    rbtoken_token_list_t *list;
    rbtoken_error_t *error;

    RBTOKEN_INIT(&client);
    CHECK_OK(rbtoken_store_get_or_create_client_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"),
        (rbtoken_client_token_options_t *)at_page_end(&client, sizeof client), &token, NULL,
        &error));
    rbtoken_token_release(token);
    OK("rbtoken_client_token_options_t");

    RBTOKEN_INIT(&generate);
    CHECK_OK(rbtoken_store_generate_token(
        store, RBTOKEN_STR("alice"),
        (rbtoken_generate_options_t *)at_page_end(&generate, sizeof generate), &token, &error));
    rbtoken_token_release(token);
    OK("rbtoken_generate_options_t");

    RBTOKEN_INIT(&import);
    CHECK_OK(rbtoken_store_import_token(
        store, RBTOKEN_STR("alice"), RBTOKEN_STR("value"),
        (rbtoken_import_options_t *)at_page_end(&import, sizeof import), &token, &error));
    rbtoken_token_release(token);
    OK("rbtoken_import_options_t");

    RBTOKEN_INIT(&filter);
    CHECK_OK(rbtoken_store_list_tokens(
        store, (rbtoken_token_filter_t *)at_page_end(&filter, sizeof filter), &list, &error));
    CHECK(rbtoken_token_list_count(list) == 3);
    rbtoken_token_list_free(list);
    OK("rbtoken_token_filter_t");
}

static void write_message(void *user_data, int32_t level, const char *target, const char *message)
{
    (void)user_data, (void)level, (void)target, (void)message;
}

static void open_with(const rbtoken_store_options_t *options)
{
    rbtoken_store_t *store;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_open(options, &store, &error));
    rbtoken_store_release(store);
}

static void options_of_stores(void)
{
    rbtoken_store_options_t options;
    rbtoken_clock_t own_clock;
    rbtoken_entropy_t entropy;
    rbtoken_log_t own_log;

    RBTOKEN_INIT(&options);
    open_with((rbtoken_store_options_t *)at_page_end(&options, sizeof options));
    OK("rbtoken_store_options_t");

    RBTOKEN_INIT(&own_clock);
    own_clock.now = tell_time;
    options.clock = (rbtoken_clock_t *)at_page_end(&own_clock, sizeof own_clock);
    open_with(&options);
    options.clock = NULL;
    OK("rbtoken_clock_t");

    RBTOKEN_INIT(&entropy);
    entropy.fill = fill;
    options.entropy = (rbtoken_entropy_t *)at_page_end(&entropy, sizeof entropy);
    open_with(&options);
    options.entropy = NULL;
    OK("rbtoken_entropy_t");

    RBTOKEN_INIT(&own_log);
    own_log.log = write_message;
    options.log = (rbtoken_log_t *)at_page_end(&own_log, sizeof own_log);
    open_with(&options);
    OK("rbtoken_log_t");
}

/* Of a struct with an unpublished size, only the size is read. */
static void a_size_alone(rbtoken_store_t *store)
{
    size_t size;
    size_t sizes[] = {0, 1, 8, 16, 4097, SIZE_MAX};
    rbtoken_token_t *token;
    size_t i;

    for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size = sizes[i];
        CHECK(rbtoken_store_get_or_create_client_token(
                  store, RBTOKEN_STR("alice"), RBTOKEN_STR("RBTools"),
                  (rbtoken_client_token_options_t *)at_page_end(&size, sizeof size), &token, NULL,
                  NULL) == RBTOKEN_E_STRUCT_SIZE);
        CHECK(token == NULL);
    }
    OK("a wrong struct_size");
}

/* A longer struct of a newer header is read to its end and not beyond. */
static void a_longer_struct(rbtoken_store_t *store)
{
    struct longer {
        rbtoken_client_token_options_t options;
        char tail[24];
    } longer;
    struct longer *placed;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    memset(&longer, 0, sizeof longer);
    longer.options.struct_size = sizeof longer;
    placed = (struct longer *)at_page_end(&longer, sizeof longer);
    CHECK_OK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                      RBTOKEN_STR("RBTools"), &placed->options,
                                                      &token, NULL, &error));
    rbtoken_token_release(token);

    placed->tail[sizeof placed->tail - 1] = 1;
    CHECK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("alice"),
                                                   RBTOKEN_STR("RBTools"), &placed->options, &token,
                                                   NULL, NULL) == RBTOKEN_E_UNSUPPORTED_OPTION);
    OK("a longer struct");
}

static void texts(rbtoken_store_t *store)
{
    rbtoken_client_token_options_t options;
    rbtoken_token_t *token;
    rbtoken_error_t *error;

    CHECK_OK(rbtoken_store_get_or_create_client_token(store, (char *)at_page_end("alice", 5), 5,
                                                      RBTOKEN_STR("RBTools"), NULL, &token, NULL,
                                                      &error));
    rbtoken_token_release(token);
    OK("a text with a length");

    CHECK_OK(rbtoken_store_get_or_create_client_token(store,
                                                      RBTOKEN_STR((char *)at_page_end("alice", 6)),
                                                      RBTOKEN_STR("RBTools"), NULL, &token, NULL,
                                                      &error));
    rbtoken_token_release(token);
    OK("a text with a NUL");

    RBTOKEN_INIT(&options);
    options.default_policy = (char *)at_page_end("{\"resources\"", 12);
    options.default_policy_len = 12;
    CHECK(rbtoken_store_get_or_create_client_token(store, RBTOKEN_STR("bob"),
                                                   RBTOKEN_STR("RBTools"), &options, &token, NULL,
                                                   NULL) == RBTOKEN_E_JSON_SYNTAX);
    OK("a document that breaks off");
}

int main(void)
{
    rbtoken_store_t *store;
    rbtoken_error_t *error;

    map_pages();
    CHECK_OK(rbtoken_store_open(NULL, &store, &error));
    options_of_calls(store);
    options_of_stores();
    a_size_alone(store);
    a_longer_struct(store);
    texts(store);
    rbtoken_store_release(store);
    return 0;
}
