/* Counts the token values in the memory of the process after everything is released.
 *
 *     memory_scan memory FOLDER          a store in memory, with export, import, backup
 *     memory_scan file FOLDER            the same with a store in a file, opened again
 *     memory_scan database LOCATION      Review Board's database, with its user alice
 *
 * Prints "N of 20 values are left" for the worst step. The program keeps no copy of a value: it
 * stores parts of them with each byte changed, and compares memory in the same form.
 */
#define _GNU_SOURCE
#include "../check.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUES = 20, START = 100, LEN = 32, MASK = 0xa5 };

static rbtoken_error_t *error;
static unsigned char needles[VALUES][LEN];
static int known, most_left;

static void remember(const char *value)
{
    const volatile char *from = value + START;
    int i;

    CHECK(known < VALUES);
    for (i = 0; i < LEN; i++)
        needles[known][i] = (unsigned char)((unsigned char)from[i] ^ MASK);
    known++;
}

/* Not with the C library, which may leave compared bytes in saved registers. */
static bool is_at(const volatile unsigned char *place, const unsigned char *needle)
{
    int i;

    for (i = 0; i < LEN; i++)
        if ((place[i] ^ MASK) != needle[i])
            return false;
    return true;
}

static void scan_region(const unsigned char *start, const unsigned char *end, bool found[VALUES],
                        const char *name)
{
    static unsigned char first[256];
    const volatile unsigned char *place;
    int i;

    memset(first, 0, sizeof first);
    for (i = 0; i < VALUES; i++)
        first[needles[i][0]] = 1;
    for (place = start; place + LEN <= end; place++) {
        if (!first[*place ^ MASK])
            continue;
        for (i = 0; i < VALUES; i++)
            if (is_at(place, needles[i])) {
                if (getenv("RBTOKEN_SCAN_VERBOSE"))
                    fprintf(stderr, "value %d in %s at offset %td\n", i, name,
                            (const unsigned char *)place - start);
                found[i] = true;
            }
    }
}

/* Reads memory in place: a copy would contain the values. */
static int values_left(void)
{
    bool found[VALUES] = {false};
    char line[4096 + 256];
    FILE *maps = fopen("/proc/self/maps", "r");
    int count = 0, i;

    CHECK(known == VALUES && maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        uintptr_t start, end;
        char access[5];

        CHECK(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, access) == 3);
        if (access[0] == 'r' && access[1] == 'w')
            scan_region((const unsigned char *)start, (const unsigned char *)end, found,
                        strchr(line, '/')   ? "a mapped file"
                        : strchr(line, '[') ? strchr(line, '[')
                                            : "a mapping");
    }
    fclose(maps);
    for (i = 0; i < VALUES; i++)
        count += found[i];
    return count;
}

/* Nobody holds a value now. Checked after each step, since the next one reuses freed memory. */
static void scan(void)
{
    int left = values_left();

    if (left > most_left)
        most_left = left;
}

static rbtoken_store_t *open_store(const char *location)
{
    rbtoken_store_options_t options;
    rbtoken_store_t *store;

    RBTOKEN_INIT(&options);
    if (location != NULL)
        RBTOKEN_SET_STR(&options, location, location);
    CHECK_OK(rbtoken_store_open(&options, &store, &error));
    return store;
}

/* A value of the host's generator, part of which must be escaped in JSON. */
static void import_odd(rbtoken_store_t *store, int number)
{
    char value[256];
    volatile char *wiped = value;
    rbtoken_token_t *token;
    size_t i;

    /* A scrambled counter. Not random, so that it differs from any text in the library. */
    for (i = 0; i < sizeof value - 1; i++)
        value[i] = (char)('!' + (i * i * 7 + i * 31 + (size_t)number * 13 + i / 5) % 90);
    value[sizeof value - 1] = '\0';
    CHECK_OK(rbtoken_store_import_token(store, RBTOKEN_STR("alice"), RBTOKEN_STR(value), NULL,
                                        &token, &error));
    for (i = 0; i < sizeof value; i++)
        wiped[i] = 0;
    remember(rbtoken_token_value(token, NULL));
    rbtoken_token_release(token);
}

static void create(rbtoken_store_t *store, bool with_odd)
{
    rbtoken_token_t *token;
    int i;

    for (i = 0; i < VALUES; i++) {
        char client[32];

        if (with_odd && i % 4 == 3) {
            import_odd(store, i);
            continue;
        }
        snprintf(client, sizeof client, "client %d", i);
        CHECK_OK(rbtoken_store_get_or_create_client_token(
            store, RBTOKEN_STR("alice"), RBTOKEN_STR(client), NULL, &token, NULL, &error));
        remember(rbtoken_token_value(token, NULL));
        rbtoken_token_release(token);
    }
}

/* Makes every call that takes or returns a value. */
static void use(rbtoken_store_t *store)
{
    rbtoken_token_list_t *list;
    rbtoken_token_filter_t filter;
    rbtoken_token_update_t update;
    size_t i, count;

    RBTOKEN_INIT(&filter);
    CHECK_OK(rbtoken_store_list_tokens(store, &filter, &list, &error));
    count = rbtoken_token_list_count(list);
    for (i = 0; i < count; i++) {
        const rbtoken_token_t *token = rbtoken_token_list_get(list, i);
        const char *value = rbtoken_token_value(token, NULL);
        rbtoken_token_t *other;
        rbtoken_buffer_t *json;
        rbtoken_verdict_t verdict;

        CHECK_OK(rbtoken_store_authenticate(store, RBTOKEN_STR(value), NULL, &verdict, &other, NULL,
                                            &error));
        rbtoken_token_release(other);
        CHECK_OK(rbtoken_store_find_token(store, RBTOKEN_STR(value), &other, &error));
        CHECK_OK(rbtoken_token_to_json(other, 0, RBTOKEN_JSON_WITH_VALUE, &json, &error));
        rbtoken_buffer_free(json);
        rbtoken_token_release(other);
        RBTOKEN_INIT(&update);
        update.expires_mode = RBTOKEN_FIELD_SET;
        update.expires_at_us = INT64_C(4000000000000000);
        CHECK_OK(rbtoken_store_update_token(store, rbtoken_token_id(token), &update, &other,
                                            &error));
        rbtoken_token_release(other);
        if (i % 5 == 4)
            CHECK_OK(rbtoken_store_delete_token(store, rbtoken_token_id(token), &error));
        else if (i % 5 == 3)
            CHECK_OK(rbtoken_store_invalidate_token(store, RBTOKEN_STR(value), NULL, 0, &error));
    }
    rbtoken_token_list_free(list);
}

static void import_from(const char *path, bool fails)
{
    rbtoken_store_t *store = open_store(NULL);
    uint64_t count;
    rbtoken_status_t status = rbtoken_store_import_file(store, RBTOKEN_STR(path), NULL, &count,
                                                        &error);

    CHECK(fails == (status != RBTOKEN_OK));
    rbtoken_error_free(error);
    rbtoken_store_release(store);
    scan();
}

/* Imports that fail: the file is truncated, or a line is damaged after its value. */
static void import_damaged(const char *path)
{
    /* Ends the string and appends an invalid number. */
    static const char END[] = "\", \"n\": 1e999}\n";
    struct stat whole;
    int file;

    CHECK(stat(path, &whole) == 0);
    CHECK(truncate(path, whole.st_size - 2) == 0);
    import_from(path, true);
    file = open(path, O_WRONLY);
    CHECK(pwrite(file, END, sizeof END - 1, whole.st_size - 3) == sizeof END - 1);
    CHECK(close(file) == 0);
    import_from(path, true);
}

int main(int argc, char **arguments)
{
    bool is_database, is_file;
    char path[4096], lines[4200], backup[4200];
    rbtoken_store_t *store;

    CHECK(argc == 3);
    is_file = strcmp(arguments[1], "file") == 0;
    is_database = strcmp(arguments[1], "database") == 0;
    snprintf(path, sizeof path, "%s%s", arguments[2], is_database ? "" : "/tokens.db");
    snprintf(lines, sizeof lines, "%s/export.jsonl", arguments[2]);
    snprintf(backup, sizeof backup, "%s/backup.db", arguments[2]);

    store = open_store(is_file || is_database ? path : NULL);
    create(store, !is_database);
    /* The scan finds existing values. */
    CHECK(is_database || values_left() == VALUES);
    if (!is_database) {
        CHECK_OK(rbtoken_store_export_file(store, RBTOKEN_STR(lines), NULL, NULL, &error));
        CHECK_OK(rbtoken_store_backup(store, RBTOKEN_STR(backup), &error));
    }
    if (!is_file && !is_database)
        use(store);
    rbtoken_store_release(store);
    scan();
    if (!is_database) {
        import_from(lines, false);
        import_damaged(lines);
    }
    if (is_file || is_database) {
        store = open_store(path);
        use(store);
        CHECK_OK(rbtoken_store_flush(store, &error));
        rbtoken_store_release(store);
        scan();
    }
    printf("%d of %d values are left\n", most_left, VALUES);
    return 0;
}
