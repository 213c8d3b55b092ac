/* What tests/it/evolution.rs generates stands on this: a struct at the end of a page behind which
 * nothing may be read or written, with bytes before it that must stay. */
#ifndef EVOLUTION_H
#define EVOLUTION_H

#define _GNU_SOURCE
#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static rbtoken_store_t *store, *other;
static rbtoken_token_t *token;
static rbtoken_token_list_t *list;
static rbtoken_service_account_t *account, *bot;
static rbtoken_error_t *error;
static rbtoken_verdict_t verdict;
static uint64_t hooks_id;
static int64_t id;
static char value[64];
static int values;
static unsigned char *page, *page_end;

static rbtoken_status_t now(void *user_data, int64_t *now_us)
{
    (void)user_data;
    *now_us = 1700000000000000;
    return RBTOKEN_OK;
}

static rbtoken_status_t fill(void *user_data, uint8_t *bytes, size_t len)
{
    (void)user_data;
    memset(bytes, 7, len);
    return RBTOKEN_OK;
}

static rbtoken_status_t create(void *user_data, const char *token_type, uint32_t attempt,
                               char *text, size_t capacity, size_t *text_len)
{
    (void)user_data, (void)token_type, (void)attempt, (void)text, (void)capacity;
    *text_len = 0;
    return RBTOKEN_OK;
}

static rbtoken_status_t validate(void *user_data, const char *token_type, const char *text,
                                 size_t text_len, bool *valid)
{
    (void)user_data, (void)token_type, (void)text, (void)text_len;
    *valid = true;
    return RBTOKEN_OK;
}

static rbtoken_status_t close_store(rbtoken_status_t status)
{
    rbtoken_store_release(other);
    return status;
}

static rbtoken_status_t drop_token(rbtoken_status_t status)
{
    rbtoken_token_release(token);
    return status;
}

static rbtoken_status_t free_list(rbtoken_status_t status)
{
    rbtoken_token_list_free(list);
    return status;
}

static rbtoken_status_t free_account(rbtoken_status_t status)
{
    rbtoken_service_account_free(account);
    return status;
}

static rbtoken_status_t with_clock(const rbtoken_clock_t *clock)
{
    rbtoken_store_options_t options;

    RBTOKEN_INIT(&options);
    options.clock = clock;
    return close_store(rbtoken_store_open(&options, &other, NULL));
}

static rbtoken_status_t with_entropy(const rbtoken_entropy_t *entropy)
{
    rbtoken_store_options_t options;

    RBTOKEN_INIT(&options);
    options.entropy = entropy;
    return close_store(rbtoken_store_open(&options, &other, NULL));
}

static rbtoken_status_t progress(void *user_data, uint64_t done, uint64_t total)
{
    (void)user_data, (void)done, (void)total;
    return RBTOKEN_OK;
}

static rbtoken_status_t with_progress(const rbtoken_progress_t *told)
{
    char path[64];
    rbtoken_status_t status;

    snprintf(path, sizeof path, "/tmp/rbtoken-evolution-%ld", (long)getpid());
    unlink(path);
    status = rbtoken_store_export_file(store, RBTOKEN_STR(path), told, NULL, NULL);
    unlink(path);
    return status;
}

static void set_up(void)
{
    rbtoken_service_account_options_t options;
    size_t size = (size_t)sysconf(_SC_PAGESIZE);

    page = (unsigned char *)mmap(NULL, 3 * size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    page_end = page + 2 * size;
    CHECK(mprotect(page_end, size, PROT_NONE) == 0);
    CHECK_OK(rbtoken_store_open(NULL, &store, NULL));
    CHECK_OK(rbtoken_store_generate_token(store, RBTOKEN_STR("alice"), NULL, &token, NULL));
    id = rbtoken_token_id(token);
    rbtoken_token_release(token);
    RBTOKEN_INIT(&options);
    RBTOKEN_SET_STR(&options, id, "bot");
    CHECK_OK(rbtoken_service_account_new(&options, &bot, NULL));
}

static void tear_down(void)
{
    rbtoken_service_account_free(bot);
    rbtoken_store_release(store);
}

/* Calls with a struct that claims `claimed` bytes and has `size` of them, all before the end of the
 * page; `tail` is written to the last of them if it is not 0. */
static rbtoken_status_t try_size(size_t known, size_t size, size_t claimed, unsigned char tail,
                                 void (*fill_in)(void *), rbtoken_status_t (*call)(void *))
{
    unsigned char *memory = page_end - size,
                  *copy = (unsigned char *)malloc((size_t)(page_end - page));
    rbtoken_status_t status;

    CHECK(copy != NULL);
    memset(page, 0xa5, (size_t)(page_end - page));
    memset(memory, 0, size);
    if (size >= known)
        fill_in(memory);
    if (size >= sizeof claimed)
        memcpy(memory, &claimed, sizeof claimed);
    if (tail != 0)
        page_end[-1] = tail;
    memcpy(copy, page, (size_t)(page_end - page));
    status = call(memory);
    CHECK(memcmp(copy, page, (size_t)(page_end - page)) == 0);
    free(copy);
    return status;
}

static void evolve(const char *name, size_t known, void (*fill_in)(void *),
                   rbtoken_status_t (*call)(void *))
{
    size_t size;

    CHECK_OK(try_size(known, known, known, 0, fill_in, call));
    /* A newer header: longer by fields that are not used, and then by one that is. */
    for (size = known + 1; size <= known + 64; size++) {
        CHECK_OK(try_size(known, size, size, 0, fill_in, call));
        CHECK(try_size(known, size, size, 1, fill_in, call) == RBTOKEN_E_UNSUPPORTED_OPTION);
    }
    CHECK_OK(try_size(known, 4096, 4096, 0, fill_in, call));
    /* Sizes that no header had; of a struct that claims one, the size alone is read. */
    for (size = 0; size < known; size++)
        CHECK(try_size(known, size < sizeof size ? sizeof size : size, size, 0, fill_in, call) ==
              RBTOKEN_E_STRUCT_SIZE);
    CHECK(try_size(known, sizeof size, 4097, 0, fill_in, call) == RBTOKEN_E_STRUCT_SIZE);
    CHECK(try_size(known, sizeof size, SIZE_MAX, 0, fill_in, call) == RBTOKEN_E_STRUCT_SIZE);
    printf("ok %s: every size\n", name);
}

#endif
